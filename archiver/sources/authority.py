"""Authority: may we collect this source, today? Asked before each run, before anything is read."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from archiver.archive import Archive
from archiver.errors import Refused
from archiver.scope import Scope
from archiver.sources.declarations import scope_of
from archiver.sources.registry import Source
from schema.db.sources import account, declaration, device
from schema.vocab import DeclarationState, Ownership

_DECLARE = "Have the custodian declare it (`archiver declaration add`) and an administrator approve it."


def authorised_scope(archive: Archive, session: Session, source: Source, today: date) -> Scope | None:
    """What may be kept of a source today: None for everything of a city source, else the declaration's scope.

    today: in the city's time zone.  Raises Refused for a personal or merged one without a declaration in force.
    """
    if source.declaration_id is None:
        _require_city(session, source)
        return None
    row = session.execute(select(declaration).where(declaration.c.id == source.declaration_id)).mappings().one()
    state = DeclarationState(row["state"])
    if state is not DeclarationState.APPROVED:
        action = (
            _DECLARE if state is DeclarationState.WITHDRAWN else "An administrator runs `archiver declaration approve`."
        )
        raise Refused(reason=f"declaration {row['id']} for {source.name} is {state.value}", action=action)
    if today < row["starts_on"]:
        raise Refused(reason=f"declaration {row['id']} begins on {row['starts_on']}", action="Wait until that day.")
    return scope_of(archive, session, row["id"])


def _require_city(session: Session, source: Source) -> None:
    for table, subject_id in ((account, source.account_id), (device, source.device_id)):
        if subject_id is None:
            continue
        ownership = session.execute(select(table.c.ownership).where(table.c.id == subject_id)).scalar_one()
        if ownership != Ownership.CITY.value:
            raise Refused(
                reason=f"{source.name} reads a {ownership} {table.name} and no declaration covers it", action=_DECLARE
            )
