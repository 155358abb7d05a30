"""Whose records they are: the department of each source's custodian."""

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from schema.db.people import custodian
from schema.db.sources import account, declaration, device, source

NO_DEPARTMENT = "none"
"""The department of a source whose custodian has none, or that has no custodian."""


def department_of_sources(session: Session) -> dict[int, str]:
    """Source id -> department of the custodian of its account, device or declaration."""
    rows = session.execute(
        select(source.c.id, custodian.c.department)
        .join(account, account.c.id == source.c.account_id, isouter=True)
        .join(device, device.c.id == source.c.device_id, isouter=True)
        .join(declaration, declaration.c.id == source.c.declaration_id, isouter=True)
        .join(
            custodian,
            or_(
                custodian.c.id == account.c.custodian_id,
                custodian.c.id == device.c.custodian_id,
                custodian.c.id == declaration.c.custodian_id,
            ),
            isouter=True,
        )
        .order_by(source.c.id, custodian.c.id.desc())
    )
    return {one: department or NO_DEPARTMENT for one, department in rows}


def sources_of(session: Session, department: str) -> list[int]:
    """The sources of a department."""
    wanted = department.strip().casefold()
    return [one for one, name in department_of_sources(session).items() if name.casefold() == wanted]
