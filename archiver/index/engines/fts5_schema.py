"""The file `index.db`: its tables, how it is opened, and what its words look like.

One FTS5 column holds, line by line, the surface tokens of each zone and the facts as tokens.  A mark before each token
of another zone than the text gives every zone doclists of its own, so no query needs a column filter: `<` author,
`>` recipients, `~` thread, `#` the number of a field's value, `@` the number of a thread.  Our tokens hold no ASCII
sign but letters and digits, so marks never collide.  There is no stemmed twin: the table `term` knows the stem of each
token, and a stem is asked as the OR of its tokens (measured on 500,000 documents: half the bytes, twice the writing
speed, 4.7 instead of 3.2 ms for a word in 30 % of them).

The tokenizer is `ascii` with our marks: it separates at ASCII signs only, folds only A to Z and takes every other
character as it is; `unicode61` would fold and separate by the Unicode tables of the SQLite at hand.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archiver import tokens
from archiver.errors import DiskTrouble, Locked
from archiver.index.engines.files import IndexUnusable
from archiver.index.query import FieldName, Zone

LAYOUT = f"3 {tokens.VERSION}"
MARKS = {Zone.TEXT: "", Zone.AUTHOR: "<", Zone.RECIPIENTS: ">", Zone.THREAD: "~"}
LINES = tuple(MARKS)  # the order of the zones' lines in the FTS5 column; the facts come last
VALUE, THREAD = "#", "@"
BARRIER = "\ue000"  # fills the empty position between segments; private use, so never one of our tokens
SINGLE = (
    FieldName.PLATFORM,
    FieldName.SOURCE,
    FieldName.ACCOUNT,
    FieldName.DEVICE,
    FieldName.CUSTODIAN,
    FieldName.KIND,
    FieldName.SERIES,
    FieldName.CLASS,
)
MULTIPLE = (FieldName.LABEL, FieldName.IS, FieldName.HAS)
COLUMNS = ("sent_at", "thread_id", *(f'"{name}"' for name in (*SINGLE, *MULTIPLE)))

# `fact` is narrow so that 50,000 lookups stay quick; a column of a field holds the number of its value, for label, is
# and has the number of the whole list (few different lists occur).  `document` is read for what is shown only.
_TABLES = f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE fact (record_id INTEGER PRIMARY KEY, {", ".join(f"{column} INTEGER" for column in COLUMNS)});
CREATE INDEX fact_by_date ON fact (sent_at, record_id);
CREATE TABLE document (record_id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE value (id INTEGER PRIMARY KEY AUTOINCREMENT, field TEXT NOT NULL, shown TEXT NOT NULL, folded TEXT);
CREATE UNIQUE INDEX value_by_shown ON value (field, shown);
CREATE INDEX value_by_folded ON value (field, folded);
CREATE TABLE term (token TEXT PRIMARY KEY, stem TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX term_by_stem ON term (stem);
CREATE VIRTUAL TABLE fts USING fts5(words, columnsize=0, tokenize="ascii tokenchars '<>~#@'");
INSERT INTO fts (fts, rank) VALUES ('automerge', 8);
INSERT INTO fts (fts, rank) VALUES ('hashsize', {64 << 20});
INSERT INTO meta VALUES ('layout', '{LAYOUT}'), ('watermark', 0), ('size', 0), ('generation', 0);
"""  # noqa: S608  (made of our own names)


def connect(path: Path, readonly: bool) -> sqlite3.Connection:
    """A connection whose writes are durable and leave no freed bytes behind.

    synchronous=FULL: a batch is durable when `write` returns, because its outbox row is deleted then and a destroyed
    record must not come back after a power loss; one sync per batch is not noticeable.
    secure_delete is on in some builds of SQLite only, and must be on in all.  mmap_size: reading maps the file, which
    halved the time of phrases and distances on 1,000,000 documents.
    """
    mode = "ro" if readonly else "rwc"
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=60, isolation_level=None, check_same_thread=False
    )
    try:
        for pragma in ("secure_delete=ON", "synchronous=FULL", "cache_size=-32768", "mmap_size=2000000000"):
            db.execute(f"PRAGMA {pragma}").close()
        if not readonly:
            for pragma in ("wal_autocheckpoint=8000", "journal_size_limit=67108864"):
                db.execute(f"PRAGMA {pragma}").close()
    except BaseException:
        db.close()
        raise
    return db


def prepare(db: sqlite3.Connection) -> None:
    """Make the tables of a new file; the caller holds the writer's lock."""
    if not db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
        db.execute("PRAGMA journal_mode=WAL").close()
        db.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")


def empty(db: sqlite3.Connection) -> None:
    """Remove all content within the caller's transaction; numbers of values are not used again."""
    db.execute("DROP TABLE fts")
    for table in ("fact", "document", "value", "term", "meta"):
        db.execute(f"DROP TABLE {table}")
    for statement in _TABLES.split(";"):
        if statement.strip():
            db.execute(statement)


def check(db: sqlite3.Connection, path: Path) -> None:
    """Raises IndexUnusable where the file is not an index of this layout and these tokens."""
    try:
        row = db.execute("SELECT value FROM meta WHERE name = 'layout'").fetchone()
    except sqlite3.OperationalError as error:
        raise IndexUnusable(folder=path.parent, reason=f"index.db is not a search index ({error})") from error
    if row is None or row[0] != LAYOUT:
        raise IndexUnusable(folder=path.parent, reason="it was written by another version of this program")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about the file into ours, which say what to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error)
        if any(sign in text for sign in ("full", "disk I/O", "readonly")):  # SQLite tries to read what it cannot write
            raise DiskTrouble(reason=text, where=str(path)) from error
        if "locked" in text or "busy" in text:
            raise Locked(holder="another program that reads or writes index.db") from error
        if any(word in text for word in ("malformed", "not a database", "corrupt", "unable to open")):
            raise IndexUnusable(folder=path.parent, reason=text) from error
        raise
