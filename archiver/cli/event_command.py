"""`archiver event`: events that start retention periods, recorded or withdrawn by a person."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archiver.cli import output
from archiver.cli.choosing import PASSWORD, QUERY, RECORDS, SECOND, found, second_person
from archiver.cli.opened import DAY, JSON, actor_of, day, number, numbers, opened
from archiver.errors import UsageError
from schema.vocab import Trigger

if TYPE_CHECKING:
    from archiver.archive import Archive

app = typer.Typer(help="Events that start retention periods.", no_args_is_help=True, add_completion=False)

TRIGGER = typer.Argument(metavar="TRIGGER", help="What happened: case_closed, superseded, separation, ...")
THREAD = typer.Option(metavar="R5", help="Every record of the thread in which that record lies.")
CUSTODIAN = typer.Option(metavar="NAME", help="Every record from accounts and devices of that custodian.")


@app.command()
def record(
    context: typer.Context,
    trigger: Annotated[Trigger, TRIGGER],
    on: Annotated[datetime, typer.Option(formats=DAY, help="The day on which it happened.")],
    reason: Annotated[str, typer.Option(help="How it is known.")],
    records: Annotated[str | None, RECORDS] = None,
    thread: Annotated[str | None, THREAD] = None,
    custodian: Annotated[str | None, CUSTODIAN] = None,
    query: Annotated[str | None, QUERY] = None,
    approve_login: Annotated[str | None, SECOND] = None,
    password_fd: Annotated[int | None, PASSWORD] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Record that something happened; the records whose series counts from it get their dates."""
    from archiver.retain.events import record_event

    one = _only(records, thread, custodian, query)
    with opened(context) as archive:
        actor = actor_of(archive)
        second = second_person(archive, approve_login, password_fd)
        choose = _chooser(archive, *one)
        with archive.unit() as session:
            told = record_event(
                archive,
                session,
                actor,
                trigger,
                on.date(),
                choose(session),
                reason,
                custodian=custodian,
                second=second,
            )
    fields = {"trigger": trigger, "on": on.date(), "records": told.records, "changed": told.changed}
    if json:
        output.as_json("event/1", {**fields, "shortened": told.shortened})
    else:
        output.data(f"{trigger.value} on {on.date()} is recorded of {told.records:,} records.")
        output.data(f"{told.changed:,} of them count from another day now.")


@app.command()
def withdraw(
    context: typer.Context,
    trigger: Annotated[Trigger, TRIGGER],
    reason: Annotated[str, typer.Option(help="Why it was recorded wrongly.")],
    on: Annotated[datetime | None, typer.Option(formats=DAY, help="Only events of that day.")] = None,
    records: Annotated[str | None, RECORDS] = None,
    thread: Annotated[str | None, THREAD] = None,
    custodian: Annotated[str | None, CUSTODIAN] = None,
    query: Annotated[str | None, QUERY] = None,
    approve_login: Annotated[str | None, SECOND] = None,
    password_fd: Annotated[int | None, PASSWORD] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Withdraw events that were recorded wrongly; records without another one wait for it again."""
    from archiver.retain.events import withdraw_event

    one = _only(records, thread, custodian, query)
    with opened(context) as archive:
        actor = actor_of(archive)
        second = second_person(archive, approve_login, password_fd)
        choose = _chooser(archive, *one)
        with archive.unit() as session:
            told = withdraw_event(
                archive,
                session,
                actor,
                trigger,
                choose(session),
                reason,
                on=day(on),
                custodian=custodian,
                second=second,
            )
    if json:
        counts = {"records": told.records, "changed": told.changed, "shortened": told.shortened}
        output.as_json("event/1", {"trigger": trigger, "on": day(on), "withdrawn": True, **counts})
    else:
        output.data(f"{trigger.value} is withdrawn of {told.records:,} records; {told.changed:,} count anew.")


def _only(records: str | None, thread: str | None, custodian: str | None, query: str | None) -> tuple[str, Any]:
    """The one way in which the records are named; raises UsageError."""
    named = {"records": records, "thread": thread, "custodian": custodian, "query": query}
    given = [(way, value) for way, value in named.items() if value is not None]
    if len(given) != 1:
        raise UsageError(problem="name the records by one of --records, --thread, --custodian and --query")
    way, value = given[0]
    if way == "records":
        return way, numbers(value, "R")
    return (way, number(value, "R")) if way == "thread" else (way, value)


def _chooser(archive: "Archive", way: str, value: Any) -> Callable[[Any], Any]:
    """What picks the records inside the unit of work; a search runs before it, without the writers' lock."""
    from archiver.retain.events import of_custodian, of_thread

    if way == "thread":
        return lambda session: of_thread(session, value)
    if way == "custodian":
        return lambda session: of_custodian(session, value)
    ids = found(archive, value) if way == "query" else value
    return lambda session: ids
