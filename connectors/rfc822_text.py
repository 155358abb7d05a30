"""Readable text out of the bytes of mails: character sets, encoded words, flowed lines, HTML."""

import binascii
import codecs
import html
import re
from functools import lru_cache

_REFUSED = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
_WIDER = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
}  # fmt: skip  (what senders really use under those names; WHATWG Encoding Standard, section 4.2)
_ALIASES = {
    "unicode-1-1-utf-7": "utf-7", "iso-8859-8-i": "iso-8859-8", "iso-8859-8-e": "iso-8859-8", "x-sjis": "cp932",
    "ks_c_5601": "cp949", "x-gbk": "gb18030", "x-big5": "big5hkscs", "x-mac-roman": "mac_roman", "ansi": "cp1252",
    "utf8mb4": "utf-8", "x-utf-8": "utf-8", "unicode": "utf-16", "macintosh": "mac_roman",
}  # fmt: skip
_WORD = re.compile(r"=\?([^?\s*]+)(?:\*[^?\s]*)?\?([bBqQ])\?([^?]*)\?=")
_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")
_FOLD = re.compile(r"[\r\n]+[ \t]*")


@lru_cache(maxsize=512)
def codec_name(charset: str) -> str | None:
    """Return the codec for a charset's name in the wild, None where there is none that is safe for strangers' text."""
    name = charset.strip().strip("'\"").lower()
    try:
        found = codecs.lookup(_ALIASES.get(name, name))
    except (LookupError, ValueError):
        return None
    # The flag has no public name; without it "zip" and "hex" would pass for character sets.
    return found.name if found._is_text_encoding and found.name.replace("-", "_") not in _REFUSED else None


def decode_bytes(data: bytes, charset: str | None) -> tuple[str, str | None]:
    """Decode text as its charset says, else as UTF-8, else as Windows-1252; the second value names what was wrong."""
    name = codec_name(charset) if charset else "ascii"
    if name in {"ascii", "utf-8"}:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            return data.decode("cp1252", "replace"), f"text is not {charset or 'ASCII'}, read as windows-1252"
        return (
            text,
            None if name == "utf-8" or data.isascii() or not charset else f"text is not {charset}, read as UTF-8",
        )
    if name is not None:
        try:
            text = data.decode(_WIDER.get(name, name))
            # UTF-7 can spell halves of characters, which no store takes.
            return (text.encode("utf-8", "replace").decode() if name == "utf-7" else text), None
        except UnicodeDecodeError:
            pass
    reason = f"charset {charset!s:.40} is unknown" if name is None else f"text is not {charset!s:.40}"
    try:
        return data.decode("utf-8"), f"{reason}, read as UTF-8"
    except UnicodeDecodeError:
        return data.decode(
            _WIDER.get(name or "ascii", name or "ascii"), "replace"
        ), f"{reason}, unreadable bytes replaced"


def unfold(value: bytes) -> str:
    """Return a header value on one line; bytes beyond ASCII are UTF-8 (RFC 6532), else Windows-1252."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("cp1252", "replace")
    if "\n" in text or "\r" in text:
        text = _FOLD.sub(" ", text)
    return text.replace("\0", "").strip()


def decode_words(text: str) -> str:
    """Decode RFC 2047 encoded words; words of one charset are joined first, since mailers split inside a character."""
    if "=?" not in text:
        return text
    out: list[str] = []
    run: list[bytes] = []
    charset, last = "", 0
    for found in _WORD.finditer(text):
        between = text[last : found.start()]
        if not (run and not between.strip() and found[1].lower() == charset):
            out.append(decode_bytes(b"".join(run), charset)[0] if run else "")
            out.append(between if between.strip() or last == 0 else "")
            run, charset = [], found[1].lower()
        run.append(_word_bytes(found[2], found[3]))
        last = found.end()
    out.append(decode_bytes(b"".join(run), charset)[0] if run else "")
    return "".join([*out, text[last:]])


def _word_bytes(encoding: str, text: str) -> bytes:
    data = text.encode("utf-8")
    if encoding in "qQ":
        return _HEX.sub(lambda hexed: bytes((int(hexed[1], 16),)), data.replace(b"_", b" "))
    data = data.replace(b" ", b"").rstrip(b"=")
    try:
        return binascii.a2b_base64(data[: len(data) - (len(data) % 4 == 1)] + b"=" * (-len(data) % 4))
    except binascii.Error:
        return data


def unflow(text: str, delsp: bool) -> str:
    """Join the soft-broken lines of format=flowed text (RFC 3676 section 4.2)."""
    out: list[str] = []
    open_depth: int | None = None
    for raw in text.split("\n"):
        line = raw.removesuffix("\r")
        depth = len(line) - len(line.lstrip(">"))
        body = line[depth:].removeprefix(" ")
        flows = body.endswith(" ") and body != "-- "
        if open_depth != depth or body == "-- ":
            out.append(("\n" if out else "") + ">" * depth + (" " if depth else ""))
        out.append(body[:-1] if flows and delsp else body)
        open_depth = depth if flows else None
    return "".join(out)


_BLOCK = re.compile(
    r"address|article|aside|blockquote|br|center|dd|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]|header|hr"
    r"|li|main|nav|ol|option|p|pre|section|table|tbody|tfoot|thead|title|tr|ul"
)
_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")
# A quoted value cannot hold "<" here: that keeps the search linear on hostile input.
_TAG = re.compile(
    r"""</?([a-zA-Z][^\s/>"'<]*)((?:[^<>"']|"[^"<]*"|'[^'<]*')*+)>|</?([a-zA-Z][^\s/><]*)([^<>]*)>|<[!?][^<>]*>"""
)
_ALT = re.compile(r"""\balt\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.I)


def html_text(markup: str) -> str:
    """Return the text that a reader of an HTML mail sees, a line per block; linear in its length, never fails."""
    for opening, closing in (("<!--", "-->"), ("<script", "</script"), ("<style", "</style"), ("<head>", "</head")):
        markup = _without(markup, opening, closing)
    pieces = _preformatted(markup)
    for at, piece in enumerate(pieces):
        pieces[at] = f"\n{_TAG.sub(_spaced, piece)}\n" if at % 2 else _TAG.sub(_spaced, _SPACE.sub(" ", piece))
    text = html.unescape("".join(pieces)).replace("\xa0", " ").replace("\u200c", "").replace("\u00ad", "")
    lines = [line.strip() for line in text.split("\n")]
    return "\n".join(line for at, line in enumerate(lines) if line or (at and lines[at - 1])).strip()


def _preformatted(markup: str) -> list[str]:
    """Split into ordinary and preformatted stretches, by turns; only the latter keep their lines."""
    lower = markup.lower()
    pieces, pos = [], 0
    while len(lower) == len(markup) and (start := lower.find("<pre", pos)) >= 0:
        end = lower.find("</pre", start)
        if end < 0:
            break
        pieces += [markup[pos:start], markup[start:end]]
        pos = end
    return [*pieces, markup[pos:]]


def _spaced(tag: re.Match[str]) -> str:
    name = (tag[1] or tag[3] or "").lower()
    if _BLOCK.fullmatch(name):
        return "\n"
    if name in {"td", "th"}:
        return "\t"
    if name == "img" and (alt := _ALT.search(tag[2] or tag[4] or "")):
        return " " + (alt[1] or alt[2] or alt[3] or "") + " "
    return ""


def _without(markup: str, opening: str, closing: str) -> str:
    """Cut out everything from each opening to its closing mark; an unclosed one stays, so that nothing is lost."""
    lower = markup.lower()
    if len(lower) != len(markup):  # a few capitals change length; their positions would be wrong
        lower = markup
    if opening not in lower:
        return markup
    out, pos = [], 0
    while (start := lower.find(opening, pos)) >= 0 and (end := lower.find(closing, start + len(opening))) >= 0:
        out.append(markup[pos:start])
        pos = end + len(closing)
        if not closing.endswith(">"):
            pos = lower.find(">", pos) + 1 or len(markup)
    out.append(markup[pos:])
    return "".join(out)
