"""Due dates of retention: never a day early, never from an unverified rule, always in words."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.retain.dates import add_period, due_date, fiscal_year_ending, in_words
from schema.law.loader import schedule, schedules
from schema.vocab import PeriodKind, PeriodUnit, Trigger

YEAR_END = (12, 31)
DAYS = st.dates(date(1900, 1, 1), date(2200, 12, 31))
YEAR_ENDS = st.dates(date(2024, 1, 1), date(2024, 12, 31)).map(lambda day: (day.month, day.day))
UNITS = st.sampled_from([unit for unit in PeriodUnit if unit != PeriodUnit.BUSINESS_DAY])
NUMBERS = st.integers(0, 120)


@dataclass(frozen=True)
class Rule:
    """A verified series of one year after its creation, to vary."""

    period_kind: PeriodKind = PeriodKind.DURATION
    number: int | None = 1
    unit: PeriodUnit | None = PeriodUnit.YEAR
    trigger: Trigger = Trigger.CREATED
    title_verified: bool = True
    period_verified: bool = True
    trigger_verified: bool = True
    confirmed: bool = False


def due(rule: Rule, trigger_date: date) -> date:
    """The date of a rule that must have one."""
    found = due_date(rule, trigger_date, YEAR_END)
    assert found.ready and found.date is not None
    return found.date


def test_the_last_day_of_the_period_is_kept_in_full() -> None:
    """A year from 10 March runs through 10 March; the record may go on the 11th, and the words say both."""
    found = due_date(Rule(trigger=Trigger.ACTION_COMPLETED), date(2025, 3, 10), YEAR_END)
    assert (found.date, found.ready) == (date(2026, 3, 11), True)
    assert found.explanation == (
        "1 year after the day the action was completed, Monday 10 March 2025 (not counted): "
        "kept through Tuesday 10 March 2026; it may be destroyed from Wednesday 11 March 2026."
    )


def test_a_leap_day_has_its_anniversary_on_the_later_side() -> None:
    """29 February plus a year is 1 March, as is 28 February of a leap year, and the reason is given."""
    for start in (date(2024, 2, 28), date(2024, 2, 29)):
        found = due_date(Rule(), start, YEAR_END)
        assert found.date == date(2025, 3, 1)
        assert "has no day 29, so the later day counts: a record is never destroyed a day early" in found.explanation
    assert due(Rule(number=4), date(2024, 2, 29)) == date(2028, 3, 1)


def test_short_months_end_on_the_later_side() -> None:
    """A month from 30 January has no 31 February to end before, so it ends on 1 March."""
    rule = Rule(unit=PeriodUnit.MONTH)
    assert [due(rule, date(2026, 1, day)) for day in (27, 28, 29, 30, 31)] == [
        date(2026, 2, 28),
        *[date(2026, 3, 1)] * 4,
    ]


def test_fiscal_and_calendar_years_count_from_their_end() -> None:
    """ "3 years after fiscal year": from the end of the year in which the trigger lies, whatever the city's year."""
    rule = Rule(number=3, unit=PeriodUnit.FISCAL_YEAR, trigger=Trigger.FISCAL_YEAR_END)
    june = due_date(rule, date(2020, 5, 1), (6, 30))
    assert june.date == date(2023, 7, 1)
    assert "3 fiscal years after the fiscal year that ended on Tuesday 30 June 2020" in june.explanation
    assert due_date(rule, date(2020, 7, 1), (6, 30)).date == date(2024, 7, 1)
    assert due_date(replace(rule, unit=PeriodUnit.YEAR), date(2020, 6, 30), (6, 30)).date == date(2023, 7, 1)
    assert due(Rule(number=2, unit=PeriodUnit.CALENDAR_YEAR), date(2020, 1, 1)) == date(2023, 1, 1)
    separated = Rule(number=50, unit=PeriodUnit.FISCAL_YEAR, trigger=Trigger.SEPARATION)
    assert due_date(separated, date(2020, 5, 1), (9, 30)).date == date(2070, 10, 1)


def test_a_fiscal_year_may_end_in_february() -> None:
    """An end in February is the last day of February, in leap years too."""
    for end in ((2, 28), (2, 29)):
        assert fiscal_year_ending(date(2024, 2, 29), end) == date(2024, 2, 29)
        assert fiscal_year_ending(date(2024, 3, 1), end) == date(2025, 2, 28)
    with pytest.raises(ValueError):
        fiscal_year_ending(date(2024, 3, 1), (6, 31))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"period_verified": False}, "The period of this series isn't verified; a records officer must confirm it."),
        ({"trigger_verified": False}, "The trigger of this series isn't verified; a records officer must confirm it."),
        (
            {"title_verified": False, "trigger_verified": False},
            "The title and the trigger of this series aren't verified; a records officer must confirm them.",
        ),
    ],
)
def test_an_unverified_rule_is_never_due_until_confirmed(change: dict[str, bool], said: str) -> None:
    """Title, period and trigger must be verified; if not there is no date at all, until a records officer confirms."""
    rule = replace(Rule(), **change)  # type: ignore[arg-type]  # the changes are all booleans
    found = due_date(rule, date(2020, 1, 1), YEAR_END)
    assert (found.date, found.ready, found.explanation) == (None, False, said)
    assert due(replace(rule, confirmed=True), date(2020, 1, 1)) == date(2021, 1, 2)


@pytest.mark.parametrize("kind", [PeriodKind.UNKNOWN, PeriodKind.UNTIL_READ, PeriodKind.UNTIL_OBSOLETE])
@pytest.mark.parametrize("confirmed", [True, False])
def test_some_periods_are_never_due_by_themselves(kind: PeriodKind, confirmed: bool) -> None:
    """Unknown, until read and until obsolete need a person's rule, confirmed or not, whatever number stands beside."""
    found = due_date(Rule(period_kind=kind, confirmed=confirmed), date(1990, 1, 1), YEAR_END)
    assert (found.date, found.ready) == (None, False)
    assert "a records officer must" in found.explanation


def test_permanent_records_have_no_date() -> None:
    """Permanent is sound and without end."""
    rule = Rule(period_kind=PeriodKind.PERMANENT, number=None, unit=None, trigger=Trigger.NONE)
    found = due_date(rule, date(1900, 1, 1), YEAR_END)
    assert (found.date, found.ready, found.explanation) == (None, True, "Kept permanently.")


def test_a_period_waits_for_its_event() -> None:
    """Until the event is recorded there is no date; then a bare event frees the next day, a number counts from it."""
    until = Rule(period_kind=PeriodKind.UNTIL_SUPERSEDED, number=None, unit=None, trigger=Trigger.SUPERSEDED)
    waiting = due_date(until, None, YEAR_END)
    assert (waiting.date, waiting.ready) == (None, True)
    assert "no such day is recorded yet" in waiting.explanation
    assert due(until, date(2026, 6, 30)) == date(2026, 7, 1)
    assert due(replace(until, number=90, unit=PeriodUnit.DAY), date(2026, 6, 30)) == date(2026, 9, 29)


@pytest.mark.parametrize(
    "rule",
    [
        Rule(number=None),
        Rule(unit=None),
        Rule(number=-1),
        Rule(unit=PeriodUnit.BUSINESS_DAY),
        Rule(trigger=Trigger.NONE),
        Rule(period_kind=PeriodKind.UNTIL_EVENT, unit=None),
    ],
)
def test_a_rule_that_cannot_be_counted_is_never_due(rule: Rule) -> None:
    """A missing number, unit or event gives no date, even when someone has confirmed it."""
    found = due_date(replace(rule, confirmed=True), date(1990, 1, 1), YEAR_END)
    assert (found.date, found.ready) == (None, False)


def test_a_period_beyond_the_calendar_is_not_an_error() -> None:
    """Ten thousand years, and the last day of the calendar, give no date and no crash."""
    for rule, day in (
        (Rule(number=10_000), date(2020, 1, 1)),
        (Rule(number=0), date.max),
        (Rule(number=9**9), date.max),
    ):
        found = due_date(rule, day, YEAR_END)
        assert (found.date, found.ready) == (None, True)


@given(start=DAYS, number=NUMBERS, unit=UNITS)
def test_a_period_ends_where_a_walk_through_the_calendar_does(start: date, number: int, unit: PeriodUnit) -> None:
    """The end is the first day that is not before the same day that many units later, existing or not."""
    found = add_period(start, number, unit)
    if unit == PeriodUnit.DAY:
        assert (found - start).days == number
        return
    months = number * (1 if unit == PeriodUnit.MONTH else 12)
    wanted = ((start.year * 12 + start.month - 1 + months), start.day)
    day = start
    while (day.year * 12 + day.month - 1, day.day) < wanted:
        day += timedelta(days=28 if (day.year * 12 + day.month - 1) < wanted[0] - 2 else 1)
    assert found == day


@given(trigger=DAYS, number=NUMBERS, unit=UNITS, year_end=YEAR_ENDS)
def test_no_record_is_due_before_trigger_and_period(
    trigger: date, number: int, unit: PeriodUnit, year_end: tuple[int, int]
) -> None:
    """Whatever the unit, the whole period lies between the end of the trigger's day and the due day."""
    found = due_date(Rule(number=number, unit=unit), trigger, year_end).date
    assert found is not None
    first = trigger + timedelta(days=1)
    years, months, days = 0, 0, 0
    if unit == PeriodUnit.DAY:
        days = number
    elif unit == PeriodUnit.MONTH:
        months = number
    else:
        years = number
    total = first.year * 12 + first.month - 1 + years * 12 + months
    assert (found.year * 12 + found.month - 1, found.day) >= (total, first.day) or days
    assert (found - first).days >= days


@given(trigger=DAYS, steps=st.tuples(st.integers(0, 400), st.integers(0, 5)), number=NUMBERS, unit=UNITS, end=YEAR_ENDS)
def test_due_dates_are_monotone(
    trigger: date, steps: tuple[int, int], number: int, unit: PeriodUnit, end: tuple[int, int]
) -> None:
    """A later trigger or a longer period never gives an earlier date."""
    later, more = steps
    base = due_date(Rule(number=number, unit=unit), trigger, end).date
    after = due_date(Rule(number=number + more, unit=unit), trigger + timedelta(days=later), end).date
    assert base is not None and after is not None and after >= base


@given(day=DAYS, year_end=YEAR_ENDS)
def test_a_day_lies_in_its_fiscal_year(day: date, year_end: tuple[int, int]) -> None:
    """The year ends on or after the day and began at most a year before."""
    end = fiscal_year_ending(day, year_end)
    assert 0 <= (end - day).days <= 365
    assert end == fiscal_year_ending(end, year_end)


def test_published_series_are_due_only_where_everything_is_verified() -> None:
    """Over every shipped schedule: a date implies verified title, period and trigger, and no alternative to weigh."""
    dated = []
    for edition in schedules():
        for series in edition.series:
            found = due_date(series, date(2000, 1, 1), YEAR_END)
            assert found.ready or found.date is None
            if found.date is not None:
                assert series.verified and series.period_verified and series.trigger_verified
                assert series.alternative is None
                dated.append(series.key)
    assert "complaints-general" in dated and "10055" in dated
    assert not {"correspondence-general", "LIB 01600", "POL 011", "LIB 01500"} & set(dated)


def test_a_published_series_gives_its_date() -> None:
    """The one Arizona series that is confirmed: three years after the fiscal year, from the shipped data."""
    found = due_date(schedule("az-gs-1018").rule("10055"), date(2020, 8, 1), (6, 30))
    assert found.date == date(2024, 7, 1)


def test_days_are_said_in_english() -> None:
    """The words do not depend on the machine's language."""
    assert in_words(date(2026, 6, 5)) == "Friday 5 June 2026"
