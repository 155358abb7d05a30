"""Restores: checked first, without what was destroyed since, and without any destruction until a person confirms."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from archiver.vault.erase import erase
from connectors.contract import Page
from schema.item import Attachment
from schema.vocab import OwnerKind
from tests.fixtures import disposals
from tests.fixtures.backups import Hall
from tests.fixtures.replay import post

LARGE = Attachment("large.bin", "application/octet-stream", b"large " * 30_000)
ITEMS = (*(post(f"p{number}", f"text number {number}") for number in range(8)), post("big", "b", attachments=(LARGE,)))


@pytest.fixture(params=["sqlite", "postgresql"])
def hall(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hall:
    """Nine posts, one with a large attachment, on either database."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    return collected(Hall(tmp_path, monkeypatch, database=url))


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hall:
    """The same on SQLite only."""
    return collected(Hall(tmp_path, monkeypatch))


def collected(hall: Hall) -> Hall:
    """Collect the posts."""
    hall.source("wire", Page(ITEMS))
    hall.collect()
    return hall


def into(hall: Hall, new_postgres: Callable[[], str]) -> tuple[str, ...]:
    """Options that restore into the kind of database that the backup is from."""
    with hall.opened() as archive:
        return () if archive.database.sqlite else ("--database", new_postgres())


def hold(hall: Hall, records: str, matter: str = "Smith v. City") -> str:
    """Place a hold."""
    return str(
        hall.ok(
            "hold", "place", "--kind", "litigation", "--matter", matter, "--reason", "a suit", "--records", records
        )["id"]
    )


def destroyable(hall: Hall, *record_ids: int) -> bool:
    """Whether the database lets records go under a disposition that is being executed; nothing is committed."""
    with hall.opened() as archive, archive.database.engine.connect() as connection:
        disposals.executing(connection, record_ids)
        with Session(connection) as session:
            try:
                erase(session, OwnerKind.RECORD, record_ids)
            except IntegrityError as error:
                if "guard: " not in str(error):
                    raise
                return False
    return True


def test_nothing_is_destroyed_until_the_restore_is_confirmed(hall: Hall, new_postgres: Callable[[], str]) -> None:
    """The database itself refuses; a records officer looks, gives the reason, and from then on it is as before."""
    hold(hall, "R1")
    assert destroyable(hall, 2)
    again = hall.restored(hall.backup(), *into(hall, new_postgres))
    assert not destroyable(again, 2)
    assert "not confirmed" in again.run("doctor").out
    shown = again.ok("restore", "confirm")
    assert not shown["confirmed"]
    assert [(one["id"], one["matter"]) for one in shown["restores"][0]["holds"]] == [(1, "Smith v. City")]
    assert not destroyable(again, 2), "looking confirms nothing"
    assert again.run("restore", "confirm", "--reason", " ").code == 2
    again.ok("restore", "confirm", "--reason", "compared with the signed list of Friday")
    assert destroyable(again, 2)
    assert not destroyable(again, 1), "held"
    assert again.number("SELECT confirmed_by FROM restore") == 1
    words = again.ok("audit", "log", "--words", "--limit", "20")["events"]
    assert any(one["act"] == "restore.confirm" for one in words)
    assert again.run("restore", "confirm", "--reason", "again").code == 4
    again.ok("index", "rebuild")
    assert again.run("verify").code == 0


def test_only_a_records_officer_confirms(small: Hall) -> None:
    """An administrator alone is refused."""
    again = small.restored(small.backup())
    again.act("UPDATE person_role SET ended_at = 1 WHERE role = 'records_officer'")
    assert again.run("restore", "confirm", "--reason", "fine").code == 4
    assert not destroyable(again, 2)


def test_a_hold_placed_after_the_backup_holds_with_the_newer_list(hall: Hall, new_postgres: Callable[[], str]) -> None:
    """It is placed again with its members, before anyone confirms; a hold that grew has its new members."""
    hold(hall, "R1")
    first = hall.backup()
    hold(hall, "R4,R5", "Jones v. City")
    hall.act("INSERT INTO hold_member (hold_id, record_id, added_at) VALUES (1, 2, 5)")
    second = hall.backup()
    without = hall.restored(first, *into(hall, new_postgres), name="without")
    without.ok("restore", "confirm", "--reason", "no list")
    assert destroyable(without, 4), "the older backup alone knows nothing of it"
    again = hall.restored(first, "--newer-list", str(second / "list.jsonl"), *into(hall, new_postgres))
    said = again.ok("restore", "confirm", "--reason", "list of the later backup")
    assert [one["matter"] for one in said["restores"][0]["holds"]] == ["Smith v. City", "Jones v. City"]
    assert [destroyable(again, one) for one in (1, 2, 3, 4, 5)] == [False, False, True, False, False]
    again.ok("index", "rebuild")
    assert again.run("verify").code == 0
    again.ok("hold", "lift", "H2", "--reason", "settled")
    assert hold(again, "R7").strip("H") == "3", "no number of a hold is given twice"


def test_what_was_destroyed_after_the_backup_stays_destroyed(hall: Hall, new_postgres: Callable[[], str]) -> None:
    """Neither key nor content comes back, the tombstone does; collecting it again brings nothing back."""
    first = hall.backup()
    hall.destroy(3, 9)
    hall.script("wire", Page((*ITEMS, post("late", "captured after the backup"))))
    hall.collect()
    hall.destroy(10)
    second = hall.backup()
    again = hall.restored(first, "--newer-list", str(second), *into(hall, new_postgres))
    for table in ("owner_key", "payload", "derivation"):
        left = f"SELECT count(*) FROM {table} WHERE owner_kind = 'record' AND owner_id IN (3, 9, 10)"
        assert again.number(left) == 0, table
    assert again.rows("SELECT record_id FROM tombstone ORDER BY record_id") == [(3,), (9,), (10,)]
    assert again.number("SELECT count(*) FROM record_party WHERE record_id IN (3, 9)") == 0
    assert again.number("SELECT count(*) FROM version WHERE record_id IN (3, 9) AND match IS NOT NULL") == 0
    names = {path.name for path in (again.folder / "objects").rglob("*") if path.is_file()}
    assert names == {name for (name,) in again.rows("SELECT object_name FROM payload WHERE object_name IS NOT NULL")}
    assert again.ok("index", "rebuild")["records"] == 7
    assert again.run("verify").code == 0
    said = again.collect()
    assert (said["new_records"], said["destroyed_earlier"]) == (0, 3)
    assert again.print() == hall.print()
    assert again.number("SELECT count(*) FROM record WHERE destroyed_at IS NULL") == 7


def test_what_was_expunged_after_the_backup_stays_expunged(hall: Hall, new_postgres: Callable[[], str]) -> None:
    """The part does not come back, the rest of the record does, and the archive knows by which order it went."""
    first = hall.backup()
    hall.expunge(9, "large.bin")
    again = hall.restored(first, "--newer-list", str(hall.backup()), *into(hall, new_postgres))
    assert again.rows("SELECT component_id FROM expunged_component") == hall.rows(
        "SELECT component_id FROM expunged_component"
    )
    assert [path for path in (again.folder / "objects").rglob("*") if path.is_file()] == []
    assert again.ok("record", "show", "R9")["text"] == "b"
    again.ok("index", "rebuild")
    assert again.run("verify").code == 0
    assert again.ok("restore", "confirm")["restores"][0]["expunged"] >= 1


def test_without_the_newer_list_what_was_destroyed_comes_back_but_is_not_lost(small: Hall) -> None:
    """The key is in the older backup: only the list, or a rotated master key, keeps it away; so it is said when."""
    first = small.backup()
    small.destroy(3)
    again = small.restored(first)
    assert again.ok("record", "show", "R3")["text"] == "text number 2"
    shown = again.ok("restore", "confirm")["restores"][0]
    assert shown["list_taken_at"] == shown["backup_taken_at"] or shown["list_taken_at"] > shown["backup_taken_at"]
    assert shown["tombstones"] == 0


def test_a_backup_from_before_a_rotation_opens_only_with_the_old_key(small: Hall, tmp_path: Path) -> None:
    """With the new key: exit 12 and what to do; with the old one: restored. A key of nothing: the same."""
    first = small.backup()
    old = small.folder / "keys" / "master.key"
    new = tmp_path / "usb" / "new.key"
    small.ok("key", "rotate", "--to", str(new))
    said = small.restoring(first, "--key", str(new))
    assert said.code == 12
    assert "key rotate" in said.err
    assert len(said.err.splitlines()) == 1
    assert not (small.folder.parent / "again").exists()
    assert not (small.folder.parent / "again.part").exists()
    (tmp_path / "bad.key").write_text("11" * 32)
    assert small.restoring(first, "--key", str(tmp_path / "bad.key")).code == 12
    assert small.restoring(first, "--key", str(tmp_path / "none.key")).code == 12
    assert small.restored(first, "--key", str(old), name="old").print() == small.print()
    second = small.backup()
    assert small.restoring(second, "--key", str(old), name="third").code == 12
    assert small.restored(second, "--key", str(new), name="third").print() == small.print()


def test_wrapped_keys_of_destroyed_records_do_not_open_after_a_rotation(small: Hall, tmp_path: Path) -> None:
    """The keys of an old backup under the new master: not one opens, so that nobody reads a destroyed record."""
    import sqlite3
    from contextlib import closing

    from archiver.errors import WrongKey

    first = small.backup()
    small.destroy(3)
    small.ok("key", "rotate", "--to", str(tmp_path / "usb" / "new.key"))
    with closing(sqlite3.connect(small.safe / first.name / "keys.db")) as keys:
        rows = keys.execute("SELECT owner_kind, owner_id, wrapped FROM owner_key").fetchall()
    assert len(rows) > 9
    with small.opened() as archive:
        for kind, owner_id, wrapped in rows:
            with pytest.raises(WrongKey):
                archive.vault.unwrap(OwnerKind(kind), owner_id, wrapped)


@pytest.mark.parametrize(
    "name", ["manifest.json", "facts.db", "list.jsonl", "objects.sha256", "keys.db", "object", "cut", "missing"]
)
def test_a_backup_that_was_changed_is_not_restored(small: Hall, name: str) -> None:
    """One byte anywhere, a file cut off or taken away: exit 5 with one line, and no archive."""
    place = small.backup()
    stored = next(path for path in (small.store / "objects").rglob("*") if path.is_file())
    path = {
        "keys.db": small.safe / place.name / "keys.db",
        "object": stored,
        "cut": place / "facts.db",
        "missing": stored,
    }.get(name, place / name)
    content = bytearray(path.read_bytes())
    path.unlink()  # an object is one file with the archive's own where links are possible
    if name == "cut":
        path.write_bytes(content[:-4096])
    elif name != "missing":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    said = small.restoring(place)
    assert said.code == 5, said.err
    assert len(said.err.splitlines()) == 1
    assert not (small.folder.parent / "again").exists()
    assert not (small.folder.parent / "again.part").exists()


def test_a_manifest_signed_by_somebody_else_is_found(small: Hall) -> None:
    """Whoever signs a changed backup with a key of his own gets past the digests, not past the archive's own key."""
    from dataclasses import replace

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from archiver.operate.backup_folder import read_manifest, signed_bytes
    from schema.wire.shape import as_json

    place = small.backup()
    forger = Ed25519PrivateKey.generate()
    public = forger.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    forged = replace(read_manifest(place), public_key=public.hex())
    forged = replace(forged, signature=forger.sign(signed_bytes(forged)).hex())
    (place / "manifest.json").write_text(json.dumps(as_json(forged)))
    assert small.restoring(place).code == 5


def test_lists_that_do_not_belong_to_the_backup_are_refused(
    small: Hall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed list, one of another archive (5), an older one (2): nothing is restored."""
    first = small.backup()
    small.at("2026-03-11T12:00:00-05:00")
    second = small.backup()
    assert small.restoring(second, "--newer-list", str(first)).code == 2
    (tmp_path / "other").mkdir()
    other = collected(Hall(tmp_path / "other", monkeypatch))
    assert small.restoring(first, "--newer-list", str(other.backup())).code == 5
    changed = tmp_path / "list.jsonl"
    changed.write_bytes((second / "list.jsonl").read_bytes().replace(b'"records":9', b'"records":8'))
    assert small.restoring(first, "--newer-list", str(changed)).code == 5
    changed.write_bytes(b"\n".join((second / "list.jsonl").read_bytes().splitlines()[:-1]))
    assert small.restoring(first, "--newer-list", str(changed)).code == 5
    assert not (small.folder.parent / "again").exists()


def test_a_restore_changes_no_archive(small: Hall, new_postgres: Callable[[], str]) -> None:
    """A folder or database that is there already is refused, and so is a backup without its keys or its key."""
    place = small.backup()
    assert small.restoring(place, name="archive").code == 2
    (small.folder.parent / "again").mkdir()
    assert small.restoring(place).code == 2
    url = new_postgres()
    small.restored(place, "--database", url, name="one")
    assert small.restoring(place, "--database", url, name="two").code == 4
    assert not (small.folder.parent / "two").exists()
    key = str(small.folder / "keys" / "master.key")
    (small.folder.parent / "empty").mkdir()
    elsewhere = ("--keys", str(small.folder.parent / "empty"), "--into", str(small.folder.parent / "four"))
    assert small.run("restore", str(place), *elsewhere, "--key", key).code == 2
    named = ("--keys", str(small.safe / place.name), "--into", str(small.folder.parent / "five"))
    assert small.run("restore", str(place), *named).code == 2
    assert small.run("restore", str(small.store), *named, "--key", key).code == 2
    shutil.rmtree(small.folder)
    assert small.run("restore", "from", str(place), *named, "--key", key).code == 12, "the key went with the archive"


def test_no_number_is_given_twice(small: Hall) -> None:
    """Records, holds and requests made after the backup keep their numbers for good; verify says which are lost."""
    small.ok("request", "open", "--summary", "plows")
    first = small.backup()
    small.ok("request", "open", "--summary", "potholes")
    small.script("wire", Page((*ITEMS, post("late", "late"))))
    small.collect()
    hold(small, "R2,R10")
    second = small.backup()
    again = small.restored(first, "--newer-list", str(second))
    shown = again.ok("restore", "confirm")["restores"][0]
    assert shown["numbers"] == {"request:2026": [2, 2]}
    assert (shown["last_record_id"], shown["newest_record_id"], shown["members_lost"]) == (9, 10, 1)
    text = again.run("restore", "confirm").out
    assert "R10 to R10" in text
    assert again.ok("request", "open", "--summary", "hydrants")["id"] == "Q2026-3"
    again.collect()
    assert again.number("SELECT count(*) FROM record WHERE id = 10") == 0
    assert again.number("SELECT max(id) FROM record") > 10
    again.ok("index", "rebuild")
    checked = again.ok("verify")
    assert "Q2026-2" in {one["object"] for one in checked["warnings"]}


def test_the_hold_of_a_lost_request_stays_until_an_officer_lifts_it(small: Hall) -> None:
    """A request opened after the backup is lost, its preliminary hold is not."""
    first = small.backup()
    small.ok("request", "open", "--summary", "potholes")
    again = small.restored(first, "--newer-list", str(small.backup()))
    again.ok("restore", "confirm", "--reason", "checked")
    assert not destroyable(again, 2)
    again.ok("hold", "lift", "H1", "--reason", "the request was logged anew")
    assert destroyable(again, 2)


def test_a_record_without_key_and_tombstone_is_an_error_not_a_destruction(small: Hall) -> None:
    """Its key was lost before the backup: verify of the restored archive names it, and nothing calls it destroyed."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(small.folder / "archive.db")) as database:
        (trigger,) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'guard_key_delete'").fetchone()
        database.execute("DROP TRIGGER guard_key_delete")
        database.execute("DELETE FROM owner_key WHERE owner_kind = 'record' AND owner_id = 4")
        database.execute(trigger)
        database.commit()
    again = small.restored(small.backup())
    said = again.run("verify", "--json")
    assert said.code == 5
    assert "R4" in {one["object"] for one in said.data["problems"]}
    assert again.number("SELECT count(*) FROM tombstone") == 0


def test_the_help_names_both_forms(small: Hall) -> None:
    """`restore BACKUP` is short for `restore from BACKUP`."""
    said = small.run("restore", "--help")
    assert said.code == 0
    assert {"from", "confirm"} <= set(said.out.split())
