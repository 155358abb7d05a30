"""Derivations: what was made from an owner's content, sealed under the same key, so that it goes with the owner."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from archiver.vault.keys import Vault
from archiver.vault.payloads import Sealed, read_many, write_rows
from schema.db.vault import derivation
from schema.vocab import DerivationKind, OwnerKind


def add_derivations(session: Session, sealed: Iterable[Sealed], rows: Sequence[Mapping[str, Any]]) -> None:
    """Store derived content and what it was derived from."""
    write_rows(session, sealed)
    if rows:
        session.execute(insert(derivation), rows)


def texts_of(session: Session, vault: Vault, component_ids: Sequence[int]) -> dict[int, str]:
    """Extracted texts by component."""
    if not component_ids:
        return {}
    rows = session.execute(
        select(derivation.c.component_id, derivation.c.payload_id).where(
            derivation.c.component_id.in_(component_ids), derivation.c.kind == DerivationKind.TEXT.value
        )
    ).all()
    contents = read_many(session, vault, OwnerKind.RECORD, [row.payload_id for row in rows])
    return {row.component_id: contents[row.payload_id].decode() for row in rows if row.payload_id in contents}
