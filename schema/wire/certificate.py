"""Certificates of destruction, transfer and expungement: the union of what the states ask for.

Sources of the fields: Minnesota's list of destroyed items, Missouri's and California's approvals, Arizona's certificate
of records destruction, Florida's disposition document.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from schema.disposal_vocab import CertificateKind, ExceptionReason, ProofLevel
from schema.vocab import DataClass
from schema.wire.shape import Rule, wire

Instant = Annotated[str, Rule("ISO 8601 in UTC, ending in Z", pattern="^[0-9]{4}-.*Z$")]
Day = Annotated[str, Rule("day in the city's time zone", pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Count = Annotated[int, Rule(minimum=0)]
Sha256 = Annotated[str, Rule("SHA-256, lower-case hex", pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class CertifiedSchedule:
    """The adopted schedule edition; null fields of a series that stands in none."""

    edition: str
    title: str
    version: str
    adopted_on: Day
    state_archives_told_on: Day | None


@dataclass(frozen=True, slots=True)
class CertifiedSeries:
    """The series under which the records were kept, as adopted and confirmed."""

    key: str
    code: str
    title: str
    retention: Annotated[str, Rule("the period as the schedule writes it")]
    trigger: str
    action: str
    statute: str | None
    confirmed_by: str | None
    confirmed_on: Day | None
    confirmed_where: Annotated[str | None, Rule("edition and page as the records officer read them")]


@dataclass(frozen=True, slots=True)
class CertifiedLine:
    """Records of one department, source and kind; dates of the records, days in the city's time zone."""

    department: str
    source: str
    format: Annotated[str, Rule("platform and kind")]
    classification: DataClass
    records: Count
    bytes: Count
    first: Day | None
    last: Day | None
    undated: Count
    due_from: Annotated[Day | None, Rule("the first day on which one of them was eligible")]
    due_until: Day | None


@dataclass(frozen=True, slots=True)
class Signatory:
    """A person and what the person did; titles: the roles held when the certificate was issued."""

    act: Literal["proposed", "approved", "executed", "certified", "received"]
    name: str
    titles: tuple[str, ...]
    at: Instant
    as_deputy: bool


@dataclass(frozen=True, slots=True)
class CertifiedException:
    """How many due records were not taken up or left again, and why."""

    why: ExceptionReason
    records: Count


@dataclass(frozen=True, slots=True)
class CertifiedProof:
    """What was searched after the destruction; words and keys: how many marks of the batch, none of which was found."""

    level: ProofLevel
    proven_at: Instant
    index: str
    words: Count
    keys: Count
    files: Count
    bytes: Count
    master_rotated: bool


@dataclass(frozen=True, slots=True)
class RemainingCopies:
    """Identical records kept on their own: the same Message-ID or the same content, under another series or later."""

    series: str
    records: Count
    first: Annotated[tuple[str, ...], Rule("the first of them")]


@dataclass(frozen=True, slots=True)
class RemainingProduction:
    """A production delivered for a request that contains such records."""

    number: str
    records: Count


@dataclass(frozen=True, slots=True)
class RemainingSource:
    """A live source that still showed such records when it was last read."""

    source: str
    records: Count
    last_seen: Instant
    seen_again: Count


@dataclass(frozen=True, slots=True)
class RemainingBackup:
    """A backup from before; without the key that was in force then nothing of these records opens from it."""

    place: str
    taken_at: Instant
    expires_on: Day | None
    key_in_force: bool


@dataclass(frozen=True, slots=True)
class Remaining:
    """What remains elsewhere."""

    copies: tuple[RemainingCopies, ...]
    productions: tuple[RemainingProduction, ...]
    sources: tuple[RemainingSource, ...]
    backups: tuple[RemainingBackup, ...]


@dataclass(frozen=True, slots=True)
class PaperLine:
    """Records on paper that were destroyed beside, as a person entered them."""

    series: str
    description: str
    quantity: str
    first: Day | None
    last: Day | None
    destroyed_on: Day
    entered_by: str


@dataclass(frozen=True, slots=True)
class CertifiedTransfer:
    """To whom the records were handed over, and how it was acknowledged; bag: of tagmanifest-sha256.txt."""

    recipient: str
    copy_kept: bool
    acceptance: str
    sent_at: Instant
    bag: Sha256
    not_public_agreed_by: str | None
    receipt: str
    receipted_at: Instant


@dataclass(frozen=True, slots=True)
class CertifiedPart:
    """A part of a record that an order covered; the rest of the record was sealed anew and is kept."""

    record: Annotated[str, Rule(pattern="^R[0-9]+$")]
    role: str
    bytes: Count
    digest: Annotated[Sha256, Rule("salted, as in the archive's log")]


@wire("certificate/1")
@dataclass(frozen=True, slots=True)
class Certificate:
    """A signed statement of a destruction, transfer or expungement; the signature is over this file's bytes."""

    number: Annotated[str, Rule(pattern="^C[0-9]{4}-[0-9]+$")]
    kind: CertificateKind
    statement: str
    for_tests: Annotated[bool, Rule("made by an archive whose clock tests may set: no evidence of anything")]
    issued_at: Instant
    city: str
    jurisdiction: str
    time_zone: str
    disposition: Annotated[str, Rule(pattern="^D[0-9]+$")]
    schedule: CertifiedSchedule | None
    series: CertifiedSeries
    lines: tuple[CertifiedLine, ...]
    records: Count
    bytes: Count
    method: str
    signatories: tuple[Signatory, ...]
    resolution: str | None
    began_at: Instant | None
    completed_at: Instant | None
    orders_checked_at: Annotated[Instant | None, Rule("holds and open requests; they are asked again for each record")]
    holds_in_force: Count
    open_requests: Count
    exceptions: tuple[CertifiedException, ...]
    proof: CertifiedProof | None
    remaining: Remaining
    damage: Annotated[tuple[str, ...], Rule("what the last verification found wrong elsewhere in the archive")]
    approved_list: Annotated[Sha256, Rule("of the list that was approved")]
    tombstones: Annotated[Sha256 | None, Rule("Merkle tree root (RFC 9162) over the tombstones' digests, by record")]
    paper: tuple[PaperLine, ...]
    transfer: CertifiedTransfer | None
    parts: Annotated[tuple[CertifiedPart, ...], Rule("of an expungement; empty where whole records went")]


@wire("certificate-signature/1")
@dataclass(frozen=True, slots=True)
class CertificateSignature:
    """The signature of certificate.json; signed are the bytes of that file."""

    algorithm: Literal["Ed25519"]
    number: str
    public_key: Annotated[str, Rule("Ed25519 public key (RFC 8032), lower-case hex", pattern="^[0-9a-f]{64}$")]
    signature: Annotated[str, Rule("Ed25519 signature (RFC 8032), lower-case hex", pattern="^[0-9a-f]{128}$")]
