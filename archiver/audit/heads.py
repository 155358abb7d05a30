"""Signed heads: the root of the log at a size, under the archive's Ed25519 key (RFC 8032)."""

import struct
from collections.abc import Iterator
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from archiver.audit.merkle import Peaks
from schema.db.audit import audit_event, audit_head
from schema.wire.audit import SignedHead

_BATCH = 10_000


class Signer(Protocol):
    """Holds the archive's signing key."""

    public: bytes

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature, 64 bytes."""
        ...


def leaves(session: Session, size: int | None = None) -> Iterator[bytes]:
    """Leaf hashes in tree order, the first `size` of them or all."""
    start = 0
    while size is None or start < size:
        stop = start + _BATCH if size is None else min(size, start + _BATCH)
        rows = session.execute(
            select(audit_event.c.leaf)
            .where(audit_event.c.position >= start, audit_event.c.position < stop)
            .order_by(audit_event.c.position)
        ).scalars()
        chunk = list(rows)
        yield from chunk
        if len(chunk) < _BATCH:
            return
        start = stop


def _signed_bytes(size: int, root: bytes, signed_at: int) -> bytes:
    return b"city archive audit head\x00" + struct.pack(">QQ", size, signed_at) + root


def sign_head(session: Session, signer: Signer, now: int) -> SignedHead:
    """Sign the log as it stands; the same size is signed once."""
    last = session.execute(select(func.max(audit_event.c.position))).scalar()
    size = 0 if last is None else int(last) + 1
    if known := session.execute(select(audit_head).where(audit_head.c.size == size)).mappings().one_or_none():
        return _shown(signer, known["size"], known["root"], known["signed_at"], known["signature"])
    peaks = Peaks()
    for leaf in leaves(session, size):
        peaks.add(leaf)
    root = peaks.root()
    signature = signer.sign(_signed_bytes(size, root, now))
    session.execute(insert(audit_head).values(size=size, root=root, signed_at=now, signature=signature))
    return _shown(signer, size, root, now, signature)


def _shown(signer: Signer, size: int, root: bytes, signed_at: int, signature: bytes) -> SignedHead:
    return SignedHead(
        size=size,
        root=root.hex(),
        signed_at=signed_at,
        signature=signature.hex(),
        public_key=signer.public.hex(),
    )


def head_is_genuine(size: int, root: bytes, signed_at: int, signature: bytes, public_key: bytes) -> bool:
    """Whether a head was signed by the holder of the public key."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, _signed_bytes(size, root, signed_at))
    except (InvalidSignature, ValueError):
        return False
    return True
