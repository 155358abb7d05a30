"""The dates of a data request, each with its rule, edition, counting, and whether law or the city set it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from dateutil.relativedelta import relativedelta

from archiver.data_requests.business_days import ObservedHoliday, Options, add_business_days, add_calendar_days
from archiver.errors import Refused, UsageError
from archiver.retain.dates import add_period, in_words
from schema.law.shapes import Deadline, Jurisdiction
from schema.vocab import Nature, PeriodUnit, RequestKind

FROM_RECEIPT = {
    None: "receipt",
    "received": "receipt",
    "received_by_custodian": "receipt by the custodian",
    "received_by_responsible_authority_or_designee": "receipt by the responsible authority or designee",
    "received_by_proper_component_max_10_days_after_any_component": "receipt by the proper component",
    "date_of_request": "the date of request",
}
FROM_LATER_EVENT = {
    "date_private_data_was_shown_and_explained": "the day the data were shown and explained",
    "written_challenge_received": "receipt of the written challenge",
    "statement_requested": "the request for the statement",
}
ASKED_BY_ANYONE = ("public_data", "public_records", "agency_records", "copy_request")
UNIT_WORDS = {
    PeriodUnit.BUSINESS_DAY: "business day",
    PeriodUnit.DAY: "calendar day",
    PeriodUnit.MONTH: "month",
    PeriodUnit.YEAR: "year",
}


Day = date  # inside a class whose field is named date


@dataclass(frozen=True, slots=True)
class RequestDate:
    """One date of a request.

    date: day in the city's zone, None where neither the law nor the city sets a number.
    explanation: plain sentences that a clerk can read aloud.
    earliest: the safe, earlier day where the date leans on something unsettled (an undecided local holiday, a custom,
    an unverified list), else None.
    """

    date: Day | None
    nature: Nature
    rule_id: str
    action: str
    statute: str
    edition: str
    explanation: str
    earliest: Day | None = None


def compute(
    law: Jurisdiction,
    kind: RequestKind,
    received: date,
    *,
    options: Options | None = None,
    city_targets: Mapping[str, int] | None = None,
) -> tuple[RequestDate, ...]:
    """Every date that starts with the receipt of a request, in the order of the law's rules.

    received: day in the city's zone.  options: the city's decisions on local holidays.
    city_targets: rule id -> number of the rule's target unit, 0: no target; where absent, the rule's usual policy.
    A law without rules of its own for data subjects answers them by its rules for everyone.
    Raises UsageError for an option or a target that this law doesn't leave to the city.
    """
    _check_targets(law, city_targets or {})
    rules = [rule for rule in law.deadlines if rule.clock_basis in FROM_RECEIPT]
    chosen = [rule for rule in rules if kind == RequestKind.SUBJECT and rule.applies_to == "data_subject"]
    chosen = chosen or [rule for rule in rules if rule.applies_to in ASKED_BY_ANYONE]
    return tuple(date_of(law, rule.id, received, options=options, city_targets=city_targets) for rule in chosen)


def date_of(
    law: Jurisdiction,
    rule_id: str,
    start: date,
    *,
    options: Options | None = None,
    city_targets: Mapping[str, int] | None = None,
    extended: bool = False,
) -> RequestDate:
    """The date of one rule, counted from `start` (not counted itself); also for rules that later events start.

    extended: with the longest extension that the law gives by number.
    Raises Refused where it gives none, LookupError for an unknown rule.
    """
    rule = law.deadline(rule_id)
    if rule.nature == "fixed" and rule.verified:
        return _by_law(law, rule, start, options, extended=extended)
    if extended:
        raise _no_extension(rule)
    return _by_city(law, rule, start, options, (city_targets or {}).get(rule.id, rule.target_number or 0))


def principal(dates: Sequence[RequestDate]) -> RequestDate:
    """The one to show first: the earliest date that the law sets, else the earliest target, else what has no date."""
    return min(dates, key=lambda d: (d.date is None, d.nature != Nature.LAW, d.date or date.max))


def closed_request_hold_until(
    law: Jurisdiction, closed: date, anything_withheld: bool, city_days: int | None
) -> tuple[date, Nature, str]:
    """The last day on which the records of a closed request stay held, who set it, and why.

    closed: day in the city's zone.  anything_withheld: something was denied, withheld or redacted.
    city_days: the city's own policy in calendar days after closing, 0 allowed, None: no policy.
    The later of law and policy counts.  For 0 days the answer is `closed`: nothing is held after that day.
    """
    if city_days is not None and city_days < 0:
        raise UsageError(problem=f"A closed request can't stay held for {city_days} days; 0 is the least.")
    closing = f"closing on {in_words(closed)}"
    policy = closed + timedelta(days=city_days or 0)
    rule = law.closed_request if anything_withheld else None
    by_law = add_period(closed, rule.number, rule.unit) if rule is not None and rule.verified else closed
    if rule is not None and by_law > closed and by_law >= policy:
        period = _amount(rule.number, UNIT_WORDS[rule.unit])
        said = f"{rule.statute}: {rule.reason}, and something was denied or withheld; held for {period} after {closing}"
        return by_law, Nature.LAW, f"{said}, through {in_words(by_law)}. Set by law."
    if not city_days:
        own = "The city's own policy holds nothing" if city_days == 0 else "The city has set no policy for the time"
        return policy, Nature.CITY_TARGET, f"{own} after {closing}, and no law that the archive knows asks for it here."
    longer = f", longer than the law asks for, {in_words(by_law)} ({rule.statute})" if rule and by_law > closed else ""
    own = f"The city's own policy holds the records for {_amount(city_days, 'calendar day')} after {closing}"
    return policy, Nature.CITY_TARGET, f"{own}, through {in_words(policy)}{longer}. Set by the city."


@dataclass(frozen=True, slots=True)
class _Count:
    """A day counted from a start; notes: sentences on what is unsettled."""

    day: date
    steps: str
    earliest: date | None
    notes: str


def _by_law(law: Jurisdiction, rule: Deadline, start: date, options: Options | None, *, extended: bool) -> RequestDate:
    number, unit, extension = rule.number or 0, rule.unit or PeriodUnit.DAY, ""
    within = _amount(number, UNIT_WORDS[unit])
    if extended:
        if not rule.extension_number or rule.extension_unit != unit:
            raise _no_extension(rule)
        condition = f" for {rule.extension_condition}" if rule.extension_condition else ""
        extension = f", extended by {rule.extension_number}{condition}"
        number += rule.extension_number
    count = _count(law, rule, start, (number, unit), options)
    at_once = "immediately if possible, otherwise " if rule.immediately_if_possible else ""
    event = FROM_RECEIPT.get(rule.clock_basis) or FROM_LATER_EVENT[rule.clock_basis or ""]
    said = f"{rule.statute}: {at_once}within {within} of {event}{extension}; {count.steps}. Set by law.{count.notes}"
    if rule.unless:
        said += f" Not where: {', '.join(rule.unless).replace('_', ' ')}."
    if rule.not_needed_if:
        said += f" Not needed if: {rule.not_needed_if}."
    return RequestDate(count.day, Nature.LAW, rule.id, rule.action, rule.statute, law.edition, said, count.earliest)


def _by_city(law: Jurisdiction, rule: Deadline, start: date, options: Options | None, target: int) -> RequestDate:
    if rule.verified:
        opening = f"The law sets no number of days ({rule.statute}: '{rule.standard}')"
    else:
        opening = f"What the law asks for ({rule.statute}) is not verified; the city attorney must confirm it"
    if not target or rule.target_unit is None:
        said = f"{opening}, and the city has set no target."
        return RequestDate(None, Nature.LAW, rule.id, rule.action, rule.statute, law.edition, said)
    count = _count(law, rule, start, (target, rule.target_unit), options)
    amount = _amount(target, UNIT_WORDS[rule.target_unit])
    said = f"{opening}; the city's own target is {amount}: {count.steps}. Set by the city.{count.notes}"
    return RequestDate(
        count.day, Nature.CITY_TARGET, rule.id, rule.action, rule.statute, law.edition, said, count.earliest
    )


def _count(
    law: Jurisdiction, rule: Deadline, start: date, span: tuple[int, PeriodUnit], options: Options | None
) -> _Count:
    number, unit = span
    if unit == PeriodUnit.BUSINESS_DAY:
        day, skipped = add_business_days(start, number, law, options)
        notes, earliest = _doubts(law, start, number, options, skipped)
        if law.calendar is None:
            notes = f" The holidays of {law.name} are not known, so none is skipped: this is the earliest day."
        return _Count(day, _steps(start, skipped, day), earliest, notes)
    if unit != PeriodUnit.DAY:
        day = start + relativedelta(months=number * (12 if unit == PeriodUnit.YEAR else 1))
        return _Count(day, _steps(start, (), day), None, "")
    plain, _ = add_calendar_days(start, number, law, options, roll=False)
    rolled, skipped = add_calendar_days(start, number, law, options, roll=True)
    if rolled == plain or not (_rolls(law) or rule.roll_last_day_if_nonbusiness):
        return _Count(plain, _steps(start, (), plain), None, "")
    if not (_rolls(law) or rule.roll_verified):
        notes = f" That such a last day moves to {in_words(rolled)} is not verified: keep the earlier day."
        return _Count(plain, _steps(start, (), plain), None, notes)
    notes, earliest = _doubts(law, plain - timedelta(days=1), 1, options, skipped)
    notes = f" The last day, {in_words(plain)}, is no business day, so the next one counts.{notes}"
    return _Count(rolled, _steps(start, skipped, rolled), earliest, notes)


def _rolls(law: Jurisdiction) -> bool:
    calendar = law.calendar
    return calendar is not None and calendar.verified and calendar.roll_last_day_if_nonbusiness is not None


def _steps(start: date, skipped: Sequence[ObservedHoliday], day: date) -> str:
    off = " and ".join(_skipped(holiday) for holiday in skipped)
    return f"counted from {in_words(start)} (not counted), {off + ' skipped; ' if off else ''}{in_words(day)}"


def _doubts(
    law: Jurisdiction, start: date, number: int, options: Options | None, skipped: Sequence[ObservedHoliday]
) -> tuple[str, date | None]:
    """What is unsettled among the skipped holidays, in words, and the day if offices were open on them."""
    by_reason: dict[str, list[ObservedHoliday]] = {}
    for holiday in skipped:
        if holiday.doubt is not None:
            by_reason.setdefault(holiday.doubt, []).append(holiday)
    if not by_reason:
        return "", None
    open_on = frozenset(holiday.date for doubtful in by_reason.values() for holiday in doubtful)
    earliest, _ = add_business_days(start, number, law, options, open_on=open_on)
    reasons = "; ".join(f"{' and '.join(map(_skipped, doubtful))}: {reason}" for reason, doubtful in by_reason.items())
    return (
        f" {reasons}. If offices are open then, it is {in_words(earliest)}; the earlier day is the safe one.",
        earliest,
    )


def _skipped(holiday: ObservedHoliday) -> str:
    observed = "observed " if holiday.date != holiday.nominal else ""
    return f"{holiday.name} {observed}{in_words(holiday.date).split(' ', 1)[1]}"


def _amount(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _no_extension(rule: Deadline) -> Refused:
    said = f"{rule.statute} gives no number of days by which {rule.id} could be extended."
    return Refused(
        reason=said, action="Tell the requester the reason and the date in a letter, and note both on the request."
    )


def _check_targets(law: Jurisdiction, targets: Mapping[str, int]) -> None:
    open_rules = [rule.id for rule in law.deadlines if rule.nature == "standard"]
    for rule_id, number in targets.items():
        fixed = next((rule for rule in law.deadlines if rule.id == rule_id and rule.nature == "fixed"), None)
        if fixed is not None:
            raise UsageError(
                problem=f"The law sets the days of {rule_id} ({fixed.statute}); a city target can't replace them."
            )
        if number < 0:
            raise UsageError(problem=f"A city target can't be negative: {rule_id} = {number}.")
        if rule_id not in open_rules:
            choices = ", ".join(open_rules) or "none"
            raise UsageError(problem=f"{law.name} has no rule {rule_id!r} for a city target; choose among: {choices}.")
