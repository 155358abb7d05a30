"""The left half of the house in one run: collect -> accession -> tag -> index, for one source."""

from collections.abc import Callable, Iterator

from archiver import outbox
from archiver.accession.prepare import Origin
from archiver.archive import Archive
from archiver.clock import city_date
from archiver.collect import captures
from archiver.collect.context import context_for, program_version
from archiver.collect.leases import leased
from archiver.collect.running import lease_of
from archiver.collect.sink import ObjectSink
from archiver.database import IdPool
from archiver.errors import ArchiverError, Refused
from archiver.index.drain import Indexer
from archiver.pipeline.batches import Batches, Desk
from archiver.pipeline.receipt import Failure, Receipt
from archiver.retain import placing
from archiver.retain.tags import Tagger
from archiver.scope import Scope
from archiver.sources.authority import authorised_scope
from archiver.sources.registry import Source
from connectors import registry
from connectors.contract import Connector, Context, Cursor, Page, Window
from connectors.errors import ConnectorError
from schema.vocab import Outcome


class Run:
    """One source, one run; iterate `steps` to the end, then read `receipt`."""

    def __init__(self, archive: Archive, source: Source, indexer: Indexer, *, stopped: Callable[[], bool]) -> None:
        self.receipt = Receipt(source.name)
        self.total: int | None = None
        self._archive, self._source, self._indexer, self._stopped = archive, source, indexer, stopped
        self._sink = ObjectSink(archive.vault.objects)
        self._ids = IdPool(archive.database)
        self._lease = lease_of(source.id)
        self._declared = source.declaration_id is not None

    def steps(self, window: Window | None = None) -> Iterator[int]:
        """Collect, yielding after each committed batch how many items were seen; never raises for a broken source."""
        try:
            with self._archive.reading() as session:
                today = city_date(self._archive.now(), self._archive.city.timezone)
                scope = authorised_scope(self._archive, session, self._source, today)
            with leased(self._archive, self._lease):
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
            began = self._archive.now()
            placing.reopen(session, began)
            capture_id = captures.begin(session, self._source.id, began, program_version())
            tagger = Tagger(session, self._archive.city)
        self.receipt.capture_id = capture_id
        # Never before the beginning: up to there holds may be evaluated while this goes on.
        origin = Origin(self._source.id, capture_id, max(began, self._archive.now()))
        desk = Desk(self._archive, self._source, self._indexer, self._sink, self._ids, self.receipt, self._lease)
        batches = Batches(desk, origin, scope, tagger)
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
                text=(receipt.error.message.strip() or None) if receipt.error and not self._declared else None,
            )


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
