"""Checking a schedule: what a records officer still has to decide, and how many records wait for it."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archiver.archive import Archive
from archiver.retain.running import Periods
from archiver.retain.schedules_moving import stalled
from archiver.retain.series import current_of
from schema.db.record import record
from schema.db.retain import retention_tag

NAMED = 100
"""Records that fit no rule which are named; `archiver search series:unscheduled` finds them all."""


def check(archive: Archive, session: Session) -> dict[str, Any]:
    """What keeps records from a date, with how many of them wait.

    waiting: series whose period may not be relied on.  ended: series of the past that still have records, with the
    one in their place.  second_person: living series with records that a confirmation would have shortened.
    unmatched: the first records without a rule.
    """
    periods = Periods(session, archive.city)
    living = (
        select(retention_tag.c.series_id, func.count())
        .join(record, record.c.id == retention_tag.c.record_id)
        .where(retention_tag.c.ended_at.is_(None), record.c.destroyed_at.is_(None))
        .group_by(retention_tag.c.series_id)
    )
    records: dict[int, int] = dict(session.execute(living).all())
    waiting, ended = list[dict[str, Any]](), list[dict[str, Any]]()
    for one in periods.series.values():
        count = records.get(one.id, 0)
        rule = periods.due(one.id, None)
        if one.ended:
            if count:
                after = current_of(periods.series, one.id)
                ended.append({"series": one.key, "records": count, "replaced_by": after.key if after else None})
        elif one.id != periods.unscheduled and not rule.ready and not one.key.startswith("own:"):
            waiting.append({"series": one.key, "title": one.title, "records": count, "why": rule.explanation})
    waiting.sort(key=lambda row: (-row["records"], row["series"]))
    undated = living.where(retention_tag.c.due_on.is_(None), retention_tag.c.trigger_on.is_not(None))
    kept = session.execute(undated.where(retention_tag.c.series_id.in_(stalled(periods)))).all()
    second = [{"series": periods.series[one].key, "records": count} for one, count in kept]
    unmatched = (
        select(retention_tag.c.record_id)
        .join(record, record.c.id == retention_tag.c.record_id)
        .where(retention_tag.c.ended_at.is_(None), record.c.destroyed_at.is_(None))
        .where(retention_tag.c.series_id == periods.unscheduled)
    )
    first = session.execute(unmatched.order_by(retention_tag.c.record_id).limit(NAMED)).scalars()
    return {
        "waiting": waiting,
        "records_waiting": sum(row["records"] for row in waiting),
        "ended": ended,
        "second_person": second,
        "without_rule": records.get(periods.unscheduled, 0),
        "unmatched": list(first),
    }
