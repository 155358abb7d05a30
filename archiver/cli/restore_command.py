"""`archiver restore`: make a new archive from a backup, and confirm it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from archiver.cli import output
from archiver.cli.opened import JSON, actor_of, opened

if TYPE_CHECKING:
    from archiver.archive import Archive
    from archiver.operate.restore import Restored
    from archiver.operate.restore_confirm import Pending

_DEFAULT = "from"


class _Group(TyperGroup):
    """`restore BACKUP ...` is short for `restore from BACKUP ...`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the sub-command in where none is named."""
        if args and args[0] not in self.commands and args[0] != "--help":
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(help="Make a new archive from a backup, and confirm it.", no_args_is_help=True, cls=_Group)


@app.callback()
def options() -> None:
    """Make a new archive from a backup, and confirm it."""


@app.command(_DEFAULT)
def restore(
    backup: Annotated[Path, typer.Argument(metavar="BACKUP", help="The folder of one backup.")],
    keys: Annotated[Path, typer.Option(metavar="KEYDIR", help="The folder with its wrapped keys.")],
    into: Annotated[Path, typer.Option(metavar="NEWDIR", help="The new archive's folder; it must not exist.")],
    key: Annotated[Path | None, typer.Option(metavar="FILE", help="The master key of that time.")] = None,
    newer_list: Annotated[
        Path | None, typer.Option(metavar="FILE", help="list.jsonl of a later backup: what was destroyed since.")
    ] = None,
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="An empty PostgreSQL database (else SQLite in the folder).")
    ] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Make a new archive from a backup; it destroys nothing until `archiver restore confirm`."""
    from archiver.operate.restore import Wanted, restore_archive

    result = None
    with output.progress("restoring", "done") as advance:
        for step in restore_archive(Wanted(backup, keys, into, key, newer_list, database)):
            advance(step.done, step.total)
            result = step.result
    assert result is not None
    if json:
        output.as_json("restore/1", _fields(result))
        return
    manifest, applied = result.manifest, result.applied
    output.data(f"Restored {manifest.records:,} records of {manifest.city} into {result.folder}.")
    output.talk(f"{applied.stay_destroyed} records of the backup were destroyed since, and stay so.")
    if applied.holds:
        output.talk(f"Placed again: {', '.join(f'H{one}' for one in applied.holds)}.")
    output.talk(
        "The search index is not in a backup: make it with `archiver index rebuild`, then run `archiver verify`."
    )
    output.talk("Nothing is destroyed until a records officer runs `archiver restore confirm --reason TEXT`.")


def _fields(result: "Restored") -> dict[str, Any]:
    from archiver.clock import iso

    applied = result.applied
    return {
        "outcome": "ok",
        "folder": str(result.folder),
        "taken_at": iso(result.manifest.taken_at),
        "list_taken_at": iso(result.list_taken_at),
        "records": result.manifest.records,
        "stay_destroyed": applied.stay_destroyed,
        "expunged": applied.expunged,
        "holds": list(applied.holds),
        "asking": list(applied.asking),
        "lifted_since": list(applied.lifted_since),
        "members_lost": applied.members_lost,
        "lost_numbers": dict(result.lost_numbers),
        "confirmed": False,
    }


@app.command()
def confirm(
    context: typer.Context,
    reason: Annotated[
        str | None, typer.Option(help="How you know that tombstones and holds are complete; without it: show only.")
    ] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Confirm a restored archive, so that it may destroy again; shows what is confirmed."""
    from archiver.operate.restore_confirm import confirm as run
    from archiver.operate.restore_confirm import pending

    with opened(context) as archive:
        if reason is None:
            with archive.reading() as session:
                waiting = pending(session)
        else:
            actor = actor_of(archive)
            with archive.unit() as session:
                waiting = run(archive, session, actor, reason)
        if json:
            output.as_json(
                "restore-confirm/1",
                {"confirmed": reason is not None, "restores": [_shown(one) for one in waiting]},
            )
            return
        for one in waiting:
            _tell(archive, one)
    if reason is not None:
        output.data("Confirmed: dispositions may go on.")
    elif waiting:
        output.talk("Nothing is confirmed yet. A records officer does it with --reason TEXT.")
    else:
        output.data("No restore waits for a confirmation.")


def _shown(one: "Pending") -> dict[str, Any]:
    from dataclasses import asdict

    from archiver.clock import iso

    times = ("backup_taken_at", "restored_at", "list_taken_at")
    return asdict(one) | {name: iso(getattr(one, name)) for name in times}


def _tell(archive: "Archive", one: "Pending") -> None:
    from archiver.clock import printed

    zone = archive.city.timezone
    output.data(f"Backup of {printed(one.backup_taken_at, zone)}, restored {printed(one.restored_at, zone)}:")
    output.data(
        f"  {one.records:,} records; {one.tombstones:,} were destroyed, {one.stay_destroyed:,} after the backup."
    )
    output.data(f"  Destructions and holds are known up to {printed(one.list_taken_at, zone)}, later ones are not.")
    if one.newest_record_id > one.last_record_id:
        output.data(
            f"  Lost: records R{one.last_record_id + 1} to R{one.newest_record_id}; collect their sources again."
        )
    for name, (first, last) in one.numbers.items():
        output.data(f"  Lost: the numbers {first} to {last} of {name.replace(':', ' ')}.")
    if one.members_lost:
        output.data(f"  Lost: {one.members_lost:,} held records that the backup did not have.")
    if not one.holds:
        output.data("  No live hold.")
    for hold in one.holds:
        again = "; its question is lost, place it again" if hold.asking else ""
        again += "; lifted after the backup, lift it again" if hold.lifted_since else ""
        output.data(f"  H{hold.id} {hold.kind}, {hold.members:,} records: {hold.matter}{again}")
