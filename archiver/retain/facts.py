"""What classification rules may ask of a record: facts of its source and custodian, of the record, of its thread."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archiver.clock import city_date
from archiver.sources.registry import list_sources
from schema.db.people import body, custodian, membership
from schema.db.sources import account, device

Facts = Mapping[str, str | tuple[str, ...]]
"""Values by condition name; a fact that is not known is left out, and then no rule that asks for it fits."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A source with whom it belongs to.

    facts: by condition name.  terms: (body, first day, first day no longer or None).  ended_on: last day in office.
    """

    id: int
    facts: Mapping[str, str]
    terms: tuple[tuple[str, date, date | None], ...]
    ended_on: date | None

    def on(self, day: date) -> Facts:
        """The facts of the source as they were on a day: on which bodies its custodian sat then."""
        if not self.terms:
            return self.facts
        sat = {name for name, since, until in self.terms if since <= day and (until is None or day < until)}
        return {**self.facts, "body": tuple(sorted(sat))}


def subjects(session: Session) -> dict[int, Subject]:
    """Every source, removed ones too, by id."""
    terms: dict[int, list[tuple[str, date, date | None]]] = {}
    sat = select(membership, body.c.name).join(body, body.c.id == membership.c.body_id)
    for row in session.execute(sat.order_by(membership.c.id)):
        terms.setdefault(row.custodian_id, []).append((row.name, row.started_on, row.ended_on))
    people = {row.id: row for row in session.execute(select(custodian))}
    hands = {
        table: dict(session.execute(select(table.c.id, table.c.custodian_id)).all()) for table in (account, device)
    }
    found = {}
    for one in list_sources(session, removed=True):
        held_by = hands[account].get(one.account_id) or hands[device].get(one.device_id)
        person = people.get(held_by) if held_by is not None else None
        facts = {
            "source": one.name,
            "account": one.account,
            "platform": one.platform.value,
            "custodian": person.name if person else "",
            "custodian_kind": person.kind if person else "",
            "custodian_title": (person.title if person else None) or "",
            "department": (person.department if person else None) or "",
        }
        sittings = tuple(terms.get(person.id, ())) if person else ()
        found[one.id] = Subject(one.id, facts, sittings, person.ended_on if person else None)
    return found


def facts_of(subject: Subject, record_facts: Mapping[Any, Any], content: Mapping[str, Any], zone: str) -> Facts:
    """All facts that rules may ask of one record.

    record_facts: kind, direction, visibility, sent_at and captured_at as in the record's row.  content: as accession
    merges it (`thread_id`, `thread_title`).  zone: the city's; its day of the record says who sat on a body then.
    """
    sent_at = record_facts["sent_at"]
    return {
        **subject.on(city_date(record_facts["captured_at"] if sent_at is None else sent_at, zone)),
        **{name: str(record_facts[name]) for name in ("kind", "direction", "visibility")},
        **{name: str(content[name]) for name in ("thread_id", "thread_title") if content.get(name)},
    }


def text_of(content: Mapping[str, Any]) -> str:
    """The words of a record as rules see them: title and text."""
    return f"{content.get('title') or ''}\n{content.get('text') or ''}"
