"""What is sealed as the body of a version: all that the item says, readable without us.

The bytes are `{"item":STATED,"other":OTHER,"schema":"record-content/1"}`, canonical JSON throughout; STATED are the
very bytes that are compared to tell one state from another, so they are written once.
"""

import json
from collections.abc import Mapping
from typing import Any

from schema.canonical import canonical_json, other_fields, stated_fields
from schema.item import Item, Provenance, Unreadable
from schema.vocab import Kind

SCHEMA = "record-content/1"


def stated(item: Item | Unreadable) -> dict[str, Any]:
    """What makes two states the same."""
    if isinstance(item, Item):
        return stated_fields(item)
    return {
        "kind": Kind.UNREADABLE,
        "title": item.reason,
        "text": "",
        "attributes": [["position", item.position], ["reason", item.reason]],
    }


def other(item: Item | Unreadable) -> dict[str, Any]:
    """What is kept beside it, with how and from where the bytes came."""
    fields: dict[str, Any] = other_fields(item) if isinstance(item, Item) else {"native_id": item.native_id}
    fields["provenance"] = _provenance(item.provenance)
    return fields


def _provenance(provenance: Provenance) -> dict[str, Any]:
    fields: dict[str, Any] = {"retrieved_at": provenance.retrieved_at}
    for name in ("url", "status", "request_id", "position"):
        value = getattr(provenance, name)
        if value is not None:
            fields[name] = value
    return fields


def packed(stated_bytes: bytes, beside: Mapping[str, Any]) -> bytes:
    """The body's bytes, to be sealed."""
    return b'{"item":' + stated_bytes + b',"other":' + canonical_json(beside) + b',"schema":"record-content/1"}'


def merged(stated_part: Mapping[str, Any], beside: Mapping[str, Any]) -> dict[str, Any]:
    """Both parts as one mapping, for those who show or index a version.

    parties: [role, kind, address, name or None].  attachments: [name, media type, hex digest, description or None].
    """
    fields = {"attachments": [], "attributes": [], **stated_part, **beside}
    parties = stated_part.get("parties", [])
    names = beside.get("names") or [None] * len(parties)
    fields["parties"] = [[*party, name] for party, name in zip(parties, names, strict=True)]
    return fields


def unpacked(data: bytes) -> dict[str, Any]:
    """The merged content of a body's bytes."""
    loaded = json.loads(data.decode("utf-8", "surrogatepass"))
    return merged(loaded["item"], loaded["other"])
