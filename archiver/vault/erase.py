"""Erasing an owner's key, payloads and derivations; the guards of the database have the last word on each row."""

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from archiver.vault.objects import ObjectStore
from schema.db.vault import derivation, owner_key, payload
from schema.vocab import OwnerKind

_CHUNK = 500


def erase(session: Session, kind: OwnerKind, owner_ids: Sequence[int]) -> list[str]:
    """Erase keys (under every master), payloads and derivations of owners in the caller's transaction.

    Returns the names of their objects, which `remove_objects` removes once the transaction is committed: a crash in
    between leaves files that no key opens, and the sweep of orphans takes them away.
    Raises IntegrityError ("guard: ...") for a record that is held or not in an executing batch.
    """
    names: list[str] = []
    for start in range(0, len(owner_ids), _CHUNK):
        chunk = owner_ids[start : start + _CHUNK]
        names += session.execute(
            select(payload.c.object_name).where(
                payload.c.owner_kind == kind.value, payload.c.owner_id.in_(chunk), payload.c.object_name.is_not(None)
            )
        ).scalars()
        for table in (owner_key, payload, derivation):
            session.execute(delete(table).where(table.c.owner_kind == kind.value, table.c.owner_id.in_(chunk)))
    return names


def remove_objects(objects: ObjectStore, names: Iterable[str]) -> None:
    """Remove objects whose keys are gone; one that is gone already is fine."""
    for name in names:
        objects.remove(name)
