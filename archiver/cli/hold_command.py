"""`archiver hold`: orders that suspend disposition."""

from typing import Annotated, Any

import typer

from archiver.cli import output
from archiver.cli.opened import JSON, actor_of, number, numbers, opened
from archiver.errors import UsageError
from schema.vocab import HoldKind

app = typer.Typer(help="Orders that suspend disposition.", no_args_is_help=True, add_completion=False)


@app.command()
def place(
    context: typer.Context,
    kind: Annotated[HoldKind, typer.Option(help="Why disposition is suspended.")],
    matter: Annotated[str, typer.Option(help="The matter, as its name or file number.")],
    reason: Annotated[str, typer.Option(help="Who ordered it, and why.")],
    records: Annotated[str | None, typer.Option(metavar="R1,R2", help="The records.")] = None,
    query: Annotated[str | None, typer.Option(help="Or what a search finds now; its ids are frozen.")] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Place a hold; in force when this command ends."""
    from archiver.retain.holds import place as place_hold

    if (records is None) == (query is None):
        raise UsageError(problem="name the records with --records, or a search with --query")
    if kind in (HoldKind.REQUEST, HoldKind.CLOSED_REQUEST):
        raise UsageError(problem="a request places its own hold: `archiver request open`")
    with opened(context) as archive:
        actor = actor_of(archive)
        ids = numbers(records, "R") if records is not None else _found(archive, query or "")
        with archive.unit() as session:
            new = place_hold(archive, session, actor, kind=kind, matter=matter, reason=reason, records=ids)
    held = len(set(ids))
    if json:
        output.as_json("hold/1", {"id": f"H{new}", "kind": kind, "state": "active", "matter": matter, "members": held})
    else:
        output.data(f"H{new} holds {held} records; none of them is destroyed while it stands.")


def _found(archive: Any, query: str) -> list[int]:
    """Every record that a search finds, once all that was collected is indexed."""
    from archiver.search.answer import catch_up, find_ids

    catch_up(archive)
    return find_ids(archive, query)


@app.command()
def lift(
    context: typer.Context,
    hold: Annotated[str, typer.Argument(metavar="H3", help="The hold.")],
    reason: Annotated[str, typer.Option(help="Who ordered it, and why.")],
    json: Annotated[bool, JSON] = False,
) -> None:
    """Lift a hold; the records can be disposed of again when they are due."""
    from archiver.retain.holds import lift as lift_hold

    hold_id = number(hold, "H")
    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            lift_hold(archive, session, actor, hold_id, reason)
    if json:
        output.as_json("hold/1", {"id": f"H{hold_id}", "state": "lifted"})
    else:
        output.data(f"H{hold_id} is lifted.")


@app.command("list")
def list_(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Lifted ones too.")] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """List the holds in force."""
    from archiver.retain.holds import list_holds

    with opened(context) as archive, archive.reading() as session:
        rows = list_holds(session, lifted=every)
        zone = archive.city.timezone
    if json:
        output.as_json("holds/1", {"holds": [_fields(row) for row in rows]})
        return
    from archiver.clock import city_date

    cells = [
        (
            f"H{row['id']}",
            row["kind"],
            row["state"],
            row["matter"],
            row["members"] if row["scope"] == "members" else "everything that may be asked for",
            city_date(row["placed_at"], zone),
        )
        for row in rows
    ]
    output.table(("hold", "kind", "state", "matter", "records", "since"), cells)


@app.command()
def show(
    context: typer.Context,
    hold: Annotated[str, typer.Argument(metavar="H3", help="The hold.")],
    json: Annotated[bool, JSON] = False,
) -> None:
    """Show a hold with its reason and records."""
    from archiver.retain.holds import show_hold

    hold_id = number(hold, "H")
    with opened(context) as archive, archive.reading() as session:
        found = show_hold(archive, session, hold_id)
    fields = _fields(found)
    fields["records"] = [f"R{one}" for one in found["records"]]
    if json:
        output.as_json("hold/1", fields)
    else:
        output.table(("", ""), [(name, value) for name, value in fields.items() if value is not None])


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    from archiver.clock import iso

    return {**row, "id": f"H{row['id']}", "placed_at": iso(row["placed_at"]), "lifted_at": iso(row["lifted_at"])}
