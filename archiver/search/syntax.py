"""Cuts a question into words, phrases, operators, fields and parentheses, each with its place."""

import re
from dataclasses import dataclass
from enum import StrEnum

from archiver.search.errors import BadDash, BadDistance, OpenQuote, TooLarge

MOST_CHARACTERS = 10_000
MOST_DISTANCE = 255


class Sign(StrEnum):
    """What a piece of a question is."""

    WORD = "word"
    PHRASE = "phrase"
    FIELD = "field"
    AND = "AND"
    OR = "OR"
    NOT = "NOT"
    NEAR = "near"
    OPEN = "("
    CLOSE = ")"
    END = "end"


@dataclass(frozen=True, slots=True)
class Lexeme:
    """A piece of a question; start and end: half-open, characters from 0.

    text: a word or operator as written, a phrase without its quotes, a field's name in lower case without the colon.
    distance, ordered: of a W/n or NEAR/n.
    """

    sign: Sign
    text: str
    start: int
    end: int
    distance: int = 0
    ordered: bool = False


_QUOTES = '"\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033\u2036\uff02'
_DASHES = "\u2012\u2013\u2014\u2015\u2212"
_SPACE = re.compile(r"\s+")
_TELEPHONE = re.compile(r"\(\d{3}\)[ .-]?\d{3}[ .-]\d{4}(?![\w])")
_FIELD = re.compile(r"([A-Za-z_]+):(?!//)")
_WORD = re.compile(rf"[^\s(){_QUOTES}]+")
_DISTANCE = re.compile(r"(w|near)/(.*)", re.IGNORECASE | re.DOTALL)


def lexemes(text: str) -> list[Lexeme]:
    """The pieces of a question, ended by one END.

    Raises OpenQuote, BadDistance, BadDash and TooLarge with the place.
    """
    if len(text) > MOST_CHARACTERS:
        raise TooLarge(position=MOST_CHARACTERS, most=MOST_CHARACTERS, what="characters")
    found: list[Lexeme] = []
    at = 0
    while at < len(text):
        space = _SPACE.match(text, at)
        if space:
            at = space.end()
            continue
        found.append(_next(text, at, found[-1] if found else None))
        at = found[-1].end
    found.append(Lexeme(Sign.END, "", len(text), len(text)))
    return found


def _next(text: str, at: int, before: Lexeme | None) -> Lexeme:
    sign = text[at]
    if sign in _QUOTES:
        end = next((place for place in range(at + 1, len(text)) if text[place] in _QUOTES), None)
        if end is None:
            raise OpenQuote(position=at)
        return Lexeme(Sign.PHRASE, text[at + 1 : end], at, end + 1)
    if sign == "(":
        telephone = _TELEPHONE.match(text, at)
        if telephone:
            return Lexeme(Sign.WORD, telephone[0], at, telephone.end())
        return Lexeme(Sign.OPEN, sign, at, at + 1)
    if sign == ")":
        return Lexeme(Sign.CLOSE, sign, at, at + 1)
    after_field = before is not None and before.sign is Sign.FIELD and before.end == at
    return _word(text, at, value=after_field)


def _word(text: str, at: int, *, value: bool) -> Lexeme:
    """A run without spaces, quotes and parentheses; value: it stands directly after a field's colon."""
    match = _WORD.match(text, at)
    assert match is not None  # the caller has seen that a word starts here
    word, end = match[0], match.end()
    if value:
        return Lexeme(Sign.WORD, word, at, end)
    alone = len(word) == 1
    before_group = alone and text[end : end + 1] in (*_QUOTES, "(")
    starts = at == 0 or text[at - 1].isspace() or text[at - 1] == "("
    if word[0] == "-" and starts and (before_group or (not alone and word[1] != "-")):
        return Lexeme(Sign.NOT, "-", at, at + 1)
    if word[0] in _DASHES and (before_group or not alone):
        raise BadDash(position=at, text=word[1:] or text[end])
    field = _FIELD.match(text, at)
    if field:
        return Lexeme(Sign.FIELD, field[1].lower(), at, field.end())
    if word.upper() in ("AND", "OR", "NOT"):
        return Lexeme(Sign(word.upper()), word, at, end)
    return _near(word, at, end) or Lexeme(Sign.WORD, word, at, end)


def _near(word: str, at: int, end: int) -> Lexeme | None:
    match = _DISTANCE.fullmatch(word)
    if match is None and word != "NEAR":
        return None
    number = match[2] if match else ""
    if not (number.isascii() and number.isdigit() and len(number) <= 4 and 1 <= int(number) <= MOST_DISTANCE):
        raise BadDistance(position=at, length=end - at, text=word, most=MOST_DISTANCE)
    ordered = match is not None and match[1].lower() == "w"
    return Lexeme(Sign.NEAR, word, at, end, int(number), ordered)
