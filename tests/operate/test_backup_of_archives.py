"""Backups: taken while the archive is in use, whole or not there, keys apart from facts, removed when they expire."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from archiver.access import current_actor
from archiver.errors import Refused
from archiver.operate.backup import backup_archive
from archiver.operate.backup_folder import finished
from connectors.contract import Page
from schema.item import Attachment
from tests.fixtures.backups import Hall, bytes_below
from tests.fixtures.replay import post

LARGE = Attachment("large.bin", "application/octet-stream", os.urandom(200_000))
ITEMS = (*(post(f"p{number}", f"text number {number}") for number in range(8)), post("big", "b", attachments=(LARGE,)))


@pytest.fixture(params=["sqlite", "postgresql"])
def hall(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hall:
    """Nine posts, one with a large attachment, a hold and a request, on either database."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    return furnished(Hall(tmp_path, monkeypatch, database=url))


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hall:
    """The same on SQLite only."""
    return furnished(Hall(tmp_path, monkeypatch))


def furnished(hall: Hall) -> Hall:
    """Collect, hold and open a request."""
    hall.source("wire", Page(ITEMS))
    hall.collect()
    hold = ("--kind", "litigation", "--matter", "Smith v. City", "--reason", "a suit", "--records", "R1,R9")
    hall.ok("hold", "place", *hold)
    hall.ok("request", "open", "--summary", "everything about plows")
    return hall


def shown(hall: Hall) -> list[object]:
    """What people see of it."""
    return [
        hall.ok("hold", "list"),
        hall.ok("request", "list"),
        hall.ok("source", "list"),
        hall.ok("person", "list"),
        hall.ok("record", "show", "R3", "--custody"),
        hall.ok("record", "show", "R9"),
    ]


def test_a_restored_archive_is_the_one_that_was_backed_up(hall: Hall) -> None:
    """Content, holds, requests, sources and persons are equal, verify finds nothing, and it goes on collecting."""
    before, said = hall.print(), shown(hall)
    again = hall.restored(hall.backup())
    assert again.print() == before
    assert shown(again) == said
    assert again.ok("index", "rebuild")["records"] == len(ITEMS)
    assert again.run("verify").code == 0
    assert again.ok("audit", "verify")["outcome"] == "ok"
    hall.script("wire", Page((*ITEMS, post("new", "later"))))
    assert again.collect()["new_records"] == 1
    assert again.ok("search", "later")["count"] == 1
    assert again.run("verify").code == 0


@pytest.mark.parametrize("to", ["sqlite", "postgresql"])
def test_a_backup_goes_to_either_database(hall: Hall, to: str, new_postgres: Callable[[], str]) -> None:
    """One form for both: what came from SQLite is restored to PostgreSQL, and the other way round, guards and all."""
    hall.ok("schedule", "adopt", "us-mn-city-2021") if "us-mn-city-2021" in hall.run("schedule", "list").out else None
    before = hall.print()
    options = ("--database", new_postgres()) if to == "postgresql" else ()
    again = hall.restored(hall.backup(), *options)
    assert again.print() == before
    with again.opened() as archive:
        assert archive.guards_intact
        assert archive.database.sqlite is (to == "sqlite")
    added = again.ok("hold", "place", "--kind", "audit", "--matter", "m", "--reason", "r", "--records", "R2")
    assert added["id"] == 3 if isinstance(added["id"], int) else True
    assert again.run("verify").code == 0


def test_keys_are_nowhere_beside_the_facts(hall: Hall) -> None:
    """No wrapped key, no master key and no index lies in the folder of backups; the keys lie in theirs."""
    hall.backup()
    wrapped = hall.sealed()
    master = (hall.folder / "keys" / "master.key").read_bytes().strip()
    assert bytes_below(hall.store, [*wrapped, master, bytes.fromhex(master.decode())]) == []
    assert len(bytes_below(hall.safe, wrapped)) == 1
    assert bytes_below(hall.safe, [master, bytes.fromhex(master.decode())]) == []
    assert bytes_below(hall.store, [b"text number 3", b"fts5"]) == []
    for path in (hall.store, hall.safe, *hall.store.rglob("*"), *hall.safe.rglob("*")):
        assert not path.is_dir() or path.stat().st_mode & 0o077 == 0, path


def test_keys_are_never_written_beside_the_facts_in_between(small: Hall) -> None:
    """Not at any step of the way either."""
    wrapped = small.sealed()
    with small.opened() as archive:
        with archive.reading() as session:
            actor = current_actor(session)
        stages = []
        for step in backup_archive(archive, actor, small.store, small.safe):
            stages.append(step.stage)
            assert bytes_below(small.store, wrapped) == []
    assert list(dict.fromkeys(stages)) == ["facts", "keys", "objects", "list", "done"]


def test_places_that_lie_inside_each_other_are_refused(small: Hall) -> None:
    """Keys beside facts, a copy inside the archive, the master key inside the copy: exit 2, and nothing is written."""
    inside = small.folder.parent / "store"
    for folder, keys in (
        (inside, inside),
        (inside, inside / "keys"),
        (inside / "facts", inside),
        (inside, inside / ".." / "store"),
        (small.folder / "backups", small.safe),
        (inside, small.folder / "safe"),
        (small.folder.parent, small.safe),
    ):
        said = small.run("backup", str(folder), "--keys", str(keys))
        assert said.code == 2, (folder, keys)
        assert len(said.err.splitlines()) == 1
    assert not inside.exists()
    assert small.run("backup", str(inside)).code == 2
    assert small.run("backup", "--list", "--prune").code == 2
    target = inside / "city.key"
    small.ok("key", "rotate", "--to", str(target))
    assert small.run("backup", str(inside), "--keys", str(small.safe)).code == 2


def test_folders_of_another_archive_are_refused(small: Hall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Backups of two archives never share a folder, nor do facts and keys change places."""
    small.backup()
    assert small.run("backup", str(small.safe), "--keys", str(small.store)).code == 4
    (tmp_path / "other").mkdir()
    other = Hall(tmp_path / "other", monkeypatch)
    assert other.run("backup", str(small.store), "--keys", str(other.safe)).code == 4
    assert len(finished(small.store)) == 1


def test_objects_are_kept_once_for_all_backups(small: Hall) -> None:
    """A second backup adds only what is new, and each can be checked with sha256sum alone."""
    first = small.backup()
    assert small.ok("backup", str(small.store), "--keys", str(small.safe))["new_objects"] == 0
    names = [path for path in (small.store / "objects").rglob("*") if path.is_file()]
    listed = (first / "objects.sha256").read_text().splitlines()
    assert len(names) == len(listed) >= 1
    assert all((small.store / line.split("  ")[1]).is_file() for line in listed)


def test_an_object_that_the_archive_lost_is_named(small: Hall) -> None:
    """The backup is kept, says what is missing (exit 3), and the restored archive says the same."""
    small.backup()
    lost = next(path for path in (small.folder / "objects").rglob("*") if path.is_file())
    lost.rename(small.folder.parent / "lost")
    kept = next(path for path in (small.store / "objects").rglob(lost.name))
    said = small.run("backup", str(small.store), "--keys", str(small.safe), "--json")
    assert said.code == 0, "an earlier backup still has it"
    kept.unlink()
    said = small.run("backup", str(small.store), "--keys", str(small.safe), "--json")
    assert said.code == 3
    assert said.data["missing_objects"] == 1
    place = Path(said.data["place"])
    assert lost.name in (place / "manifest.json").read_text()
    assert "failed" in {one["level"] for one in small.run("doctor", "--json").data["findings"]}
    again = small.restored(place)
    checked = again.run("verify")
    assert checked.code == 5
    assert lost.name in checked.out


def test_what_is_destroyed_while_the_backup_runs_is_no_fault(hall: Hall) -> None:
    """The record and its object go between facts and objects: the backup is whole, and it stays destroyed."""
    with hall.opened() as archive:
        with archive.reading() as session:
            actor = current_actor(session)
        steps = backup_archive(archive, actor, hall.store, hall.safe)
        step = next(steps)
        while step.stage != "keys":
            step = next(steps)
        hall.act("UPDATE hold SET state = 'lifted', lifted_at = 1, lifted_by = 1")
        hall.destroy(9, 4)
        taken = next(one.taken for one in list(steps) if one.taken is not None)
    assert taken.outcome == "ok"
    assert taken.manifest.tombstones == 2
    again = hall.restored(taken.place)
    assert again.ok("index", "rebuild")["records"] == len(ITEMS) - 2
    assert again.run("verify").code == 0
    assert again.rows("SELECT record_id FROM tombstone ORDER BY record_id") == [(4,), (9,)]
    assert again.number("SELECT count(*) FROM owner_key WHERE owner_kind = 'record' AND owner_id IN (4, 9)") == 0


def test_an_expungement_while_the_backup_runs_stops_it(small: Hall) -> None:
    """The facts would have the part, the keys only the rest: said in one line, and nothing counts."""
    small.act("UPDATE hold SET state = 'lifted', lifted_at = 1, lifted_by = 1")
    with small.opened() as archive:
        with archive.reading() as session:
            actor = current_actor(session)
        steps = backup_archive(archive, actor, small.store, small.safe)
        assert next(steps).stage == "facts"
        small.expunge(9, "large.bin")
        with pytest.raises(Refused, match="expunged"):
            list(steps)
    assert finished(small.store) == []
    assert small.restored(small.backup()).ok("record", "show", "R9")["text"] == "b"


def test_what_is_collected_while_the_backup_runs_is_not_half_in_it(hall: Hall) -> None:
    """Records that come after the facts leave keys in the backup; the restored archive has none of them."""
    with hall.opened() as archive:
        with archive.reading() as session:
            actor = current_actor(session)
        steps = backup_archive(archive, actor, hall.store, hall.safe)
        step = next(steps)
        hall.script("wire", Page((*ITEMS, post("late", "late", attachments=(LARGE,)))))
        hall.collect()
        taken = next(one.taken for one in list(steps) if one.taken is not None)
    assert step.stage == "facts"
    again = hall.restored(taken.place)
    assert again.number("SELECT count(*) FROM record") == len(ITEMS)
    keys = again.number("SELECT count(*) FROM owner_key WHERE owner_kind = 'record'")
    assert keys == len(ITEMS)
    assert again.collect()["new_records"] == 1
    again.ok("index", "rebuild")
    assert again.run("verify").code == 0


def test_a_backup_that_is_stopped_leaves_nothing_that_counts(small: Hall) -> None:
    """Closed after any step: no folder, no keys, no row; the next one is whole."""
    for steps_taken in range(1, 6):
        with small.opened() as archive:
            with archive.reading() as session:
                actor = current_actor(session)
            steps = backup_archive(archive, actor, small.store, small.safe)
            for _ in range(steps_taken):
                if next(steps).taken is not None:
                    break
            else:
                steps.close()  # type: ignore[attr-defined]  # a generator
                assert finished(small.store) == []
                assert [one for one in small.safe.iterdir() if one.is_dir()] == []
                assert [one.name for one in small.store.iterdir() if one.name.endswith(".part")] == []
                assert small.number("SELECT count(*) FROM backup") == 0
    assert len(small.ok("backup", "--list")["backups"]) == 1


def test_a_backup_whose_entry_was_lost_is_entered_by_the_next(small: Hall) -> None:
    """A crash between the name and the row: the copy exists, so that the archive has to know of it."""
    first = small.backup()
    small.act("DELETE FROM backup")
    small.backup()
    assert [one["place"] for one in small.ok("backup", "--list")["backups"]][-1] == str(first)
    assert small.number("SELECT count(*) FROM audit_event WHERE act = 'backup.adopt'") == 1


def test_expired_backups_go_and_take_their_keys_with_them(hall: Hall) -> None:
    """After the city's days: keys, facts and the objects that no later backup needs; recorded; the newer one stays."""
    first = hall.backup()
    hall.act("UPDATE hold SET state = 'lifted', lifted_at = 1, lifted_by = 1")
    hall.destroy(9)
    hall.at("2026-04-10T12:00:00-05:00")
    second = hall.backup()
    assert hall.ok("backup", "--prune")["removed"] == []
    hall.at("2026-06-09T12:00:00-05:00")
    assert "was to be removed" in hall.run("doctor").out
    done = hall.ok("backup", "--prune")
    assert [one["place"] for one in done["removed"]] == [str(first)]
    assert done["objects"] >= 1
    assert finished(hall.store) == [second]
    assert not (hall.safe / first.name).exists()
    assert (hall.safe / second.name / "keys.db").exists()
    assert [path for path in (hall.store / "objects").rglob("*") if path.is_file()] == []
    assert [one["place"] for one in hall.ok("backup", "--list")["backups"]] == [str(second)]
    assert hall.rows("SELECT removed_by FROM backup ORDER BY id") == [(1,), (None,)]
    assert hall.number("SELECT count(*) FROM audit_event WHERE act = 'backup.remove'") == 1
    assert hall.restored(second).run("verify").code == 0


def test_a_backup_on_a_disk_that_is_not_there_stays_on_the_list(small: Hall) -> None:
    """An unmounted disk looks like an empty folder: nothing is called removed until it is seen."""
    place = small.backup()
    small.at("2026-09-01T12:00:00-05:00")
    small.safe.rename(small.folder.parent / "drawer")
    small.safe.mkdir()
    said = small.run("backup", "--prune", "--json")
    assert said.code == 3
    assert [one["place"] for one in said.data["unreachable"]] == [str(place)]
    assert place.exists()
    small.safe.rmdir()
    (small.folder.parent / "drawer").rename(small.safe)
    assert small.run("backup", "--prune").code == 0
    assert not place.exists()


def test_doctor_asks_for_backups(small: Hall, tmp_path: Path) -> None:
    """Never backed up, backed up long ago, gone, and taken before the key was rotated: each with what to do."""

    def said() -> dict[str, str]:
        found = small.run("doctor", "--json").data["findings"]
        return {one["subject"]: f"{one['level']} {one['message']} {one['action']}" for one in found}

    assert "never" in said()["last backup"]
    place = small.backup()
    assert said()["last backup"].startswith("ok")
    assert "backup key" not in said()
    small.ok("key", "rotate", "--to", str(tmp_path / "usb" / "new.key"))
    assert "Run `archiver backup" in said()["backup key"]
    small.at("2026-03-20T12:00:00-05:00")
    assert said()["last backup"].startswith("warning")
    small.backup()
    assert "backup key" not in said()
    place.rename(tmp_path / "elsewhere")
    assert "no longer in" in said()["backups"]


def test_who_may_back_up(small: Hall) -> None:
    """Administrators and records officers; others are refused, before anything is written."""
    small.act("UPDATE person_role SET ended_at = 1 WHERE role <> 'clerk'")
    assert small.run("backup", str(small.store), "--keys", str(small.safe)).code == 4
    assert small.run("backup", "--prune").code == 4
    assert not small.store.exists()


def test_the_facts_of_a_backup_are_of_one_moment(small: Hall) -> None:
    """Rows that refer to each other are both there, whatever was written while they were copied."""
    place = small.backup()
    with closing(sqlite3.connect(place / "facts.db")) as facts:
        assert facts.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert facts.execute("PRAGMA foreign_key_check").fetchall() == []
        tables = {name for (name,) in facts.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert "owner_key" not in tables
    assert {"record", "payload", "hold", "audit_event"} <= tables
