"""The shape of what a connector hands over, before it is ours."""

from dataclasses import dataclass, field

from schema.vocab import AddressKind, Direction, Kind, PartyRole, Precision, Visibility


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as its source knew it.

    at: milliseconds since 1970-01-01 UTC.
    offset_min: minutes east of UTC at the source, None where the source does not say.
    """

    at: int
    offset_min: int | None = None
    precision: Precision = Precision.SECOND


@dataclass(frozen=True, slots=True)
class Party:
    """A person or address that takes part in an item, as the source writes it (accession normalises)."""

    role: PartyRole
    address: str
    kind: AddressKind
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that the sink has already spooled sealed, because they are too large to hold in memory.

    ref: the sink's own name for them.  size: bytes.  sha256: of the plain bytes.
    """

    ref: str
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that belongs to an item; content above 1 MiB is a Blob."""

    name: str
    media_type: str
    content: bytes | Blob
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """How and from where the bytes came.

    retrieved_at: milliseconds UTC.  status: HTTP status or protocol answer, where there is one.
    """

    retrieved_at: int
    url: str | None = None
    status: int | None = None
    request_id: str | None = None
    position: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One thing at its source in one state.

    native_id: stable and unique within the source.
    version_id: the source's own mark of this state (edit time, revision), None where it has none.
    text: what a reader sees, plain; raw: the item's own bytes as received.
    hidden: whether the account's staff hid it at the source, None where the source does not say.
    attributes: further facts of the source, name -> value, that belong to the content.
    A later Item with the same native_id is a later state of the same thing.
    """

    native_id: str
    kind: Kind
    raw: bytes | Blob
    raw_type: str
    provenance: Provenance
    sent: Moment | None = None
    parties: tuple[Party, ...] = ()
    direction: Direction = Direction.UNKNOWN
    visibility: Visibility = Visibility.UNKNOWN
    title: str | None = None
    text: str = ""
    thread_id: str | None = None
    thread_title: str | None = None
    in_reply_to: str | None = None
    message_id: str | None = None
    url: str | None = None
    attachments: tuple[Attachment, ...] = ()
    version_id: str | None = None
    edited: Moment | None = None
    hidden: bool | None = None
    attributes: tuple[tuple[str, str], ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Bytes that could not be understood; kept raw from a city source, only counted from a declared one.

    reason: one sentence for a person.  position: file and line, byte offset or address.
    """

    native_id: str
    raw: bytes | Blob
    raw_type: str
    reason: str
    position: str
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Gone:
    """Positive evidence that the source no longer has an item (404, VANISHED, tombstone); never mere absence."""

    native_id: str
    evidence: str
    at: Moment | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of time (half-open, milliseconds UTC, None: open-ended) that the source could not show."""

    since: int | None
    until: int | None
    reason: str
