"""What a production is made of: one entry for each numbered record or request file, ready to be written."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from schema.item import Moment


@dataclass(frozen=True, slots=True)
class EntryFile:
    """A file that belongs to an entry.

    name: as it was called at the source; any text.  size: bytes.
    open: gives its plain bytes in chunks, from the beginning at each call.
    """

    name: str
    media_type: str
    size: int
    open: Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One numbered record or request file, with what may be seen of it (redactions already applied).

    number: such as A000123.  record_id: R123, or F3 for a request file.  version: from 1.
    sent: None where unknown.  author, recipients: names and addresses as shown.
    raw: the bytes as captured, None where they are withheld.  note: what the reader must know of this version.
    digest: salted digest of the content, lower-case hex.
    """

    number: str
    record_id: str
    version: int
    sent: Moment | None
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
    files: tuple[EntryFile, ...]
    raw: EntryFile | None
    url: str
    edited: bool
    note: str
    digest: str
