"""Examining an archive and its machine: what works, what should be different, and what to do about it."""

import os
import platform
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from archiver import outbox
from archiver.archive import CONFIG, Archive
from archiver.clock import printed
from archiver.index.extract.extractor import sandbox_level
from archiver.operate.backup_expiry import list_backups
from archiver.retain.hold_listing import unfinished_holds
from archiver.retain.hold_notices import unanswered
from schema.db.audit import audit_event
from schema.db.backup import restore
from schema.db.hold import hold
from schema.db.index import outbox as outbox_table
from schema.vocab import HoldKind, HoldState

OK, NOTE, WARNING, FAILED = "ok", "note", "warning", "failed"

_HOUR = 3_600_000
_VERIFY_DAYS, _BACKUP_DAYS = 8, 2
_FREE_WARNING, _FREE_FAILED = 5 << 30, 512 << 20
_FULL_SANDBOX = "limits+network+files"
_NETWORK = ("nfs", "cifs", "smb", "fuse.sshfs", "fuse.s3", "9p", "afs", "ceph", "glusterfs", "webdav", "davfs")
"""Beginnings of the names of network file systems, on which locks and syncs do not hold what SQLite asks of them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing examined; action: what to do now, empty where nothing is to be done."""

    subject: str
    level: str
    message: str
    action: str = ""


def examine(archive: Archive) -> Iterator[Finding]:
    """Everything that can be seen from here, the machine first."""
    yield from _program(archive)
    yield from _disk(archive.folder)
    yield from _permissions(archive)
    yield _key(archive)
    yield Finding(
        "index encryption",
        NOTE,
        f"the index in {archive.index_folder} holds readable text; whether its disk is encrypted cannot be seen",
        "Keep the archive on an encrypted disk (LUKS, BitLocker, FileVault).",
    )
    yield from _extraction()
    yield from _facts(archive)
    yield from _holds(archive)
    yield from _acts(archive)
    yield from _copies(archive)
    if archive.city.for_tests:
        yield Finding(
            "clock",
            WARNING,
            "this archive was made for tests: it honours ARCHIVER_TEST_NOW, and every certificate says so",
            "Make another archive, without --for-tests, for real records.",
        )


def outcome(findings: list[Finding]) -> str:
    """Ok, warnings or failed."""
    levels = {one.level for one in findings}
    return FAILED if FAILED in levels else "warnings" if WARNING in levels else OK


def _program(archive: Archive) -> Iterator[Finding]:
    yield Finding("python", OK, f"{platform.python_version()} on {platform.system()} {platform.release()}")
    if not archive.database.sqlite:
        with archive.reading() as session:
            version = session.connection().exec_driver_sql("SHOW server_version").scalar()
        yield Finding("database", OK, f"PostgreSQL {version}")
        return
    with archive.reading() as session:
        connection = session.connection()
        options = set(connection.exec_driver_sql("PRAGMA compile_options").scalars())
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    version = sqlite3.sqlite_version
    if "ENABLE_FTS5" not in options:
        yield Finding("database", FAILED, f"SQLite {version} without FTS5", "Install a Python whose SQLite has FTS5.")
    elif mode != "wal":
        yield Finding(
            "database", FAILED, f"journal mode {mode}", "Move the archive to a local disk: WAL is not possible here."
        )
    else:
        yield Finding("database", OK, f"SQLite {version} with FTS5, journal mode WAL")


def _disk(folder: Path) -> Iterator[Finding]:
    kind = _file_system(folder)
    if kind.startswith(_NETWORK):
        yield Finding(
            "file system",
            FAILED,
            f"{folder} lies on a network file system ({kind}): two commands can destroy each other's work there",
            "Move the archive to a local disk, or the facts to PostgreSQL.",
        )
    else:
        yield Finding("file system", OK, kind or "unknown")
    free = shutil.disk_usage(folder).free
    level = FAILED if free < _FREE_FAILED else WARNING if free < _FREE_WARNING else OK
    action = "" if level == OK else "Free space: collection stops when the disk is full."
    yield Finding("disk space", level, f"{free / (1 << 30):.1f} GiB free", action)


def _file_system(folder: Path, mounts: Path = Path("/proc/mounts")) -> str:
    """The type of the file system that a folder lies on, "" where the system does not tell."""
    try:
        lines = [line.split() for line in mounts.read_text("utf-8", "replace").splitlines()]
    except OSError:
        return ""
    best, kind = "", ""
    for fields in lines:
        point = fields[1].replace("\\040", " ")
        if folder.resolve().is_relative_to(point) and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind


def _permissions(archive: Archive) -> Iterator[Finding]:
    if not hasattr(os, "getuid"):
        return
    for path in (archive.folder, archive.folder / CONFIG, archive.index_folder):
        if path.exists() and path.stat().st_mode & 0o077:
            text = f"others than its owner may open {path} (mode {path.stat().st_mode & 0o777:o})"
            yield Finding("permissions", WARNING, text, f"chmod go= {path}")
    if archive.folder.stat().st_uid != os.getuid():
        text = f"{archive.folder} belongs to another login than the one that runs this"
        yield Finding("permissions", WARNING, text, "Run every command and the scheduler as one login.")


def _key(archive: Archive) -> Finding:
    kind, _, rest = archive.config.keys.master.partition(":")
    if kind != "file":
        return Finding("key", OK, f"the master key comes from {kind}")
    path = (archive.folder / rest).resolve()
    if hasattr(os, "getuid") and path.stat().st_mode & 0o077:
        text = f"others than its owner may read the master key {path}"
        return Finding("key", FAILED, text, f"chmod 600 {path}; then `archiver key rotate`, if it may have been read.")
    if path.is_relative_to(archive.folder.resolve()):
        return Finding(
            "key",
            WARNING,
            f"the master key {path} lies beside the facts: whoever copies this folder can read everything",
            "Move it to another disk and name it in `[keys] master` of config.toml.",
        )
    return Finding("key", OK, f"the master key {path} lies apart from the facts")


def _extraction() -> Iterator[Finding]:
    level = sandbox_level()
    if level == _FULL_SANDBOX:
        yield Finding("attachments", OK, "read in a sandbox without network and files")
    elif level.startswith("unavailable"):
        text = f"no text can be read out of attachments ({level})"
        yield Finding("attachments", FAILED, text, "Let this login start processes.")
    else:
        yield Finding(
            "attachments",
            WARNING,
            f"the sandbox that reads them has only: {level}",
            "Allow user namespaces on this machine (often forbidden inside containers).",
        )
    if shutil.which("tesseract"):
        yield Finding("scans", OK, "tesseract is installed")
    else:
        yield Finding(
            "scans", NOTE, "tesseract is not installed: scans and photos have no searchable text", "Install it."
        )


def _facts(archive: Archive) -> Iterator[Finding]:
    if archive.guards_intact:
        yield Finding("guards", OK, "the database refuses what it must refuse")
    else:
        yield Finding(
            "guards",
            FAILED,
            "the database's guards are not those of this program: nothing is destroyed until they are",
            "Find out who changed the database, then run `archiver upgrade`, which puts them back.",
        )
    with archive.reading() as session:
        waiting = outbox.waiting(session)
        oldest = session.execute(select(func.min(outbox_table.c.written_at))).scalar()
    late = oldest is not None and archive.now() - oldest > _HOUR
    text = f"{waiting} batches wait to be indexed" if waiting else "the index is up to date"
    yield Finding(
        "index", WARNING if late else OK, text, "Run `archiver collect` or `archiver index rebuild`." if late else ""
    )


def _holds(archive: Archive) -> Iterator[Finding]:
    with archive.reading() as session:
        unfinished = unfinished_holds(session)
        behind = session.execute(
            select(hold.c.id).where(
                hold.c.state == HoldState.ACTIVE.value, hold.c.evaluated_to < archive.now() - 24 * _HOUR
            )
        )
        late = sorted(behind.scalars())
        open_notices = unanswered(session)
    for hold_id, kind in unfinished:
        if kind == HoldKind.HALT.value:
            yield Finding(
                "holds", WARNING, f"every destruction is halted (H{hold_id})", "`archiver dispose halt --end` ends it."
            )
            continue
        yield Finding(
            "holds",
            WARNING,
            f"H{hold_id} is being placed, or was left so by a crash: nothing is destroyed meanwhile",
            f"Run `archiver hold place --resume H{hold_id}`; it goes on.",
        )
    for hold_id in late:
        text = f"H{hold_id} was not evaluated for a day: what was collected since is not destroyed"
        yield Finding("holds", WARNING, text, "Run `archiver nightly`; the scheduler does it by itself.")
    for hold_id, one in open_notices.items():
        text = f"{one.count} of the notices of H{hold_id} are unanswered, the oldest since"
        yield Finding(
            "hold notices",
            WARNING,
            f"{text} {printed(one.since, archive.city.timezone)}",
            f"`archiver hold show H{hold_id}` names them; `archiver hold notice H{hold_id}` asks again.",
        )


def _acts(archive: Archive) -> Iterator[Finding]:
    """When the archive was last verified and backed up, as the audit log says."""
    by_itself = "Run `archiver verify`; the scheduler does it by itself."
    each_night = "Run `archiver backup DIR --keys KEYDIR`, best each night (docs/operations.md)."
    for act, days, action in (("verify", _VERIFY_DAYS, by_itself), ("backup", _BACKUP_DAYS, each_night)):
        with archive.reading() as session:
            last = session.execute(
                select(audit_event.c.at, audit_event.c.outcome)
                .where(audit_event.c.object_kind == "archive", audit_event.c.act == act)
                .order_by(audit_event.c.id.desc())
                .limit(1)
            ).one_or_none()
        subject = f"last {act}"
        if last is None:
            yield Finding(subject, WARNING, "never", action)
            continue
        when = printed(last.at, archive.city.timezone)
        if last.outcome != "ok":
            yield Finding(subject, FAILED, f"{when}: {last.outcome}", f"{action} Read what it says.")
        elif archive.now() - last.at > days * 24 * _HOUR:
            yield Finding(subject, WARNING, when, action)
        else:
            yield Finding(subject, OK, when)


def _copies(archive: Archive) -> Iterator[Finding]:
    """Backups that should have gone, that are gone, that open only with an old key; a restore that waits."""
    entries = list_backups(archive)
    for one in entries:
        if one.expired:
            text = f"B{one.id} in {one.place} was to be removed on {one.expires_on}: what was destroyed lives on in it"
            yield Finding("backups", WARNING, text, "Run `archiver backup --prune`, with its disks mounted.")
        elif one.there is False:
            text = f"B{one.id} is no longer in {one.place} and {one.keys_place}"
            yield Finding("backups", WARNING, text, "Find out who removed it, and back up again.")
    if entries and entries[0].old_master:
        yield Finding(
            "backup key",
            WARNING,
            "every backup was taken before `archiver key rotate`: it opens only with the old master key",
            "Run `archiver backup DIR --keys KEYDIR` now; then the old key can go with the old backups.",
        )
    with archive.reading() as session:
        waiting = session.execute(select(restore.c.restored_at).where(restore.c.confirmed_at.is_(None))).scalars().all()
    for restored_at in waiting:
        yield Finding(
            "restore",
            WARNING,
            f"restored {printed(restored_at, archive.city.timezone)}, not confirmed: nothing is destroyed",
            "A records officer looks at `archiver restore confirm`, then confirms it with --reason.",
        )
