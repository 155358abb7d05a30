"""Passwords at the command line: asked on a terminal, or read from a file descriptor; never an argument."""

import os
import sys

from archiver.access import Actor, actor_by_login, password_matches, stored_password
from archiver.archive import Archive
from archiver.errors import Refused, UsageError

SHORTEST = 10
"""Characters of a new password at least."""


def read_password(descriptor: int | None, prompt: str) -> str:
    """A password from a file descriptor (its first line) or typed unseen; raises UsageError without either."""
    if descriptor is not None:
        try:
            with os.fdopen(descriptor, "r", encoding="utf-8", closefd=False) as stream:
                return stream.readline().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(problem=f"--password-fd {descriptor} cannot be read: {error}") from None
    if not sys.stdin.isatty():
        raise UsageError(problem="there is no terminal to ask for the password; give it with --password-fd N")
    import getpass

    return getpass.getpass(prompt)


def new_password(descriptor: int | None, login: str) -> str:
    """A new password, on a terminal asked twice; raises UsageError when the two differ or it is too short."""
    first = read_password(descriptor, f"New password of {login}: ")
    if len(first) < SHORTEST:
        raise UsageError(problem=f"a password has at least {SHORTEST} characters")
    if descriptor is None and read_password(None, "Once more: ") != first:
        raise UsageError(problem="the two passwords differ; nothing was changed")
    return first


def approver(archive: Archive, login: str, descriptor: int | None) -> Actor:
    """The person who approves, proven by the own password (decision 31); raises Refused, and logs a wrong one."""
    with archive.reading() as session:
        found = actor_by_login(session, login)
        stored = stored_password(session, login)
    if found is None:
        raise Refused(reason=f"nobody here has the login {login}", action="See `archiver person list`.")
    if stored is None:
        raise Refused(
            reason=f"{found.name} has no password yet",
            action=f"{found.name} sets one with `archiver person passwd {login}`.",
        )
    if not password_matches(stored, read_password(descriptor, f"Password of {found.name}: ")):
        with archive.unit() as session:
            archive.record_act(session, "password.wrong", "person", found.id, outcome="refused")
        raise Refused(reason=f"that is not the password of {found.name}", action="Try again.")
    return found
