"""What executing a disposition would do now: which records must leave first, and what refuses the whole batch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, case, func, null, or_, select, true
from sqlalchemy.orm import Session

from archiver.archive import Archive
from archiver.dispose import due
from archiver.dispose.approval import approvals
from archiver.dispose.batches import digest_as_of, row_of, schedule_digest, waiting
from archiver.dispose.steadiness import clock_refusals, verification_refusals
from archiver.dispose.waits import Refusal, hold_refusals, transfer_refusals
from schema.db.backup import restore
from schema.db.dispose import disposition_record
from schema.db.record import record
from schema.db.retain import retention_tag, series
from schema.disposal_vocab import DispositionAnswer, DispositionKind, DispositionState, ExceptionReason

__all__ = ["Readiness", "Refusal", "look", "reasons_to_leave", "refusals"]

_CHUNK = 500
_READY = (DispositionState.APPROVED.value, DispositionState.EXECUTING.value, DispositionState.HALTED.value)


@dataclass(frozen=True, slots=True)
class Readiness:
    """What an execution would meet now.

    count: records that would go, when nothing refuses.  leaving: record id -> why it must leave first.
    refusals: why nothing at all may go now, each with what to do.
    """

    count: int
    leaving: dict[int, ExceptionReason]
    refusals: list[Refusal]


def look(archive: Archive, session: Session, disposition_id: int) -> Readiness:
    """Look without changing anything; dry run and execution both ask this."""
    row = row_of(session, disposition_id)
    leaving = _leaving(archive, session, row, None)
    total = select(func.count()).select_from(disposition_record).where(waiting(disposition_id))
    count = int(session.execute(total).scalar_one()) - len(leaving)
    refusals = list(_refusals(archive, session, row))
    if row["state"] == DispositionState.APPROVED.value and not count:
        withdraw = "Withdraw it with `archiver dispose withdraw`."
        refusals.append(Refusal(f"every record has left D{disposition_id}, or would leave first", withdraw))
    return Readiness(count, leaving, refusals)


def reasons_to_leave(
    archive: Archive, session: Session, disposition_id: int, ids: Sequence[int]
) -> dict[int, ExceptionReason]:
    """Which of some records must leave a disposition now, each with the reason; asked again for each chunk.

    Locks the rows (PostgreSQL) until the caller's transaction ends: an answer or an amended schedule waits, and then
    finds them destroyed.
    """
    row = row_of(session, disposition_id)
    session.execute(select(series.c.id).where(series.c.id == row["series_id"]).with_for_update(read=True)).all()
    found: dict[int, ExceptionReason] = {}
    for start in range(0, len(ids), _CHUNK):
        chunk = sorted(ids[start : start + _CHUNK])
        mine = disposition_record.c.record_id.in_(chunk)
        locked = select(disposition_record.c.record_id).where(waiting(disposition_id), mine)
        session.execute(locked.order_by(disposition_record.c.record_id).with_for_update()).all()
        found |= _leaving(archive, session, row, mine)
    return found


def _leaving(
    archive: Archive, session: Session, row: dict[str, Any], part: ColumnElement[bool] | None
) -> dict[int, ExceptionReason]:
    why = case(*_reasons(archive, session, row), else_=null())
    chosen = (
        select(disposition_record.c.record_id, why.label("why"))
        .join(record, record.c.id == disposition_record.c.record_id)
        .join(retention_tag, due.current_tag(), isouter=True)
        .where(waiting(row["id"]), why.is_not(None))
        .order_by(disposition_record.c.record_id)
    )
    if part is not None:
        chosen = chosen.where(part)
    return {record_id: ExceptionReason(reason) for record_id, reason in session.execute(chosen)}


def _reasons(archive: Archive, session: Session, row: dict[str, Any]) -> Iterator[tuple[ColumnElement[bool], str]]:
    """Conditions under which a record must leave, the weightiest first; a court's expungement knows no due date."""
    table, since = disposition_record.c, row["proposed_at"]
    yield record.c.destroyed_at.is_not(None), ExceptionReason.DESTROYED_EARLIER.value
    if row["approved_at"] is not None:
        yield due.held_since(record.c.id, row["approved_at"]), ExceptionReason.HELD_SINCE_APPROVAL.value
    yield due.held(record.c.id), ExceptionReason.HELD.value
    if row["kind"] == DispositionKind.EXPUNGE.value:
        return
    yield table.answer == DispositionAnswer.RETAIN.value, ExceptionReason.RETAINED.value
    if row["state"] != DispositionState.APPROVED.value and _schedule_changed(session, row):
        # An execution that has begun ends here with what it destroyed; the rest is proposed anew.
        yield true(), ExceptionReason.SERIES_CHANGED.value
    yield due.hold_lifted_since(record.c.id, since), ExceptionReason.HOLD_LIFTED.value
    yield record.c.changed_at != table.changed_at, ExceptionReason.CHANGED.value
    other = or_(retention_tag.c.series_id.is_(None), retention_tag.c.series_id != row["series_id"])
    yield other, ExceptionReason.SERIES_CHANGED.value
    later = or_(retention_tag.c.due_on.is_(None), retention_tag.c.due_on > row["due_until"])
    yield later, ExceptionReason.NOT_DUE.value
    yield retention_tag.c.due_on != table.due_on, ExceptionReason.CHANGED.value
    if session.execute(select(series.c.keep_threads).where(series.c.id == row["series_id"])).scalar_one():
        unripe = due.thread_not_due(record.c.thread_id, row["series_id"], due.today(archive))
        yield unripe, ExceptionReason.THREAD_NOT_DUE.value


def _schedule_changed(session: Session, row: dict[str, Any]) -> bool:
    """Whether the series is another than the one that was approved; a court's expungement knows no schedule."""
    if row["kind"] == DispositionKind.EXPUNGE.value:
        return False
    changed: bool = schedule_digest(session, row["series_id"]) != row["schedule_digest"]
    return changed


def refusals(archive: Archive, session: Session, disposition_id: int) -> list[Refusal]:
    """Why nothing of a disposition may leave custody now, be it as a copy in a bag.

    Destruction asks for more: the cooling-off, the recipient's receipt, a steady clock, a verification.
    """
    return list(_list_refusals(archive, session, row_of(session, disposition_id)))


def _refusals(archive: Archive, session: Session, row: dict[str, Any]) -> Iterator[Refusal]:
    yield from _list_refusals(archive, session, row)
    if row["state"] in _READY and (row["executable_on"] is None or due.today(archive) < row["executable_on"]):
        yield Refusal(
            f"the cooling-off of D{row['id']} ends on {row['executable_on']}", "Execute it on that day or later."
        )
    if row["kind"] == DispositionKind.TRANSFER.value:
        yield from transfer_refusals(session, row["id"])
    yield from clock_refusals(archive, session, row)
    yield from verification_refusals(session, row["id"])


def _list_refusals(archive: Archive, session: Session, row: dict[str, Any]) -> Iterator[Refusal]:
    yield from _state_refusals(archive, session, row)
    unconfirmed = select(func.count()).select_from(restore).where(restore.c.confirmed_at.is_(None))
    if session.execute(unconfirmed).scalar_one():
        yield Refusal(
            "this archive was restored from a backup and nobody has confirmed it",
            "A records officer compares its holds and tombstones, then runs `archiver restore confirm`.",
        )
    if not archive.guards_intact:
        yield Refusal(
            "the database's own guards are not those of this program",
            "Run `archiver doctor`, and tell the records officer and the city attorney.",
        )
    yield from hold_refusals(session, row["id"])


def _state_refusals(archive: Archive, session: Session, row: dict[str, Any]) -> Iterator[Refusal]:
    number, state = row["id"], row["state"]
    if state not in _READY:
        action = "Nothing to do."
        if state == DispositionState.PROPOSED.value:
            action = f"Approve it with `archiver dispose approve D{number} --login LOGIN`."
        yield Refusal(f"D{number} is {state}, not approved", action)
        return
    if row["proposed_at"] > archive.now() or (row["due_until"] or due.today(archive)) > due.today(archive):
        yield Refusal(
            f"D{number} was proposed on a day that has not come yet, by a clock that was wrong",
            "Withdraw it with `archiver dispose withdraw` and propose anew.",
        )
    if state == DispositionState.APPROVED.value and _schedule_changed(session, row):
        yield Refusal(
            f"the schedule of D{number} was changed since it was approved",
            "Withdraw it with `archiver dispose withdraw` and propose anew.",
        )
    signed = approvals(session, number)
    last = signed[-1] if signed else None
    frozen = last is not None and (
        last["list_digest"] == row["list_digest"] == digest_as_of(session, number, last["approved_at"])
        and last["person_id"] == row["approved_by"] != row["proposed_by"]
    )
    if not frozen:
        yield Refusal(
            f"the list of D{number} is not the one that was approved",
            "Keep the archive as it is, run `archiver verify`, and tell the city attorney.",
        )
