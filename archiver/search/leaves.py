"""Turns the words, phrases and field values of a question into the leaves that engines answer."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from archiver.index.query import (
    Field,
    FieldName,
    Fuzzy,
    Node,
    Phrase,
    RecordIs,
    Term,
    ThreadIs,
    Undated,
    Wildcard,
    Word,
    Zone,
)
from archiver.search.dates import FIELDS as DATE_FIELDS
from archiver.search.dates import Calendar, sent
from archiver.search.errors import BadFuzzy, BadValue, BadWildcard, NoWords, TooLarge, UnknownField, UnknownValue
from archiver.search.syntax import Lexeme, Sign
from archiver.tokens import words
from schema.vocab import DataClass, Kind, Platform

MOST_STARS = 3  # each more multiplies the work on a long token by its length
STATES = ("edited", "gone", "missing", "hidden", "unreadable", "held", "undated")
CONTENTS = ("attachment", "image", "audio", "video", "document", "link")
ZONES = {"from": Zone.AUTHOR, "by": Zone.AUTHOR, "to": Zone.RECIPIENTS, "thread": Zone.THREAD, "exact": Zone.TEXT}
VALUES: dict[str, tuple[str, ...]] = {
    "platform": tuple(Platform),
    "kind": tuple(Kind),
    "class": tuple(DataClass),
    "is": STATES,
    "has": CONTENTS,
}
FIELDS = (*ZONES, *FieldName, "id", *DATE_FIELDS)

_SAME = {
    "author": "from",
    "sender": "from",
    "recipient": "to",
    "recipients": "to",
    "since": "after",
    "until": "before",
    "sent": "on",
    "during": "on",
    "type": "kind",
    "tag": "label",
    "owner": "custodian",
    "person": "custodian",
    "record": "id",
    "channel": "platform",
    "text": "sms",
    "texts": "sms",
    "twitter": "x",
    "mail": "email",
    "e-mail": "email",
    "call": "call_log",
    "calls": "call_log",
    "deleted": "gone",
    "changed": "edited",
    "photo": "image",
    "picture": "image",
    "file": "attachment",
    "url": "link",
    "pdf": "document",
}  # fmt: skip  (one word per line would hide the pairs)
_STAR, _ONE = "\U00012000", "\U00012001"  # cuneiform letters hold the place of * and ? while a word is cut into tokens
_FUZZY = re.compile(r"(.*)~(\d*)", re.ASCII | re.DOTALL)
_NUMBER = re.compile(r"[Rr]?(\d{1,18})", re.ASCII)
_THREAD = re.compile(r"\d{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Context:
    """Where a leaf stands: within which field (None: none), and what today is."""

    calendar: Calendar
    field: str | None = None

    @property
    def whole(self) -> bool:
        """Whether values are compared whole, so that two of them beside each other can never match."""
        return self.field is not None and self.field not in ZONES


def check_field(lexeme: Lexeme) -> str:
    """The name of a known field; raises UnknownField with the nearest one."""
    name = lexeme.text
    if name not in FIELDS:
        known = ", ".join(FIELDS)
        suggestion = _near_match(name, FIELDS, ":")
        raise UnknownField(
            position=lexeme.start, length=lexeme.end - lexeme.start, name=name, suggestion=suggestion, known=known
        )
    return name


def leaf(lexeme: Lexeme, context: Context) -> Node:
    """The node of a word or phrase where it stands; raises a QueryError with its place."""
    name, quoted = context.field, lexeme.sign is Sign.PHRASE
    if name is None:
        return _text(lexeme, Zone.TEXT, stem=True)
    if not quoted and lexeme.text.startswith("-"):
        raise _bad(name, lexeme, f"To leave records out, put the hyphen before the field: -{name}:{lexeme.text[1:]}")
    if name in DATE_FIELDS:
        return sent(name, lexeme.text, lexeme.start + quoted, context.calendar)
    if name == "id":
        match = _NUMBER.fullmatch(lexeme.text.strip())
        if match is None:
            raise _bad(name, lexeme, "Write the number of a record, as in id:R123.")
        return RecordIs((int(match[1]),))
    if name == "thread" and not quoted and _THREAD.fullmatch(lexeme.text):
        return ThreadIs(int(lexeme.text))
    if name in ZONES:
        return _text(lexeme, ZONES[name], stem=name == "thread")
    return _fact(name, lexeme, quoted)


def either(parts: list[Node]) -> Node | None:
    """One leaf for alternatives of the same field or of record numbers, None where they are something else."""
    if all(isinstance(part, RecordIs) for part in parts):
        return RecordIs(
            tuple(dict.fromkeys(number for part in parts if isinstance(part, RecordIs) for number in part.ids))
        )
    names = {part.name if isinstance(part, Field) else None for part in parts}
    name = names.pop()
    if names or name is None:
        return None
    return Field(
        name, tuple(dict.fromkeys(value for part in parts if isinstance(part, Field) for value in part.values))
    )


def _fact(name: str, lexeme: Lexeme, quoted: bool) -> Node:
    value = lexeme.text.strip().casefold()
    if not value:
        raise _bad(name, lexeme, f"Write a value between the quotes, or leave {name}: out.")
    known = VALUES.get(name)
    if known is None:
        if not quoted and ("*" in value or "?" in value):
            raise _bad(name, lexeme, "This field is compared whole, without * and ?; write the whole name.")
        return Field(FieldName(name), (value,))
    plain = value.replace(" ", "_").replace("-", "_")
    if plain not in known:
        length = max(1, len(lexeme.text))
        raise UnknownValue(
            position=lexeme.start + quoted,
            length=length,
            field=name,
            value=lexeme.text,
            suggestion=_near_match(value, known),
            known=", ".join(known),
        )
    return Undated() if (name, plain) == ("is", "undated") else Field(FieldName(name), (plain,))


def _bad(name: str, lexeme: Lexeme, instead: str) -> BadValue:
    return BadValue(
        position=lexeme.start, length=lexeme.end - lexeme.start, field=name, value=lexeme.text, instead=instead
    )


def _near_match(value: str, known: Iterable[str], after: str = "") -> str:
    known = list(known)
    same = _SAME.get(value)
    close = [same] if same in known else get_close_matches(value, known, n=1)
    return f"Did you mean {close[0]}{after}? " if close else ""


def _text(lexeme: Lexeme, zone: Zone, *, stem: bool) -> Word | Phrase:
    """A word or phrase of the text; several tokens (an address, a number, a hyphen) are adjacent words."""
    text, quoted = lexeme.text, lexeme.sign is Sign.PHRASE
    position, length = lexeme.start, lexeme.end - lexeme.start
    link = "://" in text or text[:4].lower() == "www."
    if not quoted and not link:
        fuzzy = _FUZZY.fullmatch(text)
        if fuzzy or text[0] == "~":
            return _fuzzy(fuzzy, lexeme, zone)
    if link:
        found: list[Word] = [Term(token, stem, zone) for token in words(text)]
    else:
        found = [_word(token, lexeme, zone, stem=stem) for token in _tokens(text, quoted, lexeme)]
    if not found:
        raise NoWords(position=position, length=length, text=text)
    return found[0] if len(found) == 1 else Phrase(tuple(found))


def _tokens(text: str, quoted: bool, lexeme: Lexeme) -> list[str]:
    """The tokens of a text with * and ? kept; at the end of a quoted word ? ends a sentence."""
    if quoted:
        text = re.sub(r"\?(?!\w)", " ", text)
    if "*" not in text and "?" not in text:
        return words(text)
    if _STAR in text or _ONE in text:
        raise BadWildcard(position=lexeme.start, length=lexeme.end - lexeme.start, text=lexeme.text)
    held = words(text.replace("*", _STAR).replace("?", _ONE))
    return [token.replace(_STAR, "*").replace(_ONE, "?") for token in held]


def _word(token: str, lexeme: Lexeme, zone: Zone, *, stem: bool) -> Word:
    if "*" not in token and "?" not in token:
        return Term(token, stem, zone)
    if sum(sign not in "*?" for sign in token) < 2:
        raise BadWildcard(position=lexeme.start, length=lexeme.end - lexeme.start, text=token)
    pattern = re.sub(r"\*+", "*", token)
    if pattern.count("*") > MOST_STARS:
        raise TooLarge(position=lexeme.start, most=MOST_STARS, what="* in one word")
    return Wildcard(pattern, zone)


def _fuzzy(match: re.Match[str] | None, lexeme: Lexeme, zone: Zone) -> Fuzzy:
    tokens = words(match[1]) if match else []
    if (
        match
        and match[2] in ("1", "2")
        and len(tokens) == 1
        and len(tokens[0]) >= int(match[2]) + 2
        and "*" not in match[1]
    ):
        return Fuzzy(tokens[0], int(match[2]), zone)
    raise BadFuzzy(position=lexeme.start, length=lexeme.end - lexeme.start, text=lexeme.text)
