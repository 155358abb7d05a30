"""Which characters the bytes of a text stand for."""

import codecs
import re

BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
IN_TYPE = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)


def decode(data: bytes, media_type: str = "", *, markup: bool = False) -> str:
    """The text of bytes: byte-order mark, then UTF-8, then what media type or markup declares, else Windows-1252.

    UTF-8 that decodes without a fault is UTF-8 whatever a label says: other encodings do not decode so by chance.
    """
    for mark, marked in BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(marked, "replace")
    return data.decode(wide(data[:65536]) or _narrow(data, _label(data, media_type, markup=markup)), "replace")


def _narrow(data: bytes, label: str) -> str:
    if label.startswith(("iso2022", "hz")):  # seven-bit, hence valid UTF-8 without being it
        return label
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start > 1000 and error.end >= len(data) - 3:  # cut in the middle of its last character
            return "utf-8"
    else:
        return "utf-8"
    # Programs that write pages and mail mean Windows-1252 when they say Latin-1 (WHATWG Encoding Standard, 4.2).
    meant = label in {"", "utf-8", "ascii", "iso8859-1"} or label.startswith(("utf-16", "utf-32"))
    return "cp1252" if meant else label


def wide(head: bytes) -> str | None:
    """The encoding of UTF-16 text; without its mark it shows by zeros at every second place."""
    for mark, encoding in BOMS[1:]:
        if head.startswith(mark):
            return encoding
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half >= 4 and odd > half * 0.7 and even < half * 0.05:
        return "utf-16-le"
    if half >= 4 and even > half * 0.7 and odd < half * 0.05:
        return "utf-16-be"
    return None


def _label(data: bytes, media_type: str, *, markup: bool) -> str:
    found = IN_TYPE.search(media_type)
    label = found[1] if found else ""
    if markup and not label:
        inside = DECLARED.search(data[:4096])
        label = inside[1].decode("ascii") if inside else ""
    try:
        known = codecs.lookup(label) if label else None
    except LookupError:
        return ""
    return known.name if known and known._is_text_encoding else ""  # the one way to tell a charset from rot13
