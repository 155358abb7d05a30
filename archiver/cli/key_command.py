"""`archiver key`: the master key."""

from pathlib import Path
from typing import Annotated

import typer

from archiver.cli import output
from archiver.cli.opened import JSON, actor_of

app = typer.Typer(help="The master key.", no_args_is_help=True)


@app.callback()
def options() -> None:
    """The master key."""


@app.command()
def rotate(
    context: typer.Context,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="The new key file, best on another disk.")
    ] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Put a new master key in force: what was destroyed can then not be opened from older copies of its keys.

    Interrupted, it is run again in the same way and goes on.
    """
    from archiver.archive import Archive, find_folder
    from archiver.operate.rotation import rotate_master

    archive = Archive(find_folder(context.find_root().obj, Path.cwd()))
    result = None
    try:
        with archive.database.exclusive("key rotate"), output.progress("rotating", "keys") as advance:
            for step in rotate_master(archive, actor_of(archive), to):
                advance(step.done)
                result = step.result
    finally:
        archive.close()
    assert result is not None
    finished = result.key_file is None
    if json:
        fields = {"keys": result.keys, "key": str(result.key_file) if result.key_file else None, "old": result.old}
        output.as_json("key-rotate/1", {"outcome": "ok", "finished_earlier": finished, **fields})
        return
    if finished:
        output.data("Finished the rotation that was interrupted; the key in config.toml is the only one in force.")
        return
    output.data(
        f"{result.keys} data keys are wrapped under the new master key {result.key_file}; config.toml names it."
    )
    output.talk(f"Copy {result.key_file} to a safe place apart from the archive. Without it nothing can be read.")
    output.talk(
        f"The old key stays where it was ({result.old}): backups made until now open only with it. Keep it with them,"
    )
    output.talk("and destroy it when the last of them has expired: only then is what they still hold out of reach.")
    output.talk("Back up now (`archiver backup`): the new key opens no backup that was taken before.")
