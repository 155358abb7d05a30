"""`archiver backup`: back up facts, keys and objects; list and remove backups."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archiver.cli import output
from archiver.cli.opened import JSON, actor_of, opened
from archiver.errors import UsageError

if TYPE_CHECKING:
    from archiver.access import Actor
    from archiver.archive import Archive
    from archiver.jobs.runner import Steps
    from archiver.operate.backup_expiry import Entry, Pruned

app = typer.Typer(add_completion=False)


@app.command()
def backup(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Argument(metavar="DIR", help="Folder of backups, on another disk.")] = None,
    keys: Annotated[
        Path | None, typer.Option(metavar="KEYDIR", help="Folder of the wrapped keys, on yet another disk.")
    ] = None,
    shown: Annotated[bool, typer.Option("--list", help="List the backups that were taken.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Remove the backups whose period has ended.")] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Back up facts, objects and wrapped keys while the archive is in use; list and remove backups."""
    if [folder is not None, shown, prune].count(True) != 1 or (keys is None) == (folder is not None):
        raise UsageError(problem="say where to: DIR and --keys KEYDIR, or one of --list and --prune alone")
    with opened(context) as archive:
        if shown:
            _list(archive, as_json=json)
        elif prune:
            _prune(archive, actor_of(archive), as_json=json)
        elif folder is not None and keys is not None:
            _take(archive, actor_of(archive), folder, keys, as_json=json)


def _take(archive: "Archive", actor: "Actor", folder: Path, keys: Path, *, as_json: bool) -> None:
    from archiver.clock import iso
    from archiver.jobs.runner import Ending, Step, run
    from archiver.operate.backup import JOB, Taken, backup_archive
    from schema.vocab import Outcome

    found: list[Taken] = []

    def act(stopped: Callable[[], bool]) -> "Steps":
        steps = backup_archive(archive, actor, folder, keys)
        for step in steps:
            yield Step(step.done, step.total, "rows" if step.stage in ("facts", "keys") else "objects")
            if step.taken is not None:
                found.append(step.taken)
            elif stopped():
                steps.close()  # type: ignore[attr-defined]  # a generator
                return None
        outcome = Outcome.OK if found[0].outcome == "ok" else Outcome.PARTIAL
        return Ending(outcome, {"records": found[0].manifest.records})

    with output.progress("backing up", "done") as advance:
        run(archive, JOB, act, actor_id=actor.id, show=lambda step: advance(step.done, step.total))
    taken = found[0]
    manifest = taken.manifest
    if as_json:
        fields = {
            "outcome": taken.outcome,
            "backup": taken.id,
            "place": str(taken.place),
            "keys_place": manifest.keys_place,
            "taken_at": iso(manifest.taken_at),
            "records": manifest.records,
            "objects": manifest.objects,
            "new_objects": taken.fresh,
            "missing_objects": manifest.missing_objects,
            "tombstones": manifest.tombstones,
            "holds": manifest.holds,
            "expires_on": taken.expires_on.isoformat(),
        }
        output.as_json("backup/1", fields)
    else:
        output.data(f"B{taken.id}: {manifest.records:,} records and {manifest.objects:,} objects in {taken.place}.")
        output.data(f"The wrapped keys are in {manifest.keys_place}: keep that disk elsewhere.")
        output.talk(f"The master key is not in it. This backup may be removed from {taken.expires_on} on.")
    if manifest.missing_objects:
        output.talk(f"{manifest.missing_objects} objects are missing in the archive itself: run `archiver verify`.")
        raise typer.Exit(3)


def _list(archive: "Archive", *, as_json: bool) -> None:
    from archiver.operate.backup_expiry import list_backups

    entries = list_backups(archive)
    if as_json:
        output.as_json("backups/1", {"backups": [_fields(one) for one in entries]})
        return
    words = {True: "there", False: "gone", None: "disk not mounted"}
    rows = [
        (f"B{one.id}", _when(archive, one), one.records, one.expires_on, words[one.there], one.place, one.keys_place)
        for one in entries
    ]
    output.table(("backup", "taken", "records", "expires", "seen", "facts", "keys"), rows)


def _when(archive: "Archive", one: "Entry") -> str:
    from archiver.clock import printed

    return printed(one.taken_at, archive.city.timezone)


def _fields(one: "Entry") -> dict[str, Any]:
    from dataclasses import asdict

    from archiver.clock import iso

    return asdict(one) | {"taken_at": iso(one.taken_at), "removed_at": iso(one.removed_at)}


def _prune(archive: "Archive", actor: "Actor", *, as_json: bool) -> None:
    from archiver.jobs.runner import Ending, Step, run
    from archiver.operate.backup import JOB
    from archiver.operate.backup_expiry import prune

    found: list[Pruned] = []

    def act(_stopped: Callable[[], bool]) -> "Steps":
        found.append(prune(archive, actor))
        yield Step(len(found[0].removed), unit="backups")
        return Ending(facts={"removed": len(found[0].removed)})

    run(archive, JOB, act, actor_id=actor.id)
    done = found[0]
    if as_json:
        fields = {
            "outcome": "partial" if done.unreachable or done.kept else "ok",
            "removed": [_fields(one) for one in done.removed],
            "objects": done.objects,
            "unreachable": [_fields(one) for one in done.unreachable],
            "kept": list(done.kept),
        }
        output.as_json("backup-prune/1", fields)
    else:
        output.data(f"Removed {len(done.removed)} backups and {done.objects} objects that no other backup needs.")
    for one in done.unreachable:
        output.talk(f"B{one.id} has expired, but its disk is not mounted: mount {one.place} and {one.keys_place}.")
    for text in done.kept:
        output.talk(f"The objects stay in {text}")
    if done.unreachable or done.kept:
        raise typer.Exit(3)
