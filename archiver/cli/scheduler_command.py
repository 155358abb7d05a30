"""`archiver scheduler`: run the jobs of config.toml at their times."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archiver.cli import output
from archiver.cli.opened import JSON

if TYPE_CHECKING:
    from archiver.jobs.scheduler import Fired

app = typer.Typer(add_completion=False)


@app.command()
def scheduler(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Fire what is due now, and exit.")] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Run the jobs of config.toml at their times, in the foreground; each line of output is one firing, as JSON."""
    from archiver.archive import find_folder
    from archiver.jobs.runner import stopping
    from archiver.jobs.scheduler import fire_due, serve

    folder = find_folder(context.find_root().obj, Path.cwd())
    with stopping() as stop:
        if not once:
            serve(folder, stop, _tell)
            return
        fired = fire_due(folder, stop)
    outcomes = {one.outcome for one in fired}
    if json:
        output.as_json("scheduler/1", {"fired": [_shown(one) for one in fired]})
    else:
        for one in fired:
            output.data(f"{one.job}: {one.outcome}" + (f" ({one.code})" if one.code else f", run {one.run_id}"))
        if not fired:
            output.data("Nothing is due.")
    if outcomes & {"failed", "partial"}:
        raise typer.Exit(1 if outcomes == {"failed"} else 3)


def _tell(one: "Fired") -> None:
    output.as_json("firing/1", _shown(one))
    sys.stdout.flush()


def _shown(one: "Fired") -> dict[str, Any]:
    from archiver.clock import iso

    return {
        "job": one.job,
        "scheduled_for": iso(one.scheduled_for),
        "outcome": one.outcome,
        "run": one.run_id,
        "code": one.code,
    }
