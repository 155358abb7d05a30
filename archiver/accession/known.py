"""What the archive already knows of the items of a batch, asked in a few queries."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from schema.db.record import expunged_component, observation, party, record, thread, tombstone, version
from schema.vocab import ObservationKind

_CHUNK = 400


@dataclass(slots=True)
class KnownRecord:
    """A record as accession needs it: how many versions, what identifies them, what was observed.

    destroyed_at, expunged_at: milliseconds UTC when it, or a part of it, was destroyed.  told_at: when a person was
    last told that it was edited at its source afterwards.
    """

    id: int
    versions: int
    hidden: bool | None
    destroyed_at: int | None
    absent: bool
    latest: bytes | None = None
    matches: set[bytes] = field(default_factory=set)
    expunged_at: int | None = None
    told_at: int | None = None

    @property
    def destroyed(self) -> bool:
        """Whether nothing but its tombstone is left."""
        return self.destroyed_at is not None


def known_records(session: Session, native_keys: Sequence[bytes]) -> dict[bytes, KnownRecord]:
    """Records by native key, with the matches of all their versions."""
    found: dict[bytes, KnownRecord] = {}
    by_id: dict[int, KnownRecord] = {}
    for start in range(0, len(native_keys), _CHUNK):
        rows = session.execute(
            select(
                record.c.id,
                record.c.native_key,
                record.c.versions,
                record.c.hidden,
                record.c.destroyed_at,
                record.c.missing_since,
                record.c.gone_at,
            ).where(record.c.native_key.in_(native_keys[start : start + _CHUNK]))
        )
        for row in rows:
            absent = row.missing_since is not None or row.gone_at is not None
            known = KnownRecord(row.id, row.versions, row.hidden, row.destroyed_at, absent)
            found[bytes(row.native_key)] = by_id[row.id] = known
    ids = list(by_id)
    for start in range(0, len(ids), _CHUNK):
        matches = session.execute(
            select(version.c.record_id, version.c.number, version.c.match)
            .where(version.c.record_id.in_(ids[start : start + _CHUNK]))
            .order_by(version.c.record_id, version.c.number)
        )
        for record_id, _number, match in matches:
            if match is not None:
                by_id[record_id].latest = bytes(match)
                by_id[record_id].matches.add(bytes(match))
        _destructions(session, by_id, ids[start : start + _CHUNK])
    return found


def _destructions(session: Session, by_id: dict[int, KnownRecord], ids: Sequence[int]) -> None:
    """What was destroyed of these records, and of which edits since a person was told."""
    if buried := [one for one in ids if by_id[one].destroyed]:
        told = select(tombstone.c.record_id, tombstone.c.edited_again_at).where(tombstone.c.record_id.in_(buried))
        for record_id, at in session.execute(told):
            by_id[record_id].told_at = at
    parts = (
        select(expunged_component.c.record_id, func.max(expunged_component.c.expunged_at))
        .where(expunged_component.c.record_id.in_(ids))
        .group_by(expunged_component.c.record_id)
    )
    for record_id, at in session.execute(parts).all():
        by_id[record_id].expunged_at = at
        edits = select(func.max(observation.c.observed_at)).where(
            observation.c.record_id == record_id,
            observation.c.kind == ObservationKind.EDITED.value,
            observation.c.observed_at >= at,
        )
        by_id[record_id].told_at = session.execute(edits).scalar()


def known_threads(session: Session, keys: Sequence[bytes]) -> dict[bytes, int]:
    """Thread ids by key."""
    found: dict[bytes, int] = {}
    for start in range(0, len(keys), _CHUNK):
        rows = session.execute(select(thread.c.key, thread.c.id).where(thread.c.key.in_(keys[start : start + _CHUNK])))
        found.update((bytes(key), thread_id) for key, thread_id in rows)
    return found


def known_parties(session: Session, keys: Sequence[bytes]) -> dict[bytes, int]:
    """Party ids by key."""
    found: dict[bytes, int] = {}
    for start in range(0, len(keys), _CHUNK):
        rows = session.execute(select(party.c.key, party.c.id).where(party.c.key.in_(keys[start : start + _CHUNK])))
        found.update((bytes(key), party_id) for key, party_id in rows)
    return found
