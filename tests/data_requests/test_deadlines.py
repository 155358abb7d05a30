"""The dates of a request: who set them, how they were counted, in words that a clerk can read aloud."""

import re
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.data_requests.deadlines import closed_request_hold_until, compute, date_of, principal
from archiver.errors import Refused, UsageError
from schema.law.loader import jurisdiction, jurisdictions
from schema.vocab import Nature, RequestKind

MINNESOTA, MISSOURI, ARIZONA = jurisdiction("us-mn"), jurisdiction("us-mo"), jurisdiction("us-az")
FRIDAY = date(2026, 6, 5)
DAYS = st.dates(date(1990, 1, 1), date(2090, 12, 31))
WITHHELD_LAW = "Minn. Stat. 13.085 subd. 2"


def test_a_minnesota_subject_request_explains_its_ten_days() -> None:
    """Ten business days by law, Juneteenth named as skipped, the start not counted."""
    (found,) = compute(MINNESOTA, RequestKind.SUBJECT, FRIDAY)
    assert (found.date, found.nature, found.rule_id) == (date(2026, 6, 22), Nature.LAW, "mn.subject.comply")
    assert found.explanation == (
        "Minn. Stat. 13.04 subd. 3: immediately if possible, otherwise within 10 business days of the date of request; "
        "counted from Friday 5 June 2026 (not counted), Juneteenth 19 June 2026 skipped; Monday 22 June 2026. "
        "Set by law."
    )
    assert found.earliest is None


def test_a_minnesota_public_request_has_a_city_target_only() -> None:
    """The law sets no number of days, so the date is the city's own target, and says so."""
    (found,) = compute(MINNESOTA, RequestKind.PUBLIC, FRIDAY)
    assert (found.date, found.nature) == (date(2026, 6, 22), Nature.CITY_TARGET)
    assert found.explanation.startswith("The law sets no number of days (Minn. Stat. 13.03 subd. 2(a)")
    assert "'appropriate and prompt" in found.explanation
    assert "the city's own target is 10 business days: counted from Friday 5 June 2026" in found.explanation
    assert found.explanation.endswith("Set by the city.")


def test_the_city_sets_its_own_target_or_none() -> None:
    """A city's number replaces the usual one; with 0 there is no date, and nobody else's."""
    (five,) = compute(MINNESOTA, RequestKind.PUBLIC, FRIDAY, city_targets={"mn.public.respond": 5})
    assert five.date == date(2026, 6, 12)
    (none,) = compute(MINNESOTA, RequestKind.PUBLIC, FRIDAY, city_targets={"mn.public.respond": 0})
    assert (none.date, none.nature) == (None, Nature.LAW)
    assert none.explanation.endswith("and the city has set no target.")


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ({"mn.subject.comply": 5}, "The law sets the days of mn.subject.comply"),
        ({"mo.act": 3}, "no rule 'mo.act' for a city target; choose among: mn.public.respond"),
        ({"mn.public.respond": -1}, "can't be negative"),
    ],
)
def test_a_target_where_the_law_speaks_is_refused(targets: dict[str, int], said: str) -> None:
    """A city can't set a target for what the law sets, for a rule that isn't its own, or below zero."""
    with pytest.raises(UsageError, match=said):
        compute(MINNESOTA, RequestKind.PUBLIC, FRIDAY, city_targets=targets)


def test_arizona_acknowledges_by_law_and_furnishes_by_target() -> None:
    """Five business days to acknowledge are law; "promptly" has no number; the law's date comes first."""
    dates = compute(ARIZONA, RequestKind.PUBLIC, date(2026, 12, 18))
    acknowledge, furnish = dates
    assert (acknowledge.date, acknowledge.nature) == (date(2026, 12, 28), Nature.LAW)
    assert "Not needed if: entity has a central online portal" in acknowledge.explanation
    assert furnish.nature is Nature.CITY_TARGET and "'promptly" in furnish.explanation
    assert principal(dates) is acknowledge
    assert principal((furnish, acknowledge)) is acknowledge
    hasty = compute(ARIZONA, RequestKind.PUBLIC, date(2026, 12, 18), city_targets={"az.furnish": 1})
    assert principal(hasty).rule_id == "az.acknowledge"


def test_what_is_unsettled_shows_the_earlier_day() -> None:
    """A custom, an undecided local holiday or an unverified list gives the safe, earlier day beside the date."""
    (missouri,) = compute(MISSOURI, RequestKind.PUBLIC, date(2026, 7, 1))
    assert (missouri.date, missouri.earliest) == (date(2026, 7, 7), date(2026, 7, 6))
    assert "custom, not the law, moves it to Friday" in missouri.explanation
    (undecided,) = compute(MINNESOTA, RequestKind.SUBJECT, date(2026, 10, 5))
    assert (undecided.date, undecided.earliest) == (date(2026, 10, 20), date(2026, 10, 19))
    decided = {"Indigenous Peoples Day": True}
    assert compute(MINNESOTA, RequestKind.SUBJECT, date(2026, 10, 5), options=decided)[0].earliest is None
    (washington,) = compute(jurisdiction("us-wa"), RequestKind.PUBLIC, date(2026, 11, 23))
    assert (washington.date, washington.earliest) == (date(2026, 12, 2), date(2026, 11, 30))


def test_an_unverified_rule_is_never_law() -> None:
    """Florida's rule is not verified: its date is the city's, and the city attorney is named."""
    (found,) = compute(jurisdiction("us-fl"), RequestKind.PUBLIC, date(2026, 12, 21))
    assert (found.date, found.nature) == (date(2026, 12, 24), Nature.CITY_TARGET)
    assert "is not verified; the city attorney must confirm it" in found.explanation
    assert "holidays of Florida are not known" in found.explanation
    doubted = replace(MISSOURI, deadlines=tuple(replace(rule, verified=False) for rule in MISSOURI.deadlines))
    (open_question,) = compute(doubted, RequestKind.PUBLIC, FRIDAY)
    assert open_question.date is None
    assert "is not verified" in open_question.explanation


def test_a_subject_is_answered_by_the_general_rule_where_there_is_no_other() -> None:
    """Missouri has no rule of its own for data subjects, so they get no worse date than anyone."""
    assert compute(MISSOURI, RequestKind.SUBJECT, FRIDAY) == compute(MISSOURI, RequestKind.PUBLIC, FRIDAY)


def test_a_last_day_off_moves_only_where_that_is_verified() -> None:
    """Minnesota's last day on 4 July moves to Monday; California's unverified roll is said and not used."""
    moved = date_of(MINNESOTA, "mn.subject.challenge", date(2026, 6, 4))
    assert moved.date == date(2026, 7, 6)
    assert "Saturday 4 July 2026, is no business day" in moved.explanation
    (kept,) = compute(jurisdiction("us-ca"), RequestKind.PUBLIC, date(2026, 12, 23))
    assert kept.date == date(2027, 1, 2)
    assert "moves to Monday 4 January 2027 is not verified" in kept.explanation


def test_a_roll_over_an_undecided_holiday_shows_the_earlier_day() -> None:
    """Thirty days that end on Indigenous Peoples Day move on, and the day itself is shown until the city decides."""
    found = date_of(MINNESOTA, "mn.subject.challenge", date(2026, 9, 12))
    assert (found.date, found.earliest) == (date(2026, 10, 13), date(2026, 10, 12))


def test_rules_of_later_events_are_counted_on_demand() -> None:
    """The six months of a repeat count from the showing, to the earlier side of a short month."""
    repeat = date_of(MINNESOTA, "mn.subject.six_month_repeat", date(2026, 8, 31))
    assert repeat.date == date(2027, 2, 28)
    assert "Not where: dispute or action pending" in repeat.explanation
    statement = date_of(MISSOURI, "mo.denial_statement", FRIDAY)
    assert statement.date == date(2026, 6, 10)


def test_an_extension_needs_a_number_in_the_law() -> None:
    """California's fourteen days are added and explained; Minnesota and Missouri give none to count."""
    california = date_of(jurisdiction("us-ca"), "ca.determine", date(2026, 12, 21), extended=True)
    assert california.date == date(2027, 1, 14)
    assert "extended by 14 for unusual circumstances" in california.explanation
    for law, rule in ((MINNESOTA, "mn.subject.comply"), (MISSOURI, "mo.act"), (ARIZONA, "az.furnish")):
        with pytest.raises(Refused, match="gives no number of days"):
            date_of(law, rule, FRIDAY, extended=True)


@given(received=DAYS)
def test_every_date_explains_itself(received: date) -> None:
    """Statute, edition and author of each date are told; a city target is never called due."""
    for law in jurisdictions():
        for kind in RequestKind:
            dates = compute(law, kind, received)
            assert principal(dates) in dates
            for found in dates:
                assert found.edition == law.edition
                assert found.statute in found.explanation
                assert found.date is not None and found.date > received
                assert found.earliest is None or received < found.earliest < found.date
                author = {Nature.LAW: "Set by law.", Nature.CITY_TARGET: "Set by the city."}[found.nature]
                assert author in found.explanation
                assert not re.search(r"\b(over)?due\b", found.explanation)


def test_what_was_withheld_stays_held_two_years_in_minnesota() -> None:
    """Two years after closing, with reason and statute; a longer policy of the city wins, a shorter one does not."""
    closed = date(2026, 7, 1)
    until, nature, said = closed_request_hold_until(MINNESOTA, closed, True, None)
    assert (until, nature) == (date(2028, 7, 1), Nature.LAW)
    assert WITHHELD_LAW in said and "through Saturday 1 July 2028" in said
    assert closed_request_hold_until(MINNESOTA, closed, True, 30)[:2] == (date(2028, 7, 1), Nature.LAW)
    until, nature, said = closed_request_hold_until(MINNESOTA, closed, True, 1000)
    assert (until, nature) == (closed + timedelta(days=1000), Nature.CITY_TARGET)
    assert "longer than the law asks for, Saturday 1 July 2028" in said


def test_otherwise_the_citys_policy_decides() -> None:
    """Nothing withheld, or a law without such a rule: the city's days, 0 allowed, none without a policy."""
    closed = date(2026, 7, 1)
    for law, withheld in ((MINNESOTA, False), (MISSOURI, True), (jurisdiction("us-wa"), True)):
        until, nature, said = closed_request_hold_until(law, closed, withheld, 30)
        assert (until, nature) == (date(2026, 7, 31), Nature.CITY_TARGET)
        assert WITHHELD_LAW not in said
        for days in (0, None):
            assert closed_request_hold_until(law, closed, withheld, days)[:2] == (closed, Nature.CITY_TARGET)
    with pytest.raises(UsageError, match="0 is the least"):
        closed_request_hold_until(MINNESOTA, closed, True, -1)


def test_two_years_from_a_leap_day_end_on_the_later_side() -> None:
    """29 February plus two years is 1 March: nothing is let go a day early."""
    assert closed_request_hold_until(MINNESOTA, date(2028, 2, 29), True, None)[0] == date(2030, 3, 1)
