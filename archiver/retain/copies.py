"""Official copies: of records that are the same, one is named; the others are duplicates and may have their own rule.

Duplicates stay records of their own (decision 13): same Message-ID, or the same content in the newest version.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.errors import NotFound, UsageError
from archiver.retain.running import CHUNK, check_second, chunks
from archiver.retain.tagging import TagsSet, set_series
from schema.db.record import record, version
from schema.db.retain import official_copy, retention_tag, series
from schema.db.sources import source
from schema.vocab import Role


@dataclass(frozen=True, slots=True)
class Named:
    """The duplicates of a newly named official copy, and the series that they were given, if any."""

    duplicates: tuple[int, ...]
    series: TagsSet | None


def candidates(session: Session, record_id: int) -> dict[int, str]:
    """Living records that are the same as one, by id: `message id` or `content`; raises NotFound."""
    mine = session.execute(
        select(record, version.c.match)
        .join(version, (version.c.record_id == record.c.id) & (version.c.number == record.c.versions))
        .where(record.c.id == record_id, record.c.destroyed_at.is_(None))
    ).one_or_none()
    if mine is None:
        raise NotFound(noun="record", name=f"R{record_id} (or it was destroyed earlier)")
    others = (record.c.id != record_id, record.c.destroyed_at.is_(None))
    found: dict[int, str] = {}
    if mine.match is not None:
        # Equal content has an equal time, and records of a time are found by an index: `match` has none.
        alike = (
            select(record.c.id)
            .join(version, (version.c.record_id == record.c.id) & (version.c.number == record.c.versions))
            .where(
                record.c.source_id.in_(select(source.c.id)),
                record.c.sent_at.is_not_distinct_from(mine.sent_at),
                version.c.match == mine.match,
                *others,
            )
        )
        found = dict.fromkeys(session.execute(alike).scalars(), "content")
    if mine.message_key is not None:
        same = select(record.c.id).where(record.c.message_key == mine.message_key, *others)
        found.update(dict.fromkeys(session.execute(same).scalars(), "message id"))
    return dict(sorted(found.items()))


def list_duplicates(session: Session, record_id: int) -> list[dict[str, Any]]:
    """Candidates and named duplicates of a record, with series, due date and the official copy; raises NotFound."""
    found = candidates(session, record_id)
    named = select(official_copy.c.record_id).where(official_copy.c.official_id == record_id)
    official = session.execute(select(official_copy.c.official_id).where(official_copy.c.record_id == record_id))
    for one in (*session.execute(named).scalars(), *official.scalars()):
        found.setdefault(one, "named by a person")
    rows = []
    ids = sorted(found)
    for start in range(0, len(ids), CHUNK):
        chosen = (
            select(retention_tag.c.record_id, retention_tag.c.due_on, series.c.key, official_copy.c.official_id)
            .join(series, series.c.id == retention_tag.c.series_id)
            .join(official_copy, official_copy.c.record_id == retention_tag.c.record_id, isouter=True)
            .where(retention_tag.c.record_id.in_(ids[start : start + CHUNK]), retention_tag.c.ended_at.is_(None))
            .order_by(retention_tag.c.record_id)
        )
        for row in session.execute(chosen):
            rows.append(
                {
                    "record": row.record_id,
                    "same": found[row.record_id],
                    "series": row.key,
                    "date": row.due_on,
                    "official": row.official_id,
                }
            )
    return rows


def name_official(
    archive: Archive,
    session: Session,
    actor: Actor,
    record_id: int,
    reason: str,
    *,
    duplicates: Sequence[int] | None = None,
    series_key: str | None = None,
    second: Actor | None = None,
) -> Named:
    """Name the official copy among records that are the same; the duplicates may get a series of their own.

    duplicates: None: all candidates.  A duplicate that was official for others passes them on to the new one.
    Raises NotFound, UsageError without duplicates, Refused where a shorter series has no second person.
    """
    require(actor, Role.RECORDS_OFFICER)
    check_second(actor, second)
    copies = sorted(candidates(session, record_id) if duplicates is None else set(duplicates))
    if not copies:
        raise UsageError(problem=f"nothing here is the same as R{record_id}; name its duplicates with --duplicates")
    if record_id in copies:
        raise UsageError(problem=f"R{record_id} cannot be a duplicate of itself")
    session.execute(delete(official_copy).where(official_copy.c.record_id == record_id))
    for ids in chunks(session, copies):
        passed_on = update(official_copy).where(official_copy.c.official_id.in_(ids))
        session.execute(passed_on.values(official_id=record_id))
        session.execute(delete(official_copy).where(official_copy.c.record_id.in_(ids)))
        values = {"official_id": record_id, "named_by": actor.id, "named_at": archive.now()}
        session.execute(insert(official_copy), [{"record_id": one, **values} for one in ids])
    given = None
    if series_key is not None:
        given = set_series(archive, session, actor, copies, series_key, reason, second=second)
    facts = {"duplicates": len(copies), "first": copies[0], "last": copies[-1]}
    archive.record_act(session, "copy.official", "record", record_id, actor_id=actor.id, facts=facts, text=reason)
    return Named(tuple(copies), given)
