"""Checks the law data: what is used as law has a source, and what nobody verified can't set a date or destroy a record.

Run as `python -m schema.law.linter`: prints findings, exit code 1 where there are any.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import chain
from typing import Protocol, TypeVar

from dateutil.rrule import rrulestr

from schema.law.loader import read_jurisdiction, read_schedule, toml_files
from schema.law.shapes import Deadline, Jurisdiction, RetentionScheduleEdition, SeriesRule
from schema.law.tables import LawDataError
from schema.vocab import PeriodKind, PeriodUnit, Trigger

Shape = TypeVar("Shape")

PUBLIC_SOURCE = re.compile(r"(https?://|github:)\S+")
DEADLINE_UNITS = (PeriodUnit.BUSINESS_DAY, PeriodUnit.DAY, PeriodUnit.MONTH, PeriodUnit.YEAR)
CAN_COME_DUE = (PeriodKind.DURATION, PeriodKind.UNTIL_EVENT, PeriodKind.UNTIL_SUPERSEDED)


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake: file, the entry's id within it, and what is wrong in one sentence."""

    file: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.where}: {self.message}" if self.where else f"{self.file}: {self.message}"


class Sourced(Protocol):
    """An entry that names its sources."""

    @property
    def source(self) -> tuple[str, ...]: ...  # noqa: D102  (said above)
    @property
    def verified(self) -> bool: ...  # noqa: D102  (said above)


def lint(folder: Traversable | None = None) -> list[Finding]:
    """Every mistake in the law data of `folder` (subfolders jurisdictions, schedules), of this package where absent."""
    folder = folder or files("schema.law")
    findings: list[Finding] = []
    laws = _read(folder / "jurisdictions", read_jurisdiction, findings)
    editions = _read(folder / "schedules", read_schedule, findings)
    for file, law in laws:
        checks = (_sources, _unique_ids, _edition, _deadlines, _holidays, _classes)
        findings += [Finding(file, where, message) for check in checks for where, message in check(law)]
        findings += _file_name(file, law.id)
    known = {law.id for _, law in laws}
    for file, edition in editions:
        found = chain(_edition(edition), _schedule_sources(edition), _series(edition))
        findings += [Finding(file, where, message) for where, message in found]
        findings += _file_name(file, edition.id)
        if edition.jurisdiction not in known:
            findings.append(Finding(file, "jurisdiction", f"there is no jurisdiction {edition.jurisdiction!r}"))
    return findings


def main() -> int:
    """Print the findings; 1 where there are any."""
    findings = lint()
    for finding in findings:
        sys.stdout.write(f"{finding}\n")
    return 1 if findings else 0


Said = Iterator[tuple[str, str]]
"""Where and what, of one check."""


def _read(
    folder: Traversable, read: Callable[[Traversable], Shape], findings: list[Finding]
) -> list[tuple[str, Shape]]:
    found = []
    for file in toml_files(folder):
        try:
            found.append((file.name, read(file)))
        except LawDataError as error:
            findings.append(Finding(file.name, "", str(error).removeprefix(f"{file.name}: ")))
    return found


def _file_name(file: str, name: str) -> list[Finding]:
    return [] if file == f"{name}.toml" else [Finding(file, "id", f"the file of {name!r} is {name}.toml")]


def _sources(law: Jurisdiction) -> Said:
    parts: list[tuple[str, Sourced | None]] = [("jurisdiction", law)]
    parts += [(rule.id, rule) for rule in law.deadlines]
    parts += [(fee.id, fee) for fee in law.fees]
    parts += [(exemption.code, exemption) for exemption in law.exemptions]
    parts += [("denial", law.denial), ("disposal", law.disposal), ("closed_request", law.closed_request)]
    parts += [("calendar", law.calendar), ("message_copy_rule", law.message_copy_rule)]
    parts += [("personal_accounts", law.personal_accounts)]
    for where, part in parts:
        if part is not None:
            yield from _source(where, part)


def _schedule_sources(edition: RetentionScheduleEdition) -> Said:
    yield from _source("schedule", edition)
    for series in edition.series:
        yield from _source(series.key, series)


def _source(where: str, part: Sourced) -> Said:
    if part.verified and not any(PUBLIC_SOURCE.search(source) for source in part.source):
        yield where, "verified = true needs a public source (a URL or github: path)"
    if part.verified and any(source.startswith("unverified") for source in part.source):
        yield where, "verified = true beside a source that says unverified"


def _unique_ids(law: Jurisdiction) -> Said:
    yield from _repeated((rule.id for rule in law.deadlines), "deadline id")
    yield from _repeated((fee.id for fee in law.fees), "fee id")
    yield from _repeated((exemption.code for exemption in law.exemptions), "exemption code")
    yield from _repeated((holiday.name for holiday in law.holidays), "holiday name")


def _repeated(names: Iterable[str], noun: str) -> Said:
    seen: set[str] = set()
    for name in names:
        if not name:
            yield "", f"an empty {noun}"
        elif name in seen:
            yield name, f"{noun} used twice"
        seen.add(name)


def _edition(part: Jurisdiction | RetentionScheduleEdition) -> Said:
    try:
        date.fromisoformat(part.edition)
    except ValueError:
        yield "edition", f"{part.edition!r} is not a day YYYY-MM-DD"


def _deadlines(law: Jurisdiction) -> Said:
    for rule in law.deadlines:
        for message in (*_by_number(rule), *_by_target(rule)):
            yield rule.id, message
    if law.closed_request is not None and not law.closed_request.verified:
        yield "closed_request", "an unverified rule can't set how long records stay held: take it out"
    if law.closed_request is not None and law.closed_request.unit not in DEADLINE_UNITS[1:]:
        yield "closed_request", "unit must be day, month or year"


def _by_number(rule: Deadline) -> Iterator[str]:
    if rule.nature == "fixed":
        if not rule.verified:
            yield "an unverified rule can't be fixed law: nature standard, or find its source"
        if rule.number is None or rule.number < 1 or rule.unit not in DEADLINE_UNITS:
            yield "nature fixed needs number (at least 1) and unit (business_day, day, month or year)"
    elif rule.number is not None or rule.unit is not None:
        yield "nature standard has no number: the law sets none"
    if rule.extension_number and rule.extension_unit != rule.unit:
        yield "extension_unit must be the unit of the rule"


def _by_target(rule: Deadline) -> Iterator[str]:
    if rule.nature == "standard" and rule.standard is None and rule.target_number is None:
        yield "nature standard needs the law's words in standard, or a target"
    if rule.target_number is not None and (rule.target_unit not in DEADLINE_UNITS or not rule.target_is_policy):
        yield "a target needs target_unit, and target_is_policy = true, because it is never law"


def _holidays(law: Jurisdiction) -> Said:
    if law.holidays and law.calendar is None:
        yield "holidays", "holidays need a calendar, which holds their source"
    for holiday in law.holidays:
        try:
            for year in (2024, 2025, 2026, 2027):
                first = datetime(year, 1, 1)  # noqa: DTZ001  (dateutil's rules take naive times; only the day is used)
                days = rrulestr(holiday.rrule, dtstart=first).between(first, datetime(year, 12, 31), inc=True)  # noqa: DTZ001  (as above)
                if len(days) != 1:
                    yield holiday.name, f"{holiday.rrule} gives {len(days)} days in {year}, not one"
                    break
        except ValueError as error:
            yield holiday.name, f"{holiday.rrule!r} is no RFC 5545 rule: {error}"
        if holiday.from_year and holiday.until_year and holiday.from_year > holiday.until_year:
            yield holiday.name, "from_year is after until_year"


def _classes(law: Jurisdiction) -> Said:
    words = set(law.classes) | {str(name) for name in law.classes_individual + law.classes_not_individual}
    if words and law.default_class not in words:
        yield "default_class", f"{law.default_class!r} is none of the law's classes: {', '.join(sorted(words))}"
    if missing := [
        word for word in (*law.classes, law.default_class) if not law.classes_individual and word not in law.class_terms
    ]:
        yield "class_terms", f"no class of the archive for {', '.join(missing)}"


def _series(edition: RetentionScheduleEdition) -> Said:
    yield from _repeated((series.key for series in edition.series), "series key")
    yield from _repeated((series.code for series in edition.series if series.code), "series code")
    for series in edition.series:
        for message in chain(_period(series), _unverified_period(series)):
            yield series.key, message


def _period(series: SeriesRule) -> Iterator[str]:
    if (series.number is None) != (series.unit is None):
        yield "number and unit belong together"
    if series.period_kind == PeriodKind.DURATION and (series.number is None or series.number < 1):
        yield "period_kind duration needs a number of at least 1"
    if series.period_kind not in CAN_COME_DUE and series.number is not None:
        yield f"period_kind {series.period_kind} has no number"
    if series.period_kind in CAN_COME_DUE and series.trigger == Trigger.NONE:
        yield f"period_kind {series.period_kind} needs a trigger"
    if series.unit == PeriodUnit.BUSINESS_DAY:
        yield "a retention period isn't counted in business days"


def _unverified_period(series: SeriesRule) -> Iterator[str]:
    if not series.verified and series.period_kind in CAN_COME_DUE:
        yield "a placeholder (verified = false) has period_kind unknown until somebody finds its period"
    if series.alternative is not None and series.period_verified:
        yield "a period with an alternative needs period_verified = false: a person must weigh it"
    if not series.verified and (series.period_verified or series.trigger_verified or series.disposition_verified):
        yield "verified = false beside a part that claims to be verified"


if __name__ == "__main__":
    sys.exit(main())
