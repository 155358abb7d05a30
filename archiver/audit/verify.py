"""Verifying the log: every event against its leaf, every head against the tree, no place left out."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archiver.audit.heads import head_is_genuine
from archiver.audit.log import event_leaf
from archiver.audit.merkle import Peaks
from schema.db.audit import audit_event, audit_head

_BATCH = 20_000


@dataclass(frozen=True, slots=True)
class LogCheck:
    """What verifying the log found."""

    events: int
    heads: int
    problems: tuple[str, ...]
    root: bytes


def verify_log(session: Session, public: bytes) -> LogCheck:
    """Recompute every leaf and root; problems name the event or head that does not fit."""
    heads = {row.size: row for row in session.execute(select(audit_head))}
    peaks, problems = Peaks(), list[str]()
    position = 0
    _check_head(heads.get(0), peaks, public, problems)
    while True:
        rows = session.execute(
            select(audit_event)
            .where(audit_event.c.position >= position, audit_event.c.position < position + _BATCH)
            .order_by(audit_event.c.position)
        ).all()
        for row in rows:
            if row.position != position:
                problems.append(f"audit log: entry {position} is missing before event {row.id}")
                position = row.position
            leaf = event_leaf(
                row.at, row.actor_id, row.act, row.object_kind, row.object_id, row.outcome, row.facts, row.text_digest
            )
            if leaf != row.leaf:
                problems.append(f"audit log: event {row.id} was changed")
            peaks.add(leaf)
            position += 1
            _check_head(heads.get(position), peaks, public, problems)
        if not rows:
            break
    total = session.execute(select(func.count()).select_from(audit_event)).scalar_one()
    problems += [f"audit log: signed up to entry {size}, but only {position} are left" for size in heads if size > position]
    return LogCheck(int(total), len(heads), tuple(problems), peaks.root())


def _check_head(head: object, peaks: Peaks, public: bytes, problems: list[str]) -> None:
    if head is None:
        return
    size, root = head.size, head.root  # type: ignore[attr-defined]  # a row of audit_head
    if root != peaks.root():
        problems.append(f"audit log: the entries before {size} are not those that were signed")
    if not head_is_genuine(size, root, head.signed_at, head.signature, public):  # type: ignore[attr-defined]
        problems.append(f"audit log: the signature of head {size} is not ours")
