"""Mails out of files: single ones, and boxes (mbox, zip) that hold many."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from connectors.contract import Context
from connectors.errors import SkipItem
from connectors.files import Member, open_members
from connectors.mail_files.client import sniff
from connectors.mail_files.mbox import Found, Opener, part_of, split, unquoted
from connectors.rfc822 import MEMORY_LIMIT, Source, mail_item, owner_addresses
from connectors.rfc822_headers import identity
from connectors.rfc822_parts import parse_fields
from schema.item import Item, Provenance, Unreadable

READ = 1 << 20
Made = Item | Unreadable


@dataclass(slots=True)
class Reading:
    """What one run needs to make items, and what it came upon on the way."""

    context: Context
    owner: frozenset[str] = field(init=False)
    not_mail: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.owner = owner_addresses(self.context.settings.get("address"))

    def make(self, source: Source, native_id: str, position: str, folder: str, envelope: str = "") -> Made:
        """Make the item of one mail; `folder` is where in the mailbox it lay."""
        extra = [("folder", folder)] if folder else []
        extra += [("envelope", envelope[:300])] if envelope else []
        quoted = bool(envelope) and (callable(source) or b">From " in source)
        return mail_item(
            source,
            native_id=native_id,
            provenance=Provenance(self.context.now(), position=position),
            sink=self.context.sink,
            owner=self.owner,
            extra=tuple(extra),
            view=unquoted if quoted else None,
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """One mail of a box; `end` is the byte offset after it where the box is a plain mbox file, else 0."""

    native_id: str
    size: int
    end: int
    make: Callable[[], Made]


@dataclass(slots=True)
class Numbering:
    """Gives the second and later mails of one name in a box their own ids."""

    seen: dict[str, int] = field(default_factory=dict)

    def of(self, native_id: str) -> str:
        """Return the id, with "#2" and so on from its second time."""
        count = self.seen[native_id] = self.seen.get(native_id, 0) + 1
        return native_id if count == 1 else f"{native_id}#{count}"


def mbox_entries(reading: Reading, opener: Opener, name: str, prefix: str) -> Iterator[Entry]:
    """Yield the mails of an mbox; ids come from what stands in each header, so that a removed mail shifts no other."""
    numbers = Numbering()
    for found in split(opener(0)):
        if not found.data.strip():
            continue
        native_id = numbers.of(prefix + _identity(found))
        source: Source = found.data if found.whole else part_of(opener, found.start, found.end)

        def make(source: Source = source, native_id: str = native_id, found: Found = found) -> Made:
            return reading.make(source, native_id, f"{name}, byte {found.start}", name, found.envelope or "From")

        yield Entry(native_id, found.end - found.start, found.end, make)


def _identity(found: Found) -> str:
    fields, body, _ = parse_fields(found.data)
    name = identity(fields)
    if any(field == "message-id" for field, _ in fields):
        return name
    return f"{name}-{hashlib.sha256(found.data[body:]).hexdigest()[:16]}"


def zip_entries(reading: Reading, path: Path, name: str, prefix: str, warn: Callable[[str], None]) -> Iterator[Entry]:
    """Yield the mails in a zip archive; raises SkipItem when the archive cannot be read to its end."""
    numbers = Numbering()
    for member in open_members(path, nested=True):
        if member.problem:
            warn(f"{name}, {member.name}: {member.problem}.")
            continue
        try:
            yield from _member_entries(reading, member, name, prefix, numbers)
        except SkipItem as error:
            if type(error) is not SkipItem:  # a limit of the whole archive, not a fault of one member
                raise
            warn(f"{error.detail}.")


def _member_entries(reading: Reading, member: Member, name: str, prefix: str, numbers: Numbering) -> Iterator[Entry]:
    stream = member.open()
    head = next(stream, b"")
    kind = sniff(head[:4096], member.name.rpartition("/")[2], maildir=False) if head else None
    label = f"{name}!/{member.name}"
    if kind == "mbox":
        inner = numbers.of(prefix + member.name)
        yield from mbox_entries(reading, _skipping(member), label, f"{inner}//")
    elif kind == "mail":
        source: Source = _small(head, stream) or member.open
        native_id = numbers.of(prefix + member.name)
        folder = label.rpartition("/")[0].removesuffix("!")
        yield Entry(native_id, member.size, 0, lambda: reading.make(source, native_id, label, folder))
    else:
        reading.not_mail.append(label)


def _small(head: bytes, rest: Iterable[bytes]) -> bytes | None:
    """Return a stream's bytes where they fit into memory."""
    kept, size = [head], len(head)
    for chunk in rest:
        kept.append(chunk)
        size += len(chunk)
        if size > MEMORY_LIMIT:
            return None
    return b"".join(kept)


def _skipping(member: Member) -> Opener:
    def opener(start: int) -> Iterator[bytes]:
        left = start
        for chunk in member.open():
            if left >= len(chunk):
                left -= len(chunk)
                continue
            yield chunk[left:]
            left = 0

    return opener


def file_opener(path: str, size: int) -> Opener:
    """Return what streams a file, but only the `size` bytes that it had when it was listed."""

    def opener(start: int) -> Iterator[bytes]:
        left = size - start
        with open(path, "rb") as handle:
            handle.seek(start)
            while left > 0 and (chunk := handle.read(min(READ, left))):
                left -= len(chunk)
                yield chunk

    return opener


class PrefixDigest:
    """Digest of a file's beginning, taken further as reading goes on, so that each byte is digested once."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._digest = hashlib.sha256()
        self._length = 0

    def upto(self, end: int) -> str:
        """Return 16 hex digits for the bytes [0, end); `end` never goes back."""
        if end > self._length:
            for chunk in part_of(self._opener, self._length, end)():
                self._digest.update(chunk)
            self._length = end
        return self._digest.copy().hexdigest()[:16]
