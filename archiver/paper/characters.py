"""Text of strangers on paper: hidden characters shown as code, characters without a glyph shown by name."""

import unicodedata
from collections.abc import Iterator

_LINE_ENDS = str.maketrans({"\r": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n"})
_JOINERS = {"\u200c", "\u200d"}
_SKIN = range(0x1F3FB, 0x1F400)
_FLAG = range(0x1F1E6, 0x1F200)
_TAGS = range(0xE0020, 0xE0080)
DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the direction of what follows (Unicode UAX 9), and can make a text read as another."""


def with_plain_lines(text: str) -> str:
    """The text with every kind of line end as a line feed."""
    return text.replace("\r\n", "\n").translate(_LINE_ENDS)


def code(c: str) -> str:
    """A hidden character as `[U+202E RIGHT-TO-LEFT OVERRIDE]`, or `[U+0007]` where it has no name."""
    return f"[{' '.join(filter(None, (f'U+{ord(c):04X}', unicodedata.name(c, ''))))}]"


def is_hidden(c: str) -> bool:
    """Whether a reader would not see the character, or see others in the wrong order because of it."""
    return c in DIRECTION or c == "\ufeff" or (c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cs"))


def with_codes(text: str) -> str:
    """The text with control and direction characters and lone surrogates as codes; XML allows all that remains."""
    text = with_plain_lines(text)
    if text.isprintable():
        return text
    odd = {c for c in set(text) if is_hidden(c) or ord(c) & 0xFFFE == 0xFFFE}
    return text.translate({ord(c): code(c) for c in odd}) if odd else text


def clusters(text: str) -> Iterator[str]:
    """What a reader takes for one character: a base with its marks, an emoji sequence, a pair of flag letters."""
    start, end = 0, len(text)
    while start < end:
        at = start + 1
        if ord(text[start]) in _FLAG and at < end and ord(text[at]) in _FLAG:
            at += 1
        while at < end and (_extends(text[at]) or (text[at - 1] == "\u200d" and ord(text[at]) > 0x2190)):
            at += 1
        yield text[start:at]
        start = at


def _extends(c: str) -> bool:
    return (
        c in _JOINERS
        or unicodedata.category(c) in ("Mn", "Mc", "Me")
        or ord(c) in _SKIN
        or ord(c) in _TAGS
        or "\ufe00" <= c <= "\ufe0f"
    )


def _is_simple(c: str) -> bool:
    return (c.isprintable() or c in "\u00ad\u200b" or unicodedata.category(c) == "Zs") and not _extends(c)


def _needs_no_glyph(c: str) -> bool:
    return c in _JOINERS or "\ufe00" <= c <= "\ufe0f" or ord(c) in _TAGS or 0xE0100 <= ord(c) < 0xE01F0


class Coverage:
    """Which characters a list of fonts can show.

    fonts: the code points of each font family, in the order in which they are tried.
    """

    def __init__(self, fonts: list[frozenset[int]]) -> None:
        self._fonts = fonts
        self._any = frozenset().union(*fonts)
        first = fonts[0] if fonts else frozenset()
        self._plain = {chr(c) for c in first if _is_simple(chr(c))} | {"\n", "\t"}

    def shown(self, text: str) -> tuple[str, int]:
        """The text as the fonts can show it, and how many of its characters became a name or code."""
        text = with_plain_lines(text)
        if self._plain.issuperset(text):
            return text, 0
        parts: list[str] = []
        changed = 0
        for cluster in clusters(text):
            if cluster in self._plain:
                parts.append(cluster)
                continue
            part, count = self._cluster(cluster)
            parts.append(part)
            changed += count
        return "".join(parts), changed

    def _cluster(self, cluster: str) -> tuple[str, int]:
        needed = {ord(c) for c in cluster if not _needs_no_glyph(c)}
        if not any(is_hidden(c) for c in cluster):
            if any(needed <= font for font in self._fonts) and needed:
                return cluster, 0
            if "\u200d" in cluster and not needed <= self._any:
                named = [c for c in cluster if not _needs_no_glyph(c)]
                return f"[{' + '.join(unicodedata.name(c, f'U+{ord(c):04X}') for c in named)}]", len(named)
        shown = [self._single(c) for c in cluster]
        return "".join(text for text, _ in shown), sum(count for _, count in shown)

    def _single(self, c: str) -> tuple[str, int]:
        """One character of a cluster that no font shows as a whole; a mark would land on the wrong base."""
        if is_hidden(c):
            return code(c), 1
        if _needs_no_glyph(c):
            return "", 0
        if c in "\n\t" or (ord(c) in self._any and not _extends(c)):
            return c, 0
        return f"[{unicodedata.name(c, f'U+{ord(c):04X}')}]", 1
