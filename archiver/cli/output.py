"""What commands print: data on stdout, talk on stderr, one JSON object with `schema` first."""

import errno
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from enum import Enum
from typing import Any, Protocol

from archiver.errors import ArchiverError, DiskTrouble, FileTrouble, Refused


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def as_json(schema: str, fields: Mapping[str, Any]) -> None:
    """Print one object, its schema first."""
    sys.stdout.write(json.dumps({"schema": schema, **fields}, ensure_ascii=False, default=_plain) + "\n")


def shape(value: Any) -> None:
    """Print one of the registered wire shapes."""
    from schema.wire.shape import as_json as fields_of

    sys.stdout.write(json.dumps(fields_of(value), ensure_ascii=False) + "\n")


def data(text: str) -> None:
    """Print a line of data."""
    sys.stdout.write(text + "\n")


def talk(text: str) -> None:
    """Say something to the person at the terminal."""
    sys.stderr.write(text + "\n")


def failure(code: str, message: str, hint: str, where: str | None, *, as_json: bool) -> None:
    """Say what went wrong and what to do now, on stderr, and as JSON on stdout where that was asked for."""
    stop = "" if not hint or message.endswith((".", "!", "?", ":")) else "."
    place = f" [{where}]" if where else ""
    talk(f"archiver: {message}{stop}{place} {hint}".strip())
    if as_json:
        error = {"code": code, "message": message, "hint": hint, "where": where}
        sys.stdout.write(
            json.dumps({"schema": "failure/1", "outcome": "failed", "error": error}, ensure_ascii=False) + "\n"
        )


_NOT_THE_DISK = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG)


def known_trouble(error: Exception) -> ArchiverError | None:
    """The archive's own error for trouble that other libraries report; None for a fault of the program."""
    import sqlite3

    import sqlalchemy.exc as database_errors

    text = str(getattr(error, "orig", error))
    if isinstance(error, (database_errors.IntegrityError, database_errors.InternalError)) and "guard: " in text:
        reason = text.split("guard: ", 1)[1].splitlines()[0]
        return Refused(reason=reason, action="The database itself refuses this; see `archiver hold list`.")
    if isinstance(error, OSError) and error.errno in _NOT_THE_DISK:
        return FileTrouble(reason=error.strerror or str(error), where=error.filename)
    if isinstance(error, OSError):
        return DiskTrouble(reason=error.strerror or str(error), where=error.filename)
    if isinstance(error, (database_errors.OperationalError, sqlite3.OperationalError)):
        return DiskTrouble(reason=text.splitlines()[0])
    return None


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows under headings (all empty: none), aligned on a terminal, tab-separated into a pipe."""
    listed = [["" if cell is None else str(_shown(cell)) for cell in row] for row in rows]
    headed = any(headings)
    if not sys.stdout.isatty():
        for row in (list(headings), *listed) if headed else listed:
            data("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in row))
        return
    from rich.console import Console
    from rich.table import Table

    shown = Table(*headings, box=None, pad_edge=False, show_header=headed)
    for row in listed:
        shown.add_row(*row)
    Console(markup=False, highlight=False).print(shown)


def _shown(cell: Any) -> Any:
    if isinstance(cell, (list, tuple, set, frozenset)):
        return ", ".join(str(_shown(one)) for one in cell)
    return _plain(cell) if isinstance(cell, (Enum, date, bytes)) else cell


class Advance(Protocol):
    """Reports progress: done so far, total where it is known, in what unit."""

    def __call__(self, done: int, total: int | None = None) -> None:
        """Show it."""
        ...


@contextmanager
def progress(label: str, unit: str) -> Iterator[Advance]:
    """Show progress on a terminal; silent into a pipe or log."""
    if not sys.stderr.isatty():
        yield lambda done, total=None: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed} " + unit),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)

        def advance(done: int, total: int | None = None) -> None:
            bar.update(task, completed=done, total=total)

        yield advance
