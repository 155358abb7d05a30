"""The embedded engines by name, and what they share: the writer's lock and the error that asks for a rebuild."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from archiver.errors import ArchiverError

if TYPE_CHECKING:
    from archiver.index.engines.contract import Engine

ENGINES = ("fts5", "whoosh")


class IndexUnusable(ArchiverError):
    """The search index in {folder} cannot be used: {reason}."""

    code, exit_code = "index_unusable", 1
    hint = "Run `archiver index rebuild`: it makes the index anew from the archive, nothing is lost."


def open_engine(name: str, folder: Path) -> "Engine":
    """Open, or make, the index of an engine.

    folder: where the engine keeps its files (`index.db`, or a directory `whoosh`).
    Raises IndexUnusable where the files are of another version or were not written by this program, ValueError for
    a name that is not in ENGINES.
    """
    if name == "fts5":
        from archiver.index.engines.fts5 import Fts5Engine

        return Fts5Engine(folder / "index.db")
    if name == "whoosh":
        from archiver.index.engines.whoosh import WhooshEngine

        return WhooshEngine(folder / "whoosh")
    raise ValueError(f"no engine named {name}; there are {', '.join(ENGINES)}")


@contextmanager
def only_writer(lock: Path) -> Iterator[None]:
    """Wait for, and hold, the lock file that lets one process write at a time (released by the kernel on a crash)."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def discard(name: str, folder: Path) -> None:
    """Remove an engine's files before a rebuild, also those that cannot be opened; no other process may use them."""
    if name == "fts5":
        for path in folder.glob("index.db*"):
            path.unlink()
    elif (folder / "whoosh").is_dir():
        from shutil import rmtree

        rmtree(folder / "whoosh")
