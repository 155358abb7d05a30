"""Writing the audit log: one event for each act of a person and each machine batch, in the act's own transaction."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from archiver.audit.merkle import leaf_hash
from schema.canonical import canonical_json
from schema.db.audit import audit_event

_LOCK = 7_203_002


def record(
    session: Session,
    *,
    at: int,
    act: str,
    object_kind: str,
    object_id: int | None = None,
    actor_id: int | None = None,
    outcome: str = "ok",
    facts: Mapping[str, Any] | None = None,
    text_digest: bytes | None = None,
    text_payload_id: int | None = None,
) -> int:
    """Write who did what to which object, with what outcome; returns the event's id.

    at: milliseconds UTC.  actor_id: None for a machine.  facts: ids, codes and numbers only, never content.
    text_digest: salted digest of a person's own words, which lie sealed in the payload beside it.
    """
    written = canonical_json(dict(facts or {})).decode()
    leaf = event_leaf(at, actor_id, act, object_kind, object_id, outcome, written, text_digest)
    values = {
        "at": at,
        "actor_id": actor_id,
        "act": act,
        "object_kind": object_kind,
        "object_id": object_id,
        "outcome": outcome,
        "facts": written,
        "text_digest": text_digest,
        "text_payload_id": text_payload_id,
        "leaf": leaf,
    }
    return int(session.execute(insert(audit_event).values(values).returning(audit_event.c.id)).scalar_one())


def event_leaf(
    at: int,
    actor_id: int | None,
    act: str,
    object_kind: str,
    object_id: int | None,
    outcome: str,
    facts: str,
    text_digest: bytes | None,
) -> bytes:
    """The leaf hash of an event: over all that it says, in a fixed order."""
    who = "" if actor_id is None else actor_id
    what = "" if object_id is None else object_id
    said = f"{at}\x1f{who}\x1f{act}\x1f{object_kind}\x1f{what}\x1f{outcome}\x1f{facts}\x1f"
    return leaf_hash(said.encode() + (text_digest or b""))


def sequence(session: Session) -> int:
    """Give the committed events that have none yet their place in the tree, in order of id; returns how many."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_LOCK)))  # two transactions never take the same place
    waiting = session.execute(
        select(audit_event.c.id).where(audit_event.c.position.is_(None)).order_by(audit_event.c.id)
    ).scalars()
    ids = list(waiting)
    if not ids:
        return 0
    last = session.execute(select(func.max(audit_event.c.position))).scalar()
    start = 0 if last is None else last + 1
    for position, event_id in enumerate(ids, start):
        session.execute(update(audit_event).where(audit_event.c.id == event_id).values(position=position))
    return len(ids)
