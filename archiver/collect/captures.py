"""Captures: the receipt of each run, the cursor of each source, and its gaps."""

import json
from collections.abc import Iterable, Mapping

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from connectors.contract import Cursor
from schema.db.capture import capture, cursor, gap
from schema.item import Gap
from schema.vocab import Outcome


def begin(session: Session, source_id: int, now: int, connector_version: str) -> int:
    """Open the receipt of a run; returns its id."""
    values = {"source_id": source_id, "started_at": now, "connector_version": connector_version}
    return int(session.execute(insert(capture).values(values).returning(capture.c.id)).scalar_one())


def count(session: Session, capture_id: int, counts: Mapping[str, int]) -> None:
    """Write the run's counts so far, in the transaction of the batch that they count."""
    session.execute(update(capture).where(capture.c.id == capture_id).values(**counts))


def finish(
    session: Session,
    capture_id: int,
    now: int,
    outcome: Outcome,
    *,
    warnings: int = 0,
    error_code: str | None = None,
    error_payload_id: int | None = None,
) -> None:
    """Close the receipt of a run."""
    session.execute(
        update(capture)
        .where(capture.c.id == capture_id)
        .values(
            ended_at=now,
            outcome=outcome.value,
            warnings=warnings,
            error_code=error_code,
            error_payload_id=error_payload_id,
        )
    )


def load_cursor(session: Session, source_id: int) -> Cursor | None:
    """Where the source's connector goes on, None at the first run."""
    value = session.execute(select(cursor.c.value).where(cursor.c.source_id == source_id)).scalar()
    loaded: Cursor | None = json.loads(value) if value is not None else None
    return loaded


def save_cursor(session: Session, source_id: int, capture_id: int, value: Cursor) -> None:
    """Keep where to go on, in the transaction of the records before it."""
    session.execute(delete(cursor).where(cursor.c.source_id == source_id))
    session.execute(insert(cursor).values(source_id=source_id, capture_id=capture_id, value=json.dumps(value)))


def forget_cursor(session: Session, source_id: int) -> None:
    """Make the next run read everything again."""
    session.execute(delete(cursor).where(cursor.c.source_id == source_id))


def note_gaps(session: Session, source_id: int, capture_id: int, gaps: Iterable[Gap], now: int) -> None:
    """Keep what the source could not show; the same gap is kept once."""
    for one in gaps:
        same = (
            (gap.c.source_id == source_id)
            & gap.c.since.is_not_distinct_from(one.since)
            & gap.c.until.is_not_distinct_from(one.until)
            & (gap.c.reason == one.reason[:400])
        )
        if session.execute(select(gap.c.id).where(same)).first() is None:
            session.execute(
                insert(gap).values(
                    source_id=source_id,
                    capture_id=capture_id,
                    since=one.since,
                    until=one.until,
                    reason=one.reason[:400],
                    found_at=now,
                )
            )


def last_success(session: Session, source_id: int) -> int | None:
    """When the newest run that read the source to its end began (milliseconds UTC)."""
    newest = select(func.max(capture.c.started_at)).where(
        capture.c.source_id == source_id, capture.c.outcome.in_((Outcome.OK.value, Outcome.WARNINGS.value))
    )
    found = session.execute(newest).scalar()
    return None if found is None else int(found)
