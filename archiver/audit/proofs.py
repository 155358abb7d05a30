"""Proofs that anyone can check against a signed head; reading only."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from archiver.audit.heads import leaves
from archiver.audit.merkle import consistency_proof, inclusion_proof, root_of
from archiver.errors import NotFound
from schema.db.audit import audit_event
from schema.wire.audit import ConsistencyProof, InclusionProof, SignedHead


def prove_event(session: Session, head: SignedHead, event_id: int) -> InclusionProof:
    """Prove that an event is in the log that a head signs; raises NotFound."""
    found = session.execute(
        select(audit_event.c.position, audit_event.c.leaf).where(audit_event.c.id == event_id)
    ).one_or_none()
    if found is None or found.position is None or found.position >= head.size:
        raise NotFound(noun="audit event", name=event_id)
    path = inclusion_proof(leaves(session, head.size), found.position)
    return InclusionProof(
        event=event_id,
        position=found.position,
        leaf=found.leaf.hex(),
        path=tuple(step.hex() for step in path),
        head=head,
    )


def prove_since(session: Session, head: SignedHead, old_size: int) -> ConsistencyProof:
    """Prove that the first `old_size` entries are unchanged in the log that a head signs; raises NotFound."""
    if not 0 < old_size <= head.size:
        raise NotFound(noun="head of size", name=old_size)
    entries = leaves(session, head.size)
    return ConsistencyProof(
        old_size=old_size,
        old_root=root_of(entries[:old_size]).hex(),
        path=tuple(step.hex() for step in consistency_proof(entries, old_size)),
        head=head,
    )
