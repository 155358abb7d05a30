"""`archiver custodian`: employees, elected officials and contractors in whose hands government data may lie."""

from datetime import datetime
from typing import Annotated

import typer

from archiver.cli import output
from archiver.cli.opened import DAY, JSON, actor_of, day, opened
from schema.vocab import CustodianKind

app = typer.Typer(
    help="Employees, elected officials and contractors who hold data.", no_args_is_help=True, add_completion=False
)


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The custodian's name.")],
    kind: Annotated[CustodianKind, typer.Option(help="In what capacity.")] = CustodianKind.EMPLOYEE,
    department: Annotated[str | None, typer.Option(help="The department.")] = None,
    title: Annotated[str | None, typer.Option(help="The position held.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=DAY, help="First day in that capacity.")] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Add a custodian."""
    from archiver.sources.custodians import add_custodian

    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            new = add_custodian(
                archive,
                session,
                actor,
                name=name,
                kind=kind,
                department=department,
                title=title,
                started_on=day(since),
            )
    if json:
        output.as_json("custodian/1", {"id": new, "name": name, "kind": kind})
    else:
        output.data(f"Added custodian {name} ({kind.value}).")


@app.command("list")
def list_(context: typer.Context, json: Annotated[bool, JSON] = False) -> None:
    """List all custodians, former ones too."""
    from archiver.sources.custodians import list_custodians

    with opened(context) as archive, archive.reading() as session:
        rows = list_custodians(session)
    shown = ("name", "kind", "department", "title", "started_on", "ended_on")
    if json:
        output.as_json("custodians/1", {"custodians": [{key: row[key] for key in ("id", *shown)} for row in rows]})
    else:
        output.table(shown, [[row[key] for key in shown] for row in rows])
