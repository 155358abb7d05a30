"""`archiver device`: phones, computers, drives and cameras, the city's own, personal or merged ones."""

from typing import Annotated

import typer

from archiver.cli import output
from archiver.cli.opened import JSON, actor_of, opened
from schema.vocab import DeviceKind, Ownership

app = typer.Typer(help="Phones, computers, drives and cameras.", no_args_is_help=True, add_completion=False)


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A name for the device.")],
    kind: Annotated[DeviceKind, typer.Option(help="What it is.")],
    ownership: Annotated[Ownership, typer.Option(help="Whose it is; merged: personal, but used for city business.")],
    custodian: Annotated[str | None, typer.Option(help="Who carries it; needed unless it is the city's.")] = None,
    number: Annotated[str | None, typer.Option(help="Its telephone or inventory number.")] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Add a device."""
    from archiver.sources.subjects import add_device

    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            new = add_device(
                archive,
                session,
                actor,
                name=name,
                kind=kind,
                ownership=ownership,
                custodian=custodian,
                number=number,
            )
    if json:
        output.as_json("device/1", {"id": new, "name": name, "kind": kind, "ownership": ownership})
        return
    output.data(f"Added device {name} ({ownership.value}).")
    if ownership is not Ownership.CITY:
        output.talk("It is collected only under a declaration: `archiver declaration add --device NAME ...`.")


@app.command("list")
def list_(context: typer.Context, json: Annotated[bool, JSON] = False) -> None:
    """List all devices."""
    from archiver.sources.subjects import list_subjects
    from schema.db.sources import device

    with opened(context) as archive, archive.reading() as session:
        rows = list_subjects(session, device)
    shown = ("name", "kind", "ownership", "custodian", "number")
    if json:
        output.as_json("devices/1", {"devices": [{key: row[key] for key in ("id", *shown)} for row in rows]})
    else:
        output.table(shown, [[row[key] for key in shown] for row in rows])
