"""Canonical bytes: one byte string for one meaning, so that digests can be compared for decades."""

import json
import unicodedata
from hashlib import sha256
from typing import Any

from schema.item import Attachment, Item, Moment, Party

_ENCODE = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def canonical_json(value: Any) -> bytes:
    """UTF-8 JSON with sorted keys, no spaces, no escapes but those JSON needs (RFC 8785 for the types that we use)."""
    return _ENCODE(value).encode("utf-8", "surrogatepass")


def moment_fields(moment: Moment) -> list[Any]:
    """A moment as JSON: [milliseconds UTC, offset minutes or null, precision]."""
    return [moment.at, moment.offset_min, moment.precision]


def attachment_digest(attachment: Attachment) -> str:
    """Hex SHA-256 of an attachment's bytes."""
    content = attachment.content
    return (sha256(content).digest() if isinstance(content, bytes) else content.sha256).hex()


def stated_fields(item: Item) -> dict[str, Any]:
    """What makes two states of an item the same state, as JSON values; what is not there is left out.

    Not in it: names of parties and threads (address books change them without anyone editing the item), whether
    staff hid it (an Observation, not an edit), raw bytes and provenance (counters, request ids).
    """
    fields: dict[str, Any] = {"kind": item.kind, "text": item.text}
    if item.sent is not None:
        fields["sent"] = moment_fields(item.sent)
    if item.parties:
        fields["parties"] = [[p.role, p.kind, p.address] for p in item.parties]
    for name in ("title", "in_reply_to", "url", "version_id"):
        value = getattr(item, name)
        if value is not None:
            fields[name] = value
    if item.attributes:
        fields["attributes"] = [list(pair) for pair in item.attributes]
    if item.attachments:
        fields["attachments"] = [[a.name, a.media_type, attachment_digest(a), a.description] for a in item.attachments]
    return fields


def match_bytes(item: Item) -> bytes:
    """The canonical bytes of what an item states."""
    return canonical_json(stated_fields(item))


def other_fields(item: Item) -> dict[str, Any]:
    """What an item says beside its state, as JSON values; `names` are those of its parties in order."""
    fields: dict[str, Any] = {
        "native_id": item.native_id,
        "direction": item.direction,
        "visibility": item.visibility,
    }
    for name in ("thread_id", "thread_title", "message_id"):
        value = getattr(item, name)
        if value is not None:
            fields[name] = value
    if any(party.name for party in item.parties):
        fields["names"] = [party.name for party in item.parties]
    if item.edited is not None:
        fields["edited"] = moment_fields(item.edited)
    return fields


def normal_address(party: Party) -> str:
    """An address in the form that tells whether two parties are the same (phones are normalised by accession)."""
    return unicodedata.normalize("NFKC", party.address).strip().casefold()
