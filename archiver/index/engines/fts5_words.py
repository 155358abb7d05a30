"""Which surface tokens a word of the question stands for, looked up in the table `term`."""

import re
import sqlite3

from archiver.index.engines.match import expression, literal_start, pieces, within
from archiver.index.query import Fuzzy, Term, Wildcard, Word
from archiver.tokens import stem

_TOKEN = re.compile("[a-z0-9\u0080-\ud7ff\uf900-\U0010ffff]+")  # what our marks and the tokenizer leave whole

_HALF = re.compile("[\ud800-\udfff]")  # half a character: no token holds one, SQLite takes none


def alternatives(db: sqlite3.Connection, word: Word) -> list[str]:
    """The tokens that the index may hold for a word, ascending; empty: it matches nothing."""
    if isinstance(word, Wildcard):
        return _matching(db, word)
    if isinstance(word, Fuzzy):
        return _similar(db, word)
    if not _TOKEN.fullmatch(word.token):
        return []
    if isinstance(word, Term) and word.stem:
        rows = db.execute("SELECT token FROM term WHERE stem = ? ORDER BY token", (stem(word.token),))
        return [token for (token,) in rows]
    return [word.token]


def is_prefix(word: Word) -> bool:
    """Whether a word is a wildcard whose only sign is a last `*`, which FTS5 answers itself."""
    return isinstance(word, Wildcard) and bool(_TOKEN.fullmatch(word.pattern[:-1])) and word.pattern.endswith("*")


def _matching(db: sqlite3.Connection, word: Wildcard) -> list[str]:
    if _HALF.search(word.pattern):
        return []
    start = literal_start(word)
    rows = db.execute(
        "SELECT token FROM term WHERE token >= ? AND token < ? AND token GLOB ? ORDER BY token",
        (start, start + "\U0010ffff", word.pattern.replace("[", "[[]")),
    )
    matches = expression(word).fullmatch
    return [token for (token,) in rows if matches(token)]


def _similar(db: sqlite3.Connection, word: Fuzzy) -> list[str]:
    """A token within the distance keeps one of distance + 1 parts unchanged: SQLite looks for these, we measure."""
    every = pieces(word)
    parts = [part for part in every if not _HALF.search(part)]
    if every and not parts:
        return []
    holds = " OR ".join(["instr(token, ?)"] * len(parts)) or "1"
    size = len(word.token)
    rows = db.execute(
        f"SELECT token FROM term WHERE length(token) BETWEEN ? AND ? AND ({holds}) ORDER BY token",  # noqa: S608  (only our own placeholders)
        (size - word.distance, size + word.distance, *parts),
    )
    return [token for (token,) in rows if within(word, token)]
