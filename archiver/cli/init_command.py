"""`archiver init`: make an archive."""

from pathlib import Path
from typing import Annotated

import typer

from archiver.archive import City
from archiver.cli import output
from archiver.cli.opened import JSON

app = typer.Typer(add_completion=False)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    name: Annotated[str, typer.Option(help="The city's name.")] = "",
    jurisdiction: Annotated[str, typer.Option(help="Whose law sets the dates.")] = "us-mn",
    timezone: Annotated[str, typer.Option(help="The city's time zone.")] = "America/Chicago",
    key: Annotated[Path | None, typer.Option(help="Master key file, read or made; best on another disk.")] = None,
    database: Annotated[str | None, typer.Option(help="SQLAlchemy URL of the facts (default: SQLite in DIR).")] = None,
    for_tests: Annotated[
        bool, typer.Option("--for-tests", help="Honour ARCHIVER_TEST_NOW; every certificate says so.")
    ] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Make an archive."""
    from archiver.operate.initialise import initialise

    city = City(name or folder.resolve().name, jurisdiction, timezone, for_tests=for_tests)
    made = initialise(folder, city, key_file=key, database=database)
    if json:
        output.as_json(
            "init/1", {"archive": str(made.folder), "key": str(made.key_file), "administrator": made.administrator}
        )
        return
    output.data(f"Made the archive of {city.name} in {made.folder}.")
    output.talk(f"You ({made.administrator}) are its first administrator, clerk and records officer.")
    output.talk(
        f"Its key is {made.key_file}: copy it to a safe place apart from the archive. Without it nothing can be read."
    )
