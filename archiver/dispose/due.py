"""Which records are due today, and why a due record cannot be taken up: conditions over sets, never per record."""

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, null, or_, select
from sqlalchemy.orm import Session

from archiver.archive import Archive
from archiver.clock import city_date, start_of_day
from archiver.dispose.batches import LIVING
from schema.db.dispose import disposition, disposition_record
from schema.db.hold import hold, hold_member, hold_source
from schema.db.record import component, record
from schema.db.retain import retention_tag, series
from schema.disposal_vocab import ExceptionReason
from schema.vocab import HoldScope, HoldState


def today(archive: Archive) -> date:
    """The day in the city."""
    return city_date(archive.now(), archive.city.timezone)


def current_tag() -> ColumnElement[bool]:
    """A record's tag that is in force."""
    return and_(retention_tag.c.record_id == record.c.id, retention_tag.c.ended_at.is_(None))


def due(series_id: int, day: date) -> ColumnElement[bool]:
    """Living records whose current tag gives them this series and a due date that has come."""
    mine = and_(retention_tag.c.series_id == series_id, retention_tag.c.ended_at.is_(None))
    return and_(mine, retention_tag.c.due_on <= day, record.c.destroyed_at.is_(None))


def holding(record_id: ColumnElement[int]) -> Any:
    """The oldest living hold whose member a record is, null without one."""
    return (
        select(func.min(hold_member.c.hold_id))
        .join(hold, hold.c.id == hold_member.c.hold_id)
        .where(hold_member.c.record_id == record_id, hold.c.state != HoldState.LIFTED.value)
        .scalar_subquery()
    )


def held(record_id: ColumnElement[int]) -> ColumnElement[bool]:
    """A record is a member of a living hold."""
    return _member_of(record_id, hold.c.state != HoldState.LIFTED.value)


def held_since(record_id: ColumnElement[int], moment: int) -> ColumnElement[bool]:
    """A record joined a living hold at or after a moment (milliseconds UTC)."""
    return _member_of(record_id, and_(hold.c.state != HoldState.LIFTED.value, hold_member.c.added_at >= moment))


def hold_lifted_since(record_id: ColumnElement[int], moment: Any) -> ColumnElement[bool]:
    """A record was a member of a hold that was lifted at or after a moment (milliseconds UTC)."""
    return _member_of(record_id, and_(hold.c.state == HoldState.LIFTED.value, hold.c.lifted_at >= moment))


def _member_of(record_id: ColumnElement[int], condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return (
        exists()
        .where(hold_member.c.record_id == record_id, hold.c.id == hold_member.c.hold_id, condition)
        .correlate_except(hold_member, hold)
    )


def in_disposition(record_id: ColumnElement[int]) -> ColumnElement[bool]:
    """A record belongs to a disposition under way."""
    rows, batch = disposition_record.alias("other_row"), disposition.alias("other")
    return (
        exists()
        .where(
            rows.c.record_id == record_id,
            rows.c.left_at.is_(None),
            batch.c.id == rows.c.disposition_id,
            batch.c.state.in_(LIVING),
        )
        .correlate_except(rows, batch)
    )


def thread_not_due(thread_id: ColumnElement[int], series_id: int, day: date) -> ColumnElement[bool]:
    """A record's thread has a living record of the series that is not due on a day."""
    other, tag = record.alias("thread_record"), retention_tag.alias("thread_tag")
    unripe = (
        select(other.c.thread_id)
        .join(tag, tag.c.record_id == other.c.id)
        .where(
            tag.c.series_id == series_id,
            tag.c.ended_at.is_(None),
            or_(tag.c.due_on.is_(None), tag.c.due_on > day),
            other.c.destroyed_at.is_(None),
            other.c.thread_id.is_not(None),
        )
    )
    return thread_id.in_(unripe)


def exception(archive: Archive, chosen: Any, day: date) -> ColumnElement[Any]:
    """Why a due record of a series cannot be taken up today, null where it can.

    chosen: the series' row.  day: today in the city.
    """
    began = start_of_day(day, archive.city.timezone)
    reasons = [
        (held(record.c.id), ExceptionReason.HELD.value),
        (in_disposition(record.c.id), ExceptionReason.IN_OTHER_DISPOSITION.value),
        (hold_lifted_since(record.c.id, began), ExceptionReason.HOLD_LIFTED_TODAY.value),
    ]
    if chosen["keep_threads"]:
        unripe = thread_not_due(record.c.thread_id, chosen["id"], day)
        reasons.append((unripe, ExceptionReason.THREAD_NOT_DUE.value))
    return case(*reasons, else_=null())


def size_of() -> Any:
    """The bytes of a record: all components of all its versions."""
    total = select(func.coalesce(func.sum(component.c.size), 0)).where(component.c.record_id == record.c.id)
    return total.correlate(record).scalar_subquery()


def overlapping() -> ColumnElement[bool]:
    """A preliminary hold may touch a record: its sources and times sent, an unknown time always (as the guards say)."""
    narrowed = exists().where(hold_source.c.hold_id == hold.c.id).correlate(hold)
    named = (
        exists()
        .where(hold_source.c.hold_id == hold.c.id, hold_source.c.source_id == record.c.source_id)
        .correlate(hold, record)
    )
    in_time = and_(
        or_(hold.c.sent_since.is_(None), record.c.sent_at >= hold.c.sent_since),
        or_(hold.c.sent_until.is_(None), record.c.sent_at < hold.c.sent_until),
    )
    return and_(
        hold.c.state == HoldState.ACTIVE.value,
        hold.c.scope == HoldScope.PRELIMINARY.value,
        or_(record.c.sent_at.is_(None), in_time),
        or_(~narrowed, named),
    )


def not_evaluated() -> ColumnElement[bool]:
    """A standing hold has not looked at a record since its last change."""
    active = and_(hold.c.state == HoldState.ACTIVE.value, hold.c.evaluated_to.is_not(None))
    return and_(active, record.c.changed_at > hold.c.evaluated_to)


def due_by_series(archive: Archive, session: Session, only: str | None = None) -> list[dict[str, Any]]:
    """Each series with records that are due today: how many could be proposed, held, waiting for what; bytes, dates.

    only: one series' key.  due: could be proposed; held and waiting: cannot, with what they wait for; then_waiting:
    could be proposed, but not destroyed yet.  bytes and dates are those of `due`.
    """
    day = today(archive)
    counted = (
        select(retention_tag.c.series_id)
        .where(retention_tag.c.ended_at.is_(None), retention_tag.c.due_on <= day)
        .group_by(retention_tag.c.series_id)
    )
    chosen = select(series).where(series.c.id.in_(counted), series.c.ended_at.is_(None))
    if only is not None:
        chosen = chosen.where(series.c.key == only)
    found = session.execute(chosen.order_by(series.c.key)).mappings()
    rows = [_due_of(archive, session, row, day) for row in found.all()]
    return [row for row in rows if row["due"] or row["held"] or row["waiting"]]


def _due_of(archive: Archive, session: Session, chosen: Any, day: date) -> dict[str, Any]:
    zone, mine = archive.city.timezone, due(chosen["id"], day)
    listed = (
        select(
            exception(archive, chosen, day).label("why"),
            record.c.sent_at,
            retention_tag.c.due_on,
            size_of().label("size"),
        )
        .join(record, record.c.id == retention_tag.c.record_id)
        .where(mine)
        .subquery()
    )
    c = listed.c
    totals = session.execute(
        select(
            c.why,
            func.count().label("records"),
            func.sum(c.size).label("size"),
            func.min(c.sent_at).label("oldest"),
            func.max(c.sent_at).label("newest"),
            func.min(c.due_on).label("since"),
        ).group_by(c.why)
    ).mappings()
    by_reason = {row["why"]: row for row in totals}
    free = by_reason.pop(None, None)
    waiting = {why: int(row["records"]) for why, row in sorted(by_reason.items())}
    held_too = waiting.pop(ExceptionReason.HELD.value, 0)
    return {
        "series": chosen["key"],
        "title": chosen["title"],
        "action": chosen["action"],
        "due": int(free["records"]) if free else 0,
        "held": held_too,
        "waiting": waiting,
        "then_waiting": _then_waiting(session, mine) if free else {},
        "bytes": int(free["size"]) if free else 0,
        "oldest": city_date(free["oldest"], zone) if free and free["oldest"] is not None else None,
        "newest": city_date(free["newest"], zone) if free and free["newest"] is not None else None,
        "due_since": free["since"] if free else None,
    }


def _then_waiting(session: Session, mine: ColumnElement[bool]) -> dict[str, int]:
    """Due records that an open request's search or a standing hold still keeps from being destroyed."""

    def number(condition: ColumnElement[bool]) -> int:
        touched: ColumnElement[bool] = exists().where(condition).correlate(record)
        chosen: Select[Any] = select(func.count()).select_from(retention_tag)
        chosen = chosen.join(record, record.c.id == retention_tag.c.record_id).where(mine, touched)
        return int(session.execute(chosen).scalar_one())

    found = {
        ExceptionReason.REQUEST_NOT_SEARCHED.value: number(overlapping()),
        ExceptionReason.NOT_EVALUATED.value: number(not_evaluated()),
    }
    return {why: count for why, count in found.items() if count}
