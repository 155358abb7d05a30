"""What the sample files say, read with the standard library, feedparser and pypdf: the measure for a search's answers.

Nothing of the archive is imported here. A document is a list of segments; a phrase stands within one segment.
"""

import email
import io
import re
import unicodedata
import zipfile
from calendar import timegm
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import decode_header
from email.message import Message
from email.policy import compat32
from email.utils import getaddresses, parsedate_to_datetime
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import feedparser

_VANISHING = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]")
_TOKEN = re.compile(
    "[\u2e80-\u2fff\u3005-\u3007\u3041-\u30ff\u3400-\u9fff\u0e00-\u0e7f\u2600-\u27bf\U0001f000-\U0001faff]|[^\\W_\u2e80-\u30ff\u3400-\u9fff]+"
)
_ENDINGS = {
    "image/jpeg": ".jpg",
    "image/jpg": ".jpg",
    "image/png": ".png",
    "message/delivery-status": ".txt",
    "text/rfc822-headers": ".txt",
    "text/plain": ".txt",
}
_BLOCKS = re.compile(
    "address|article|aside|blockquote|body|br|caption|center|d[dlt]|div|fieldset|figure|footer|form|h[1-6]|head|header|hr"
    "|html|li|main|nav|ol|option|p|pre|section|table|tbody|td|tfoot|th|thead|title|tr|ul"
)


@dataclass(frozen=True)
class Raw:
    """One item of the sample files: where it is, when it says it was sent (None: it does not say), and its text."""

    key: tuple[str, ...]
    sent: datetime | None
    segments: tuple[str, ...]


def tokens(text: str) -> list[str]:
    """Words of a text, without case and compatibility forms; superscripts and fractions stand alone."""
    apart = "".join(f" {c} " if unicodedata.category(c) == "No" else c for c in _VANISHING.sub("", text))
    found = _TOKEN.findall(unicodedata.normalize("NFKC", apart).casefold())
    return [word[at : at + 200] for word in found for at in range(0, len(word), 200)]


# ---- HTML ----------------------------------------------------------------------------------------------------------


class _Reader(HTMLParser):
    """Text of HTML: a break at each block, nothing at inline elements, so that "wo<b>rd</b>" stays a word."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.silent = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style", "template"):
            self.silent = tag
        if _BLOCKS.fullmatch(tag):
            self.parts.append("\n")
        if tag == "img":
            self.parts.append(f" {dict(attrs).get('alt') or ''} ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("script", "style", "template"):
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag == self.silent:
            self.silent = ""
        if _BLOCKS.fullmatch(tag):
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.parts.append(data)


def html_text(markup: str) -> str:
    """What a reader sees of a page; the head says nothing to him."""
    reader = _Reader()
    reader.feed(re.sub(r"(?is)<head>.*?</head>", "", markup))
    reader.close()
    return "".join(reader.parts)


# ---- mail ----------------------------------------------------------------------------------------------------------


def mails(folder: Path) -> Iterator[Raw]:
    """Every mail below a folder, also those in zip files; a file without header fields of mail is none."""
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as box:
                for name in box.namelist():
                    if name.endswith(".eml"):
                        yield _mail(box.read(name))
        elif path.is_file() and _is_mail(path):
            yield _mail(path.read_bytes())


def _is_mail(path: Path) -> bool:
    if path.suffix == ".eml":
        return True
    head = email.message_from_bytes(path.read_bytes(), policy=compat32)
    return bool({"from", "date", "subject", "received", "message-id"}.intersection(key.lower() for key in head.keys()))  # noqa: SIM118  (Message iterates over names, but has no set of them)


def _mail(data: bytes) -> Raw:
    message = email.message_from_bytes(_repaired(data), policy=compat32)
    return Raw(("mail", sha256(data).hexdigest()), _date(message), tuple(_mail_segments(message)))


def _repaired(data: bytes) -> bytes:
    """A line between fields that is none goes on the one before; the parser would end the header there."""
    head, blank, body = data.partition(b"\n\n") if b"\r\n\r\n" not in data else data.partition(b"\r\n\r\n")
    lines = head.split(b"\n")
    for at in range(1, len(lines) - 1):
        if not re.match(rb"[ \t]|[!-9;-~]+[ \t]*:|\r?$", lines[at]) and re.match(rb"[!-9;-~]+:", lines[at + 1]):
            lines[at] = b" " + lines[at]
    return b"\n".join(lines) + blank + body


def _fields(message: Message, *names: str) -> list[str]:
    """Header fields as written; the parser itself would lose bytes beyond ASCII."""
    return [str(value) for key, value in message.raw_items() if key.lower() in names]


def _date(message: Message) -> datetime | None:
    try:
        found = parsedate_to_datetime(str(message["date"] or ""))
        found = found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
        return found if 1970 < found.year < 2100 else None  # no mail was sent then: a clock was wrong
    except (ValueError, TypeError):
        return None


def header(value: object) -> str:
    """A header field as a reader sees it."""
    shown = []
    for part, charset in decode_header(re.sub(r"[\r\n]+[ \t]*", " ", _written(value))):
        shown.append(part if isinstance(part, str) else _decoded(part, charset))
    return "".join(shown)


def _written(value: object) -> str:
    """Bytes beyond ASCII in a field are UTF-8, or else Windows-1252."""
    return _decoded(str(value).encode("utf-8", "surrogateescape"), None)


def _decoded(data: bytes, charset: str | None) -> str:
    for name in (charset, "utf-8", "cp1252"):
        try:
            return data.decode(name or "utf-8")
        except (LookupError, UnicodeDecodeError):
            continue
    return data.decode("cp1252", "replace")


def _mail_segments(message: Message) -> Iterator[str]:
    yield from (header(value) for value in _fields(message, "subject")[:1])
    yield from _people(message)
    yield "\n".join(text for text in _bodies(message) if text.strip())
    for number, part in enumerate(_leaves(message), 1):
        if _is_file(part, message):
            yield from _file(part, number)


def _people(message: Message) -> Iterator[str]:
    for name in ("from", "to", "cc", "bcc"):
        values = [_written(value) for value in _fields(message, name)]
        if name == "from" and not values:
            values = [_written(value) for value in _fields(message, "sender")]
        for value in values:
            for shown, address in getaddresses([re.sub(r"[\r\n]+[ \t]*", " ", value)]):
                yield f"{header(shown)} <{address}>"


def _leaves(message: Message) -> Iterator[Message]:
    """Parts that hold no others in place; an attached mail is one part."""
    if message.get_content_maintype() == "multipart" and message.is_multipart():
        for part in message.get_payload():
            yield from _leaves(part)  # type: ignore[arg-type]  # a multipart's payload is a list of messages
    else:
        yield message


def _is_file(part: Message, whole: Message) -> bool:
    if part.get_content_maintype() == "multipart":  # without its boundary it is read in place
        return False
    if part.get_content_type() not in ("text/plain", "text/html") or part.get_content_disposition() == "attachment":
        return True
    return part is not whole and bool(part.get_filename())


def _name(part: Message) -> str | None:
    """A file's name; bytes beyond ASCII, which have no place there, are UTF-8."""
    plain = re.search(r'filename="?([^";\r\n]*)', "".join(_fields(part, "content-disposition")))
    if plain and any("\udc80" <= c <= "\udcff" for c in plain[1]):
        return _written(plain[1])
    name = part.get_filename()
    return header(name) if name else None


def _text(part: Message) -> str:
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    return _decoded(
        data,
        {"us-ascii": "utf-8", "iso-8859-1": "cp1252"}.get(str(part.get_content_charset()), part.get_content_charset()),
    )


def _bodies(message: Message, whole: Message | None = None) -> Iterator[str]:
    """What is read in place: of alternatives the plain text, unless it is short and only points to the HTML."""
    if message.get_content_type() == "multipart/alternative" and message.is_multipart():
        own = [part for part in _leaves(message) if not _is_file(part, message)]
        plain = "\n".join(_text(part) for part in own if part.get_content_type() == "text/plain")
        rich = "\n".join(html_text(_text(part)) for part in own if part.get_content_type() == "text/html")
        if not plain.strip():
            yield rich
        elif len(plain.strip()) < 400 and len(_squeezed(rich)) > 2 * len(plain) + 200:
            yield f"{plain}\n\n{rich}"
        else:
            yield plain
    elif message.get_content_maintype() == "multipart" and message.is_multipart():
        for part in message.get_payload():
            yield from _bodies(part, whole or message)  # type: ignore[arg-type]  # as above
    elif not _is_file(message, whole or message):
        text = _text(message)
        yield html_text(text) if message.get_content_type() == "text/html" else text


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _file(part: Message, number: int) -> Iterator[str]:
    """An attachment's name, or the one that the archive gives to a nameless one, and the text in it."""
    kind = part.get_content_type()
    name = _name(part)
    data = part.get_payload(decode=True)
    if kind == "message/rfc822":
        inner = part.get_payload(0)
        assert isinstance(inner, Message)
        yield name or header(_fields(inner, "subject")[0]) + ".eml"
        yield from _attached(inner)
        return
    yield name or f"part-{number}{_ENDINGS.get(kind, '.bin')}"
    if kind == "text/rfc822-headers":
        yield from _attached(email.message_from_bytes(data, policy=compat32))  # type: ignore[arg-type]  # bytes
        return
    if kind in ("message/delivery-status", "message/disposition-notification") and part.is_multipart():
        yield "\n".join(str(inner) for inner in part.get_payload())
    elif isinstance(data, bytes) and data.startswith(b"%PDF"):
        yield _pdf(data)
    elif isinstance(data, bytes) and _is_text(data, part):
        text = _text(part)
        yield html_text(text) if kind == "text/html" or text.lstrip()[:5].lower() == "<html" else text


def _is_text(data: bytes, part: Message) -> bool:
    try:
        data.decode(part.get_content_charset() or "utf-8")
    except (LookupError, UnicodeDecodeError):
        return False
    return b"\0" not in data


def _attached(message: Message) -> Iterator[str]:
    """Of an attached mail the fields that people read, its texts and the names of its files."""
    wanted = ("subject", "from", "sender", "reply-to", "to", "cc", "bcc", "date")
    yield "\n".join(f"{key}: {header(value)}" for key, value in message.raw_items() if key.lower() in wanted)
    for leaf in _leaves(message):
        if leaf.get_filename():
            yield str(leaf.get_filename())
        elif leaf.get_content_maintype() == "text":
            text = _text(leaf)
            yield html_text(text) if leaf.get_content_type() == "text/html" else text


def _pdf(data: bytes) -> str:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)
    except (PyPdfError, KeyError, ValueError):
        return ""


# ---- feeds ---------------------------------------------------------------------------------------------------------


def feed_entries(folder: Path) -> Iterator[Raw]:
    """Every entry of every feed below a folder; the key is the file and the entry's place in it."""
    for path in sorted(folder.rglob("*.xml")):
        parsed = feedparser.parse(io.BytesIO(path.read_bytes()), sanitize_html=False)
        for number, entry in enumerate(parsed.entries, 1):
            place = path.relative_to(folder).as_posix()
            yield Raw(("feed", place, f"entry {number}"), _entry_date(entry), tuple(_entry_segments(entry)))


def _entry_date(entry: dict[str, Any]) -> datetime | None:
    """When an entry was published, else changed; a date without its day is none."""
    for name in ("published", "created", "updated"):
        parsed = dict.get(entry, f"{name}_parsed")
        written = str(dict.get(entry, name) or "")
        if parsed and re.search(r"\d{4}-\d\d-\d\d|\d{8}|\d\s+[A-Za-z]{3}|[A-Za-z]{3}\w*\s+\d|:", written):
            return datetime.fromtimestamp(timegm(parsed), UTC)
        if parsed:
            return None
    return None


def _entry_segments(entry: dict[str, Any]) -> Iterator[str]:
    title = str(dict.get(entry, "title") or "")
    yield html_text(title) if "html" in str(dict.get(entry, "title_detail", {}).get("type")) else title
    for detail in filter(None, _content(entry)):
        value = str(detail.get("value") or "")
        yield html_text(value) if "html" in str(detail.get("type")) else value
    for author in dict.get(entry, "authors") or []:
        yield f"{author.get('name') or ''} {author.get('email') or ''}"


def _content(entry: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in dict.get(entry, "content") or [] if one.get("value")][:1] or [
        dict.get(entry, "summary_detail")
    ]


# ---- texts ---------------------------------------------------------------------------------------------------------


def text_messages(folder: Path) -> Iterator[Raw]:
    """Every text message and call of backups below a folder; the key is the element with its attributes."""
    for path in sorted(folder.rglob("*.xml")):
        for element in ET.parse(path).getroot():
            yield Raw(element_key(element), _moment(element), tuple(_element_segments(element)))


def element_key(element: ET.Element) -> tuple[str, ...]:
    """What names an element of a backup."""
    return (element.tag, *(f"{name}={value}" for name, value in sorted(element.attrib.items())))


def _moment(element: ET.Element) -> datetime:
    return datetime.fromtimestamp(int(element.attrib["date"]) / 1000, UTC)


def _element_segments(element: ET.Element) -> Iterator[str]:
    given = {name: value for name, value in element.attrib.items() if value != "null"}
    yield given.get("subject") or given.get("sub") or ""
    yield given.get("body") or "\n".join(
        p.attrib["text"] for p in element.iter("part") if p.attrib["ct"] == "text/plain"
    )
    yield f"{given.get('contact_name', '')} <{given.get('address') or given.get('number')}>"
    for other in element.iter("addr"):
        yield other.attrib["address"]
    for part in element.iter("part"):
        if part.attrib["ct"] not in ("text/plain", "application/smil"):
            yield part.attrib["cl"]
