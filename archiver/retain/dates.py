"""Pure date arithmetic of retention: when a period has run out, in words; a record is never destroyed a day early."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

from schema.vocab import PeriodKind, PeriodUnit, Trigger

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

NEVER_BY_ITSELF = {
    PeriodKind.UNKNOWN: "The period of this series isn't known; a records officer must confirm it.",
    PeriodKind.UNTIL_READ: "Kept until read, which no date tells; a records officer must set a number of days.",
    PeriodKind.UNTIL_OBSOLETE: "Kept until obsolete, which no date tells; a records officer must set a rule.",
}
STARTS_AT = {
    Trigger.CREATED: "the day it was created",
    Trigger.RECEIVED_OR_SENT: "the day it was received or sent",
    Trigger.LAST_CHANGED: "the day of its last change",
    Trigger.ACTION_COMPLETED: "the day the action was completed",
    Trigger.SUPERSEDED: "the day it was superseded",
    Trigger.FISCAL_YEAR_END: "the end of the fiscal year",
    Trigger.CALENDAR_YEAR_END: "the end of the calendar year",
    Trigger.SEPARATION: "the day of separation",
    Trigger.CASE_CLOSED: "the day the case was closed",
    Trigger.RESOLVED: "the day it was resolved",
    Trigger.REMOVED_FROM_PUBLIC_VIEW: "the day it was removed from public view",
    Trigger.VOLUNTEER_PERIOD_END: "the end of the volunteer period",
    Trigger.NONE: "no event",
}
UNIT_WORDS = {
    PeriodUnit.DAY: "day",
    PeriodUnit.MONTH: "month",
    PeriodUnit.YEAR: "year",
    PeriodUnit.FISCAL_YEAR: "fiscal year",
    PeriodUnit.CALENDAR_YEAR: "calendar year",
    PeriodUnit.ANNIVERSARY_YEAR: "year",
}


class RetentionRule(Protocol):
    """What a due date needs of a series; a published SeriesRule and an adopted series both fit.

    confirmed: a records officer has confirmed title, period and trigger in the city's adopted copy.
    """

    @property
    def period_kind(self) -> PeriodKind: ...  # noqa: D102  (said above)
    @property
    def number(self) -> int | None: ...  # noqa: D102  (said above)
    @property
    def unit(self) -> PeriodUnit | None: ...  # noqa: D102  (said above)
    @property
    def trigger(self) -> Trigger: ...  # noqa: D102  (said above)
    @property
    def title_verified(self) -> bool: ...  # noqa: D102  (said above)
    @property
    def period_verified(self) -> bool: ...  # noqa: D102  (said above)
    @property
    def trigger_verified(self) -> bool: ...  # noqa: D102  (said above)
    @property
    def confirmed(self) -> bool: ...  # noqa: D102  (said above)


@dataclass(frozen=True, slots=True)
class Due:
    """date: the first day on which the record may be destroyed, None while there is none.

    ready: the rule may be relied on; False never comes with a date.  explanation: sentences for a person.
    """

    date: date | None
    ready: bool
    explanation: str


def due_date(rule: RetentionRule, trigger_date: date | None, fiscal_year_end: tuple[int, int]) -> Due:
    """When a record with that trigger date has been kept long enough.

    The day of the trigger is not counted, the last day is (Minn. Stat. 645.15): the date is the day after it.
    trigger_date: day in the city's zone, the latest of several events; None before it.
    fiscal_year_end: month and day of the last day of the city's fiscal year; any end in February means its last day.
    """
    if refusal := _refusal(rule):
        return Due(None, False, refusal)
    if rule.period_kind == PeriodKind.PERMANENT:
        return Due(None, True, "Kept permanently.")
    if trigger_date is None:
        return Due(None, True, f"The period starts at {STARTS_AT[rule.trigger]}, and no such day is recorded yet.")
    try:
        return _counted(rule, trigger_date, fiscal_year_end)
    except OverflowError:
        return Due(None, True, "The period ends after the last day that a calendar of four-digit years has.")


def add_period(start: date, number: int, unit: PeriodUnit) -> date:
    """The same day `number` units later; the first of the next month where that month has no such day (the safe side).

    Raises OverflowError from the year 9999 on and ValueError for business days, which need a jurisdiction.
    """
    if unit == PeriodUnit.BUSINESS_DAY:
        raise ValueError("A retention period isn't counted in business days.")
    if unit == PeriodUnit.DAY:
        return start + timedelta(days=number)
    months = start.month - 1 + number * (1 if unit == PeriodUnit.MONTH else 12)
    year, month = start.year + months // 12, months % 12 + 1
    if year >= date.max.year:
        raise OverflowError(f"{start} and {number} {unit}s")
    if start.day <= _last_day(year, month):
        return date(year, month, start.day)
    return date(year, month, _last_day(year, month)) + timedelta(days=1)


def fiscal_year_ending(day: date, fiscal_year_end: tuple[int, int]) -> date:
    """The last day of the fiscal year in which `day` lies; ValueError where the end is no day of the year."""
    month, last = fiscal_year_end
    date(2024, month, last)
    if month == 2:
        last = _last_day(day.year, month)
    end = date(day.year, month, last)
    if day <= end:
        return end
    return date(day.year + 1, month, _last_day(day.year + 1, month) if month == 2 else last)


def in_words(day: date) -> str:
    """A day as a person reads it aloud, in English whatever the machine's language: Friday 5 June 2026."""
    return f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]} {day.year}"


def _refusal(rule: RetentionRule) -> str | None:
    if rule.period_kind in NEVER_BY_ITSELF:
        return NEVER_BY_ITSELF[rule.period_kind]
    parts = {"title": rule.title_verified, "period": rule.period_verified, "trigger": rule.trigger_verified}
    unverified = [name for name, verified in parts.items() if not verified]
    if unverified and not rule.confirmed:
        verb, them = ("isn't", "it") if len(unverified) == 1 else ("aren't", "them")
        return (
            f"The {' and the '.join(unverified)} of this series {verb} verified; a records officer must confirm {them}."
        )
    if rule.period_kind == PeriodKind.PERMANENT:
        return None
    if rule.trigger == Trigger.NONE:
        return "This series names no event that starts its period; a records officer must name one."
    counted = rule.number is not None and rule.number >= 0 and rule.unit in UNIT_WORDS
    uncounted = rule.number is None and rule.period_kind != PeriodKind.DURATION
    if not (counted or uncounted):
        return "The period of this series has no number of days, months or years; a records officer must set one."
    return None


def _counted(rule: RetentionRule, trigger_date: date, fiscal_year_end: tuple[int, int]) -> Due:
    if rule.number is None or rule.unit is None:
        free = trigger_date + timedelta(days=1)
        return Due(free, True, f"Kept until {STARTS_AT[rule.trigger]}, {in_words(trigger_date)}; {_free_from(free)}")
    start, opening = _start(rule, trigger_date, fiscal_year_end)
    free = add_period(start + timedelta(days=1), rule.number, rule.unit)
    period = f"{rule.number} {UNIT_WORDS[rule.unit]}{'' if rule.number == 1 else 's'}"
    last = in_words(free - timedelta(days=1))
    reason = _missing_day(start, rule.number, rule.unit)
    return Due(free, True, f"{period} {opening}: kept through {last}; {_free_from(free)}{reason}")


def _start(rule: RetentionRule, trigger_date: date, fiscal_year_end: tuple[int, int]) -> tuple[date, str]:
    """The day after which the period runs, and its beginning in words."""
    if rule.unit == PeriodUnit.FISCAL_YEAR or rule.trigger == Trigger.FISCAL_YEAR_END:
        end = fiscal_year_ending(trigger_date, fiscal_year_end)
        return end, f"after the fiscal year that ended on {in_words(end)}"
    if rule.unit == PeriodUnit.CALENDAR_YEAR or rule.trigger == Trigger.CALENDAR_YEAR_END:
        end = date(trigger_date.year, 12, 31)
        return end, f"after the calendar year {end.year}"
    return trigger_date, f"after {STARTS_AT[rule.trigger]}, {in_words(trigger_date)} (not counted)"


def _missing_day(start: date, number: int, unit: PeriodUnit) -> str:
    """Why the date is later than a reader may expect, where the month of the last day is too short."""
    for day in (start, start + timedelta(days=1)):
        end = add_period(day, number, unit)
        if unit != PeriodUnit.DAY and end.day != day.day:
            return (
                f" That month has no day {day.day}, so the later day counts: a record is never destroyed a day early."
            )
    return ""


def _free_from(day: date) -> str:
    return f"it may be destroyed from {in_words(day)}."


def _last_day(year: int, month: int) -> int:
    following = date(year + month // 12, month % 12 + 1, 1)
    return (following - timedelta(days=1)).day
