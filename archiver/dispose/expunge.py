"""Expungement by a court's order: a whole record or a part of it, by two persons, whatever its retention period says.

Holds win here too: an order against a held record is refused until the hold is lifted, or cleared where it is only
preliminary.  A disposition of one record carries the act from order to certificate.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from archiver import outbox
from archiver.access import Actor, require
from archiver.accession.destroyed import lock
from archiver.accession.expunged import expunge_parts, parts_of
from archiver.accession.show import Part, find_record
from archiver.archive import Archive
from archiver.collect.leases import leased
from archiver.dispose import elsewhere, marks
from archiver.dispose.batches import find, list_digest, schedule_digest, set_state
from archiver.dispose.due import today
from archiver.dispose.execution import Progress, conclude, execute
from archiver.dispose.notes import note, notes
from archiver.dispose.readiness import look
from archiver.dispose.residue import Needles, facts_and_settings, search_files
from archiver.dispose.steadiness import clock_right as vouch_for_clock
from archiver.errors import Refused, UsageError
from archiver.index.engines.contract import Engine
from archiver.index.opening import open_index
from archiver.retain.holds import holds_of_record
from archiver.tokens import words as tokens_of
from archiver.vault.derivations import texts_of
from archiver.vault.payloads import keep_text, read_text
from schema.db.dispose import disposition, disposition_approval, disposition_record
from schema.db.hold import hold
from schema.db.record import component, record
from schema.db.retain import retention_tag
from schema.db.vault import owner_key
from schema.disposal_vocab import DispositionKind, DispositionState
from schema.vocab import OutboxKind, OwnerKind, Role

_MAY_AGREE = (Role.ADMINISTRATOR, Role.CLERK, Role.RECORDS_OFFICER, Role.ATTORNEY)
_UNDECIDED = (DispositionState.PROPOSED.value, DispositionState.APPROVED.value)
_UNFINISHED = (
    *(DispositionState.EXECUTING.value, DispositionState.HALTED.value),
    *(DispositionState.DESTROYED.value, DispositionState.PROVEN.value),
)
_SHORTEST, _LONGEST = 7, 40
"""Characters of a word that proves something: shorter ones turn up by chance in sealed bytes."""
_LOOKED_AT = 500


@dataclass(frozen=True, slots=True)
class Order:
    """What a court ordered.  parts: as `accession.expunged.parts_of` takes them; empty: the whole record."""

    record_id: int
    text: str
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ordered:
    """An expungement on its way; components: the parts that go, empty: the whole record."""

    disposition_id: int
    record_id: int
    components: tuple[int, ...]


def unfinished(session: Session, record_id: int) -> int | None:
    """The expungement of a record that has begun, but whose proof or certificate is still to come."""
    return _of_record(session, record_id, _UNFINISHED)


def takes_whole(session: Session, disposition_id: int) -> bool:
    """Whether an expungement takes the whole record, not parts of it."""
    return not notes(session, disposition_id).get("parts")


def _of_record(session: Session, record_id: int, states: Sequence[str]) -> int | None:
    chosen = (
        select(disposition.c.id)
        .join(disposition_record, disposition_record.c.disposition_id == disposition.c.id)
        .where(
            disposition_record.c.record_id == record_id,
            disposition.c.kind == DispositionKind.EXPUNGE.value,
            disposition.c.state.in_(states),
        )
    )
    found: int | None = session.execute(chosen.order_by(disposition.c.id)).scalar()
    return found


def order(archive: Archive, session: Session, actor: Actor, second: Actor, given: Order) -> Ordered:
    """Note a court's order and the second person's agreement; nothing is destroyed yet.

    second: whose own password was checked.  Repeated after a refusal, the same order with the same second person goes
    on; another one takes its place.
    Raises Refused for a held or destroyed record, NotFound, UsageError.
    """
    require(actor, Role.RECORDS_OFFICER)
    require(second, *_MAY_AGREE)
    if second.id == actor.id:
        raise Refused(reason="the second person is another than the first", action="Name another login with --login.")
    if not given.text.strip():
        raise UsageError(problem="--order names the court, the date and the number of its order")
    record_id = given.record_id
    if find_record(session, record_id)["destroyed_at"] is not None:
        raise Refused(
            reason=f"R{record_id} was destroyed", action=f"`archiver record show R{record_id}` says when, and why."
        )
    _refuse_held(session, record_id)
    parts = parts_of(archive, session, record_id, given.parts) if given.parts else []
    listed = [{"component": one.id, "role": one.role.value, "bytes": one.size} for one in parts]
    found = _of_record(session, record_id, _UNDECIDED)
    if found is not None:
        if _agreed(archive, session, found, second, given, listed):
            return Ordered(found, record_id, tuple(part.id for part in parts))
        # Nobody agreed to this: what another order, or another second person, said does not count for it.
        set_state(session, found, DispositionState.WITHDRAWN)
        archive.record_act(session, "dispose.withdraw", "disposition", found, actor_id=actor.id, text=given.text)
    disposition_id = _propose(archive, session, actor, record_id, parts)
    owner = archive.vault.owner(session, OwnerKind.DISPOSITION, disposition_id)
    assert owner is not None, "a living disposition has its key"
    reason_id = keep_text(session, archive.vault, owner, given.text)
    set_state(session, disposition_id, DispositionState.PROPOSED, reason_payload_id=reason_id)
    note(session, disposition_id, parts=listed)
    facts = {"record": record_id, "whole": not parts, "components": sorted(one.id for one in parts)}
    archive.record_act(
        session, "expunge.order", "disposition", disposition_id, actor_id=actor.id, facts=facts, text=given.text
    )
    _approve(archive, session, second, disposition_id)
    return Ordered(disposition_id, record_id, tuple(part.id for part in parts))


def _agreed(
    archive: Archive, session: Session, disposition_id: int, second: Actor, given: Order, listed: list[dict[str, Any]]
) -> bool:
    """Whether this second person agreed before to exactly this order, which only waits to be carried out."""
    row = find(session, str(disposition_id))
    return (
        row["state"] == DispositionState.APPROVED.value
        and row["approved_by"] == second.id
        and read_text(session, archive.vault, row["reason_payload_id"]) == given.text
        and notes(session, disposition_id).get("parts") == listed
    )


def _refuse_held(session: Session, record_id: int) -> None:
    chosen = select(hold.c.id, hold.c.kind, hold.c.matter).where(hold.c.id.in_(holds_of_record(session, record_id)))
    if held := session.execute(chosen.order_by(hold.c.id)).all():
        named = ", ".join(f"H{one.id} ({one.kind}: {one.matter})" for one in held)
        raise Refused(
            reason=f"R{record_id} is held by {named}",
            action="Show the order to the city attorney, lift the hold (`archiver hold lift`), then run this again.",
        )


def _propose(archive: Archive, session: Session, actor: Actor, record_id: int, parts: Sequence[Part]) -> int:
    now = archive.now()
    tag = (
        session.execute(
            select(retention_tag.c.series_id, retention_tag.c.due_on, record.c.changed_at)
            .join(record, record.c.id == retention_tag.c.record_id)
            .where(retention_tag.c.record_id == record_id, retention_tag.c.ended_at.is_(None))
        )
        .mappings()
        .one()
    )
    values = {
        "kind": DispositionKind.EXPUNGE.value,
        "state": DispositionState.PROPOSED.value,
        "series_id": tag["series_id"],
        "proposed_at": now,
        "proposed_by": actor.id,
    }
    new = int(session.execute(insert(disposition).values(values).returning(disposition.c.id)).scalar_one())
    whole = select(func.coalesce(func.sum(component.c.size), 0)).where(component.c.record_id == record_id)
    session.execute(
        insert(disposition_record).values(
            disposition_id=new,
            record_id=record_id,
            due_on=tag["due_on"],
            changed_at=tag["changed_at"],
            size=sum(part.size for part in parts) or session.execute(whole).scalar_one(),
        )
    )
    archive.vault.add_owner(session, OwnerKind.DISPOSITION, new)
    digests = {"list_digest": list_digest(session, new), "schedule_digest": schedule_digest(session, tag["series_id"])}
    set_state(session, new, DispositionState.PROPOSED, **digests)
    return new


def _approve(archive: Archive, session: Session, second: Actor, disposition_id: int) -> None:
    row = find(session, str(disposition_id))
    now = max(archive.now(), row["proposed_at"])
    session.execute(
        insert(disposition_approval).values(
            disposition_id=disposition_id,
            step=1,
            person_id=second.id,
            as_deputy=False,
            list_digest=row["list_digest"],
            approved_at=now,
        )
    )
    set_state(
        session,
        disposition_id,
        DispositionState.APPROVED,
        approved_at=now,
        approved_by=second.id,
        executable_on=today(archive),
    )
    archive.record_act(session, "expunge.agree", "disposition", disposition_id, actor_id=second.id)


def carry_out(
    archive: Archive, actor: Actor, ordered: Ordered, *, clock_right: str | None = None
) -> Iterator[Progress]:
    """Destroy what was ordered, prove it and certify it; opens its own short units and may be run again after a crash.

    clock_right: why date and time are right although the clock jumped.  Raises Refused where a hold, a restore or a
    failed verification stands against it, VerificationFailed where the proof fails.
    """
    if not ordered.components:
        yield from execute(archive, actor, ordered.disposition_id, 1, clock_right=clock_right)
        return
    with leased(archive, f"disposition:{ordered.disposition_id}"):
        _destroy_parts(archive, actor, ordered, clock_right)
    yield from conclude(archive, actor, ordered.disposition_id)


def resume(archive: Archive, actor: Actor, disposition_id: int) -> Iterator[Progress]:
    """Go on with an expungement whose proof or certificate is still to come."""
    yield from execute(archive, actor, disposition_id, 1)


def _destroy_parts(archive: Archive, actor: Actor, ordered: Ordered, clock_right: str | None) -> None:
    """Destroy parts of a record and its key, and seal the rest anew, in one short transaction."""
    number, record_id = ordered.disposition_id, ordered.record_id
    if clock_right is not None:
        with archive.unit() as session:
            vouch_for_clock(archive, session, actor, number, clock_right)
    engine = open_index(archive)
    try:
        found = _marks(archive, engine, ordered)
    finally:
        engine.close()
    now = archive.now()
    with archive.unit() as session:
        lock(session, [record_id])
        _refuse_held(session, record_id)
        for refusal in look(archive, session, number).refusals:
            raise Refused(reason=refusal.reason, action=refusal.action)
        set_state(session, number, DispositionState.EXECUTING, began_at=now, executed_by=actor.id)
        set_state(
            session, number, DispositionState.EXECUTING, marks_payload_id=marks.keep(archive, session, number, found)
        )
        told = {"copies": elsewhere.copies(session, number), "readiness": {"at": now}}
        names = expunge_parts(archive, session, number, record_id, ordered.components, now)
        outbox.enqueue(session, OutboxKind.INDEX, [record_id], now)
        set_state(session, number, DispositionState.DESTROYED, destroyed_at=now)
        note(session, number, pending=names, master=archive.vault.master_id, **told)
        facts = {"record": record_id, "components": sorted(ordered.components)}
        archive.record_act(session, "expunge.part", "disposition", number, actor_id=actor.id, facts=facts)


def _marks(archive: Archive, engine: Engine, ordered: Ordered) -> marks.Marks:
    """Words that only the parts have which go, and the beginning of the key that goes with them (decision 21)."""
    with archive.reading() as session:
        texts = texts_of(session, archive.vault, list(ordered.components))
        keys = session.execute(
            select(owner_key.c.wrapped).where(
                owner_key.c.owner_kind == OwnerKind.RECORD.value, owner_key.c.owner_id == ordered.record_id
            )
        ).scalars()
        beginnings = tuple(bytes(one)[: marks.KEY_PREFIX] for one in keys)
    there = {word for text in texts.values() for word in tokens_of(text) if _SHORTEST <= len(word) <= _LONGEST}
    longest = sorted(there, key=lambda word: (-len(word), word))[:_LOOKED_AT]
    alone = [word for word in longest if list(engine.ids(marks.any_zone(word))) == [ordered.record_id]]
    elsewhere_too = search_files(facts_and_settings(archive), Needles(alone, ())).hits
    return marks.Marks(tuple([one for one in alone if one not in elsewhere_too][: marks.WORDS]), beginnings)
