"""Where backups lie and what makes one count: names, the signed manifest, digests, and writes that survive a crash."""

import errno
import json
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any

from archiver.archive import Archive
from archiver.errors import DiskTrouble, NotFound, Refused, UsageError, VerificationFailed
from archiver.vault.objects import sync_folder
from archiver.vault.secrets import is_signed_by
from schema.canonical import canonical_json
from schema.wire.backup import BackupFile, BackupManifest
from schema.wire.shape import as_json

MANIFEST, FACTS, LIST, OBJECTS, KEYS = "manifest.json", "facts.db", "list.jsonl", "objects.sha256", "keys.db"
STORE = "objects"
"""Folder of the sealed objects that the backups of one folder share."""
PART = ".part"
"""Ending of what is not finished, and never counts."""
KEYS_AT = "keys.at"
"""In an unfinished backup: where its keys are being written, so that whoever cleans up after a crash finds them."""
_MARKER = "archiver-backups.json"
_NAME = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{6}Z(-\d+)?$")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class BackupStopped(DiskTrouble):
    """No backup was made: {reason}."""

    hint = "Make room, or repair what is named, and run the command again; what was half made never counts."


@dataclass(frozen=True, slots=True)
class Places:
    """The folder of the facts and objects, and the one of the wrapped keys, both resolved."""

    folder: Path
    keys: Path


def check_places(archive: Archive, folder: Path, keys: Path) -> Places:
    """Where a backup may go; raises UsageError: keys beside facts, or a copy inside the archive itself."""
    places = Places(folder.expanduser().resolve(), keys.expanduser().resolve())
    if _nested(places.folder, places.keys):
        raise UsageError(problem="the keys go to another folder than the facts, and neither lies inside the other")
    for place in (places.folder, places.keys):
        if _nested(place, archive.folder.resolve()):
            raise UsageError(problem=f"{place} and the archive lie inside each other; name a folder on another disk")
    kind, _, rest = archive.config.keys.master.partition(":")
    if kind == "file" and (archive.folder / rest).resolve().is_relative_to(places.folder):
        raise UsageError(problem=f"the master key lies in {places.folder}; it never lies beside a backup")
    return places


def _nested(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


@contextmanager
def writing_to(place: Path) -> Iterator[None]:
    """Turns what a full or broken disk does into one line; raises BackupStopped."""
    try:
        yield
    except DiskTrouble:
        raise
    except sqlite3.Error as error:
        raise BackupStopped(reason=str(error), where=str(place)) from None
    except OSError as error:
        raise BackupStopped(reason=error.strerror or str(error), where=str(error.filename or place)) from None


def prepare(folder: Path, public_key: bytes, *, holds: str) -> None:
    """Make a folder of backups, or see that it is one of this archive; raises Refused.

    holds: "facts" or "keys".  The mark in it tells an empty folder from a disk that is not mounted.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    mark = {"schema": "backup-folder/1", "holds": holds, "public_key": public_key.hex()}
    found = marked(folder)
    if found is None:
        write_durably(folder / _MARKER, canonical_json(mark) + b"\n")
    elif found != mark:
        raise Refused(
            reason=f"{folder} holds the {found.get('holds', 'files')} of other backups",
            action="Name a folder of its own for the facts and another for the keys of this archive.",
        )


def marked(folder: Path) -> dict[str, Any] | None:
    """What a folder of backups says of itself; None where it is none, or its disk is not mounted."""
    try:
        found = json.loads((folder / _MARKER).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def new_name(places: Places, now: int) -> str:
    """The time (UTC) of a backup as the name of its folder, free in both places."""
    stem = f"{datetime.fromtimestamp(now / 1000, UTC):%Y-%m-%dT%H%M%SZ}"
    name, number = stem, 1
    while any((place / f"{name}{end}").exists() for place in (places.folder, places.keys) for end in ("", PART)):
        number += 1
        name = f"{stem}-{number}"
    return name


def finished(folder: Path) -> list[Path]:
    """The backups in a folder that count, oldest first; their manifests are not looked into."""
    if not folder.is_dir():
        return []
    found = [one for one in folder.iterdir() if _NAME.match(one.name) and (one / MANIFEST).is_file()]
    return sorted(found, key=_age)


def _age(place: Path) -> tuple[str, int]:
    stem, _, number = place.name.partition("Z")
    return stem, int(number.removeprefix("-") or 1)


def clear_unfinished(folder: Path) -> None:
    """Remove what backups left that were killed, the keys first; their objects stay and are used by the next one."""
    for left in folder.glob(f"*{PART}"):
        if not left.is_dir() or not _NAME.match(left.name.removesuffix(PART)):
            continue
        with suppress(OSError):
            keys = Path((left / KEYS_AT).read_text("utf-8"))
            remove_folder(keys)
            remove_folder(keys.with_name(keys.name + PART))
        remove_folder(left)


def put_in_place(part: Path, keys_part: Path) -> None:
    """Let a backup count: its keys get their name first, so that none counts without them."""
    for one in (keys_part, part):
        sync_folder(one)
        one.rename(one.with_name(one.name.removesuffix(PART)))
        sync_folder(one.parent)
    (part.with_name(part.name.removesuffix(PART)) / KEYS_AT).unlink()


def remove_folder(folder: Path) -> None:
    """Remove a folder with all that is in it; that it is already gone is fine."""
    if folder.exists():
        shutil.rmtree(folder)
        sync_folder(folder.parent)


def write_durably(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, readable by its owner only."""
    temporary = path.with_name(path.name + PART)
    temporary.unlink(missing_ok=True)
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Make the content of a file durable."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def described(path: Path) -> BackupFile:
    """Digest and size of a file, read in pieces."""
    with path.open("rb") as stream:
        return BackupFile(file_digest(stream, "sha256").hexdigest(), path.stat().st_size)


def signed_bytes(manifest: BackupManifest) -> bytes:
    """What the signature of a manifest covers."""
    return canonical_json({key: value for key, value in as_json(manifest).items() if key != "signature"})


def read_manifest(backup: Path) -> BackupManifest:
    """The manifest of a backup, its signature checked under the key that it names.

    Whether that key is the archive's own shows only once the facts are opened.  Raises NotFound, VerificationFailed.
    """
    path = backup / MANIFEST
    try:
        content = path.read_bytes()
    except OSError:
        raise NotFound(noun="finished backup at", name=backup) from None
    try:
        loaded = json.loads(content)
        values = {one.name: loaded[one.name] for one in fields(BackupManifest)}
        values["files"] = {name: BackupFile(**one) for name, one in values["files"].items()}
        values["keys"], values["missing"] = BackupFile(**values["keys"]), tuple(values["missing"])
        manifest = BackupManifest(**values)
        key, signature = bytes.fromhex(manifest.public_key), bytes.fromhex(manifest.signature)
        genuine = is_signed_by(key, signature, signed_bytes(manifest))
    except (ValueError, KeyError, TypeError, AttributeError):
        genuine = False
    if not genuine:
        raise VerificationFailed(problem="the manifest is not what was signed", where=str(path))
    return manifest


def check_file(path: Path, expected: BackupFile) -> None:
    """Compare a file with what the manifest says of it; raises VerificationFailed."""
    try:
        found = described(path)
    except OSError as error:
        raise VerificationFailed(problem=f"{path.name}: {error.strerror}", where=str(path)) from None
    if found != expected:
        raise VerificationFailed(problem=f"{path.name} is not what was signed", where=str(path))
