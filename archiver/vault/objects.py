"""Sealed objects: content above 64 KiB in 1 MiB segments, one file each, durable before anything refers to it."""

import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from archiver.vault.sealing import KEY, SealBroken

SEGMENT = 1 << 20
"""Bytes of plain content in a segment."""

_TAG = 16


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A finished object: its name, its own random key, size in bytes and SHA-256 of the plain content."""

    name: str
    key: bytes
    size: int
    sha256: bytes


class ObjectStore:
    """Objects in a folder: written to a temporary name, synced, renamed, folder synced."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Where an object lies."""
        return self.folder / name[:2] / name

    def write(self, chunks: Iterable[bytes]) -> StoredObject:
        """Seal a stream under a fresh key, holding one segment in memory; nothing is left behind on failure."""
        name, key = os.urandom(16).hex(), os.urandom(KEY)
        target = self.path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_suffix(".part")
        whole, size = sha256(), 0
        try:
            with temporary.open("wb") as file:
                for number, (segment, last) in enumerate(_segments(chunks)):
                    file.write(_seal_segment(key, name, number, last, segment))
                    whole.update(segment)
                    size += len(segment)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(target)
            sync_folder(target.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return StoredObject(name, key, size, whole.digest())

    def read(self, name: str, key: bytes) -> Iterator[bytes]:
        """The plain content, segment by segment; raises SealBroken where a segment was changed, moved or cut off."""
        try:
            size = self.path(name).stat().st_size
            file = self.path(name).open("rb")
        except OSError:
            raise SealBroken from None
        step = SEGMENT + _TAG
        count = max(1, -(-size // step))
        with file:
            for number in range(count):
                yield _open_segment(key, name, number, number == count - 1, file.read(step))

    def remove(self, name: str) -> None:
        """Unlink an object; that it is already gone is fine, since destruction resumes after a crash."""
        self.path(name).unlink(missing_ok=True)

    def names(self) -> Iterator[tuple[str, float]]:
        """Every object and leftover with its modification time (seconds since 1970), a folder at a time."""
        for folder in sorted(self.folder.glob("??")):
            for entry in sorted(folder.iterdir()):
                with suppress(FileNotFoundError):  # finished, or destroyed, since it was listed
                    yield entry.name, entry.stat().st_mtime


def _segments(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) > SEGMENT:
            yield bytes(held[:SEGMENT]), False
            del held[:SEGMENT]
    yield bytes(held), True


def _seal_segment(key: bytes, name: str, number: int, last: bool, plain: bytes) -> bytes:
    # The key seals this one object only, so that the segment's number can be its nonce.
    return AESGCM(key).encrypt(struct.pack(">IQ", 0, number), plain, _bound(name, number, last))


def _open_segment(key: bytes, name: str, number: int, last: bool, sealed: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(struct.pack(">IQ", 0, number), sealed, _bound(name, number, last))
    except (InvalidTag, ValueError):
        raise SealBroken from None


def _bound(name: str, number: int, last: bool) -> bytes:
    return f"{name}:{number}:{'last' if last else 'more'}".encode()


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
