"""The city's decisions: read from TOML, compared with those in force, kept as an audited edition (decision 17)."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import ApprovalStep, Archive, City, current_city
from archiver.data_requests.business_days import holidays
from archiver.data_requests.deadlines import compute
from archiver.errors import DecisionsError, UsageError
from schema.db.city import city_edition
from schema.db.people import person
from schema.law import loader
from schema.law.shapes import Jurisdiction
from schema.vocab import RequestKind, Role

UNDECIDED = "undecided"
"""How a file says that the city has not decided on closed requests; the jurisdiction's own rule then stands."""

_A_YEAR = 2001  # no leap year: a fiscal year never ends on 29 February
_LONGEST_DAYS = 36_500


class _Wrong(Exception):
    """A value that cannot be a decision; the message says why."""


def read(archive: Archive, session: Session, path: Path) -> City:
    """The city with what a TOML file decides; what the file does not name stays as it is.

    Raises DecisionsError with the line of the first mistake.
    """
    try:
        text = path.read_text("utf-8")
        given = tomllib.loads(text)
    except OSError as error:
        raise DecisionsError(problem=error.strerror or str(error), where=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DecisionsError(problem=str(error), where=str(path)) from None
    city, law = current_city(session), loader.jurisdiction(archive.city.jurisdiction)
    logins = set(session.execute(select(person.c.login).where(person.c.active)).scalars())
    readers = _readers(law, logins)
    values: dict[str, Any] = {}
    for key, value in given.items():
        try:
            if key not in readers:
                raise _Wrong(f"is no decision of a city; there are: {', '.join(sorted(readers))}")
            values[key] = readers[key](value)
        except _Wrong as wrong:
            where = f"{path}:{_line_of(key, text)}"
            raise DecisionsError(problem=f"{key} {wrong}", where=where) from None
        except UsageError as wrong:
            raise DecisionsError(problem=f"{key}: {wrong}", where=f"{path}:{_line_of(key, text)}") from None
    return replace(city, **values)


def differences(before: City, after: City) -> dict[str, tuple[Any, Any]]:
    """Each decision that changes, as written in the file: before and after."""
    old, new = _written(before), _written(after)
    return {key: (old[key], new[key]) for key in new if old[key] != new[key]}


def decide(archive: Archive, session: Session, actor: Actor, city: City) -> int:
    """Keep a new edition of the city's decisions; in force for every command that begins after the commit.

    Returns the edition's number.  Raises Refused for whoever is no administrator.
    """
    require(actor, Role.ADMINISTRATOR)
    changed = sorted(differences(current_city(session), city))
    values = {"decided_at": archive.now(), "person_id": actor.id, "settings": city.as_json()}
    new = int(session.execute(insert(city_edition).values(values).returning(city_edition.c.id)).scalar_one())
    archive.record_act(session, "city.decide", "city_edition", new, actor_id=actor.id, facts={"changed": changed})
    return new


def as_toml(city: City) -> str:
    """The decisions in force as a file that `read` takes back."""
    lines = [f"# {city.name}, {city.jurisdiction}, {city.timezone}: what the city itself decided"]
    tables: list[str] = []
    for key, value in _written(city).items():
        if key == "approvers":
            for step in value:
                tables += ["", "[[approvers]]", *(f"{name} = {_toml(one)}" for name, one in step.items())]
        elif isinstance(value, Mapping):
            tables += ["", f"[{key}]", *(f"{_toml(name)} = {_toml(one)}" for name, one in sorted(value.items()))]
        else:
            lines.append(f"{key} = {_toml(value)}")
    return "\n".join([*lines, *tables]) + "\n"


def _written(city: City) -> dict[str, Any]:
    """The decisions as they stand in a file."""
    found: dict[str, Any] = {}
    for field in fields(City):
        value = getattr(city, field.name)
        if field.name in ("name", "jurisdiction", "timezone", "for_tests"):
            continue  # said once, when the archive is made
        if field.name == "fiscal_year_end":
            value = f"{value[0]:02}-{value[1]:02}"
        elif field.name == "approvers":
            value = [{"role": step.role} if step.role else {"logins": list(step.logins)} for step in value]
        elif value is None:
            value = UNDECIDED
        found[field.name] = dict(value) if isinstance(value, Mapping) else value
    return found


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(_toml(one) for one in value)}]"
    plain = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(one if one.isprintable() else f"\\U{ord(one):08X}" for one in plain) + '"'


def _readers(law: Jurisdiction, logins: set[str]) -> dict[str, Callable[[Any], Any]]:
    """Decision -> how its value is read; each raises _Wrong or UsageError."""

    def holiday_options(value: Any) -> dict[str, bool]:
        chosen = _table(value, bool, "true or false")
        holidays(law, _A_YEAR, chosen)
        return chosen

    def city_targets(value: Any) -> dict[str, int]:
        targets = _table(value, int, "a number of days")
        compute(law, RequestKind.PUBLIC, date(_A_YEAR, 1, 1), city_targets=targets)
        return targets

    def approvers(value: Any) -> tuple[ApprovalStep, ...]:
        if not isinstance(value, list) or not value or not all(isinstance(one, dict) for one in value):
            raise _Wrong("names at least one step: [[approvers]] with a role or with logins")
        return tuple(_step(number, one, logins) for number, one in enumerate(value, 1))

    return {
        "fiscal_year_end": _month_and_day,
        "holiday_options": holiday_options,
        "city_targets": city_targets,
        "closed_request_days": lambda value: None if value == UNDECIDED else _days(value, 0),
        "departments_answer": _yes_or_no,
        "approvers": approvers,
        "resolution_needed": _yes_or_no,
        "cooling_off_days": lambda value: _days(value, 0),
        "backup_days": lambda value: _days(value, 1),
    }


def _step(number: int, given: Mapping[str, Any], known: set[str]) -> ApprovalStep:
    if unknown := set(given) - {"role", "logins"}:
        raise _Wrong(f"step {number} has {min(unknown)}; a step has a role or logins")
    role, logins = given.get("role"), given.get("logins")
    if (role is None) == (logins is None):
        raise _Wrong(f"step {number} has either a role or logins")
    if role is not None:
        if role not in {one.value for one in Role}:
            raise _Wrong(f"step {number}: there is no role {role}; there are: {', '.join(one.value for one in Role)}")
        return ApprovalStep(role=role)
    if not isinstance(logins, list) or not logins:
        raise _Wrong(f'step {number}: logins are a list, the approver first, then deputies: ["ann", "bob"]')
    for one in logins:
        if one not in known:
            raise _Wrong(f"step {number}: nobody who may sign in has the login {one}")
    return ApprovalStep(logins=tuple(logins))


def _month_and_day(value: Any) -> tuple[int, int]:
    found = re.fullmatch(r"(\d\d)-(\d\d)", value) if isinstance(value, str) else None
    try:
        day = date(_A_YEAR, int(found[1]), int(found[2])) if found else None
    except ValueError:
        day = None
    if day is None:
        raise _Wrong(f'is a month and day of every year like "06-30", not {value!r}')
    return day.month, day.day


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong(f"is true or false, not {value!r}")
    return value


def _days(value: Any, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= _LONGEST_DAYS:
        raise _Wrong(f"is a number of days from {least} on, not {value!r}")
    return value


def _table(value: Any, kind: type[Any], said: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Wrong(f"is a table: a section with a name and {said} on each line")
    for name, one in value.items():
        if type(one) is not kind:
            raise _Wrong(f"has {name} = {one!r}, which is not {said}")
    return value


def _line_of(key: str, text: str) -> int:
    """The line on which a decision begins, as a key, a table or a list of tables."""
    begins = re.compile(rf"""\s*(\[+\s*)?["']?{re.escape(key)}["']?\s*([=.\]]|$)""")
    return next((number for number, line in enumerate(text.splitlines(), 1) if begins.match(line)), 1)
