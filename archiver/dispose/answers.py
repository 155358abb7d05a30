"""What departments answer: destroy or retain, record by record; and why a request cannot touch a disposition."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.dispose.batches import LIVING, leaving_at, row_of, waiting
from archiver.dispose.departments import sources_of
from archiver.errors import NotFound, Refused, UsageError
from archiver.vault.payloads import keep_text
from schema.db.dispose import disposition_record, hold_clearance
from schema.db.hold import hold
from schema.db.record import record
from schema.disposal_vocab import DispositionAnswer, DispositionState, ExceptionReason
from schema.vocab import HoldScope, HoldState, OwnerKind, Role

_CHUNK = 500
_ENDED = (DispositionState.CERTIFIED.value, DispositionState.WITHDRAWN.value)


def answer(
    archive: Archive,
    session: Session,
    actor: Actor,
    disposition_id: int,
    given: DispositionAnswer,
    *,
    records: Sequence[int] | None,
    department: str | None = None,
    reason: str,
) -> int:
    """Answer for records of a disposition; returns how many.  Retain takes them out at once and for good.

    records: ids, None for all.  department: only those of its custodians' sources.  Answers come at any time before a
    record's destruction.  Raises NotFound, Refused, UsageError.
    """
    require(actor, Role.DEPARTMENT_REVIEWER, Role.CLERK, Role.RECORDS_OFFICER)
    if row_of(session, disposition_id)["state"] in _ENDED:
        raise Refused(reason=f"D{disposition_id} is ended", action="Nothing to do.")
    chosen = _of_department(session, department) if department is not None else None
    if records is not None:
        _check_listed(session, disposition_id, records, given)
    now = archive.now()
    values: dict[str, Any] = {"answer": given.value, "answered_by": actor.id, "answered_at": now}
    if given is DispositionAnswer.RETAIN:
        left_at = leaving_at(session, disposition_id, now)
        values |= {"left_why": ExceptionReason.RETAINED.value, "left_at": left_at}
    count = 0
    for part in [None] if records is None else _chunks(sorted(set(records))):
        rows = waiting(disposition_id)
        if part is not None:
            rows = and_(rows, disposition_record.c.record_id.in_(part))
        if chosen is not None:
            rows = and_(rows, chosen)
        if not archive.database.sqlite:  # in the order of execution, so that neither waits for the other in a circle
            ordered = select(disposition_record.c.record_id).where(rows).order_by(disposition_record.c.record_id)
            session.execute(ordered.with_for_update()).all()
        changed = session.execute(update(disposition_record).where(rows).values(**values))
        count += int(changed.rowcount)  # type: ignore[attr-defined]  # an UPDATE gives a CursorResult
    if not count:
        raise UsageError(problem=f"no record of D{disposition_id} that is still to be decided was named")
    facts: dict[str, Any] = {"answer": given.value, "records": count}
    if records is not None and len(records) <= _CHUNK:
        facts["ids"] = sorted(set(records))
    act = "dispose.answer"
    archive.record_act(session, act, "disposition", disposition_id, actor_id=actor.id, facts=facts, text=reason)
    return count


def _chunks(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK)]


def _of_department(session: Session, department: str) -> ColumnElement[bool]:
    sources = sources_of(session, department)
    if not sources:
        raise NotFound(noun="department with a source", name=department)
    return disposition_record.c.record_id.in_(select(record.c.id).where(record.c.source_id.in_(sources)))


def _check_listed(session: Session, disposition_id: int, records: Sequence[int], given: DispositionAnswer) -> None:
    """Every record that a person names is one that can still be decided; raises NotFound, Refused."""
    table = disposition_record.c
    for part in _chunks(sorted(set(records))):
        rows = session.execute(
            select(table.record_id, table.left_why, table.destroyed_at).where(
                table.disposition_id == disposition_id, table.record_id.in_(part)
            )
        ).all()
        if lost := set(part) - {row.record_id for row in rows}:
            raise NotFound(noun="record", name=f"R{min(lost)} in D{disposition_id}")
        for row in rows:
            if row.destroyed_at is not None:
                raise Refused(
                    reason=f"R{row.record_id} is destroyed; nothing was answered",
                    action="Its certificate says when; answer for the others.",
                )
            if row.left_why is not None and given is not DispositionAnswer.RETAIN:
                raise Refused(
                    reason=f"R{row.record_id} has left D{disposition_id} ({row.left_why}) and does not come back",
                    action="It can be proposed again when it is due.",
                )


def unanswered(session: Session, disposition_id: int) -> int:
    """How many records of a disposition nobody has answered for."""
    rows = waiting(disposition_id)
    chosen = select(func.count()).select_from(disposition_record).where(rows, disposition_record.c.answer.is_(None))
    return int(session.execute(chosen).scalar_one())


def clear_hold(
    archive: Archive, session: Session, actor: Actor, disposition_id: int, hold_id: int, reason: str
) -> None:
    """Record why a request that is not searched yet cannot touch a disposition; raises NotFound, Refused."""
    require(actor, Role.RECORDS_OFFICER, Role.CLERK, Role.ATTORNEY)
    if not reason.strip():
        raise UsageError(problem="say with --reason why the request cannot touch these records")
    if row_of(session, disposition_id)["state"] not in LIVING:
        raise Refused(reason=f"D{disposition_id} is ended", action="Nothing to do.")
    row = session.execute(select(hold).where(hold.c.id == hold_id)).mappings().one_or_none()
    if row is None:
        raise NotFound(noun="hold", name=f"H{hold_id}")
    if row["scope"] != HoldScope.PRELIMINARY.value or row["state"] != HoldState.ACTIVE.value:
        raise Refused(
            reason=f"H{hold_id} is no preliminary hold in force; its own records are held and nobody clears them",
            action="Held records leave the disposition by themselves.",
        )
    known = and_(hold_clearance.c.disposition_id == disposition_id, hold_clearance.c.hold_id == hold_id)
    if session.execute(select(hold_clearance.c.id).where(known)).first():
        raise Refused(reason=f"H{hold_id} is already cleared for D{disposition_id}", action="Nothing to do.")
    owner = archive.vault.owner(session, OwnerKind.DISPOSITION, disposition_id)
    assert owner is not None, "a living disposition has its key"
    values = {
        "disposition_id": disposition_id,
        "hold_id": hold_id,
        "person_id": actor.id,
        "reason_payload_id": keep_text(session, archive.vault, owner, reason),
        "cleared_at": archive.now(),
    }
    session.execute(insert(hold_clearance).values(values))
    facts = {"hold": hold_id, "request": row["request_id"]}
    archive.record_act(session, "dispose.clear", "disposition", disposition_id, actor_id=actor.id, facts=facts)


def answered(session: Session, disposition_id: int) -> dict[str, int]:
    """How many records were answered destroy and retain, and how many nobody answered for."""
    table = disposition_record.c
    there = or_(table.left_at.is_(None), table.answer.is_not(None))
    rows = session.execute(
        select(table.answer, func.count()).where(table.disposition_id == disposition_id, there).group_by(table.answer)
    )
    found = {"none" if given is None else str(given): int(count) for given, count in rows}
    return {name: found.get(name, 0) for name in ("destroy", "retain", "none")}
