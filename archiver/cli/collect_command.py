"""`archiver collect`: read sources into the archive."""

from typing import Annotated, Any

import typer

from archiver.cli import output
from archiver.cli.opened import JSON, opened
from archiver.errors import UsageError

app = typer.Typer(add_completion=False)


@app.command()
def collect(
    context: typer.Context,
    sources: Annotated[list[str] | None, typer.Argument(help="Names of sources.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every source.")] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Read sources into the archive; one broken source does not stop the others."""
    from archiver.jobs.collecting import collect_sources, overall
    from archiver.jobs.runner import stopping

    if bool(sources) == every:
        raise UsageError(problem="name sources, or say --all")
    receipts = []
    with stopping() as wish, opened(context) as archive, output.progress("collecting", "items") as advance:
        for step in collect_sources(archive, None if every else sources, stopped=lambda: wish.asked):
            if step.receipt is not None:
                receipts.append(step.receipt)
                if not json:
                    _tell(step.receipt)
            else:
                advance(step.seen, step.total)
    outcome = overall(receipts)
    if json:
        output.as_json("collect/1", {"outcome": outcome.word, "captures": [one.as_dict() for one in receipts]})
    if wish.asked:
        output.talk("Interrupted. Run it again: it goes on where it stopped.")
    raise typer.Exit(130 if wish.asked else outcome.exit_code)


def _tell(receipt: Any) -> None:
    counts = receipt.counts
    parts = [f"{counts.seen} seen", f"{counts.new_records} new"]
    for number, word in (
        (counts.new_versions, "changed"),
        (counts.missing, "missing at the source"),
        (counts.out_of_scope, "out of scope, not kept"),
        (counts.destroyed_earlier, "destroyed earlier, not readmitted"),
        (counts.unreadable, "unreadable"),
    ):
        if number:
            parts.append(f"{number} {word}")
    output.data(f"{receipt.source}: {receipt.outcome.value}: {', '.join(parts)}")
    for line in receipt.warnings:
        output.talk(f"  warning: {line}")
    for gap in receipt.gaps:
        output.talk(f"  not covered: {gap.reason}")
    if receipt.error:
        place = f" [{receipt.error.where}]" if receipt.error.where else ""
        output.talk(f"  {receipt.error.message}{place} {receipt.error.hint}")
