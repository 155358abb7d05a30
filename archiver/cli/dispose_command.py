"""`archiver dispose`: due records on their way to destruction or transfer; its commands stand in three files."""

import typer

from archiver.cli import dispose_deciding, dispose_destroying, dispose_leaving

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def dispose() -> None:
    """Due records: propose, answer, approve, destroy or transfer, certify."""


for part in (dispose_deciding, dispose_destroying, dispose_leaving):
    part.add_to(app)
