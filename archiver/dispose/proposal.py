"""Proposing: one series' due records become a batch, the others exceptions with the reason; withdrawing it again."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, insert, literal, select, update
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.dispose import due
from archiver.dispose.batches import list_digest, row_of, schedule_digest, set_state
from archiver.dispose.due import due_by_series
from archiver.errors import Refused, UsageError
from archiver.retain.dates import due_date
from archiver.retain.series import find_series
from archiver.vault.payloads import keep_text
from schema.db.dispose import disposition, disposition_exception, disposition_record
from schema.db.record import record
from schema.db.retain import retention_tag, series
from schema.disposal_vocab import DispositionKind, DispositionState, ExceptionReason
from schema.vocab import DispositionAction, OwnerKind, Role

__all__ = ["Proposed", "due_by_series", "propose", "withdraw"]

_TRANSFERS = (DispositionAction.TRANSFER_ARCHIVES, DispositionAction.TRANSFER_ARCHIVES_FOR_APPRAISAL)

IN_WORDS: dict[str, str] = {
    ExceptionReason.HELD: "held",
    ExceptionReason.REQUEST_NOT_SEARCHED: "an open request is not searched yet",
    ExceptionReason.RETAINED: "answered retain",
    ExceptionReason.CHANGED: "changed since the proposal",
    ExceptionReason.HOLD_LIFTED_TODAY: "a hold was lifted today; propose them tomorrow",
    ExceptionReason.HELD_SINCE_APPROVAL: "held since the approval",
    ExceptionReason.HOLD_LIFTED: "a hold was lifted since the proposal",
    ExceptionReason.THREAD_NOT_DUE: "another record of the thread is not due",
    ExceptionReason.NOT_DUE: "no longer due",
    ExceptionReason.SERIES_CHANGED: "now of another series",
    ExceptionReason.IN_OTHER_DISPOSITION: "in another disposition",
    ExceptionReason.NOT_EVALUATED: "a standing hold has not looked at them yet",
    ExceptionReason.DESTROYED_EARLIER: "destroyed earlier",
}
"""Why a record is not, or no longer, in a disposition, as people read it."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """A new proposal: how many records it has, and how many due ones it could not take, by reason."""

    id: int
    records: int
    exceptions: dict[ExceptionReason, int]


def propose(
    archive: Archive,
    session: Session,
    actor: Actor,
    series_key: str,
    *,
    kind: DispositionKind = DispositionKind.DESTROY,
    reason: str = "",
) -> Proposed:
    """Propose all due records of a series for destruction or transfer; what cannot be taken is listed with the reason.

    Raises NotFound, UsageError, Refused where the series orders something else or nothing can be proposed.
    """
    require(actor, Role.RECORDS_OFFICER)
    adopted = find_series(session, series_key)
    chosen = session.execute(select(series).where(series.c.id == adopted.id)).mappings().one()
    rule = due_date(adopted, None, archive.city.fiscal_year_end)
    if not rule.ready:
        raise Refused(
            reason=f"{adopted.key} isn't relied on: {rule.explanation}", action="See `archiver schedule check`."
        )
    _check_series(chosen, kind, reason)
    day, now = due.today(archive), archive.now()
    values = {
        "kind": kind.value,
        "state": DispositionState.PROPOSED.value,
        "series_id": chosen["id"],
        "due_until": day,
        "proposed_at": now,
        "proposed_by": actor.id,
    }
    new = int(session.execute(insert(disposition).values(values).returning(disposition.c.id)).scalar_one())
    records, exceptions = _fill(archive, session, new, chosen, day)
    if not records:
        said = "; ".join(f"{count} {IN_WORDS[why]}" for why, count in exceptions.items())
        raise Refused(
            reason=f"no record of {chosen['key']} can be proposed: {said or 'none is due'}",
            action="`archiver dispose due` lists what is due; `archiver tag explain R1` tells when a record is.",
        )
    owner = archive.vault.add_owner(session, OwnerKind.DISPOSITION, new)
    reason_id = keep_text(session, archive.vault, owner, reason) if reason else None
    digests = {"list_digest": list_digest(session, new), "schedule_digest": schedule_digest(session, chosen["id"])}
    session.execute(update(disposition).where(disposition.c.id == new).values(reason_payload_id=reason_id, **digests))
    facts = {
        "kind": kind.value,
        "series": chosen["id"],
        "records": records,
        "exceptions": {why.value: count for why, count in exceptions.items()},
        "list": digests["list_digest"].hex(),
        "schedule": digests["schedule_digest"].hex(),
    }
    archive.record_act(session, "dispose.propose", "disposition", new, actor_id=actor.id, facts=facts)
    return Proposed(new, records, exceptions)


def _check_series(chosen: Any, kind: DispositionKind, reason: str) -> None:
    key, action = chosen["key"], DispositionAction(chosen["action"])
    if kind is DispositionKind.EXPUNGE:
        raise UsageError(problem="an expungement is ordered by a court, not proposed by series: `dispose expunge`")
    if chosen["ended_at"] is not None:
        raise Refused(reason=f"{key} is superseded", action="Propose the series that replaced it.")
    if action is DispositionAction.RETAIN:
        raise Refused(reason=f"{key} is retained; its records are never disposed of", action="Nothing to do.")
    if action in _TRANSFERS and kind is not DispositionKind.TRANSFER:
        raise Refused(
            reason=f"{key} goes to the archives when it is due, it is not destroyed",
            action="Propose it with --transfer.",
        )
    if action is DispositionAction.REVIEW and not reason.strip():
        raise UsageError(problem=f"{key} is reviewed when it is due: say with --reason what the review decided")
    if kind is DispositionKind.TRANSFER and action not in (*_TRANSFERS, DispositionAction.REVIEW):
        raise Refused(
            reason=f"{key} is destroyed when it is due; its schedule orders no transfer",
            action="Propose it without --transfer.",
        )


def _fill(
    archive: Archive, session: Session, new: int, chosen: Any, day: date
) -> tuple[int, dict[ExceptionReason, int]]:
    """Sort the due records of a series into the batch and the exceptions, in one statement each."""
    why = due.exception(archive, chosen, day)
    joined = retention_tag.join(record, record.c.id == retention_tag.c.record_id)
    mine = due.due(chosen["id"], day)
    # The exceptions come first: afterwards the batch's own records would be "in another disposition".
    noted = select(
        literal(new), record.c.id, why.label("why"), due.holding(record.c.id), literal(archive.now())
    ).select_from(joined)
    columns = ["disposition_id", "record_id", "why", "hold_id", "noted_at"]
    session.execute(insert(disposition_exception).from_select(columns, noted.where(mine, why.is_not(None))))
    taken = select(literal(new), record.c.id, retention_tag.c.due_on, record.c.changed_at, due.size_of()).select_from(
        joined
    )
    columns = ["disposition_id", "record_id", "due_on", "changed_at", "size"]
    session.execute(insert(disposition_record).from_select(columns, taken.where(mine, why.is_(None))))
    counted = (
        select(disposition_exception.c.why, func.count())
        .where(disposition_exception.c.disposition_id == new)
        .group_by(disposition_exception.c.why)
        .order_by(disposition_exception.c.why)
    )
    exceptions = {ExceptionReason(reason): int(count) for reason, count in session.execute(counted)}
    records = select(func.count()).select_from(disposition_record).where(disposition_record.c.disposition_id == new)
    return int(session.execute(records).scalar_one()), exceptions


def withdraw(archive: Archive, session: Session, actor: Actor, disposition_id: int, reason: str) -> None:
    """Withdraw a disposition of which nothing is destroyed; its records can be proposed again.  Raises Refused."""
    require(actor, Role.RECORDS_OFFICER, Role.CLERK)
    if not reason.strip():
        raise UsageError(problem="say with --reason why it is withdrawn")
    state = row_of(session, disposition_id)["state"]
    if state not in (DispositionState.PROPOSED.value, DispositionState.APPROVED.value):
        raise Refused(
            reason=f"D{disposition_id} is {state} and cannot be withdrawn",
            action="`archiver dispose halt` stops every destruction; what is destroyed stays destroyed.",
        )
    set_state(session, disposition_id, DispositionState.WITHDRAWN)
    archive.record_act(session, "dispose.withdraw", "disposition", disposition_id, actor_id=actor.id, text=reason)
