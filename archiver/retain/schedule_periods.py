"""Reading a retention period as a schedule writes it; what is not plainly said stays unknown, nothing is guessed."""

import re
from dataclasses import dataclass

from schema.vocab import PeriodKind, PeriodUnit, Trigger

KNOWN_FORMS = '"3 years", "6 years after fiscal year end", "90 days", "permanent", "until superseded"'
"""What a person may write, for messages."""

_COUNT = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_WORDS = {word: number for number, word in enumerate(_COUNT, 1)}
_UNITS = {
    "day": (PeriodUnit.DAY, 1),
    "week": (PeriodUnit.DAY, 7),
    "month": (PeriodUnit.MONTH, 1),
    "mo": (PeriodUnit.MONTH, 1),
    "year": (PeriodUnit.YEAR, 1),
    "yr": (PeriodUnit.YEAR, 1),
    "fiscal year": (PeriodUnit.FISCAL_YEAR, 1),
    "calendar year": (PeriodUnit.CALENDAR_YEAR, 1),
}
_EVENTS = {
    Trigger.CREATED: ("creation", "created", "date created", "date of creation", "date creation"),
    Trigger.RECEIVED_OR_SENT: (
        *("received or sent", "receipt", "received", "date received", "date of receipt", "sent", "sent or received"),
        "date received or sent",
    ),
    Trigger.LAST_CHANGED: ("last change", "last changed", "last modified", "last update"),
    Trigger.ACTION_COMPLETED: ("action completed", "action is completed", "completion of action", "action complete"),
    Trigger.SUPERSEDED: ("superseded", "being superseded", "supersession"),
    Trigger.FISCAL_YEAR_END: (
        *("fiscal year end", "fiscal year ends", "end of fiscal year", "close of fiscal year", "fye"),
        *("fiscal year", "fy end", "fy ends", "end of fy", "close of fy", "fy"),
    ),
    Trigger.CALENDAR_YEAR_END: (
        *("calendar year end", "calendar year ends", "end of calendar year", "close of calendar year"),
        "calendar year",
    ),
    Trigger.SEPARATION: (
        *("separation", "separation from employment", "separation of employment", "separation of employee"),
        *("employee separation", "termination of employment", "employment ends"),
    ),
    Trigger.CASE_CLOSED: ("case closed", "case is closed", "case closes", "closing of case", "case closure"),
    Trigger.RESOLVED: ("resolved", "matter resolved"),
    Trigger.REMOVED_FROM_PUBLIC_VIEW: ("removed from public view", "removal from public view"),
    Trigger.VOLUNTEER_PERIOD_END: ("volunteer period ends", "end of volunteer period", "volunteer period end"),
}
_EVENT_OF = {words: trigger for trigger, known in _EVENTS.items() for words in known}
_WHOLE = {
    "permanent": PeriodKind.PERMANENT,
    "permanently": PeriodKind.PERMANENT,
    "until superseded": PeriodKind.UNTIL_SUPERSEDED,
    "until read": PeriodKind.UNTIL_READ,
    "until obsolete": PeriodKind.UNTIL_OBSOLETE,
}
_COUNTED = re.compile(
    r"(?P<number>\d{1,3}|[a-z]+)(?: \((?P<again>\d{1,3})\))? (?P<unit>(?:fiscal |calendar )?[a-z]+?)s?"
    r"(?: (?:after|from|following)(?: the)? (?P<event>[a-z ]+))?"
)


@dataclass(frozen=True, slots=True)
class ReadPeriod:
    """A period as it was read; trigger: None where the words name no event.  kind UNKNOWN: not understood."""

    kind: PeriodKind
    number: int | None = None
    unit: PeriodUnit | None = None
    trigger: Trigger | None = None

    @property
    def understood(self) -> bool:
        """Whether the words say a period."""
        return self.kind is not PeriodKind.UNKNOWN


UNKNOWN = ReadPeriod(PeriodKind.UNKNOWN)


def folded(written: str) -> str:
    """Words as they are compared: lower case, single spaces, without the stop at the end."""
    return " ".join(written.casefold().split()).rstrip(".").strip()


def read_period(written: str) -> ReadPeriod:
    """The period that words plainly say, UNKNOWN for anything with an "or", a "plus" or a word not known here."""
    words = re.sub(r"\b(yrs?|mos?)\.", r"\1", folded(written))
    words = re.sub(r"^(?:retain|keep|kept)\b ?", "", words)
    words = words.removeprefix("for ")
    if kind := _WHOLE.get(words):
        return ReadPeriod(kind, trigger=_own_event(kind))
    found = _COUNTED.fullmatch(words)
    if found is None:
        return UNKNOWN
    number = int(found["number"]) if found["number"].isdecimal() else _WORDS.get(found["number"])
    unit = _UNITS.get(found["unit"])
    if not number or unit is None or (found["again"] and int(found["again"]) != number):
        return UNKNOWN
    trigger = None
    if found["event"] is not None and (trigger := _EVENT_OF.get(found["event"].strip())) is None:
        return UNKNOWN
    return ReadPeriod(PeriodKind.DURATION, number * unit[1], unit[0], trigger)


def _own_event(kind: PeriodKind) -> Trigger | None:
    if kind is PeriodKind.PERMANENT:
        return Trigger.NONE
    return Trigger.SUPERSEDED if kind is PeriodKind.UNTIL_SUPERSEDED else None
