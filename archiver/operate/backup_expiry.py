"""Backups that are kept, and the removal of those whose period has ended: keys first, then facts, then objects."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import select, update

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.clock import city_date
from archiver.errors import ArchiverError
from archiver.operate.backup import KEEPERS, adopt
from archiver.operate.backup_folder import PART, clear_unfinished, marked, remove_folder, writing_to
from archiver.operate.backup_objects import sweep
from archiver.vault.objects import sync_folder
from schema.db.backup import backup


@dataclass(frozen=True, slots=True)
class Entry:
    """A backup as the archive knows it; times in milliseconds UTC.

    expires_on: the first day on which it may go.  there: whether both parts can be seen now, None where a disk is not
    mounted.  old_master: its keys open only under a master key that is no longer in force.
    """

    id: int
    taken_at: int
    place: str
    keys_place: str
    records: int
    expires_on: date | None
    expired: bool
    old_master: bool
    removed_at: int | None
    there: bool | None


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a removal did.

    removed: backups.  objects: that no backup needed any more.  unreachable: expired, on disks that are not there.
    kept: folders whose objects stay, because a backup in them is not what was signed, each with what is wrong.
    """

    removed: tuple[Entry, ...]
    objects: int
    unreachable: tuple[Entry, ...]
    kept: tuple[str, ...]


def list_backups(archive: Archive, *, removed: bool = False) -> list[Entry]:
    """Every backup that was taken, newest first; removed: also those that were removed."""
    today = city_date(archive.now(), archive.city.timezone)
    chosen = select(backup).order_by(backup.c.id.desc())
    if not removed:
        chosen = chosen.where(backup.c.removed_at.is_(None))
    with archive.reading() as session:
        rows = session.execute(chosen).mappings().all()
    return [
        Entry(
            id=row["id"],
            taken_at=row["taken_at"],
            place=row["place"],
            keys_place=row["keys_place"],
            records=row["records"],
            expires_on=row["expires_on"],
            expired=row["removed_at"] is None and row["expires_on"] is not None and row["expires_on"] <= today,
            old_master=row["master_id"] != archive.vault.master_id,
            removed_at=row["removed_at"],
            there=_there(Path(row["place"]), Path(row["keys_place"])),
        )
        for row in rows
    ]


def _there(place: Path, keys_place: Path) -> bool | None:
    if marked(place.parent) is None or marked(keys_place.parent) is None:
        return None
    return place.is_dir() and keys_place.is_dir()


def prune(archive: Archive, actor: Actor) -> Pruned:
    """Remove every backup whose period has ended; the caller lets no backup run meanwhile.

    What cannot be reached stays on the list: a disk in a drawer still holds its copy.  Raises Refused, BackupStopped.
    """
    require(actor, *KEEPERS)
    folders = {Path(one.place).parent for one in list_backups(archive)}
    for folder in sorted(folders):
        if marked(folder) is not None:
            adopt(archive, actor, folder)
    expired = [one for one in list_backups(archive) if one.expired]
    removed = []
    for one in expired:
        if one.there is not None:
            _remove(archive, actor, one)
            removed.append(one)
    objects, kept = 0, []
    for folder in sorted({Path(one.place).parent for one in removed}):
        with writing_to(folder):
            clear_unfinished(folder)
            try:
                objects += sweep(folder)
            except ArchiverError as error:
                kept.append(f"{folder}: {error}")
    return Pruned(tuple(removed), objects, tuple(one for one in expired if one.there is None), tuple(kept))


def _remove(archive: Archive, actor: Actor, one: Entry) -> None:
    for place in (Path(one.keys_place), Path(one.place)):
        with writing_to(place):
            if place.is_dir():  # under the name of what does not count, before its files go one by one
                going = place.with_name(place.name + PART)
                place.rename(going)
                sync_folder(place.parent)
            remove_folder(place.with_name(place.name + PART))
    with archive.unit() as session:
        values = {"removed_at": archive.now(), "removed_by": actor.id}
        session.execute(update(backup).where(backup.c.id == one.id).values(values))
        facts = {"taken_at": one.taken_at, "expired_on": one.expires_on.isoformat() if one.expires_on else None}
        archive.record_act(session, "backup.remove", "backup", one.id, actor_id=actor.id, facts=facts)
