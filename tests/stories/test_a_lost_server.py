"""Story 13, a lost server: restored from a backup of before a purge, with the newer list of a later one and without."""

import shutil
from pathlib import Path

import pytest

from connectors.contract import Page
from tests.fixtures.backups import Hall
from tests.fixtures.holding import destroyable
from tests.fixtures.officers import SERIES, Office, notice

PURGED = (1, 2, 3, 4, 5)
RETAINED = 6
DUE, RECENT = range(1, 7), range(7, 11)
LATE = 11


class Lost(Office):
    """Its server is gone; what is left are its backups, and the master key on a disk of its own."""

    old: Path
    newer: Path
    key: Path

    def lose(self) -> None:
        """Approve, back up, purge, hold, back up, lose everything."""
        self.notices(*(notice(one) for one in DUE), *(notice(one, due=False) for one in RECENT))
        assert self.ok("dispose", "propose", SERIES)["records"] == len(DUE)
        assert self.approve().code == 0
        self.old = self.backup()
        self.day(11)
        late = notice(LATE, due=False)
        self.script("web", Page(items=(*(notice(one, due=one in DUE) for one in range(1, LATE)), late)))
        self.ok("collect", "--all")
        self.ok("dispose", "answer", "D1", "retain", "--records", f"R{RETAINED}", "--reason", "still needed")
        assert self.executed("D1", len(PURGED))["number"] == "C2026-1"
        self.day(11, 14)
        placed = ("--kind", "litigation", "--matter", "Doe v. City", "--reason", "suit filed")
        assert self.ok("hold", "place", *placed, "--records", f"R{RETAINED}")["id"] == "H1"
        self.newer = self.backup()
        self.key = self.folder.parent / "usb" / "city.key"
        self.key.parent.mkdir()
        shutil.copyfile(self.folder / "keys" / "master.key", self.key)
        shutil.rmtree(self.folder)
        self.day(12)

    def again(self, *options: str) -> Hall:
        """Restore the older backup on another server, make its index, verify it."""
        there = self.restored(self.old, "--key", str(self.key), *options)
        assert there.ok("index", "rebuild")["outcome"] == "ok"
        checked = there.ok("verify")
        assert (checked["outcome"], checked["problems"]) == ("ok", []), checked
        return there


@pytest.fixture
def lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lost:
    """Six due notices, of which five are purged and one is held since; four recent ones."""
    office = Lost(tmp_path, monkeypatch)
    office.lose()
    return office


def found(there: Hall) -> set[int]:
    """The notices that a search finds, by their own number."""
    return {one for one in range(1, LATE + 1) if there.ok("search", f"notice{one}word")["count"]}


def nothing_goes(there: Hall) -> None:
    """Execution is refused until the restore is confirmed, which is named; the database itself refuses too."""
    said = there.run("dispose", "execute", "D1", "--expect-count", "6")
    assert said.code == 4 and "archiver restore confirm" in said.err and "restored" in said.err
    assert len(said.err.splitlines()) == 1
    assert any("restored" in one["reason"] for one in there.ok("dispose", "execute", "D1")["refusals"])
    assert not any(destroyable(there, one) for one in (*DUE, *RECENT) if one in found(there))


def purged(lost: Lost, there: Hall, count: int) -> str:
    """Propose what is due, approve it, execute it the day after; returns the certificate's number."""
    proposed = there.ok("dispose", "propose", SERIES)
    assert proposed["records"] == count
    assert there.with_password("dispose", "approve", proposed["id"], "--login", "bea").code == 0
    lost.day(14)
    execute = ("dispose", "execute", proposed["id"], "--expect-count", str(count))
    said = there.run(*execute)
    assert said.code == 4 and "--clock-right" in said.err, "the log stood still for days"
    return str(there.ok(*execute, "--clock-right", "compared with time.gov")["certificate"])


def test_restored_with_the_newer_list(lost: Lost) -> None:
    """Destroyed stays destroyed, the hold of after the backup holds, nothing goes before a person has confirmed."""
    there = lost.again("--newer-list", str(lost.newer / "list.jsonl"))
    assert found(there) == {RETAINED, *RECENT}
    for one in PURGED:
        stays = there.ok("record", "show", f"R{one}")
        assert stays["destroyed_at"] == "2026-03-11T17:00:00Z" and stays["destroyed"]["certificate"] == "C2026-1"
        assert there.files_with(f"notice{one}word") == []
    assert there.number("SELECT count(*) FROM owner_key WHERE owner_kind = 'record'") == len(DUE) + 4 - len(PURGED)
    nothing_goes(there)
    shown = there.ok("restore", "confirm")["restores"][0]
    assert (shown["stay_destroyed"], [one["matter"] for one in shown["holds"]]) == (5, ["Doe v. City"])
    there.ok("restore", "confirm", "--reason", "compared with the list of 11 March")

    assert there.ok("dispose", "show", "D1")["state"] == "withdrawn", "an approval of before the loss counts no more"
    assert there.run("dispose", "execute", "D1", "--expect-count", "6", "--clock-right", "checked").code == 4
    assert not destroyable(there, RETAINED), "the hold that only the newer list knew"
    said = there.run("dispose", "propose", SERIES)
    assert said.code == 4 and "1 held" in said.err

    receipt = there.collect("web")
    assert (receipt["new_records"], receipt["destroyed_earlier"]) == (1, len(PURGED))
    assert found(there) == {RETAINED, *RECENT, LATE}, "what was captured after the backup is captured again"
    there.ok("hold", "lift", "H1", "--reason", "settled")
    lost.day(13)
    assert purged(lost, there, 1) == "C2026-2", "C2026-1 was given on the lost server, and is not given twice"
    assert there.ok("verify")["problems"] == []


def test_restored_without_the_newer_list(lost: Lost) -> None:
    """What was destroyed since the backup is back, and nobody is told otherwise; still nothing goes unconfirmed."""
    there = lost.again()
    assert found(there) == {*DUE, *RECENT}
    nothing_goes(there)
    said = there.run("restore", "confirm")
    assert "known up to 2026-03-10 12:00" in said.out and "later ones are not" in said.out
    assert "No live hold" in said.out
    there.ok("restore", "confirm", "--reason", "compared with the certificates on paper")
    placed = ("--kind", "litigation", "--matter", "Doe v. City", "--reason", "placed again", "--records")
    there.ok("hold", "place", *placed, f"R{RETAINED}")
    assert there.ok("dispose", "show", "D1")["state"] == "withdrawn", "what was answered since the backup is not known"
    purged(lost, there, len(PURGED))
    assert found(there) == {RETAINED, *RECENT}
    assert there.ok("verify")["problems"] == []
