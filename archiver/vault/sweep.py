"""Orphan objects: bytes that became durable for a record that was never committed, or whose record was destroyed."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from math import inf

from sqlalchemy import select
from sqlalchemy.orm import Session

from archiver.vault.objects import ObjectStore
from schema.db.capture import lease
from schema.db.vault import payload

PATIENCE_MS = 24 * 3_600_000
"""Milliseconds that an object may wait for its record (decision 12)."""

_CHUNK = 500

Reading = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did; put_off: a run was under way, whose objects cannot be told from orphans."""

    removed: int
    put_off: bool


def orphans(reading: Reading, objects: ObjectStore, before: float = inf) -> Iterator[str]:
    """Names of objects and leftovers that no payload refers to, last changed before a moment (milliseconds UTC)."""
    names = (name for name, changed in objects.names() if changed * 1000 < before)
    while chunk := list(islice(names, _CHUNK)):
        with reading() as session:
            known = set(
                session.execute(select(payload.c.object_name).where(payload.c.object_name.in_(chunk))).scalars()
            )
        yield from (name for name in chunk if name not in known)


def sweep(reading: Reading, objects: ObjectStore, now: int) -> Swept:
    """Remove orphans older than a day, unless a lease is alive: whoever holds it may still commit their record."""
    with reading() as session:
        if session.execute(select(lease.c.name).where(lease.c.until > now).limit(1)).first():
            return Swept(0, put_off=True)
    removed = 0
    for name in orphans(reading, objects, now - PATIENCE_MS):
        objects.remove(name)
        removed += 1
    return Swept(removed, put_off=False)
