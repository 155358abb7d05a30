"""Reading of files that others put there: only inside the configured folder, only when finished, only up to a cap."""

import io
import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO

from connectors.contract import INLINE_LIMIT, Sink
from connectors.errors import Misconfigured, SkipItem
from schema.item import Blob

CHUNK = 64 << 10
_END_RECORD = b"PK\x05\x06"
_END_RECORD_64 = b"PK\x06\x06"
_ENCRYPTED = 0x1
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_READ_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)


class ArchiveRefused(SkipItem):
    """The archive file cannot be read safely: {detail}"""

    action = "Unpack it on a computer that may be lost, look at what it holds, and hand over the files themselves."


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """How much one archive file may unfold to, nested archives included.

    total: decompressed bytes.  ratio: decompressed over stored bytes, judged once `ratio_after` bytes came out.
    entries: members.  depth: archives within archives, 1 is a plain one.  nested: stored bytes of one inner archive.
    directory: bytes of the table of contents, which is read before its entries can be counted.
    """

    total: int = 64 << 30
    ratio: float = 200.0
    ratio_after: int = 10_000_000
    entries: int = 200_000
    depth: int = 3
    nested: int = 64 << 20
    directory: int = 24 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """One file in an archive; `name` is a label of strangers and never a path to write to.

    size: bytes as the archive declares them, which may be untrue.  problem: why `open` refuses, None when it does not.
    open: the decompressed bytes in chunks; raises SkipItem where they are damaged and ArchiveRefused beyond a limit.
    """

    name: str
    size: int
    open: Callable[[], Iterator[bytes]]
    problem: str | None = None


@dataclass(slots=True)
class _Budget:
    """What has come out of one archive file so far."""

    limits: ArchiveLimits
    label: str
    stored: int
    total: int = 0
    entries: int = 0

    def take(self, count: int) -> None:
        self.total += count
        if self.total > self.limits.total:
            raise ArchiveRefused(f"{self.label} unfolds to more than {self.limits.total:,} bytes", where=self.label)
        if self.total > self.limits.ratio_after and self.total > self.limits.ratio * max(1, self.stored):
            raise ArchiveRefused(
                f"{self.label} unfolds to over {self.limits.ratio:.0f} times its size", where=self.label
            )

    def count(self, entries: int) -> None:
        self.entries += entries
        if self.entries > self.limits.entries:
            raise ArchiveRefused(f"{self.label} holds more than {self.limits.entries:,} files", where=self.label)


def open_members(path: Path, *, limits: ArchiveLimits | None = None, nested: bool = False) -> Iterator[Member]:
    """Yield the files of a zip archive in its order, streamed; directories are passed over.

    nested: also yield what lies in inner .zip files, named "outer.zip!/inner", instead of those files.
    A Member must be opened before the iterator is closed.  Raises ArchiveRefused (limits, damage).
    """
    limits = limits or ArchiveLimits()
    try:
        handle = path.open("rb")
    except OSError as error:
        raise SkipItem(f"{path.name} cannot be opened ({error.strerror})", where=str(path)) from error
    with handle:
        budget = _Budget(limits, path.name, os.fstat(handle.fileno()).st_size)
        yield from _members(handle, "", 1, nested, budget)


def _members(handle: IO[bytes], prefix: str, depth: int, nested: bool, budget: _Budget) -> Iterator[Member]:
    if depth > budget.limits.depth:
        raise ArchiveRefused(f"{prefix or budget.label} lies too deep in archives within archives", where=budget.label)
    _check_directory(handle, budget)
    try:
        archive = zipfile.ZipFile(handle)
    except _READ_ERRORS as error:
        raise ArchiveRefused(f"{prefix or budget.label} is not a readable zip file ({error})", where=prefix) from error
    with archive:
        budget.count(len(archive.infolist()))
        for info in archive.infolist():
            if info.is_dir():
                continue
            name = prefix + info.filename
            problem = _member_problem(info)
            if nested and problem is None and info.filename.lower().endswith(".zip"):
                inner = io.BytesIO(_whole(archive, info, name, budget))
                yield from _members(inner, name + "!/", depth + 1, nested, budget)
            else:
                yield Member(name, info.file_size, _opener(archive, info, name, problem, budget), problem)


def _member_problem(info: zipfile.ZipInfo) -> str | None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if info.flag_bits & _ENCRYPTED:
        return "it is encrypted; unpack the archive with its password and hand over the files"
    if kind == stat.S_IFLNK:
        return "it is a symbolic link, which could point outside of the archive"
    if kind not in (0, stat.S_IFREG):
        return "it is a device or other special file"
    if info.compress_type not in _METHODS:
        return f"it is compressed by a method that is not read here ({info.compress_type})"
    return None


def _opener(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, problem: str | None, budget: _Budget
) -> Callable[[], Iterator[bytes]]:
    def chunks() -> Iterator[bytes]:
        if problem:
            raise SkipItem(f"{name}: {problem}", where=name)
        return _unfold(archive, info, name, budget)

    return chunks


def _unfold(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, budget: _Budget) -> Iterator[bytes]:
    """Yield a member's bytes; the budget counts what really comes out, so declared sizes may lie."""
    try:
        with archive.open(info) as handle:
            while chunk := handle.read(CHUNK):
                budget.take(len(chunk))
                yield chunk
    except _READ_ERRORS as error:
        raise SkipItem(f"{name} is damaged in its archive ({error})", where=name) from error


def _whole(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, budget: _Budget) -> bytes:
    parts, size = [], 0
    for chunk in _unfold(archive, info, name, budget):
        parts.append(chunk)
        size += len(chunk)
        if size > budget.limits.nested:
            raise ArchiveRefused(f"{name} is an inner archive over {budget.limits.nested:,} bytes", where=name)
    return b"".join(parts)


def _check_directory(handle: IO[bytes], budget: _Budget) -> None:
    """Refuse a huge table of contents before the library loads all of it (APPNOTE 6.3.10, 4.3.14 and 4.3.16)."""
    end = handle.seek(0, io.SEEK_END)
    handle.seek(max(0, end - (22 + 0xFFFF) - 76))
    tail = handle.read()
    handle.seek(0)
    at, at_64 = tail.rfind(_END_RECORD), tail.rfind(_END_RECORD_64)
    size = int.from_bytes(tail[at + 12 : at + 16], "little") if at >= 0 else 0
    if at_64 >= 0:
        size = max(0 if size == 0xFFFFFFFF else size, int.from_bytes(tail[at_64 + 40 : at_64 + 48], "little"))
    if size > budget.limits.directory:
        raise ArchiveRefused(f"{budget.label} has a table of contents of {size:,} bytes", where=budget.label)


def inside(folder: Path, path: Path) -> Path:
    """Return the real path when it lies in the folder, symbolic links followed; else raises Misconfigured."""
    root, real = folder.resolve(), path.resolve()
    if not real.is_relative_to(root):
        raise Misconfigured(f"{path.name} leads out of the folder {folder}", where=str(path))
    return real


def open_read(folder: Path, path: Path) -> IO[bytes]:
    """Open a regular file below the folder for reading only; raises Misconfigured (outside), SkipItem (unreadable)."""
    real = inside(folder, path)
    try:
        # Not following a link that was put there since, and not waiting at a pipe for a writer.
        handle = os.open(real, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise SkipItem(f"{path.name} cannot be opened ({error.strerror})", where=str(path)) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise SkipItem(f"{path.name} is not an ordinary file", where=str(path))
    return os.fdopen(handle, "rb")


def stable_file(
    path: Path, *, now_ms: Callable[[], int], sleep: Callable[[float], None], quiet: float = 2.0, age: float = 60.0
) -> bool:
    """Tell whether nobody is still writing a file.

    True when it was last changed at least `age` seconds ago, or when size, time and identity are the same in two looks
    `quiet` seconds apart; False when it is gone.
    """
    try:
        first = path.stat()
        if now_ms() / 1000 - first.st_mtime >= age:
            return True
        sleep(quiet)
        second = path.stat()
    except FileNotFoundError:
        return False
    return (first.st_size, first.st_mtime_ns, first.st_ino) == (second.st_size, second.st_mtime_ns, second.st_ino)


def spool_or_bytes(chunks: Iterable[bytes], sink: Sink) -> bytes | Blob:
    """Return a stream as bytes up to INLINE_LIMIT, else as the Blob that the sink makes of it."""
    source, head, size = iter(chunks), list[bytes](), 0
    for chunk in source:
        head.append(chunk)
        size += len(chunk)
        if size > INLINE_LIMIT:
            return sink.spool(chain(head, source))
    return b"".join(head)


def read_chunks(handle: IO[bytes]) -> Iterator[bytes]:
    """Yield an open file in chunks of bounded size."""
    while chunk := handle.read(CHUNK):
        yield chunk
