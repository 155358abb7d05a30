"""Holds: orders that suspend disposition; placed, turned, lifted, never deleted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from archiver import outbox
from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.errors import NotFound, Refused, UsageError
from archiver.vault.payloads import keep_text
from schema.db.hold import hold, hold_member, hold_source
from schema.db.record import record
from schema.vocab import HoldKind, HoldScope, HoldState, OutboxKind, OwnerKind, Role

PLACERS = (Role.RECORDS_OFFICER, Role.CLERK, Role.ATTORNEY)
"""Who may place holds."""

_CHUNK = 500
_OF_REQUESTS = (HoldKind.REQUEST, HoldKind.CLOSED_REQUEST)


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
    if not records:
        raise UsageError(problem="a hold covers at least one record; nothing was held")
    new = begin(archive, session, actor, kind=kind, scope=HoldScope.MEMBERS, matter=matter, reason=reason)
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


def check_kind(kind: HoldKind) -> None:
    """Refuse the kinds that other acts place; raises UsageError."""
    if kind in _OF_REQUESTS:
        raise UsageError(problem="a request places its own hold: `archiver request open`")
    if kind is HoldKind.HALT:
        raise UsageError(problem="all destruction is stopped with `archiver dispose halt`")


def begin(
    archive: Archive,
    session: Session,
    actor: Actor,
    *,
    kind: HoldKind,
    scope: HoldScope,
    matter: str,
    reason: str,
) -> int:
    """Write a hold that a person places, still `placing`; while one is, nothing at all is destroyed.

    Raises Refused, UsageError.
    """
    require(actor, *PLACERS)
    check_kind(kind)
    for text, option in ((matter, "--matter"), (reason, "--reason")):
        if not text.strip():
            raise UsageError(problem=f"a hold needs its matter and a reason ({option} is empty)")
    return _begin(archive, session, actor, kind=kind, scope=scope, matter=matter, reason=reason)


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


@dataclass(frozen=True, slots=True)
class Joined:
    """How many records became members, and which could not because we never had them or destroyed them earlier."""

    added: int
    destroyed: tuple[int, ...]


def add_members(archive: Archive, session: Session, hold_id: int, records: Iterable[int]) -> int:
    """Add records to a hold; returns how many joined.  Raises NotFound for one that we never had or destroyed."""
    joined = join(archive, session, hold_id, records)
    if joined.destroyed:
        raise NotFound(noun="record", name=f"R{joined.destroyed[0]} (or it was destroyed earlier)")
    return joined.added


def lock(session: Session, hold_id: int) -> None:
    """Keep a hold as it is until the transaction ends; raises Refused where it is lifted."""
    state = session.execute(select(hold.c.state).where(hold.c.id == hold_id).with_for_update()).scalar()
    if state == HoldState.LIFTED.value:
        raise Refused(reason=f"H{hold_id} was lifted meanwhile", action="Place another one, if it is still wanted.")


def join(archive: Archive, session: Session, hold_id: int, records: Iterable[int]) -> Joined:
    """Add the living ones of some records to a hold; raises Refused where it was lifted meanwhile."""
    lock(session, hold_id)
    wanted = sorted(set(records))
    added, destroyed = 0, []
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        alive = select(record.c.id).where(record.c.id.in_(chunk), record.c.destroyed_at.is_(None))
        living = set(session.execute(alive).scalars())
        destroyed += [one for one in chunk if one not in living]
        members = select(hold_member.c.record_id).where(
            hold_member.c.hold_id == hold_id, hold_member.c.record_id.in_(chunk)
        )
        new = sorted(living.difference(session.execute(members).scalars()))
        if new:
            rows = [{"hold_id": hold_id, "record_id": one, "added_at": archive.now()} for one in new]
            session.execute(insert(hold_member), rows)
            outbox.enqueue(session, OutboxKind.INDEX, new, archive.now())
        added += len(new)
    return Joined(added, tuple(destroyed))


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
    """Lift a hold with a reason, also one left half placed; raises NotFound, Refused, UsageError.

    A request's own hold ends with the request.  What another hold covers stays held.
    """
    require(actor, Role.RECORDS_OFFICER, Role.ATTORNEY)
    if not reason.strip():
        raise UsageError(problem="say who ordered it and why (--reason)")
    chosen = select(hold.c.state, hold.c.kind).where(hold.c.id == hold_id).with_for_update()
    row = session.execute(chosen).one_or_none()
    if row is None:
        raise NotFound(noun="hold", name=f"H{hold_id}")
    if row.state == HoldState.LIFTED.value:
        raise Refused(reason=f"H{hold_id} is already lifted", action="Nothing to do.")
    if row.kind == HoldKind.REQUEST.value:
        raise Refused(
            reason=f"H{hold_id} belongs to an open request",
            action="Close the request; its hold then gets its own date.",
        )
    if row.kind == HoldKind.HALT.value:
        raise Refused(
            reason=f"H{hold_id} is no hold but the halt of all destruction",
            action="End it with `archiver dispose halt --end`.",
        )
    _lift(archive, session, hold_id, actor.id)
    archive.record_act(session, "hold.lift", "hold", hold_id, actor_id=actor.id, text=reason)


def lift_ended(archive: Archive, session: Session, today: date) -> list[int]:
    """Lift the holds of closed requests whose last day is over; returns them.  today: in the city's zone."""
    over = select(hold.c.id, hold.c.until_on).where(
        hold.c.kind == HoldKind.CLOSED_REQUEST.value, hold.c.state == HoldState.ACTIVE.value, hold.c.until_on < today
    )
    rows = session.execute(over.order_by(hold.c.id).with_for_update()).all()
    for row in rows:
        _lift(archive, session, row.id, None)
        facts = {"until": row.until_on.isoformat()}
        archive.record_act(session, "hold.lift", "hold", row.id, facts=facts)
    return [int(row.id) for row in rows]


def _lift(archive: Archive, session: Session, hold_id: int, person_id: int | None) -> None:
    values = {"state": HoldState.LIFTED.value, "lifted_at": archive.now(), "lifted_by": person_id}
    session.execute(update(hold).where(hold.c.id == hold_id).values(values))
    members = session.execute(select(hold_member.c.record_id).where(hold_member.c.hold_id == hold_id)).scalars()
    outbox.enqueue(session, OutboxKind.INDEX, members, archive.now())


def holds_of_record(session: Session, record_id: int) -> list[int]:
    """The living holds whose member a record is."""
    rows = session.execute(
        select(hold.c.id)
        .join(hold_member, hold_member.c.hold_id == hold.c.id)
        .where(hold_member.c.record_id == record_id, hold.c.state != HoldState.LIFTED.value)
    )
    return [int(one) for one in rows.scalars()]
