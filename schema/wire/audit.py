"""Signed heads and proofs of the audit log, as other people keep them."""

from dataclasses import dataclass
from typing import Annotated

from schema.wire.shape import Rule, wire

Hash = Annotated[str, Rule("SHA-256, lower-case hex", pattern="^[0-9a-f]{64}$")]


@wire("audit-head/1")
@dataclass(frozen=True, slots=True)
class SignedHead:
    """The root of the audit log at a size (hex), signed; `signed_at` in milliseconds UTC."""

    size: int
    root: Hash
    signed_at: int
    signature: str
    public_key: str


@wire("audit-proof/1")
@dataclass(frozen=True, slots=True)
class InclusionProof:
    """Proof that an event stands in the log that a head signs (RFC 9162 section 2.1.3); hashes in hex."""

    event: int
    position: int
    leaf: Hash
    path: tuple[Hash, ...]
    head: SignedHead


@wire("audit-consistency/1")
@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """Proof that the log at `old_size` is a beginning of the log that a head signs (RFC 9162 section 2.1.4)."""

    old_size: int
    old_root: Hash
    path: tuple[Hash, ...]
    head: SignedHead
