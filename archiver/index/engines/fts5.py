"""The embedded default engine: SQLite FTS5 in one file `index.db`, quick to about 10,000,000 documents."""

import json
import os
import sqlite3
import threading
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from archiver.errors import Locked
from archiver.index.document import Document
from archiver.index.engines import fts5_pages, fts5_schema
from archiver.index.engines.contract import Place
from archiver.index.engines.files import IndexUnusable, only_writer
from archiver.index.engines.fts5_plan import Plan, matching_ids, plan
from archiver.index.engines.fts5_schema import COLUMNS, MULTIPLE, SINGLE
from archiver.index.engines.fts5_write import Prepared, Writer, unpack
from archiver.index.query import FieldName, Node, Not

_WALK = 3_000  # matches from which walking the date index beats sorting them all (measured: 3 ms against 4)
_FACTS = ", ".join(f"f.{column}" for column in COLUMNS)


class Fts5Engine:
    """One index file; safe for several threads, and for several processes beside one writer.

    path: of `index.db`; its lock file lies beside it.  readonly: refuses to write, never makes files.
    Raises IndexUnusable where the file is no index or was written by another version.
    """

    name = "fts5"

    def __init__(self, path: Path, *, readonly: bool = False) -> None:
        self._path = path
        self._lock = path.with_suffix(".lock")
        self._readonly = readonly
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []
        self._writer = Writer()
        self._writing = threading.Lock()
        self._shown: dict[int, str | tuple[str, ...]] = {}
        if readonly and not path.exists():
            raise IndexUnusable(folder=path.parent, reason="there is no index.db")
        try:
            with fts5_schema.explained(path):
                if not readonly:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with only_writer(self._lock):
                        fts5_schema.prepare(self._db())
                fts5_schema.check(self._db(), path)
        except BaseException:
            self.close()
            raise

    def write(self, documents: Sequence[Document], removed: Sequence[int], watermark: int) -> None:
        """Add or replace documents and remove records in one durable batch; what is removed is not added.

        Of several documents of one record the last counts.
        """
        gone = set(removed)
        newest = {document.record_id: document for document in documents if document.record_id not in gone}
        prepared = [Prepared(newest[number]) for number in sorted(newest)]
        terms = self._writer.stems(prepared)
        with self._change() as db:
            self._writer.put(db, prepared, terms, gone, watermark)

    def watermark(self) -> int:
        """The highest watermark written, 0 for an empty index."""
        with self._read() as db:
            (value,) = db.execute("SELECT value FROM meta WHERE name = 'watermark'").fetchone()
            return int(value)

    def size(self) -> int:
        """How many documents the index holds."""
        with self._read() as db:
            return _size(db)

    def count(self, node: Node) -> int:
        """How many documents match, exactly."""
        with self._read() as db:
            if isinstance(node, Not):
                return _size(db) - _count(db, plan(db, node.part))
            return _count(db, plan(db, node))

    def ids(self, node: Node) -> Iterator[int]:
        """Every matching record id, ascending; taken at once (8 bytes each), so that no reader holds up the writer."""
        with self._read() as db:
            found = array("q", matching_ids(db, plan(db, node)))
        return iter(found)

    def page(self, node: Node, limit: int, after: Place | None = None, newest_first: bool = True) -> list[Place]:
        """The next `limit` matches in order (sent_at, id) after a place; those of unknown time come last either way."""
        with self._read() as db:
            found = plan(db, node)
            places: list[Place] = []
            if after is None or after.sent_at is not None:
                places = _dated(db, found, limit, after, newest_first)
            if len(places) < limit:
                since = after.record_id if after is not None and after.sent_at is None else None
                places += _undated(db, found, limit - len(places), since, newest_first)
            return places

    def facets(self, node: Node, names: Sequence[FieldName]) -> dict[FieldName, list[tuple[str, int]]]:
        """For each field the values as shown of the matches with exact counts, largest first, then by value."""
        totals: dict[FieldName, Counter[str]] = {name: Counter() for name in names}
        with self._read() as db:
            source, values = plan(db, node).source()
            columns = ", ".join(f'f."{name}"' for name in totals)
            if columns:
                rows = db.execute(f"SELECT count(*), {columns} {source} GROUP BY {columns}", values)
                for count, *numbers in rows:
                    for name, number in zip(totals, numbers, strict=True):
                        value = self._value(db, number)
                        for one in dict.fromkeys((value,) if isinstance(value, str) else value):
                            if one:
                                totals[name][one] += count
        return {name: sorted(total.items(), key=lambda pair: (-pair[1], pair[0])) for name, total in totals.items()}

    def documents(self, ids: Sequence[int]) -> list[Document]:
        """The documents of these records, in the order asked; unknown ids are left out."""
        with self._read() as db:
            rows = db.execute(
                f"SELECT f.record_id, d.body, {_FACTS} FROM json_each(?) AS asked "  # noqa: S608  (our own text)
                "CROSS JOIN fact f ON f.record_id = asked.value CROSS JOIN document d ON d.record_id = f.record_id",
                (json.dumps(list(ids)),),
            ).fetchall()
            return [self._document(db, row) for row in rows]

    def has_words(self, words: Sequence[str]) -> set[str]:
        """Those of the given surface tokens that the dictionary still holds, deleted documents included."""
        with self._read() as db:
            asked = json.dumps(list(words))
            rows = db.execute("SELECT token FROM term WHERE token IN (SELECT value FROM json_each(?))", (asked,))
            held = {token for (token,) in rows}
            for word in set(words) - held:
                if any(fts5_pages.holds(db, mark + word) for mark in fts5_schema.MARKS.values()):
                    held.add(word)
            return held

    def scrub(self) -> None:
        """Rewrite the files so that nothing of removed documents stays in them.

        `optimize` drops words of removed documents from the dictionary, VACUUM writes every page anew (pages that were
        split keep old bytes in their gaps), the truncated log ends the last copy.  Takes the disk space once more.
        Raises Locked where a reader of another process stays in its transaction for over a minute.
        """
        with self._change() as db:
            db.execute("INSERT INTO fts (fts) VALUES ('optimize')")
            _forget_values(db)
            _forget_terms(db)
            db.execute("UPDATE meta SET value = value + 1 WHERE name = 'generation'")
        self._rewrite()

    def clear(self) -> None:
        """Empty the index for a rebuild."""
        with self._change() as db:
            (generation,) = db.execute("SELECT value FROM meta WHERE name = 'generation'").fetchone()
            fts5_schema.empty(db)
            db.execute("UPDATE meta SET value = ? WHERE name = 'generation'", (generation + 1,))
        self._rewrite()

    def close(self) -> None:
        """Release files and locks, of all threads."""
        while self._open:
            self._open.pop().close()
        self._local = threading.local()

    def _db(self) -> sqlite3.Connection:
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None:
            db = self._local.db = fts5_schema.connect(self._path, self._readonly)
            self._open.append(db)
        return db

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        """One consistent state for all statements inside."""
        with fts5_schema.explained(self._path):
            db = self._db()
            db.execute("BEGIN")
            try:
                yield db
            finally:
                db.execute("ROLLBACK")

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        if self._readonly:
            raise PermissionError("this index was opened for reading only")
        with self._writing, fts5_schema.explained(self._path), only_writer(self._lock):
            db = self._db()
            db.execute("PRAGMA mmap_size=0").close()  # mapped pages would count as a bulk writer's memory
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                self._writer.forget()
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def _rewrite(self) -> None:
        with self._writing, fts5_schema.explained(self._path), only_writer(self._lock):
            db = self._db()
            with _temporary_files_in(self._path.parent):
                db.execute("VACUUM")
            busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                raise Locked(holder="a reader of index.db")

    def _value(self, db: sqlite3.Connection, number: int) -> str | tuple[str, ...]:
        """What a number in `fact` stands for; never changes, so it is remembered."""
        if number not in self._shown:
            for key, text in db.execute("SELECT id, shown FROM value"):
                value = json.loads(text)
                self._shown[key] = value if isinstance(value, str) else tuple(value)
        return self._shown[number]

    def _document(self, db: sqlite3.Connection, row: Sequence[int | bytes | None]) -> Document:
        number, body, sent_at, thread_id, *numbers = row
        found = [self._value(db, key) for key in numbers if isinstance(key, int)]
        fields = [(value,) if isinstance(value, str) else value for value in found]
        assert isinstance(number, int) and isinstance(body, bytes) and len(fields) == len(SINGLE) + len(MULTIPLE)
        assert not isinstance(sent_at, bytes) and not isinstance(thread_id, bytes)
        return unpack(number, (sent_at, thread_id), fields, body)


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """Let SQLite's temporary copy lie on the archive's own, encrypted disk; it is unlinked while it is in use.

    SQLite says nothing where that fails: the plain text that an earlier copy left behind goes here, too.
    """
    before = os.environ.get("SQLITE_TMPDIR")
    os.environ["SQLITE_TMPDIR"] = str(folder.absolute())
    try:
        yield
    finally:
        if before is None:
            del os.environ["SQLITE_TMPDIR"]
        else:
            os.environ["SQLITE_TMPDIR"] = before
        for left in folder.glob("etilqs_*"):
            left.unlink(missing_ok=True)


def _size(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT value FROM meta WHERE name = 'size'").fetchone()[0])


def _count(db: sqlite3.Connection, found: Plan) -> int:
    if found == Plan():
        return _size(db)
    if found.pure:
        return int(db.execute("SELECT count(*) FROM fts WHERE fts MATCH ?", (found.match,)).fetchone()[0])
    source, values = found.source()
    return int(db.execute(f"SELECT count(*) {source}", values).fetchone()[0])


def _dated(db: sqlite3.Connection, found: Plan, limit: int, after: Place | None, newest_first: bool) -> list[Place]:
    sign, way = ("<", "DESC") if newest_first else (">", "ASC")
    beyond, bound = "f.sent_at IS NOT NULL", []
    if after is not None:
        beyond, bound = f"(f.sent_at, f.record_id) {sign} (?, ?)", [after.sent_at, after.record_id]
    order = f"ORDER BY f.sent_at {way}, f.record_id {way} LIMIT ?"
    common = 0 if found.match is None else _count(db, Plan(match=found.match))
    if common >= _WALK:
        # The budget: matches may all lie at the far end of the dates, then sorting them is quicker.
        walk = f"FROM fact f INDEXED BY fact_by_date WHERE {found.where} AND {beyond}"
        values = [*found.values, *bound]
        budget = 1_000 + 10 * limit * _size(db) // common
        end = db.execute(f"SELECT f.sent_at, f.record_id {walk} {order} OFFSET ?", [*values, 1, budget]).fetchone()
        if end is not None:
            walk, values = f"{walk} AND (f.sent_at, f.record_id) {'>' if newest_first else '<'} (?, ?)", [*values, *end]
        member = "f.record_id IN (SELECT rowid FROM fts WHERE fts MATCH ?)"
        rows = db.execute(
            f"SELECT f.sent_at, f.record_id {walk} AND {member} {order}", [*values, found.match, limit]
        ).fetchall()
        if len(rows) == limit or end is None:
            return [Place(sent_at, number) for sent_at, number in rows]
    source, values = found.source()
    rows = db.execute(
        f"SELECT f.sent_at, f.record_id {source} AND {beyond} {order}", [*values, *bound, limit]
    ).fetchall()
    return [Place(sent_at, number) for sent_at, number in rows]


def _undated(db: sqlite3.Connection, found: Plan, limit: int, since: int | None, newest_first: bool) -> list[Place]:
    sign, way = ("<", "DESC") if newest_first else (">", "ASC")
    beyond, bound = ("", []) if since is None else (f"AND f.record_id {sign} ?", [since])
    source, values = found.source()
    rows = db.execute(
        f"SELECT f.record_id {source} AND f.sent_at IS NULL {beyond} ORDER BY f.record_id {way} LIMIT ?",
        [*values, *bound, limit],
    )
    return [Place(None, number) for (number,) in rows]


def _forget_values(db: sqlite3.Connection) -> None:
    """Drop values that no document has any more."""
    living: set[int] = set()
    for name in (*SINGLE, *MULTIPLE):
        living.update(number for (number,) in db.execute(f'SELECT DISTINCT "{name}" FROM fact'))  # noqa: S608  (FieldName)
    held = db.execute("SELECT id, field, shown FROM value").fetchall()
    numbers = {(field, text): number for number, field, text in held}
    for number, field, text in held:
        if number in living and field in MULTIPLE:
            living.update(numbers[field, json.dumps(one)] for one in json.loads(text) if one)
    db.executemany("DELETE FROM value WHERE id = ?", [(number,) for number, _, _ in held if number not in living])


def _forget_terms(db: sqlite3.Connection) -> None:
    """Drop tokens that no document holds any more; the text zone has those of author and recipients too."""
    db.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, fts, row)")
    db.execute("CREATE TEMP TABLE living (token TEXT PRIMARY KEY) WITHOUT ROWID")
    try:
        db.execute("INSERT OR IGNORE INTO living SELECT ltrim(term, '~') FROM temp.vocabulary")
        db.execute("DELETE FROM term WHERE token NOT IN (SELECT token FROM living)")
    finally:
        db.execute("DROP TABLE living")
        db.execute("DROP TABLE temp.vocabulary")
