"""Says in plain words what a question was understood to mean, so that a clerk can see a misunderstanding."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from archiver.index.query import (
    And,
    Everything,
    Field,
    FieldName,
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

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_ZONES = {
    Zone.TEXT: ("with", "without"),
    Zone.AUTHOR: ("whose author has", "whose author has not"),
    Zone.RECIPIENTS: ("whose recipients have", "whose recipients have not"),
    Zone.THREAD: ("whose thread title has", "whose thread title has not"),
}
_FACTS = {
    FieldName.IS: ("that are", "that are not"),
    FieldName.HAS: ("that have as content", "that do not have as content"),
    FieldName.LABEL: ("labelled", "not labelled"),
    FieldName.CLASS: ("whose data class is", "whose data class is not"),
}


def describe(node: Node, timezone: str) -> str:
    """What a question asks for, in one line.

    timezone: the city's, an IANA name, in which times are shown.
    """
    if isinstance(node, Everything):
        return "all records"
    return f"records {_clause(node, ZoneInfo(timezone), yes=True)}"


def _clause(node: Node, zone: ZoneInfo, *, yes: bool) -> str:  # noqa: PLR0911  (one return for each kind of node)
    """A node as something said of records; yes: False says the opposite."""
    match node:
        case And(parts):
            return _joined(parts, "and", Or, zone, yes=yes)
        case Or(parts):
            return _joined(parts, "or", And, zone, yes=yes)
        case Not(part):
            return _clause(part, zone, yes=False) if yes else f"not ({_clause(node, zone, yes=True)})"
        case Sent():
            return ("" if yes else "not ") + _sent(node, zone)
        case Everything():
            return "of any kind" if yes else "of no kind"
        case Undated():
            return "of unknown time" if yes else "of known time"
        case Field(name, values):
            phrases = _FACTS.get(name, (f"whose {name} is", f"whose {name} is not"))
            return f"{phrases[not yes]} {_or([f'“{value}”' for value in values])}"
        case ThreadIs(number):
            return f"{'in' if yes else 'not in'} thread {number}"
        case RecordIs(numbers):
            return f"{'numbered' if yes else 'not numbered'} {_or([f'R{number}' for number in numbers])}"
        case Near():
            return f"{_ZONES[_zone(node.left[0])][not yes]} {_near(node)}"
    return f"{_ZONES[_zone(node)][not yes]} {_words(node)}"


def _joined(parts: Sequence[Node], word: str, other: type[And | Or], zone: ZoneInfo, *, yes: bool) -> str:
    said = []
    for part in parts:
        clause = _clause(part, zone, yes=True)
        said.append(f"({clause})" if isinstance(part, other) else clause)
    whole = f" {word} ".join(said) or ("of any kind" if word == "and" else "of no kind")
    return whole if yes else f"not ({whole})"


def _or(items: Sequence[str]) -> str:
    return " or ".join(items) if items else "nothing"


def _zone(node: Word | Phrase) -> Zone:
    if isinstance(node, Phrase):
        return node.words[0].zone if node.words else Zone.TEXT
    return node.zone


def _words(node: Word | Phrase) -> str:
    match node:
        case Phrase(words):
            text = " ".join(_written(word) for word in words)
            forms = any(_has_forms(word) for word in words)
            return f"the words “{text}” in a row" + (" (any form)" if forms else "")
        case Term(token):
            letters = token.isascii() and token.isalpha()
            return f"a form of “{token}”" if _has_forms(node) else f"{'exactly ' if letters else ''}“{token}”"
        case Wildcard(pattern):
            return f"a word like “{pattern}”"
        case Fuzzy(token, distance):
            return f"a word at most {distance} {'letter' if distance == 1 else 'letters'} away from “{token}”"


def _has_forms(word: Word) -> bool:
    return isinstance(word, Term) and word.stem and word.token.isascii() and word.token.isalpha()


def _written(word: Word) -> str:
    match word:
        case Term(token):
            return token
        case Wildcard(pattern):
            return pattern
        case Fuzzy(token, distance):
            return f"{token}~{distance}"


def _near(node: Near) -> str:
    left, right = (
        f"({_or([_words(operand) for operand in side])})" if len(side) > 1 else _words(side[0])
        for side in (node.left, node.right)
    )
    if node.distance == 1:
        return f"{left} directly {'before' if node.ordered else 'beside'} {right}"
    return f"{left} within {node.distance} words {'before' if node.ordered else 'of'} {right}"


def _sent(node: Sent, zone: ZoneInfo) -> str:
    """The range as days where it starts and ends at midnight of the city, else with the time."""
    if node.since is None and node.until is None:
        return "of known time"
    named = f"({zone.key})"
    since = _moment(node.since, zone) if node.since is not None else None
    until = _moment(node.until, zone) if node.until is not None else None
    if since and until:
        return f"sent {_between(since, until)} {named}"
    if since:
        return f"sent {'on or after' if _midnight(since) else 'from'} {_said(since)} {named}"
    assert until is not None  # one of the two ends is known here
    return f"sent before {_said(until)} {named}"


def _between(since: datetime, until: datetime) -> str:
    if not (_midnight(since) and _midnight(until)):
        return f"from {_said(since)} until {_said(until)}"
    first, after = since.date(), until.date()
    last = after - timedelta(days=1)
    if first == last:
        return f"on {_day(first)}"
    if (first.month, first.day, after) == (1, 1, date(first.year + 1, 1, 1)):
        return f"in {first.year}"
    if first.day == 1 and after.day == 1 and (last.year, last.month) == (first.year, first.month):
        return f"in {_MONTHS[first.month - 1]} {first.year}"
    return f"from {_day(first)} through {_day(last)}" if first < after else f"from {_day(first)} until {_day(after)}"


def _moment(milliseconds: int, zone: ZoneInfo) -> datetime:
    """The city's time, at the edges of the calendar where a number lies beyond them."""
    edge = 253_370_764_800_000  # the year 9999
    kept = max(-62_135_510_400_000, min(milliseconds, edge))
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=kept)).astimezone(zone)


def _midnight(moment: datetime) -> bool:
    """Whether a day starts here; where clocks skip midnight it starts later."""
    start = datetime(moment.year, moment.month, moment.day, tzinfo=moment.tzinfo)
    return start.astimezone(UTC) == moment.astimezone(UTC)


def _said(moment: datetime) -> str:
    return _day(moment.date()) if _midnight(moment) else f"{_day(moment.date())} {moment:%H:%M:%S}"


def _day(day: date) -> str:
    return f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}"
