"""Dates in questions: half-open ranges of the city's days, never a guess."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from archiver.index.query import And, Node, Not, Or, Sent, Term, Undated
from archiver.search.dates import mentions_dates, without_dates
from archiver.search.errors import QueryError
from archiver.search.parse import parse

CHICAGO = "America/Chicago"
NOW = datetime(2026, 1, 15, 3, 0, tzinfo=UTC)  # Wednesday 14 January, 21:00 in Chicago


def ms(text: str, timezone: str = CHICAGO) -> int:
    """A local time of the city in milliseconds UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(timezone)).timestamp() * 1000)


def asked(text: str, timezone: str = CHICAGO) -> Node:
    return parse(text, timezone=timezone, now_ms=int(NOW.timestamp() * 1000)).node


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("after:2026-01-05", "2026-01-05", None),
        ("after:2026-01", "2026-01-01", None),
        ("after:2026", "2026-01-01", None),
        ("before:2026-02", None, "2026-02-01"),
        ("before:2026-02-03", None, "2026-02-03"),
        ("on:2026-01-05", "2026-01-05", "2026-01-06"),
        ("on:2026-12", "2026-12-01", "2027-01-01"),
        ("on:2026", "2026-01-01", "2027-01-01"),
        ("on:2024-02-29", "2024-02-29", "2024-03-01"),
        ("date:2026-1-5", "2026-01-05", "2026-01-06"),
        ("date:2026-01-05..2026-02-01", "2026-01-05", "2026-02-02"),
        ("date:2026-01..2026", "2026-01-01", "2027-01-01"),
        ("date:2026-01..", "2026-01-01", None),
        ("date:..2026-01", None, "2026-02-01"),
        ('date:"last month .. yesterday"', "2025-12-01", "2026-01-14"),
        ("on:today", "2026-01-14", "2026-01-15"),
        ("on:Yesterday", "2026-01-13", "2026-01-14"),
        ('on:"this week"', "2026-01-12", "2026-01-19"),
        ('on:"last week"', "2026-01-05", "2026-01-12"),
        ('after:"last  week"', "2026-01-05", None),
        ("before:“last week”", None, "2026-01-05"),
        ('on:"this month"', "2026-01-01", "2026-02-01"),
        ('on:"last month"', "2025-12-01", "2026-01-01"),
        ('on:"this year"', "2026-01-01", "2027-01-01"),
        ('on:"last year"', "2025-01-01", "2026-01-01"),
        ('on:"3 days ago"', "2026-01-11", "2026-01-12"),
        ('after:"1 week ago"', "2026-01-07", None),
        ('after:"2 months ago"', "2025-11-14", None),
    ],
)
def test_date_is_a_range_of_the_citys_days(text: str, since: str | None, until: str | None) -> None:
    """after: includes its day, before: excludes it, on: and date: cover the whole day, month, week or year."""
    assert asked(text) == Sent(ms(since) if since else None, ms(until) if until else None)


@pytest.mark.parametrize(
    ("text", "name", "advice"),
    [
        ("on:1/5/2026", "AmbiguousDate", "2026-01-05 or 2026-05-01"),
        ("on:13/5/2026", "AmbiguousDate", "2026-05-13"),
        ("on:1.5.26", "AmbiguousDate", "2026-01-05 or 2026-05-01"),
        ("on:1/5", "AmbiguousDate", "2026-01-05 or 2026-05-01"),
        ("on:2026/01/05", "AmbiguousDate", "2026-01-05"),
        ("on:2026-02-30", "BadDate", "2026-01-05"),
        ("on:2026-13", "BadDate", "2026-01-05"),
        ("on:0000", "BadDate", "2026-01-05"),
        ("on:9999", "BadDate", "2026-01-05"),
        ("on:someday", "BadDate", "2026-01-05"),
        ("on:last week", "BadDate", "needs quotes"),
        ("after:3 days ago", "BadDate", "needs quotes"),
        ('on:"9999 years ago"', "BadDate", "2026-01-05"),
        ("on:'last year'", "BadDate", "2026-01-05"),
        ("on:٢٠٢٦", "BadDate", "2026-01-05"),
        ("after:2026-01..2026-02", "BadDate", "2026-01-05"),
        ("date:..", "BadDate", "2026-01-05"),
        ("date:2026-02..2026-01", "BackwardRange", "earlier date first"),
    ],
)
def test_bad_date_is_refused_with_its_place(text: str, name: str, advice: str) -> None:
    """A date that could be misread or does not exist is an error at the value, with the way to write it."""
    with pytest.raises(QueryError) as caught:
        asked(text)
    assert type(caught.value).__name__ == name
    assert caught.value.position in (text.index(":") + 1, text.index(":") + 2)
    assert advice in caught.value.advice


def test_days_follow_the_clocks() -> None:
    """A day has 23 or 25 hours when clocks change, and starts at the change where midnight is skipped."""
    hour = 3_600_000
    spring, autumn = asked("on:2026-03-08"), asked("on:2026-11-01")
    assert isinstance(spring, Sent) and isinstance(autumn, Sent)
    assert (spring.until or 0) - (spring.since or 0) == 23 * hour
    assert (autumn.until or 0) - (autumn.since or 0) == 25 * hour
    skipped = asked("on:2022-09-11", "America/Santiago")  # midnight became 01:00
    assert skipped == Sent(ms("2022-09-11T01:00", "America/Santiago"), ms("2022-09-12", "America/Santiago"))


def test_undated_records_are_asked_for_without_the_dates() -> None:
    """The twin question finds the records of unknown time that would match but for the date, and only those."""
    node = asked("snow (after:2026 OR NOT on:2025)")
    assert mentions_dates(node)
    assert not mentions_dates(asked("snow is:undated"))
    snow = Term("snow")
    assert without_dates(node) == And((And((snow, Or((Undated(), Not(Undated()))))), Undated()))
