"""The sealed objects of backups: immutable, named by chance, kept once for all backups of a folder."""

import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import file_digest
from heapq import merge
from itertools import groupby
from pathlib import Path

from sqlalchemy import select

from archiver.archive import Archive
from archiver.errors import VerificationFailed
from archiver.operate.backup_facts import opened_facts
from archiver.operate.backup_folder import (
    FACTS,
    OBJECTS,
    PART,
    STORE,
    check_file,
    finished,
    read_manifest,
    sync_file,
)  # fmt: skip
from archiver.vault.objects import SEGMENT, ObjectStore, sync_folder
from schema.db.vault import payload

_TAG = 16
_NAMED = 1_000
"""Missing objects that are named; the others are counted."""


@dataclass(slots=True)
class Kept:
    """What keeping the objects of a backup came to; sizes in bytes.

    fresh: of all objects, those that no earlier backup had.  missing: names of those that the archive should have and
    does not.
    """

    objects: int = 0
    size: int = 0
    fresh: int = 0
    missing: list[str] = field(default_factory=list)
    missing_objects: int = 0


def sealed_size(size: int) -> int:
    """Bytes on the disk of an object with this much content."""
    return size + _TAG * max(1, -(-size // SEGMENT))


def keep_objects(archive: Archive, backup: Path, kept: Kept) -> Iterator[int]:
    """Keep every object that the facts of a backup name, and write the list of their digests; yields how many so far.

    The list has the form of `sha256sum`, so that it can be checked without this program, from the folder above.
    """
    store = ObjectStore(backup.parent / STORE)
    store.folder.mkdir(exist_ok=True, mode=0o700)
    before = _digests_before(backup.parent)
    touched: set[Path] = set()
    path = backup / OBJECTS
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w", encoding="ascii") as listing, opened_facts(backup / FACTS) as facts:
        earlier = next(before, None)
        for name, size in _named(facts):
            while earlier is not None and earlier[0] < name:
                earlier = next(before, None)
            known = earlier[1] if earlier is not None and earlier[0] == name else None
            digest = _keep(archive.vault.objects.path(name), store.path(name), sealed_size(size), known, touched)
            if digest is None:
                if _still_named(archive, name):
                    kept.missing_objects += 1
                    kept.missing += [name] if len(kept.missing) < _NAMED else []
                continue
            listing.write(f"{digest}  {STORE}/{name[:2]}/{name}\n")
            kept.objects += 1
            kept.size += sealed_size(size)
            kept.fresh += known is None
            yield kept.objects
    for folder in sorted(touched):
        sync_folder(folder)
    if touched:
        sync_folder(store.folder)
    sync_file(path)


def _named(facts: sqlite3.Connection) -> Iterator[tuple[str, int]]:
    rows = facts.execute("SELECT object_name, size FROM payload WHERE object_name IS NOT NULL ORDER BY object_name")
    yield from ((str(name), int(size)) for name, size in rows)


def _digests_before(folder: Path) -> Iterator[tuple[str, str]]:
    """What the newest backup that is as it was signed says of its objects, so that they are not read again."""
    for backup in reversed(finished(folder)):
        with suppress(VerificationFailed):
            check_file(backup / OBJECTS, read_manifest(backup).files[OBJECTS])
            return listed(backup / OBJECTS)
    return iter(())


def listed(path: Path) -> Iterator[tuple[str, str]]:
    """(name, SHA-256) of each object of a backup, by name."""
    with path.open(encoding="ascii") as listing:
        for line in listing:
            digest, _, place = line.rstrip("\n").partition("  ")
            yield place.rpartition("/")[2], digest


def _keep(source: Path, target: Path, size: int, known: str | None, touched: set[Path]) -> str | None:
    """Have an object in the backup's store and return its SHA-256; None where it is missing or not whole."""
    there = target.is_file() and target.stat().st_size == size
    if known is not None and there:
        return known
    if not source.is_file() or source.stat().st_size != size:
        return None
    if there and (digest := _digest(target)) == _digest(source):  # left by a backup that was not finished
        return digest
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    touched.add(target.parent)
    temporary = target.with_name(target.name + PART)
    temporary.unlink(missing_ok=True)
    try:
        try:
            os.link(source, temporary)
        except FileNotFoundError:
            return None
        except OSError:  # another disk, or a file system without links
            try:
                shutil.copyfile(source, temporary)
            except FileNotFoundError:
                return None
            temporary.chmod(0o600)
            sync_file(temporary)
        digest = _digest(temporary)
        temporary.rename(target)  # between two links to one file this does nothing, so that both are removed below
    finally:
        temporary.unlink(missing_ok=True)
    return digest


def _still_named(archive: Archive, name: str) -> bool:
    """Whether the archive still has the content; if not, it was destroyed lawfully while the backup ran."""
    with archive.reading() as session:
        return session.execute(select(payload.c.id).where(payload.c.object_name == name)).first() is not None


def give_back(backup: Path, wanted: Iterable[str], target: ObjectStore) -> Iterator[int]:
    """Copy the objects of a backup into a new archive, each checked; yields how many so far.

    wanted: names, ascending; those that the backup does not list are left out.  Raises VerificationFailed.
    """
    known = listed(backup / OBJECTS)
    have, done, touched = next(known, None), 0, set()
    store = ObjectStore(backup.parent / STORE)
    for name in wanted:
        while have is not None and have[0] < name:
            have = next(known, None)
        if have is None or have[0] != name:
            continue
        path = target.path(name)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        touched.add(path.parent)
        try:
            shutil.copyfile(store.path(name), path)
        except FileNotFoundError:
            raise VerificationFailed(problem=f"object {name} is missing", where=str(store.path(name))) from None
        path.chmod(0o600)
        check_object(path, have[1], store.path(name))
        sync_file(path)
        done += 1
        yield done
    for folder in sorted(touched):
        sync_folder(folder)


def check_object(path: Path, digest: str, where: Path) -> None:
    """Compare an object with its digest; raises VerificationFailed."""
    if _digest(path) != digest:
        raise VerificationFailed(problem=f"object {path.name} is not what was signed", where=str(where))


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def sweep(folder: Path) -> int:
    """Remove the objects that no backup of a folder names; returns how many.

    Raises VerificationFailed where a backup's list is not what was signed: nothing is removed then.
    """
    backups = finished(folder)
    for backup in backups:
        check_file(backup / OBJECTS, read_manifest(backup).files[OBJECTS])
    store = ObjectStore(folder / STORE)
    named = groupby(merge(*(listed(one / OBJECTS) for one in backups)), key=lambda one: one[0][:2])
    part, removed = next(named, None), 0
    if not store.folder.is_dir():
        return 0
    for place in sorted(one for one in store.folder.iterdir() if one.is_dir()):
        while part is not None and part[0] < place.name:
            part = next(named, None)
        keep = {name for name, _digest in part[1]} if part is not None and part[0] == place.name else set()
        for one in sorted(place.iterdir()):
            if one.name not in keep:
                one.unlink()
                removed += 1
    return removed
