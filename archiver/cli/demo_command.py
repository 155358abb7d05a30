"""`archiver demo`: a sample city of our own invention, led through the whole path."""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from archiver.cli import output
from archiver.cli.opened import JSON

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")] = Path("demo-city"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Replace the sample city of an earlier demo.")] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Make a sample city and run the whole path through it; works without a network."""
    from archiver.cli.main import main
    from archiver.demo.making import make_demo

    made = make_demo(main, folder, fresh=fresh, quiet=json)
    if json:
        output.as_json("demo/1", made.as_dict())
        return
    archive = f"{_program()} --archive {made.archive}"
    facts = made.summary.facts
    output.data("")
    output.data(
        f"{made.summary.records[-1]} records, {len(made.summary.refused)} refusals, one request answered, "
        f"everything verified, in {made.seconds:.0f} s. Look further:"
    )
    for line in (
        f"{archive} search 'oak*'",
        f"{archive} search 'variance' --facets",
        f"{archive} search 'custodian:\"Ingrid Vasquez-Lund\"'",
        f"{archive} record show R1 --custody",
        f"{archive} request show {facts['request']}",
        f"{archive} schedule check",
        f"{archive} audit log",
        f"python3 {made.folder / 'production' / 'verify.py'} {made.folder / 'production'} --root {facts['root']}",
    ):
        output.data(f"  {line}")
    output.data("The demo served the website and Mastodon itself: they are gone now; mail and phones can be collected.")


def _program() -> str:
    """How this program is called here, so that the commands can be copied."""
    if shutil.which("archiver"):
        return "archiver"
    return sys.argv[0] if sys.argv[0].endswith("archiver") else "python3 -m archiver"
