"""Custodians, and the bodies on which they sit for dated terms."""

from datetime import date
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.errors import AlreadyExists, NotFound, UsageError
from schema.db.people import body, custodian, membership
from schema.vocab import CustodianKind, Role


def add_custodian(
    archive: Archive,
    session: Session,
    actor: Actor,
    *,
    name: str,
    kind: CustodianKind,
    department: str | None = None,
    title: str | None = None,
    started_on: date | None = None,
) -> int:
    """Add an employee, elected official or contractor; raises AlreadyExists, Refused."""
    require(actor, Role.ADMINISTRATOR, Role.CLERK, Role.RECORDS_OFFICER)
    if session.execute(select(custodian.c.id).where(custodian.c.name == name)).first():
        raise AlreadyExists(noun="custodian", name=name)
    values = {"name": name, "kind": kind.value, "department": department, "title": title, "started_on": started_on}
    new = int(session.execute(insert(custodian).values(values).returning(custodian.c.id)).scalar_one())
    archive.record_act(session, "custodian.add", "custodian", new, actor_id=actor.id)
    return new


def custodian_id(session: Session, name: str) -> int:
    """A custodian's id by name; raises NotFound."""
    found = session.execute(select(custodian.c.id).where(custodian.c.name == name)).scalar()
    if found is None:
        raise NotFound(noun="custodian", name=name)
    return int(found)


def end_custodian(archive: Archive, session: Session, actor: Actor, name: str, on: date | None) -> None:
    """Note the last day on which someone holds data in that capacity, the latest that is told; None: it was an error.

    Raises NotFound, Refused.
    """
    require(actor, Role.ADMINISTRATOR, Role.CLERK, Role.RECORDS_OFFICER)
    found = custodian_id(session, name)
    told = session.execute(select(custodian.c.ended_on).where(custodian.c.id == found)).scalar()
    if on is not None and told is not None and told >= on:
        return
    session.execute(update(custodian).where(custodian.c.id == found).values(ended_on=on))
    facts = {"on": on.isoformat() if on else None}
    archive.record_act(session, "custodian.end", "custodian", found, actor_id=actor.id, facts=facts)


def list_custodians(session: Session) -> list[dict[str, object]]:
    """All custodians, former ones too."""
    return [dict(row) for row in session.execute(select(custodian).order_by(custodian.c.name)).mappings()]


def add_body(archive: Archive, session: Session, actor: Actor, *, name: str, majority: int) -> int:
    """Add a council or board, with the number of members that makes a majority."""
    require(actor, Role.ADMINISTRATOR, Role.CLERK)
    if majority < 1:
        raise UsageError(problem="a majority is at least one member")
    if session.execute(select(body.c.id).where(body.c.name == name)).first():
        raise AlreadyExists(noun="body", name=name)
    new = int(session.execute(insert(body).values(name=name, majority=majority).returning(body.c.id)).scalar_one())
    archive.record_act(session, "body.add", "body", new, actor_id=actor.id, facts={"majority": majority})
    return new


def add_membership(
    archive: Archive, session: Session, actor: Actor, *, body_name: str, member: str, since: date, until: date | None
) -> int:
    """Note a term [since, until) of a custodian on a body; raises NotFound."""
    require(actor, Role.ADMINISTRATOR, Role.CLERK)
    found = session.execute(select(body.c.id).where(body.c.name == body_name)).scalar()
    if found is None:
        raise NotFound(noun="body", name=body_name)
    if until is not None and until <= since:
        raise UsageError(problem="a term ends after it begins")
    values = {
        "body_id": found,
        "custodian_id": custodian_id(session, member),
        "started_on": since,
        "ended_on": until,
    }
    same = [getattr(membership.c, key) == values[key] for key in ("body_id", "custodian_id", "started_on")]
    if session.execute(select(membership.c.id).where(*same)).first():
        raise AlreadyExists(noun=f"term of {member}", name=f"from {since}")
    new = int(session.execute(insert(membership).values(values).returning(membership.c.id)).scalar_one())
    archive.record_act(session, "membership.add", "membership", new, actor_id=actor.id)
    return new


def list_bodies(session: Session) -> list[dict[str, Any]]:
    """All bodies with their terms, newest first."""
    terms: dict[int, list[dict[str, object]]] = {}
    rows = session.execute(
        select(membership.c.body_id, custodian.c.name, membership.c.started_on, membership.c.ended_on)
        .join(custodian, custodian.c.id == membership.c.custodian_id)
        .order_by(membership.c.started_on.desc())
    )
    for body_id, name, since, until in rows:
        terms.setdefault(body_id, []).append({"custodian": name, "since": since, "until": until})
    return [
        {"id": row.id, "name": row.name, "majority": row.majority, "members": terms.get(row.id, [])}
        for row in session.execute(select(body).order_by(body.c.name))
    ]
