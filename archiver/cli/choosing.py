"""Options that several commands share: which records an act is about, and the second person who approves it."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from archiver.access import Actor
    from archiver.archive import Archive

RECORDS = typer.Option(metavar="R1,R2", help="The records.")
QUERY = typer.Option(help="Every record that a search finds now.")
SECOND = typer.Option("--approve-login", metavar="LOGIN", help="A second person, where a period becomes shorter.")
PASSWORD = typer.Option(metavar="N", help="Read the second person's password from this file descriptor.")


def found(archive: "Archive", query: str) -> list[int]:
    """Every record that a search finds, once all that was collected is indexed; raises QueryError."""
    from archiver.search.answer import catch_up, find_ids

    catch_up(archive)
    return find_ids(archive, query)


def second_person(archive: "Archive", login: str | None, descriptor: int | None) -> "Actor | None":
    """The second person, proven by the own password; None where none is named.  Raises Refused, UsageError."""
    from archiver.cli.passwords import approver
    from archiver.errors import UsageError

    if login is None:
        if descriptor is not None:
            raise UsageError(problem="--password-fd goes with --approve-login")
        return None
    return approver(archive, login, descriptor)
