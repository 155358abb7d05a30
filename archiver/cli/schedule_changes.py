"""`archiver schedule amend`, `supersede` and `move`: changing series, and moving their records in bulk."""

import shlex
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from archiver.cli import output
from archiver.cli.opened import DAY, JSON, actor_of, day, opened
from archiver.errors import UsageError
from schema.vocab import DispositionAction, Trigger

APPROVE = typer.Option("--approve-login", metavar="LOGIN", help="The second person, for periods that become shorter.")
PASSWORD = typer.Option("--password-fd", help="Read the second person's password from this file descriptor.")
DRY_RUN = typer.Option("--dry-run", help="Say what would change; change nothing.")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (amend, supersede, move):
        app.command()(command)


def amend(
    context: typer.Context,
    series: Annotated[str, typer.Argument(help="The series' key or code.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    title: Annotated[str | None, typer.Option(help="The new title.")] = None,
    period: Annotated[str | None, typer.Option(help='The new period, such as "3 years after case closed".')] = None,
    trigger: Annotated[Trigger | None, typer.Option(help="The event from which it counts.")] = None,
    action: Annotated[DispositionAction | None, typer.Option(help="What is done when it has run out.")] = None,
    statute: Annotated[str | None, typer.Option(help="The statute.")] = None,
    keep_threads: Annotated[
        bool | None, typer.Option("--keep-threads/--no-keep-threads", help="Keep a conversation together.")
    ] = None,
    approve_login: Annotated[str | None, APPROVE] = None,
    password_fd: Annotated[int | None, PASSWORD] = None,
    dry_run: Annotated[bool, DRY_RUN] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Change a series; it is unconfirmed until it is confirmed again, and no running period becomes shorter."""
    from archiver.retain.schedules import Amendment, amendable, amended
    from archiver.retain.schedules import amend as amend_series
    from archiver.retain.schedules_moving import Mover, Report

    wanted = Amendment(title, period, trigger, action, statute, keep_threads)
    with opened(context) as archive:
        actor, second = actor_of(archive), _second(archive, approve_login, password_fd)
        if dry_run:
            with archive.reading() as session:
                found = amendable(session, series)
                targets = {} if wanted.only_threads else {found.id: amended(found, wanted)}
                mover = Mover(archive, session, targets=targets, second=second)
            report = _followed(mover.look) if targets else Report()
        else:
            with archive.unit() as session:
                found = amendable(session, series)
                new = amend_series(archive, session, actor, series, wanted, reason, second=second)
            report = Report()
            if new is not None:
                with archive.reading() as session:
                    mover = Mover(archive, session, into=new, second=second)
                report = _followed(lambda: mover.move(actor, key_stays=True))
    fields = {"series_key": found.key, "dry_run": dry_run, "in_place": wanted.only_threads}
    if json:
        output.as_json("series-amended/1", {**fields, **_fields(report)})
        return
    done = "would be" if dry_run else "is"
    again = (
        ""
        if wanted.only_threads
        else f" It {done} relied on again after `archiver schedule confirm {shlex.quote(found.key)}`."
    )
    output.data(f"{found.key} {done} amended.{again}")
    _tell(report)


def supersede(
    context: typer.Context,
    old: Annotated[str, typer.Argument(metavar="OLD", help="The edition that ends.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The edition in its place.")],
    on: Annotated[datetime, typer.Option(formats=DAY, help="The day on which the city adopted the new one.")],
    crosswalk: Annotated[Path, typer.Option(metavar="FILE", help="TOML, XLSX or CSV: old, new, reason.")],
    notified: Annotated[
        datetime | None, typer.Option(formats=DAY, help="The day on which the State Archives were told.")
    ] = None,
    approve_login: Annotated[str | None, APPROVE] = None,
    password_fd: Annotated[int | None, PASSWORD] = None,
    dry_run: Annotated[bool, DRY_RUN] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Put another edition in the place of an adopted one, and move the records by a crosswalk."""
    from archiver.retain.crosswalk import count_left, read_crosswalk
    from archiver.retain.crosswalk import supersede as supersede_edition
    from archiver.retain.schedules_moving import Mover

    with opened(context) as archive:
        actor, second = actor_of(archive), _second(archive, approve_login, password_fd)
        if dry_run:
            with archive.reading() as session:
                crossing = read_crosswalk(session, old, new, crosswalk)
                mover = Mover(archive, session, targets=crossing.targets, second=second)
            report = _followed(mover.look)
        else:
            with archive.unit() as session:
                crossing = supersede_edition(
                    archive,
                    session,
                    actor,
                    old,
                    new,
                    crosswalk,
                    on=on.date(),
                    notified_on=day(notified),
                    second=second,
                )
            with archive.reading() as session:
                mover = Mover(archive, session, targets=crossing.targets, second=second)
            report = _followed(lambda: mover.move(actor))
        with archive.reading() as session:
            left = count_left(session, crossing)
    fields = {"old": old, "new": new, "dry_run": dry_run, "pairs": len(crossing.pairs)}
    if json:
        without = [{"series": key, "records": count} for key, count in left.items()]
        output.as_json("schedule-superseded/1", {**fields, **_fields(report), "without_counterpart": without})
        return
    output.data(f"{new} {'would take' if dry_run else 'takes'} the place of {old}.")
    _tell(report)
    for key, count in left.items():
        if count:
            output.data(f"{count} records of {key} have no counterpart: they keep their series and are never due.")


def move(
    context: typer.Context,
    reason: Annotated[str | None, typer.Option(help="Why; asked for with a second person.")] = None,
    approve_login: Annotated[str | None, APPROVE] = None,
    password_fd: Annotated[int | None, PASSWORD] = None,
    dry_run: Annotated[bool, DRY_RUN] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Go on moving records of ended series; with a second person also those whose period becomes shorter."""
    from archiver.retain.schedules_moving import Mover, note_move

    if approve_login is not None and not reason:
        raise UsageError(problem="a period becomes shorter for a reason: --reason TEXT")
    with opened(context) as archive:
        actor, second = actor_of(archive), _second(archive, approve_login, password_fd)
        with archive.reading() as session:
            mover = Mover(archive, session, second=second)
        if dry_run:
            report = _followed(mover.look)
        else:
            with archive.unit() as session:
                note_move(archive, session, actor, second, reason)
            report = _followed(lambda: mover.move(actor))
    if json:
        output.as_json("schedule-moved/1", {"dry_run": dry_run, **_fields(report)})
    else:
        _tell(report)


def _second(archive: Any, login: str | None, descriptor: int | None) -> Any:
    """The second person, proven by the own password; None where nobody is named."""
    if login is None:
        return None
    from archiver.cli.passwords import approver

    return approver(archive, login, descriptor)


def _followed(steps: Callable[[], Iterator[Any]]) -> Any:
    """Carry out a move with progress; interrupted, it goes on with `schedule move`."""
    from archiver.jobs.runner import Interrupted, stopping

    report = None
    with stopping() as wish, output.progress("moving", "records") as advance:
        for report in steps():
            advance(report.total("records"))
            if wish.asked:
                raise Interrupted
    return report


COUNTS = ("records", "moved", "longer", "unchanged", "shorter", "waiting")


def _fields(report: Any) -> dict[str, Any]:
    lines = [
        {"old": one.old, "new": one.new, **{count: getattr(one, count) for count in COUNTS}}
        for one in report.lines.values()
    ]
    return {
        **{count: report.total(count) for count in COUNTS},
        "series": lines,
        "waiting_records": [f"R{one}" for one in report.named],
    }


def _tell(report: Any) -> None:
    rows = [(one.old, one.new, *(getattr(one, count) for count in COUNTS)) for one in report.lines.values()]
    if rows:
        output.table(("old series", "new series", *COUNTS), rows)
    if waiting := report.total("waiting"):
        some = ", ".join(f"R{one}" for one in report.named)
        output.data(f"{waiting} records keep their tag and wait for a second person, as it would be shorter: {some}")
        output.talk("`archiver schedule move --approve-login LOGIN --reason TEXT` moves them.")
