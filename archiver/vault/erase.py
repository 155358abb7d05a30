"""Erasing an owner's key, payloads and derivations; the guards of the database have the last word on each row."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from archiver.errors import Refused
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


def remove_objects(session: Session, objects: ObjectStore, names: Sequence[str]) -> None:
    """Remove objects whose payloads are gone, and committed so; one that is gone already is fine.

    Raises Refused, and removes none, where a payload still names one of them: only the guarded rows decide what goes.
    """
    for start in range(0, len(names), _CHUNK):
        named = select(payload.c.id).where(payload.c.object_name.in_(names[start : start + _CHUNK]))
        if session.execute(named.limit(1)).first():
            raise Refused(
                reason="an object still belongs to sealed content", action="Destroy what it belongs to first."
            )
    for name in names:
        objects.remove(name)
