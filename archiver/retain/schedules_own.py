"""A city's own schedule edition, from TOML, XLSX or CSV: taken as written, unverified until an officer confirms it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.errors import UsageError
from archiver.retain.schedule_files import Faults, Row, plain, read_table, read_toml, toml_rows
from archiver.retain.schedule_periods import UNKNOWN, ReadPeriod, read_period
from archiver.retain.series import adopt_rows
from schema.law import loader
from schema.vocab import DispositionAction, PeriodKind, Role, Trigger

Word = TypeVar("Word", bound=StrEnum)

HEADINGS: dict[str, tuple[str, ...]] = {
    "section": ("section",),
    "code": ("code", "series code", "series number", "record series number", "records series number", "item number"),
    "title": (
        *("title", "title & description", "title and description", "title/description", "series title"),
        *("record series title", "records series title", "record series", "records series", "description"),
    ),
    "period": ("retention period", "retention", "period", "minimum retention", "minimum retention period"),
    "classification": ("classification", "data classification"),
    "statute": ("statute", "statutes", "authority", "legal citation", "citation", "law"),
    "trigger": ("trigger", "counts from"),
    "action": ("disposition", "action", "then"),
}
"""Fields of a series, with the headings by which schedules name them."""

SERIES_KEYS = ("code", "title", "period", "classification", "statute", "trigger", "action", "key", "section")
SCHEDULE_KEYS = ("id", "title", "version", "adopted_on", "notified_on")
_ID = re.compile(r"[a-z0-9][a-z0-9.-]{1,59}")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,79}")
_LENGTHS = {"code": 40, "title": 300, "period": 600, "classification": 300, "statute": 300}


@dataclass(frozen=True, slots=True)
class OwnEdition:
    """What a file says: the edition and its series as columns of the tables; unread: keys whose period is unknown."""

    id: str
    title: str
    version: str
    adopted_on: date | None
    notified_on: date | None
    series: tuple[Mapping[str, Any], ...]

    @property
    def unread(self) -> list[str]:
        """The keys of series whose period was not understood; an officer amends them."""
        return [one["key"] for one in self.series if one["period_kind"] == PeriodKind.UNKNOWN.value]


def is_schedule(path: Path) -> bool:
    """Whether a file is a schedule rather than classification rules; raises UsageError where it is both or neither."""
    if path.suffix.casefold() != ".toml":
        return True
    tables = read_toml(path)
    schedule = bool({"schedule", "series"} & set(tables))
    if schedule and "rule" in tables:
        raise UsageError(problem="a schedule and classification rules come in two files", where=str(path))
    return schedule


def read_own(
    path: Path, *, edition: str | None = None, title: str | None = None, columns: Sequence[str] = ()
) -> OwnEdition:
    """Read a city's own schedule; raises UsageError with every faulty row.

    edition, title: its id and name where the file has no place for them.  columns: "Column=field" for headings that
    are not known here.
    """
    if path.suffix.casefold() == ".toml":
        head, rows = _from_toml(path)
    else:
        head, rows = {}, [(row, row.cells) for row in read_table(path, _headings(columns), ("title", "period"))]
    name = edition or head.get("id")
    if not isinstance(name, str) or not _ID.fullmatch(name):
        problem = "the edition needs an id of small letters, digits, dots and hyphens: --edition city-2026"
        raise UsageError(problem=problem, where=str(path))
    if name == "own":
        raise UsageError(problem="own names the archive's own records; choose another id with --edition city-2026")
    if any(one.id == name for one in loader.schedules()):
        raise UsageError(problem=f"{name} is the id of a published edition; choose another with --edition")
    faults, series = Faults(path), []
    for row, entry in rows:
        if _only_section(row.cells):
            continue
        if (one := _series(row, entry, faults)) is not None:
            series.append((row.where, one))
    _check_keys(series, faults)
    if not series:
        faults.add(path.name, "no series in it")
    faults.refuse()
    return OwnEdition(
        id=name,
        title=str(title or head.get("title") or name)[:300],
        version=str(head.get("version") or "")[:300],
        adopted_on=_day(head, "adopted_on", path),
        notified_on=_day(head, "notified_on", path),
        series=tuple(one for _, one in series),
    )


def import_own(
    archive: Archive,
    session: Session,
    actor: Actor,
    own: OwnEdition,
    *,
    adopted_on: date | None = None,
    notified_on: date | None = None,
) -> int:
    """Adopt a city's own edition, nothing of it verified; returns how many series.

    Raises UsageError without a day of adoption, AlreadyExists, Refused.
    """
    require(actor, Role.RECORDS_OFFICER)
    day = adopted_on or own.adopted_on
    if day is None:
        raise UsageError(problem="say on which day the city adopted this schedule: --on YYYY-MM-DD")
    values = {
        "edition": own.id,
        "jurisdiction": archive.city.jurisdiction,
        "title": own.title,
        "version": own.version,
        "adopted_on": day,
        "notified_on": notified_on or own.notified_on,
    }
    return adopt_rows(archive, session, actor, values, own.series)


def _from_toml(path: Path) -> tuple[dict[str, Any], list[tuple[Row, Mapping[str, Any]]]]:
    tables = read_toml(path)
    head = tables.get("schedule", {})
    if not isinstance(head, dict) or (unknown := sorted(set(head) - set(SCHEDULE_KEYS))):
        said = f"unknown key {unknown[0]} in [schedule]" if isinstance(head, dict) else "[schedule] is a table"
        raise UsageError(problem=f"{said}; known: {', '.join(SCHEDULE_KEYS)}", where=str(path))
    if unknown := sorted(set(tables) - {"schedule", "series"}):
        raise UsageError(problem=f"unknown table {unknown[0]}; known: [schedule], [[series]]", where=str(path))
    return head, toml_rows(path, tables.get("series", []), "series", SERIES_KEYS)


def _headings(columns: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found = dict(HEADINGS)
    for written in columns:
        heading, equals, field = written.rpartition("=")
        if not equals or field.strip() not in HEADINGS or not plain(heading):
            raise UsageError(problem=f"--map {written}: write 'Column=field', field: {', '.join(HEADINGS)}")
        found[field.strip()] = (heading,)
    return found


def _only_section(cells: Mapping[str, str]) -> bool:
    """A row that only names the section of those below."""
    return bool(cells.get("section")) and not any(cells.get(one) for one in ("code", "title", "period"))


def _day(head: Mapping[str, Any], name: str, path: Path) -> date | None:
    day = head.get(name)
    if day is None or type(day) is date:
        return day
    raise UsageError(problem=f"[schedule] {name} is a day, written {name} = 2026-01-05", where=str(path))


def _series(row: Row, entry: Mapping[str, Any], faults: Faults) -> dict[str, Any] | None:
    """The columns of one series, None where the row is at fault."""
    if wrong := [name for name, value in entry.items() if not isinstance(value, str)]:
        faults.add(row.where, f"{wrong[0]} is written in quotation marks")
        return None
    cells = {name: _title(value) if name == "title" else " ".join(value.split()) for name, value in entry.items()}
    long = [name for name, most in _LENGTHS.items() if len(cells.get(name, "")) > most]
    said = [f"{name} is longer than {_LENGTHS[name]} characters" for name in long]
    if not cells.get("title"):
        said.append("no title")
    if not cells.get("period"):
        said.append("no retention period (write what the schedule says, such as: not known)")
    trigger = _word(Trigger, cells.get("trigger", ""), "trigger", said)
    action = _word(DispositionAction, cells.get("action", ""), "disposition", said)
    if said:
        faults.add(row.where, ", ".join(said))
        return None
    period = _period(read_period(cells["period"]), trigger)
    return {
        "key": cells.get("key") or cells.get("code") or loader.slug(cells["title"])[:80].strip("-"),
        "code": cells.get("code", ""),
        "title": cells["title"],
        "retention_text": cells["period"],
        "period_kind": period.kind.value,
        "number": period.number,
        "unit": period.unit.value if period.unit else None,
        "trigger": (trigger or period.trigger or Trigger.NONE).value,
        "action": (action or _default_action(period)).value,
        "statute": cells.get("statute") or None,
        "classification": cells.get("classification") or None,
        "title_verified": False,
        "period_verified": False,
        "trigger_verified": False,
    }


def _title(written: str) -> str:
    """The first line of a cell that holds title and description."""
    lines = written.strip().splitlines()
    return " ".join(lines[0].split()) if lines else ""


def _period(read: ReadPeriod, trigger: Trigger | None) -> ReadPeriod:
    """The period, unknown where its own words and the row's trigger name different events."""
    if trigger is None or read.trigger in (None, trigger):
        return read
    return replace(UNKNOWN, trigger=trigger)


def _word(words: type[Word], written: str, name: str, said: list[str]) -> Word | None:
    if not written:
        return None
    wanted = plain(written).replace(" ", "_")
    found = next((one for one in words if one.value == wanted), None)
    if found is None:
        said.append(f"{name} {written!r} is not one of {', '.join(one.value for one in words)}")
    return found


def _default_action(period: ReadPeriod) -> DispositionAction:
    """Where a schedule names no disposition: what is permanent is retained, of the rest a person decides."""
    return DispositionAction.RETAIN if period.kind is PeriodKind.PERMANENT else DispositionAction.REVIEW


def _check_keys(series: Sequence[tuple[str, Mapping[str, Any]]], faults: Faults) -> None:
    first: dict[str, str] = {}
    for where, one in series:
        key = one["key"]
        if not _KEY.fullmatch(key):
            faults.add(where, f"{key!r} cannot be a key; give the series a code of letters, digits and hyphens")
        elif key.casefold() in first:
            faults.add(where, f"the same code or title as {first[key.casefold()]}: {key}")
        first.setdefault(key.casefold(), where)
