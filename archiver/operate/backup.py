"""Backing up an archive while it is in use: facts, then keys, then objects, then what was destroyed meanwhile."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.clock import city_date
from archiver.database import compact
from archiver.errors import Refused, VerificationFailed
from archiver.operate.backup_facts import copy_facts, copy_keys, opened_facts
from archiver.operate.backup_folder import (
    FACTS,
    KEYS,
    KEYS_AT,
    LIST,
    MANIFEST,
    OBJECTS,
    PART,
    check_places,
    clear_unfinished,
    described,
    finished,
    new_name,
    prepare,
    put_in_place,
    read_manifest,
    remove_folder,
    signed_bytes,
    write_durably,
    writing_to,
)  # fmt: skip
from archiver.operate.backup_list import Listed, write_list
from archiver.operate.backup_objects import Kept, keep_objects
from schema.canonical import canonical_json
from schema.db.backup import backup
from schema.db.migrations import head
from schema.db.vault import master
from schema.vocab import Role
from schema.wire.backup import BackupManifest
from schema.wire.shape import as_json

KEEPERS = (Role.ADMINISTRATOR, Role.RECORDS_OFFICER)
"""Who backs up, and removes backups that have expired."""

JOB = "backup"
"""The job's name in the ledger, which lets one run at a time; removing backups goes under the same name."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A finished backup; fresh: objects that no earlier backup had.  expires_on: when the city's period for it ends."""

    id: int
    place: Path
    manifest: BackupManifest
    fresh: int
    expires_on: date

    @property
    def outcome(self) -> str:
        """`partial` where the archive lacked objects that its facts name."""
        return "partial" if self.manifest.missing_objects else "ok"


@dataclass(frozen=True, slots=True)
class Step:
    """Progress of a backup; taken: set in the last step."""

    stage: str
    done: int
    total: int | None = None
    taken: Taken | None = None


def backup_archive(archive: Archive, actor: Actor, folder: Path, keys: Path) -> Iterator[Step]:
    """Write a backup into new folders of its own; it counts once the last step is done, and not before.

    folder: of the facts and objects.  keys: of the wrapped data keys, elsewhere.  Closed before its end, or stopped by
    a full disk, it leaves nothing but objects that the next one uses.  The caller lets one run at a time.
    Raises UsageError, Refused, BackupStopped.
    """
    require(actor, *KEEPERS)
    places = check_places(archive, folder, keys)
    with writing_to(places.folder):
        prepare(places.folder, archive.signer.public, holds="facts")
        clear_unfinished(places.folder)
    with writing_to(places.keys):
        prepare(places.keys, archive.signer.public, holds="keys")
    adopt(archive, actor, places.folder)
    name = new_name(places, archive.now())
    making = _Making(archive, places.folder / (name + PART), places.keys / (name + PART))
    try:
        yield from making.write()
        manifest = making.finish()
        taken = _enter(archive, actor, places.folder / name, manifest, making.kept.fresh)
    except BaseException:
        making.discard()
        raise
    if archive.database.sqlite:
        with archive.reading() as session:  # the reader of the facts kept the WAL from being emptied
            compact(session)
    yield Step("done", manifest.records, manifest.records, taken)


class _Making:
    """One backup on its way, in folders whose names end in `.part`."""

    def __init__(self, archive: Archive, part: Path, keys_part: Path) -> None:
        self._archive, self._part, self._keys_part = archive, part, keys_part
        self._now = archive.now()
        self._listed = Listed(0, 0, 0)
        self.kept = Kept()

    def write(self) -> Iterator[Step]:
        """Everything but the manifest."""
        archive, part = self._archive, self._part
        with writing_to(part):
            part.mkdir(mode=0o700)
            (part / KEYS_AT).write_text(str(self._keys_place), "utf-8")
            for rows in copy_facts(archive, part / FACTS):
                yield Step("facts", rows)
        with writing_to(self._keys_part):
            self._keys_part.mkdir(mode=0o700)
            for rows in copy_keys(archive, self._keys_part / KEYS):
                yield Step("keys", rows)
        with writing_to(part):
            total = self._count("payload WHERE object_name IS NOT NULL")
            for done in keep_objects(archive, part, self.kept):
                yield Step("objects", done, total)
            self._listed = write_list(archive, part / LIST, archive.now())
        if self._listed.expunged != self._count("expunged_component"):
            raise Refused(  # the facts hold the part still, and the keys open only the rest
                reason="a part of a record was expunged by order while the backup ran", action="Run the command again."
            )
        yield Step("list", self._listed.tombstones + self._listed.holds)

    @property
    def _keys_place(self) -> Path:
        return self._keys_part.with_name(self._keys_part.name.removesuffix(PART))

    def _count(self, what: str) -> int:
        with opened_facts(self._part / FACTS) as facts:
            return int(facts.execute(f"SELECT count(*) FROM {what}").fetchone()[0])  # noqa: S608  (our own words)

    def finish(self) -> BackupManifest:
        """Sign what was written and let it count."""
        archive, part = self._archive, self._part
        with archive.reading() as session:
            check = session.execute(select(master.c.check).where(master.c.id == archive.vault.master_id)).scalar_one()
        with opened_facts(part / FACTS) as facts:
            last = facts.execute("SELECT coalesce(max(id), 0) FROM record").fetchone()[0]
        with writing_to(part):
            unsigned = BackupManifest(
                taken_at=self._now,
                city=archive.city.name,
                version=head(),
                database="sqlite" if archive.database.sqlite else "postgresql",
                records=self._count("record"),
                living=self._count("record WHERE destroyed_at IS NULL"),
                last_record_id=int(last),
                master=archive.vault.master_id,
                check=bytes(check).hex(),
                files={name: described(part / name) for name in (FACTS, LIST, OBJECTS)},
                keys=described(self._keys_part / KEYS),
                keys_place=str(self._keys_place),
                objects=self.kept.objects,
                object_bytes=self.kept.size,
                missing=tuple(self.kept.missing),
                missing_objects=self.kept.missing_objects,
                tombstones=self._listed.tombstones,
                holds=self._listed.holds,
                public_key=archive.signer.public.hex(),
                signature="",
            )
            manifest = replace(unsigned, signature=archive.signer.sign(signed_bytes(unsigned)).hex())
            write_durably(part / MANIFEST, canonical_json(as_json(manifest)) + b"\n")
            put_in_place(part, self._keys_part)
        return manifest

    def discard(self) -> None:
        """Remove what was written; what counts already has another name."""
        for one in (self._keys_part, self._part):
            with suppress(OSError):
                remove_folder(one)


def _enter(archive: Archive, actor: Actor, place: Path, manifest: BackupManifest, fresh: int, act: str = JOB) -> Taken:
    """The row and the audit event of a backup that counts."""
    expires_on = city_date(manifest.taken_at, archive.city.timezone) + timedelta(days=archive.city.backup_days)
    values: dict[str, Any] = {
        "taken_at": manifest.taken_at,
        "taken_by": actor.id,
        "place": str(place),
        "keys_place": manifest.keys_place,
        "master_id": manifest.master,
        "last_record_id": manifest.last_record_id,
        "records": manifest.records,
        "manifest_digest": sha256((place / MANIFEST).read_bytes()).digest(),
        "expires_on": expires_on,
    }
    with archive.unit() as session:
        new = int(session.execute(insert(backup).values(values).returning(backup.c.id)).scalar_one())
        taken = Taken(new, place, manifest, fresh, expires_on)
        facts = {
            "backup": new,
            "taken_at": manifest.taken_at,
            "records": manifest.records,
            "missing_objects": manifest.missing_objects,
        }
        archive.record_act(session, act, "archive", actor_id=actor.id, outcome=taken.outcome, facts=facts)
    return taken


def adopt(archive: Archive, actor: Actor, folder: Path) -> list[Taken]:
    """Enter the backups of this archive in a folder that it does not know: a crash came before the entry, or a restore.

    Whoever asks later where copies still lie shall hear of every one.
    """
    with archive.reading() as session:
        known = set(session.execute(select(backup.c.manifest_digest)).scalars())
    found = []
    for place in finished(folder):
        if sha256((place / MANIFEST).read_bytes()).digest() in known:
            continue
        with suppress(VerificationFailed):
            manifest = read_manifest(place)
            if manifest.public_key == archive.signer.public.hex() and manifest.master <= archive.vault.master_id:
                found.append(_enter(archive, actor, place, manifest, 0, "backup.adopt"))
    return found
