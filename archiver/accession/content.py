"""What is sealed as the body of a version: all that the item says, readable without us."""

import json
from typing import Any

from schema.canonical import canonical_json, item_fields
from schema.item import Item, Provenance, Unreadable
from schema.vocab import Kind

SCHEMA = "record-content/1"


def content_of(item: Item | Unreadable) -> dict[str, Any]:
    """The content of a version as JSON values."""
    if isinstance(item, Unreadable):
        fields: dict[str, Any] = {
            "native_id": item.native_id,
            "kind": Kind.UNREADABLE.value,
            "title": item.reason,
            "text": "",
            "parties": [],
            "attachments": [],
            "attributes": [["position", item.position], ["reason", item.reason]],
        }
    else:
        fields = item_fields(item)
    fields["schema"] = SCHEMA
    fields["provenance"] = _provenance(item.provenance)
    return fields


def _provenance(provenance: Provenance) -> dict[str, Any]:
    return {
        "retrieved_at": provenance.retrieved_at,
        "url": provenance.url,
        "status": provenance.status,
        "request_id": provenance.request_id,
        "position": provenance.position,
    }


def packed(content: dict[str, Any]) -> bytes:
    """Content as canonical bytes, to be sealed."""
    return canonical_json(content)


def unpacked(data: bytes) -> dict[str, Any]:
    """Content from its sealed bytes."""
    loaded: dict[str, Any] = json.loads(data.decode("utf-8", "surrogatepass"))
    return loaded
