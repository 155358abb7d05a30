"""What a count covers: how far each source was captured, its known gaps, what has no searchable text."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, literal_column, select
from sqlalchemy.orm import Session

from archiver import outbox
from archiver.clock import iso, printed
from archiver.sources.registry import list_sources
from schema.db.capture import capture, gap
from schema.db.index import extraction
from schema.db.record import record
from schema.vocab import OutboxKind, Outcome


@dataclass(frozen=True, slots=True)
class SourceCoverage:
    """One source: when its last complete run began (milliseconds UTC), its gaps, attachments without text.

    removed: it is no longer read; what it gave is still found.
    """

    source: str
    last_success: int | None
    gaps: tuple[tuple[int | None, int | None, str], ...]
    without_text: int
    removed: bool = False

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

    def said(self, zone: str) -> str:
        """In plain words; zone: IANA name."""
        if self.last_success is None:
            parts = ["never captured completely"]
        else:
            parts = [f"captured through {printed(self.last_success, zone)}"]
        if self.removed:
            parts.append("no longer read")
        if self.without_text:
            noun = "attachment" if self.without_text == 1 else "attachments"
            parts.append(f"{self.without_text} {noun} without searchable text")
        for since, until, reason in self.gaps:
            times = [f"{word} {printed(at, zone)}" for word, at in (("from", since), ("to", until)) if at is not None]
            parts.append(" ".join(["not covered", *times]) + f": {reason}")
        return f"{self.source}: {'; '.join(parts)}"


def coverage(session: Session) -> list[SourceCoverage]:
    """Every source, also those never read and those removed, whose records are still found."""
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
        SourceCoverage(
            one.name,
            success.get(one.id),
            tuple(gaps.get(one.id, ())),
            unread.get(one.id, 0),
            removed=not one.active,
        )
        for one in list_sources(session, removed=True)
    ]


def _without_text(session: Session) -> dict[int, int]:
    """Attachments of the indexed versions in which no text was found, by source; read from a partial index alone."""
    rows = session.execute(
        select(extraction.c.source_id, func.count())
        .where(extraction.c.outcome != literal_column("'ok'"))
        .group_by(extraction.c.source_id)
    )
    return dict(rows.all())


def captured_through(covered: list[SourceCoverage]) -> int | None:
    """The time up to which every source in use was captured: the oldest of the last successes.

    None where one never had any.  A removed source is not captured further, so its last run does not count here.
    """
    times = [one.last_success for one in covered if not one.removed]
    return None if not times or None in times else min(time for time in times if time is not None)


def living_records(session: Session) -> int:
    """How many records the archive holds that were not destroyed; both counts come from indexes alone."""
    every = session.execute(select(func.count()).select_from(record)).scalar_one()
    destroyed = select(func.count()).select_from(record).where(record.c.destroyed_at.is_not(None))
    return int(every) - int(session.execute(destroyed).scalar_one())


def waiting_records(session: Session) -> int:
    """How many records changed since the index last took them in, or are not in it yet."""
    tasks = outbox.undone(session, limit=1_000_000)
    return len({one for task in tasks if task.kind is OutboxKind.INDEX for one in task.records})
