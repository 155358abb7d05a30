"""The outbox: what a later room has to do because of a change, written in the change's own transaction."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from schema.db.index import outbox
from schema.vocab import OutboxKind


@dataclass(frozen=True, slots=True)
class Task:
    """One undone row: which records to index anew, or to remove from the index."""

    id: int
    kind: OutboxKind
    records: tuple[int, ...]


def enqueue(session: Session, kind: OutboxKind, records: Iterable[int], now: int) -> int | None:
    """Leave work for the index; returns the row's number, None where there is nothing to do."""
    ranges = _ranges(sorted(set(records)))
    if not ranges:
        return None
    values = {"kind": kind.value, "records": json.dumps(ranges), "written_at": now}
    return int(session.execute(insert(outbox).values(values).returning(outbox.c.id)).scalar_one())


def _ranges(ids: Sequence[int]) -> list[list[int]]:
    """Ids as closed ranges [first, last], since those of a batch are mostly consecutive."""
    ranges: list[list[int]] = []
    for one in ids:
        if ranges and ranges[-1][1] == one - 1:
            ranges[-1][1] = one
        else:
            ranges.append([one, one])
    return ranges


def undone(session: Session, limit: int = 20) -> list[Task]:
    """The oldest undone rows in order."""
    rows = session.execute(select(outbox).order_by(outbox.c.id).limit(limit)).mappings()
    return [
        Task(
            row["id"],
            OutboxKind(row["kind"]),
            tuple(one for first, last in json.loads(row["records"]) for one in range(first, last + 1)),
        )
        for row in rows
    ]


def finish(session: Session, ids: Sequence[int]) -> None:
    """Delete rows whose work is durable."""
    if ids:
        session.execute(delete(outbox).where(outbox.c.id.in_(ids)))


def waiting(session: Session) -> int:
    """How many rows are undone."""
    return int(session.execute(select(func.count()).select_from(outbox)).scalar_one())
