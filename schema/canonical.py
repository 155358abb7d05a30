"""Canonical bytes: one byte string for one meaning, so that digests can be compared for decades."""

import json
import unicodedata
from hashlib import sha256
from typing import Any

from schema.item import Attachment, Item, Moment, Party


def canonical_json(value: Any) -> bytes:
    """UTF-8 JSON with sorted keys, no spaces, no escapes but those JSON needs (RFC 8785 for the types that we use)."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8", "surrogatepass")


def moment_fields(moment: Moment | None) -> list[Any] | None:
    """A moment as JSON: [milliseconds UTC, offset minutes or null, precision]."""
    return None if moment is None else [moment.at, moment.offset_min, moment.precision.value]


def attachment_digest(attachment: Attachment) -> str:
    """Hex SHA-256 of an attachment's bytes."""
    content = attachment.content
    return (sha256(content).digest() if isinstance(content, bytes) else content.sha256).hex()


def item_fields(item: Item) -> dict[str, Any]:
    """All that an item says, as JSON values; attachments by digest, raw bytes and provenance apart."""
    fields: dict[str, Any] = {
        "native_id": item.native_id,
        "kind": item.kind.value,
        "sent": moment_fields(item.sent),
        "direction": item.direction.value,
        "visibility": item.visibility.value,
        "parties": [[p.role.value, p.kind.value, p.address, p.name] for p in item.parties],
        "title": item.title,
        "text": item.text,
        "thread_id": item.thread_id,
        "thread_title": item.thread_title,
        "in_reply_to": item.in_reply_to,
        "message_id": item.message_id,
        "url": item.url,
        "version_id": item.version_id,
        "edited": moment_fields(item.edited),
        "attributes": [list(pair) for pair in item.attributes],
    }
    fields["attachments"] = [
        [a.name, a.media_type, attachment_digest(a), a.description] for a in item.attachments
    ]
    return fields


def match_bytes(item: Item) -> bytes:
    """What makes two states of an item the same state.

    Left out: names of parties and threads (address books change them without anyone editing the item),
    whether staff hid it (an Observation, not an edit), raw bytes and provenance (counters, request ids).
    """
    fields = (
        item.kind.value,
        moment_fields(item.sent),
        [[p.role.value, p.kind.value, p.address] for p in item.parties],
        item.title,
        item.text,
        item.in_reply_to,
        item.url,
        item.version_id,
        [list(pair) for pair in item.attributes],
        [[a.name, a.media_type, attachment_digest(a), a.description] for a in item.attachments],
    )
    return canonical_json(fields)


def normal_address(party: Party) -> str:
    """An address in the form that tells whether two parties are the same (phones are normalised by accession)."""
    return unicodedata.normalize("NFKC", party.address).strip().casefold()
