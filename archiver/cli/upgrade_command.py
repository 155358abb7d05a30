"""`archiver upgrade`: bring an older archive up to this program."""

from pathlib import Path
from typing import Annotated

import typer

from archiver.archive import find_folder
from archiver.cli import output
from archiver.cli.opened import JSON

app = typer.Typer(add_completion=False)


@app.command()
def upgrade(
    context: typer.Context,
    backed_up: Annotated[
        bool, typer.Option("--backed-up", help="You copied the database yourself; make no copy.")
    ] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Bring an older archive up to this program, after a copy of its database; there is no way back but that copy."""
    from archiver.operate.migrate import upgrade as run

    done = run(find_folder(context.find_root().obj, Path.cwd()), backed_up=backed_up)
    if json:
        backup = str(done.backup) if done.backup else None
        fields = {"outcome": "ok", "from": done.found, "to": done.now, "backup": backup}
        output.as_json("upgrade/1", {**fields, "guards_were_intact": done.guards_were_intact})
        return
    if done.found == done.now:
        output.data(f"The archive has schema {done.now}, which this program needs.")
    else:
        output.data(f"Upgraded the archive from schema {done.found} to {done.now}.")
    if not done.guards_were_intact:
        output.talk(
            "The guards of the database were not what they should be. They are again: find out who changed them."
        )
    if done.backup:
        output.talk(
            f"The copy from before is {done.backup}. It holds the wrapped data keys beside the facts, so that a key"
        )
        output.talk("destroyed later still lives in it: remove it as soon as `archiver verify` is content.")
