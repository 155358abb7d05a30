"""Absence: what a source says is gone, and what a complete listing no longer shows."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.orm import Session

from archiver.accession.prepare import Origin
from archiver.accession.write import mark_back, mark_seen, mark_tombstones
from archiver.vault import Vault
from connectors.contract import Enumeration
from schema.db.record import observation, record
from schema.item import Gone
from schema.vocab import ObservationKind

_CHUNK = 400


def note_gone(session: Session, vault: Vault, origin: Origin, gone: Sequence[Gone]) -> list[int]:
    """Write Observations for items that the source says it no longer has; returns the records that changed."""
    evidence = {vault.keyed("native", str(origin.source_id), one.native_id): one for one in gone}
    changed = []
    keys = list(evidence)
    for start in range(0, len(keys), _CHUNK):
        found = session.execute(
            select(record.c.id, record.c.native_key, record.c.seen_at).where(
                record.c.native_key.in_(keys[start : start + _CHUNK]),
                record.c.gone_at.is_(None),
                record.c.destroyed_at.is_(None),
            )
        ).all()
        for row in found:
            one = evidence[bytes(row.native_key)]
            when = one.at.at if one.at else origin.now
            session.execute(insert(observation).values(_row(origin, row.id, ObservationKind.GONE, row.seen_at, one.evidence)))
            session.execute(update(record).where(record.c.id == row.id).values(gone_at=when, changed_at=origin.now))
            changed.append(int(row.id))
    return changed


@dataclass(frozen=True, slots=True)
class Listed:
    """What became of listed items: living records that are still there, destroyed ones, and ids of those back again."""

    unchanged: int
    destroyed: int
    reappeared: list[int]


def note_listed(session: Session, vault: Vault, origin: Origin, native_ids: Sequence[str]) -> Listed:
    """Mark items seen that the source listed without their content being read again."""
    keys = [vault.keyed("native", str(origin.source_id), native_id) for native_id in dict.fromkeys(native_ids)]
    living: list[int] = []
    destroyed: list[int] = []
    back: list[int] = []
    for start in range(0, len(keys), _CHUNK):
        found = session.execute(
            select(record.c.id, record.c.destroyed_at, record.c.missing_since, record.c.gone_at).where(
                record.c.native_key.in_(keys[start : start + _CHUNK])
            )
        )
        for row in found:
            (living if row.destroyed_at is None else destroyed).append(row.id)
            if row.destroyed_at is None and (row.missing_since is not None or row.gone_at is not None):
                back.append(row.id)
    mark_seen(session, living, origin)
    mark_tombstones(session, destroyed, origin)
    if back:
        rows = [_row(origin, one, ObservationKind.SEEN, None, "listed again") for one in back]
        session.execute(insert(observation), rows)
        mark_back(session, back, origin)
    return Listed(len(living), len(destroyed), back)


def note_missing(session: Session, origin: Origin, listing: Enumeration, limit: int = 1000) -> list[int]:
    """Write Observations for records that a complete listing did not show; returns up to `limit` that changed.

    Call again until it returns none: each call is one short batch.
    """
    conditions: list[ColumnElement[bool]] = [
        record.c.source_id == origin.source_id,
        record.c.seen_capture_id != origin.capture_id,
        record.c.missing_since.is_(None),
        record.c.gone_at.is_(None),
        record.c.destroyed_at.is_(None),
    ]
    if listing.since is not None:
        conditions.append(record.c.sent_at >= listing.since)
    if listing.until is not None:
        conditions.append(record.c.sent_at < listing.until)
    rows = session.execute(select(record.c.id, record.c.seen_at).where(*conditions).limit(limit)).all()
    if not rows:
        return []
    session.execute(
        insert(observation),
        [_row(origin, row.id, ObservationKind.MISSING, row.seen_at, "not in a complete listing") for row in rows],
    )
    ids = [int(row.id) for row in rows]
    session.execute(update(record).where(record.c.id.in_(ids)).values(missing_since=origin.now, changed_at=origin.now))
    return ids


def _row(origin: Origin, record_id: int, kind: ObservationKind, since: int | None, evidence: str) -> dict[str, object]:
    return {
        "record_id": record_id,
        "kind": kind.value,
        "since": since,
        "observed_at": origin.now,
        "capture_id": origin.capture_id,
        "evidence": evidence[:120],
    }
