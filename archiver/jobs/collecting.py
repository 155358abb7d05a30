"""Collecting sources one after the other; one broken source does not stop the others."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from archiver.archive import Archive
from archiver.collect import captures
from archiver.errors import ArchiverError, NotFound
from archiver.index.drain import Indexer
from archiver.index.engines.contract import Engine
from archiver.index.engines.files import IndexUnusable
from archiver.index.extract.extractor import Extractor
from archiver.index.opening import chosen, open_index
from archiver.index.rebuild import work_off
from archiver.jobs.faults import told
from archiver.pipeline.receipt import Failure, Receipt
from archiver.pipeline.run import Run
from archiver.pipeline.standing import evaluate
from archiver.sources.registry import find_source, list_sources
from schema.vocab import Outcome


@dataclass(frozen=True, slots=True)
class Step:
    """Progress of a collection; receipt: set when a source is finished."""

    seen: int
    total: int | None = None
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Overall:
    """How a collection ended as a whole, in the words and codes of the command line contract."""

    word: str
    exit_code: int


def collect_sources(
    archive: Archive,
    names: Sequence[str] | None,
    *,
    stopped: Callable[[], bool] = lambda: False,
    unusable: Callable[[IndexUnusable], None] | None = None,
) -> Iterator[Step]:
    """Collect the named sources, or all that are active; raises NotFound before anything is read.

    stopped: asked after each step; the source in hand is left at its cursor, the others are not begun.
    unusable: told when the index cannot be opened; the sources are read all the same and wait in the outbox.  Without
    it IndexUnusable is raised.
    """
    with archive.reading() as session:
        sources = list_sources(session) if names is None else [find_source(session, name) for name in names]
    if gone := next((one for one in sources if not one.active), None):
        raise NotFound(noun="active source", name=gone.name)
    choice = chosen(archive)
    engine = _opened(archive, unusable)
    try:
        with (
            _few_collections(),
            Extractor(workers=archive.config.collect.workers, ocr=archive.config.collect.ocr) as extractor,
        ):
            indexer = Indexer(archive, engine, extractor, choice)
            for source in sources:
                if stopped():
                    break
                run = Run(archive, source, indexer, stopped=stopped)
                yield from _sheltered(archive, run)
                _evaluate_holds(archive, indexer)
                yield Step(run.receipt.counts.seen, receipt=run.receipt)
            for _ in indexer.drain():
                pass
    finally:
        if engine is not None:
            engine.close()
    if chosen(archive) != choice:
        work_off(archive)  # the index was rebuilt meanwhile, and this run left its work in the outbox


def _sheltered(archive: Archive, run: Run) -> Iterator[Step]:
    """The steps of a run; a fault of the program in it ends this source's run only, from its saved cursor on."""
    try:
        for seen in run.steps():
            yield Step(seen, run.total)
    except ArchiverError as error:  # a full disk does not even keep the receipt of the run
        receipt = run.receipt
        receipt.outcome = Outcome.FAILED
        receipt.error = receipt.error or Failure(error.code, str(error), error.advice, error.where)
    except Exception as error:  # noqa: BLE001  (whatever one source's content brings to light, the others are read)
        receipt = run.receipt
        receipt.outcome = Outcome.FAILED
        hint = "Report this fault of the program; the next run tries again from where this one stopped."
        receipt.error = Failure("fault", f"A fault of the program: {told(error)}.", hint)
        if receipt.capture_id is not None:
            with archive.unit() as session:
                captures.finish(session, receipt.capture_id, archive.now(), Outcome.FAILED, error_code="fault")


def _evaluate_holds(archive: Archive, indexer: Indexer) -> None:
    """What a run brought joins the standing holds that it answers; where that fails, nothing of it is destroyed."""
    with suppress(Exception):  # the nightly run evaluates again and reports what is wrong; the other sources are read
        for _ in indexer.drain():
            pass
        evaluate(archive)


@contextmanager
def _few_collections() -> Iterator[None]:
    """Look for reference cycles rarely: a run makes millions of objects, no cycles (measured: a fifth of its time)."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _opened(archive: Archive, unusable: Callable[[IndexUnusable], None] | None) -> Engine | None:
    try:
        return open_index(archive)
    except IndexUnusable as error:
        if unusable is None:
            raise
        unusable(error)
        return None


def overall(receipts: Sequence[Receipt]) -> Overall:
    """Ok, partial (some failed or were left early, 3), failed (all did, 1), refused (all were refused, 4)."""
    bad = [one for one in receipts if one.outcome in (Outcome.FAILED, Outcome.REFUSED)]
    if not bad and any(one.outcome is Outcome.PARTIAL for one in receipts):
        return Overall("partial", 3)
    if not bad:
        word = "warnings" if any(one.outcome is Outcome.WARNINGS for one in receipts) else "ok"
        return Overall(word, 0)
    if len(bad) < len(receipts):
        return Overall("partial", 3)
    if all(one.outcome is Outcome.REFUSED for one in bad):
        return Overall("refused", 4)
    return Overall("failed", 1)
