"""The dictionary of an FTS5 table as it lies in its segment pages, with words that only removed documents held.

`fts5vocab` hides words all of whose documents were deleted, although their bytes stay until a merge; a proof of
destruction must see them.  Source: the page format described at the head of SQLite's ext/fts5/fts5_index.c.
"""

import sqlite3
from collections.abc import Iterator

_MAIN = b"0"  # what a term of the main index starts with; prefix indexes, which we have none of, follow with "1"


def holds(db: sqlite3.Connection, word: str) -> bool:
    """Whether any segment of the table `fts` still has the word."""
    wanted = _MAIN + word.encode("utf-8", "surrogatepass")
    for (segment,) in db.execute("SELECT DISTINCT segid FROM fts_idx").fetchall():
        row = db.execute(
            "SELECT pgno >> 1 FROM fts_idx WHERE segid = ? AND term <= ? ORDER BY term DESC LIMIT 1", (segment, wanted)
        ).fetchone()
        if row is None:
            continue
        page = db.execute("SELECT block FROM fts_data WHERE id = ?", ((segment << 37) + row[0],)).fetchone()
        if page is not None and wanted in _terms(page[0]):
            return True
    return False


def _terms(page: bytes) -> Iterator[bytes]:
    """The terms that start on a leaf page.

    The page: two bytes, two bytes with the offset of its footer, the entries; the footer holds the offset of the first
    entry, then the distance of each next one, as varints.  A term shares the start of the one before: length shared
    (absent in the first), length of the rest, the rest.
    """
    footer = int.from_bytes(page[2:4], "big")
    offset, at, term = 0, footer, b""
    while at < len(page):
        step, at = _varint(page, at)
        first = offset == 0
        offset += step
        shared, start = (0, offset) if first else _varint(page, offset)
        size, start = _varint(page, start)
        term = term[:shared] + page[start : start + size]
        yield term


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """SQLite's variable-length integer (up to 8 bytes here) and where the next byte stands."""
    value = 0
    while True:
        byte = data[at]
        value = (value << 7) | (byte & 0x7F)
        at += 1
        if byte < 0x80:
            return value, at
