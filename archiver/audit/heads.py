"""Signed heads: the root of the log at a size, under the archive's Ed25519 key (RFC 8032)."""

import struct
from collections.abc import Iterator, Sequence
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from archiver.audit.merkle import Peaks
from schema.db.audit import audit_event, audit_head
from schema.wire.audit import SignedHead

_BATCH = 1 << 14


class Signer(Protocol):
    """Holds the archive's signing key."""

    public: bytes

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature, 64 bytes."""
        ...


def _chunks(session: Session, start: int, size: int) -> Iterator[Sequence[bytes]]:
    while start < size:
        stop = min(size, start + _BATCH)
        yield (
            session.execute(
                select(audit_event.c.leaf)
                .where(audit_event.c.position >= start, audit_event.c.position < stop)
                .order_by(audit_event.c.position)
            )
            .scalars()
            .all()
        )
        start = stop


def leaves(session: Session, size: int) -> list[bytes]:
    """The first `size` leaf hashes in tree order."""
    return [leaf for chunk in _chunks(session, 0, size) for leaf in chunk]


def log_size(session: Session) -> int:
    """How many entries have their place in the tree."""
    last = session.execute(select(func.max(audit_event.c.position))).scalar()
    return 0 if last is None else int(last) + 1


def grow(session: Session, peaks: Peaks) -> Peaks:
    """Bring a tree up to the log as it stands, from the stored leaves."""
    for chunk in _chunks(session, peaks.size, log_size(session)):
        peaks.extend(chunk)
    return peaks


def _signed_bytes(size: int, root: bytes, signed_at: int) -> bytes:
    return b"city archive audit head\x00" + struct.pack(">QQ", size, signed_at) + root


def sign_head(session: Session, signer: Signer, now: int, peaks: Peaks | None = None) -> SignedHead:
    """Sign the log as it stands; the same size is signed once.

    peaks: the tree as grown in an earlier read transaction, so that a long log is not hashed under the writers' lock.
    """
    size = log_size(session)
    if known := session.execute(select(audit_head).where(audit_head.c.size == size)).mappings().one_or_none():
        return _shown(signer, known["size"], known["root"], known["signed_at"], known["signature"])
    root = grow(session, peaks or Peaks()).root()
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
