"""`archiver doctor`: examine the archive and this machine."""

from dataclasses import asdict
from typing import Annotated

import typer

from archiver.cli import output
from archiver.cli.opened import JSON, opened

app = typer.Typer(add_completion=False)


@app.command()
def doctor(context: typer.Context, json: Annotated[bool, JSON] = False) -> None:
    """Examine the archive and this machine; says what to do about each finding."""
    from archiver.operate.doctor import FAILED, examine, outcome

    with opened(context) as archive:
        findings = list(examine(archive))
    if json:
        output.as_json("doctor/1", {"outcome": outcome(findings), "findings": [asdict(one) for one in findings]})
    else:
        for one in findings:
            output.data(f"{one.level:8} {one.subject}: {one.message}{'.' if one.action else ''} {one.action}".rstrip())
    raise typer.Exit(1 if outcome(findings) == FAILED else 0)
