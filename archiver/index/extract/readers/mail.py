"""Messages (.eml, .mht): headers, every text part, and the files attached to them."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from archiver.index.extract.charset import decode
from archiver.index.extract.readers.page import html_text
from archiver.index.extract.words import Found

HEADERS = ("Subject", "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Date")


def read_mail(found: Found, data: bytes, media_type: str) -> None:
    """One message; attached messages and files are read as files inside it."""
    del media_type
    _message(found, message_from_bytes(data, EmailMessage, policy=default))


def _message(found: Found, message: EmailMessage) -> None:
    for name in HEADERS:
        for value in _header(message, name):
            found.line(f"{name}: {value}")
    parts = [message]
    while parts:
        part = parts.pop(0)
        if part.is_multipart() and part.get_content_type() != "message/rfc822":
            parts[:0] = [inner for inner in part.get_payload() if isinstance(inner, EmailMessage)]
            continue
        _part(found, part)


def _part(found: Found, part: EmailMessage) -> None:
    kind = part.get_content_type()
    if kind == "message/rfc822":
        inner = part.get_payload()
        attached = inner[0] if isinstance(inner, list) and inner else None
        found.inside(found, "", kind, attached.as_bytes() if isinstance(attached, EmailMessage) else b"")
        return
    content = part.get_payload(decode=True)
    data = content if isinstance(content, bytes) else b""
    name = _file_name(part)
    if name or kind not in {"text/plain", "text/html"}:
        found.inside(found, name, kind, data)
        return
    text = decode(data, f"{kind}; charset={part.get_content_charset() or ''}", markup=kind == "text/html")
    if kind == "text/html":
        html_text(found, text)
    else:
        found.add(text + "\n")


def _header(message: EmailMessage, name: str) -> list[str]:
    try:
        return [str(value) for value in message.get_all(name, [])]
    except (
        ValueError,
        IndexError,
        AttributeError,
        TypeError,
        LookupError,
    ):  # the header parser's known ways to fail on wild mail
        return [str(value) for key, value in message.raw_items() if key.lower() == name.lower()]


def _file_name(part: EmailMessage) -> str:
    try:
        return part.get_filename() or ""
    except (ValueError, IndexError, AttributeError, TypeError, LookupError):
        return "file"
