"""`archiver body`: councils and boards, with the terms of their members."""

from datetime import datetime
from typing import Annotated

import typer

from archiver.cli import output
from archiver.cli.opened import DAY, JSON, actor_of, day, opened

app = typer.Typer(
    help="Councils and boards, with the terms of their members.", no_args_is_help=True, add_completion=False
)


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The body's name.")],
    majority: Annotated[int, typer.Option(min=1, help="How many members make a majority.")],
    json: Annotated[bool, JSON] = False,
) -> None:
    """Add a council or board."""
    from archiver.sources.custodians import add_body

    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            new = add_body(archive, session, actor, name=name, majority=majority)
    if json:
        output.as_json("body/1", {"id": new, "name": name, "majority": majority})
    else:
        output.data(f"Added {name}; {majority} members make a majority.")


@app.command()
def member(
    context: typer.Context,
    body: Annotated[str, typer.Argument(help="The body's name.")],
    custodian: Annotated[str, typer.Argument(help="The member's name, a custodian.")],
    since: Annotated[datetime, typer.Option(formats=DAY, help="First day of the term.")],
    until: Annotated[datetime | None, typer.Option(formats=DAY, help="First day after the term.")] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Note a member's term."""
    from archiver.sources.custodians import add_membership

    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            new = add_membership(
                archive, session, actor, body_name=body, member=custodian, since=since.date(), until=day(until)
            )
    if json:
        fields = {"id": new, "body": body, "custodian": custodian, "since": since.date(), "until": day(until)}
        output.as_json("membership/1", fields)
    else:
        output.data(f"{custodian} sits on {body} from {since:%Y-%m-%d}{f' until {until:%Y-%m-%d}' if until else ''}.")


@app.command("list")
def list_(context: typer.Context, json: Annotated[bool, JSON] = False) -> None:
    """List bodies with their terms, newest first."""
    from archiver.sources.custodians import list_bodies

    with opened(context) as archive, archive.reading() as session:
        rows = list_bodies(session)
    if json:
        output.as_json("bodies/1", {"bodies": rows})
        return
    for row in rows:
        output.data(f"{row['name']} (majority {row['majority']})")
        for term in row["members"]:
            output.data(f"  {term['custodian']}  {term['since']} to {term['until'] or 'now'}")
