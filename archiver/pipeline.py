"""The left half of the house in one run: collect -> accession -> tag -> index, for one source."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from archiver import outbox
from archiver.accession.absence import note_gone, note_listed, note_missing
from archiver.accession.batch import Counts, Prepared
from archiver.accession.prepare import Origin, Preparer
from archiver.accession.write import write
from archiver.archive import Archive
from archiver.audit.merkle import leaf_hash, root_of
from archiver.clock import city_date, iso, monotonic
from archiver.collect import captures
from archiver.collect.context import context_for, program_version
from archiver.collect.gate import passed
from archiver.collect.leases import leased
from archiver.collect.sink import ObjectSink
from archiver.database import IdPool
from archiver.errors import ArchiverError, Refused
from archiver.index.document import Document
from archiver.index.drain import Indexer, has_attachments
from archiver.retain.tags import Tagger, write_tags
from archiver.scope import Scope
from archiver.sources.authority import authorised_scope
from archiver.sources.registry import Source
from connectors import registry
from connectors.contract import Connector, Context, Cursor, Enumeration, Page, Window
from connectors.errors import ConnectorError
from schema.item import Gap, Gone, Item, Unreadable
from schema.vocab import OutboxKind, Outcome

LOCK_AIM_S = 0.05
"""Seconds for which a batch may hold the writers' lock (decision 9)."""
SMALLEST, LARGEST = 50, 1_000
PATIENCE_S = 2.0
"""Seconds after which a slow source's pages are committed even though the batch is small."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run ended early, for people and scripts."""

    code: str
    message: str
    hint: str
    where: str | None = None


@dataclass(slots=True)
class Receipt:
    """What a run did (`collect --json`)."""

    source: str
    outcome: Outcome = Outcome.OK
    counts: Counts = field(default_factory=Counts)
    gaps: list[Gap] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: Failure | None = None
    capture_id: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The receipt for scripts; times in ISO 8601."""
        return {
            "source": self.source,
            "outcome": self.outcome.value,
            **self.counts.as_dict(),
            "gaps": [{"since": iso(one.since), "until": iso(one.until), "reason": one.reason} for one in self.gaps],
            "warnings": self.warnings,
            "error": asdict(self.error) if self.error else None,
        }


@dataclass(slots=True)
class _Pending:
    """Pages that wait to be committed together."""

    items: list[Item | Unreadable] = field(default_factory=list)
    gone: list[Gone] = field(default_factory=list)
    listed: list[str] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    cursor: Cursor | None = None
    since: float = 0.0

    def take(self, page: Page) -> None:
        self.items.extend(page.items)
        self.gone.extend(page.gone)
        self.listed.extend(page.still_there)
        self.gaps.extend(page.gaps)
        self.cursor = page.next_cursor if page.next_cursor is not None else self.cursor


class Run:
    """One source, one run; iterate `steps` to the end, then read `receipt`."""

    def __init__(self, archive: Archive, source: Source, indexer: Indexer, *, stopped: Callable[[], bool]) -> None:
        self.receipt = Receipt(source.name)
        self.total: int | None = None
        self._archive, self._source, self._indexer, self._stopped = archive, source, indexer, stopped
        self._sink = ObjectSink(archive.vault.objects)
        self._ids = IdPool(archive.database)
        self._size = 500
        self._declared = source.declaration_id is not None

    def steps(self, window: Window | None = None) -> Iterator[int]:
        """Collect, yielding after each committed batch how many items were seen; never raises for a broken source."""
        try:
            with self._archive.reading() as session:
                today = city_date(self._archive.now(), self._archive.city.timezone)
                scope = authorised_scope(self._archive, session, self._source, today)
            with leased(self._archive, f"source:{self._source.id}"):
                yield from self._collect(scope, window or Window())
        except Refused as error:
            self.receipt.outcome = Outcome.REFUSED
            self._fail(error)
        except ArchiverError as error:
            self.receipt.outcome = Outcome.FAILED
            self._fail(error)

    def _fail(self, error: ArchiverError) -> None:
        self.receipt.error = Failure(error.code, str(error), error.advice, error.where)
        if self.receipt.capture_id is not None:
            self._finish()

    def _collect(self, scope: Scope | None, window: Window) -> Iterator[int]:
        with self._archive.unit() as session:
            cursor = captures.load_cursor(session, self._source.id)
            capture_id = captures.begin(session, self._source.id, self._archive.now(), program_version())
            tagger = Tagger(session, self._archive.city)
        self.receipt.capture_id = capture_id
        origin = Origin(self._source.id, capture_id, self._archive.now())
        batches = _Batches(self, origin, scope, tagger)
        try:
            connector = registry.get(self._source.connector)()
            context = context_for(
                self._archive, self._source, self._sink, progress=self._progress, stopped=self._stopped, scope=scope
            )
            yield from batches.read(_sheltered(connector, context, cursor, window))
        except ConnectorError as error:
            yield from batches.flush()
            self.receipt.outcome = Outcome.FAILED
            self.receipt.error = Failure(_code(error), str(error), error.action, error.where)
        except ArchiverError:
            raise
        except OSError as error:
            yield from batches.flush()
            self.receipt.outcome = Outcome.FAILED
            hint = "Free space or check the disk; the next run goes on where this one stopped."
            self.receipt.error = Failure("disk", f"{error.strerror or error}", hint, error.filename)
        finally:
            self._sink.discard()
            self._ids.give_back()
        if self._stopped() and self.receipt.outcome is Outcome.OK:
            self.receipt.outcome = Outcome.PARTIAL  # not read to its end: `captured through` must not claim it
        self._finish()

    def _progress(self, _done: int, total: int | None, _unit: str) -> None:
        self.total = total

    def _finish(self) -> None:
        receipt = self.receipt
        if receipt.outcome is Outcome.OK and (receipt.warnings or receipt.gaps or receipt.counts.unreadable):
            receipt.outcome = Outcome.WARNINGS
        with self._archive.unit() as session:
            outbox.finish(session, self._indexer.done)
            self._indexer.done = []
            captures.finish(
                session,
                receipt.capture_id or 0,
                self._archive.now(),
                receipt.outcome,
                warnings=len(receipt.warnings),
                error_code=receipt.error.code if receipt.error else None,
            )
            self._archive.record_act(
                session,
                "collect",
                "capture",
                receipt.capture_id,
                outcome=receipt.outcome.value,
                facts={"source": self._source.id, **receipt.counts.as_dict()},
                # Of a declared source only the code is kept: a message may name an item that is out of scope.
                text=receipt.error.message if receipt.error and not self._declared else None,
            )


class _Batches:
    """Commits the pages of a run in batches whose size adapts to how long the lock is held."""

    def __init__(self, run: Run, origin: Origin, scope: Scope | None, tagger: Tagger) -> None:
        self._run, self._origin, self._scope, self._tagger = run, origin, scope, tagger
        self._archive: Archive = run._archive
        self._preparer = Preparer(self._archive.vault, run._ids, origin, run._sink.claim)
        self._pending = _Pending(since=monotonic())

    def read(self, pages: Iterator[Page]) -> Iterator[int]:
        listing: list[Enumeration] = []
        for page in pages:
            self._pending.take(page)
            self._run.receipt.warnings.extend(page.warnings)
            if page.complete is not None:
                listing.append(page.complete)
            waited = monotonic() - self._pending.since
            if len(self._pending.items) >= self._run._size or waited > PATIENCE_S:
                yield from self.flush()
        yield from self.flush()
        for one in listing:
            self._note_missing(one)

    def flush(self) -> Iterator[int]:
        """Commit what is pending; the cursor goes with the last of its records."""
        pending, self._pending = self._pending, _Pending(since=monotonic())
        start = 0
        while True:
            stop = start + self._run._size
            chunk, last = pending.items[start:stop], stop >= len(pending.items)
            self._commit(chunk, pending if last else None)
            yield self._run.receipt.counts.seen
            if last:
                break
            start = stop
        self._run._sink.discard()

    def _commit(self, items: Sequence[Item | Unreadable], pending: _Pending | None) -> None:
        run, archive = self._run, self._archive
        sorted_ = passed(items, self._scope)
        with archive.reading() as session:
            prepared = self._preparer.prepare(session, sorted_.kept)
        prepared.counts.seen += sorted_.out_of_scope + sorted_.unreadable
        prepared.counts.out_of_scope += sorted_.out_of_scope
        prepared.counts.unreadable += sorted_.unreadable
        counts = replace(run.receipt.counts)  # a copy: a batch that fails is not counted
        counts.add(prepared.counts)
        tags, documents, deferred = self._tagged(prepared)
        with archive.unit() as session:
            began = monotonic()
            outbox.finish(session, run._indexer.done)
            run._indexer.done = []
            write(session, prepared, self._origin)
            write_tags(session, tags)
            edited = [one.record_id for one in prepared.arrivals if not one.new]
            self._tagger.edited(session, edited, self._origin.now)
            changed = edited + prepared.reappeared + [row["b_id"] for row in prepared.hidden]
            dropped = note_listed(session, archive.vault, self._origin, sorted_.still_there)
            changed += dropped.reappeared
            if pending is not None:
                changed += note_gone(session, archive.vault, self._origin, pending.gone)
                listed = note_listed(session, archive.vault, self._origin, pending.listed)
                counts.seen += listed.unchanged + listed.destroyed
                counts.unchanged += listed.unchanged
                counts.destroyed_earlier += listed.destroyed
                changed += listed.reappeared
                captures.note_gaps(
                    session, self._origin.source_id, self._origin.capture_id, pending.gaps, self._origin.now
                )
                if pending.cursor is not None:
                    captures.save_cursor(session, self._origin.source_id, self._origin.capture_id, pending.cursor)
            fresh = outbox.enqueue(session, OutboxKind.INDEX, (one.record_id for one in documents), self._origin.now)
            outbox.enqueue(session, OutboxKind.INDEX, {*deferred, *changed}, self._origin.now)
            captures.count(session, self._origin.capture_id, counts.as_dict())
            self._audit(session, prepared)
            held = monotonic() - began
        run.receipt.counts = counts
        self._preparer.learn(prepared)
        if pending is not None:
            run.receipt.gaps.extend(pending.gaps)
        self._adapt(held, len(items))
        if fresh is not None:
            run._indexer.add(documents, fresh)
        if deferred or changed:
            for _ in run._indexer.drain():
                pass

    def _tagged(self, prepared: Prepared) -> tuple[list[dict[str, object]], list[Document], list[int]]:
        """Tags of new records, documents that can be indexed from memory, records that the outbox must load."""
        tags, documents, deferred = [], [], []
        source = self._run._source
        for one in prepared.arrivals:
            if not one.new:
                continue
            facts = {
                "source": source.name,
                "account": source.account,
                "platform": source.platform.value,
                "kind": one.facts["kind"],
                "custodian": source.custodian,
                "custodian_kind": source.custodian_kind,
                "direction": one.facts["direction"],
                "visibility": one.facts["visibility"],
            }
            text = f"{one.content.get('title') or ''}\n{one.content.get('text') or ''}"
            row, series = self._tagger.tag(one.record_id, facts, text, one.facts["sent_at"], self._origin.now)
            tags.append(row)
            if has_attachments(one.components):
                deferred.append(one.record_id)
            else:
                documents.append(self._run._indexer.fresh(one.facts, one.version, one.content, series))
        edited = {one.record_id for one in prepared.arrivals if not one.new}
        return tags, [one for one in documents if one.record_id not in edited], deferred

    def _audit(self, session: object, prepared: Prepared) -> None:
        if not prepared.arrivals:
            return
        root = root_of(leaf_hash(digest) for digest in prepared.digests)
        facts = {"versions": len(prepared.arrivals), "root": root.hex(), **prepared.counts.as_dict()}
        self._archive.record_act(session, "accession", "capture", self._origin.capture_id, facts=facts)  # type: ignore[arg-type]  # a session

    def _adapt(self, held: float, items: int) -> None:
        if items < SMALLEST:
            return
        ideal = items * LOCK_AIM_S / max(held, 0.001)
        self._run._size = int(min(LARGEST, max(SMALLEST, (self._run._size + ideal) / 2)))

    def _note_missing(self, listing: Enumeration) -> None:
        after: int | None = 0
        while after is not None:
            with self._archive.unit() as session:
                missed = note_missing(session, self._archive.vault, self._origin, listing, after)
                outbox.enqueue(session, OutboxKind.INDEX, missed.records, self._origin.now)
            self._run.receipt.counts.missing += len(missed.records)
            after = missed.after


def _sheltered(connector: Connector, context: Context, cursor: Cursor | None, window: Window) -> Iterator[Page]:
    """The pages of a connector; whatever it raises by mistake ends this source's run only."""
    try:
        yield from connector.pull(context, cursor, window)
    except (ConnectorError, ArchiverError, OSError):
        raise
    except Exception as error:  # a stranger's connector may raise anything; the other sources are still read
        fault = f"its connector failed: {type(error).__name__}: {error}"
        raise ConnectorError(
            fault, action="Report this fault to the connector's maker; other sources are read."
        ) from error


def _code(error: ConnectorError) -> str:
    return {
        "Retry": "retry",
        "Reauthorize": "reauthorize",
        "Misconfigured": "misconfigured",
        "SourceGone": "source_gone",
    }.get(type(error).__name__, "source_failed")


def check_source(archive: Archive, source: Source) -> list[str]:
    """Try a source's settings without collecting; raises ConnectorError where it cannot work."""
    sink = ObjectSink(archive.vault.objects)
    context: Context = context_for(archive, source, sink, progress=lambda *_: None, stopped=lambda: False)
    try:
        return registry.get(source.connector)().check(context)
    finally:
        sink.discard()
