"""The archive's own tokens: every index, question and highlight cuts text into the same words.

A token is a run of letters, marks and digits after NFKC and case folding; everything else separates, `_` and the
apostrophe too ("o'brien" is o + brien).  Alone stand: each Han, Kana, Thai, Lao, Khmer and Myanmar character with its
marks; each emoji without variation selector and skin tone (a joined family is its members), a flag as its pair;
superscripts, fractions and the like ("m²" is m + 2, "Zoom™" zoom + tm).  Soft hyphens, joiners and direction marks
vanish.  Longer runs are cut every 200 characters.
Sources: Unicode Standard Annex 15 (normalisation), 24 (scripts), Technical Standard 51 (emoji).
"""

import re
import threading
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache

from snowballstemmer.english_stemmer import EnglishStemmer

LONGEST = 200
VERSION = f"1/{unicodedata.unidata_version}"  # an index written under another version must be rebuilt

_ASCII = bytes(ord(chr(code).lower()) if chr(code).isalnum() else 32 for code in range(128)) + bytes([32] * 128)
_ASCII_RUN = re.compile("[a-z0-9]+")
_IGNORED = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200c-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\U0001f3fb-\U0001f3ff\U000e0000-\U000e0fff"
)
_ALONE = (  # Han and Kana; then Thai, Lao, Myanmar and Khmer without their digits
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303b\u3041-\u3096\u309d-\u309f"
    "\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U0001aff0-\U0001afff\U0001b000-\U0001b16f\U00020000-\U0003fffd"
    "\u0e01-\u0e4f\u0e81-\u0ecf\u0eda-\u0eff\u1000-\u103f\u104a-\u108f\u109a-\u109f\ua9e0-\ua9ef"
    "\ua9fa-\ua9ff\uaa60-\uaa7f\u1780-\u17df\u17ea-\u17ff"
)
_EMOJI = (
    "\u231a\u231b\u2328\u23cf\u23e9-\u23f3\u23f8-\u23fa\u2600-\u2775\u2794-\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55"
    "\u3030\u303d\U0001f000-\U0001f0ff\U0001f300-\U0001f3fa\U0001f400-\U0001faff"
)
_SPACELESS = re.compile(f"[{_ALONE}]")
_FLAG = "\U0001f1e6-\U0001f1ff"
# Letters that NFKC composes with the character before or moves into it: Thai and Lao AM, conjoining, halfwidth.
_JOINS_LEFT = "\u0e33\u0eb3\u1161-\u1175\u11a8-\u11c2\u3131-\u318e\uff9e\uff9f\uffa1-\uffdc"
_SIGNS = ((0xA0, 0x100), (0x2070, 0x2190), (0x2460, 0x2500), (0x3200, 0x3400), (0x1F100, 0x1F280))
_BEYOND = re.compile("[^\x00-\x7f]+(?:(?:[A-Za-z0-9]++|[\x00-\x7f]{1,8})[^\x00-\x7f]+)*")
_ASCII_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")


def _ranges(codes: list[int]) -> str:
    """Ascending code points as ranges of a character class, which match several times faster than single signs."""
    known = set(codes)
    firsts = [code for code in codes if code - 1 not in known]
    lasts = [code for code in codes if code + 1 not in known]
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in zip(firsts, lasts, strict=True))


@cache
def _marks() -> str:
    codes = [code for code in range(0x300, 0x1F000) if unicodedata.category(chr(code))[0] == "M"]
    codes.remove(0x20E3)  # the keycap separates: 1️⃣2️⃣ is 1 + 2
    return _ranges(codes)


@cache
def _isolated() -> re.Pattern[str]:
    """Symbols and numbers that NFKC turns into several letters or digits, which must not melt into their neighbours."""
    found = []
    for code in (code for first, end in _SIGNS for code in range(first, end)):
        sign = chr(code)
        plain = unicodedata.normalize("NFKC", sign)
        if unicodedata.category(sign) in ("No", "So") and plain != sign and not (len(plain) == 1 and plain.isalpha()):
            found.append(code)
    return re.compile(f"[{_ranges(found)}]")


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Compiled for the first text beyond ASCII: what vanishes, tokens without and with spaceless scripts, pieces."""
    marks = _marks()
    symbols = f"[{_EMOJI}]|[{_FLAG}]{{1,2}}"
    plain = f"[^\\W_]+(?:[{marks}]+[^\\W_]*)*|{symbols}"
    full = f"[^\\W_{_ALONE}]+(?:[{marks}]+[^\\W_{_ALONE}]*)*|(?=\\w)[{_ALONE}][{marks}]*|{symbols}"
    extend = marks + _IGNORED + _JOINS_LEFT + "\u20e3"
    pieces = f"((?:[\\x00-\\x7f]+|[^\\x00-\\x7f{extend}]+)(?![{extend}]))|[\\s\\S][{extend}]*"
    return re.compile(f"[{_IGNORED}]+"), re.compile(plain), re.compile(full), re.compile(pieces)


def _normal(text: str) -> str:
    """NFKC and case folding of any text; what vanishes removed first, what stands alone set between spaces."""
    text = _patterns()[0].sub("", text)
    text = _isolated().sub(r" \g<0> ", text)
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", folded)


def _token_pattern(normal: str) -> re.Pattern[str]:
    _, plain, full, _ = _patterns()
    return full if _SPACELESS.search(normal) else plain


def _stretches(text: str) -> Iterator[tuple[int, int, bool]]:
    """Cut a text at ASCII separators into stretches, those of ASCII alone (True) for the fast way."""
    done = 0
    for match in _BEYOND.finditer(text):
        start, end = match.span()
        while start > done and text[start - 1] in _ASCII_LETTERS:
            start -= 1
        while end < len(text) and text[end] in _ASCII_LETTERS:
            end += 1
        if start > done:
            yield done, start, True
        if end > done:
            yield max(start, done), end, False
            done = end
    if done < len(text):
        yield done, len(text), True


def _ascii_words(text: str) -> list[str]:
    return text.encode().translate(_ASCII).decode().split()


def _other_words(text: str) -> list[str]:
    normal = _normal(text)
    return _token_pattern(normal).findall(normal)


def words(text: str) -> list[str]:
    """The tokens of a text, in order."""
    if text.isascii():
        found = _ascii_words(text)
    else:
        found = []
        for start, end, plain in _stretches(text):
            found += _ascii_words(text[start:end]) if plain else _other_words(text[start:end])
    if len(text) > LONGEST and found and len(max(found, key=len)) > LONGEST:
        return [token[at : at + LONGEST] for token in found for at in range(0, len(token), LONGEST)]
    return found


def spans(text: str) -> list[tuple[str, int, int]]:
    """The tokens of a text with their half-open range of characters in it; tokens made of one sign share its range."""
    if text.isascii():
        return _cut(_ASCII_RUN.finditer(text.lower()))
    found = []
    for at, end, plain in _stretches(text):
        part = text[at:end]
        stretch = _cut(_ASCII_RUN.finditer(part.lower())) if plain else _other_spans(part)
        found += [(token, at + first, at + last) for token, first, last in stretch] if at else stretch
    return found


def _other_spans(text: str) -> list[tuple[str, int, int]]:
    normal = _normal(text)
    if len(normal) == len(text) and normal == text.casefold():  # case folding works on each character alone
        return _cut(_token_pattern(normal).finditer(normal))
    normal, starts, ends = _mapped(text)
    found = _cut(_token_pattern(normal).finditer(normal))
    return [(token, starts[first], ends[last - 1]) for token, first, last in found]


def _cut(matches: Iterable[re.Match[str]]) -> list[tuple[str, int, int]]:
    found = [(match[0], match.start(), match.end()) for match in matches]
    if all(end - start <= LONGEST for _, start, end in found):
        return found
    return [
        (token[at - start : at - start + LONGEST], at, min(at + LONGEST, end))
        for token, start, end in found
        for at in range(start, end, LONGEST)
    ]


def _mapped(text: str) -> tuple[str, list[int], list[int]]:
    """The normalised text piece by piece and, per character of it, where its origin starts and ends."""
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for match in _patterns()[3].finditer(text):
        piece, at = match[0], match.start()
        plain = piece.lower() if piece.isascii() else _normal(piece)
        if len(plain) == len(piece) and plain == piece.casefold():
            parts.append(plain)
            starts.extend(range(at, match.end()))
            ends.extend(range(at + 1, match.end() + 1))
            continue
        units = list(piece) if match[1] else [piece]
        for unit in units:
            plain = _normal(unit)
            parts.append(plain)
            starts.extend([at] * len(plain))
            at += len(unit)
            ends.extend([at] * len(plain))
    return "".join(parts), starts, ends


_STEMMERS = threading.local()  # a stemmer keeps the word it works on


@lru_cache(maxsize=1 << 16)
def stem(token: str) -> str:
    """The English stem (Snowball) of a token of ASCII letters; every other token is its own stem.

    Always the pure Python stemmer: a C twin of another release would cut other stems than the index holds.
    """
    if not (token.isascii() and token.isalpha()):
        return token
    stemmer = getattr(_STEMMERS, "english", None)
    if stemmer is None:
        stemmer = _STEMMERS.english = EnglishStemmer()
    return str(stemmer.stemWord(token))


def stems(tokens: Iterable[str]) -> list[str]:
    """The stem of each token, in order."""
    return list(map(stem, tokens))
