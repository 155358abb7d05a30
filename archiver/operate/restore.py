"""Giving back an archive from a backup: checked first, without what was destroyed since, not to be relied on yet."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, insert, inspect
from sqlalchemy.orm import Session

from archiver import config as configuration
from archiver.access import current_actor
from archiver.archive import CONFIG, current_city
from archiver.audit import log
from archiver.clock import Clock
from archiver.database import Database
from archiver.errors import AlreadyExists, NotFound, Refused, UsageError, VerificationFailed, WrongKey, WrongVersion
from archiver.operate.backup_folder import (
    FACTS,
    KEYS,
    LIST,
    OBJECTS,
    PART,
    check_file,
    read_manifest,
    writing_to,
)
from archiver.operate.backup_list import read_list
from archiver.operate.backup_objects import give_back
from archiver.operate.initialise import write_config
from archiver.operate.migrate import migrate
from archiver.operate.restore_loading import Applied, apply, load
from archiver.operate.restore_reading import Given, given
from archiver.vault import Vault
from archiver.vault.keys import find_master, opens, parse_key
from archiver.vault.objects import ObjectStore, sync_folder
from archiver.vault.secrets import ArchiveSigner
from schema.db import guards
from schema.db.backup import restore
from schema.db.migrations import head, versions
from schema.vocab import OwnerKind
from schema.wire.backup import BackupList, BackupManifest

ACT = "archive.restore"
_OVERRIDE = "ARCHIVER__KEYS__MASTER"
_UNFINISHED = "restore-is-not-finished"


class BackupKey(WrongKey):
    """The key does not open this backup, whose data keys are wrapped under master key {master}."""

    hint = (
        "Name with --key the key file that was in force when the backup was taken (`archiver key rotate` made a new one"
        " since, or this is another archive's). Where it was destroyed, nobody can open this backup any more."
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to restore.

    keys: the folder with this backup's wrapped keys.  into: the new archive's folder.  key_file: the master key; None
    where the environment names it.  newer_list: list of tombstones and live holds of a later backup.  database:
    SQLAlchemy URL of an empty database, None for SQLite in the folder.
    """

    backup: Path
    keys: Path
    into: Path
    key_file: Path | None = None
    newer_list: Path | None = None
    database: str | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """A restored archive; lost_numbers: of requests and the like given after the backup, by name:year, first and last.

    list_taken_at: the newest moment (milliseconds UTC) up to which destructions and holds are known.
    """

    folder: Path
    manifest: BackupManifest
    list_taken_at: int
    newest_record_id: int
    applied: Applied
    lost_numbers: Mapping[str, list[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RestoreStep:
    """Progress of a restore; result: set in the last step."""

    stage: str
    done: int
    total: int | None = None
    result: Restored | None = None


def restore_archive(wanted: Wanted) -> Iterator[RestoreStep]:
    """Make a new archive from a backup: whole, or not there at all.

    It refuses every destruction until a records officer confirms it, and its index is still to be made.
    Raises AlreadyExists, NotFound, VerificationFailed, BackupKey, WrongVersion, Refused, BackupStopped.
    """
    into = wanted.into.expanduser().resolve()
    if into.exists():
        raise AlreadyExists(noun="folder", name=into)
    backup = wanted.backup.expanduser().resolve()
    manifest = read_manifest(backup)
    keys = _keys_of(backup, wanted.keys.expanduser().resolve())
    if manifest.version not in versions():
        raise WrongVersion(found=manifest.version, needed=head())
    yield RestoreStep("checking", 0)
    for name in (FACTS, LIST, OBJECTS):
        check_file(backup / name, manifest.files[name])
    check_file(keys / KEYS, manifest.keys)
    key = _master_key(wanted)
    if not opens(key, bytes.fromhex(manifest.check)):
        raise BackupKey(master=manifest.master)
    part = into.with_name(into.name + PART)
    with writing_to(part), _unfinished(part), given(backup, keys) as source:
        heads = _lists(source, wanted, backup, manifest)
        write_config(part, wanted.key_file, wanted.database)
        (part / "archive.lock").touch(mode=0o600)
        config = configuration.load(part / CONFIG)
        objects = ObjectStore(part / config.archive.objects)
        for done in give_back(backup, source.object_names(), objects):
            yield RestoreStep("objects", done, manifest.objects)
        making = _Making(source, manifest, heads, key, objects)
        database = Database(config.archive.database, part)
        try:
            for rows in making.fill(database):
                yield RestoreStep("facts", rows)
        finally:
            database.close()
        (part / _UNFINISHED).unlink()
        sync_folder(part)
        part.rename(into)
        sync_folder(into.parent)
    newest = heads[-1]
    assert making.applied is not None
    result = Restored(into, manifest, newest.taken_at, newest.last_record_id, making.applied, making.lost_numbers)
    yield RestoreStep("done", manifest.records, manifest.records, result)


def _keys_of(backup: Path, keys: Path) -> Path:
    """The folder with a backup's keys: as named, or below it under the backup's own name."""
    for folder in (keys, keys / backup.name):
        if (folder / KEYS).is_file():
            return folder
    raise NotFound(noun="wrapped keys of this backup in", name=keys)


def _master_key(wanted: Wanted) -> bytes:
    if wanted.key_file is not None:
        return parse_key(configuration.secret(f"file:{wanted.key_file.expanduser().resolve()}", wanted.into.parent))
    if _OVERRIDE in os.environ:
        return parse_key(configuration.secret(os.environ[_OVERRIDE], wanted.into.parent))
    raise UsageError(problem=f"name the file of the master key with --key (or set {_OVERRIDE})")


@contextmanager
def _unfinished(part: Path) -> Iterator[None]:
    """A folder that goes away again unless the restore comes to its end; what a killed one left is removed first."""
    if part.exists():
        if not (part / _UNFINISHED).exists():
            raise AlreadyExists(noun="folder", name=part)
        shutil.rmtree(part)
    part.mkdir(parents=True, mode=0o700)
    (part / _UNFINISHED).touch()
    try:
        yield
    except BaseException:
        with suppress(OSError):
            shutil.rmtree(part)
        raise


def _lists(source: Given, wanted: Wanted, backup: Path, manifest: BackupManifest) -> list[BackupList]:
    """Take in the backup's own list, then the newer one; returns their heads, the newest last."""
    paths = [backup / LIST]
    if wanted.newer_list is not None:
        newer = wanted.newer_list.expanduser().resolve()
        paths.append(newer / LIST if newer.is_dir() else newer)
    heads: list[BackupList] = []
    for path in paths:
        source.next_list()
        found = read_list(path, bytes.fromhex(manifest.public_key), source.note)
        if heads and found.taken_at < heads[0].taken_at:
            raise UsageError(problem=f"{path} is older than the backup; name the list of a later one")
        source.note_numbers(found)
        heads.append(found)
    source.settle()
    return heads


class _Making:
    """The database of a restored archive on its way."""

    def __init__(
        self, source: Given, manifest: BackupManifest, heads: list[BackupList], key: bytes, objects: ObjectStore
    ) -> None:
        self._source, self._manifest, self._heads, self._key, self._objects = source, manifest, heads, key, objects
        self.applied: Applied | None = None
        self.lost_numbers = source.lost_numbers()

    def fill(self, database: Database) -> Iterator[int]:
        """Tables, rows, guards, and the restore's own row; on PostgreSQL all or nothing.  Yields rows so far."""
        if database.sqlite:
            event.listen(database.engine, "connect", _for_loading)
        with database.engine.execution_options(writing=True).connect() as connection:
            if inspect(connection).get_table_names():
                raise Refused(
                    reason="the database is not empty",
                    action="Name an empty one: a restore makes a new archive and changes none.",
                )
            migrate(connection, self._manifest.version)
            guards.remove(connection)
            if database.sqlite:
                connection.commit()
            yield from load(connection, self._source)
            migrate(connection)
            guards.remove(connection)
            with Session(connection, join_transaction_mode="control_fully") as session:
                self._complete(session, connection)
                session.commit()

    def _complete(self, session: Session, connection: Connection) -> None:
        now = Clock(for_tests=current_city(session).for_tests).now()
        vault = Vault(find_master(session, self._key), self._key, self._objects)
        if ArchiveSigner(session, vault).public.hex() != self._manifest.public_key:
            raise VerificationFailed(problem="the backup is signed by another key than its archive's")
        self.applied = applied = apply(session, self._source, now)
        guards.install(connection)
        if connection.dialect.name == "sqlite":
            lost = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
            if lost is not None:
                raise VerificationFailed(problem=f"a row of {lost[0]} came back without its {lost[2]}")
        values = {"backup_taken_at": self._manifest.taken_at, "restored_at": now}
        new = int(session.execute(insert(restore).values(values).returning(restore.c.id)).scalar_one())
        try:
            actor_id: int | None = current_actor(session).id
        except Refused:  # on another machine logins may be others
            actor_id = None
        for hold_id in applied.new_holds:
            vault.add_owner(session, OwnerKind.HOLD, hold_id)
        for hold_id in applied.holds:
            log.record(
                session, at=now, act="hold.restore", object_kind="hold", object_id=hold_id, actor_id=actor_id,
                facts={"restore": new},
            )  # fmt: skip
        log.record(
            session,
            at=now,
            act=ACT,
            object_kind="restore",
            object_id=new,
            actor_id=actor_id,
            facts=self._facts(applied),
        )
        log.sequence(session)

    def _facts(self, applied: Applied) -> dict[str, Any]:
        """What the confirmation shows later; the holds are named by events of their own."""
        newest = self._heads[-1]
        return {
            "taken_at": self._manifest.taken_at,
            "list_taken_at": newest.taken_at,
            "records": self._manifest.records,
            "last_record_id": self._manifest.last_record_id,
            "newest_record_id": newest.last_record_id,
            "stay_destroyed": applied.stay_destroyed,
            "expunged": applied.expunged,
            "asking": list(applied.asking),
            "lifted_since": list(applied.lifted_since),
            "members_lost": applied.members_lost,
            "numbers": dict(self.lost_numbers),
        }


def _for_loading(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA foreign_keys=OFF")
