"""The one function that destroys records (promise 5); the database's guards have the last word on every row."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from archiver import outbox
from archiver.accession.destroyed import bury
from archiver.archive import Archive
from archiver.audit.merkle import leaf_hash, root_of
from archiver.dispose.batches import mark_destroyed, row_of
from archiver.index.texts import forget_texts
from archiver.vault.erase import erase
from schema.vocab import OutboxKind, OwnerKind


def destroy(archive: Archive, session: Session, disposition_id: int, ids: Sequence[int], now: int) -> list[str]:
    """Destroy records of an executing disposition in the caller's transaction: facts, keys, content, derivations.

    now: milliseconds UTC.  Returns the names of objects, which `vault.erase.remove_objects` removes after the commit.
    The index is told by the outbox.  Raises IntegrityError ("guard: ...") where the database refuses one of them; the
    caller then rolls back, and nothing is gone.
    """
    ordered = sorted(ids)
    digests = bury(session, ordered, now)
    # Keys before any id is reserved: whoever places a hold takes these locks in that order, too (PostgreSQL).
    names = erase(session, OwnerKind.RECORD, ordered)
    forget_texts(session, ordered)
    mark_destroyed(session, disposition_id, ordered, now)
    outbox.enqueue(session, OutboxKind.REMOVE, ordered, now)
    root = root_of(leaf_hash(one) for one in digests)
    facts = {"records": len(ordered), "objects": len(names), "root": root.hex()}
    actor = row_of(session, disposition_id)["executed_by"]
    archive.record_act(session, "dispose.destroy", "disposition", disposition_id, actor_id=actor, facts=facts)
    return names
