"""`archiver tag`: the series of a record, and why."""

from typing import Annotated

import typer

from archiver.cli import output
from archiver.cli.opened import JSON, actor_of, number, opened

app = typer.Typer(help="The series of a record, and why.", no_args_is_help=True, add_completion=False)


@app.command()
def explain(
    context: typer.Context,
    record: Annotated[str, typer.Argument(metavar="R12", help="The record.")],
    json: Annotated[bool, JSON] = False,
) -> None:
    """Say why a record is kept as long as it is."""
    from archiver.retain.holds import holds_of_record
    from archiver.retain.tags import explain as explain_tag

    record_id = number(record, "R")
    with opened(context) as archive, archive.reading() as session:
        found = explain_tag(archive, session, record_id)
        holds = [f"H{one}" for one in holds_of_record(session, record_id)]
    if json:
        output.as_json("tag/1", {**found, "record": f"R{record_id}", "holds": holds})
        return
    said = found["retention_text"]
    output.data(f'R{record_id}: {found["series"]} ({found["title"]}), kept as the schedule says: "{said}"')
    if found["rule"]:
        rule = found["rule"]
        output.data(f"Chosen by rule {rule['position']}: {rule['conditions']} {rule['reason']}".rstrip())
    else:
        output.data("Chosen by a person." if found["person"] else "No rule fits; a records officer assigns a series.")
    output.data(found["explanation"])
    if holds:
        output.data(f"Held by {', '.join(holds)}: it is not destroyed while a hold stands.")


@app.command("set")
def set_(
    context: typer.Context,
    record: Annotated[str, typer.Argument(metavar="R12", help="The record.")],
    series: Annotated[str, typer.Argument(help="The series' key or code.")],
    reason: Annotated[str, typer.Option(help="Why this series.")],
    json: Annotated[bool, JSON] = False,
) -> None:
    """Give a record another series; a running period is never shortened this way."""
    from archiver.retain.tags import set_series

    record_id = number(record, "R")
    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            due = set_series(archive, session, actor, record_id, series, reason)
    if json:
        fields = {"record": f"R{record_id}", "series": series, "date": due.date, "explanation": due.explanation}
        output.as_json("tag/1", fields)
    else:
        output.data(f"R{record_id} now belongs to {series}. {due.explanation}")
