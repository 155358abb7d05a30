"""`archiver account`: presences on platforms, the city's own, personal or merged ones."""

from typing import Annotated

import typer

from archiver.cli import output
from archiver.cli.opened import JSON, actor_of, opened
from schema.vocab import Ownership, Platform

app = typer.Typer(help="Accounts on platforms: city, personal or merged.", no_args_is_help=True, add_completion=False)


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A name for the account.")],
    platform: Annotated[Platform, typer.Option(help="The platform.")],
    ownership: Annotated[Ownership, typer.Option(help="Whose it is; merged: personal, but used for city business.")],
    custodian: Annotated[str | None, typer.Option(help="Who holds it; needed unless it is the city's.")] = None,
    handle: Annotated[str | None, typer.Option(help="Its name on the platform.")] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Add an account."""
    from archiver.sources.subjects import add_account

    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            new = add_account(
                archive,
                session,
                actor,
                name=name,
                platform=platform,
                ownership=ownership,
                custodian=custodian,
                handle=handle,
            )
    if json:
        output.as_json("account/1", {"id": new, "name": name, "platform": platform, "ownership": ownership})
        return
    output.data(f"Added account {name} ({ownership.value}).")
    if ownership is not Ownership.CITY:
        output.talk("It is collected only under a declaration: `archiver declaration add --account NAME ...`.")


@app.command("list")
def list_(context: typer.Context, json: Annotated[bool, JSON] = False) -> None:
    """List all accounts."""
    from archiver.sources.subjects import list_subjects
    from schema.db.sources import account

    with opened(context) as archive, archive.reading() as session:
        rows = list_subjects(session, account)
    shown = ("name", "platform", "ownership", "custodian", "handle")
    if json:
        output.as_json("accounts/1", {"accounts": [{key: row[key] for key in ("id", *shown)} for row in rows]})
    else:
        output.table(shown, [[row[key] for key in shown] for row in rows])
