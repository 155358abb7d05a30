"""The Whoosh directory: synced, marked as ours, and opened only in a state that we wrote.

Whoosh 2.7.4 never syncs a file and unpickles its table of contents (TOC) on opening, so a foreign directory could run
code.  `archiver-index.json` therefore names the SHA-256 of each TOC that we wrote with the watermark that belongs to
it, and a TOC is read only when the marker names it.  It guards against directories of others (a wrong path, a restored
copy), not against someone who may write into the archive's own folder.

Order on commit: segment files synced, new TOC synced under a temporary name, marker (old and new TOC) synced, TOC
renamed, directory synced.  A crash at any point leaves a TOC that the marker names, with its own watermark.
"""

import hashlib
import json
import os
import secrets
import time
from pathlib import Path

from whoosh.fields import Schema
from whoosh.filedb.filestore import FileStorage
from whoosh.filedb.structfile import StructFile
from whoosh.index import TOC, FileIndex

from archiver.index.engines.files import IndexUnusable

MARKER = "archiver-index.json"
LOCK = "index.lock"
NAME = "MAIN"
_PATIENCE = 200  # attempts of 20 ms to meet a state between two steps of a writer


class Marker:
    """The file that says what we wrote: a random id, the layout, and the watermark of each TOC by its digest."""

    def __init__(self, folder: Path, identity: str, layout: str, tocs: dict[str, int]) -> None:
        self._folder, self.identity, self.layout, self.tocs = folder, identity, layout, tocs

    @classmethod
    def new(cls, folder: Path, layout: str) -> "Marker":
        """A marker for a directory that we are about to fill."""
        return cls(folder, secrets.token_hex(16), layout, {})

    @classmethod
    def read(cls, folder: Path) -> "Marker | None":
        """The marker of a directory, None where there is none that can be read."""
        try:
            found = json.loads((folder / MARKER).read_bytes())
            return cls(
                folder, str(found["id"]), str(found["layout"]), {str(k): int(v) for k, v in found["tocs"].items()}
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def save(self) -> None:
        """Replace the file durably."""
        temporary = self._folder / f"{MARKER}.new"
        text = json.dumps({"id": self.identity, "layout": self.layout, "tocs": self.tocs})
        temporary.write_text(text)
        sync(temporary)
        temporary.rename(self._folder / MARKER)
        sync(self._folder)


def sync(path: Path) -> None:
    """Make a file's bytes, or a directory's names, survive a power loss."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class SyncedStorage(FileStorage):  # type: ignore[misc]  # whoosh has no types
    """Files of one directory; a TOC gets its name only after all it speaks of is durable.

    watermark: what the next TOC will stand for.
    """

    def __init__(self, folder: Path, marker: Marker) -> None:
        super().__init__(str(folder))
        self.watermark = 0
        self._path = folder
        self._marker = marker
        self._fresh: set[str] = set()

    def create_file(self, name: str, **options: object) -> StructFile:
        """Open a new file for writing; it is synced before the next TOC."""
        self._fresh.add(name)
        return super().create_file(name, **options)

    def rename_file(self, oldname: str, newname: str, safe: bool = False) -> None:
        """Give a file its final name, a TOC in the order that the module describes."""
        for name in self._fresh:
            path = self._path / name
            if path.exists():
                sync(path)
        self._fresh.clear()
        if newname.endswith(".toc"):
            marker = Marker.read(self._path) or self._marker
            present = {_digest(path) for path in self._path.glob(f"_{NAME}_*.toc")}
            marker.tocs = {digest: mark for digest, mark in marker.tocs.items() if digest in present}
            marker.tocs[_digest(self._path / oldname)] = self.watermark
            marker.save()
        super().rename_file(oldname, newname, safe=safe)
        sync(self._path)


class OwnIndex(FileIndex):  # type: ignore[misc]  # whoosh has no types
    """An index whose TOC is read only when our marker names it; the schema is ours, never the pickled one."""

    def __init__(self, folder: Path, storage: SyncedStorage, schema: Schema) -> None:
        self.storage, self._schema, self.indexname = storage, schema, NAME
        self._folder = folder
        self._read_toc()

    def _read_toc(self) -> TOC:
        return self.state()[0]

    def state(self) -> tuple[TOC, int]:
        """The newest TOC and its watermark.  Raises IndexUnusable where the marker does not name it."""
        for _ in range(_PATIENCE):
            generation = self.latest_generation()
            marker = Marker.read(self._folder)
            path = self._folder / TOC._filename(NAME, generation)
            try:
                digest = _digest(path)
                if marker is not None and digest in marker.tocs:
                    toc = TOC.read(self.storage, NAME, gen=generation, schema=self._schema)
                    return toc, marker.tocs[digest]
            except FileNotFoundError:
                pass  # a writer has just replaced it
            time.sleep(0.02)
        raise IndexUnusable(folder=self._folder, reason="its table of contents was not written by this program")


def open_index(folder: Path, schema: Schema, layout: str) -> tuple[OwnIndex, SyncedStorage]:
    """Open, or make, the index of a directory; the caller holds the writer's lock.

    Raises IndexUnusable where the directory holds files but not our marker, or the marker of another version.
    """
    marker = Marker.read(folder)
    if marker is None:
        if any(path.name not in (LOCK, f"{MARKER}.new") for path in folder.iterdir()):
            raise IndexUnusable(folder=folder, reason="this program did not write that directory")
        marker = Marker.new(folder, layout)
        marker.save()
    if marker.layout != layout:
        raise IndexUnusable(folder=folder, reason="it was written by another version of this program")
    storage = SyncedStorage(folder, marker)
    if TOC._latest_generation(storage, NAME) < 0:
        TOC.create(storage, schema, NAME)
    return OwnIndex(folder, storage, schema), storage


def sweep(folder: Path, toc: TOC) -> None:
    """Remove what a crash left: every file that neither the newest TOC nor the locks and the marker need."""
    segments = {segment.segment_id() for segment in toc.segments}
    keep = {MARKER, LOCK, f"{NAME}_WRITELOCK", TOC._filename(NAME, toc.generation)}
    for path in folder.iterdir():
        if path.is_file() and path.name not in keep and path.name.split(".")[0] not in segments:
            path.unlink()
    sync(folder)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
