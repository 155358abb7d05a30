"""Which index an archive uses, opening it, and whose turn it is to write it."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from archiver.archive import Archive
from archiver.index.engines.contract import Engine
from archiver.index.engines.registry import open_engine

DEFAULT = "fts5"
TURN = "turn.lock"
_CHOICE = "engine.json"


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine in use, and where below the index folder its files lie ("": in the index folder itself)."""

    engine: str = DEFAULT
    folder: str = ""


def chosen(archive: Archive) -> Choice:
    """The index in use: as the last rebuild or `index use` left it, else the default."""
    try:
        found = json.loads((archive.index_folder / _CHOICE).read_text())
    except FileNotFoundError:
        return Choice()
    return Choice(found["engine"], found.get("folder", ""))


def engine_name(archive: Archive) -> str:
    """The engine in use."""
    return chosen(archive).engine


def choose_engine(archive: Archive, name: str, folder: str = "") -> None:
    """Make an index the one in use from the next opening on, durably and at once; it is complete before."""
    archive.index_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = archive.index_folder / f"{_CHOICE}.part"
    with temporary.open("w") as file:
        file.write(json.dumps({"engine": name, "folder": folder}))
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(archive.index_folder / _CHOICE)
    handle = os.open(archive.index_folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_index(archive: Archive, name: str | None = None) -> Engine:
    """Open the index in use for reading and writing; made empty where there is none.

    name: another engine than the one in use.
    """
    archive.index_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    while True:
        choice = chosen(archive)
        if name not in (None, choice.engine):
            return open_engine(str(name), archive.index_folder)
        engine = open_engine(choice.engine, archive.index_folder / choice.folder)
        if chosen(archive) == choice:
            return engine
        engine.close()  # a rebuild put another index in its place just now


@contextmanager
def index_turn(archive: Archive, choice: Choice) -> Iterator[bool]:
    """A turn to write the index that was in use when it was opened; several may have one at a time.

    False while an index is rebuilt, and for good once another took the place of `choice`: what is not written then
    stays in the outbox, and the rebuild, or whoever opens the index next, works it off.
    """
    with _turn(archive) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield chosen(archive) == choice


@contextmanager
def index_alone(archive: Archive, *, wait: bool = True) -> Iterator[bool]:
    """Nobody else writes the index while the block runs; the kernel ends this when the process dies.

    wait: for those who are writing now; otherwise False comes back when there are any.
    """
    with _turn(archive) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


@contextmanager
def _turn(archive: Archive) -> Iterator[int]:
    archive.index_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = os.open(archive.index_folder / TURN, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield file
    finally:
        os.close(file)
