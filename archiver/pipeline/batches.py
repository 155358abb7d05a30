"""Committing the pages of a run, batch by batch: records, tags, cursor, outbox and audit event together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.orm import Session

from archiver import outbox
from archiver.accession.absence import note_gone, note_listed, note_missing
from archiver.accession.batch import Counts, Prepared
from archiver.accession.prepare import Origin, Preparer
from archiver.accession.write import write
from archiver.archive import Archive
from archiver.audit.merkle import leaf_hash, root_of
from archiver.clock import monotonic
from archiver.collect import captures, running
from archiver.collect.gate import passed
from archiver.collect.sink import ObjectSink
from archiver.database import IdPool
from archiver.index.document import Document
from archiver.index.drain import Indexer, has_attachments
from archiver.pipeline.receipt import Receipt
from archiver.retain import triggers
from archiver.retain.tags import Tagger, write_tags
from archiver.scope import Scope
from archiver.sources.registry import Source
from connectors.contract import Cursor, Enumeration, Page
from schema.item import Gap, Gone, Item, Unreadable
from schema.vocab import OutboxKind

LOCK_AIM_S = 0.05
"""Seconds for which a batch may hold the writers' lock (decision 9)."""
SMALLEST, LARGEST = 50, 1_000
PATIENCE_S = 2.0
"""Seconds after which a slow source's pages are committed even though the batch is small."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What a run and its batches work with.  lease: the name of the lease under which they may commit."""

    archive: Archive
    source: Source
    indexer: Indexer
    sink: ObjectSink
    ids: IdPool
    receipt: Receipt
    lease: str


@dataclass(slots=True)
class Pending:
    """Pages that wait to be committed together."""

    items: list[Item | Unreadable] = field(default_factory=list)
    gone: list[Gone] = field(default_factory=list)
    listed: list[str] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    cursor: Cursor | None = None
    since: float = 0.0

    def take(self, page: Page) -> None:
        """Add a page; its cursor is the newest."""
        self.items.extend(page.items)
        self.gone.extend(page.gone)
        self.listed.extend(page.still_there)
        self.gaps.extend(page.gaps)
        self.cursor = page.next_cursor if page.next_cursor is not None else self.cursor


class Batches:
    """Commits the pages of a run in batches whose size adapts to how long the lock is held."""

    def __init__(self, desk: Desk, origin: Origin, scope: Scope | None, tagger: Tagger) -> None:
        self._desk, self._origin, self._scope, self._tagger = desk, origin, scope, tagger
        self._archive = desk.archive
        self._preparer = Preparer(desk.archive.vault, desk.ids, origin, desk.sink.claim)
        self._size = 500
        self._pending = Pending(since=monotonic())

    def read(self, pages: Iterator[Page]) -> Iterator[int]:
        """Commit pages as they come, yielding how many items were seen; then note what is missing."""
        listing: list[Enumeration] = []
        for page in pages:
            self._pending.take(page)
            self._desk.receipt.warnings.extend(page.warnings)
            if page.complete is not None:
                listing.append(page.complete)
            waited = monotonic() - self._pending.since
            if len(self._pending.items) >= self._size or waited > PATIENCE_S:
                yield from self.flush()
        yield from self.flush()
        for one in listing:
            self._note_missing(one)

    def flush(self) -> Iterator[int]:
        """Commit what is pending; the cursor goes with the last of its records."""
        pending, self._pending = self._pending, Pending(since=monotonic())
        start = 0
        while True:
            stop = start + self._size
            chunk, last = pending.items[start:stop], stop >= len(pending.items)
            self._commit(chunk, pending if last else None)
            yield self._desk.receipt.counts.seen
            if last:
                break
            start = stop
        self._desk.sink.discard()

    def _commit(self, items: Sequence[Item | Unreadable], pending: Pending | None) -> None:
        desk, archive = self._desk, self._archive
        sorted_ = passed(items, self._scope)
        with archive.reading() as session:
            prepared = self._preparer.prepare(session, sorted_.kept)
        prepared.counts.seen += sorted_.out_of_scope + sorted_.unreadable
        prepared.counts.out_of_scope += sorted_.out_of_scope
        prepared.counts.unreadable += sorted_.unreadable
        counts = replace(desk.receipt.counts)  # a copy: a batch that fails is not counted
        counts.add(prepared.counts)
        tags, documents, deferred = self._tagged(prepared)
        with archive.unit() as session:
            began = monotonic()
            outbox.finish(session, desk.indexer.done)
            desk.indexer.done = []
            running.confirm(session, desk.lease)
            write(session, prepared, self._origin)
            write_tags(session, tags)
            edited = [one.record_id for one in prepared.arrivals if not one.new]
            self._tagger.edited(session, edited, self._origin.now)
            changed = edited + self._note_source(session, prepared, sorted_.still_there, pending, counts)
            fresh = outbox.enqueue(session, OutboxKind.INDEX, (one.record_id for one in documents), self._origin.now)
            outbox.enqueue(session, OutboxKind.INDEX, {*deferred, *changed}, self._origin.now)
            captures.count(session, self._origin.capture_id, counts.as_dict())
            self._audit(session, prepared)
            held = monotonic() - began
        desk.receipt.counts = counts
        self._preparer.learn(prepared)
        desk.receipt.warnings.extend(prepared.warnings())
        if pending is not None:
            desk.receipt.gaps.extend(pending.gaps)
        self._adapt(held, len(items))
        if fresh is not None:
            desk.indexer.add(documents, fresh)
        if deferred or changed:
            for _ in desk.indexer.drain():
                pass

    def _note_source(
        self, session: Session, prepared: Prepared, still_there: Sequence[str], pending: Pending | None, counts: Counts
    ) -> list[int]:
        """Note what is hidden, back, gone or still listed at the source; returns the records that changed."""
        vault, origin = self._archive.vault, self._origin
        changed = prepared.reappeared + note_listed(session, vault, origin, still_there).reappeared
        triggers.back_in_view(self._archive, session, changed, origin.now)
        if pending is not None:
            gone = note_gone(session, vault, origin, pending.gone)
            triggers.removed_from_view(self._archive, session, gone, origin.now)
            listed = note_listed(session, vault, origin, pending.listed)
            counts.seen += listed.unchanged + listed.destroyed
            counts.unchanged += listed.unchanged
            counts.destroyed_earlier += listed.destroyed
            triggers.back_in_view(self._archive, session, listed.reappeared, origin.now)
            changed += gone + listed.reappeared
            captures.note_gaps(session, origin.source_id, origin.capture_id, pending.gaps, origin.now)
            if pending.cursor is not None:
                captures.save_cursor(session, origin.source_id, origin.capture_id, pending.cursor)
        return changed + [row["b_id"] for row in prepared.hidden]

    def _tagged(self, prepared: Prepared) -> tuple[list[dict[str, object]], list[Document], list[int]]:
        """Tags of new records, documents that can be indexed from memory, records that the outbox must load."""
        tags, documents, deferred = [], [], []
        for one in prepared.arrivals:
            if not one.new:
                continue
            row, series = self._tagger.tag(one.record_id, one.facts, one.content, self._origin.now)
            tags.append(row)
            if has_attachments(one.components):
                deferred.append(one.record_id)
            else:
                documents.append(self._desk.indexer.fresh(one.facts, one.version, one.content, series))
        edited = {one.record_id for one in prepared.arrivals if not one.new}
        return tags, [one for one in documents if one.record_id not in edited], deferred

    def _audit(self, session: Session, prepared: Prepared) -> None:
        if not prepared.arrivals:
            return
        root = root_of(leaf_hash(digest) for digest in prepared.digests)
        facts = {"versions": len(prepared.arrivals), "root": root.hex(), **prepared.counts.as_dict()}
        self._archive.record_act(session, "accession", "capture", self._origin.capture_id, facts=facts)

    def _adapt(self, held: float, items: int) -> None:
        if items < SMALLEST:
            return
        ideal = items * LOCK_AIM_S / max(held, 0.001)
        self._size = int(min(LARGEST, max(SMALLEST, (self._size + ideal) / 2)))

    def _note_missing(self, listing: Enumeration) -> None:
        after: int | None = 0
        while after is not None:
            with self._archive.unit() as session:
                running.confirm(session, self._desk.lease)
                missed = note_missing(session, self._archive.vault, self._origin, listing, after)
                outbox.enqueue(session, OutboxKind.INDEX, missed.records, self._origin.now)
            self._desk.receipt.counts.missing += len(missed.records)
            after = missed.after
