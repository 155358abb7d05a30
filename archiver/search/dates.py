"""Dates of a question: days, months, years and relative words of the city's time zone as half-open ranges."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from archiver.index.query import And, Node, Not, Or, Sent, Undated
from archiver.search.errors import AmbiguousDate, BackwardRange, BadDate, QueryError

FIELDS = ("after", "before", "on", "date")
_ISO = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", re.ASCII)
_SLASHED = re.compile(r"(\d{1,4})[/.-](\d{1,2})(?:[/.-](\d{1,4}))?", re.ASCII)
_AGO = re.compile(r"(\d{1,4}) (day|week|month|year)s? ago", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 1900, 2199


@dataclass(frozen=True, slots=True)
class Calendar:
    """The city's time zone and the day that is today there."""

    zone: ZoneInfo
    today: date

    @classmethod
    def at(cls, timezone: str, now_ms: int) -> "Calendar":
        """timezone: IANA name.  now_ms: milliseconds UTC."""
        zone = ZoneInfo(timezone)
        return cls(zone, (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=now_ms)).astimezone(zone).date())

    def start(self, day: date) -> int:
        """The instant at which a day begins, in milliseconds UTC; where clocks skip midnight, the change itself."""
        return int(datetime(day.year, day.month, day.day, tzinfo=self.zone).timestamp()) * 1000


def sent(field: str, text: str, position: int, calendar: Calendar) -> Sent:
    """What after:, before:, on: or date: asks for.

    after: from the start of the date on; before: until its start; on: and date: the whole day, month or year;
    date:A..B from the start of A through the end of B, either end may be left out.
    Raises BadDate, AmbiguousDate or BackwardRange with the place.
    """
    place = _Place(text, position)
    if field == "date" and ".." in text:
        first, _, last = text.partition("..")
        if not first.strip() and not last.strip():
            raise place.error(BadDate)
        since = _days(first, place, calendar)[0] if first.strip() else None
        until = _days(last, place, calendar)[1] if last.strip() else None
        if since and until and since >= until:
            raise place.error(BackwardRange)
        return Sent(calendar.start(since) if since else None, calendar.start(until) if until else None)
    since, until = _days(text, place, calendar)
    if field == "after":
        return Sent(calendar.start(since), None)
    if field == "before":
        return Sent(None, calendar.start(since))
    return Sent(calendar.start(since), calendar.start(until))


@dataclass(frozen=True, slots=True)
class _Place:
    text: str
    position: int

    def error(self, kind: type[BadDate], suggestion: str = "") -> QueryError:
        return kind(position=self.position, length=max(1, len(self.text)), text=self.text, suggestion=suggestion)


def _days(text: str, place: _Place, calendar: Calendar) -> tuple[date, date]:
    """The half-open range of days that a date stands for."""
    plain = " ".join(text.casefold().split())
    try:
        found = _iso(plain) or _relative(plain, calendar.today)
    except (ValueError, OverflowError):  # 2026-02-30, 9999 years ago
        raise place.error(BadDate) from None
    if found is not None and _FIRST_YEAR <= found[0].year <= _LAST_YEAR:
        return found
    slashed = _SLASHED.fullmatch(plain)
    if slashed:
        raise _ambiguous(slashed, place)
    quoted = 'With a space it needs quotes, as in "last week". ' if plain in ("last", "this") or plain.isdigit() else ""
    raise place.error(BadDate, quoted)


def _ambiguous(match: re.Match[str], place: _Place) -> QueryError:
    """Refuse 1/5/2026 and name the days that it can be."""
    first, second, third = match.groups()
    pairs = ((first, second), (second, first))
    year = {4: third, 2: f"20{third}"}.get(len(third or ""), "2026")
    if len(first) == 4:
        year, pairs = first, ((second, third or "1"),) * 2
    readings = []
    for month, day in pairs:
        try:
            readings.append(date(int(year or 0), int(month), int(day)).isoformat())
        except ValueError:
            continue
    return place.error(AmbiguousDate, " or ".join(dict.fromkeys(readings)) or "2026-01-05")


def _iso(text: str) -> tuple[date, date] | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day = int(match[1]), match[2], match[3]
    if month is None:
        return date(year, 1, 1), date(year + 1, 1, 1)
    if day is None:
        first = date(year, int(month), 1)
        return first, first + relativedelta(months=1)
    whole = date(year, int(month), int(day))
    return whole, whole + timedelta(days=1)


def _relative(text: str, today: date) -> tuple[date, date] | None:
    """Days by their distance from today; weeks start on Monday (ISO 8601)."""
    one = timedelta(days=1)
    monday = today - timedelta(days=today.weekday())
    month, year = today.replace(day=1), today.replace(month=1, day=1)
    known = {
        "today": (today, today + one),
        "yesterday": (today - one, today),
        "this week": (monday, monday + 7 * one),
        "last week": (monday - 7 * one, monday),
        "this month": (month, month + relativedelta(months=1)),
        "last month": (month - relativedelta(months=1), month),
        "this year": (year, year + relativedelta(years=1)),
        "last year": (year - relativedelta(years=1), year),
    }
    if text in known:
        return known[text]
    match = _AGO.fullmatch(text)
    if match is None:
        return None
    number = int(match[1])
    back = {
        "day": relativedelta(days=number),
        "week": relativedelta(weeks=number),
        "month": relativedelta(months=number),
        "year": relativedelta(years=number),
    }[match[2]]
    return today - back, today - back + one


def mentions_dates(node: Node) -> bool:
    """Whether a question asks for a time anywhere."""
    match node:
        case Sent():
            return True
        case And(parts) | Or(parts):
            return any(mentions_dates(part) for part in parts)
        case Not(part):
            return mentions_dates(part)
    return False


def without_dates(node: Node) -> Node:
    """The records of unknown time that would match but for the dates: each Sent becomes Undated, all within Undated."""
    return And((_undated(node), Undated()))


def _undated(node: Node) -> Node:
    match node:
        case Sent():
            return Undated()
        case And(parts):
            return And(tuple(_undated(part) for part in parts))
        case Or(parts):
            return Or(tuple(_undated(part) for part in parts))
        case Not(part):
            return Not(_undated(part))
    return node
