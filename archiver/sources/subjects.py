"""Accounts and devices: what a source reads, and whose it is."""

from sqlalchemy import Table, insert, select
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.errors import AlreadyExists, NotFound, UsageError
from archiver.sources.custodians import custodian_id
from schema.db.people import custodian
from schema.db.sources import account, device
from schema.vocab import DeviceKind, Ownership, Platform, Role


def add_account(
    archive: Archive,
    session: Session,
    actor: Actor,
    *,
    name: str,
    platform: Platform,
    ownership: Ownership,
    custodian: str | None = None,
    handle: str | None = None,
) -> int:
    """Add a presence on a platform; a personal or merged one names its custodian."""
    values = _values(session, actor, account, name, ownership, custodian)
    values |= {"platform": platform.value, "handle": handle, "added_at": archive.now()}
    new = int(session.execute(insert(account).values(values).returning(account.c.id)).scalar_one())
    archive.record_act(session, "account.add", "account", new, actor_id=actor.id, facts={"ownership": ownership.value})
    return new


def add_device(
    archive: Archive,
    session: Session,
    actor: Actor,
    *,
    name: str,
    kind: DeviceKind,
    ownership: Ownership,
    custodian: str | None = None,
    number: str | None = None,
) -> int:
    """Add a phone, computer, drive or camera; a personal or merged one names its custodian."""
    values = _values(session, actor, device, name, ownership, custodian)
    values |= {"kind": kind.value, "number": number, "added_at": archive.now()}
    new = int(session.execute(insert(device).values(values).returning(device.c.id)).scalar_one())
    archive.record_act(session, "device.add", "device", new, actor_id=actor.id, facts={"ownership": ownership.value})
    return new


def _values(
    session: Session, actor: Actor, table: Table, name: str, ownership: Ownership, custodian: str | None
) -> dict[str, object]:
    require(actor, Role.ADMINISTRATOR, Role.CLERK)
    if session.execute(select(table.c.id).where(table.c.name == name)).first():
        raise AlreadyExists(noun=table.name, name=name)
    if ownership is not Ownership.CITY and custodian is None:
        raise UsageError(problem=f"a {ownership.value} {table.name} belongs to someone: name the custodian")
    who = custodian_id(session, custodian) if custodian else None
    return {"name": name, "ownership": ownership.value, "custodian_id": who}


def subject_id(session: Session, table: Table, name: str) -> int:
    """The id of an account or device by name; raises NotFound."""
    found = session.execute(select(table.c.id).where(table.c.name == name)).scalar()
    if found is None:
        raise NotFound(noun=table.name, name=name)
    return int(found)


def list_subjects(session: Session, table: Table) -> list[dict[str, object]]:
    """All accounts or devices, with the names of their custodians."""
    chosen = select(table, custodian.c.name.label("custodian"))
    joined = chosen.join(custodian, custodian.c.id == table.c.custodian_id, isouter=True)
    return [dict(row) for row in session.execute(joined.order_by(table.c.name)).mappings()]
