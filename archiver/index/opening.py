"""Which engine an archive uses, and opening it."""

import json

from archiver.archive import Archive
from archiver.index.engines.contract import Engine
from archiver.index.engines.registry import open_engine

DEFAULT = "fts5"
_CHOICE = "engine.json"


def engine_name(archive: Archive) -> str:
    """The engine in use: as `index use` chose, else the default."""
    try:
        chosen: str = json.loads((archive.index_folder / _CHOICE).read_text())["engine"]
    except FileNotFoundError:
        return DEFAULT
    return chosen


def choose_engine(archive: Archive, name: str) -> None:
    """Make an engine the one in use from the next opening on; it is rebuilt before."""
    archive.index_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = archive.index_folder / f"{_CHOICE}.part"
    temporary.write_text(json.dumps({"engine": name}))
    temporary.rename(archive.index_folder / _CHOICE)


def open_index(archive: Archive, name: str | None = None) -> Engine:
    """Open the index for reading and writing; made empty where there is none."""
    archive.index_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return open_engine(name or engine_name(archive), archive.index_folder)
