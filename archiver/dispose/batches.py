"""The rows of a disposition: found by number, walked, marked, and the two digests that freeze what was approved."""

from collections.abc import Mapping, Sequence
from datetime import date
from hashlib import sha256
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session

from archiver.errors import NotFound
from schema.canonical import canonical_json
from schema.db.dispose import disposition, disposition_approval, disposition_record
from schema.db.retain import series
from schema.disposal_vocab import DispositionState, ExceptionReason

LIVING = tuple(
    state.value
    for state in (
        DispositionState.PROPOSED,
        DispositionState.APPROVED,
        DispositionState.EXECUTING,
        DispositionState.HALTED,
        DispositionState.DESTROYED,
        DispositionState.PROVEN,
    )
)
"""States of a disposition whose records belong to it alone."""

_CHUNK = 500
_FROZEN = (
    *("key", "title", "retention_text", "period_kind", "number", "unit", "trigger", "action", "keep_threads"),
    *("title_verified", "period_verified", "trigger_verified", "confirmed_by", "confirmed_on", "confirmed_edition"),
    *("confirmed_page", "confirmed_period", "ended_at", "replaced_by"),
)
"""What an approval relies on in a series; another value asks for a new proposal."""


def find(session: Session, number: str) -> dict[str, Any]:
    """The disposition that a person names, D3 or 3; raises NotFound."""
    digits = number[1:] if number[:1].upper() == "D" else number
    if digits.isdecimal() and len(digits) < 19:
        chosen = select(disposition).where(disposition.c.id == int(digits))
        if row := session.execute(chosen).mappings().one_or_none():
            return dict(row)
    raise NotFound(noun="disposition", name=f"D{digits}")


def row_of(session: Session, disposition_id: int) -> dict[str, Any]:
    """The row of a disposition; raises NotFound."""
    return find(session, str(disposition_id))


def schedule_digest(session: Session, series_id: int) -> bytes:
    """SHA-256 of canonical JSON of what an approval relies on in a series: period, trigger, action, confirmation."""
    row = session.execute(select(series).where(series.c.id == series_id)).mappings().one()
    fields = {name: _plain(row[name]) for name in _FROZEN}
    return sha256(canonical_json(fields)).digest()


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def list_digest(session: Session, disposition_id: int) -> bytes:
    """SHA-256 of canonical JSON of the sorted [record, due date, changed at] of the rows that have not left."""
    return _digest(session, disposition_id, disposition_record.c.left_at.is_(None))


def digest_as_of(session: Session, disposition_id: int, moment: int) -> bytes:
    """The same of the rows that were in the list when it was proposed or approved, whether or not they left since.

    moment: milliseconds UTC; whatever leaves afterwards is marked as later than this (`leaving_at`).
    """
    there = or_(disposition_record.c.left_at.is_(None), disposition_record.c.left_at > moment)
    return _digest(session, disposition_id, there)


def _digest(session: Session, disposition_id: int, condition: ColumnElement[bool]) -> bytes:
    """Canonical JSON written row by row, so that memory does not grow with the list."""
    table = disposition_record.c
    rows = session.execute(
        select(table.record_id, table.due_on, table.changed_at)
        .where(table.disposition_id == disposition_id, condition)
        .order_by(table.record_id)
        .execution_options(yield_per=5_000)
    )
    digest, separator = sha256(b"["), b""
    for partition in rows.partitions():
        listed = canonical_json([[one, _plain(due_on), changed_at] for one, due_on, changed_at in partition])
        digest.update(separator + listed[1:-1])
        separator = b","
    digest.update(b"]")
    return digest.digest()


def waiting(disposition_id: int) -> ColumnElement[bool]:
    """The condition of a disposition's rows that neither left nor are destroyed."""
    table = disposition_record.c
    return and_(table.disposition_id == disposition_id, table.left_at.is_(None), table.destroyed_at.is_(None))


def living(session: Session, disposition_id: int, after: int, limit: int) -> list[int]:
    """The next records of a disposition that neither left nor are destroyed, ascending, with ids above `after`."""
    chosen = select(disposition_record.c.record_id).where(waiting(disposition_id))
    chosen = chosen.where(disposition_record.c.record_id > after).order_by(disposition_record.c.record_id).limit(limit)
    return list(session.execute(chosen).scalars())


def leaving_at(session: Session, disposition_id: int, now: int) -> int:
    """When a record leaves a disposition: later than the proposal and each approval, even if the clock stood or fell.

    So `digest_as_of` still finds the list that was approved.  now: milliseconds UTC.
    """
    proposed = select(disposition.c.proposed_at).where(disposition.c.id == disposition_id)
    approvals = select(func.max(disposition_approval.c.approved_at))
    approvals = approvals.where(disposition_approval.c.disposition_id == disposition_id)
    newest = max(session.execute(proposed).scalar_one(), session.execute(approvals).scalar() or 0)
    return max(now, int(newest) + 1)


def mark_left(session: Session, disposition_id: int, why: Mapping[int, ExceptionReason], now: int) -> None:
    """Take records out of a disposition for good, each with the reason; now: milliseconds UTC."""
    left_at = leaving_at(session, disposition_id, now)
    ordered = sorted(why, key=lambda one: (why[one].value, one))
    for reason, ids in groupby(ordered, key=lambda one: why[one]):
        _mark(session, disposition_id, list(ids), left_why=reason.value, left_at=left_at)


def mark_destroyed(session: Session, disposition_id: int, ids: Sequence[int], now: int) -> None:
    """Note that records of a disposition are destroyed; now: milliseconds UTC."""
    _mark(session, disposition_id, sorted(ids), destroyed_at=now)


def _mark(session: Session, disposition_id: int, ids: Sequence[int], **values: object) -> None:
    for start in range(0, len(ids), _CHUNK):
        chunk = disposition_record.c.record_id.in_(ids[start : start + _CHUNK])
        session.execute(update(disposition_record).where(waiting(disposition_id), chunk).values(**values))


def set_state(session: Session, disposition_id: int, state: DispositionState, **values: object) -> None:
    """Take a disposition to another state, with the columns that belong to it; the database refuses a wrong step."""
    session.execute(update(disposition).where(disposition.c.id == disposition_id).values(state=state.value, **values))
