"""`archiver config`: check what config.toml says of this machine."""

from pathlib import Path
from typing import Annotated

import typer

from archiver.cli import output
from archiver.cli.opened import JSON

app = typer.Typer(help="Check config.toml.", no_args_is_help=True)


@app.callback()
def options() -> None:
    """Check config.toml."""


@app.command()
def check(context: typer.Context, json: Annotated[bool, JSON] = False) -> None:
    """Read config.toml and resolve every secret that it names; the first mistake is shown with its line."""
    from archiver import config
    from archiver.archive import CONFIG, find_folder
    from archiver.errors import WrongKey
    from archiver.vault.keys import parse_key

    folder = find_folder(context.find_root().obj, Path.cwd())
    path = folder / CONFIG
    found = config.references(config.load(path))
    for name, reference in found.items():
        try:
            content = config.secret(reference, folder)
            if name == "keys.master":
                parse_key(content)
        except WrongKey as error:
            error.where = f"{config.place_of(path, name)}: {error.where or reference}"
            raise
    if json:
        output.as_json("config-check/1", {"outcome": "ok", "secrets": list(found)})
        return
    output.data(f"{path}: ok")
    for name, reference in found.items():
        output.data(f"{name} ({config.place_of(path, name)}): {reference} can be read")
