"""`archiver jobs`: what runs and ran, the text that a run left, and cancelling one."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from archiver.cli import output
from archiver.cli.opened import JSON, actor_of, opened
from archiver.errors import UsageError

if TYPE_CHECKING:
    from archiver.jobs.ledger import Firing

app = typer.Typer(help="List and cancel jobs.", no_args_is_help=True)


@app.command("list")
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 20,
    json: Annotated[bool, JSON] = False,
) -> None:
    """List the newest runs of jobs, with progress of those that run now."""
    from archiver.jobs import ledger

    with opened(context) as archive, archive.reading() as session:
        runs = [_shown(one) for one in ledger.newest(session, archive.now(), limit=limit)]
    if json:
        output.as_json("jobs/1", {"jobs": runs})
        return
    headings = ("run", "job", "state", "scheduled for", "started", "ended", "progress", "result")
    output.table(
        headings,
        [
            (
                one["run"],
                one["job"],
                one["state"],
                one["scheduled_for"],
                one["started_at"],
                one["ended_at"],
                _progress(one),
                one["result"].get("code") or one["result"].get("outcome"),
            )
            for one in runs
        ],
    )


def _shown(one: "Firing") -> dict[str, Any]:
    from archiver.clock import iso

    return {
        "run": one.id,
        "job": one.job,
        "state": "interrupted" if one.interrupted else one.state.value,
        "scheduled_for": iso(one.scheduled_for),
        "started_at": iso(one.started_at),
        "ended_at": iso(one.ended_at),
        "holder": one.holder,
        "done": one.done,
        "total": one.total,
        "unit": one.unit,
        "cancel_asked": one.cancel_asked,
        "result": dict(one.result),
    }


def _progress(one: dict[str, Any]) -> str:
    if not one["unit"]:
        return ""
    of = f" of {one['total']:,}" if one["total"] is not None else ""
    return f"{one['done']:,}{of} {one['unit']}"


@app.command()
def show(context: typer.Context, run: int, json: Annotated[bool, JSON] = False) -> None:
    """Show what a run told people: the nightly report, or why it failed."""
    from archiver.jobs import ledger

    with opened(context) as archive, archive.reading() as session:
        actor_of(archive)
        found = ledger.get(session, run, archive.now())
        text = ledger.kept_text(archive, session, run)
    if json:
        output.as_json("job/1", {**_shown(found), "text": text})
    else:
        output.data((text or f"Run {run} ({found.job}) left no text.").rstrip("\n"))


@app.command()
def cancel(
    context: typer.Context,
    run: int,
    reason: Annotated[str, typer.Option(help="Why it is cancelled.")],
    json: Annotated[bool, JSON] = False,
) -> None:
    """Ask a run to stop after its current step; what it did so far stays."""
    from archiver.access import require
    from archiver.jobs import ledger
    from schema.vocab import JobState, Role

    with opened(context) as archive:
        actor = actor_of(archive)
        require(actor, Role.ADMINISTRATOR, Role.CLERK, Role.RECORDS_OFFICER)
        with archive.unit() as session:
            before = ledger.get(session, run, archive.now())
            if before.state is not JobState.RUNNING:
                raise UsageError(problem=f"run {run} ({before.job}) has ended already: {before.state.value}")
            state = ledger.ask_cancel(session, run, archive.now())
            archive.record_act(session, "job.cancel", "job_run", run, actor_id=actor.id, text=reason)
    ended = state is JobState.CANCELLED
    if json:
        output.as_json("job-cancel/1", {"run": run, "state": state.value, "cancel_asked": True})
    else:
        output.data(
            f"Run {run} is cancelled." if ended else f"Run {run} was asked to stop; it does after its current step."
        )
