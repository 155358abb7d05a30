"""Holds that refuse a whole disposition: one being placed, a halt, a request not searched, a standing hold behind."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import Session

from archiver.dispose import due
from archiver.dispose.batches import waiting
from schema.db.dispose import disposition_record, hold_clearance, transfer
from schema.db.hold import hold, hold_source
from schema.db.record import record
from schema.db.requests import data_request
from schema.vocab import HoldKind, HoldScope, HoldState


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing of a disposition may go now, and what a person does about it."""

    reason: str
    action: str


def hold_refusals(session: Session, disposition_id: int) -> Iterator[Refusal]:
    """Holds that stop the whole disposition, each named with its request."""
    yield from halts(session)
    yield from _not_searched(session, disposition_id)
    yield from _behind(session, disposition_id)


def halts(session: Session) -> Iterator[Refusal]:
    """Holds that stop every destruction: `dispose halt`, and holds that are just being placed."""
    placing = select(hold.c.id, hold.c.kind).where(hold.c.state == HoldState.PLACING.value).order_by(hold.c.id)
    for row in session.execute(placing):
        if row.kind == HoldKind.HALT.value:
            yield Refusal(
                f"every disposition is halted (H{row.id})",
                "`archiver dispose halt --end` by a records officer or attorney ends it.",
            )
        else:
            yield Refusal(
                f"H{row.id} is being placed, or was left so by a crash",
                f"Wait until it is in force; after a crash `archiver hold place --resume H{row.id}` goes on.",
            )


def transfer_refusals(session: Session, disposition_id: int) -> Iterator[Refusal]:
    """A transfer whose receipt is not noted, or of which a copy stays: our copy must not go."""
    row = session.execute(select(transfer).where(transfer.c.disposition_id == disposition_id)).mappings().one_or_none()
    if row is None or row["receipted_at"] is None:
        yield Refusal(
            f"nobody has noted the receipt of D{disposition_id} yet",
            f"`archiver dispose transfer D{disposition_id}` shows how far it is; our copy goes after the receipt.",
        )
    elif row["keeps_copy"]:
        yield Refusal(f"a copy of D{disposition_id} stays here, as it was offered", "Nothing to do.")


def _not_searched(session: Session, disposition_id: int) -> Iterator[Refusal]:
    """Preliminary holds of open requests that may touch the batch and that nobody cleared for it."""
    cleared = select(hold_clearance.c.hold_id).where(hold_clearance.c.disposition_id == disposition_id)
    found = session.execute(
        select(hold, data_request.c.number)
        .join(data_request, data_request.c.id == hold.c.request_id, isouter=True)
        .where(
            hold.c.state == HoldState.ACTIVE.value,
            hold.c.scope == HoldScope.PRELIMINARY.value,
            hold.c.id.not_in(cleared),
        )
        .order_by(hold.c.id)
    ).mappings()
    preliminary = found.all()
    spans = _spans(session, disposition_id) if preliminary else {}
    for row in preliminary:
        sources = select(hold_source.c.source_id).where(hold_source.c.hold_id == row["id"])
        named = set(session.execute(sources).scalars())
        if any(_near(row, span) for source, span in spans.items() if not named or source in named) and _touches(
            session, disposition_id, and_(hold.c.id == row["id"], due.overlapping())
        ):
            request = row["number"] or row["matter"]
            yield Refusal(
                f"the request {request} is not searched yet and may touch these records (H{row['id']})",
                f"Search it and freeze its candidates, or record why it cannot touch them: "
                f"`archiver dispose clear D{disposition_id} --hold H{row['id']} --reason TEXT`.",
            )


def _spans(session: Session, disposition_id: int) -> dict[int, tuple[int | None, int | None, int]]:
    """Source -> first and last time sent and number of unknown times, so that far holds cost no walk over the list."""
    rows = session.execute(
        select(
            record.c.source_id,
            func.min(record.c.sent_at),
            func.max(record.c.sent_at),
            func.count() - func.count(record.c.sent_at),
        )
        .join(disposition_record, disposition_record.c.record_id == record.c.id)
        .where(waiting(disposition_id))
        .group_by(record.c.source_id)
    )
    return {source: (first, last, unknown) for source, first, last, unknown in rows}


def _near(row: Any, span: tuple[int | None, int | None, int]) -> bool:
    first, last, unknown = span
    if unknown or first is None or last is None:
        return True
    since, until = row["sent_since"], row["sent_until"]
    return (since is None or last >= since) and (until is None or first < until)


def _behind(session: Session, disposition_id: int) -> Iterator[Refusal]:
    """Standing holds that have not looked at records of the batch since their last change."""
    standing = select(hold.c.id).where(hold.c.state == HoldState.ACTIVE.value, hold.c.evaluated_to.is_not(None))
    for hold_id in session.execute(standing.order_by(hold.c.id)).scalars():
        if _touches(session, disposition_id, and_(hold.c.id == hold_id, due.not_evaluated())):
            yield Refusal(
                f"the standing hold H{hold_id} has not looked at every record of this disposition yet",
                "Run `archiver collect --all`, which lets standing holds catch up, then execute again.",
            )


def _touches(session: Session, disposition_id: int, condition: ColumnElement[bool]) -> bool:
    rows = (
        select(disposition_record.c.record_id)
        .join(record, record.c.id == disposition_record.c.record_id)
        .where(waiting(disposition_id), exists().where(condition).correlate(record))
    )
    return session.execute(rows.limit(1)).first() is not None
