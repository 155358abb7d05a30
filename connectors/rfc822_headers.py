"""What the header of a mail says: who, when, which mail it answers (RFC 5322, 2047, 6532)."""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import getaddresses, parsedate_to_datetime
from functools import lru_cache

from connectors.rfc822_parts import Fields
from connectors.rfc822_text import decode_words, unfold
from schema.item import Moment, Party
from schema.vocab import AddressKind, PartyRole, Precision

IDENTITY = frozenset({"message-id", "date", "from", "to", "cc", "subject", "received"})
_MESSAGE_ID = re.compile(r"<([^<>]+)>")
_MAILBOX = re.compile(
    r'\s*(?:(?:"([^"\\]*)"|([^",<>()\\:;@]*))\s*<([^<>@\s,"]+@[^<>@\s,"]+)>|([^<>@\s,"():;]+@[^<>@\s,"():;]+))\s*(?:,|\Z)'
)
_LOOSE = re.compile(r"[^\s<>,;:\"'()\[\]]+@[^\s<>,;:\"'()\[\]]+")
_DATE = re.compile(
    r"(?:[A-Za-z]{3},\s*)?(\d{1,2})\s+([A-Za-z]{3})\s+(\d{4})\s+(\d\d):(\d\d)(?::(\d\d))?\s+([+-])(\d\d)(\d\d)\b"
)
_MONTHS = {"janfebmaraprmayjunjulaugsepoctnovdec"[at * 3 :][:3]: at + 1 for at in range(12)}
_REPLY = re.compile(
    r"\s*(?:(?:re|r|fwd?|aw|wg|sv|vs|vb|rv|ref|enc|tr|antw|antwort|odp|ynt|res|doorst|回复|答复|转发|轉寄|返信|転送)"
    r"\s*(?:\[\d+\]|\(\d+\)|\^\d+)?\s*[:：]\s*)+",
    re.I,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = 365 * 86_400_000  # ms: clocks without battery say 1970; mail began in 1971
_LONG = 4000  # characters: no more is searched where a search may look back
_FUTURE = 2 * 86_400_000
_LARGEST_OFFSET = 15 * 60


def identity(fields: Fields) -> str:
    """Return 16 hex digits that name one delivery of one mail, the same after moves between folders and exports.

    They cover the fields that servers keep as they are, `Received` among them, so that two deliveries of one
    Message-ID differ; no flags and no body, so that a listing of headers is enough to compute it.
    """
    kept = sorted((name, at, b" ".join(value.split())) for at, (name, value) in enumerate(fields) if name in IDENTITY)
    digest = hashlib.sha256(b"\n".join(name.encode() + b":" + value for name, _, value in kept))
    return digest.hexdigest()[:16]


def text_of(fields: Fields, name: str) -> str | None:
    """Return a header field as a reader sees it, None where it is missing or empty."""
    value = next((value for have, value in fields if have == name), None)
    return decode_words(unfold(value)) or None if value is not None else None


def parties(fields: Fields) -> tuple[Party, ...]:
    """Return authors and recipients; where From is missing, Sender is the author."""
    found: list[Party] = []
    for name, role in (("from", PartyRole.AUTHOR), ("to", PartyRole.TO), ("cc", PartyRole.CC), ("bcc", PartyRole.BCC)):
        values = [value for have, value in fields if have == name]
        if name == "from" and not any(value.strip() for value in values):
            values = [value for have, value in fields if have == "sender"]
        for value in values:
            found.extend(Party(role, address, kind, label) for label, address, kind in addresses(unfold(value)))
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=2048)
def addresses(value: str) -> tuple[tuple[str | None, str, AddressKind], ...]:
    """Return (name, address, kind) of each mailbox in an unfolded address field; groups are opened."""
    value = " ".join(value.split())
    return tuple(_simple(value) or _awkward(value))


def _simple(value: str) -> list[tuple[str | None, str, AddressKind]]:
    """Read the plain forms, nearly all of them; returns nothing where one is not plain."""
    out: list[tuple[str | None, str, AddressKind]] = []
    pos = 0
    while pos < len(value):
        found = _MAILBOX.match(value, pos)
        if found is None:
            return []
        quoted, bare, angled, alone = found.groups()
        name = decode_words(quoted if quoted is not None else (bare or "")).strip()
        out.append((name or None, angled or alone, AddressKind.EMAIL))
        pos = found.end()
    return out


def _awkward(value: str) -> Iterator[tuple[str | None, str, AddressKind]]:
    known = False
    try:
        found = getaddresses([value])
    except (RecursionError, ValueError, IndexError):  # comments nested beyond reason
        found = []
    for written, address in found:
        name = decode_words(written).strip() or None
        if "@" in address:
            known = True
            yield name, address.strip(), AddressKind.EMAIL
        elif name and address.strip():  # a name on the sender's own machine, such as <root>
            known = True
            yield name, address.strip(), AddressKind.NAME
    if known:
        return
    loose = _LOOSE.findall(value[:_LONG])
    if loose:
        yield from ((None, address, AddressKind.EMAIL) for address in loose)
    elif value.strip() and not value.rstrip().endswith(";"):
        yield None, decode_words(value[:_LONG]).strip(), AddressKind.NAME


def moment(value: str, retrieved_at: int) -> Moment | None:
    """Return a Date field's time; None where it cannot be read or cannot be true (before 1971, after tomorrow).

    retrieved_at: milliseconds UTC.  An offset of -0000 or an unknown zone is an unknown offset (RFC 5322 section 3.3).
    """
    value = value[:200]
    try:
        at, offset, exact = _plain_date(value) or _odd_date(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if not _EARLIEST <= at <= retrieved_at + _FUTURE:
        return None
    return Moment(at, offset, Precision.SECOND if exact else Precision.MINUTE)


def _plain_date(value: str) -> tuple[int, int | None, bool] | None:
    found = _DATE.match(value)
    month = _MONTHS.get(found[2].lower()) if found else None
    if found is None or month is None:
        return None
    day, _, year, hour, minute, second, sign, zone_hours, zone_minutes = found.groups()
    offset = (int(zone_hours) * 60 + int(zone_minutes)) * (-1 if sign == "-" else 1)
    known = int(zone_minutes) < 60 and abs(offset) <= _LARGEST_OFFSET
    # A leap second is the last of its minute here.
    local = datetime(int(year), month, int(day), int(hour), int(minute), min(int(second or 0), 59), tzinfo=UTC)
    at = (local - _EPOCH) // timedelta(milliseconds=1) - (offset * 60_000 if known else 0)
    return at, offset if known and not (sign == "-" and offset == 0) else None, second is not None


def _odd_date(value: str) -> tuple[int, int | None, bool]:
    parsed = parsedate_to_datetime(value)
    zone = parsed.utcoffset()
    offset = int(zone.total_seconds() // 60) if zone is not None else None
    if offset is not None and abs(offset) > _LARGEST_OFFSET:
        offset, parsed = None, parsed.replace(tzinfo=None)
    at = (parsed.replace(tzinfo=parsed.tzinfo or UTC) - _EPOCH) // timedelta(milliseconds=1)
    return at, offset, re.search(r"\d:\d\d[:.]\d\d", value) is not None


def received(fields: Fields, retrieved_at: int) -> Moment | None:
    """Return when the last server on the way took the mail over (the topmost Received field)."""
    value = next((value for name, value in fields if name == "received"), None)
    return moment(unfold(value).rpartition(";")[2].strip(), retrieved_at) if value is not None else None


def message_ids(fields: Fields, name: str) -> list[str]:
    """Return the Message-IDs in a field, without their angle brackets; a bare one counts when it is alone."""
    text = " ".join(unfold(value) for have, value in fields if have == name)
    found = [one.strip() for one in _MESSAGE_ID.findall(text)]
    return found or ([text.strip("<> ")] if "@" in text and " " not in text.strip() else [])


def base_subject(subject: str) -> str:
    """Return a subject without the marks of replies and forwards, in the languages that mailers use."""
    subject = " ".join(subject.split())[:_LONG]
    found = _REPLY.match(subject)
    return subject[found.end() :].strip() if found else subject
