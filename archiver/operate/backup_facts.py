"""Facts and keys as SQLite files, each from one moment, whatever database the archive uses.

SQLite copies table by table inside one read transaction of its own: 0.5 s for 100,000 records (docs/decisions/0010).
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Table, create_mock_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.schema import CreateTable

from archiver.archive import Archive
from archiver.operate.backup_folder import sync_file
from schema.db.tables import metadata

KEY_TABLE = "owner_key"
"""The table that never lies beside the others."""
SEQUENCES = "backup_sequence"
"""Table of a backup's facts: the last id that each table ever gave."""

_BATCH = 5_000
_NOT_FACTS = ("alembic_version", KEY_TABLE)


@contextmanager
def portable(path: Path) -> Iterator[sqlite3.Connection]:
    """A new SQLite file without journal, made durable at the end: one that a crash leaves half written never counts."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    uri = path.absolute().as_uri()
    with closing(sqlite3.connect(f"{uri}?mode=rw", uri=True, isolation_level=None, check_same_thread=False)) as file:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "foreign_keys=OFF", "cache_size=-32768"):
            file.execute(f"PRAGMA {pragma}")
        file.execute("PRAGMA ignore_check_constraints=ON")  # checked where it comes from; lets SQLite copy whole rows
        yield file
    sync_file(path)


def copy_facts(archive: Archive, path: Path) -> Iterator[int]:
    """Write every table but the keys into a new file, all from one moment; yields rows copied so far."""
    yield from _copy(archive, path, keys=False)


def copy_keys(archive: Archive, path: Path) -> Iterator[int]:
    """Write the wrapped data keys into a new file; copied after the facts, it holds the key of every record in them."""
    yield from _copy(archive, path, keys=True)


def _copy(archive: Archive, path: Path, *, keys: bool) -> Iterator[int]:
    with portable(path) as file:
        if archive.database.sqlite:
            yield _from_sqlite(archive, file, keys=keys)
        else:
            yield from _from_postgresql(archive, file, keys=keys)


def _from_sqlite(archive: Archive, file: sqlite3.Connection, *, keys: bool) -> int:
    source = Path(str(make_url(archive.database.url).database)).absolute().as_uri()
    file.execute("ATTACH ? AS source", (f"{source}?mode=ro",))
    rows = 0
    file.execute("BEGIN")  # from the first read on, everything is seen as it was at that moment
    tables = file.execute("SELECT name, sql FROM source.sqlite_master WHERE type = 'table'").fetchall()
    for name, sql in tables:
        if (name == KEY_TABLE) if keys else not name.startswith("sqlite_") and name not in _NOT_FACTS:
            file.execute(sql)
            rows += file.execute(f'INSERT INTO main."{name}" SELECT * FROM source."{name}"').rowcount  # noqa: S608  (names of our own tables)
    if not keys:
        _note_sequences(file, file.execute("SELECT name, seq FROM source.sqlite_sequence").fetchall())
    file.execute("COMMIT")
    file.execute("DETACH source")
    return rows


def _from_postgresql(archive: Archive, file: sqlite3.Connection, *, keys: bool) -> Iterator[int]:
    rows = 0
    file.execute("BEGIN")
    with archive.reading() as session:
        connection = session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        for table in metadata.sorted_tables:
            if (table.name == KEY_TABLE) is not keys:
                continue
            file.execute(sqlite_ddl(table))
            columns = ", ".join(f'"{column.name}"' for column in table.columns)
            marks = ", ".join("?" for _ in table.columns)
            found = connection.execution_options(yield_per=_BATCH).execute(
                text(f'SELECT {columns} FROM "{table.name}"')  # noqa: S608  (names of our own tables)
            )
            for part in found.partitions():
                file.executemany(f'INSERT INTO "{table.name}" VALUES ({marks})', _plain(part))  # noqa: S608  (names of our own tables)
                rows += len(part)
                yield rows
        if not keys:
            _note_sequences(file, _sequences(connection))
    file.execute("COMMIT")


def _plain(rows: Sequence[Sequence[Any]]) -> Iterator[list[Any]]:
    for row in rows:
        yield [value.isoformat() if isinstance(value, date) else value for value in row]


def sqlite_ddl(table: Table) -> str:
    """CREATE TABLE of one of our tables in SQLite's words."""
    engine = create_mock_engine("sqlite://", lambda *_a, **_k: None)
    return str(CreateTable(table).compile(dialect=engine.dialect))


def _sequences(connection: Any) -> list[tuple[str, int]]:
    rows = connection.execute(
        text(
            "SELECT t.relname, s.last_value FROM pg_sequences s JOIN pg_class q ON q.relname = s.sequencename"
            " JOIN pg_depend d ON d.objid = q.oid AND d.deptype IN ('a', 'i') JOIN pg_class t ON t.oid = d.refobjid"
            " WHERE s.schemaname = current_schema() AND s.last_value IS NOT NULL AND t.relkind = 'r'"
        )
    )
    return [(str(name), int(last)) for name, last in rows]


def last_ids(archive: Archive) -> list[tuple[str, int]]:
    """The last id that each table of the archive ever gave."""
    with archive.reading() as session:
        connection = session.connection()
        if archive.database.sqlite:
            rows = connection.execute(text("SELECT name, seq FROM sqlite_sequence"))
            return [(str(name), int(last)) for name, last in rows]
        return _sequences(connection)


def _note_sequences(file: sqlite3.Connection, rows: Sequence[tuple[str, int]]) -> None:
    file.execute(f"CREATE TABLE {SEQUENCES} (name TEXT PRIMARY KEY, last INTEGER NOT NULL)")
    file.executemany(f"INSERT INTO {SEQUENCES} VALUES (?, ?)", rows)  # noqa: S608  (our own name)


@contextmanager
def opened_facts(path: Path) -> Iterator[sqlite3.Connection]:
    """A backup's file for reading, nothing in it can be changed; temporary tables may be made beside it."""
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection
