"""Checking a schedule: what a records officer still has to confirm, and how many records wait for it."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archiver.archive import Archive
from archiver.retain.dates import due_date
from archiver.retain.series import UNSCHEDULED, all_series
from schema.db.record import record
from schema.db.retain import retention_tag


def check(archive: Archive, session: Session) -> dict[str, Any]:
    """Series whose period may not be relied on with the number of records that wait, and records without a rule."""
    counted = (
        select(retention_tag.c.series_id, func.count())
        .join(record, record.c.id == retention_tag.c.record_id)
        .where(retention_tag.c.ended_at.is_(None), record.c.destroyed_at.is_(None))
        .group_by(retention_tag.c.series_id)
    )
    records: dict[int, int] = dict(session.execute(counted).all())
    waiting: list[dict[str, Any]] = []
    without_rule = 0
    for one in all_series(session):
        if one.key == UNSCHEDULED:
            without_rule = records.get(one.id, 0)
            continue
        rule = due_date(one, None, archive.city.fiscal_year_end)
        if not rule.ready and not one.key.startswith("own:"):
            waiting.append(
                {"series": one.key, "title": one.title, "records": records.get(one.id, 0), "why": rule.explanation}
            )
    waiting.sort(key=lambda row: (-row["records"], row["series"]))
    return {"waiting": waiting, "records_waiting": sum(row["records"] for row in waiting), "without_rule": without_rule}
