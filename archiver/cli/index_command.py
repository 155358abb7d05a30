"""`archiver index`: how far the index has come, making it anew, choosing its engine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archiver.cli import output
from archiver.cli.opened import JSON, actor_of, opened
from archiver.errors import UsageError

if TYPE_CHECKING:
    from archiver.access import Actor
    from archiver.archive import Archive

app = typer.Typer(help="The search index: status, rebuild, choice of engine.", no_args_is_help=True)

WHOOSH_LIMIT = 200_000
"""Records beyond which Whoosh is too slow for daily work (measured: 1 s for a boolean question at 1,000,000)."""


@app.command()
def status(context: typer.Context, json: Annotated[bool, JSON] = False) -> None:
    """Say which engine is in use, how much it holds and what waits to be indexed."""
    from archiver.clock import iso
    from archiver.index.status import index_status

    with opened(context) as archive:
        found = index_status(archive)
    fields = {
        "engine": found.engine,
        "watermark": found.watermark,
        "indexed": found.indexed,
        "records": found.records,
        "waiting": found.waiting,
        "waiting_since": iso(found.waiting_since),
        "bytes": found.size,
        "rebuilding": found.rebuilding,
    }
    if json:
        output.as_json("index-status/1", fields)
        return
    output.data(f"Engine {found.engine}, up to change {found.watermark}, {found.size / 1e6:,.1f} MB on disk.")
    output.data(f"Indexed {found.indexed:,} of {found.records:,} records.")
    if found.waiting:
        output.data(
            f"{found.waiting:,} changes wait since {iso(found.waiting_since)}; the next collection indexes them."
        )
    if found.rebuilding:
        output.data("A new index is being made beside it.")


@app.command()
def rebuild(
    context: typer.Context,
    engine: Annotated[str | None, typer.Option(help="The engine to use from now on (fts5, whoosh).")] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Make the index anew from the records; searches use the old one until the new one is complete."""
    with opened(context) as archive:
        _rebuilt(archive, actor_of(archive), engine, as_json=json)


@app.command()
def use(
    context: typer.Context,
    engine: Annotated[str, typer.Argument(help="fts5 or whoosh.")],
    json: Annotated[bool, JSON] = False,
) -> None:
    """Change to another engine: its index is made first, while nobody else uses the archive."""
    from archiver.access import require
    from archiver.archive import Archive, find_folder
    from archiver.index.engines.registry import ENGINES
    from archiver.index.opening import chosen
    from schema.vocab import Role

    archive = Archive(find_folder(context.find_root().obj, Path.cwd()))
    try:
        actor = actor_of(archive)
        require(actor, Role.ADMINISTRATOR)
        if engine not in ENGINES:
            raise UsageError(problem=f"there is no engine {engine}; there are: {', '.join(ENGINES)}")
        with archive.database.exclusive("index use"):
            if chosen(archive).engine == engine:
                raise UsageError(problem=f"{engine} is in use already; `archiver index rebuild` makes its index anew")
            _rebuilt(archive, actor, engine, as_json=json)
    finally:
        archive.close()


def _rebuilt(archive: "Archive", actor: "Actor", engine: str | None, *, as_json: bool) -> None:
    from archiver.index.opening import chosen
    from archiver.jobs.indexing import JOB, rebuilding
    from archiver.jobs.runner import run

    with output.progress("rebuilding the index", "records") as advance:
        finished = run(
            archive,
            JOB,
            rebuilding(archive, engine),
            actor_id=actor.id,
            show=lambda step: advance(step.done, step.total),
        )
    assert finished is not None, "a run by hand is ours or raises"
    name, records = chosen(archive).engine, int(finished.ending.facts["records"])
    if as_json:
        output.as_json("index-rebuild/1", {"outcome": "ok", "engine": name, "records": records, "run": finished.run_id})
        return
    output.data(f"Indexed {records:,} records anew with {name}.")
    if name == "whoosh" and records > WHOOSH_LIMIT:
        output.talk(
            f"Whoosh is meant for up to {WHOOSH_LIMIT:,} records; `archiver index use fts5` answers much faster."
        )
