"""`doctor`: what it sees, and what it says to do."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from archiver.operate.doctor import _file_system
from tests.fixtures.city import Town


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    return Town(tmp_path, monkeypatch)


def findings(town: Town) -> dict[str, tuple[str, str]]:
    """(level, message and action) by subject; of several findings on a subject the worst."""
    said = town.run("doctor", "--json")
    rank = ["ok", "note", "warning", "failed"]
    found: dict[str, tuple[str, str]] = {}
    for one in said.data["findings"]:
        if rank.index(one["level"]) >= rank.index(found.get(one["subject"], ("ok", ""))[0]):
            found[one["subject"]] = (one["level"], f"{one['message']} {one['action']}")
    assert said.code == (1 if "failed" in {level for level, _text in found.values()} else 0)
    return found


def test_a_new_archive_gets_the_advice_that_it_needs(town: Town) -> None:
    """The key beside the facts, never verified, never backed up, made for tests: warnings; the machine: ok."""
    found = findings(town)
    assert found["key"][0] == "warning"
    assert "beside the facts" in found["key"][1]
    assert found["clock"][0] == found["last verify"][0] == found["last backup"][0] == "warning"
    assert found["guards"][0] == found["database"][0] == found["index"][0] == "ok"
    assert found["index encryption"][0] == "note"
    assert "cannot be seen" in found["index encryption"][1]
    assert {"python", "file system", "disk space", "attachments", "scans"} <= set(found)


def test_a_key_elsewhere_and_a_fresh_verification_are_fine(town: Town, tmp_path: Path) -> None:
    """Once the key lies elsewhere and the archive was verified, both are ok; days later it asks again."""
    town.ok("key", "rotate", "--to", str(tmp_path / "usb" / "city.key"))
    town.ok("verify")
    found = findings(town)
    assert found["key"][0] == found["last verify"][0] == "ok"
    town.at("2026-03-25T12:00:00-05:00")
    assert findings(town)["last verify"][0] == "warning"


def test_a_key_that_others_may_read_fails(town: Town) -> None:
    """A key file that is not private is told with the commands that help."""
    (town.folder / "keys" / "master.key").chmod(0o644)
    level, text = findings(town)["key"]
    assert level == "failed"
    assert "chmod 600" in text
    assert "key rotate" in text


def test_open_folders_dropped_guards_stuck_holds_and_a_late_index_are_seen(town: Town) -> None:
    """Each is named with its number and what to do."""
    town.folder.chmod(0o755)
    with closing(sqlite3.connect(town.folder / "archive.db")) as database:
        database.execute("DROP TRIGGER guard_record_delete")
        database.execute(
            "INSERT INTO hold (kind, scope, state, matter, placed_at, placed_by)"
            " VALUES ('litigation', 'members', 'placing', 'm', 1, 1)"
        )
        database.execute("INSERT INTO outbox (kind, records, written_at) VALUES ('index', '[[1,1]]', 1)")
        database.commit()
    found = findings(town)
    assert found["permissions"][0] == "warning"
    assert found["guards"][0] == "failed"
    assert found["holds"] == ("warning", found["holds"][1])
    assert "H1" in found["holds"][1]
    assert found["index"][0] == "warning"


def test_network_file_systems_are_known_by_their_mount(tmp_path: Path) -> None:
    """The innermost mount point counts, also one with a space in its name."""
    mounts = tmp_path / "mounts"
    inner = tmp_path / "with space"
    inner.mkdir()
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nserver:/x {str(inner).replace(' ', chr(92) + '040')} nfs4 rw 0 0\n")
    assert _file_system(inner, mounts) == "nfs4"
    assert _file_system(tmp_path, mounts) == "ext4"
    assert _file_system(tmp_path, tmp_path / "none") == ""


def test_doctor_says_it_in_lines_for_people(town: Town) -> None:
    """Without --json each finding is one line that begins with its level."""
    said = town.run("doctor")
    assert said.code == 0
    assert all(line.split()[0] in ("ok", "note", "warning", "failed") for line in said.out.splitlines())
