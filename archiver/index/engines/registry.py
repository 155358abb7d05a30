"""The embedded engines by name."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archiver.index.engines.contract import Engine

ENGINES = ("fts5", "whoosh")


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


def discard(name: str, folder: Path) -> None:
    """Remove an engine's files before a rebuild, also those that cannot be opened; no other process may use them."""
    if name == "fts5":
        for path in folder.glob("index.db*"):
            path.unlink()
    elif (folder / "whoosh").is_dir():
        from shutil import rmtree

        rmtree(folder / "whoosh")
