"""What a document is to Whoosh: fields for our tokens, one for facts, two columns of numbers, the document itself."""

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import fields

from whoosh.columns import NumericColumn
from whoosh.fields import COLUMN, STORED, FieldType, Schema
from whoosh.formats import Existence, Positions

from archiver import tokens
from archiver.index.document import Document
from archiver.index.engines.match import segments
from archiver.index.query import FieldName, Zone
from archiver.tokens import stem

LAYOUT = f"1 {tokens.VERSION}"
UNDATED = -(1 << 63)  # in the column `sent`; no date is as old
SPAN_BITS = 31  # dates are grouped by 2**31 ms, about 25 days
FACTS, FORMS = "facts", "forms"
BETWEEN = "\0"  # between a stem and its token; tokens hold no control characters
_NAMES = tuple(field.name for field in fields(Document))
_LISTS = frozenset(("author", "recipients", "labels", "states", "contents"))


class Words(FieldType):  # type: ignore[misc]  # whoosh has no types
    """Tokens by position; its value is the list of a zone's segments, each a list of tokens."""

    def __init__(self) -> None:
        super().__init__(Positions(), None)

    def index(self, value: Sequence[Sequence[str]], **_: object) -> Iterator[tuple[bytes, int, float, bytes]]:
        """Each token with its positions, one of which stays empty between segments."""
        at: dict[str, list[int]] = {}
        position = 0
        for segment in value:
            for position, token in enumerate(segment, position):  # noqa: B020  (counts on)
                at.setdefault(token, []).append(position)
            position += 2
        for token, positions in at.items():
            yield token.encode(), len(positions), 1.0, self.format.encode(positions)


class Marks(FieldType):  # type: ignore[misc]  # whoosh has no types
    """Strings that a document has or has not; its value is a list of them."""

    def __init__(self) -> None:
        super().__init__(Existence(), None)

    def index(self, value: Sequence[str], **_: object) -> Iterator[tuple[bytes, int, float, bytes]]:
        """Each string once."""
        for one in dict.fromkeys(value):
            yield one.encode("utf-8", "surrogatepass"), 1, 1.0, b""


def schema() -> Schema:
    """The fields of our index."""
    zones = {zone.value: Words() for zone in Zone}
    return Schema(
        **zones,
        facts=Marks(),
        forms=Marks(),
        record=COLUMN(NumericColumn("q")),
        sent=COLUMN(NumericColumn("q", default=UNDATED)),
        body=STORED(),
    )


def fact(name: FieldName | str, value: str | int) -> str:
    """The string in `facts` that says that a field has a value."""
    return f"{name}={value}"


def entry(document: Document) -> dict[str, object]:
    """The fields of one document."""
    zones = {zone: segments(document, zone) for zone in Zone}
    every = {token for found in zones.values() for segment in found for token in segment}
    pairs = ((stem(token), token) for token in every)
    facts = [fact(name, value) for name in FieldName for value in document.values(name)]
    if document.thread_id is not None:
        facts.append(fact("thread", document.thread_id))
    facts.append("undated" if document.sent_at is None else fact("sent", document.sent_at >> SPAN_BITS))
    facts.append(fact("record", document.record_id))
    return {
        **{zone.value: found for zone, found in zones.items()},
        FACTS: facts,
        FORMS: [f"{root}{BETWEEN}{token}" for root, token in pairs if root != token],
        "record": document.record_id,
        "sent": UNDATED if document.sent_at is None else document.sent_at,
        "body": pack(document),
    }


def pack(document: Document) -> bytes:
    """The whole document, to be shown."""
    parts = [getattr(document, name) for name in _NAMES]
    return zlib.compress(json.dumps(parts, separators=(",", ":")).encode(), 1)


def unpack(body: bytes) -> Document:
    """The document again."""
    parts = dict(zip(_NAMES, json.loads(zlib.decompress(body)), strict=True))
    for name in _LISTS:
        parts[name] = tuple(parts[name])
    parts["files"] = tuple((name, found) for name, found in parts["files"])
    return Document(**parts)
