"""A BagIt bag while it is being written: complete under its own name, or not there at all (RFC 8493)."""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256, sha512
from pathlib import Path
from typing import IO, Any

from archiver.errors import Refused

MARK = "INCOMPLETE.txt"
_MARK_TEXT = "This bag was not finished. Send the transfer again; this folder may be removed.\n"
_DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_ALGORITHMS = {"sha256": sha256, "sha512": sha512}
_PLAIN_PATH = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")
"""Paths of ours need no escapes in a manifest, and are valid on every operating system."""
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class BagFile:
    """A file of the payload: its path in the bag, size in bytes, hex SHA-256."""

    path: str
    size: int
    sha256: str


class _Digested:
    """A file that is digested as it is written."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out, self.size = out, 0
        self._digests: dict[str, Any] = {name: make() for name, make in _ALGORITHMS.items()}

    def write(self, data: bytes) -> None:
        """Write and digest."""
        self._out.write(data)
        self.size += len(data)
        for one in self._digests.values():
            one.update(data)

    def hex(self, name: str) -> str:
        """The digest of all that was written."""
        return str(self._digests[name].hexdigest())


class Bag:
    """Writes below TARGET.part and renames it to TARGET at the end; memory does not grow with the payload.

    octets, streams: bytes and number of the payload's files so far (Payload-Oxum).
    """

    def __init__(self, target: Path) -> None:
        self.target, self.part = target, target.with_name(target.name + ".part")
        self.octets = self.streams = 0
        self._manifests: dict[str, IO[bytes]] = {}
        self._open = ExitStack()

    def __enter__(self) -> "Bag":
        """Make the unfinished folder, replacing an earlier run's; raises Refused where something is in the way."""
        if self.target.is_symlink() or (self.target.exists() and not _is_empty_folder(self.target)):
            raise Refused(reason=f"{self.target} exists and is not empty", action="Name a new folder with --out.")
        if self.part.is_symlink() or self.part.exists():
            if self.part.is_symlink() or not (self.part / MARK).is_file():
                raise Refused(reason=f"{self.part} is in the way", action="Move it away, or name another --out.")
            shutil.rmtree(self.part)
        (self.part / "data").mkdir(parents=True, mode=0o700)
        (self.part / MARK).write_text(_MARK_TEXT, encoding="utf-8")
        for name in _ALGORITHMS:
            self._manifests[name] = self._open.enter_context((self.part / f"manifest-{name}.txt").open("xb"))
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Remove what was written unless it was finished."""
        self._open.close()
        if self.part.exists():
            shutil.rmtree(self.part, ignore_errors=True)

    @contextmanager
    def new(self, path: str) -> Iterator[_Digested]:
        """Open a file of the payload; it is listed in the manifests once it is written.

        path: below `data`, plain ASCII parts joined by `/`.
        """
        if not _PLAIN_PATH.fullmatch(path):
            raise ValueError(path)
        full = self.part / "data" / path
        full.parent.mkdir(parents=True, exist_ok=True)
        with full.open("xb") as out:
            digested = _Digested(out)
            yield digested
            out.flush()
            os.fsync(out.fileno())
        for name, manifest in self._manifests.items():
            manifest.write(f"{digested.hex(name)}  data/{path}\n".encode())
        self.octets += digested.size
        self.streams += 1

    def add(self, path: str, chunks: Iterable[bytes]) -> BagFile:
        """Write a file of the payload from a stream."""
        with self.new(path) as out:
            for chunk in chunks:
                out.write(chunk)
        return BagFile(f"data/{path}", out.size, out.hex("sha256"))

    def finish(self, info: Sequence[tuple[str, str]]) -> bytes:
        """Write the tag files, make everything durable, give the folder its name.

        info: names and values of bag-info.txt; Payload-Oxum is added.
        Returns the SHA-256 of tagmanifest-sha256.txt, which covers every other file of the bag.
        """
        self._open.close()
        (self.part / "bagit.txt").write_bytes(_DECLARATION)
        rows = [*info, ("Payload-Oxum", f"{self.octets}.{self.streams}")]
        text = "".join(f"{name}: {' '.join(value.split())}\n" for name, value in rows)
        (self.part / "bag-info.txt").write_bytes(text.encode("utf-8", "replace"))
        tags = ("bag-info.txt", "bagit.txt", *(f"manifest-{name}.txt" for name in _ALGORITHMS))
        for name, make in _ALGORITHMS.items():
            lines = "".join(f"{_digest(self.part / tag, make)}  {tag}\n" for tag in tags)
            (self.part / f"tagmanifest-{name}.txt").write_text(lines, encoding="ascii")
        whole = sha256((self.part / "tagmanifest-sha256.txt").read_bytes()).digest()
        (self.part / MARK).unlink()
        for tag in (*tags, *(f"tagmanifest-{name}.txt" for name in _ALGORITHMS)):
            _sync(str(self.part / tag))
        for where, _, _ in os.walk(self.part, topdown=False):
            _sync(where)
        if self.target.exists():
            self.target.rmdir()
        self.part.rename(self.target)
        _sync(str(self.target.absolute().parent))
        return whole


def _digest(path: Path, make: Any) -> str:
    found = make()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return str(found.hexdigest())


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _sync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
