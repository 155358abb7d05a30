"""Writing batches into `index.db`: what is dear (cutting words, stems, JSON) is done before the lock is taken."""

import json
import sqlite3
import zlib
from collections.abc import Iterable, Sequence

from archiver.index.document import Document
from archiver.index.engines.fts5_schema import BARRIER, COLUMNS, LINES, MARKS, MULTIPLE, SINGLE, THREAD, VALUE
from archiver.index.engines.match import segments, shown
from archiver.index.query import FieldName
from archiver.tokens import stem

_PLAIN = 600  # bytes of a body up to which deflating costs more time than it saves space
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_KNOWN = 400_000  # tokens and values remembered between batches, about 60 MB


class Prepared:
    """A document cut into tokens and packed."""

    __slots__ = ("body", "document", "lines", "tokens")

    def __init__(self, document: Document) -> None:
        self.document = document
        self.body = pack(document)
        self.lines: list[str] = []
        self.tokens: set[str] = set()
        for zone in LINES:
            found = segments(document, zone)
            mark = MARKS[zone]
            self.tokens.update(*found)
            self.lines.append(f" {BARRIER} ".join(mark + f" {mark}".join(part) for part in found))


def pack(document: Document) -> bytes:
    """What is shown of a document and stands in no column of `fact`."""
    parts = (
        document.version,
        document.offset_min,
        document.captured_at,
        document.source_id,
        document.thread_title,
        document.author,
        document.recipients,
        document.title,
        document.text,
        document.files,
    )
    body = _JSON(parts).encode("utf-8", "surrogatepass")
    return body if len(body) <= _PLAIN else zlib.compress(body, 1)


def unpack(record_id: int, facts: Sequence[int | None], fields: Sequence[tuple[str, ...]], body: bytes) -> Document:
    """The document again.

    facts: (sent_at, thread_id).  fields: the values of each field in the order of SINGLE and MULTIPLE.
    """
    plain = body if body[:1] == b"[" else zlib.decompress(body)
    version, offset, captured, source_id, thread_title, author, recipients, title, text, files = json.loads(
        plain.decode("utf-8", "surrogatepass")
    )
    (platform,), (source,), (account,), (device,), (custodian,), (kind,), (series,), (data_class,) = fields[
        : len(SINGLE)
    ]
    labels, states, contents = fields[len(SINGLE) :]
    return Document(
        record_id=record_id,
        version=version,
        sent_at=facts[0],
        offset_min=offset,
        captured_at=captured,
        source_id=source_id,
        source=source,
        account=account,
        device=device,
        custodian=custodian,
        platform=platform,
        kind=kind,
        series=series,
        data_class=data_class,
        thread_id=facts[1],
        thread_title=thread_title,
        author=tuple(author),
        recipients=tuple(recipients),
        title=title,
        text=text,
        files=tuple((name, found) for name, found in files),
        labels=labels,
        states=states,
        contents=contents,
    )  # fmt: skip  (a list of names, no table)


class Writer:
    """Puts prepared documents into the tables; remembers which tokens and values the file holds already."""

    def __init__(self) -> None:
        self._generation = -1
        self._numbers: dict[tuple[FieldName, str | tuple[str, ...]], int] = {}
        self._fields: dict[tuple[str | tuple[str, ...], ...], tuple[tuple[int, ...], str]] = {}
        self._tokens: set[str] = set()

    def forget(self) -> None:
        """After a batch that was not committed, or that another process cleaned up."""
        self._numbers.clear()
        self._fields.clear()
        self._tokens.clear()

    def stems(self, prepared: Sequence[Prepared]) -> list[tuple[str, str]]:
        """The tokens that the file may not hold yet with their stems; dear, so it is done before the lock."""
        fresh = set().union(*(one.tokens for one in prepared)) - self._tokens
        return [(token, stem(token)) for token in sorted(fresh)]

    def put(
        self,
        db: sqlite3.Connection,
        prepared: Sequence[Prepared],
        terms: list[tuple[str, str]],
        removed: Iterable[int],
        watermark: int,
    ) -> None:
        """Write one batch within the caller's transaction.

        prepared: ascending by record id, each id once.  terms: what `stems` found for them.
        """
        (generation,) = db.execute("SELECT value FROM meta WHERE name = 'generation'").fetchone()
        remembered = len(self._tokens) + len(self._numbers) + len(self._fields)
        if generation != self._generation or remembered > _KNOWN:
            self.forget()
            self._generation = generation
            terms = self.stems(prepared)
        asked = json.dumps([one.document.record_id for one in prepared] + list(removed))
        gone = db.execute(
            "SELECT record_id FROM fact WHERE record_id IN (SELECT value FROM json_each(?)) ORDER BY record_id",
            (asked,),
        ).fetchall()
        for table, key in (("fts", "rowid"), ("fact", "record_id"), ("document", "record_id")):
            db.executemany(f"DELETE FROM {table} WHERE {key} = ?", gone)  # noqa: S608  (names from the line above)
        db.executemany("INSERT OR IGNORE INTO term VALUES (?, ?)", terms)
        self._tokens.update(token for token, _ in terms)
        rows = [self._row(db, one) for one in prepared]
        slots = ", ".join("?" * (len(COLUMNS) + 1))
        db.executemany(f"INSERT INTO fact VALUES ({slots})", [fact for fact, _ in rows])  # noqa: S608  (only `?`)
        db.executemany("INSERT INTO fts (rowid, words) VALUES (?, ?)", [words for _, words in rows])
        db.executemany("INSERT INTO document VALUES (?, ?)", [(one.document.record_id, one.body) for one in prepared])
        db.execute("UPDATE meta SET value = max(value, ?) WHERE name = 'watermark'", (watermark,))
        db.execute("UPDATE meta SET value = value + ? WHERE name = 'size'", (len(prepared) - len(gone),))

    def _row(self, db: sqlite3.Connection, one: Prepared) -> tuple[tuple[int | None, ...], tuple[int, str]]:
        document = one.document
        columns, facts = self._fields_of(db, document)
        if document.thread_id is not None:
            facts = f"{facts} {THREAD}{document.thread_id}"
        words = "\n".join((*one.lines, facts))
        return (document.record_id, document.sent_at, document.thread_id, *columns), (document.record_id, words)

    def _fields_of(self, db: sqlite3.Connection, document: Document) -> tuple[tuple[int, ...], str]:
        """The columns of `fact`, and the words that fields are asked with; most documents of a run share them."""
        # fmt: off
        key = (
            document.platform, document.source, document.account, document.device, document.custodian, document.kind,
            document.series, document.data_class, document.labels, document.states, document.contents,
        )
        # fmt: on
        known = self._fields.get(key)
        if known is None:
            fields = shown(document)
            columns = [self._number(db, name, fields[name][0]) for name in SINGLE]
            tokens = [number for name, number in zip(SINGLE, columns, strict=True) if fields[name][0]]
            for name in MULTIPLE:
                tokens += [self._number(db, name, value) for value in dict.fromkeys(fields[name]) if value]
                columns.append(self._number(db, name, fields[name]))
            known = self._fields[key] = tuple(columns), " ".join(f"{VALUE}{number}" for number in tokens)
        return known

    def _number(self, db: sqlite3.Connection, name: FieldName, value: str | tuple[str, ...]) -> int:
        """The number of a value, or of a list of values, as JSON in ASCII, so that any string can be kept."""
        number = self._numbers.get((name, value))
        if number is None:
            text = json.dumps(value)
            row = db.execute("SELECT id FROM value WHERE field = ? AND shown = ?", (name.value, text)).fetchone()
            if row is None:
                folded = json.dumps(value.casefold()) if isinstance(value, str) else ""
                row = db.execute(
                    "INSERT INTO value (field, shown, folded) VALUES (?, ?, ?) RETURNING id", (name.value, text, folded)
                ).fetchone()
            number = self._numbers[name, value] = int(row[0])
        return number
