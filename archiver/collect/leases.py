"""Leases: one process at a time works on a source, batch or production."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from archiver.archive import Archive
from archiver.errors import Locked
from schema.db.capture import lease

EXPIRY_MS = 60_000
HEARTBEAT_S = 10.0
_GUARD = Lock()
_HELD: set[tuple[str, str]] = set()


def holder_name() -> str:
    """This process, for people: host and process number."""
    return f"{socket.gethostname()}:{os.getpid()}"


@contextmanager
def leased(archive: Archive, name: str) -> Iterator[None]:
    """Hold a lease while the block runs; raises Locked naming the holder.

    A killed holder's lease ends after a minute; on the same machine at once, when its process is gone.
    """
    holder = holder_name()
    _take(archive, name, holder)
    with _alone(archive, name):
        stop = Event()
        beat = Thread(target=_heartbeat, args=(archive, name, holder, stop), daemon=True)
        beat.start()
        try:
            yield
        finally:
            stop.set()
            beat.join()
            with suppress(Exception), archive.unit() as session:  # where the disk refuses, it ends by itself
                session.execute(delete(lease).where(lease.c.name == name, lease.c.holder == holder))


@contextmanager
def _alone(archive: Archive, name: str) -> Iterator[None]:
    """Keep the other threads of this process out, which carry the same holder's name."""
    key = (archive.database.url, name)
    with _GUARD:
        if key in _HELD:
            raise Locked(holder=f"this process, working on {name}")
        _HELD.add(key)
    try:
        yield
    finally:
        with _GUARD:
            _HELD.discard(key)


def _take(archive: Archive, name: str, holder: str) -> None:
    with archive.unit() as session:
        now = archive.now()
        row = session.execute(select(lease.c.holder, lease.c.until).where(lease.c.name == name)).one_or_none()
        if row is not None and row.until > now and row.holder != holder and not is_dead(row.holder):
            raise Locked(holder=f"{row.holder}, working on {name}")
        session.execute(delete(lease).where(lease.c.name == name))
        try:
            session.execute(insert(lease).values(name=name, holder=holder, until=now + EXPIRY_MS))
        except IntegrityError:  # another worker took it just now, which only PostgreSQL allows
            raise Locked(holder=f"another process, working on {name}") from None


def is_dead(holder: str) -> bool:
    """Whether a holder was a process of this machine that no longer runs."""
    host, _, process = holder.rpartition(":")
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, ValueError):
        return False
    return False


def _heartbeat(archive: Archive, name: str, holder: str, stop: Event) -> None:
    while not stop.wait(HEARTBEAT_S):
        with suppress(Exception), archive.unit() as session:  # a missed beat is made up by the next one
            session.execute(
                update(lease)
                .where(lease.c.name == name, lease.c.holder == holder)
                .values(until=archive.now() + EXPIRY_MS)
            )
