"""Writing a prepared batch in the caller's transaction."""

from sqlalchemy import bindparam, update
from sqlalchemy.orm import Session

from archiver.accession.batch import Prepared
from archiver.accession.destroyed import drop_destroyed
from archiver.accession.known import known_parties
from archiver.accession.prepare import Origin
from archiver.database import insert_many
from archiver.vault.payloads import store
from schema.db.record import component, observation, party, record, record_party, thread, tombstone, version

_CHUNK = 500


def write(session: Session, prepared: Prepared, origin: Origin) -> None:
    """Insert the rows of a batch and update what was seen again; all or nothing with the caller's transaction."""
    drop_destroyed(session, prepared)
    _settle_parties(session, prepared)
    store(session, prepared.keys, prepared.payloads)
    for table, rows in (
        (thread, prepared.threads),
        (party, prepared.parties),
        (record, prepared.records),
        (version, prepared.versions),
        (component, prepared.components),
        (record_party, prepared.record_parties),
        (observation, prepared.observations),
    ):
        insert_many(session, table, rows)
    if prepared.edited:
        session.execute(
            update(record)
            .where(record.c.id == bindparam("b_id"))
            .values(changed_at=origin.now, versions=bindparam("versions")),
            prepared.edited,
            execution_options={"synchronize_session": False},
        )
    if prepared.hidden:
        session.execute(
            update(record)
            .where(record.c.id == bindparam("b_id"))
            .values(changed_at=origin.now, hidden=bindparam("hidden")),
            prepared.hidden,
            execution_options={"synchronize_session": False},
        )
    seen = [*prepared.seen_again, *(row["b_id"] for row in prepared.edited), *(row["b_id"] for row in prepared.hidden)]
    mark_seen(session, seen, origin)
    mark_back(session, prepared.reappeared, origin)
    mark_tombstones(session, prepared.tombstones_seen, origin)
    _mark_edited_again(session, prepared.edited_again, origin)


def _settle_parties(session: Session, prepared: Prepared) -> None:
    """Use the ids of parties that another source's run has committed since this batch was prepared."""
    theirs = known_parties(session, [row["key"] for row in prepared.parties])
    if not theirs:
        return
    ours = {row["id"]: theirs[row["key"]] for row in prepared.parties if row["key"] in theirs}
    prepared.parties = [row for row in prepared.parties if row["key"] not in theirs]
    for row in prepared.record_parties:
        row["party_id"] = ours.get(row["party_id"], row["party_id"])
    prepared.settled = theirs


def mark_seen(session: Session, record_ids: list[int], origin: Origin) -> None:
    """Note that records were listed at their source in this run."""
    _mark(session, record_ids, seen_capture_id=origin.capture_id, seen_at=origin.now)


def mark_back(session: Session, record_ids: list[int], origin: Origin) -> None:
    """Note that records which were missing or gone are at their source again."""
    _mark(session, record_ids, missing_since=None, gone_at=None, changed_at=origin.now)


def mark_tombstones(session: Session, record_ids: list[int], origin: Origin) -> None:
    """Note that destroyed records are still at their source (promise 14)."""
    for start in range(0, len(record_ids), _CHUNK):
        chunk = record_ids[start : start + _CHUNK]
        session.execute(update(tombstone).where(tombstone.c.record_id.in_(chunk)).values(seen_again_at=origin.now))


def _mark_edited_again(session: Session, record_ids: list[int], origin: Origin) -> None:
    """Note that destroyed records were edited at their source since; one that was expunged in part has no tombstone."""
    for start in range(0, len(record_ids), _CHUNK):
        chunk = record_ids[start : start + _CHUNK]
        session.execute(update(tombstone).where(tombstone.c.record_id.in_(chunk)).values(edited_again_at=origin.now))


def _mark(session: Session, record_ids: list[int], **values: object) -> None:
    ids = sorted(set(record_ids))
    for start in range(0, len(ids), _CHUNK):
        session.execute(update(record).where(record.c.id.in_(ids[start : start + _CHUNK])).values(**values))
