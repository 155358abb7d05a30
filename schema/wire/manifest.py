"""What a production package says of itself: `manifest.json`, `manifest.sig.json` and the lines of `records.jsonl`."""

from dataclasses import dataclass
from typing import Annotated, Literal

from schema.vocab import Precision
from schema.wire.shape import Rule, wire

Number = Annotated[str, Rule("number in the production, such as A000123", pattern="^[A-Z]{1,8}[0-9]{1,12}$")]
Sha256 = Annotated[str, Rule("SHA-256, lower-case hex", pattern="^[0-9a-f]{64}$")]
PublicKey = Annotated[str, Rule("Ed25519 public key (RFC 8032), lower-case hex", pattern="^[0-9a-f]{64}$")]
Root = Annotated[str, Rule("Merkle tree root (RFC 9162, 2.1.1) over the lines", pattern="^[0-9a-f]{64}$")]
FileId = Annotated[str, Rule("HMAC of the path under the production's seed", pattern="^[0-9a-f]{32}$")]
Count = Annotated[int, Rule(minimum=0)]


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One file of the package."""

    id: FileId
    path: Annotated[str, Rule("relative path, parts joined by /")]
    sha256: Sha256
    size: Annotated[int, Rule("bytes", minimum=0)]


@dataclass(frozen=True, slots=True)
class ManifestRecord:
    """One record or request file of the production."""

    number: Number
    record: Annotated[str, Rule("R and the record's id, or F and the request file's")]
    version: Annotated[int, Rule("which observed state, from 1", minimum=1)]
    digest: Annotated[str, Rule("salted digest of the record's content, lower-case hex", pattern="^([0-9a-f]{2})*$")]
    files: tuple[FileId, ...]


@dataclass(frozen=True, slots=True)
class ManifestCounts:
    """How much the package holds."""

    records: Count
    files: Annotated[int, Rule("every file but manifest.json and manifest.sig.json", minimum=0)]
    bytes: Annotated[int, Rule("sum of the files' sizes", minimum=0)]
    volumes: Count
    shown_by_name: Annotated[int, Rule("characters that the PDF shows by name or code, having no glyph", minimum=0)]


@wire("manifest/1")
@dataclass(frozen=True, slots=True)
class Manifest:
    """What a production contains.

    The root covers, each as `KIND canonical-JSON`: one `production` line (this object without records, files and root),
    a `record` line for each record and a `file` line for each file, sorted by bytes.
    """

    production: str
    request: str
    public_key: PublicKey
    counts: ManifestCounts
    records: tuple[ManifestRecord, ...]
    files: tuple[ManifestFile, ...]
    root: Root


@wire("manifest-signature/1")
@dataclass(frozen=True, slots=True)
class ManifestSignature:
    """The signature of a production's root, beside the manifest so that the manifest is reproducible.

    Signed is `manifest-signature/1`, a line feed, and the canonical JSON of this object without `signature`.
    """

    algorithm: Literal["Ed25519"]
    production: str
    public_key: PublicKey
    root: Root
    signed_at: Annotated[int, Rule("milliseconds since 1970-01-01 UTC", minimum=0)]
    signature: Annotated[str, Rule("Ed25519 signature (RFC 8032), lower-case hex", pattern="^[0-9a-f]{128}$")]


@dataclass(frozen=True, slots=True)
class ProducedTime:
    """When a record was sent."""

    at: Annotated[int, Rule("milliseconds since 1970-01-01 UTC")]
    offset_min: Annotated[int | None, Rule("minutes east of UTC at the source, null where it does not say")]
    precision: Precision
    printed: Annotated[str, Rule("as the PDF and the sheet print it")]


@dataclass(frozen=True, slots=True)
class ProducedFile:
    """A file that belongs to a record."""

    name: Annotated[str, Rule("as it was called at the source")]
    media_type: str
    role: Literal["attachment", "raw", "text"]
    path: Annotated[str, Rule("where it lies in the package")]
    sha256: Sha256
    size: Annotated[int, Rule("bytes", minimum=0)]


@wire("production-record/1")
@dataclass(frozen=True, slots=True)
class ProducedRecord:
    """One line of records.jsonl."""

    number: Number
    record: str
    version: Annotated[int, Rule(minimum=1)]
    digest: str
    sent: ProducedTime | None
    platform: str
    kind: str
    source: str
    custodian: str
    series: str
    author: str
    recipients: tuple[str, ...]
    thread: str
    title: str
    text: str
    url: str
    edited: bool
    note: str
    files: tuple[ProducedFile, ...]
