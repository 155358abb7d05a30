"""Families: a record and the rest of its thread; its attachments are parts of the record already."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, aliased

from schema.db.hold import hold_member
from schema.db.record import record

_CHUNK = 500


def mates(session: Session, record_ids: Sequence[int]) -> set[int]:
    """The living records of the threads of these records, other than themselves."""
    found: set[int] = set()
    for start in range(0, len(record_ids), _CHUNK):
        chunk = record_ids[start : start + _CHUNK]
        threads = select(record.c.thread_id).where(record.c.id.in_(chunk), record.c.thread_id.is_not(None))
        chosen = select(record.c.id).where(record.c.thread_id.in_(threads), record.c.destroyed_at.is_(None))
        found.update(session.execute(chosen).scalars())
    return found.difference(record_ids)


def followers(hold_id: int, since: int, until: int) -> Select[Any]:
    """The living records changed after `since` and up to `until` in whose thread a hold has a member.

    since, until: milliseconds UTC.
    """
    member = aliased(record)
    threads = (  # uncorrelated, so that members are walked once, not once for each changed record
        select(member.c.thread_id)
        .join(hold_member, hold_member.c.record_id == member.c.id)
        .where(hold_member.c.hold_id == hold_id, member.c.thread_id.is_not(None))
    )
    return select(record.c.id).where(
        record.c.changed_at > since,
        record.c.changed_at <= until,
        record.c.destroyed_at.is_(None),
        record.c.thread_id.in_(threads),
    )
