"""Reads what a person asked into the nodes that engines answer; what is not understood is an error, never a guess."""

from dataclasses import dataclass
from typing import NoReturn

from archiver.index.query import And, Everything, Fuzzy, Near, Node, Not, Or, Phrase, Term, Wildcard, Word
from archiver.search.dates import Calendar
from archiver.search.errors import (
    BadNear,
    BadValue,
    MissingValue,
    NestedField,
    NothingThere,
    NoWords,
    OpenParenthesis,
    QueryError,
    StrayParenthesis,
    TooLarge,
)
from archiver.search.leaves import Context, check_field, either, leaf
from archiver.search.syntax import Lexeme, Sign, lexemes

MOST_CLAUSES = 200
MOST_DEPTH = 20
_EXAMPLES = {
    "id": "R123",
    "platform": "sms",
    "kind": "message",
    "class": "private",
    "is": "edited",
    "has": "attachment",
}


@dataclass(frozen=True, slots=True)
class Leaf:
    """One clause of a question; start and end: half-open, characters from 0."""

    node: Node
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Query:
    """A question as written and as understood, with its clauses in order of writing."""

    text: str
    node: Node
    leaves: tuple[Leaf, ...]


def parse(text: str, *, timezone: str, now_ms: int) -> Query:
    """Read a question.

    timezone: the city's, an IANA name.  now_ms: milliseconds UTC, for "yesterday".  An empty question is Everything.
    Raises QueryError (a subclass that says what is wrong, where, and what to write instead).
    """
    parser = _Parser(lexemes(text))
    if parser.sees(Sign.END):
        return Query(text, Everything(), ())
    node = parser.either(Context(Calendar.at(timezone, now_ms)))
    if not parser.sees(Sign.END):
        raise StrayParenthesis(position=parser.next.start)
    return Query(text, node, tuple(parser.leaves))


class _Parser:
    """Recursive descent: OR, then AND or nothing, then NOT, then W/n and NEAR/n, then words and parentheses."""

    def __init__(self, pieces: list[Lexeme]) -> None:
        self.pieces = pieces
        self.at = 0
        self.depth = 0
        self.leaves: list[Leaf] = []

    @property
    def next(self) -> Lexeme:
        return self.pieces[self.at]

    def sees(self, *signs: Sign) -> bool:
        return self.next.sign in signs

    def take(self) -> Lexeme:
        piece = self.next
        self.at += 1
        return piece

    def either(self, context: Context) -> Node:
        parts = [self.all_of(context)]
        while self.sees(Sign.OR):
            operator = self.take()
            self.expect(operator)
            parts.append(self.all_of(context))
        if len(parts) == 1:
            return parts[0]
        flat = [inner for part in parts for inner in (part.parts if isinstance(part, Or) else (part,))]
        return either(flat) or Or(tuple(flat))

    def all_of(self, context: Context) -> Node:
        parts = [self.negated(context)]
        while not self.sees(Sign.OR, Sign.CLOSE, Sign.END):
            if self.sees(Sign.AND):
                self.expect(self.take())
            elif context.whole:
                self.refuse_row(context)
            parts.append(self.negated(context))
        flat = [inner for part in parts for inner in (part.parts if isinstance(part, And) else (part,))]
        return flat[0] if len(flat) == 1 else And(tuple(flat))

    def negated(self, context: Context) -> Node:
        if not self.sees(Sign.NOT):
            return self.near(context)
        operator = self.take()
        self.expect(operator)
        self.enter(operator)
        node = Not(self.negated(context))
        self.depth -= 1
        return node

    def near(self, context: Context) -> Node:
        start, before = self.next.start, len(self.leaves)
        left = self.primary(context)
        if not self.sees(Sign.NEAR):
            return left
        operator = self.take()
        self.expect(operator)
        if self.sees(Sign.NOT):
            _bad_near(operator, "NOT stands beside it")
        right = self.primary(context)
        if self.sees(Sign.NEAR):
            _bad_near(self.next, "a third operand cannot follow directly")
        sides = _operands(left, operator), _operands(right, operator)
        if len({_zone(operand) for side in sides for operand in side}) > 1:
            _bad_near(operator, "both sides must be of the same field")
        node = Near(*sides, distance=operator.distance, ordered=operator.ordered)
        self.leaves[before:] = [Leaf(node, start, self.pieces[self.at - 1].end)]
        return node

    def primary(self, context: Context) -> Node:
        piece = self.take()
        if piece.sign is Sign.OPEN:
            return self.group(piece, context)
        if piece.sign is Sign.FIELD:
            return self.field(piece, context)
        if piece.sign in (Sign.WORD, Sign.PHRASE):
            return self.keep(leaf(piece, context), piece.start, piece.end)
        if piece.sign is Sign.CLOSE:
            raise StrayParenthesis(position=piece.start)
        raise NothingThere(position=piece.start, length=len(piece.text), operator=piece.text, side="before")

    def group(self, opening: Lexeme, context: Context) -> Node:
        self.enter(opening)
        if self.sees(Sign.CLOSE):
            raise NoWords(position=opening.start, length=self.next.end - opening.start, text="()")
        if self.sees(Sign.END):
            raise OpenParenthesis(position=opening.start)
        node = self.either(context)
        if not self.sees(Sign.CLOSE):
            raise OpenParenthesis(position=opening.start)
        self.take()
        self.depth -= 1
        return node

    def field(self, piece: Lexeme, context: Context) -> Node:
        name = check_field(piece)
        if context.field is not None:
            raise NestedField(position=piece.start, length=piece.end - piece.start, name=name)
        if self.next.start != piece.end or not self.sees(Sign.WORD, Sign.PHRASE, Sign.OPEN):
            example = _EXAMPLES.get(name, "value")
            raise MissingValue(position=piece.start, length=piece.end - piece.start, field=name, example=example)
        inner = Context(context.calendar, name)
        value = self.take()
        if value.sign is Sign.OPEN:
            return self.group(value, inner)
        return self.keep(leaf(value, inner), piece.start, value.end)

    def keep(self, node: Node, start: int, end: int) -> Node:
        self.leaves.append(Leaf(node, start, end))
        if len(self.leaves) > MOST_CLAUSES:
            raise TooLarge(position=start, most=MOST_CLAUSES, what="words and conditions")
        return node

    def enter(self, piece: Lexeme) -> None:
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise TooLarge(position=piece.start, most=MOST_DEPTH, what="levels of parentheses and NOT")

    def expect(self, operator: Lexeme) -> None:
        """Refuse an operator after which nothing can be combined."""
        if self.sees(Sign.END, Sign.CLOSE, Sign.AND, Sign.OR, Sign.NEAR):
            raise NothingThere(position=operator.start, length=len(operator.text), operator=operator.text, side="after")

    def refuse_row(self, context: Context) -> NoReturn:
        piece, name = self.next, str(context.field)
        instead = f'Write OR between values, and quotes around a value with spaces: {name}:(one OR "two words")'
        raise BadValue(
            position=piece.start, length=piece.end - piece.start, field=name, value=piece.text, instead=instead
        )


def _operands(node: Node, operator: Lexeme) -> tuple[Word | Phrase, ...]:
    found: list[Word | Phrase] = []
    for part in node.parts if isinstance(node, Or) else (node,):
        if not isinstance(part, Term | Wildcard | Fuzzy | Phrase):
            _bad_near(operator, "something else stands beside it")
        found.append(part)
    return tuple(found)


def _zone(operand: Word | Phrase) -> str:
    return operand.words[0].zone if isinstance(operand, Phrase) else operand.zone


def _bad_near(operator: Lexeme, problem: str) -> NoReturn:
    error: QueryError = BadNear(
        position=operator.start, length=len(operator.text), operator=operator.text, problem=problem
    )
    raise error
