"""What a count covers: how far each source was captured, its known gaps, what has no searchable text."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archiver.clock import iso
from archiver.sources.registry import list_sources
from schema.db.capture import capture, gap
from schema.db.index import extraction
from schema.db.record import component, record
from schema.vocab import ComponentRole, Outcome


@dataclass(frozen=True, slots=True)
class SourceCoverage:
    """One source: when its last complete run began (milliseconds UTC), its gaps, attachments without text."""

    source: str
    last_success: int | None
    gaps: tuple[tuple[int | None, int | None, str], ...]
    without_text: int

    def as_dict(self) -> dict[str, Any]:
        """For scripts; times in ISO 8601."""
        return {
            "source": self.source,
            "last_success": iso(self.last_success),
            "gaps": [
                {"since": iso(since), "until": iso(until), "reason": reason} for since, until, reason in self.gaps
            ],
            "without_text": self.without_text,
        }


def coverage(session: Session) -> list[SourceCoverage]:
    """Every source that was ever collected, removed ones too, since their records are still found."""
    success = dict(
        session.execute(
            select(capture.c.source_id, func.max(capture.c.started_at))
            .where(capture.c.outcome.in_((Outcome.OK.value, Outcome.WARNINGS.value)))
            .group_by(capture.c.source_id)
        ).all()
    )
    gaps: dict[int, list[tuple[int | None, int | None, str]]] = {}
    for row in session.execute(select(gap).order_by(gap.c.id)):
        gaps.setdefault(row.source_id, []).append((row.since, row.until, row.reason))
    unread = _without_text(session)
    return [
        SourceCoverage(one.name, success.get(one.id), tuple(gaps.get(one.id, ())), unread.get(one.id, 0))
        for one in list_sources(session, removed=True)
    ]


def _without_text(session: Session) -> dict[int, int]:
    """Attachments of living records in which no text was found, by source."""
    rows = session.execute(
        select(record.c.source_id, func.count())
        .select_from(component)
        .join(record, record.c.id == component.c.record_id)
        .join(extraction, extraction.c.component_id == component.c.id, isouter=True)
        .where(
            component.c.role == ComponentRole.ATTACHMENT.value,
            record.c.destroyed_at.is_(None),
            (extraction.c.outcome.is_(None)) | (extraction.c.outcome != "ok"),
        )
        .group_by(record.c.source_id)
    )
    return dict(rows.all())


def captured_through(covered: list[SourceCoverage]) -> int | None:
    """The time up to which every source was captured: the oldest of the last successes, None where one never had any."""
    times = [one.last_success for one in covered]
    return None if not times or None in times else min(time for time in times if time is not None)


def living_records(session: Session) -> int:
    """How many records the archive holds that were not destroyed."""
    counted = select(func.count()).select_from(record).where(record.c.destroyed_at.is_(None))
    return int(session.execute(counted).scalar_one())
