"""Answers to a question within one Whoosh segment, as sets of its document numbers.

Whoosh's own matchers and queries are not used: plain sets are several times quicker, and exact by construction.
"""

import re
from collections.abc import Iterable, Iterator

from whoosh.reading import SegmentReader, TermNotFound

from archiver.index.engines.match import expression, literal_start, pieces, stands, within
from archiver.index.engines.whoosh_fields import BETWEEN, FACTS, FORMS, SPAN_BITS, UNDATED, fact
from archiver.index.query import (
    And,
    Everything,
    Field,
    Fuzzy,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    RecordIs,
    Sent,
    Term,
    ThreadIs,
    Undated,
    Wildcard,
    Word,
)
from archiver.tokens import stem

_TOKEN = re.compile("[^\ud800-\udfff\0]+")


class Segment:
    """One segment with its columns in memory.

    base: the number of its first document in the whole index.  live: its documents that are not deleted.
    before: the same segment in an earlier state.
    """

    def __init__(self, reader: SegmentReader, base: int, before: "Segment | None" = None) -> None:
        self.reader, self.base = reader, base
        self.name = str(reader.segment().segment_id())
        self.records: list[int] = before.records if before else list(reader.column_reader("record"))
        self.sent: list[int] = before.sent if before else list(reader.column_reader("sent"))
        self.lexicons: dict[str, list[str]] = before.lexicons if before else {}
        self.live = frozenset(reader.all_doc_ids())

    def find(self, node: Node) -> set[int]:
        """The numbers, within the segment, of the living documents that match."""
        return self._find(node) & self.live

    def holds(self, field: str, text: str) -> bool:
        """Whether the dictionary has a term, deleted documents included."""
        return (field, text.encode("utf-8", "surrogatepass")) in self.reader

    def documents(self, field: str, text: str) -> Iterable[int]:
        """The documents of a term, deleted ones left out."""
        try:
            return self.reader.postings(field, text.encode("utf-8", "surrogatepass")).all_ids()  # type: ignore[no-any-return]
        except TermNotFound:
            return ()

    def _find(self, node: Node) -> set[int]:  # noqa: C901, PLR0911  (one line per kind of node)
        match node:
            case Everything():
                return set(self.live)
            case Term() | Wildcard() | Fuzzy():
                return self._union(node.zone.value, self._alternatives(node))
            case Phrase():
                return self._standing(node, self._all(node.words))
            case Near():
                return self._standing(node, self._any(node.left) & self._any(node.right))
            case Field():
                return self._union(FACTS, (fact(node.name, value) for value in node.values if value))
            case ThreadIs():
                return self._union(FACTS, (fact("thread", node.thread_id),))
            case RecordIs():
                wanted = set(node.ids)
                return {at for at, number in enumerate(self.records) if number in wanted}
            case Undated():
                return self._union(FACTS, ("undated",))
            case Sent():
                return self._sent(node)
            case And():
                return self._and(node)
            case Or():
                return set().union(*map(self._find, node.parts))
            case Not():
                return set(self.live) - self._find(node.part)

    def _and(self, node: And) -> set[int]:
        found = set(self.live)
        for part in node.parts:
            found &= self._find(part)
            if not found:
                break
        return found

    def _union(self, field: str, texts: Iterable[str]) -> set[int]:
        found: set[int] = set()
        for text in texts:
            found.update(self.documents(field, text))
        return found

    def _sent(self, node: Sent) -> set[int]:
        """Whole spans from the dictionary, the two at the ends by the column."""
        first = UNDATED if node.since is None else node.since
        beyond = -UNDATED if node.until is None else node.until
        found: set[int] = set()
        start = fact("sent", "")
        for text in self._starting(FACTS, start):
            span = int(text[len(start) :])
            low, high = span << SPAN_BITS, (span + 1) << SPAN_BITS
            if low >= first and high <= beyond:
                found.update(self.documents(FACTS, text))
            elif low < beyond and high > first:
                found.update(at for at in self.documents(FACTS, text) if first <= self.sent[at] < beyond)
        return found

    def _starting(self, field: str, start: str) -> Iterator[str]:
        for text in self.reader.expand_prefix(field, start.encode()):
            yield text.decode("utf-8", "surrogatepass")

    def _lexicon(self, field: str) -> list[str]:
        """Every token of a zone, kept because Whoosh reads its dictionary slowly (about 8 microseconds a token)."""
        if field not in self.lexicons:
            self.lexicons[field] = list(self._starting(field, ""))
        return self.lexicons[field]

    def _alternatives(self, word: Word) -> list[str]:
        """The tokens of the segment that a word stands for."""
        field = word.zone.value
        if isinstance(word, Wildcard):
            start = literal_start(word)
            if not _TOKEN.fullmatch(start or "*"):
                return []
            matches = expression(word).fullmatch
            every = self._starting(field, start) if start else self._lexicon(field)
            return [token for token in every if matches(token)]
        if isinstance(word, Fuzzy):
            parts = pieces(word)
            likely = (token for token in self._lexicon(field) if not parts or any(part in token for part in parts))
            return [token for token in likely if within(word, token)]
        if not _TOKEN.fullmatch(word.token):
            return []
        if not word.stem:
            return [word.token]
        root = stem(word.token)
        forms = [text.partition(BETWEEN)[2] for text in self._starting(FORMS, root + BETWEEN)]
        return [*forms, root] if stem(root) == root else forms

    def _any(self, operands: Iterable[Word | Phrase]) -> set[int]:
        found: set[int] = set()
        for operand in operands:
            found |= self._all(operand.words if isinstance(operand, Phrase) else (operand,))
        return found

    def _all(self, words: Iterable[Word]) -> set[int]:
        """Documents that have each of the words somewhere."""
        found: set[int] | None = None
        for word in words:
            here = self._union(word.zone.value, self._alternatives(word))
            found = here if found is None else found & here
        return found or set()

    def _standing(self, node: Phrase | Near, likely: set[int]) -> set[int]:
        """Those of the likely documents in which the words stand as asked, by the positions in the postings."""
        if not likely:
            return set()
        operands: Iterable[Word | Phrase] = (node,) if isinstance(node, Phrase) else (*node.left, *node.right)
        asked = {
            word for operand in operands for word in (operand.words if isinstance(operand, Phrase) else (operand,))
        }
        positions = {word: self._positions(word, likely) for word in asked}
        if len({word.zone for word in asked}) > 1:
            return set()
        return {at for at in likely if stands(node, lambda word, at=at: positions[word].get(at, ()))}  # type: ignore[misc]

    def _positions(self, word: Word, likely: set[int]) -> dict[int, list[int]]:
        """Where a word stands in each of the likely documents, ascending."""
        found: dict[int, list[int]] = {}
        for token in self._alternatives(word):
            try:
                postings = self.reader.postings(word.zone.value, token.encode())
            except TermNotFound:
                continue
            while postings.is_active():
                at = postings.id()
                if at in likely:
                    found.setdefault(at, []).extend(postings.value_as("positions"))
                postings.next()
        for places in found.values():
            places.sort()
        return found
