"""The archive's own secrets: the index key and the signing key, sealed under an owner key of their own."""

import os

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from archiver.database import reserve
from archiver.vault.keys import Vault
from archiver.vault.payloads import seal_content, stream, write_rows
from schema.db.vault import secret
from schema.vocab import OwnerKind

INDEX, SIGNING = "index", "signing"


def make_secrets(session: Session, vault: Vault) -> None:
    """Make index key and signing key, once, when the archive is made."""
    owner = vault.add_owner(session, OwnerKind.SYSTEM, 1)
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    for name, content, shown in ((INDEX, os.urandom(32), None), (SIGNING, private, public)):
        payload_id = reserve(session, "payload", 1)
        write_rows(session, [seal_content(vault, owner, payload_id, content)])
        session.execute(insert(secret).values(name=name, payload_id=payload_id, public=shown))


def load_index_key(session: Session, vault: Vault) -> None:
    """Give the vault the key under which native ids and addresses are compared."""
    vault.index_key = _read(session, vault, INDEX)


class ArchiveSigner:
    """Signs heads, manifests and certificates with the archive's Ed25519 key (RFC 8032)."""

    def __init__(self, session: Session, vault: Vault) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(_read(session, vault, SIGNING))
        self.public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature, 64 bytes."""
        return self._key.sign(message)


def is_signed_by(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the holder of a public key signed a message."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _read(session: Session, vault: Vault, name: str) -> bytes:
    payload_id = session.execute(select(secret.c.payload_id).where(secret.c.name == name)).scalar_one()
    return b"".join(stream(session, vault, payload_id))
