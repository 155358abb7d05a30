"""Sealing what stays of an owner under a new key, so that no copy of the new key opens what went."""

import os
from collections.abc import Collection

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import RowMapping, delete, or_, select
from sqlalchemy.orm import Session

from archiver.vault.keys import Owner, Vault
from archiver.vault.payloads import ContentDestroyed, store
from archiver.vault.sealing import NONCE, SealBroken, place
from schema.db.vault import derivation, owner_key, payload
from schema.vocab import OwnerKind


def reseal_without(
    session: Session,
    vault: Vault,
    kind: OwnerKind,
    owner_id: int,
    components: Collection[int],
    payloads: Collection[int],
) -> list[str]:
    """Destroy an owner's key with some of its content, and seal the rest under a new key, in the caller's transaction.

    components: what was derived from them, or from the owner as a whole, goes too.  payloads: ids of the content that
    goes.  What stays keeps its place, salt and digest, since only the encryption around it is made anew.
    Returns the names of objects that are to be removed once the transaction is committed.
    Raises ContentDestroyed without a key, SealBroken where something that stays does not open, and IntegrityError
    ("guard: ...") for a record that is held or not in an executing batch.
    """
    owner = vault.owner(session, kind, owner_id)
    if owner is None:
        raise ContentDestroyed
    # What was derived from the owner as a whole, such as a rendering, shows the parts that go as well.
    of_parts = or_(derivation.c.component_id.in_(list(components)), derivation.c.component_id.is_(None))
    derived = (derivation.c.owner_kind == kind.value) & (derivation.c.owner_id == owner_id) & of_parts
    going = set(payloads) | set(session.execute(select(derivation.c.payload_id).where(derived)).scalars())
    mine = (payload.c.owner_kind == kind.value) & (payload.c.owner_id == owner_id)
    rows = session.execute(select(payload).where(mine)).mappings().all()
    fresh, key_row = vault.new_owner(kind, owner_id)
    kept = [_resealed(owner, fresh, row) for row in rows if row["id"] not in going]
    session.execute(delete(derivation).where(derived))
    session.execute(delete(payload).where(mine))
    session.execute(delete(owner_key).where(owner_key.c.owner_kind == kind.value, owner_key.c.owner_id == owner_id))
    store(session, [key_row], kept)
    return [row["object_name"] for row in rows if row["id"] in going and row["object_name"] is not None]


def _resealed(owner: Owner, fresh: Owner, row: RowMapping) -> dict[str, object]:
    bound_to = place(owner.kind, owner.id, row["id"])
    sealed = row["sealed"]
    try:
        plain = AESGCM(owner.key).decrypt(sealed[:NONCE], sealed[NONCE:], bound_to)
    except (InvalidTag, ValueError):
        raise SealBroken from None
    nonce = os.urandom(NONCE)
    return {**row, "sealed": nonce + AESGCM(fresh.key).encrypt(nonce, plain, bound_to)}
