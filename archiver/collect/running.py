"""Which runs may still commit records, and the fence that keeps out those that were given up."""

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from archiver.archive import Archive
from archiver.collect.leases import holder_name, is_dead
from archiver.errors import ArchiverError
from schema.db.capture import capture, lease

_PREFIX = "source:"


class LostLease(ArchiverError):
    """This run stood still for more than a minute and was given up, so it commits nothing more."""

    code, exit_code, hint = "lost_lease", 1, "Run it again: it goes on where it stopped."


def lease_of(source_id: int) -> str:
    """The name of the lease under which a source's runs commit."""
    return f"{_PREFIX}{source_id}"


def confirm(session: Session, name: str) -> None:
    """Make sure that this process still has a lease, and keeps it until the transaction ends; raises LostLease.

    A process can sleep past its lease's end and wake up; without this it would commit records as changed at a time
    up to which standing holds were evaluated meanwhile.
    """
    found = session.execute(select(lease.c.holder).where(lease.c.name == name).with_for_update()).scalar()
    if found != holder_name():
        raise LostLease


def running_since(archive: Archive, session: Session) -> int | None:
    """When the oldest run began that may still commit records (milliseconds UTC), None where there is none.

    Leases that ended are taken away in the same transaction, so that whoever had one commits nothing any more.
    """
    now = archive.now()
    living = set()
    for row in session.execute(select(lease).where(lease.c.name.startswith(_PREFIX))).all():
        ended = row.until <= now or is_dead(row.holder)
        same = (lease.c.name == row.name) & (lease.c.holder == row.holder) & (lease.c.until == row.until)
        if not ended or not session.execute(delete(lease).where(same).returning(lease.c.name)).first():
            living.add(int(row.name.removeprefix(_PREFIX)))
    newest = select(func.max(capture.c.id)).where(capture.c.source_id.in_(living)).group_by(capture.c.source_id)
    began = select(func.min(capture.c.started_at)).where(capture.c.id.in_(newest), capture.c.ended_at.is_(None))
    found = session.execute(began).scalar()
    return None if found is None else int(found)
