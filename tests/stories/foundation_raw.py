"""What the sample files say, read with the standard library, feedparser and pypdf: the measure for a search's answers.

Nothing of the archive is imported here. A document is a list of segments; a phrase stands within one segment.
"""

import email
import io
import re
import unicodedata
import zipfile
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
from xml.etree import ElementTree

import feedparser

_VANISHING = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]")
_TOKEN = re.compile("[\u2e80-\u30ff\u3400-\u9fff\u0e00-\u0e7f\u2600-\u27bf\U0001f000-\U0001faff]|[^\\W_\u2e80-\u30ff\u3400-\u9fff]+")
_BLOCKS = frozenset(
    "address article aside blockquote body br caption center dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 head header"
    " hr html li main nav ol option p pre section table tbody td tfoot th thead title tr ul".split()
)


@dataclass(frozen=True)
class Raw:
    """One item of the sample files: where it is, when it says it was sent (None: it does not say), and its text."""

    key: tuple[str, ...]
    sent: datetime | None
    segments: tuple[str, ...]


def tokens(text: str) -> list[str]:
    """Words of a text, without case and compatibility forms."""
    plain = unicodedata.normalize("NFKC", _VANISHING.sub("", text)).casefold()
    return _TOKEN.findall(plain)


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
        if tag in _BLOCKS:
            self.parts.append("\n")
        if tag == "img":
            self.parts.append(f" {dict(attrs).get('alt') or ''} ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("script", "style", "template"):
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag == self.silent:
            self.silent = ""
        if tag in _BLOCKS:
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
    message = email.message_from_bytes(data, policy=compat32)
    return Raw(("mail", sha256(data).hexdigest()), _date(message), tuple(_mail_segments(message)))


def _date(message: Message) -> datetime | None:
    try:
        found = parsedate_to_datetime(str(message["date"] or ""))
        return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
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
    if message["subject"]:
        yield header(message["subject"])
    yield from _people(message)
    yield "\n".join(text for text in _bodies(message) if text.strip())
    for part in _leaves(message):
        if _is_file(part, message):
            yield from _file(part)


def _people(message: Message) -> Iterator[str]:
    for name in ("from", "to", "cc", "bcc"):
        values = [_written(value) for value in message.get_all(name, [])]
        if name == "from" and not values:
            values = [_written(value) for value in message.get_all("sender", [])]
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
    if part.get_content_type() not in ("text/plain", "text/html") or part.get_content_disposition() == "attachment":
        return True
    return part is not whole and bool(part.get_filename())


def _text(part: Message) -> str:
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    return _decoded(data, {"us-ascii": "utf-8", "iso-8859-1": "cp1252"}.get(str(part.get_content_charset()), part.get_content_charset()))


def _bodies(message: Message) -> Iterator[str]:
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
            if not _is_file(part, message):  # type: ignore[arg-type]  # as above
                yield from _bodies(part)  # type: ignore[arg-type]  # as above
    elif message.get_content_type() in ("text/plain", "text/html"):
        text = _text(message)
        yield html_text(text) if message.get_content_type() == "text/html" else text


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _file(part: Message) -> Iterator[str]:
    """An attachment's name and the text in it."""
    kind = part.get_content_type()
    name = part.get_filename()
    yield header(name) if name else ""
    if kind == "message/rfc822":
        inner = part.get_payload(0)
        yield "\n".join(
            f"{key}: {header(value)}"
            for key, value in inner.items()  # type: ignore[union-attr]  # an attached mail is a message
            if key.lower() in ("subject", "from", "sender", "reply-to", "to", "cc", "bcc", "date")
        )
        for leaf in _leaves(inner):  # type: ignore[arg-type]  # as above
            if leaf.get_content_maintype() == "text":
                text = _text(leaf)
                yield html_text(text) if leaf.get_content_type() == "text/html" else text
        return
    data = part.get_payload(decode=True)
    if kind in ("message/delivery-status", "message/disposition-notification") and part.is_multipart():
        yield "\n".join(str(inner) for inner in part.get_payload())  # type: ignore[union-attr]  # as above
    elif isinstance(data, bytes) and data.startswith(b"%PDF"):
        yield _pdf(data)
    elif isinstance(data, bytes) and b"\0" not in data:
        text = _text(part)
        yield html_text(text) if kind == "text/html" or text.lstrip()[:5].lower() == "<html" else text


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
            yield Raw(("feed", place, f"entry {number}"), None, tuple(_entry_segments(entry)))


def _entry_segments(entry: dict[str, Any]) -> Iterator[str]:
    for detail in (dict.get(entry, "title_detail"), *_content(entry)):
        if detail:
            value = str(detail.get("value") or "")
            yield html_text(value) if "html" in str(detail.get("type")) else value
    for author in dict.get(entry, "authors") or []:
        yield f"{author.get('name') or ''} {author.get('email') or ''}"


def _content(entry: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in dict.get(entry, "content") or [] if one.get("value")][:1] or [dict.get(entry, "summary_detail")]


# ---- texts ---------------------------------------------------------------------------------------------------------


def text_messages(folder: Path) -> Iterator[Raw]:
    """Every text message and call of backups below a folder; the key is the element with its attributes."""
    for path in sorted(folder.rglob("*.xml")):
        for element in ElementTree.parse(path).getroot():
            yield Raw(element_key(element), _moment(element), tuple(_element_segments(element)))


def element_key(element: ElementTree.Element) -> tuple[str, ...]:
    """What names an element of a backup."""
    return (element.tag, *(f"{name}={value}" for name, value in sorted(element.attrib.items())))


def _moment(element: ElementTree.Element) -> datetime:
    return datetime.fromtimestamp(int(element.attrib["date"]) / 1000, UTC)


def _element_segments(element: ElementTree.Element) -> Iterator[str]:
    given = {name: value for name, value in element.attrib.items() if value != "null"}
    yield given.get("subject") or given.get("sub") or ""
    yield given.get("body") or "\n".join(p.attrib["text"] for p in element.iter("part") if p.attrib["ct"] == "text/plain")
    yield f"{given.get('contact_name', '')} <{given.get('address') or given.get('number')}>"
    for other in element.iter("addr"):
        yield other.attrib["address"]
    for part in element.iter("part"):
        if part.attrib["ct"] not in ("text/plain", "application/smil"):
            yield part.attrib["cl"]
