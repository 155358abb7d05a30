"""Absence: what a source says is gone, and what a complete listing no longer shows."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.orm import Session

from archiver.accession.content import unpacked
from archiver.accession.prepare import Origin
from archiver.accession.write import mark_back, mark_seen, mark_tombstones
from archiver.vault import Vault
from archiver.vault.payloads import read_many
from connectors.contract import Enumeration
from schema.db.record import component, observation, record, version
from schema.item import Gone
from schema.vocab import ComponentRole, ObservationKind, OwnerKind

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
            session.execute(
                insert(observation).values(_row(origin, row.id, ObservationKind.GONE, row.seen_at, one.evidence))
            )
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


@dataclass(frozen=True, slots=True)
class Missed:
    """One step through the records that a listing did not show: which are missing, and where to go on (None: done)."""

    records: list[int]
    after: int | None


def note_missing(
    session: Session, vault: Vault, origin: Origin, listing: Enumeration, after: int = 0, limit: int = 1000
) -> Missed:
    """Write Observations for records that a complete listing did not show, one short batch at a time.

    after: id of the last record that the batch before looked at.
    """
    conditions: list[ColumnElement[bool]] = [
        record.c.source_id == origin.source_id,
        record.c.id > after,
        record.c.seen_capture_id != origin.capture_id,
        record.c.missing_since.is_(None),
        record.c.gone_at.is_(None),
        record.c.destroyed_at.is_(None),
    ]
    if listing.since is not None:
        conditions.append(record.c.sent_at >= listing.since)
    if listing.until is not None:
        conditions.append(record.c.sent_at < listing.until)
    chosen = select(record.c.id, record.c.seen_at).where(*conditions).order_by(record.c.id).limit(limit)
    rows = session.execute(chosen).all()
    after_this = int(rows[-1].id) if len(rows) == limit else None
    if listing.prefix:
        listed = _with_prefix(session, vault, [row.id for row in rows], listing.prefix)
        rows = [row for row in rows if row.id in listed]
    if not rows:
        return Missed([], after_this)
    session.execute(
        insert(observation),
        [_row(origin, row.id, ObservationKind.MISSING, row.seen_at, "not in a complete listing") for row in rows],
    )
    ids = [int(row.id) for row in rows]
    session.execute(update(record).where(record.c.id.in_(ids)).values(missing_since=origin.now, changed_at=origin.now))
    return Missed(ids, after_this)


def _with_prefix(session: Session, vault: Vault, record_ids: Sequence[int], prefix: str) -> set[int]:
    """Those of the records whose native id begins with a prefix; facts hold only its HMAC, so the body is unsealed.

    Only records that the run did not see come here: few, since what a source still lists is marked seen.
    """
    rows = session.execute(
        select(component.c.payload_id, component.c.record_id)
        .join(version, version.c.id == component.c.version_id)
        .where(
            component.c.record_id.in_(record_ids),
            component.c.role == ComponentRole.BODY.value,
            version.c.number == 1,
        )
    )
    bodies = dict(rows.all())
    contents = read_many(session, vault, OwnerKind.RECORD, list(bodies))
    return {bodies[one] for one, data in contents.items() if unpacked(data)["native_id"].startswith(prefix)}


def _row(origin: Origin, record_id: int, kind: ObservationKind, since: int | None, evidence: str) -> dict[str, object]:
    return {
        "record_id": record_id,
        "kind": kind.value,
        "since": since,
        "observed_at": origin.now,
        "capture_id": origin.capture_id,
        "evidence": evidence[:120],
    }
