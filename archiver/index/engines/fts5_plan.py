"""From a question to SQL: words and fields in one FTS5 expression, dates and numbers in conditions on `fact`.

A plan means: documents that match the FTS5 expression (None: all) and the condition.  Everything is exact: what FTS5
cannot say is asked wider there and verified on the tokens, and then stands in the plan as a list of ids.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from archiver.index.engines.fts5_schema import LINES, MARKS, THREAD, VALUE
from archiver.index.engines.fts5_words import alternatives, is_prefix
from archiver.index.engines.match import stands
from archiver.index.query import (
    And,
    Everything,
    Field,
    Fuzzy,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    RecordIs,
    Sent,
    Term,
    ThreadIs,
    Undated,
    Wildcard,
    Word,
    Zone,
)

_MANY = 500  # operands of one FTS5 expression; its parser copies them all for each one more
_NATIVE_PREFIX = 50  # FTS5 merges the doclists of a prefix faster than an OR of more tokens than this
_COMBINATIONS = 256  # phrases that one phrase of alternatives may become
_DEEPEST = 10  # nesting that FTS5's and SQLite's parsers (stacks of 100) surely take


@dataclass(frozen=True, slots=True)
class Plan:
    """match: an FTS5 expression.  where: a condition on `fact f` with its bound values.  depth: how deep they nest."""

    match: str | None = None
    where: str = "1"
    values: tuple[object, ...] = ()
    depth: int = 1

    @property
    def pure(self) -> bool:
        """Whether FTS5 alone answers it."""
        return self.match is not None and self.where == "1"

    def source(self) -> tuple[str, list[object]]:
        """FROM and WHERE (without a closing part) that yield `f.record_id` and the columns of fact f."""
        if self.match is None:
            return f"FROM fact f WHERE {self.where}", [*self.values]
        join = "FROM fts CROSS JOIN fact f ON f.record_id = fts.rowid WHERE fts MATCH ?"
        return f"{join} AND {self.where}", [self.match, *self.values]


_NOTHING = Plan(where="0")


def plan(db: sqlite3.Connection, node: Node) -> Plan:
    """How to find the documents of a node, within the caller's read transaction."""
    found = _plan(db, node)
    return _listed(matching_ids(db, found)) if found.depth > _DEEPEST else found


def matching_ids(db: sqlite3.Connection, found: Plan) -> Iterable[int]:
    """Every id of a plan, ascending."""
    if found.pure:
        rows = db.execute("SELECT rowid FROM fts WHERE fts MATCH ? ORDER BY rowid", (found.match,))
    else:
        source, values = found.source()
        rows = db.execute(f"SELECT f.record_id {source} ORDER BY f.record_id", values)
    return (number for (number,) in rows)


def _plan(db: sqlite3.Connection, node: Node) -> Plan:  # noqa: C901, PLR0911  (one line per kind of node)
    match node:
        case Everything():
            return Plan()
        case Term() | Wildcard() | Fuzzy():
            return _word(db, node)
        case Phrase():
            return _phrase(db, node)
        case Near():
            return _near(db, node)
        case Field():
            return _field(db, node)
        case ThreadIs():
            return Plan(match=_quoted(f"{THREAD}{int(node.thread_id)}"))
        case RecordIs():
            return _listed(node.ids)
        case Sent():
            return _sent(node)
        case Undated():
            return Plan(where="f.sent_at IS NULL")
        case And():
            return _and(db, node)
        case Or():
            return _or(db, [plan(db, part) for part in node.parts])
        case Not():
            inner = plan(db, node.part)
            condition, values = _condition(inner)
            return Plan(where=f"NOT {condition}", values=values, depth=inner.depth + 1)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _listed(ids: Iterable[int]) -> Plan:
    return Plan(where="f.record_id IN (SELECT value FROM json_each(?))", values=(json.dumps(list(ids)),))


def _sent(node: Sent) -> Plan:
    parts = ["f.sent_at IS NOT NULL"]
    values = []
    if node.since is not None:
        parts.append("f.sent_at >= ?")
        values.append(node.since)
    if node.until is not None:
        parts.append("f.sent_at < ?")
        values.append(node.until)
    return Plan(where=f"({' AND '.join(parts)})", values=tuple(values))


def _field(db: sqlite3.Connection, node: Field) -> Plan:
    rows = db.execute(
        "SELECT id FROM value WHERE field = ? AND folded IN (SELECT value FROM json_each(?))",
        (node.name.value, json.dumps([json.dumps(value) for value in node.values if value])),
    )
    return _any(db, [_quoted(f"{VALUE}{number}") for (number,) in rows])


def _any(db: sqlite3.Connection, expressions: Sequence[str], depth: int = 1) -> Plan:
    """Documents of at least one FTS5 expression, however many there are."""
    if not expressions:
        return _NOTHING
    if len(expressions) <= _MANY:
        return Plan(match=f"({' OR '.join(expressions)})", depth=depth)
    found: set[int] = set()
    for at in range(0, len(expressions), _MANY):
        found.update(matching_ids(db, Plan(match=" OR ".join(expressions[at : at + _MANY]))))
    return _listed(sorted(found))


def _word(db: sqlite3.Connection, word: Word) -> Plan:
    mark = MARKS[word.zone]
    tokens = alternatives(db, word)
    if is_prefix(word) and isinstance(word, Wildcard) and len(tokens) > _NATIVE_PREFIX:
        return Plan(match=_quoted(mark + word.pattern[:-1]) + " *")
    return _any(db, [_quoted(mark + token) for token in tokens])


class _Operand:
    """Words at adjacent positions with the tokens that each may be."""

    def __init__(self, db: sqlite3.Connection, operand: Word | Phrase) -> None:
        self.words: tuple[Word, ...] = operand.words if isinstance(operand, Phrase) else (operand,)
        self.tokens = {word: frozenset(alternatives(db, word)) for word in self.words}
        self.zone = self.words[0].zone if self.words else Zone.TEXT

    @property
    def possible(self) -> bool:
        return bool(self.words) and all(self.tokens.values()) and len({word.zone for word in self.words}) == 1

    @property
    def combinations(self) -> int:
        count = 1
        for word in self.words:
            count *= len(self.tokens[word])
        return count

    def expressions(self) -> list[str]:
        """Each way to say it in tokens, as an FTS5 phrase."""
        mark = MARKS[self.zone]
        ways = product(*(sorted(self.tokens[word]) for word in self.words))
        return [_quoted(" ".join(mark + token for token in way)) for way in ways]


def _phrase(db: sqlite3.Connection, node: Phrase) -> Plan:
    operand = _Operand(db, node)
    if not operand.possible:
        return _NOTHING
    if operand.combinations <= _COMBINATIONS:
        return _any(db, operand.expressions())
    return _verified(db, node, _all([plan(db, word) for word in node.words]), [operand])


def _near(db: sqlite3.Connection, node: Near) -> Plan:
    left = [operand for operand in (_Operand(db, part) for part in node.left) if operand.possible]
    right = [operand for operand in (_Operand(db, part) for part in node.right) if operand.possible]
    zones = {operand.zone for operand in (*left, *right)}
    if node.distance < 1 or not left or not right or len(zones) > 1:
        return _NOTHING
    ways = sum(operand.combinations for operand in left) * sum(operand.combinations for operand in right)
    if ways > _COMBINATIONS:
        sides = [_or(db, [plan(db, part) for part in side]) for side in (node.left, node.right)]
        return _verified(db, node, _all(sides), [*left, *right])
    # FTS5 counts the tokens between and knows no order; it may let the operands overlap where they share a token.
    pairs = product((x for part in left for x in part.expressions()), (x for part in right for x in part.expressions()))
    wide = Plan(match=f"({' OR '.join(f'NEAR({a} {b}, {node.distance - 1})' for a, b in pairs)})")
    apart = _vocabulary(left).isdisjoint(_vocabulary(right))
    return wide if apart and not node.ordered else _verified(db, node, wide, [*left, *right])


def _vocabulary(operands: Sequence[_Operand]) -> set[str]:
    return {token for operand in operands for tokens in operand.tokens.values() for token in tokens}


def _verified(db: sqlite3.Connection, node: Phrase | Near, wide: Plan, operands: Sequence[_Operand]) -> Plan:
    """Those of a wider plan's documents in whose tokens the node really stands."""
    tokens: dict[Word, frozenset[str]] = {}
    for operand in operands:
        tokens |= operand.tokens
    line, mark = LINES.index(operands[0].zone), MARKS[operands[0].zone]
    marked = {word: frozenset(mark + token for token in found) for word, found in tokens.items()}
    every = frozenset().union(*marked.values())
    found = []
    if wide.pure:
        rows = db.execute("SELECT rowid, words FROM fts WHERE fts MATCH ?", (wide.match,))
    else:
        condition, values = _condition(wide)
        rows = db.execute(
            f"SELECT f.record_id, fts.words FROM fact f CROSS JOIN fts ON fts.rowid = f.record_id WHERE {condition}",  # noqa: S608  (our own text)
            values,
        )
    for number, content in rows:
        at: dict[str, list[int]] = {}
        for position, token in enumerate(content.split("\n")[line].split(" ")):
            if token in every:
                at.setdefault(token, []).append(position)

        def find(word: Word, at: dict[str, list[int]] = at) -> list[int]:
            """Positions of a word in this document."""
            return sorted(position for token in marked.get(word, frozenset()) & at.keys() for position in at[token])

        if stands(node, find):
            found.append(number)
    return _listed(found)


def _condition(found: Plan) -> tuple[str, tuple[object, ...]]:
    """A whole plan as a condition on `fact f`."""
    if found.match is None:
        return f"({found.where})", found.values
    member = "f.record_id IN (SELECT rowid FROM fts WHERE fts MATCH ?)"
    if found.pure:
        return f"({member})", (found.match,)
    return f"({member} AND {found.where})", (found.match, *found.values)


def _and(db: sqlite3.Connection, node: And) -> Plan:
    wanted = _all([plan(db, part) for part in node.parts if not isinstance(part, Not)])
    unwanted = [plan(db, part.part) for part in node.parts if isinstance(part, Not)]
    words = [found.match for found in unwanted if found.pure and found.match]
    match, depth = wanted.match, max([wanted.depth, *(found.depth for found in unwanted)]) + 1
    if match and words:
        match = f"({match} NOT ({' OR '.join(words)}))"
        unwanted = [found for found in unwanted if not found.pure]
    parts = [(wanted.where, wanted.values)]
    for found in unwanted:
        condition, values = _condition(found)
        parts.append((f"NOT {condition}", values))
    where, values = _joined(parts, "AND")
    return Plan(match, where, values, depth)


def _all(plans: Sequence[Plan]) -> Plan:
    matches = list(dict.fromkeys(found.match for found in plans if found.match is not None))
    where, values = _joined([(found.where, found.values) for found in plans], "AND")
    depth = 1 + max((found.depth for found in plans), default=0)
    return Plan(f"({' AND '.join(matches)})" if matches else None, where, values, depth)


def _or(db: sqlite3.Connection, plans: Sequence[Plan]) -> Plan:
    if not plans:
        return _NOTHING
    words = list(dict.fromkeys(found.match for found in plans if found.pure and found.match))
    others = [found for found in plans if not found.pure and found.where != "0"]
    depth = 1 + max(found.depth for found in plans)
    together = _any(db, words, depth)
    if not others:
        return together
    parts = [_condition(found) for found in ([together] if words else []) + others]
    where, values = _joined(parts, "OR")
    return Plan(None, where, values, depth)


def _joined(parts: Sequence[tuple[str, tuple[object, ...]]], operator: str) -> tuple[str, tuple[object, ...]]:
    """Conditions as a balanced tree, because SQLite limits the depth of an expression, not its size."""
    parts = [part for part in parts if part[0] != "1"] if operator == "AND" else parts
    if not parts:
        return "1", ()
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    left, right = _joined(parts[:half], operator), _joined(parts[half:], operator)
    return f"({left[0]} {operator} {right[0]})", (*left[1], *right[1])
