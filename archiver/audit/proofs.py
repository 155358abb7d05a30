"""Proofs that anyone can check against a signed head."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from archiver.audit.heads import Signer, leaves, sign_head
from archiver.audit.merkle import consistency_proof, inclusion_proof, root_of
from archiver.errors import NotFound
from schema.db.audit import audit_event
from schema.wire.audit import ConsistencyProof, InclusionProof


def prove_event(session: Session, signer: Signer, event_id: int, now: int) -> InclusionProof:
    """Prove that an event is in the log; raises NotFound."""
    found = session.execute(
        select(audit_event.c.position, audit_event.c.leaf).where(audit_event.c.id == event_id)
    ).one_or_none()
    if found is None or found.position is None:
        raise NotFound(noun="audit event", name=event_id)
    head = sign_head(session, signer, now)
    path = inclusion_proof(list(leaves(session, head.size)), found.position)
    return InclusionProof(
        event=event_id,
        position=found.position,
        leaf=found.leaf.hex(),
        path=tuple(step.hex() for step in path),
        head=head,
    )


def prove_since(session: Session, signer: Signer, old_size: int, now: int) -> ConsistencyProof:
    """Prove that nothing in the first `old_size` entries changed since; raises NotFound where the log is shorter."""
    head = sign_head(session, signer, now)
    if not 0 < old_size <= head.size:
        raise NotFound(noun="head of size", name=old_size)
    entries = list(leaves(session, head.size))
    return ConsistencyProof(
        old_size=old_size,
        old_root=root_of(entries[:old_size]).hex(),
        path=tuple(step.hex() for step in consistency_proof(entries, old_size)),
        head=head,
    )
