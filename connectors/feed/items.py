"""From a feed document to Items: entries, their own bytes, their times."""

import hashlib
import io
import json
import re
from calendar import timegm
from collections.abc import Iterator
from dataclasses import dataclass
from time import struct_time
from typing import Any
from urllib.parse import urljoin
from xml.parsers import expat

import feedparser

from connectors.contract import INLINE_LIMIT
from connectors.html_text import plain_text
from connectors.http import Response
from schema.item import Item, Moment, Party, Provenance
from schema.vocab import AddressKind, Direction, Kind, PartyRole, Precision, Visibility

_ENTRY_NAMES = frozenset({"item", "entry"})
_ENTRY_TAG = re.compile(rb"<(/?)(?:[\w.-]+:)?(?:item|entry)(?=[\s>/])[^<>]*>", re.IGNORECASE)
_OFFSET = re.compile(r"(?:([+-])(\d\d):?(\d\d)|(?<![A-Z])(Z|UTC?|GMT|[ECMP][SD]T))\s*$", re.IGNORECASE)
# RFC 822 section 5.1, hours east of UTC.
_ZONES = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed feed: its entries with the bytes of each, and what was wrong with it.

    entries: (feedparser's entry, its bytes, their media type).  damage: why the document is not well-formed.
    readable: False when nothing in it is a feed.
    """

    entries: tuple[tuple[dict[str, Any], bytes, str], ...]
    damage: str | None
    readable: bool


def parse(answer: Response) -> Document:
    """Parse a document; feedparser gets bytes in a file object, because text or bytes it may try to fetch or open.

    It gets no address either: it would take every guid that is no URL for one relative to it.
    """
    coding = re.search(r"charset=\s*\"?([\w.:-]+)", answer.headers.get("content-type", ""), re.IGNORECASE)
    kind = f"application/xml; charset={coding[1]}" if coding else "application/xml"
    parsed = feedparser.parse(io.BytesIO(answer.body), response_headers={"content-type": kind}, sanitize_html=False)
    entries = list(parsed.entries)
    slices = _slices(answer.body, len(entries))
    raws = (
        [(piece, "application/xml") for piece in slices]
        if slices
        else [(_json(e), "application/json") for e in entries]
    )
    harmless = (feedparser.CharacterEncodingOverride, feedparser.NonXMLContentType)
    damage = (
        f"{parsed.bozo_exception}"[:200] if parsed.bozo and not isinstance(parsed.bozo_exception, harmless) else None
    )
    known_root = re.search(rb"<(?:\w+:)?(rss|rdf|feed|channel)[\s>]", answer.body[:65536], re.IGNORECASE)
    readable = bool(entries or parsed.get("version") or (known_root and not damage))
    return Document(tuple((e, raw, kind) for e, (raw, kind) in zip(entries, raws, strict=True)), damage, readable)


def _json(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, ensure_ascii=False, sort_keys=True, default=str).encode("utf-8", "replace")


def _slices(body: bytes, count: int) -> list[bytes]:
    """Cut each entry's own bytes out of the document; [] where that cannot be done surely (another count, UTF-16)."""
    if b"\x00" in body[:64]:
        return []
    found = [body[start:end] for start, end in _spans(body)]
    if len(found) != count:
        found = [body[start:end] for start, end in _tag_spans(body)]
    return found if len(found) == count else []


def _tag_spans(body: bytes) -> list[tuple[int, int]]:
    """Find the outermost entries of a damaged document by their tags alone, in one pass however hostile it is."""
    spans, depth, start = [], 0, 0
    for tag in _ENTRY_TAG.finditer(body):
        if tag[1]:
            depth = max(0, depth - 1)
        elif not tag[0].endswith(b"/>"):
            start = start if depth else tag.start()
            depth += 1
            continue
        elif not depth:
            start = tag.start()
        if not depth:
            spans.append((start, tag.end()))
    return spans


def _spans(body: bytes) -> list[tuple[int, int]]:
    """Find the outermost item and entry elements by byte offset; [] for a document that is not well-formed."""
    parser = expat.ParserCreate()
    spans: list[tuple[int, int]] = []
    open_at: list[int] = []
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        if open_at:
            depth += 1
        elif name.rpartition(":")[2].lower() in _ENTRY_NAMES:
            open_at.append(parser.CurrentByteIndex)

    def end(name: str) -> None:
        nonlocal depth
        if depth:
            depth -= 1
        elif open_at:
            spans.append((open_at.pop(), body.find(b">", parser.CurrentByteIndex) + 1))

    def entity(*declaration: object) -> None:
        raise ValueError("entities of strangers are not expanded")

    parser.StartElementHandler, parser.EndElementHandler, parser.EntityDeclHandler = start, end, entity
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError):
        return []
    return spans


def items(document: Document, feed_url: str, answer: Response) -> Iterator[tuple[Item, list[tuple[str, str]]]]:
    """Yield an Item for each entry, with its enclosures beside it.

    feed_url: the configured address, which names the ids even after the feed moved.  Entries that share an id in one
    document get a digest behind it, for else they would be taken for versions of each other.
    """
    used: set[str] = set()
    for number, (entry, raw, raw_type) in enumerate(document.entries, 1):
        native_id = f"{feed_url}#{entry_id(entry, raw)}"
        if native_id in used:
            native_id += "~" + _digest(entry, raw)
        if native_id in used:
            continue
        used.add(native_id)
        origin = Provenance(answer.retrieved_at, answer.url, answer.status, answer.request_id, f"entry {number}")
        item = _item(entry, native_id=native_id, raw=raw, raw_type=raw_type, origin=origin, base=feed_url)
        yield item, enclosures(entry, feed_url)


def entry_id(entry: dict[str, Any], raw: bytes) -> str:
    """Return an entry's own id, else its link, else a digest of title and date (or of all its text without those)."""
    own = _get(entry, "id") or _get(entry, "link")
    return own.strip() if own and own.strip() else "digest:" + _digest(entry, raw)


def _digest(entry: dict[str, Any], raw: bytes) -> str:
    named = [_get(entry, key) or "" for key in ("title", "published", "link")]
    content = "\x1f".join(named) if any(named) else _html(entry)[0] or raw.decode("utf-8", "replace")
    return hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:32]


def _get(entry: dict[str, Any], key: str) -> str | None:
    """Read a text field as it stands; feedparser's own `get` answers `published` for `updated`, with a warning."""
    value = dict.get(entry, key)
    return value if isinstance(value, str) else None


def _html(entry: dict[str, Any]) -> tuple[str, str]:
    """Return an entry's fullest text and its media type."""
    parts = [part for part in dict.get(entry, "content") or [] if part.get("value")]
    detail = parts[0] if parts else dict.get(entry, "summary_detail") or {}
    return str(detail.get("value") or ""), str(detail.get("type") or "text/html")


def _text(entry: dict[str, Any]) -> str:
    """Return all that a reader can see of an entry: every content, and a summary that says something else."""
    details = [part for part in dict.get(entry, "content") or [] if part.get("value")]
    details.append(dict.get(entry, "summary_detail") or {})
    texts: list[str] = []
    for detail in details:
        text = _plain(str(detail.get("value") or ""), str(detail.get("type") or "text/html")).strip()
        if text and not any(text in earlier for earlier in texts):
            texts.append(text)
    return "\n\n".join(texts)


def _plain(value: str, media_type: str) -> str:
    return plain_text(value) if "html" in media_type else value.strip()


def _item(entry: dict[str, Any], *, native_id: str, raw: bytes, raw_type: str, origin: Provenance, base: str) -> Item:
    title = _plain(_get(entry, "title") or "", str((dict.get(entry, "title_detail") or {}).get("type", "")))
    published, updated = moment(entry, "published") or moment(entry, "created"), moment(entry, "updated")
    facts = [("category", str(tag["term"])) for tag in dict.get(entry, "tags") or [] if tag.get("term")]
    facts += [("enclosure", url) for url, _ in enclosures(entry, base)]
    link = _get(entry, "link")
    return Item(
        native_id=native_id,
        kind=Kind.ARTICLE,
        raw=raw,
        raw_type=raw_type,
        provenance=origin,
        sent=published or updated,
        parties=tuple(_authors(entry)),
        direction=Direction.SENT,
        visibility=Visibility.PUBLIC,
        title=title or None,
        text=_text(entry),
        url=_absolute(base, link) if link else None,
        edited=updated if published and updated != published else None,
        attributes=tuple(facts),
    )


def enclosures(entry: dict[str, Any], base: str) -> list[tuple[str, str]]:
    """Return (address, declared media type) of the files that an entry encloses.  base: the feed's address."""
    links = [link for link in dict.get(entry, "links") or [] if link.get("rel") == "enclosure" and link.get("href")]
    return [(_absolute(base, str(link["href"])), str(link.get("type") or "")) for link in links]


def _absolute(base: str, link: str) -> str:
    try:
        return urljoin(base, link.strip())
    except ValueError:
        return link


def _authors(entry: dict[str, Any]) -> Iterator[Party]:
    details = [detail for detail in dict.get(entry, "authors") or [] if detail]
    for detail in details or [dict.get(entry, "author_detail") or {"name": _get(entry, "author")}]:
        email, name = detail.get("email"), detail.get("name")
        if email:
            yield Party(PartyRole.AUTHOR, str(email), AddressKind.EMAIL, name)
        elif name:
            yield Party(PartyRole.AUTHOR, str(name), AddressKind.NAME, str(name))


def moment(entry: dict[str, Any], key: str) -> Moment | None:
    """Read a date as feedparser understood it, with the offset and the exactness that its text shows."""
    parsed, text = dict.get(entry, key + "_parsed"), (_get(entry, key) or "").strip()
    if not isinstance(parsed, struct_time):
        return None
    zone = _OFFSET.search(text) if ":" in text or "T" in text else None
    bare = text[: zone.start()] if zone else text
    if re.search(r"\d:\d\d:\d\d", bare):
        precision = Precision.SECOND
    elif re.search(r"\d:\d\d", bare):
        precision = Precision.MINUTE
    else:
        whole_day = re.search(
            r"\d{4}-\d\d-\d\d|\d{8}|\d{1,2}\s+\w{3,}\.?,?\s+\d{2,4}|\w{3,}\.?\s+\d{1,2},?\s+\d{4}", text
        )
        precision = Precision.DAY if whole_day else Precision.UNKNOWN
    try:
        return Moment(timegm(parsed) * 1000, _minutes(zone), precision)
    except (ValueError, OverflowError):
        return None


def _minutes(zone: re.Match[str] | None) -> int | None:
    if zone is None or zone[0].strip() == "-0000":  # RFC 5322 section 3.3: -0000 says nothing about the sender's zone
        return None
    if zone[4]:
        return _ZONES.get(zone[4].upper(), 0) * 60
    return (int(zone[2]) * 60 + int(zone[3])) * (-1 if zone[1] == "-" else 1)


def is_inline(raw: bytes) -> bool:
    """Tell whether an entry's bytes may stay in memory."""
    return len(raw) <= INLINE_LIMIT
