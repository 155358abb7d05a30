"""Counting days as a jurisdiction's law does: holidays, their shifts, local options, weekends, the last day's roll."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from dateutil.rrule import rrulestr

from archiver.errors import UsageError
from schema.law.shapes import Calendar, Holiday, Jurisdiction

WEEKDAY_CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
NO_CALENDAR = Calendar(weekend=("SA", "SU"), source=())
"""For a jurisdiction whose holidays we do not know: counting none gives the earliest date."""

Options = Mapping[str, bool]
"""A city's decisions on what the law leaves to it: name of a holiday or custom -> whether offices close for it."""

Day = date  # inside a class whose field is named date


@dataclass(frozen=True, slots=True)
class ObservedHoliday:
    """A holiday on the day on which offices close for it.

    nominal: the day before any shift off a weekend.  doubt: why it may be an ordinary day, None when that is settled.
    """

    date: Day
    name: str
    nominal: Day
    doubt: str | None = None


def local_options(law: Jurisdiction) -> dict[str, bool]:
    """What a city may decide for itself, with what is assumed until it has."""
    options = {holiday.name: holiday.local_default for holiday in law.holidays if holiday.local_option}
    if law.calendar is not None and law.calendar.shift_saturday_option is not None:
        options[law.calendar.shift_saturday_option] = True
    return options


def holidays(law: Jurisdiction, year: int, options: Options | None = None) -> dict[date, ObservedHoliday]:
    """The days of `year` on which offices are closed by law, weekend shifts done; UsageError for an unknown option."""
    known = local_options(law)
    for name in options or {}:
        if name not in known:
            choices = f"choose among: {', '.join(known)}" if known else "its law settles every holiday"
            raise UsageError(problem=f"{law.name} leaves no holiday {name!r} to its cities; {choices}.")
    return _observed(law.calendar or NO_CALENDAR, law.holidays, frozenset((options or {}).items()), year)


def is_business_day(day: date, law: Jurisdiction, options: Options | None = None) -> bool:
    """Whether offices are open on that day."""
    return not _is_weekend(day, law) and day not in holidays(law, day.year, options)


def add_business_days(
    start: date,
    number: int,
    law: Jurisdiction,
    options: Options | None = None,
    *,
    open_on: frozenset[date] = frozenset(),
) -> tuple[date, tuple[ObservedHoliday, ...]]:
    """The `number`-th business day after `start`, and the holidays skipped on the way (never those on weekends).

    start: excluded, whatever day it is; the last day is included (Minn. Stat. 645.15).
    open_on: days that count although they are holidays.
    """
    _refuse_negative(number)
    day, left, skipped = start, number, []
    closed = holidays(law, start.year, options)
    while left:
        day += timedelta(days=1)
        if (day.month, day.day) == (1, 1):
            closed = holidays(law, day.year, options)
        holiday = closed.get(day)
        if _is_weekend(day, law):
            continue
        if holiday is not None and day not in open_on:
            skipped.append(holiday)
            continue
        left -= 1
    return day, tuple(skipped)


def add_calendar_days(
    start: date, number: int, law: Jurisdiction, options: Options | None = None, *, roll: bool
) -> tuple[date, tuple[ObservedHoliday, ...]]:
    """The day `number` days after `start`, and the holidays over which it moved.

    roll: a last day that is no business day moves to the next one.
    """
    _refuse_negative(number)
    last = start + timedelta(days=number)
    if not roll or is_business_day(last, law, options):
        return last, ()
    day, skipped = add_business_days(last - timedelta(days=1), 1, law, options)
    return day, skipped


@lru_cache(maxsize=512)
def _observed(
    calendar: Calendar, rules: tuple[Holiday, ...], options: frozenset[tuple[str, bool]], year: int
) -> dict[date, ObservedHoliday]:
    found: dict[date, ObservedHoliday] = {}
    decided = dict(options)
    for rule in rules:
        if not decided.get(rule.name, rule.local_default if rule.local_option else True):
            continue
        for nominal_year in (year - 1, year, year + 1):  # New Year on a Saturday closes 31 December of the year before
            holiday = _in_year(calendar, rule, decided, nominal_year)
            if holiday is None or holiday.date.year != year:
                continue
            already = found.get(holiday.date)
            if already is None or already.doubt is not None:
                found[holiday.date] = holiday
    return found


def _in_year(calendar: Calendar, rule: Holiday, decided: dict[str, bool], year: int) -> ObservedHoliday | None:
    if (rule.from_year is not None and year < rule.from_year) or (
        rule.until_year is not None and year > rule.until_year
    ):
        return None
    first = datetime(year, 1, 1)  # noqa: DTZ001  (dateutil's rules take naive times; only the day is used)
    nominal = rrulestr(rule.rrule, dtstart=first)[0].date() + timedelta(days=rule.offset_days)
    day, by_custom = nominal, False
    if rule.shift and nominal.weekday() == 6 and calendar.shift_sunday:
        day = nominal + timedelta(days=1)
    if rule.shift and nominal.weekday() == 5 and calendar.shift_saturday:
        name = calendar.shift_saturday_option or ""
        if not calendar.shift_saturday_is_practice or decided.get(name, True):
            day = nominal - timedelta(days=1)
            by_custom = calendar.shift_saturday_is_practice and name not in decided
    doubt = None
    if not calendar.verified:
        doubt = "our list of holidays is not verified"
    elif rule.local_option and rule.name not in decided:
        doubt = "the law leaves it to each city, and this city has not decided"
    elif by_custom:
        doubt = "custom, not the law, moves it to Friday"
    return ObservedHoliday(day, rule.name, nominal, doubt)


def _is_weekend(day: date, law: Jurisdiction) -> bool:
    return WEEKDAY_CODES[day.weekday()] in (law.calendar or NO_CALENDAR).weekend


def _refuse_negative(number: int) -> None:
    if number < 0:
        raise ValueError(f"A number of days can't be negative: {number}")
