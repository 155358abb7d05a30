"""`archiver config`: what config.toml says of this machine, and what the city decided."""

from pathlib import Path
from typing import Annotated

import typer

from archiver.cli import output
from archiver.cli.opened import JSON, actor_of, opened

app = typer.Typer(help="Check config.toml; the city's decisions.", no_args_is_help=True)


@app.callback()
def options() -> None:
    """Check config.toml; the city's decisions."""


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


@app.command()
def decide(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="A TOML file with the decisions that change.")] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Print the decisions in force as TOML, and change none.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Put the city's decisions into force as a new edition: approvers, cooling-off days, fiscal year, targets.

    What the file does not name stays as it is.
    """
    from archiver.archive import current_city
    from archiver.errors import UsageError
    from archiver.operate import decisions

    if (file is None) != show:
        raise UsageError(problem="name a file with decisions, or --show those in force")
    with opened(context) as archive:
        actor = actor_of(archive)
        if file is None:
            text = decisions.as_toml(archive.city)
            if json:
                output.as_json("config-decisions/1", {"toml": text})
            else:
                output.data(text.rstrip("\n"))
            return
        with archive.unit() as session:
            city = decisions.read(archive, session, file)
            changed = decisions.differences(current_city(session), city)
            edition = decisions.decide(archive, session, actor, city) if changed and not dry_run else None
    if json:
        listed = {key: {"before": before, "after": after} for key, (before, after) in changed.items()}
        output.as_json("config-decide/1", {"outcome": "ok", "edition": edition, "changed": listed})
        return
    for key, (before, after) in changed.items():
        output.data(f"{key}: {before} -> {after}")
    if edition is not None:
        output.data(f"Edition {edition} of the city's decisions is in force.")
    else:
        output.data("This would change." if changed else "Nothing changes: the city has decided so already.")
