"""Turns the bytes of one mail into an Item, whatever the mail's state; shared by every connector that meets mail."""

import hashlib
import mimetypes
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain

from connectors.contract import INLINE_LIMIT, Sink, Window
from connectors.errors import Retry
from connectors.files import spool_or_bytes
from connectors.rfc822_headers import base_subject, message_ids, moment, parties, received, text_of
from connectors.rfc822_parts import Fields, Part, Reader, parameters, parse_fields, walk
from connectors.rfc822_parts import field as header_field
from connectors.rfc822_text import decode_bytes, html_text, unflow
from schema.item import Attachment, Blob, Item, Party, Provenance, Unreadable
from schema.vocab import Direction, Kind, PartyRole, Visibility

MEMORY_LIMIT = 16 << 20
"""Bytes: a connector hands larger mails over as a reopenable stream, never whole."""
RAW_TYPE = "message/rfc822"
_TEXT_LIMIT = 4 << 20
_CONTROLS = re.compile(r"[\x00-\x1f\x7f/\\]+")
_PARTS_LIMIT = 10_000
_TOO_MANY = "too many parts; those beyond 10,000 are only in the mail as received"
_BARE = 400
_FACTS = (
    ("reply_to", "reply-to"), ("sender", "sender"), ("list_id", "list-id"), ("delivered_to", "delivered-to"),
    ("auto_submitted", "auto-submitted"),
)  # fmt: skip
_NAMES = {
    "text/calendar": ".ics", "message/delivery-status": ".txt", "text/rfc822-headers": ".txt", RAW_TYPE: ".eml",
    "message/disposition-notification": ".txt", "application/pgp-signature": ".asc", "image/jpeg": ".jpg",
    "application/ms-tnef": ".dat", "text/html": ".html", "text/plain": ".txt",
}  # fmt: skip

Source = bytes | Callable[[], Iterable[bytes]]
"""A mail: its bytes, or where it is large a function that streams them from the beginning each time."""


def owner_addresses(setting: object) -> frozenset[str]:
    """Return the mailbox owner's addresses out of a setting that separates them by commas."""
    return frozenset(part.strip().lower() for part in str(setting or "").split(",") if part.strip())


def mail_item(
    source: Source,
    *,
    native_id: str,
    provenance: Provenance,
    sink: Sink,
    owner: frozenset[str] = frozenset(),
    extra: tuple[tuple[str, str], ...] = (),
    view: Callable[[Iterable[bytes]], Iterable[bytes]] | None = None,
) -> Item | Unreadable:
    """Read one mail; Unreadable only where its bytes do not begin with a single header field.

    owner: lower-case addresses of the mailbox's owner, which tell the direction.
    extra: attributes that the connector adds.
    view: undoes what the storage did to the lines (mbox quoting) before they are read; raw stays as stored.
    Raises Retry when a streamed mail was not the same in the two passes that it takes.
    """
    raw, chunks = _raw_and_chunks(source, sink)
    digest = hashlib.sha256()
    draft = _Draft(sink)
    streamed = isinstance(raw, Blob) and callable(source)
    chunks = _hashed(chunks, digest.update) if streamed else chunks
    steps = walk(Reader(view(chunks) if view else chunks), draft.defects)
    fields = next(steps)[0] or []
    if not fields:
        reason = "It is no mail: it does not begin with a header."
        return Unreadable(native_id, raw, RAW_TYPE, reason, provenance.position or native_id, provenance)
    for _, part in steps:
        if part is not None and draft.count < _PARTS_LIMIT:
            draft.add(part)
        elif part is not None and _TOO_MANY not in draft.defects[-1:]:
            draft.defects.append(_TOO_MANY)
    if streamed and isinstance(raw, Blob) and digest.digest() != raw.sha256:
        raise Retry("a large mail changed while it was being read", where=provenance.position)
    return _item(_Whole(fields, draft, raw, native_id, provenance, owner, extra))


def within(item: Item | Unreadable, window: Window) -> bool:
    """Tell whether an item belongs to the window; one of unknown time always does."""
    if not isinstance(item, Item) or item.sent is None:
        return True
    at = item.sent.at
    return (window.since is None or at >= window.since) and (window.until is None or at < window.until)


def covers(known: list[int | None] | None, window: Window) -> bool:
    """Tell whether what was read under one window (since, until) answers another too."""
    if known is None:
        return False
    since, until = known
    return (since is None or (window.since is not None and window.since >= since)) and (
        until is None or (window.until is not None and window.until <= until)
    )


def _raw_and_chunks(source: Source, sink: Sink) -> tuple[bytes | Blob, Iterable[bytes]]:
    if callable(source):
        raw = spool_or_bytes(source(), sink)
        return raw, (source() if isinstance(raw, Blob) else (raw,))
    view = source if b"\n" in source else source.replace(b"\r", b"\n")  # line ends of old Macintoshes
    return (source if len(source) <= INLINE_LIMIT else sink.spool((source,))), (view,)


def _hashed(chunks: Iterable[bytes], update: Callable[[bytes], None]) -> Iterator[bytes]:
    for chunk in chunks:
        update(chunk)
        yield chunk


@dataclass(slots=True)
class _Draft:
    """What the parts of a mail add up to."""

    sink: Sink
    defects: list[str] = field(default_factory=list)
    bodies: list[tuple[int | None, bool, str]] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    count: int = 0

    def add(self, part: Part) -> None:
        """Take a part as text that is read in place, or as an attachment."""
        self.count += 1
        disposition, details = parameters(header_field(part.fields, "content-disposition"), "")
        name = details.get("filename") or part.params.get("name") or ""
        in_place = part.media_type in {"text/plain", "text/html"} and disposition != "attachment"
        if not in_place or (name and not part.root):
            self._attach(part, name, spool_or_bytes(part.chunks, self.sink))
            return
        head, size = [], 0
        for chunk in part.chunks:
            head.append(chunk)
            size += len(chunk)
            if size > _TEXT_LIMIT:
                self._attach(part, name, self.sink.spool(chain(head, part.chunks)))
                self.defects.append("a text too long to show in place is kept as an attachment")
                break
        self._text(part, b"".join(head)[:_TEXT_LIMIT])

    def _text(self, part: Part, data: bytes) -> None:
        text, problem = decode_bytes(data, part.params.get("charset"))
        if problem:
            self.defects.append(problem)
        text = text.replace("\r\n", "\n").replace("\0", "")
        if part.media_type == "text/plain" and part.params.get("format", "").lower() == "flowed":
            text = unflow(text, part.params.get("delsp", "").lower() == "yes")
        self.bodies.append((part.alternative, part.media_type == "text/html", text))

    def _attach(self, part: Part, name: str, content: bytes | Blob) -> None:
        if not name and part.media_type == RAW_TYPE and isinstance(content, bytes):
            name = (text_of(parse_fields(content)[0], "subject") or "message")[:100] + ".eml"
        if not name:
            ending = _NAMES.get(part.media_type) or mimetypes.guess_extension(part.media_type, strict=False) or ".bin"
            name = f"part-{self.count}{ending}"
        description = text_of(part.fields, "content-description")
        self.attachments.append(Attachment(_CONTROLS.sub("_", name), part.media_type, content, description))

    def text(self) -> str:
        """Return what a reader sees: of each alternative the plain text, unless it only points to the HTML."""
        shown: list[str] = []
        done: set[int] = set()
        for group, is_html, text in self.bodies:
            if group is None:
                shown.append(html_text(text) if is_html else text)
            elif group not in done:
                done.add(group)
                shown.append(_alternative([(html, body) for have, html, body in self.bodies if have == group]))
        return "\n".join(part for part in shown if part.strip()).strip("\r\n")


def _alternative(bodies: list[tuple[bool, str]]) -> str:
    plain = "\n".join(text for is_html, text in bodies if not is_html)
    if len(plain.strip()) >= _BARE or all(not is_html for is_html, _ in bodies):
        return plain
    rich = "\n".join(html_text(text) for is_html, text in bodies if is_html)
    if not plain.strip():
        return rich
    # "Your program cannot show this mail" must not hide what everybody else read.
    return f"{plain}\n\n{rich}" if len(rich) > 2 * len(plain) + 200 else plain


@dataclass(frozen=True, slots=True)
class _Whole:
    """A mail read to its end, and what its connector said of it."""

    fields: Fields
    draft: _Draft
    raw: bytes | Blob
    native_id: str
    provenance: Provenance
    owner: frozenset[str]
    extra: tuple[tuple[str, str], ...]


def _item(mail: _Whole) -> Item:
    fields, provenance = mail.fields, mail.provenance
    date = text_of(fields, "date")
    sent = moment(date, provenance.retrieved_at) if date else None
    attributes = [*mail.extra, *_attributes(fields, provenance.retrieved_at)]
    if date and sent is None:
        attributes.append(("date_as_written", date[:200]))
    attributes.extend(("defect", defect) for defect in dict.fromkeys(mail.draft.defects))
    own_id = next(iter(message_ids(fields, "message-id")), None)
    answered = message_ids(fields, "in-reply-to")
    roots = message_ids(fields, "references") or answered
    title = text_of(fields, "subject")
    people = parties(fields)
    return Item(
        native_id=mail.native_id,
        kind=Kind.EMAIL,
        raw=mail.raw,
        raw_type=RAW_TYPE,
        provenance=provenance,
        sent=sent,
        parties=people,
        direction=_direction(people, mail.owner),
        visibility=Visibility.DIRECT,
        title=title,
        text=mail.draft.text(),
        thread_id=roots[0] if roots else own_id or mail.native_id,
        thread_title=base_subject(title) if title else None,
        in_reply_to=answered[0] if answered else None,
        message_id=own_id,
        attachments=tuple(mail.draft.attachments),
        attributes=tuple(attributes),
    )


def _attributes(fields: Fields, retrieved_at: int) -> Iterator[tuple[str, str]]:
    arrived = received(fields, retrieved_at)
    if arrived:
        yield "received_at", datetime.fromtimestamp(arrived.at / 1000, UTC).isoformat()
    for name, have in _FACTS:
        value = text_of(fields, have)
        if value:
            yield name, value[:1000]


def _direction(people: tuple[Party, ...], owner: frozenset[str]) -> Direction:
    if not owner:
        return Direction.UNKNOWN
    written = any(one.role is PartyRole.AUTHOR and one.address.lower() in owner for one in people)
    return Direction.SENT if written else Direction.RECEIVED
