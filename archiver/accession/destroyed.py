"""What a destruction takes from the facts of records, and what stays: the tombstones."""

from collections.abc import Sequence

from sqlalchemy import delete, exists, func, insert, literal, select, text, update
from sqlalchemy.orm import Session

from archiver.accession.batch import Prepared
from schema.db import guards
from schema.db.capture import lease
from schema.db.dispose import disposition_record
from schema.db.record import party, record, record_party, thread, tombstone, version
from schema.db.retain import retention_tag

_CHUNK = 500
_WINDOW = 20_000
"""Ids of parties and of threads that one sweep looks at."""


def lock(session: Session, record_ids: Sequence[int]) -> None:
    """Keep others from holding, changing or destroying these records until the transaction ends.

    On SQLite a unit of work is alone anyway.  On PostgreSQL the guards' own lock comes first and the rows in order of
    id, as those do who place a hold, so that neither waits for the other in a circle.
    """
    if session.get_bind().dialect.name == "sqlite":
        return
    guards.lock_for_destruction(session.connection())
    ids = sorted(record_ids)
    for start in range(0, len(ids), _CHUNK):
        chosen = select(record.c.id).where(record.c.id.in_(ids[start : start + _CHUNK])).order_by(record.c.id)
        session.execute(chosen.with_for_update())


def bury(session: Session, record_ids: Sequence[int], now: int) -> list[bytes]:
    """Take what tells of these records out of the facts and leave tombstones, in the caller's transaction.

    Returns the tombstones' digests in order of id; now: milliseconds UTC.  Comes before the keys are erased: setting
    `destroyed_at` is what the guards examine in full.  Raises IntegrityError ("guard: ...") where one may not go.
    """
    lock(session, record_ids)
    ids = sorted(record_ids)
    digests: list[bytes] = []
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        session.execute(
            update(record).where(record.c.id.in_(chunk)).values(destroyed_at=now, thread_id=None, message_key=None)
        )
        session.execute(update(version).where(version.c.record_id.in_(chunk)).values(match=None, mark=None))
        session.execute(delete(record_party).where(record_party.c.record_id.in_(chunk)))
        columns = ["record_id", "native_key", "series_id", "digest", "sent_at", "captured_at", "destroyed_at"]
        newest = (version.c.record_id == record.c.id) & (version.c.number == record.c.versions)
        current = (retention_tag.c.record_id == record.c.id) & retention_tag.c.ended_at.is_(None)
        remains = (
            select(
                record.c.id,
                record.c.native_key,
                retention_tag.c.series_id,
                version.c.digest,
                record.c.sent_at,
                record.c.captured_at,
                literal(now),
            )
            .join(version, newest)
            .join(retention_tag, current)
            .where(record.c.id.in_(chunk))
        )
        session.execute(insert(tombstone).from_select(columns, remains))
        written = session.execute(
            select(tombstone.c.digest).where(tombstone.c.record_id.in_(chunk)).order_by(tombstone.c.record_id)
        ).scalars()
        digests += [bytes(one) for one in written]
    if len(digests) != len(ids):
        raise RuntimeError(f"{len(ids)} records left {len(digests)} tombstones")
    return digests


def certify_tombstones(session: Session, disposition_id: int, number: str) -> None:
    """Write the certificate's number on the tombstones of a disposition, in the certificate's transaction."""
    mine = select(disposition_record.c.record_id).where(
        disposition_record.c.disposition_id == disposition_id, disposition_record.c.destroyed_at.is_not(None)
    )
    session.execute(
        update(tombstone)
        .where(tombstone.c.record_id.in_(mine), tombstone.c.certificate.is_(None))
        .values(certificate=number)
    )


def sweep_parties(session: Session, now: int, after: int = 0) -> int | None:
    """Remove the next parties and threads that no record has any more; returns where to go on, None at the end.

    Put off (None) while a source is collected: a running collection remembers their ids.  now: milliseconds UTC.
    """
    if session.get_bind().dialect.name != "sqlite":  # nobody begins to collect before this is committed
        session.execute(text("LOCK TABLE lease IN SHARE ROW EXCLUSIVE MODE"))
    collecting = select(lease.c.name).where(lease.c.name.like("source:%"), lease.c.until > now)
    if session.execute(collecting.limit(1)).first():
        return None
    last = after + _WINDOW
    for table, mine in ((party, record_party.c.party_id == party.c.id), (thread, record.c.thread_id == thread.c.id)):
        here = table.c.id.between(after + 1, last)
        idle = list(session.execute(select(table.c.id).where(here, ~exists().where(mine))).scalars())
        for start in range(0, len(idle), _CHUNK):
            session.execute(delete(table).where(table.c.id.in_(idle[start : start + _CHUNK])))
    highest = max(int(session.execute(select(func.max(one.c.id))).scalar() or 0) for one in (party, thread))
    return last if last < highest else None


def drop_destroyed(session: Session, prepared: Prepared) -> None:
    """Take out of a batch what it brings for records that were destroyed since it was prepared (promise 14)."""
    edited = sorted({row["b_id"] for row in prepared.edited})
    gone: set[int] = set()
    for start in range(0, len(edited), _CHUNK):
        chosen = select(record.c.id, record.c.destroyed_at).where(record.c.id.in_(edited[start : start + _CHUNK]))
        rows = session.execute(chosen.order_by(record.c.id).with_for_update())
        gone.update(row.id for row in rows if row.destroyed_at is not None)
    if not gone:
        return
    prepared.edited = [row for row in prepared.edited if row["b_id"] not in gone]
    prepared.arrivals = [one for one in prepared.arrivals if one.record_id not in gone]
    for name in ("versions", "components", "record_parties", "observations"):
        setattr(prepared, name, [row for row in getattr(prepared, name) if row["record_id"] not in gone])
    prepared.payloads = [row for row in prepared.payloads if row["owner_id"] not in gone]
    prepared.tombstones_seen += sorted(gone)
