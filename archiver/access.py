"""Who may do what: the acting person and the roles that an act asks for."""

import getpass
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from archiver.errors import Refused
from schema.db.people import person, person_role
from schema.vocab import Role


@dataclass(frozen=True, slots=True)
class Actor:
    """The person on whose behalf something happens."""

    id: int
    name: str
    roles: frozenset[Role]


def actor_by_login(session: Session, login: str) -> Actor | None:
    """The active person with a login of our own."""
    return _actor(session, person.c.login == login)


def current_actor(session: Session) -> Actor:
    """The person bound to the operating system's login (decision 31); raises Refused where there is none."""
    login = getpass.getuser()
    found = _actor(session, person.c.os_login == login)
    if found is None:
        raise Refused(
            reason=f"nobody in this archive is bound to the login {login}",
            action="Ask an administrator to run `archiver person add NAME --os-login " + login + "`.",
        )
    return found


def _actor(session: Session, condition: object) -> Actor | None:
    row = session.execute(select(person).where(condition, person.c.active)).mappings().one_or_none()  # type: ignore[arg-type]  # a column expression
    if row is None:
        return None
    roles = session.execute(
        select(person_role.c.role).where(person_role.c.person_id == row["id"], person_role.c.ended_at.is_(None))
    ).scalars()
    return Actor(row["id"], row["name"], frozenset(Role(role) for role in roles))


def require(actor: Actor, *roles: Role) -> None:
    """Raise Refused unless the actor has one of the roles; administrators do not inherit the others' powers."""
    if not actor.roles.intersection(roles):
        names = " or ".join(role.value.replace("_", " ") for role in roles)
        raise Refused(
            reason=f"{actor.name} does not have the role {names}",
            action="Ask someone who has it, or an administrator to grant it with `archiver person role`.",
        )


def login_of(session: Session, person_id: int) -> str:
    """A person's own login."""
    return str(session.execute(select(person.c.login).where(person.c.id == person_id)).scalar_one())


def stored_password(session: Session, login: str) -> str | None:
    """The hash of a person's password, None where none is set."""
    found: str | None = session.execute(select(person.c.password_hash).where(person.c.login == login)).scalar()
    return found


def password_hash(password: str) -> str:
    """An Argon2id hash (RFC 9106)."""
    from argon2 import PasswordHasher

    return PasswordHasher().hash(password)


def password_matches(stored: str | None, password: str) -> bool:
    """Whether a password is the one that was hashed."""
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError

    if stored is None:
        return False
    try:
        return PasswordHasher().verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
