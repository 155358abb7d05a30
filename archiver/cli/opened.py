"""Opening the archive that a command works on, as the person at the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

import typer

from archiver.access import Actor, current_actor
from archiver.archive import Archive, find_folder
from archiver.database import in_use
from archiver.errors import UsageError


@contextmanager
def opened(context: typer.Context) -> Iterator[Archive]:
    """The archive named by --archive, ARCHIVER_ARCHIVE or found upwards from here; others may use it as well."""
    folder = find_folder(context.find_root().obj, Path.cwd())
    with in_use(folder):  # before the key is read: a rotation that ends meanwhile would leave us with a retired one
        archive = Archive(folder)
        try:
            yield archive
        finally:
            archive.close()


def actor_of(archive: Archive) -> Actor:
    """The person bound to the login at this terminal; raises Refused."""
    with archive.reading() as session:
        return current_actor(session)


def number(written: str, letter: str) -> int:
    """An id as people write it (R123 or 123); raises UsageError."""
    digits = written[1:] if written[:1].upper() == letter else written
    if not digits.isdecimal():
        raise UsageError(problem=f"{written} is not a number like {letter}12")
    return int(digits)


def numbers(written: str, letter: str) -> list[int]:
    """Ids separated by commas or spaces; raises UsageError."""
    return [number(one, letter) for one in written.replace(",", " ").split()]


def day(written: datetime | None) -> date | None:
    """The day of a date option."""
    return None if written is None else written.date()


DAY = ["%Y-%m-%d"]
"""How dates are written in options (`formats=DAY`)."""

JSON = typer.Option("--json", help="Print one JSON object for scripts.")
