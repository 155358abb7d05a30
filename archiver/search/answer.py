"""Answering a question: exact count, hits with snippets, facets, and what the count covers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archiver.archive import Archive
from archiver.clock import iso
from archiver.index.document import Document
from archiver.index.engines.contract import Engine, Place
from archiver.index.opening import open_index
from archiver.index.query import FieldName, Node
from archiver.search.coverage import SourceCoverage, captured_through, coverage, living_records, waiting_records
from archiver.search.dates import mentions_dates, without_dates
from archiver.search.describe import describe
from archiver.search.highlight import Highlighter
from archiver.search.parse import Query, parse

FACETS = (FieldName.SOURCE, FieldName.PLATFORM, FieldName.KIND, FieldName.CUSTODIAN, FieldName.SERIES, FieldName.IS)


@dataclass(frozen=True, slots=True)
class Hit:
    """A found record as a list shows it."""

    document: Document
    snippet: str
    spans: tuple[tuple[int, int], ...]

    def as_dict(self) -> dict[str, Any]:
        """For scripts (design section 9)."""
        one = self.document
        return {
            "id": f"R{one.record_id}",
            "source": one.source,
            "platform": one.platform,
            "kind": one.kind,
            "sent_at": iso(one.sent_at),
            "author": ", ".join(one.author),
            "parties": list(one.recipients),
            "thread": one.thread_id,
            "title": one.title,
            "snippet": self.snippet,
            "state": list(one.states),
            "series": one.series,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question found and what that covers; never a bare number (promise 8).

    undated: records of unknown time that would match but for the dates asked for.  indexed of records: those that the
    index holds as they are now.  captured: see `captured_through`.
    """

    query: str
    interpreted: str
    count: int
    undated: int
    indexed: int
    records: int
    captured: int | None
    coverage: tuple[SourceCoverage, ...]
    hits: tuple[Hit, ...] = ()
    facets: dict[str, list[tuple[str, int]]] | None = None
    explained: tuple[tuple[str, int], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For scripts (design section 9)."""
        return {
            "query": self.query,
            "interpreted": self.interpreted,
            "count": self.count,
            "undated": self.undated,
            "indexed": {"records": self.indexed, "of": self.records},
            "captured": iso(self.captured),
            "coverage": [one.as_dict() for one in self.coverage],
            "hits": [one.as_dict() for one in self.hits],
            "facets": self._facets(),
            "explained": [{"part": part, "count": count} for part, count in self.explained],
        }

    def _facets(self) -> dict[str, list[dict[str, Any]]] | None:
        if self.facets is None:
            return None
        return {
            name: [{"value": value, "count": count} for value, count in values] for name, values in self.facets.items()
        }

    def said(self, zone: str) -> list[str]:
        """How far the count reaches, in plain words, a line each; zone: IANA name."""
        lines = [f"Indexed {self.indexed} of {self.records} records."]
        if self.undated:
            lines.append(f"{self.undated} more of unknown time; they match no date.")
        return [*lines, *(f"  {one.said(zone)}" for one in self.coverage)]


def ask(archive: Archive, text: str) -> Query:
    """Parse a question in the city's time zone; raises QueryError with the position of what is wrong."""
    return parse(text, timezone=archive.city.timezone, now_ms=archive.now())


def answer(
    archive: Archive,
    text: str,
    *,
    limit: int = 50,
    after: Place | None = None,
    facets: bool = False,
    explain: bool = False,
) -> Answer:
    """Answer a question, newest records first.

    limit: hits on the page.  after: the place of the last hit of the page before.  Raises QueryError.
    """
    query = ask(archive, text)
    engine = open_index(archive)
    try:
        hits = _hits(engine, query.node, limit, after)
        with archive.reading() as session:
            covered = coverage(session)
            records, waiting = living_records(session), waiting_records(session)
        zone = archive.city.timezone
        parts = query.leaves if explain else ()
        return Answer(
            query=text,
            interpreted=describe(query.node, zone),
            count=engine.count(query.node),
            undated=engine.count(without_dates(query.node)) if mentions_dates(query.node) else 0,
            indexed=max(0, min(engine.size(), records - waiting)),
            records=records,
            captured=captured_through(covered),
            coverage=tuple(covered),
            hits=hits,
            facets=_facets(engine, query.node) if facets else None,
            explained=tuple((describe(one.node, zone), engine.count(one.node)) for one in parts),
        )
    finally:
        engine.close()


def _facets(engine: Engine, node: Node) -> dict[str, list[tuple[str, int]]]:
    return {name.value: values for name, values in engine.facets(node, FACETS).items()}


def _hits(engine: Engine, node: Node, limit: int, after: Place | None) -> tuple[Hit, ...]:
    if limit == 0:
        return ()
    places = engine.page(node, limit, after)
    highlighter = Highlighter(node)
    hits = []
    for document in engine.documents([place.record_id for place in places]):
        found = highlighter.snippet(document)
        hits.append(Hit(document, found.text, tuple(found.spans)))
    return tuple(hits)


def catch_up(archive: Archive) -> None:
    """Index what still waits, so that an answer that is kept leaves out nothing that was collected."""
    from archiver.index.drain import Indexer
    from archiver.index.extract.extractor import Extractor

    engine = open_index(archive)
    try:
        with Extractor(workers=archive.config.collect.workers, ocr=archive.config.collect.ocr) as extractor:
            for _ in Indexer(archive, engine, extractor).drain():
                pass
    finally:
        engine.close()


def find_ids(archive: Archive, text: str) -> list[int]:
    """Every record that answers a question, ascending; never through a top-k path.  Raises QueryError."""
    query = ask(archive, text)
    engine = open_index(archive)
    try:
        return list(engine.ids(query.node))
    finally:
        engine.close()


def documents_of(archive: Archive, ids: Sequence[int]) -> list[Document]:
    """The documents of records, in the order asked."""
    engine = open_index(archive)
    try:
        return engine.documents(ids)
    finally:
        engine.close()
