"""Destroyed stays destroyed: what was purged is not collected again, whatever its source still shows (promise 14)."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import Page
from schema.item import Moment
from tests.fixtures.due_town import DAY, LONG_AGO, DueTown
from tests.fixtures.generated import mailbox, sms_backup
from tests.fixtures.replay import post

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("ARCHIVER_SHARED", ROOT.parent / "shared")) / "data"
RULES = '[[rule]]\nkind = ["message", "email", "call", "post"]\nseries = "short"\nreason = "Sample."\n'


def _town(folder: Path, monkeypatch: pytest.MonkeyPatch) -> DueTown:
    """Messages, mails and posts are kept for a year here; it is 2030, so that all samples are due."""
    town = DueTown(folder, monkeypatch)
    town.at("2030-03-10T12:00:00-05:00")
    (folder / "rules.toml").write_text(RULES)
    town.ok("schedule", "import", str(folder / "rules.toml"))
    return town


def _purged(town: DueTown) -> int:
    """Destroy all that is due; returns how many records are living still."""
    count = town.ok("dispose", "propose", "short")["records"]
    assert town.approve().code == 0
    town.at("2030-03-12T12:00:00-05:00")
    town.ok("dispose", "execute", "D1", "--expect-count", str(count), "--clock-right", "the sample's own clock")
    assert town.rows("SELECT count(*) FROM tombstone") == [(count,)]
    return int(town.rows("SELECT count(*) FROM record WHERE destroyed_at IS NULL")[0][0])


def _again(town: DueTown, records: int) -> Any:
    """Collect once more: nothing is new, and not one record has a key again that lost it."""
    receipt = town.collect("phone")
    assert (receipt["new_records"], receipt["new_versions"]) == (0, 0), receipt
    assert town.rows("SELECT count(*) FROM record") == [(records,)]
    left = "SELECT count(*) FROM owner_key k JOIN tombstone t ON k.owner_id = t.record_id WHERE k.owner_kind = 'record'"
    assert town.rows(left) == [(0,)]
    return receipt


def _stays_away(town: DueTown, connector: str, path: Path, renewed: Callable[[], None]) -> None:
    """Three collections, a full re-read and a re-import of the same export bring back nothing."""
    town.ok("source", "add", "phone", connector, "--set", f"path={path}", "--class", "public")
    first = town.collect("phone")
    assert first["new_records"] > 0
    living = _purged(town)
    records = first["new_records"]
    for day in (13, 14, 15):
        town.at(f"2030-03-{day}T12:00:00-05:00")
        _again(town, records)
    town.act("DELETE FROM cursor")
    receipt = _again(town, records)
    assert receipt["destroyed_earlier"] == records - living, "read again wholly, and each recognised"
    renewed()
    town.at("2030-03-16T12:00:00-05:00")
    _again(town, records)
    seen = town.rows("SELECT count(*) FROM tombstone WHERE seen_again_at IS NOT NULL")
    assert seen == [(records - living,)], "each is known to be at its source still"
    one = town.rows("SELECT min(record_id) FROM tombstone")[0][0]
    assert "Still at its source" in town.run("record", "show", f"R{one}").out
    assert town.run("verify").code == 0


def test_a_phones_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The phone's next backup repeats all earlier messages, under another file name: none comes back."""
    town = _town(tmp_path, monkeypatch)
    folder = tmp_path / "backups"
    folder.mkdir()
    path = sms_backup(folder / "sms-20300301.xml", 60)
    _stays_away(town, "sms_backup", folder, lambda: shutil.copyfile(path, folder / "sms-20300316.xml") and None)


def test_a_mailbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same mailbox is exported once more into its place: none of its mails comes back."""
    town = _town(tmp_path, monkeypatch)
    path = mailbox(tmp_path / "clerk.mbox", 30)
    content = path.read_bytes()

    def exported_again() -> None:
        path.unlink()
        path.write_bytes(content)
        os.utime(path, (1_900_000_000, 1_900_000_000))

    _stays_away(town, "mail_files", path, exported_again)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared sample data are not here (ARCHIVER_SHARED)")
@pytest.mark.parametrize(("connector", "sample"), [("mail_files", "mail/talon"), ("sms_backup", "sms")])
def test_real_exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connector: str, sample: str) -> None:
    """The same with real mails and real backups."""
    town = _town(tmp_path, monkeypatch)
    copy = tmp_path / "export"
    shutil.copytree(SHARED / sample, copy)

    def exported_again() -> None:
        shutil.rmtree(copy)
        shutil.copytree(SHARED / sample, copy)
        for path in copy.rglob("*"):
            os.utime(path, (1_900_000_000, 1_900_000_000))

    _stays_away(town, connector, copy, exported_again)


def test_an_edit_afterwards_is_shown_to_a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Edited at its source after its destruction: a warning names the record, once for each edit; nothing is read."""
    town = DueTown(tmp_path, monkeypatch)
    early = Moment(LONG_AGO + DAY)
    town.items([post("a", "old", at=LONG_AGO), post("b", "edited before", at=LONG_AGO, edited=early)])
    town.approved()
    town.at("2026-03-12T12:00:00-05:00")
    town.ok("dispose", "execute", "D1", "--expect-count", "2", "--clock-right", "sample")

    def shown(at: str, edited: str | None) -> Any:
        town.at(at)
        moment = None if edited is None else Moment(_at(edited))
        again = post("a", f"edited {edited} zqeditedzq", at=LONG_AGO, edited=moment)
        town.script("web", Page(items=(again, post("b", "edited before", at=LONG_AGO, edited=early))))
        receipt = town.collect("web")
        assert (receipt["new_records"], receipt["new_versions"], receipt["destroyed_earlier"]) == (0, 0, 2)
        return receipt["warnings"]

    assert shown("2026-03-13T12:00:00-05:00", None) == []
    (warning,) = shown("2026-03-14T12:00:00-05:00", "2026-03-14T08:00:00-05:00")
    assert "R1" in warning and "R2" not in warning
    assert shown("2026-03-15T12:00:00-05:00", "2026-03-14T08:00:00-05:00") == []
    assert len(shown("2026-03-16T12:00:00-05:00", "2026-03-16T08:00:00-05:00")) == 1
    stays = town.ok("record", "show", "R1")["destroyed"]
    assert stays["edited_again_at"] == "2026-03-16T17:00:00Z" and stays["seen_again_at"]
    assert "Edited at its source since" in town.run("record", "show", "R1").out
    assert town.ok("record", "show", "R2")["destroyed"]["edited_again_at"] is None
    assert town.files_with("zqeditedzq") == []


def _at(moment: str) -> int:
    from datetime import datetime

    return round(datetime.fromisoformat(moment).timestamp() * 1000)
