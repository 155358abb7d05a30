"""Making the index anew from the records, beside the one in use, and putting it in its place in one step.

While a rebuild runs nobody writes an index (`opening.index_turn`): what changes stays in the outbox, the index in use
still answers, and says how far it has come.  Records are read as they are after the rebuild began, so the outbox holds
every change that the new index may lack; it is worked off once the new index is in use.  A rebuild that is killed
leaves the index in use as it was, and a folder that the next rebuild or the nightly run removes.  It cannot be resumed:
what others indexed in between would be missing from its first half.
"""

import secrets
import shutil
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from sqlalchemy import func, select

from archiver.archive import Archive
from archiver.errors import ArchiverError, UsageError
from archiver.index.drain import BATCH, Indexer
from archiver.index.engines.contract import Engine
from archiver.index.engines.files import IndexUnusable
from archiver.index.engines.registry import ENGINES, discard, open_engine
from archiver.index.extract.extractor import Extractor
from archiver.index.opening import Choice, choose_engine, chosen, index_alone, open_index
from schema.db.index import outbox
from schema.db.record import record

_PREFIX = "rebuild-"


class RebuildIncomplete(ArchiverError):
    """The new index holds {found} of the {expected} records that were written to it."""

    code, exit_code = "rebuild_incomplete", 1
    hint = "The index in use was left as it is. Check the disk and run `archiver index rebuild` again."


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How far a rebuild is: records done of all living ones."""

    done: int
    total: int


def rebuild(archive: Archive, name: str | None = None) -> Generator[Rebuilt, None, None]:
    """Make the index anew, yielding after each batch; closing the iterator before its end leaves the old one in use.

    name: the engine to use from now on, by default the one in use.  Raises UsageError, RebuildIncomplete.
    """
    engine_name = name or chosen(archive).engine
    if engine_name not in ENGINES:
        raise UsageError(problem=f"there is no engine {engine_name}; there are: {', '.join(ENGINES)}")
    with index_alone(archive):
        _remove_left(archive)
        folder = _PREFIX + secrets.token_hex(4)
        place = archive.index_folder / folder
        try:
            place.mkdir(mode=0o700)
            engine = open_engine(engine_name, place)
            try:
                yield from _fill(archive, engine)
            finally:
                engine.close()
            choose_engine(archive, engine_name, folder)
        except BaseException:
            if chosen(archive).folder != folder:
                shutil.rmtree(place, ignore_errors=True)
            raise
    work_off(archive)
    remove_left(archive)


def _fill(archive: Archive, engine: Engine) -> Iterator[Rebuilt]:
    """Write every living record, in order of id, holding one batch in memory."""
    with archive.reading() as session:
        living = select(func.count()).select_from(record).where(record.c.destroyed_at.is_(None))
        total = int(session.execute(living).scalar_one())
        mark = int(session.execute(select(func.max(outbox.c.id))).scalar() or 0)
    mark = max(mark, _old_watermark(archive))
    written, last = 0, 0
    with Extractor(workers=archive.config.collect.workers, ocr=archive.config.collect.ocr) as extractor:
        indexer = Indexer(archive, engine, extractor)
        while True:
            with archive.reading() as session:
                after = select(record.c.id).where(record.c.id > last, record.c.destroyed_at.is_(None))
                ids = list(session.execute(after.order_by(record.c.id).limit(BATCH)).scalars())
            if not ids:
                break
            documents = indexer.documents(ids)
            engine.write(documents, (), mark)
            written, last = written + len(documents), ids[-1]
            yield Rebuilt(written, max(total, written))
    if engine.size() != written:
        raise RebuildIncomplete(found=engine.size(), expected=written)


def _old_watermark(archive: Archive) -> int:
    try:
        engine = open_index(archive)
    except IndexUnusable:
        return 0
    try:
        return engine.watermark()
    finally:
        engine.close()


def work_off(archive: Archive) -> None:
    """Index what waits in the outbox, with the index in use."""
    choice = chosen(archive)
    engine = open_index(archive)
    try:
        with Extractor(workers=archive.config.collect.workers, ocr=archive.config.collect.ocr) as extractor:
            for _ in Indexer(archive, engine, extractor, choice).drain():
                pass
    finally:
        engine.close()


def remove_left(archive: Archive) -> bool:
    """Remove indexes that are not in use: one just replaced, or the beginnings of a killed rebuild.

    They are plain text of records, so they must not outlive them.  False while someone writes the index; then the next
    nightly run does it.
    """
    with index_alone(archive, wait=False) as alone:
        if alone:
            _remove_left(archive)
        return alone


def _remove_left(archive: Archive) -> None:
    choice, top = chosen(archive), archive.index_folder
    for path in top.glob(f"{_PREFIX}*"):
        if path.name != choice.folder:
            shutil.rmtree(path, ignore_errors=True)
    for name in ENGINES:
        if choice != Choice(name):
            discard(name, top)
