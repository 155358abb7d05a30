"""Collecting sources one after the other; one broken source does not stop the others."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from archiver.archive import Archive
from archiver.errors import NotFound
from archiver.index.drain import Indexer
from archiver.index.opening import open_index
from archiver.index.extract.extractor import Extractor
from archiver.pipeline import Receipt, Run
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
    archive: Archive, names: Sequence[str] | None, *, stopped: Callable[[], bool] = lambda: False
) -> Iterator[Step]:
    """Collect the named sources, or all that are active; raises NotFound before anything is read."""
    with archive.reading() as session:
        sources = list_sources(session) if names is None else [find_source(session, name) for name in names]
    if gone := next((one for one in sources if not one.active), None):
        raise NotFound(noun="active source", name=gone.name)
    engine = open_index(archive)
    try:
        with Extractor(workers=archive.config.collect.workers) as extractor:
            indexer = Indexer(archive, engine, extractor)
            for source in sources:
                run = Run(archive, source, indexer, stopped=stopped)
                for seen in run.steps():
                    yield Step(seen, run.total)
                yield Step(run.receipt.counts.seen, receipt=run.receipt)
                if stopped():
                    break
            for _ in indexer.drain():
                pass
    finally:
        engine.close()


def overall(receipts: Sequence[Receipt]) -> Overall:
    """ok, partial (some sources failed, 3), failed (all did, 1), refused (all that failed were refused, 4)."""
    bad = [one for one in receipts if one.outcome in (Outcome.FAILED, Outcome.REFUSED)]
    if not bad:
        word = "warnings" if any(one.outcome is Outcome.WARNINGS for one in receipts) else "ok"
        return Overall(word, 0)
    if len(bad) < len(receipts):
        return Overall("partial", 3)
    if all(one.outcome is Outcome.REFUSED for one in bad):
        return Overall("refused", 4)
    return Overall("failed", 1)

