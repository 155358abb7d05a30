"""Holds: orders that suspend disposition; placed, turned, lifted, never deleted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from archiver import outbox
from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.errors import NotFound, Refused, UsageError
from archiver.vault.payloads import keep_text, read_text
from schema.db.hold import hold, hold_member, hold_source
from schema.db.people import person
from schema.db.record import record
from schema.vocab import HoldKind, HoldScope, HoldState, OutboxKind, OwnerKind, Role

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What a preliminary hold is limited to: sources (empty: all) and times sent, half-open, milliseconds UTC."""

    sources: tuple[int, ...] = ()
    sent_since: int | None = None
    sent_until: int | None = None


def place(
    archive: Archive,
    session: Session,
    actor: Actor,
    *,
    kind: HoldKind,
    matter: str,
    reason: str,
    records: Sequence[int],
) -> int:
    """Place a hold on listed records; in force when the caller's transaction commits.

    Raises Refused, UsageError without records, NotFound naming a record that does not exist or was destroyed earlier.
    """
    require(actor, Role.RECORDS_OFFICER, Role.CLERK, Role.ATTORNEY)
    if not records:
        raise UsageError(problem="a hold covers at least one record; nothing was held")
    new = _begin(archive, session, actor, kind=kind, scope=HoldScope.MEMBERS, matter=matter, reason=reason)
    added = add_members(archive, session, new, records)
    _activate(session, new)
    archive.record_act(
        session, "hold.place", "hold", new, actor_id=actor.id, facts={"kind": kind.value, "records": added}
    )
    return new


def place_preliminary(
    archive: Archive, session: Session, actor: Actor, *, request_id: int, matter: str, narrowing: Narrowing
) -> int:
    """Hold everything that a request may touch until its search is done (promise 7), in the opening transaction."""
    new = _begin(
        archive,
        session,
        actor,
        kind=HoldKind.REQUEST,
        scope=HoldScope.PRELIMINARY,
        matter=matter,
        reason="open request",
        request_id=request_id,
        narrowing=narrowing,
    )
    if narrowing.sources:
        session.execute(insert(hold_source), [{"hold_id": new, "source_id": one} for one in narrowing.sources])
    _activate(session, new)
    facts = {"kind": HoldKind.REQUEST.value, "scope": HoldScope.PRELIMINARY.value, "request": request_id}
    archive.record_act(session, "hold.place", "hold", new, actor_id=actor.id, facts=facts)
    return new


def place_for_request(archive: Archive, session: Session, actor: Actor, *, request_id: int, matter: str) -> int:
    """Hold the candidates of a request that was opened without a preliminary hold; members are added by the caller."""
    new = _begin(
        archive,
        session,
        actor,
        kind=HoldKind.REQUEST,
        scope=HoldScope.MEMBERS,
        matter=matter,
        reason="candidates of an open request",
        request_id=request_id,
    )
    _activate(session, new)
    facts = {"kind": HoldKind.REQUEST.value, "request": request_id}
    archive.record_act(session, "hold.place", "hold", new, actor_id=actor.id, facts=facts)
    return new


def _begin(
    archive: Archive,
    session: Session,
    actor: Actor,
    *,
    kind: HoldKind,
    scope: HoldScope,
    matter: str,
    reason: str,
    request_id: int | None = None,
    narrowing: Narrowing | None = None,
) -> int:
    limits = narrowing or Narrowing()
    values = {
        "kind": kind.value,
        "scope": scope.value,
        "state": HoldState.PLACING.value,
        "matter": matter[:200],
        "request_id": request_id,
        "sent_since": limits.sent_since,
        "sent_until": limits.sent_until,
        "placed_at": archive.now(),
        "placed_by": actor.id,
    }
    new = int(session.execute(insert(hold).values(values).returning(hold.c.id)).scalar_one())
    owner = archive.vault.add_owner(session, OwnerKind.HOLD, new)
    reason_id = keep_text(session, archive.vault, owner, reason)
    session.execute(update(hold).where(hold.c.id == new).values(reason_payload_id=reason_id))
    return new


def _activate(session: Session, hold_id: int) -> None:
    session.execute(update(hold).where(hold.c.id == hold_id).values(state=HoldState.ACTIVE.value))


def add_members(archive: Archive, session: Session, hold_id: int, records: Iterable[int]) -> int:
    """Add records to a hold; returns how many joined.  Raises NotFound for one that we never had or destroyed."""
    wanted = sorted(set(records))
    joined = 0
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        living = set(
            session.execute(
                select(record.c.id).where(record.c.id.in_(chunk), record.c.destroyed_at.is_(None))
            ).scalars()
        )
        if lost := [one for one in chunk if one not in living]:
            raise NotFound(noun="record", name=f"R{lost[0]} (or it was destroyed earlier)")
        held = set(
            session.execute(
                select(hold_member.c.record_id).where(
                    hold_member.c.hold_id == hold_id, hold_member.c.record_id.in_(chunk)
                )
            ).scalars()
        )
        rows = [{"hold_id": hold_id, "record_id": one, "added_at": archive.now()} for one in chunk if one not in held]
        if rows:
            session.execute(insert(hold_member), rows)
            outbox.enqueue(session, OutboxKind.INDEX, (row["record_id"] for row in rows), archive.now())
        joined += len(rows)
    return joined


def narrow_to_members(archive: Archive, session: Session, actor: Actor, request_id: int) -> None:
    """The search of a request is complete: its preliminary hold becomes a hold of its candidates."""
    found = hold_of_request(session, request_id)
    if found is None:
        return
    session.execute(update(hold).where(hold.c.id == found).values(scope=HoldScope.MEMBERS.value))
    archive.record_act(session, "hold.search_complete", "hold", found, actor_id=actor.id, facts={"request": request_id})


def turn_closed(archive: Archive, session: Session, actor: Actor, request_id: int, until: date) -> int | None:
    """A request is closed: its hold stays until a date (the last day that is held) as a closed-request hold."""
    found = hold_of_request(session, request_id)
    if found is None:
        return None
    values = {"kind": HoldKind.CLOSED_REQUEST.value, "scope": HoldScope.MEMBERS.value, "until_on": until}
    session.execute(update(hold).where(hold.c.id == found).values(values))
    facts = {"request": request_id, "until": until.isoformat()}
    archive.record_act(session, "hold.closed_request", "hold", found, actor_id=actor.id, facts=facts)
    return found


def hold_of_request(session: Session, request_id: int) -> int | None:
    """The living hold of a request."""
    chosen = select(hold.c.id).where(hold.c.request_id == request_id, hold.c.state != HoldState.LIFTED.value)
    found = session.execute(chosen).scalar()
    return None if found is None else int(found)


def lift(archive: Archive, session: Session, actor: Actor, hold_id: int, reason: str) -> None:
    """Lift a hold with a reason; a request's own hold ends with the request.  Raises NotFound, Refused."""
    require(actor, Role.RECORDS_OFFICER, Role.ATTORNEY)
    row = session.execute(select(hold).where(hold.c.id == hold_id)).mappings().one_or_none()
    if row is None:
        raise NotFound(noun="hold", name=f"H{hold_id}")
    if row["state"] == HoldState.LIFTED.value:
        raise Refused(reason=f"H{hold_id} is already lifted", action="Nothing to do.")
    if row["kind"] == HoldKind.REQUEST.value:
        raise Refused(
            reason=f"H{hold_id} belongs to an open request",
            action="Close the request; its hold then gets its own date.",
        )
    values = {"state": HoldState.LIFTED.value, "lifted_at": archive.now(), "lifted_by": actor.id}
    session.execute(update(hold).where(hold.c.id == hold_id).values(values))
    members = session.execute(select(hold_member.c.record_id).where(hold_member.c.hold_id == hold_id)).scalars()
    outbox.enqueue(session, OutboxKind.INDEX, members, archive.now())
    archive.record_act(session, "hold.lift", "hold", hold_id, actor_id=actor.id, text=reason)


def list_holds(session: Session, *, lifted: bool = False) -> list[dict[str, Any]]:
    """Holds with how many records are their members."""
    members = select(hold_member.c.hold_id, func.count().label("members")).group_by(hold_member.c.hold_id).subquery()
    rows = session.execute(
        select(hold, members.c.members).join(members, members.c.hold_id == hold.c.id, isouter=True).order_by(hold.c.id)
    ).mappings()
    return [
        {
            **{
                key: row[key]
                for key in (
                    "id",
                    "kind",
                    "scope",
                    "state",
                    "matter",
                    "request_id",
                    "placed_at",
                    "until_on",
                    "lifted_at",
                )
            },
            "members": row["members"] or 0,
        }
        for row in rows
        if lifted or row["state"] != HoldState.LIFTED.value
    ]


def show_hold(archive: Archive, session: Session, hold_id: int) -> dict[str, Any]:
    """One hold with its reason and the ids of its members; raises NotFound."""
    found = next((one for one in list_holds(session, lifted=True) if one["id"] == hold_id), None)
    if found is None:
        raise NotFound(noun="hold", name=f"H{hold_id}")
    row = session.execute(select(hold).where(hold.c.id == hold_id)).mappings().one()
    members = select(hold_member.c.record_id).where(hold_member.c.hold_id == hold_id).order_by(hold_member.c.record_id)
    names = {
        key: session.execute(select(person.c.name).where(person.c.id == row[key])).scalar()
        for key in ("placed_by", "lifted_by")
    }
    return {
        **found,
        **names,
        "reason": read_text(session, archive.vault, row["reason_payload_id"]),
        "records": list(session.execute(members).scalars()),
    }


def holds_of_record(session: Session, record_id: int) -> list[int]:
    """The living holds whose member a record is."""
    rows = session.execute(
        select(hold.c.id)
        .join(hold_member, hold_member.c.hold_id == hold.c.id)
        .where(hold_member.c.record_id == record_id, hold.c.state != HoldState.LIFTED.value)
    )
    return [int(one) for one in rows.scalars()]
