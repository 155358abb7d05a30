"""The pure-Python engine for archives up to about 200,000 records, and for the reading room: Whoosh with our tokens."""

import heapq
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from whoosh.reading import IndexReader
from whoosh.writing import CLEAR, SegmentWriter

from archiver.index.document import Document
from archiver.index.engines.contract import Place
from archiver.index.engines.files import only_writer
from archiver.index.engines.match import shown
from archiver.index.engines.whoosh_fields import FACTS, LAYOUT, UNDATED, entry, fact, schema, unpack
from archiver.index.engines.whoosh_find import Segment
from archiver.index.engines.whoosh_store import LOCK, open_index, sweep
from archiver.index.query import FieldName, Node, Zone


class WhooshEngine:
    """One directory; safe for several threads (one at a time), and for several processes beside one writer.

    path: the directory, made where it is missing.  Raises IndexUnusable where it holds files that we did not write.
    """

    name = "whoosh"

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._guard = threading.RLock()
        self._reader: IndexReader | None = None
        self._generation = -1
        self._segments: list[Segment] = []
        with only_writer(path / LOCK):
            self._index, self._storage = open_index(path, schema(), LAYOUT)

    def write(self, documents: Sequence[Document], removed: Sequence[int], watermark: int) -> None:
        """Add or replace documents and remove records in one durable batch; what is removed is not added.

        Of several documents of one record the last counts.
        """
        gone = set(removed)
        newest = {document.record_id: document for document in documents if document.record_id not in gone}
        with self._writer(watermark) as writer:
            outdated = gone | newest.keys()
            for segment in self._current():
                for at, number in enumerate(segment.records):
                    if number in outdated and at in segment.live:
                        writer.delete_document(segment.base + at)
            for document in newest.values():
                writer.add_document(**entry(document))
            writer.commit()

    def watermark(self) -> int:
        """The highest watermark written, 0 for an empty index."""
        return int(self._index.state()[1])

    def size(self) -> int:
        """How many documents the index holds."""
        with self._guard:
            return sum(len(segment.live) for segment in self._current())

    def count(self, node: Node) -> int:
        """How many documents match, exactly."""
        with self._guard:
            return sum(len(segment.find(node)) for segment in self._current())

    def ids(self, node: Node) -> Iterator[int]:
        """Every matching record id, ascending."""
        with self._guard:
            return iter(sorted(number for _, number in self._places(node)))

    def page(self, node: Node, limit: int, after: Place | None = None, newest_first: bool = True) -> list[Place]:
        """The next `limit` matches in order (sent_at, id) after a place; those of unknown time come last either way."""
        sign = -1 if newest_first else 1

        def order(sent_at: int, number: int) -> tuple[bool, int, int]:
            """Where a match stands; UNDATED last."""
            return sent_at == UNDATED, sign * sent_at, sign * number

        with self._guard:
            keys = (order(*place) for place in self._places(node))
            if after is not None:
                start = order(UNDATED if after.sent_at is None else after.sent_at, after.record_id)
                keys = (key for key in keys if key > start)
            found = heapq.nsmallest(limit, keys)
        return [Place(None if undated else sign * sent_at, sign * number) for undated, sent_at, number in found]

    def facets(self, node: Node, names: Sequence[FieldName]) -> dict[FieldName, list[tuple[str, int]]]:
        """For each field the values as shown of the matches with exact counts, largest first, then by value."""
        totals: dict[FieldName, Counter[str]] = {name: Counter() for name in names}
        with self._guard:
            for segment in self._current():
                for at in segment.find(node):
                    values = shown(unpack(segment.reader.stored_fields(at)["body"]))
                    for name, total in totals.items():
                        total.update(value for value in dict.fromkeys(values[name]) if value)
        return {name: sorted(total.items(), key=lambda pair: (-pair[1], pair[0])) for name, total in totals.items()}

    def documents(self, ids: Sequence[int]) -> list[Document]:
        """The documents of these records, in the order asked; unknown ids are left out."""
        found: dict[int, Document] = {}
        with self._guard:
            for segment in self._current():
                for number in ids:
                    for at in segment.documents(FACTS, fact("record", number)):
                        found[number] = unpack(segment.reader.stored_fields(at)["body"])
        return [found[number] for number in ids if number in found]

    def has_words(self, words: Sequence[str]) -> set[str]:
        """Those of the given surface tokens that the dictionary still holds, deleted documents included."""
        with self._guard:
            segments = self._current()
            return {word for word in words if any(one.holds(zone.value, word) for one in segments for zone in Zone)}

    def scrub(self) -> None:
        """Rewrite all segments into one, so that nothing of removed documents stays, and remove what crashes left."""
        with self._writer(0) as writer:
            empty = not self.size()
            writer.commit(mergetype=CLEAR if empty else None, optimize=True)
            sweep(self._path, self._index.state()[0])

    def clear(self) -> None:
        """Empty the index for a rebuild."""
        with self._writer(None) as writer:
            writer.commit(mergetype=CLEAR)
            sweep(self._path, self._index.state()[0])

    def close(self) -> None:
        """Release files and locks."""
        with self._guard:
            if self._reader is not None:
                self._reader.close()
            self._reader, self._generation, self._segments = None, -1, []

    @contextmanager
    def _writer(self, watermark: int | None) -> Iterator[SegmentWriter]:
        """The only writer of the directory; nothing is kept unless the body commits.

        watermark: what the state to come stands for if that is more than before, None: nothing (an empty index).
        """
        with self._guard, only_writer(self._path / LOCK):
            self._storage.watermark = 0 if watermark is None else max(self.watermark(), watermark)
            writer = SegmentWriter(self._index)
            try:
                yield writer
            finally:
                if not writer.is_closed:
                    _abandon(writer)

    def _places(self, node: Node) -> Iterable[tuple[int, int]]:
        """(sent or UNDATED, record id) of each match."""
        for segment in self._current():
            for at in segment.find(node):
                yield segment.sent[at], segment.records[at]

    def _current(self) -> list[Segment]:
        """The segments of the newest state; a segment's columns never change and are read once."""
        if self._reader is None or self._index.latest_generation() != self._generation:
            reader = self._index.reader()
            old, self._reader = self._reader, reader
            self._generation = reader.generation()
            known = {segment.name: segment for segment in self._segments}
            leaves = [(leaf, base) for leaf, base in reader.leaf_readers() if leaf.doc_count_all()]
            self._segments = [Segment(leaf, base, known.get(leaf.segment().segment_id())) for leaf, base in leaves]
            if old is not None:
                old.close()
        return self._segments


def _abandon(writer: SegmentWriter) -> None:
    """Give up a writer; one that failed half way closes its files again, and what that raises would hide why."""
    with suppress(Exception):  # whoosh raises anything here, even a bare Exception
        writer.cancel()
    if writer.writelock.fd is not None:
        writer.writelock.release()
