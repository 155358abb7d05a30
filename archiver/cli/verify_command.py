"""`archiver verify`: check records, keys, objects, holds and log."""

from dataclasses import asdict
from typing import Annotated

import typer

from archiver.cli import output
from archiver.cli.opened import JSON, opened
from archiver.errors import Refused

app = typer.Typer(add_completion=False)


@app.command()
def verify(
    context: typer.Context,
    part: Annotated[str | None, typer.Option(metavar="N/M", help="Only the N-th of M parts of the content.")] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Check records, keys, objects, holds and log; what one check finds stops no other."""
    from archiver.access import current_actor
    from archiver.operate.verify import read_part, record_result
    from archiver.operate.verify import verify as run

    share = read_part(part) if part else None
    result = None
    with opened(context) as archive, output.progress("verifying", "checked") as advance:
        for step in run(archive, part=share):
            advance(step.done, step.total)
            result = step.result
        assert result is not None
        with archive.reading() as session:
            try:
                actor_id: int | None = current_actor(session).id
            except Refused:
                actor_id = None
        record_result(archive, result, actor_id=actor_id, part=share)
    if json:
        fields = {
            "outcome": result.outcome,
            "checked": [asdict(one) for one in result.checks],
            "problems": [asdict(one) for one in result.problems],
            "warnings": [asdict(one) for one in result.warnings],
            "orphans": result.orphans,
            "part": part,
        }
        output.as_json("verify/1", fields)
    else:
        output.table(("check", "outcome", "looked at"), [(one.name, one.outcome, one.count) for one in result.checks])
        for problem in result.problems:
            output.data(f"PROBLEM {problem.check}: {problem.object}: {problem.message}")
        for warning in result.warnings:
            output.talk(f"warning: {warning.check}: {warning.object}: {warning.message}")
        if result.orphans:
            output.talk(
                f"{result.orphans} stored objects belong to no record yet; the nightly run removes them after a day."
            )
        if result.problems:
            output.talk("Keep the archive as it is and tell the records officer and the city attorney.")
    raise typer.Exit(5 if result.problems else 0)
