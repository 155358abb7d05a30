"""Counting days: holidays with their shifts, local options, and the count against a walk through the calendar."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.data_requests.business_days import (
    add_business_days,
    add_calendar_days,
    holidays,
    is_business_day,
    local_options,
)
from archiver.errors import UsageError
from schema.law.loader import jurisdiction, jurisdictions
from schema.law.shapes import Jurisdiction

LAWS = st.sampled_from(jurisdictions())
DAYS = st.dates(date(1990, 1, 1), date(2090, 12, 31))
COUNTS = st.integers(0, 60)
MINNESOTA = jurisdiction("us-mn")


def nth(year: int, month: int, weekday: int, number: int) -> date:
    """The number-th weekday (0 Monday) of a month, -1 the last: found by walking, not by rule."""
    days = [date(year, month, 1) + timedelta(days=n) for n in range(31)]
    found = [day for day in days if day.month == month and day.weekday() == weekday]
    return found[number - 1] if number > 0 else found[number]


def test_minnesota_holidays_of_2026() -> None:
    """The eleven days of Minn. Stat. 645.44 subd. 5, with 4 July on a Saturday observed on Friday."""
    assert sorted(holidays(MINNESOTA, 2026)) == [
        date(2026, 1, 1),
        date(2026, 1, 19),
        date(2026, 2, 16),
        date(2026, 5, 25),
        date(2026, 6, 19),
        date(2026, 7, 3),
        date(2026, 9, 7),
        date(2026, 10, 12),
        date(2026, 11, 11),
        date(2026, 11, 26),
        date(2026, 12, 25),
    ]
    fourth = holidays(MINNESOTA, 2026)[date(2026, 7, 3)]
    assert (fourth.name, fourth.nominal, fourth.doubt) == ("Independence Day", date(2026, 7, 4), None)


@given(year=st.integers(1995, 2090))
def test_movable_holidays_fall_where_a_walk_finds_them(year: int) -> None:
    """Rules on weekdays give the day that a walk through the month gives, in every year."""
    found = {
        holiday.name: day for day, holiday in holidays(MINNESOTA, year, {"Friday after Thanksgiving": True}).items()
    }
    assert found["Martin Luther King's Birthday"] == nth(year, 1, 0, 3)
    assert found["Memorial Day"] == nth(year, 5, 0, -1)
    assert found["Indigenous Peoples Day"] == nth(year, 10, 0, 2)
    assert found["Thanksgiving Day"] == nth(year, 11, 3, 4)
    assert found["Friday after Thanksgiving"] == nth(year, 11, 3, 4) + timedelta(days=1)


def test_new_year_on_a_saturday_closes_the_last_day_of_the_year_before() -> None:
    """31 December 2027 is the observed New Year of 2028, and it is skipped in a count over the turn of the year."""
    eve = holidays(MINNESOTA, 2027)[date(2027, 12, 31)]
    assert (eve.name, eve.nominal) == ("New Year's Day", date(2028, 1, 1))
    day, skipped = add_business_days(date(2027, 12, 30), 1, MINNESOTA)
    assert (day, skipped) == (date(2028, 1, 3), (eve,))


def test_a_holiday_begins_with_the_year_of_its_law() -> None:
    """Juneteenth is no holiday in Minnesota before 2023, nor does its shift reach back."""
    assert not any(holiday.name == "Juneteenth" for holiday in holidays(MINNESOTA, 2022).values())
    assert date(2023, 6, 19) in holidays(MINNESOTA, 2023)


def test_each_city_decides_the_options_that_the_law_leaves_it() -> None:
    """An option opens or closes its day; undecided, the default counts and the doubt is said."""
    assert local_options(MINNESOTA) == {"Indigenous Peoples Day": True, "Friday after Thanksgiving": False}
    columbus = date(2026, 10, 12)
    assert "has not decided" in str(holidays(MINNESOTA, 2026)[columbus].doubt)
    assert holidays(MINNESOTA, 2026, {"Indigenous Peoples Day": True})[columbus].doubt is None
    assert is_business_day(columbus, MINNESOTA, {"Indigenous Peoples Day": False})
    assert not is_business_day(date(2026, 11, 27), MINNESOTA, {"Friday after Thanksgiving": True})


def test_missouris_saturday_shift_is_a_custom_that_a_city_may_drop() -> None:
    """3 July 2026 is skipped by custom; a city that is open then says so once, and the day counts."""
    missouri = jurisdiction("us-mo")
    assert "custom" in str(holidays(missouri, 2026)[date(2026, 7, 3)].doubt)
    open_then = {"Saturday holidays observed on Friday": False}
    assert add_business_days(date(2026, 7, 1), 3, missouri, open_then)[0] == date(2026, 7, 6)
    closed_then = {"Saturday holidays observed on Friday": True}
    assert holidays(missouri, 2026, closed_then)[date(2026, 7, 3)].doubt is None


@pytest.mark.parametrize("name", ["Christmas Day", "Leif Erikson Day"])
def test_an_option_that_the_law_does_not_leave_is_refused(name: str) -> None:
    """A city can't open a legal holiday or invent one; the message names what it may decide."""
    with pytest.raises(UsageError, match=rf"Minnesota leaves no holiday '{name}' .*Indigenous Peoples Day"):
        add_business_days(date(2026, 6, 5), 10, MINNESOTA, {name: False})


def test_a_negative_number_is_refused() -> None:
    """Days are counted forward only."""
    with pytest.raises(ValueError, match="negative"):
        add_business_days(date(2026, 6, 5), -1, MINNESOTA)


@given(law=LAWS, start=DAYS, number=COUNTS, choice=st.data())
def test_the_count_equals_a_walk(law: Jurisdiction, start: date, number: int, choice: st.DataObject) -> None:
    """Between start (excluded) and result (included) lie exactly that many open days, and each closed one was named."""
    options = {name: choice.draw(st.booleans()) for name in local_options(law)}
    result, skipped = add_business_days(start, number, law, options)
    walked = [start + timedelta(days=n) for n in range(1, (result - start).days + 1)]
    assert sum(is_business_day(day, law, options) for day in walked) == number
    if number:
        assert is_business_day(result, law, options)
    weekdays_off = [day for day in walked if day.weekday() < 5 and not is_business_day(day, law, options)]
    assert [holiday.date for holiday in skipped] == weekdays_off


@given(law=LAWS, start=DAYS, later=st.integers(0, 40), number=COUNTS, more=st.integers(0, 10))
def test_the_count_is_monotone(law: Jurisdiction, start: date, later: int, number: int, more: int) -> None:
    """A later start or a larger number never gives an earlier day."""
    base = add_business_days(start, number, law)[0]
    assert add_business_days(start + timedelta(days=later), number, law)[0] >= base
    assert add_business_days(start, number + more, law)[0] >= base


@given(start=DAYS, number=COUNTS)
def test_calendar_days_roll_to_the_next_open_day_only(start: date, number: int) -> None:
    """A rolled last day is the first open day from the plain one on; unrolled it is the plain one."""
    plain, nothing = add_calendar_days(start, number, MINNESOTA, roll=False)
    assert (plain, nothing) == (start + timedelta(days=number), ())
    rolled, _ = add_calendar_days(start, number, MINNESOTA, roll=True)
    assert is_business_day(rolled, MINNESOTA)
    between = [plain + timedelta(days=n) for n in range((rolled - plain).days)]
    assert not any(is_business_day(day, MINNESOTA) for day in between)
