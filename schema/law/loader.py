"""Reads the law data that ships with this package, once per process."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

from schema.law.shapes import Jurisdiction, RetentionScheduleEdition
from schema.law.tables import LawDataError, build

Named = TypeVar("Named")

ASSUMED_FROM_VERIFIED = ("title_verified", "period_verified", "trigger_verified", "disposition_verified")


def jurisdiction(name: str) -> Jurisdiction:
    """The jurisdiction with that id (`us-mn`); LookupError names what there is."""
    return _named(_jurisdictions(), name, "jurisdiction")


def jurisdictions() -> tuple[Jurisdiction, ...]:
    """Every jurisdiction that we have data for, by id."""
    return tuple(_jurisdictions().values())


def schedule(name: str) -> RetentionScheduleEdition:
    """The schedule edition with that id (`mn-cities-2021-03`); LookupError names what there is."""
    return _named(_schedules(), name, "retention schedule")


def schedules(jurisdiction_id: str | None = None) -> tuple[RetentionScheduleEdition, ...]:
    """Every published schedule edition, by id; of one jurisdiction where it is named."""
    return tuple(s for s in _schedules().values() if jurisdiction_id in (None, s.jurisdiction))


def toml_files(folder: Traversable) -> Iterator[Traversable]:
    """The TOML files of a folder, by name."""
    yield from sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)


def read_jurisdiction(file: Traversable) -> Jurisdiction:
    """One jurisdiction from its file; raises LawDataError."""
    return build(Jurisdiction, parse(file), file.name)


def read_schedule(file: Traversable) -> RetentionScheduleEdition:
    """One schedule edition from its file, with the keys and flags that the file may leave out; raises LawDataError."""
    table = parse(file)
    entries = table.get("series")
    for series in entries if isinstance(entries, list) else ():
        if not isinstance(series, dict):
            continue  # build names the mistake
        series.setdefault("key", series.get("code") or slug(str(series.get("title"))))
        for flag in ASSUMED_FROM_VERIFIED:
            series.setdefault(flag, series.get("verified", False))
    return build(RetentionScheduleEdition, table, file.name)


def slug(title: str) -> str:
    """A title as a key: lower-case letters and digits, words joined with hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def parse(file: Traversable) -> dict[str, Any]:
    """The tables of a TOML file; raises LawDataError with the line of a mistake."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LawDataError(f"{file.name}: {error}") from error


@cache
def _jurisdictions() -> dict[str, Jurisdiction]:
    found = (read_jurisdiction(file) for file in toml_files(files("schema.law") / "jurisdictions"))
    return {law.id: law for law in found}


@cache
def _schedules() -> dict[str, RetentionScheduleEdition]:
    found = (read_schedule(file) for file in toml_files(files("schema.law") / "schedules"))
    return {edition.id: edition for edition in found}


def _named(known: dict[str, Named], name: str, noun: str) -> Named:
    try:
        return known[name]
    except KeyError:
        raise LookupError(f"There is no {noun} {name!r}; there are: {', '.join(known)}") from None
