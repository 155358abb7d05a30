"""Makes items of rows: what a text message or call was, from whom to whom, and an id that later backups repeat."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from connectors.contract import INLINE_LIMIT, Sink
from connectors.files import spool_or_bytes
from connectors.sms_backup.addresses import address_kind, key_address, normalised
from connectors.sms_backup.markup import Malformed, Tags, decoded, tags
from connectors.sms_backup.reader import Backup
from connectors.sms_backup.scanner import Stretch
from schema.item import Attachment, Blob, Item, Moment, Party, Provenance, Unreadable
from schema.vocab import Direction, Kind, PartyRole, Visibility

_SECONDS_BELOW = 10**11
_LATEST = 253_402_300_800_000  # year 10000, in ms
_OWN = "insert-address-token"
_RCS = "proto:"  # chat messages hold their own binary data where a subject would be
_NO_NAMES = frozenset({"null", "", "(Unknown)"})
_STATES = {"3": "draft", "4": "outbox", "5": "failed", "6": "queued"}
_CALLS = {
    "1": "incoming",
    "2": "outgoing",
    "3": "missed",
    "4": "voicemail",
    "5": "rejected",
    "6": "blocked",
    "7": "answered_externally",
}
_PRESENTATIONS = {"1": "allowed", "2": "restricted", "3": "unknown", "4": "payphone"}
_ROLES = {"137": PartyRole.AUTHOR, "151": PartyRole.TO, "130": PartyRole.CC, "129": PartyRole.BCC}
_CHARSETS = {"4": "latin-1", "1015": "utf-16"}  # IANA MIBenum; the rest is taken as UTF-8
_SIDE = {Direction.RECEIVED: "in", Direction.SENT: "out", Direction.UNKNOWN: "unknown"}

Attributes = dict[str, str]


def value(attributes: Attributes, name: str) -> str | None:
    """Return an attribute; the exporter writes what is absent as the word null."""
    found = attributes.get(name)
    return None if found in (None, "", "null") else found


def millis(written: str | None) -> int | None:
    """Return a time in ms UTC, from ms or, below 10^11, seconds; None for none, zero and nonsense."""
    try:
        number = int(written or 0)
    except ValueError:
        return None
    number = number * 1000 if number < _SECONDS_BELOW else number
    return number if 0 < number < _LATEST else None


@lru_cache(maxsize=1 << 16)
def _party(role: PartyRole, address: str, name: str | None) -> Party:
    return Party(role, address, address_kind(address), name)


class Occurrences:
    """Numbers equal rows, which the backups of a restored phone hold side by side.

    Backups are in order of time, so only rows of one time are compared, and at most LIMIT of them: an equal row
    elsewhere gets the same id, and is then the same content again.  Those in scope alone go into the cursor: equal rows
    are in scope together, and what the others are called does not matter.
    """

    LIMIT = 64

    def __init__(self, time: str, counts: dict[str, int]) -> None:
        self.time, self.counts = time, counts
        self._last, self._kept = "", set(counts)

    def name(self, time: str, key: str) -> str:
        """Return the native id of a row: its time and key, and from the second equal one on its number."""
        if time != self.time:
            self.time, self.counts, self._kept = time, {}, set()
        self._last, count = key, self.counts.pop(key, 0) + 1
        self.counts[key] = count
        if len(self.counts) > self.LIMIT:
            del self.counts[next(iter(self.counts))]
        return f"{time}:{key}" if count == 1 else f"{time}:{key}:{count}"

    def keep(self) -> None:
        """Note that the row named last is in scope."""
        self._kept.add(self._last)

    def kept(self) -> tuple[str, dict[str, int]]:
        """Return the time and counts of rows in scope, as the cursor may know them."""
        counts = {key: count for key, count in self.counts.items() if key in self._kept}
        return (self.time, counts) if counts else ("", {})


@dataclass(slots=True)
class Builder:
    """Makes the items of one backup file.

    own_number: of this phone, as given.  region: of numbers without a country code.  retrieved_at: ms UTC.
    repaired, without_media, bad_media: characters lost, attachments that the file only names, and broken ones, so far.
    """

    backup: Backup
    sink: Sink
    retrieved_at: int
    own_number: str | None
    region: str
    occurrences: Occurrences
    repaired: int = 0
    without_media: int = 0
    bad_media: int = 0

    def build(self, stretch: Stretch, wanted: Callable[[int | None], bool]) -> Item | Unreadable | None:
        """Return the item of a stretch, or None where `wanted` refuses its time."""
        if not stretch.tag:
            return self._unreadable(stretch, stretch.reason)
        try:
            found, repaired = tags(stretch.body)
        except Malformed as error:
            return self._unreadable(stretch, f"the <{stretch.tag}> element is not well-formed ({error})")
        self.repaired += repaired
        sent = millis(found[0][1].get("date"))
        if not wanted(sent):
            return None
        if stretch.tag == "sms":
            return self._sms(stretch, found[0][1], sent)
        if stretch.tag == "mms":
            return self._mms(stretch, found, sent)
        return self._call(stretch, found[0][1], sent)

    def _sms(self, stretch: Stretch, row: Attributes, sent: int | None) -> Item:
        state = value(row, "type")
        direction = _direction(state)
        address, body = value(row, "address"), value(row, "body") or ""
        digest = _digest(key_address(address or ""), body)
        return self._item(
            stretch,
            Kind.MESSAGE,
            sent,
            direction,
            self._id("sms", sent, _SIDE[direction], digest),
            parties=self._two_sides(direction, address, row),
            text=body,
            title=value(row, "subject"),
            thread_id=self._thread((address,) if address else ()),
            attributes=_attributes(state=_state(state, direction), date_sent=millis(row.get("date_sent"))),
        )

    def _call(self, stretch: Stretch, row: Attributes, sent: int | None) -> Item:
        written = value(row, "type") or "unknown"
        call_type = _CALLS.get(written, written)
        direction = Direction.UNKNOWN
        if written in _CALLS:
            direction = Direction.SENT if call_type == "outgoing" else Direction.RECEIVED
        number, duration = value(row, "number"), value(row, "duration") or ""
        if number in {"-1", "-2", "-3"}:  # unknown, private and payphone numbers of older phones
            number = None
        presentation = value(row, "presentation") or ""
        digest = _digest(key_address(number or ""), duration)
        return self._item(
            stretch,
            Kind.CALL,
            sent,
            direction,
            self._id("call", sent, call_type, digest),
            parties=self._two_sides(direction, number, row),
            visibility=Visibility.PRIVATE,
            attributes=_attributes(
                duration_s=duration,
                call_type=call_type,
                presentation=_PRESENTATIONS.get(presentation, presentation),
            ),
        )

    def _mms(self, stretch: Stretch, found: Tags, sent: int | None) -> Item:
        row = found[0][1]
        box = value(row, "msg_box") or {"128": "2", "130": "1", "132": "1"}.get(row.get("m_type", ""))
        direction = _direction(box)
        address = value(row, "address")
        text, attachments, missing = self._parts(stretch, found)
        m_id, tr_id = value(row, "m_id"), value(row, "tr_id")
        addrs = [
            (attributes.get("type", ""), value(attributes, "address")) for name, attributes in found if name == "addr"
        ]
        others = [one for one in (address or "").split("~") if one and one not in {_OWN, "null"}]
        parties = self._parties(direction, addrs, others, row)
        everyone = tuple(others) or tuple(one for _, one in addrs if one and one != _OWN)
        content = () if m_id else (text, *(part for one in attachments for part in _fingerprint(one)))
        digest = _digest(key_address("~".join(everyone)), m_id or "", tr_id or "", *content)
        state = _state(box, direction) or ("not_downloaded" if row.get("m_type") == "130" else None)
        attributes = _attributes(state=state, date_sent=millis(row.get("date_sent")))
        return self._item(
            stretch,
            Kind.MESSAGE,
            sent,
            direction,
            self._id("mms", sent, _SIDE[direction], digest),
            parties=parties,
            text=text,
            title=None if (value(row, "sub") or "").startswith(_RCS) else value(row, "sub"),
            thread_id=self._thread(everyone),
            message_id=m_id,
            attachments=attachments,
            attributes=attributes + tuple(("missing_attachment", name) for name in missing),
        )

    def _item(
        self,
        stretch: Stretch,
        kind: Kind,
        sent: int | None,
        direction: Direction,
        native_id: str,
        *,
        parties: tuple[Party, ...] = (),
        visibility: Visibility = Visibility.DIRECT,
        text: str = "",
        title: str | None = None,
        thread_id: str | None = None,
        message_id: str | None = None,
        attachments: tuple[Attachment, ...] = (),
        attributes: tuple[tuple[str, str], ...] = (),
    ) -> Item:
        return Item(
            native_id,
            kind,
            self._raw(stretch),
            "application/xml",
            Provenance(self.retrieved_at, position=f"{self.backup.name}:{stretch.line}"),
            None if sent is None else Moment(sent),
            parties,
            direction,
            visibility,
            title,
            text,
            thread_id,
            message_id=message_id,
            attachments=attachments,
            attributes=attributes,
        )

    def _id(self, kind: str, sent: int | None, side: str, digest: str) -> str:
        time = "-" if sent is None else str(sent)
        return self.occurrences.name(f"{kind}:{time}", f"{side}:{digest}")

    def _raw(self, stretch: Stretch) -> bytes | Blob:
        """Return the row's own bytes as they lie in the file."""
        if stretch.exact and self.backup.encoding is None and len(stretch.body) <= INLINE_LIMIT:
            return stretch.body
        chunks = iter((stretch.body,)) if stretch.exact else self.backup.range("raw", stretch.start, stretch.end)
        return spool_or_bytes(self.backup.original(chunks), self.sink)

    def _unreadable(self, stretch: Stretch, reason: str) -> Unreadable:
        raw = spool_or_bytes(self.backup.original(self.backup.range("raw", stretch.start, stretch.end)), self.sink)
        digest = raw.sha256 if isinstance(raw, Blob) else hashlib.sha256(raw).digest()
        position = f"{self.backup.name}:{stretch.line}, byte {stretch.start}"
        where = Provenance(self.retrieved_at, position=position)
        return Unreadable(f"broken:{digest.hex()[:32]}", raw, "application/xml", reason, position, where)

    def _two_sides(self, direction: Direction, address: str | None, row: Attributes) -> tuple[Party, ...]:
        """Return the parties of a row with one other side; this phone is one where its number is known."""
        other, own = PartyRole.PARTICIPANT, PartyRole.PARTICIPANT
        if direction is Direction.RECEIVED:
            other, own = PartyRole.AUTHOR, PartyRole.TO
        elif direction is Direction.SENT:
            other, own = PartyRole.TO, PartyRole.AUTHOR
        name = row.get("contact_name", "")
        addresses = address.split("~") if address else []
        alone = None if name in _NO_NAMES or len(addresses) != 1 else name
        parties = tuple(_party(other, one, alone) for one in addresses if one)
        if self.own_number:
            ours = (_party(own, self.own_number, None),)
            parties = parties + ours if other is PartyRole.AUTHOR else ours + parties
        return parties

    def _parties(
        self, direction: Direction, addrs: list[tuple[str, str | None]], others: list[str], row: Attributes
    ) -> tuple[Party, ...]:
        """Return the parties of a multimedia message: those that it names, else those of its row."""
        name = row.get("contact_name", "")
        single = None if name in _NO_NAMES or len(others) != 1 else normalised(others[0], self.region)
        found: dict[Party, None] = {}
        for role, address in addrs:
            written = self.own_number if address == _OWN else address
            if written:
                known = name if normalised(written, self.region) == single else None
                found[_party(_ROLES.get(role, PartyRole.PARTICIPANT), written, known)] = None
        roles = {party.role for party in found}
        needed = PartyRole.AUTHOR if direction is Direction.RECEIVED else PartyRole.TO
        if not roles or (needed not in roles and len(others) == 1):
            for party in self._two_sides(direction, "~".join(others), row):
                found[party] = None
        return tuple(found)

    def _thread(self, addresses: tuple[str, ...]) -> str | None:
        """Return the conversation's name: its other participants, normalised and sorted."""
        own = normalised(self.own_number, self.region) if self.own_number else None
        if len(addresses) == 1 and "~" not in addresses[0]:
            return normalised(addresses[0], self.region)
        found = {normalised(one, self.region) for address in addresses for one in address.split("~") if one}
        return "~".join(sorted(found - {own} or found)) or None

    def _parts(self, stretch: Stretch, found: Tags) -> tuple[str, tuple[Attachment, ...], list[str]]:
        """Return a message's text, its attachments, and the names of those whose content the backup left out."""
        texts, attachments, missing = list[str](), list[Attachment](), list[str]()
        for number, (tag, part) in enumerate(found):
            if tag != "part":
                continue
            media_type = (value(part, "ct") or "application/octet-stream").split(";")[0].strip().lower()
            if media_type == "application/smil":
                continue
            written, data, cut = part.get("text"), part.get("data"), stretch.cuts.get((number, "data"))
            has_data = cut is not None or data not in (None, "", "null")
            if media_type == "text/plain" and written is not None and not (has_data and written in ("", "null")):
                texts.append("" if written == "null" else written)
                continue
            content: bytes | Blob | None = None
            if has_data:
                content = self._media(cut, data or "")
            elif text := value(part, "text"):
                content = text.encode()
            if media_type == "text/plain" and isinstance(content, bytes):
                texts.append(content.decode(_CHARSETS.get(part.get("chset", ""), "utf-8"), errors="replace"))
                continue
            name = value(part, "cl") or value(part, "name") or value(part, "fn") or f"part {part.get('seq', number)}"
            if content is None:
                missing.append(name)
                self.without_media += 1
            else:
                attachments.append(Attachment(name, media_type, content))
        return "\n".join(texts), tuple(attachments), missing

    def _media(self, cut: tuple[int, int] | None, data: str) -> bytes | Blob:
        """Return a part's content; as written where it is no base64, so that nothing is lost."""

        def written(lane: str) -> Iterator[bytes]:
            return self.backup.range(lane, *cut) if cut else iter((data.encode(),))

        try:
            return spool_or_bytes(decoded(written("media")), self.sink)
        except Malformed:
            self.bad_media += 1
            return spool_or_bytes(written("as written"), self.sink)


def _direction(box: str | None) -> Direction:
    if box == "1":
        return Direction.RECEIVED
    return Direction.SENT if box == "2" or box in _STATES else Direction.UNKNOWN


def _state(box: str | None, direction: Direction) -> str | None:
    """Return what became of a message that was not simply sent or received."""
    return (_STATES.get(box or "") or box) if direction is Direction.UNKNOWN or box in _STATES else None


def _attributes(**found: str | int | None) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(known)) for name, known in found.items() if known not in (None, ""))


def _fingerprint(attachment: Attachment) -> tuple[str, str]:
    content = attachment.content
    digest = content.sha256 if isinstance(content, Blob) else hashlib.sha256(content).digest()
    return attachment.media_type, digest.hex()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
