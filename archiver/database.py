"""The facts' database: units of work, the writers' lock, blocks of ids."""

import fcntl
import os
import sqlite3
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, insert, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from archiver.errors import DiskTrouble, Locked
from schema.db.city import counter, id_block

PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # an acknowledged record survives a power loss
    "PRAGMA foreign_keys=ON",
    "PRAGMA recursive_triggers=ON",  # without it INSERT OR REPLACE passes the guards (decision 8)
    "PRAGMA secure_delete=ON",
    "PRAGMA busy_timeout=20000",
    "PRAGMA cache_size=-32768",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA wal_autocheckpoint=4000",
)


class Database:
    """One database with many readers and, on SQLite, one writer at a time under a lock file."""

    def __init__(self, url: str, folder: Path) -> None:
        """url: a SQLAlchemy URL; a relative SQLite path starts at folder."""
        if url.startswith("sqlite:///") and not url.startswith("sqlite:////"):
            url = f"sqlite:///{folder / url.removeprefix('sqlite:///')}"
        self.url = url
        self.sqlite = url.startswith("sqlite")
        self._lock = folder / "archive.lock"
        self.engine = _engine(url, sqlite=self.sqlite)
        self._writing = self.engine.execution_options(writing=True)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A read transaction; keep it under five seconds, since a reader blocks truncation of the WAL."""
        with Session(self.engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A unit of work: committed as a whole at the end, or not at all."""
        with self._turn(), Session(self._writing) as session:
            try:
                yield session
                session.commit()
            except OperationalError as error:
                session.rollback()
                raise _disk_trouble(error) from None

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for the writers' lock in order of arrival.

        Two files: whoever waits for the lock holds the queue, so a bulk writer that has just finished
        cannot overtake a clerk (IMMEDIATE alone let it starve a decision: max 2.5 s).
        """
        if not self.sqlite:
            yield
            return
        with _flocked(self._lock) as lock, _flocked(self._lock.with_suffix(".queue")) as queue:
            fcntl.flock(queue, fcntl.LOCK_EX)
            fcntl.flock(lock, fcntl.LOCK_EX)
            fcntl.flock(queue, fcntl.LOCK_UN)
            yield

    @contextmanager
    def exclusive(self, purpose: str) -> Iterator[None]:
        """Keep every other command out (upgrade, restore, move, index use); raises Locked at once if one runs."""
        with _flocked(self._lock.with_suffix(".use")) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Locked(holder="a running command") from None
            os.ftruncate(file, 0)
            os.write(file, purpose.encode())
            yield

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Mark the archive as in use; raises Locked while someone has it exclusively."""
        with in_use(self._lock.parent):
            yield

    def close(self) -> None:
        """Release connections."""
        self.engine.dispose()


@contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Mark an archive as in use before it is opened; raises Locked while someone has it exclusively."""
    with _flocked(folder / "archive.use") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(file, 100, 0).decode(errors="replace") or "maintenance"
            raise Locked(holder=holder) from None
        yield


@contextmanager
def _flocked(path: Path) -> Iterator[int]:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield file
    finally:
        os.close(file)


def _engine(url: str, *, sqlite: bool) -> Engine:
    if not sqlite:
        return create_engine(url, isolation_level="READ COMMITTED", pool_pre_ping=True)
    engine = create_engine(url)

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("writing")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _disk_trouble(error: OperationalError) -> Exception:
    text = str(error.orig)
    if any(sign in text for sign in ("disk is full", "disk I/O error", "No space left")):
        return DiskTrouble(reason=text)
    return error


def reserve(session: Session, name: str, count: int) -> int:
    """The first of `count` ids of a table that nobody else will ever get; unused ones are skipped, never reused."""
    _ensure(session, id_block, name=name, next=1)
    first = session.execute(select(id_block.c.next).where(id_block.c.name == name).with_for_update()).scalar_one()
    session.execute(update(id_block).where(id_block.c.name == name).values(next=first + count))
    return int(first)


def next_number(session: Session, name: str, year: int) -> int:
    """The next number of a gapless series within a calendar year, in the caller's transaction."""
    _ensure(session, counter, name=name, year=year, last=0)
    where = (counter.c.name == name) & (counter.c.year == year)
    last = session.execute(select(counter.c.last).where(where).with_for_update()).scalar_one()
    session.execute(update(counter).where(where).values(last=last + 1))
    return int(last) + 1


def _ensure(session: Session, table: Table, **values: object) -> None:
    """Insert a row unless another session did: on PostgreSQL two may need the first number of a year at once."""
    key = [column == values[column.name] for column in table.primary_key]
    if session.execute(select(table).where(*key)).first() is None:
        if session.get_bind().dialect.name == "sqlite":
            session.execute(insert(table).values(values))
            return
        from sqlalchemy.dialects.postgresql import insert as upsert

        session.execute(upsert(table).values(values).on_conflict_do_nothing())


def insert_many(session: Session, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert many rows of the same columns, without the conversions of `insert()` (measured: a sixth of a collection).

    Values are what both drivers take as they are: int, str, bytes, bool, None.
    """
    if not rows:
        return
    connection = session.connection()
    quote = connection.dialect.identifier_preparer.quote
    columns = list(rows[0])
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    names, marks = ", ".join(map(quote, columns)), ", ".join([mark] * len(columns))
    statement = f"INSERT INTO {quote(table.name)} ({names}) VALUES ({marks})"  # noqa: S608  (names of our own tables)
    connection.exec_driver_sql(statement, list(map(itemgetter(*columns), rows)))


def compact(session: Session) -> DiskTrouble | None:
    """Move the WAL into the database file and empty it, as far as readers allow.

    Returns the disk's refusal, for whoever relies on an empty WAL; to all others the next checkpoint makes up for it.
    """
    try:
        session.connection().exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    except OperationalError as error:
        trouble = _disk_trouble(error)
        return trouble if isinstance(trouble, DiskTrouble) else None
    return None


class IdPool:
    """Ids in reserved blocks for bulk writers, so that content can be sealed for its place before the lock is taken."""

    FIRST, LARGEST = 64, 4_096

    def __init__(self, database: Database) -> None:
        self._database = database
        self._left: dict[str, deque[int]] = {}
        self._block: dict[str, int] = {}

    def take(self, name: str) -> int:
        """One id of a table."""
        left = self._left.get(name)
        if not left:
            block = min(self.LARGEST, self._block.get(name, self.FIRST // 2) * 2)
            with self._database.writing() as session:
                first = reserve(session, name, block)
            self._block[name] = block
            left = self._left[name] = deque(range(first, first + block))
        return left.popleft()

    def give_back(self) -> None:
        """Return what was reserved last and never used, unless someone reserved since; ids then stay consecutive."""
        with self._database.writing() as session:
            for name, left in self._left.items():
                if left:
                    session.execute(
                        update(id_block)
                        .where(id_block.c.name == name, id_block.c.next == left[-1] + 1)
                        .values(next=left[0])
                    )
        self._left.clear()
