"""What of a batch remains elsewhere when it is gone: identical copies, productions, the live source, backups."""

from typing import Any

from sqlalchemy import Integer, RowMapping, Select, cast, func, select, union
from sqlalchemy.orm import Session

from schema.db.backup import backup
from schema.db.dispose import disposition_record
from schema.db.produce import production, production_entry
from schema.db.record import record, tombstone, version
from schema.db.requests import candidate
from schema.db.retain import retention_tag, series
from schema.db.sources import source
from schema.db.vault import master

EXAMPLES = 20
"""Records named of each group; the count says how many there are."""


def copies(session: Session, disposition_id: int) -> list[dict[str, Any]]:
    """Living records outside a batch with the same Message-ID or the same content, by series; asked before erasing.

    Each: series, how many records, the numbers of the first.
    """
    mine, other = record.alias("mine"), record.alias("other")
    ours, theirs = version.alias("our_version"), version.alias("their_version")
    batch, row = _batch(disposition_id), disposition_record.alias("row")
    outside = ~(
        select(row.c.record_id)
        .where(row.c.disposition_id == disposition_id, row.c.left_at.is_(None), row.c.record_id == other.c.id)
        .exists()
    )
    same_message: Select[Any] = (
        select(other.c.id)
        .join(mine, mine.c.message_key == other.c.message_key)
        .join(batch, batch.c.record_id == mine.c.id)
        .where(mine.c.message_key.is_not(None), other.c.destroyed_at.is_(None), outside)
    )
    same_content: Select[Any] = (
        select(other.c.id)
        .join(theirs, theirs.c.record_id == other.c.id)
        .join(ours, ours.c.match == theirs.c.match)
        .join(batch, batch.c.record_id == ours.c.record_id)
        .where(ours.c.match.is_not(None), other.c.destroyed_at.is_(None), outside)
    )
    found = union(same_message, same_content).subquery()
    rows = session.execute(
        select(series.c.key, found.c.id)
        .join(retention_tag, retention_tag.c.record_id == found.c.id)
        .join(series, series.c.id == retention_tag.c.series_id)
        .where(retention_tag.c.ended_at.is_(None))
        .order_by(series.c.key, found.c.id)
    )
    groups: dict[str, dict[str, Any]] = {}
    for key, record_id in rows:
        group = groups.setdefault(key, {"series": key, "records": 0, "first": []})
        group["records"] += 1
        if len(group["first"]) < EXAMPLES:
            group["first"].append(record_id)
    return list(groups.values())


def _batch(disposition_id: int) -> Any:
    chosen = select(disposition_record.c.record_id)
    return chosen.where(
        disposition_record.c.disposition_id == disposition_id, disposition_record.c.left_at.is_(None)
    ).subquery("batch")


def productions(session: Session, disposition_id: int) -> list[RowMapping]:
    """Productions into which records of a batch were numbered, with how many."""
    batch = _batch(disposition_id)
    chosen = (
        select(production.c.number, func.count().label("records"))
        .join(production_entry, production_entry.c.production_id == production.c.id)
        .join(candidate, candidate.c.id == production_entry.c.candidate_id)
        .join(batch, batch.c.record_id == candidate.c.record_id)
        .group_by(production.c.number)
        .order_by(production.c.number)
    )
    return list(session.execute(chosen).mappings())


def live_sources(session: Session, disposition_id: int) -> list[RowMapping]:
    """Sources that still showed records of a batch when they were last read; last_seen: milliseconds UTC.

    again: how many were seen there after they were destroyed.
    """
    batch = _batch(disposition_id)
    chosen = (
        select(
            source.c.name,
            func.count().label("records"),
            func.max(func.coalesce(tombstone.c.seen_again_at, record.c.seen_at)).label("last_seen"),
            func.count(tombstone.c.seen_again_at).label("again"),
        )
        .join(record, record.c.source_id == source.c.id)
        .join(batch, batch.c.record_id == record.c.id)
        .join(tombstone, tombstone.c.record_id == record.c.id, isouter=True)
        .where(record.c.gone_at.is_(None), record.c.missing_since.is_(None))
        .group_by(source.c.name)
        .order_by(source.c.name)
    )
    return list(session.execute(chosen).mappings())


def backups(session: Session, destroyed_at: int) -> list[RowMapping]:
    """Backups from before a destruction that are not removed; key_in_force: the master that opens them still is."""
    chosen = (
        select(
            backup.c.place,
            backup.c.taken_at,
            backup.c.expires_on,
            cast(master.c.until.is_(None), Integer).label("key_in_force"),
        )
        .join(master, master.c.id == backup.c.master_id)
        .where(backup.c.taken_at <= destroyed_at, backup.c.removed_at.is_(None))
        .order_by(backup.c.id)
    )
    return list(session.execute(chosen).mappings())
