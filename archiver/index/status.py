"""How far the index has come."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from archiver import outbox
from archiver.archive import Archive
from archiver.index.opening import chosen, index_turn, open_index
from schema.db.index import outbox as outbox_table
from schema.db.record import record


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """The index in use.

    watermark: the newest change in it, as the outbox numbers them.  indexed of records: documents in the index, living
    records in the archive.  waiting: outbox rows to work off, the oldest written at waiting_since (milliseconds UTC).
    size: bytes of the
    index folder.  rebuilding: a new one is being made beside it.
    """

    engine: str
    watermark: int
    indexed: int
    records: int
    waiting: int
    waiting_since: int | None
    size: int
    rebuilding: bool

    @property
    def complete(self) -> bool:
        """Whether searches see every record as it is."""
        return self.waiting == 0 and self.indexed == self.records


def index_status(archive: Archive) -> IndexStatus:
    """The state of the index in use; raises IndexUnusable where it cannot be opened."""
    engine = open_index(archive)
    try:
        watermark, indexed = engine.watermark(), engine.size()
    finally:
        engine.close()
    with archive.reading() as session:
        living = select(func.count()).select_from(record).where(record.c.destroyed_at.is_(None))
        records = int(session.execute(living).scalar_one())
        waiting = outbox.waiting(session)
        oldest = session.execute(select(func.min(outbox_table.c.written_at))).scalar()
    choice = chosen(archive)
    with index_turn(archive, choice) as free:
        rebuilding = not free
    size = _size(archive.index_folder)
    return IndexStatus(choice.engine, watermark, indexed, records, waiting, oldest, size, rebuilding)


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # a writer replaced it meanwhile
            continue
    return total
