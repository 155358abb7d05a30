"""Payloads: what is sealed under an owner's key, small ones as rows, large ones as objects."""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import RowMapping, insert, select
from sqlalchemy.orm import Session

from archiver.database import insert_many, reserve
from archiver.vault.keys import Owner, Vault
from archiver.vault.objects import StoredObject
from archiver.vault.sealing import KEY, SealBroken, place, salted_digest, seal, unseal
from schema.db.vault import owner_key, payload
from schema.vocab import OwnerKind, PayloadForm

ROW_LIMIT = 64 << 10
"""Bytes: larger content becomes an object."""

_CHUNK = 500
_HEADER = KEY + 32 + 8
"""Bytes before the name of an object: its key, SHA-256 and size."""
_NAME = 32


class ContentDestroyed(Exception):
    """The owner's key no longer exists, so its content cannot be read by anyone."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A payload row to write, with the salted digest of what it seals."""

    row: dict[str, object]
    digest: bytes


def seal_row(owner: Owner, payload_id: int, content: bytes) -> Sealed:
    """Seal small content as a row."""
    sealed, digest = seal(owner.key, place(owner.kind, owner.id, payload_id), content)
    return Sealed(_row(owner, payload_id, PayloadForm.ROW, sealed, None, len(content)), digest)


def seal_object(owner: Owner, payload_id: int, stored: StoredObject) -> Sealed:
    """Put an object under an owner: its key is sealed under the owner's key."""
    header = stored.key + stored.sha256 + struct.pack(">Q", stored.size)
    sealed, digest = seal(owner.key, place(owner.kind, owner.id, payload_id), header + stored.name.encode())
    return Sealed(_row(owner, payload_id, PayloadForm.OBJECT, sealed, stored.name, stored.size), digest)


def seal_content(vault: Vault, owner: Owner, payload_id: int, content: bytes) -> Sealed:
    """Seal content in the form that its size asks for."""
    if len(content) <= ROW_LIMIT:
        return seal_row(owner, payload_id, content)
    return seal_object(owner, payload_id, vault.objects.write([content]))


def _row(
    owner: Owner, payload_id: int, form: PayloadForm, sealed: bytes, object_name: str | None, size: int
) -> dict[str, object]:
    return {
        "id": payload_id,
        "owner_kind": owner.kind.value,
        "owner_id": owner.id,
        "form": form.value,
        "sealed": sealed,
        "object_name": object_name,
        "size": size,
    }


def open_row(vault: Vault, owner: Owner, row: RowMapping) -> tuple[Iterator[bytes], bytes]:
    """Content of a payload row as a stream, and its salted digest; raises SealBroken."""
    content, digest = unseal(owner.key, place(owner.kind, owner.id, row["id"]), row["sealed"])
    if row["form"] == PayloadForm.ROW.value:
        if len(content) != row["size"]:
            raise SealBroken
        return iter((content,)), digest
    header = open_header(content)
    if (header.name, header.size) != (row["object_name"], row["size"]):
        raise SealBroken
    return vault.objects.read(header.name, header.key), digest


def open_header(content: bytes) -> StoredObject:
    """The object that an unsealed payload stands for; raises SealBroken where it stands for none."""
    name = content[_HEADER:]
    if len(name) != _NAME or not name.isalnum():
        raise SealBroken
    (size,) = struct.unpack(">Q", content[_HEADER - 8 : _HEADER])
    return StoredObject(name.decode("ascii"), content[:KEY], size, content[KEY : KEY + 32])


def read_many(session: Session, vault: Vault, kind: OwnerKind, ids: Sequence[int]) -> dict[int, bytes]:
    """Whole contents of payloads of owners of one kind, by payload id; those of destroyed owners are left out."""
    found: dict[int, bytes] = {}
    for start in range(0, len(ids), _CHUNK):
        chosen = select(payload).where(payload.c.id.in_(ids[start : start + _CHUNK]))
        rows = session.execute(chosen).mappings().all()
        owners = vault.owners(session, kind, (row["owner_id"] for row in rows))
        for row in rows:
            if owner := owners.get(row["owner_id"]):
                found[row["id"]] = b"".join(open_row(vault, owner, row)[0])
    return found


def stream(session: Session, vault: Vault, payload_id: int) -> Iterator[bytes]:
    """Content of one payload as a stream; raises ContentDestroyed."""
    row = session.execute(select(payload).where(payload.c.id == payload_id)).mappings().one_or_none()
    owner = vault.owner(session, OwnerKind(row["owner_kind"]), row["owner_id"]) if row else None
    if row is None or owner is None:
        raise ContentDestroyed
    return open_row(vault, owner, row)[0]


def keep_text(session: Session, vault: Vault, owner: Owner, text: str) -> int:
    """Seal text that a person wrote under its owner; returns the payload's id."""
    payload_id = reserve(session, "payload", 1)
    session.execute(insert(payload), [seal_content(vault, owner, payload_id, text.encode("utf-8", "replace")).row])
    return payload_id


def read_text(session: Session, vault: Vault, payload_id: int | None) -> str | None:
    """Text that a person wrote; None where there is none, or where its owner was destroyed."""
    if payload_id is None:
        return None
    try:
        return b"".join(stream(session, vault, payload_id)).decode()
    except ContentDestroyed:
        return None


def write_rows(session: Session, sealed: Iterable[Sealed]) -> None:
    """Store sealed payloads in one statement."""
    store(session, [], [one.row for one in sealed])


def store(session: Session, keys: Sequence[Mapping[str, object]], payloads: Sequence[Mapping[str, object]]) -> None:
    """Store wrapped keys and sealed payloads of a batch in the transaction of its records."""
    for table, rows in ((owner_key, keys), (payload, payloads)):
        insert_many(session, table, rows)


__all__ = [
    "ROW_LIMIT",
    "ContentDestroyed",
    "Sealed",
    "keep_text",
    "open_header",
    "open_row",
    "read_many",
    "read_text",
    "salted_digest",
    "seal_content",
    "seal_object",
    "seal_row",
    "store",
    "stream",
    "write_rows",
]
