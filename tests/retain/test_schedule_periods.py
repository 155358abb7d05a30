"""Reading periods as schedules write them: what is plainly said is read, everything else stays unknown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.retain.schedule_periods import UNKNOWN, ReadPeriod, read_period
from schema.vocab import PeriodKind, PeriodUnit, Trigger

DURATION, YEAR = PeriodKind.DURATION, PeriodUnit.YEAR


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("3 years", ReadPeriod(DURATION, 3, YEAR)),
        ("1 Year.", ReadPeriod(DURATION, 1, YEAR)),
        ("Retain for six (6) years", ReadPeriod(DURATION, 6, YEAR)),
        ("90 days", ReadPeriod(DURATION, 90, PeriodUnit.DAY)),
        ("2 weeks", ReadPeriod(DURATION, 14, PeriodUnit.DAY)),
        ("18  months after\nreceipt", ReadPeriod(DURATION, 18, PeriodUnit.MONTH, Trigger.RECEIVED_OR_SENT)),
        ("6 years after fiscal year end", ReadPeriod(DURATION, 6, YEAR, Trigger.FISCAL_YEAR_END)),
        ("6 yrs. after the end of fiscal year", ReadPeriod(DURATION, 6, YEAR, Trigger.FISCAL_YEAR_END)),
        ("3 fiscal years", ReadPeriod(DURATION, 3, PeriodUnit.FISCAL_YEAR)),
        ("1 year after action completed", ReadPeriod(DURATION, 1, YEAR, Trigger.ACTION_COMPLETED)),
        ("5 years after volunteer period ends", ReadPeriod(DURATION, 5, YEAR, Trigger.VOLUNTEER_PERIOD_END)),
        ("PERMANENT", ReadPeriod(PeriodKind.PERMANENT, trigger=Trigger.NONE)),
        ("Retain permanently", ReadPeriod(PeriodKind.PERMANENT, trigger=Trigger.NONE)),
        ("Until superseded", ReadPeriod(PeriodKind.UNTIL_SUPERSEDED, trigger=Trigger.SUPERSEDED)),
        ("until read", ReadPeriod(PeriodKind.UNTIL_READ)),
        ("3", UNKNOWN),
        ("0 years", UNKNOWN),
        ("3 years or until audited", UNKNOWN),
        ("3 years, then permanent", UNKNOWN),
        ("six (5) years", UNKNOWN),
        ("3 to 6 years", UNKNOWN),
        ("3 years after the mayor says so", UNKNOWN),
        ("not permanent", UNKNOWN),
        ("3 business days", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_what_is_plainly_said_is_read(written: str, read: ReadPeriod) -> None:
    """Numbers, units and events that are known; an "or", a second number or an unknown word make it unknown."""
    assert read_period(written) == read


@given(st.text(max_size=60) | st.from_regex(r"\d{0,4} ?(year|day|month)s? ?(after|or|and)? ?[a-z ]{0,20}"))
def test_no_words_break_the_reader(written: str) -> None:
    """Whatever stands in a cell, a counted period has a number of at least 1 and a unit, anything else has none."""
    read = read_period(written)
    assert (read.number is None) == (read.unit is None) == (read.kind is not PeriodKind.DURATION)
    assert read.number is None or read.number >= 1


@given(st.integers(1, 999), st.sampled_from(["day", "month", "year"]), st.booleans())
def test_every_plain_period_is_read(number: int, unit: str, upper: bool) -> None:
    """A number and a unit are that period, in any case of letters."""
    written = f"{number} {unit}{'' if number == 1 else 's'}"
    assert read_period(written.upper() if upper else written) == ReadPeriod(DURATION, number, PeriodUnit(unit))
