"""`archiver declaration`: personal accounts and devices declared for city business."""

from datetime import datetime
from typing import Annotated, Any

import typer

from archiver.cli import output
from archiver.cli.opened import DAY, JSON, actor_of, day, opened
from archiver.errors import UsageError
from schema.vocab import Kind, Visibility

app = typer.Typer(
    help="Personal accounts and devices declared for city business.", no_args_is_help=True, add_completion=False
)

WORDS = "Shortcut for one rule: "


@app.command()
def add(
    context: typer.Context,
    since: Annotated[datetime, typer.Option("--from", formats=DAY, help="First day that is covered.")],
    statement: Annotated[str, typer.Option(help="What the custodian declares, in the custodian's own words.")],
    account: Annotated[str | None, typer.Option(help="The account that is declared.")] = None,
    device: Annotated[str | None, typer.Option(help="Or the device.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=DAY, help="First day that is no longer covered.")] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(metavar="JSON", help='A rule, as {"kinds": ["post"], "words": ["plow"]}; repeat.'),
    ] = None,
    party: Annotated[list[str] | None, typer.Option(help=WORDS + "an address that takes part.")] = None,
    word: Annotated[list[str] | None, typer.Option(help=WORDS + "a word that occurs.")] = None,
    thread: Annotated[list[str] | None, typer.Option(help=WORDS + "a conversation's id at the source.")] = None,
    kind: Annotated[list[Kind] | None, typer.Option(help=WORDS + "a kind of item.")] = None,
    visibility: Annotated[
        list[Visibility] | None, typer.Option(help=WORDS + "who can see it (else: public and unlisted).")
    ] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Declare an account or device; nothing is collected until an administrator approves it."""
    from archiver.sources.declarations import declare

    parts = {"parties": party, "words": word, "threads": thread, "kinds": kind, "visibility": visibility}
    shortcut = {name: [str(one) for one in values] for name, values in parts.items() if values}
    rules = [_rule(one) for one in rule or ()] + ([shortcut] if shortcut else [])
    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            new = declare(
                archive,
                session,
                actor,
                account_name=account,
                device_name=device,
                starts_on=since.date(),
                ends_on=day(until),
                statement=statement,
                rules=rules,
            )
    if json:
        output.as_json("declaration/1", {"id": new, "state": "pending", "rules": rules})
    else:
        output.data(f"Declaration {new} waits for approval: `archiver declaration approve {new} --as LOGIN`.")


def _rule(written: str) -> dict[str, Any]:
    import json

    try:
        found = json.loads(written)
    except ValueError as error:
        raise UsageError(problem=f"--rule is not JSON: {error}", where=written[:60]) from None
    if not isinstance(found, dict):
        raise UsageError(problem='--rule takes an object, as {"words": ["plow"]}', where=written[:60])
    return found


@app.command("list")
def list_(context: typer.Context, json: Annotated[bool, JSON] = False) -> None:
    """List all declarations."""
    from archiver.sources.declarations import list_declarations

    with opened(context) as archive, archive.reading() as session:
        rows = list_declarations(archive, session)
    shown = ("id", "custodian", "account", "device", "state", "starts_on", "ends_on")
    if json:
        output.as_json("declarations/1", {"declarations": [{key: row[key] for key in shown} for row in rows]})
    else:
        output.table(shown, [[row[key] for key in shown] for row in rows])


@app.command()
def show(context: typer.Context, number: int, json: Annotated[bool, JSON] = False) -> None:
    """Show a declaration with its statement and rules; that it was looked at is recorded."""
    from archiver.clock import iso
    from archiver.sources.declarations import list_declarations

    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            found = list_declarations(archive, session, number)[0]
            archive.record_act(session, "declaration.view", "declaration", number, actor_id=actor.id)
    fields = {**found, "declared_at": iso(found["declared_at"]), "decided_at": iso(found["decided_at"])}
    if json:
        output.as_json("declaration/1", fields)
    else:
        output.table(("", ""), [(name, str(value)) for name, value in fields.items() if value is not None])


@app.command()
def approve(
    context: typer.Context,
    number: int,
    by: Annotated[
        str | None, typer.Option("--as", metavar="LOGIN", help="Who approves (else: who is logged in).")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for the log.")] = "approved as declared",
    password_fd: Annotated[
        int | None, typer.Option(metavar="N", help="Read the approver's password from this file descriptor.")
    ] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Approve a declaration with the approver's own password; who declared does not approve."""
    from archiver.access import login_of
    from archiver.cli.passwords import approver
    from archiver.sources.declarations import decide

    with opened(context) as archive:
        if by is None:
            with archive.reading() as session:
                by = login_of(session, actor_of(archive).id)
        actor = approver(archive, by, password_fd)
        with archive.unit() as session:
            decide(archive, session, actor, number, approve=True, reason=reason)
    if json:
        output.as_json("declaration/1", {"id": number, "state": "approved", "approved_by": by})
    else:
        output.data(f"Declaration {number} is approved; its sources can be collected.")


@app.command()
def withdraw(
    context: typer.Context,
    number: int,
    reason: Annotated[str, typer.Option(help="Why it ends.")],
    json: Annotated[bool, JSON] = False,
) -> None:
    """Withdraw a declaration: its sources are no longer collected; the records stay."""
    from archiver.sources.declarations import decide

    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            decide(archive, session, actor, number, approve=False, reason=reason)
    if json:
        output.as_json("declaration/1", {"id": number, "state": "withdrawn"})
    else:
        output.data(f"Declaration {number} is withdrawn; nothing more is collected under it, its records stay.")
