"""Reads one row's markup with expat, repairing what exporters are known to write wrongly."""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Iterable, Iterator
from xml.parsers.expat import ExpatError, ParserCreate

Tags = list[tuple[str, dict[str, str]]]
"""The start tags of a row in order, each with its attributes."""

LOST = "\ufffd"
_REFERENCES = re.compile(r"(?:&#(?:[xX][0-9a-fA-F]+|[0-9]+);)+|&(?!(?:amp|lt|gt|quot|apos);)")
_REFERENCE = re.compile(r"&#([^;]+);")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_SURROGATES = re.compile(rb"(?:\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf])+")
_SPACE = re.compile(rb"&#(?:[xX]0*(?:9|[aAdD]|20)|0*(?:9|10|13|32));")
_NAMES: dict[str, str] = {}


class Malformed(ValueError):
    """The bytes are not what they should be."""


def tags(body: bytes) -> tuple[Tags, int]:
    """Return a row's start tags, and how many characters or references had to be repaired.

    Raises Malformed with expat's reason where the row is no well-formed XML even then.  There is no document type in a
    row, so no entity is ever expanded.
    """
    try:
        return _parsed(body), 0
    except ExpatError:
        text, count = repaired(body)
    try:
        return _parsed(text.encode()), count
    except ExpatError as error:
        raise Malformed(str(error)) from error


def _parsed(body: bytes) -> Tags:
    found: Tags = []
    parser = ParserCreate("utf-8", intern=_NAMES)
    parser.StartElementHandler = lambda name, attributes: found.append((name, attributes))
    parser.Parse(body, True)
    return found


def repaired(body: bytes) -> tuple[str, int]:
    """Return a row with surrogate pairs joined and what XML 1.0 forbids as U+FFFD, and the count of the latter.

    Pairs are joined without being counted, because nothing is lost; a bare "&" stays one and is counted.
    """
    lost = 0
    body = _SURROGATES.sub(lambda pair: _joined(pair[0].decode("utf-8", "surrogatepass")).encode(), body)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = body.decode(errors="replace")
        lost += text.count(LOST) - body.count(LOST.encode())

    def mend(match: re.Match[str]) -> str:
        nonlocal lost
        if match[0] == "&":
            lost += 1
            return "&amp;"
        written = [_character(reference) for reference in _REFERENCE.findall(match[0])]
        joined = _joined("".join(character or LOST for character in written))
        lost += joined.count(LOST) - written.count(LOST)
        return "".join(f"&#{ord(character)};" for character in joined)

    text = _REFERENCES.sub(mend, text)
    text, controls = _CONTROL.subn(LOST, text)
    return text, lost + controls


def _character(value: str) -> str:
    """Return the character that a reference names, perhaps half a surrogate pair; none for what XML cannot hold."""
    digits, base = (value[1:], 16) if value[0] in "xX" else (value, 10)
    digits = digits.lstrip("0")
    point = int(digits, base) if 0 < len(digits) <= 7 else 0
    if point > 0x10FFFF or point in (0xFFFE, 0xFFFF) or (point < 0x20 and point not in (9, 10, 13)):
        return ""
    return chr(point)


def _joined(text: str) -> str:
    """Return the text with surrogate pairs as one character and lone surrogates as U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", errors="replace")


def decoded(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes that base64 text stands for (RFC 4648), white space and its references passed over.

    Raises Malformed at what is no base64.
    """
    waiting, ended = b"", False
    for chunk in chunks:
        waiting = (waiting + chunk).translate(None, b" \t\r\n")
        held = b""
        if b"&" in waiting:
            waiting = _SPACE.sub(b"", waiting)
            if (at := waiting.rfind(b"&")) >= 0:
                waiting, held = waiting[:at], waiting[at:]
                if len(held) > 16:
                    raise Malformed("it is not base64")
        whole = len(waiting) - len(waiting) % 4
        if whole:
            yield _base64(waiting[:whole], ended)
            ended = waiting[whole - 1] == 0x3D
        waiting = waiting[whole:] + held
    if waiting:
        yield _base64(waiting + b"=" * (-len(waiting) % 4), ended)


def _base64(text: bytes, ended: bool) -> bytes:
    if ended:
        raise Malformed("it goes on after its end")
    try:
        return a2b_base64(text, strict_mode=True)
    except (Base64Error, ValueError) as error:
        raise Malformed(f"it is not base64 ({error})") from error
