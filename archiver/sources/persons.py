"""Persons: who signs in, acts and is named in the audit log."""

from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from archiver.access import Actor, password_hash, require
from archiver.archive import Archive
from archiver.errors import AlreadyExists, NotFound
from schema.db.people import person, person_role
from schema.vocab import Role


def add_person(
    archive: Archive,
    session: Session,
    actor: Actor | None,
    *,
    name: str,
    login: str,
    os_login: str | None = None,
    email: str | None = None,
    roles: tuple[Role, ...] = (),
) -> int:
    """Add a person with roles; actor is None only while the archive is being made.

    Raises AlreadyExists for a login that is taken, Refused unless the actor is an administrator.
    """
    if actor is not None:
        require(actor, Role.ADMINISTRATOR)
    if session.execute(select(person.c.id).where(person.c.login == login)).first():
        raise AlreadyExists(noun="person", name=login)
    if os_login and session.execute(select(person.c.id).where(person.c.os_login == os_login)).first():
        raise AlreadyExists(noun="person bound to the operating system's login", name=os_login)
    values = {"name": name, "login": login, "os_login": os_login, "email": email, "added_at": archive.now()}
    person_id = int(session.execute(insert(person).values(values).returning(person.c.id)).scalar_one())
    by = actor.id if actor else None
    archive.record_act(session, "person.add", "person", person_id, actor_id=by or person_id)
    for role in roles:
        _grant(archive, session, by, person_id, role)
    return person_id


def grant_role(archive: Archive, session: Session, actor: Actor, login: str, role: Role) -> None:
    """Give a person a role; raises NotFound, Refused."""
    require(actor, Role.ADMINISTRATOR)
    _grant(archive, session, actor.id, person_id(session, login), role)


def end_role(archive: Archive, session: Session, actor: Actor, login: str, role: Role) -> None:
    """Take a role from a person; raises NotFound, Refused."""
    require(actor, Role.ADMINISTRATOR)
    who = person_id(session, login)
    session.execute(
        update(person_role)
        .where(person_role.c.person_id == who, person_role.c.role == role.value, person_role.c.ended_at.is_(None))
        .values(ended_at=archive.now())
    )
    archive.record_act(session, "person.role_end", "person", who, actor_id=actor.id, facts={"role": role.value})


def _grant(archive: Archive, session: Session, by: int | None, who: int, role: Role) -> None:
    held = select(person_role.c.id).where(
        person_role.c.person_id == who, person_role.c.role == role.value, person_role.c.ended_at.is_(None)
    )
    if session.execute(held).first():
        return
    session.execute(insert(person_role).values(person_id=who, role=role.value, granted_at=archive.now(), granted_by=by))
    archive.record_act(session, "person.role", "person", who, actor_id=by or who, facts={"role": role.value})


def set_password(archive: Archive, session: Session, actor: Actor, login: str, password: str) -> None:
    """Set a password: one's own, or anyone's by an administrator; raises NotFound, Refused."""
    who = person_id(session, login)
    if who != actor.id:
        require(actor, Role.ADMINISTRATOR)
    session.execute(update(person).where(person.c.id == who).values(password_hash=password_hash(password)))
    archive.record_act(session, "person.password", "person", who, actor_id=actor.id)


def person_id(session: Session, login: str) -> int:
    """A person's id by login; raises NotFound."""
    found = session.execute(select(person.c.id).where(person.c.login == login)).scalar()
    if found is None:
        raise NotFound(noun="person", name=login)
    return int(found)


def list_persons(session: Session) -> list[dict[str, Any]]:
    """Everyone, with the roles that they hold now."""
    roles: dict[int, list[str]] = {}
    held = select(person_role.c.person_id, person_role.c.role).where(person_role.c.ended_at.is_(None))
    for who, role in session.execute(held):
        roles.setdefault(who, []).append(role)
    rows = session.execute(select(person).order_by(person.c.id)).mappings()
    return [
        {
            "id": row["id"],
            "login": row["login"],
            "os_login": row["os_login"],
            "name": row["name"],
            "email": row["email"],
            "active": row["active"],
            "roles": sorted(roles.get(row["id"], [])),
        }
        for row in rows
    ]
