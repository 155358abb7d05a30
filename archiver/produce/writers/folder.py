"""The package while it is being written: complete under its own name, or not there at all."""

import hmac
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO

from archiver.errors import Refused
from schema.wire.manifest import ManifestFile

MARK = "INCOMPLETE.txt"
_MARK_TEXT = "This production was not finished. Build it again; this folder may be removed.\n"
_CHUNK = 1 << 20


class HashedFile:
    """A file that is digested as it is written."""

    def __init__(self, out: IO[bytes] | None) -> None:
        """out: None where the bytes are there already and only to be digested."""
        self._out, self._digest, self.size = out, sha256(), 0

    def write(self, data: bytes) -> None:
        """Write and digest."""
        if self._out is not None:
            self._out.write(data)
        self._digest.update(data)
        self.size += len(data)

    @property
    def sha256(self) -> str:
        """Hex digest of all that was written."""
        return self._digest.hexdigest()


class PackageFolder:
    """Writes below DIR.partial and renames it to DIR at the end.

    files: every file listed so far (about half a kilobyte of memory each).
    """

    def __init__(self, target: Path, seed: bytes) -> None:
        self.target, self._seed = target, seed
        self.partial = target.with_name(target.name + ".partial")
        self.work = self.partial / ".work"
        self.files: list[ManifestFile] = []

    def begin(self) -> None:
        """Make the partial folder, replacing what an earlier run left; raises Refused where something is in the way."""
        if self.target.is_symlink() or (self.target.exists() and not _is_empty_folder(self.target)):
            raise Refused(reason=f"{self.target} exists and is not empty", action="Name a new folder with --out.")
        if self.partial.is_symlink() or self.partial.exists():
            if self.partial.is_symlink() or not (self.partial / MARK).is_file():
                raise Refused(reason=f"{self.partial} is in the way", action="Move it away, or name another --out.")
            shutil.rmtree(self.partial)
        self.partial.mkdir(parents=True)
        (self.partial / MARK).write_text(_MARK_TEXT, encoding="utf-8")
        self.work.mkdir()

    @contextmanager
    def new(self, path: str) -> Iterator[HashedFile]:
        """Open a new file of the package (path: safe parts joined by /) and list it once it is written."""
        full = self._place(path)
        with full.open("xb") as out:
            hashed = HashedFile(out)
            yield hashed
        self._list(path, hashed)

    def add_written(self, path: str) -> None:
        """List a file that another writer put at `place(path)`."""
        hashed = HashedFile(None)
        with self._place(path).open("rb") as written:
            while chunk := written.read(_CHUNK):
                hashed.write(chunk)
        self._list(path, hashed)

    def place(self, path: str) -> Path:
        """Where a file of the package lies now, its folder made."""
        return self._place(path)

    def finish(self) -> None:
        """Make all bytes durable, then give the folder its name."""
        shutil.rmtree(self.work)
        (self.partial / MARK).unlink()
        for where, _, names in os.walk(self.partial, topdown=False):
            for name in [*names, "."]:
                _sync(os.path.join(where, name))
        if self.target.exists():
            self.target.rmdir()
        self.partial.rename(self.target)
        _sync(str(self.target.absolute().parent))

    def abandon(self) -> None:
        """Remove what was written."""
        shutil.rmtree(self.partial, ignore_errors=True)

    def _place(self, path: str) -> Path:
        full = self.partial.joinpath(*path.split("/"))
        full.parent.mkdir(parents=True, exist_ok=True)
        return full

    def _list(self, path: str, hashed: HashedFile) -> None:
        name = hmac.new(self._seed, b"file\0" + path.encode(), sha256).hexdigest()[:32]
        self.files.append(ManifestFile(name, path, hashed.sha256, hashed.size))


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _sync(path: str) -> None:
    if os.name == "nt" and os.path.isdir(path):  # Windows opens no folders
        return
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
