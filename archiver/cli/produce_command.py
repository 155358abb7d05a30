"""`archiver produce`: build and verify productions."""

from pathlib import Path
from typing import Annotated

import typer

from archiver.cli import output
from archiver.cli.opened import JSON, actor_of, opened

app = typer.Typer(help="Build and verify productions.", no_args_is_help=True)


@app.command()
def build(
    context: typer.Context,
    request: Annotated[str, typer.Argument(help="The request, such as Q2026-14.")],
    out: Annotated[Path, typer.Option(help="A new folder for the package.")],
    json: Annotated[bool, JSON] = False,
) -> None:
    """Write a request's candidates as a numbered, signed package: PDF, XLSX, JSONL and originals."""
    from archiver.produce.building import build_production

    with opened(context) as archive, output.progress("producing", "records") as advance:
        actor = actor_of(archive)
        for step in build_production(archive, actor, request, out):
            advance(step.done, step.total)
    built = step.built  # the last step carries it
    assert built is not None
    if json:
        output.as_json(
            "production/1",
            {
                "production": step.production,
                "request": step.request,
                "folder": str(out),
                "root": built.root,
                "records": built.records,
                "files": built.files,
                "bytes": built.bytes,
                "characters_by_name": built.shown_by_name,
            },
        )
        return
    output.data(f"{step.production}: {built.records} records, {built.files} files in {out}")
    output.data(f"root {built.root}")
    if built.shown_by_name:
        output.talk(f"{built.shown_by_name} characters that no font has are shown by their names in the PDF.")
    output.talk("Print the root in the letter: with it anyone can check the package (`python verify.py --root …`).")


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The package.")],
    root: Annotated[str | None, typer.Option(help="The root printed in the letter.")] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Check a package: every file, the root, the signature; needs no archive."""
    from archiver.produce.check import verify_package
    from schema.vocab import Outcome

    found = verify_package(folder, root)
    good = found.outcome is Outcome.OK
    if json:
        fields = {
            "outcome": found.outcome,
            "checked": found.checked,
            "problems": found.problems,
            "root": found.root,
            "notes": found.notes,
        }
        output.as_json("production-check/1", fields)
    else:
        for line in found.problems:
            output.data(line)
        output.data(f"{'OK' if good else 'FAILED'}: {found.checked} files checked, root {found.root}")
        for line in found.notes:
            output.talk(line)
    raise typer.Exit(0 if good else 5)
