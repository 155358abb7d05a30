"""What a word, a phrase and a distance mean on token positions: engines verify with it what they cannot do exactly.

A zone's positions: the tokens of its segments in order, one empty position between segments that have tokens.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

from archiver.index.document import Document
from archiver.index.query import FieldName, Fuzzy, Near, Phrase, Wildcard, Word, Zone
from archiver.tokens import words

_SHORT = 48  # characters of a segment that is likely a name

Find = Callable[[Word], Sequence[int]]
"""The positions in one document at which a word stands, ascending."""


def segments(document: Document, zone: Zone) -> list[Sequence[str]]:
    """The tokens of each segment of a zone that has any."""
    return [found for found in map(_words, document.segments(zone)) if found]


def _words(segment: str) -> Sequence[str]:
    return _name(segment) if len(segment) <= _SHORT else words(segment)


@lru_cache(maxsize=1 << 14)
def _name(segment: str) -> tuple[str, ...]:
    """Names and addresses come again and again, several times in one document."""
    return tuple(words(segment))


def shown(document: Document) -> dict[FieldName, tuple[str, ...]]:
    """The values of each field as they are shown."""
    return {
        FieldName.PLATFORM: (document.platform,),
        FieldName.SOURCE: (document.source,),
        FieldName.ACCOUNT: (document.account,),
        FieldName.DEVICE: (document.device,),
        FieldName.CUSTODIAN: (document.custodian,),
        FieldName.KIND: (document.kind,),
        FieldName.SERIES: (document.series,),
        FieldName.CLASS: (document.data_class,),
        FieldName.LABEL: document.labels,
        FieldName.IS: document.states,
        FieldName.HAS: document.contents,
    }


def spans(operand: Word | Phrase, find: Find) -> list[tuple[int, int]]:
    """First and last position of each place where a word or phrase stands, ascending."""
    if not isinstance(operand, Phrase):
        return [(at, at) for at in find(operand)]
    if not operand.words:
        return []
    starts = set(find(operand.words[0]))
    for offset, word in enumerate(operand.words[1:], 1):
        if not starts:
            return []
        starts &= {at - offset for at in find(word)}
    return [(at, at + len(operand.words) - 1) for at in sorted(starts)]


def stands(node: Phrase | Near, find: Find) -> bool:
    """Whether a phrase, or two operands at their distance, stand in the document that `find` looks at."""
    if isinstance(node, Phrase):
        return bool(spans(node, find))
    left = [span for operand in node.left for span in spans(operand, find)]
    right = [span for operand in node.right for span in spans(operand, find)]
    return _follows(left, right, node.distance) or (not node.ordered and _follows(right, left, node.distance))


def _follows(left: Iterable[tuple[int, int]], right: Iterable[tuple[int, int]], distance: int) -> bool:
    """Whether some right span starts 1 to `distance` positions after the end of some left span."""
    ends = sorted({end for _, end in left})
    for start, _ in right:
        before = bisect_right(ends, start - 1)
        if before and ends[before - 1] >= start - distance:
            return True
    return False


def expression(wildcard: Wildcard) -> re.Pattern[str]:
    """The pattern as a regular expression for `fullmatch`: `*` any run, `?` one character."""
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(sign) or re.escape(sign) for sign in wildcard.pattern), re.DOTALL)


def literal_start(wildcard: Wildcard) -> str:
    """The characters of a pattern before its first `*` or `?`."""
    return re.split(r"[*?]", wildcard.pattern, maxsplit=1)[0]


def within(fuzzy: Fuzzy, token: str) -> bool:
    """Whether a token is at most `distance` insertions, deletions or substitutions away (Levenshtein).

    Only the diagonal band of that width is computed, so a long token costs little.
    """
    wanted, limit = fuzzy.token, fuzzy.distance
    if abs(len(wanted) - len(token)) > limit:
        return False
    far = limit + 1
    row = [at if at <= limit else far for at in range(len(token) + 1)]
    for line, sign in enumerate(wanted, 1):
        first, last = max(1, line - limit), min(len(token), line + limit)
        fresh = [far] * (len(token) + 1)
        fresh[0] = min(line, far)
        for at in range(first, last + 1):
            fresh[at] = min(row[at - 1] + (token[at - 1] != sign), row[at] + 1, fresh[at - 1] + 1)
        if min(fresh[first - 1 : last + 1]) > limit:
            return False
        row = fresh
    return row[-1] <= limit


def pieces(fuzzy: Fuzzy) -> list[str]:
    """Parts of the token of which a token within the distance holds at least one unchanged; empty: no such filter."""
    count = fuzzy.distance + 1
    if len(fuzzy.token) < count:
        return []
    size = len(fuzzy.token) // count
    cuts = [*range(0, size * count, size), len(fuzzy.token)]
    return [fuzzy.token[start:end] for start, end in pairwise(cuts)]
