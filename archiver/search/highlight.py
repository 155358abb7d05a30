"""Our own snippets: the part of a record in which most of the question's words stand, and where they stand in it."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from unicodedata import category

from archiver.index.document import Document
from archiver.index.engines.match import expression, within
from archiver.index.query import And, Fuzzy, Near, Node, Or, Phrase, Term, Wildcard, Word, Zone
from archiver.tokens import spans, stem, words

MOST_CHARACTERS = 200_000
_PIECE = 4_000


@dataclass(frozen=True, slots=True)
class Snippet:
    """Plain text of one line and the half-open ranges of characters in it that match; `…` marks a cut."""

    text: str
    spans: tuple[tuple[int, int], ...]


class _Hit(NamedTuple):
    start: int
    end: int
    leaf: int


Leaf = Word | Phrase | Near
Token = tuple[str, int, int]


class Highlighter:
    """The words of one question, ready for many records."""

    def __init__(self, node: Node) -> None:
        """node: the question; only what it asks for in the text is shown, not what it leaves out."""
        self.leaves = list(dict.fromkeys(_leaves(node)))
        found = dict.fromkeys(word for leaf in self.leaves for word in _words(leaf))
        self._tests: list[tuple[Word, Callable[[str], bool]]] = [(word, _test(word)) for word in found]
        self._known: dict[str, frozenset[Word]] = {}

    def snippet(self, document: Document, width: int = 200) -> Snippet:
        """The best part of a document, about `width` characters; its beginning where nothing matches."""
        best: tuple[int, str, list[_Hit]] = (0, "", [])
        left = MOST_CHARACTERS
        for text in _texts(document):
            if left <= 0 or best[0] == len(self.leaves):
                break
            for hits in self._hits(text[:left]):
                window = _window(hits, width)
                distinct = len({hit.leaf for hit in window})
                if distinct > best[0]:
                    best = (distinct, text, window)
                if distinct == len(self.leaves):
                    break
            left -= len(text)
        if best[0]:
            return _cut(best[1], best[2], width)
        return _cut(next((text for text in _texts(document) if not text.isspace()), ""), [], width)

    def _matches(self, token: str) -> frozenset[Word]:
        """Which words of the question a token is."""
        known = self._known.get(token)
        if known is None:
            if len(self._known) > 50_000:
                self._known.clear()
            known = self._known[token] = frozenset(word for word, test in self._tests if test(token))
        return known

    def _hits(self, text: str) -> Iterator[list[_Hit]]:
        """The hits of each part of a text that may hold any, in order; only such parts are cut into places."""
        start = None
        for first, last in _pieces(text):
            if any(map(self._matches, set(words(text[first:last])))):
                start = first if start is None else start
                if last - start < 10 * _PIECE:
                    continue
                end = last
            else:
                end = first
            if start is not None:
                yield self._found(text, start, end)
            start = None
        if start is not None:
            yield self._found(text, start, len(text))

    def _found(self, text: str, start: int, end: int) -> list[_Hit]:
        tokens = spans(text[start:end])
        places: dict[Word, list[int]] = {word: [] for word, _ in self._tests}
        for at, (token, _, _) in enumerate(tokens):
            for word in self._matches(token):
                places[word].append(at)
        hits = []
        for number, leaf in enumerate(self.leaves):
            for first, last in _stands(leaf, places):
                hits.append(_Hit(start + tokens[first][1], start + tokens[last][2], number))
        return sorted(hits)


def snippet(document: Document, node: Node, width: int = 200) -> Snippet:
    """The part of a document, about `width` characters, in which most of a question's words stand."""
    return Highlighter(node).snippet(document, width)


def _leaves(node: Node) -> Iterator[Leaf]:
    """What is asked for in the text; what stands under NOT is not shown."""
    match node:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _leaves(part)
        case Near():
            if any(word.zone is Zone.TEXT for word in _words(node)):
                yield node
        case Term() | Wildcard() | Fuzzy() | Phrase():
            if any(word.zone is Zone.TEXT for word in _words(node)):
                yield node


def _words(leaf: Leaf) -> tuple[Word, ...]:
    match leaf:
        case Near(left, right):
            return tuple(word for operand in (*left, *right) for word in _words(operand))
        case Phrase(parts):
            return parts
    return (leaf,)


def _test(word: Word) -> Callable[[str], bool]:
    match word:
        case Term(token, True):
            wanted = stem(token)
            return lambda found: stem(found) == wanted
        case Term(token):
            return lambda found: found == token
        case Wildcard():
            pattern = expression(word)
            return lambda found: pattern.fullmatch(found) is not None
        case Fuzzy():
            return lambda found: within(word, found)


def _stands(leaf: Leaf, places: dict[Word, list[int]]) -> list[tuple[int, int]]:
    """First and last token of each place where a leaf stands; of a Near, of its operands."""
    match leaf:
        case Near(left, right, distance, ordered):
            lefts = sorted({span for operand in left for span in _stands(operand, places)})
            rights = sorted({span for operand in right for span in _stands(operand, places)})
            found = _pairs(lefts, rights, distance)
            return sorted(found if ordered else found | _pairs(rights, lefts, distance))
        case Phrase(parts):
            if not parts:
                return []
            starts = set(places[parts[0]])
            for offset, word in enumerate(parts[1:], 1):
                starts &= {at - offset for at in places[word]}
            return [(at, at + len(parts) - 1) for at in sorted(starts)]
    return [(at, at) for at in places[leaf]]


def _pairs(left: list[tuple[int, int]], right: list[tuple[int, int]], distance: int) -> set[tuple[int, int]]:
    """Every span of a pair of which the right one starts 1 to `distance` places after the left one ends."""
    starts, ends = sorted(start for start, _ in right), sorted(end for _, end in left)
    found = {span for span in left if _any(starts, span[1] + 1, span[1] + distance)}
    return found | {span for span in right if _any(ends, span[0] - distance, span[0] - 1)}


def _any(places: list[int], first: int, last: int) -> bool:
    """Whether some of the ascending places lie from first through last."""
    at = bisect_left(places, first)
    return at < len(places) and places[at] <= last


def _texts(document: Document) -> Iterator[str]:
    """The texts of a document, the body first: titles and names stand beside a snippet anyway."""
    files = (part for name, text in document.files for part in (text, name))
    for text in (document.text, *files, document.title, *document.author, *document.recipients):
        if text:
            yield text


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Half-open ranges of about 4,000 characters, cut at a space where there is one."""
    start = 0
    while start < len(text):
        end = start + _PIECE
        if end < len(text):
            space = max(text.rfind(" ", start + 1, end), text.rfind("\n", start + 1, end))
            end = space if space > start else end
        yield start, min(end, len(text))
        start = end


def _window(hits: Sequence[_Hit], width: int) -> list[_Hit]:
    """The neighbouring hits within `width` characters that show most leaves, the first such."""
    best: list[_Hit] = []
    score = (0, 0)
    counts: dict[int, int] = {}
    first = 0
    for last, hit in enumerate(hits):
        counts[hit.leaf] = counts.get(hit.leaf, 0) + 1
        while first < last and hit.end - hits[first].start > width:
            leaf = hits[first].leaf
            counts[leaf] -= 1
            if not counts[leaf]:
                del counts[leaf]
            first += 1
        if (len(counts), last - first) > score:
            score = (len(counts), last - first)
            best = list(hits[first : last + 1])
    return best


def _cut(text: str, hits: Sequence[_Hit], width: int) -> Snippet:
    """The text around the hits, cut between words, in one line."""
    first = hits[0].start if hits else 0
    last = max((hit.end for hit in hits), default=0)
    room = max(0, width - (last - first))
    start = max(0, first - min(room // 2, width // 3))
    end = min(len(text), start + width)
    start = max(0, min(start, end - width))
    if start > 0:
        space = re.compile(r"\s").search(text, start, first)
        start = space.end() if space else start
    if end < len(text):
        space_at = max(text.rfind(sign, max(last, end - 30), end) for sign in " \n\t")
        end = space_at if space_at > start else end
    places: list[int] = []
    shown = "…" if text[:start].strip() else ""
    for sign in text[start:end]:
        places.append(len(shown))
        if not (sign.isspace() or category(sign) == "Cc"):
            shown += sign if category(sign) != "Cs" else "\ufffd"  # half a character cannot be written
        elif shown and not shown.endswith(" "):
            shown += " "
    places.append(len(shown))
    found = ((places[hit.start - start], places[min(hit.end, end) - start]) for hit in hits if start <= hit.start < end)
    merged: list[tuple[int, int]] = []
    for left, right in sorted(set(found)):
        if merged and left < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(right, merged[-1][1]))
        elif right > left:
            merged.append((left, right))
    return Snippet(shown + ("…" if text[end:].strip() else ""), tuple(merged))
