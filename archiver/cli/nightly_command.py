"""`archiver nightly`: collect every source, index, check a part, sign the log, and report."""

from typing import Annotated

import typer

from archiver.cli import output
from archiver.cli.opened import JSON, opened

app = typer.Typer(add_completion=False)


@app.command()
def nightly(context: typer.Context, json: Annotated[bool, JSON] = False) -> None:
    """Collect every source, index, check a part, sign the log, and report; exit 0 ok, 3 partly failed, 1 failed."""
    from archiver.jobs.nightly import JOB, Night
    from archiver.jobs.runner import run

    with opened(context) as archive, output.progress("nightly", "items") as advance:
        night = Night(archive)
        finished = run(archive, JOB, night.act, show=lambda step: advance(step.done, step.total))
    assert finished is not None, "a run by hand is ours or raises"
    if json:
        output.as_json("nightly/1", {**night.report.as_dict(), "run": finished.run_id})
    else:
        output.data(night.report.as_text().rstrip("\n"))
    raise typer.Exit(night.report.exit_code)
