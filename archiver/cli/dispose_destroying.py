"""`archiver dispose`: the commands of destroying what was approved, proof and certificate."""

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archiver.cli import output
from archiver.cli.opened import DAY, JSON, actor_of, day, number, opened
from archiver.errors import UsageError

if TYPE_CHECKING:
    from archiver.archive import Archive
    from archiver.jobs.runner import Act, Finished

Number = Annotated[str, typer.Argument(metavar="D3", help="The disposition.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to `archiver dispose`."""
    for command in (execute, certificate, paper):
        app.command()(command)


def execute(
    context: typer.Context,
    disposition: Number,
    expect_count: Annotated[
        int | None, typer.Option(help="Do it, if exactly so many records would go; without this nothing is done.")
    ] = None,
    clock_right: Annotated[
        str | None, typer.Option(metavar="REASON", help="Why date and time are right although the clock jumped.")
    ] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Say what would go; with --expect-count destroy it, prove it and issue the certificate."""
    from archiver.jobs.disposing import executing

    disposition_id = number(disposition, "D")
    with opened(context) as archive:
        if expect_count is None:
            _dry_run(archive, disposition_id, as_json=json)
            return
        actor = actor_of(archive)
        finished = _run(archive, executing(archive, actor, disposition_id, expect_count, clock_right), actor.id)
        _ended(archive, disposition_id, finished, as_json=json)


def _run(archive: "Archive", act: "Act", actor_id: int) -> "Finished":
    from archiver.jobs.disposing import JOB
    from archiver.jobs.runner import run

    with output.progress("destroying", "done") as advance:
        finished = run(archive, JOB, act, actor_id=actor_id, show=lambda step: advance(step.done, step.total))
    assert finished is not None, "a run by hand is ours or raises"
    return finished


def _ended(archive: "Archive", disposition_id: int, finished: "Finished", *, as_json: bool) -> None:
    from archiver.dispose.batches import row_of

    with archive.reading() as session:
        row = row_of(session, disposition_id)
    fields = {
        "outcome": finished.ending.outcome,
        "disposition": f"D{disposition_id}",
        "state": row["state"],
        "records": finished.ending.facts["records"],
        "level": row["level"],
        "certificate": row["certificate"],
        "waits": finished.ending.text,
        "run": finished.run_id,
    }
    if as_json:
        output.as_json("dispose-execute/1", fields)
        return
    output.data(f"D{disposition_id} is {row['state']}; {fields['records']:,} records were destroyed in this run.")
    if row["certificate"]:
        number = row["certificate"]
        output.data(f"Certificate {number}, proven to the level {row['level']}.")
        output.talk(f"`archiver dispose certificate {number} --out DIR` writes it with the state's destruction list.")
    elif row["state"] == "withdrawn":
        output.talk(f"No certificate: {finished.ending.text}.")
    else:
        output.talk(f"No certificate yet: {finished.ending.text}.")


def _dry_run(archive: "Archive", disposition_id: int, *, as_json: bool) -> None:
    from archiver.clock import iso
    from archiver.dispose import elsewhere
    from archiver.dispose.proposal import IN_WORDS
    from archiver.dispose.readiness import look

    with archive.reading() as session:
        ready = look(archive, session, disposition_id)
        remaining: dict[str, Any] = {
            "copies": elsewhere.copies(session, disposition_id),
            "productions": [dict(one) for one in elsewhere.productions(session, disposition_id)],
            "sources": [
                {**one, "last_seen": iso(one["last_seen"])} for one in elsewhere.live_sources(session, disposition_id)
            ],
            "backups": [
                {**one, "taken_at": iso(one["taken_at"]), "key_in_force": bool(one["key_in_force"])}
                for one in elsewhere.backups(session, archive.now())
            ],
        }
    leaving: dict[str, int] = {}
    words = {}
    for why in ready.leaving.values():
        leaving[why.value] = leaving.get(why.value, 0) + 1
        words[why.value] = IN_WORDS[why]
    if as_json:
        refusals = [{"reason": one.reason, "action": one.action} for one in ready.refusals]
        fields = {"disposition": f"D{disposition_id}", "records": ready.count, "leaving": leaving}
        output.as_json("dispose-dry-run/1", {**fields, "refusals": refusals, "remaining": remaining})
        return
    output.data(f"{ready.count:,} records of D{disposition_id} would be destroyed.")
    for name, count in leaving.items():
        output.data(f"Would leave first: {count:,} {words[name]}.")
    for name, label in (("copies", "series"), ("productions", "number"), ("sources", "name")):
        for one in remaining[name]:
            output.data(f"Remains elsewhere ({name}): {one['records']:,} in {one[label]}.")
    for one in remaining["backups"]:
        output.data(f"Remains elsewhere (backup): {one['place']}, taken {one['taken_at']}.")
    for one in ready.refusals:
        output.data(f"Refused now: {one.reason}. {one.action}")
    if not ready.refusals:
        output.talk(
            f"Nothing was done. To do it: archiver dispose execute D{disposition_id} --expect-count {ready.count}"
        )


def certificate(
    context: typer.Context,
    which: Annotated[str, typer.Argument(metavar="D3|C2026-1", help="The disposition or its certificate.")],
    out: Annotated[
        Path | None, typer.Option(help="A folder for certificate.json with its signature, the PDF and the sheet.")
    ] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Show a certificate, or write its files; issues it first where only that is missing."""
    from archiver.dispose.batches import find
    from archiver.dispose.certificates import read

    with opened(context) as archive:
        named: str | None = which.upper()
        if not re.fullmatch(r"C\d{4}-\d+", which.upper()):
            with archive.reading() as session:
                row = find(session, which)
            named = row["certificate"] or _issued(archive, row)
        if named is None:
            return
        with archive.reading() as session:
            body, signature, public_key = read(archive, session, named)
            written = _written(archive, session, named, out) if out is not None else []
    if json:
        signed = {"signature": signature.hex(), "public_key": public_key.hex()}
        output.as_json("dispose-certificate/1", {"certificate": body, **signed, "files": written})
        return
    output.data(f"{named}: {body['kind']} of {body['records']:,} records of {body['series']['title']}.")
    output.data(f"{body['statement']} Its signature is genuine.")
    for path in written:
        output.data(path)


def _issued(archive: "Archive", row: dict[str, Any]) -> str | None:
    """The certificate of a disposition that only waited for its proof; tells what it still waits for."""
    from archiver.dispose.batches import row_of
    from archiver.errors import Refused
    from archiver.jobs.disposing import concluding
    from schema.disposal_vocab import DispositionState

    if row["state"] not in (DispositionState.DESTROYED.value, DispositionState.PROVEN.value):
        raise Refused(
            reason=f"D{row['id']} is {row['state']}; there is no certificate before everything is gone and proven",
            action=f"`archiver dispose show D{row['id']}` tells what comes next.",
        )
    actor = actor_of(archive)
    finished = _run(archive, concluding(archive, actor, row["id"]), actor.id)
    with archive.reading() as session:
        issued: str | None = row_of(session, row["id"])["certificate"]
    if issued is None:
        raise Refused(reason=f"D{row['id']} is not proven yet", action=f"{finished.ending.text}.")
    return issued


def _written(archive: "Archive", session: Any, named: str, out: Path) -> list[str]:
    from archiver.dispose.certificate_files import write_files

    return [str(path) for path in write_files(archive, session, named, out)]


def paper(
    context: typer.Context,
    series: Annotated[str, typer.Argument(help="The series' key or code.")],
    description: Annotated[str, typer.Option(help="What it was.")],
    quantity: Annotated[str, typer.Option(help='How much, such as "2 boxes".')],
    destroyed_on: Annotated[datetime, typer.Option(formats=DAY, help="The day on which it was destroyed.")],
    first: Annotated[datetime | None, typer.Option("--from", formats=DAY, help="First day of the records.")] = None,
    last: Annotated[datetime | None, typer.Option("--until", formats=DAY, help="Last day of the records.")] = None,
    disposition: Annotated[str | None, typer.Option(metavar="D3", help="The disposition it is listed with.")] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Enter records on paper that were destroyed, for the state's destruction list."""
    from archiver.dispose.paper_lines import enter_paper

    when = day(destroyed_on)
    if when is None:
        raise UsageError(problem="say when it was destroyed")
    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            line = enter_paper(
                archive,
                session,
                actor,
                series,
                description=description,
                quantity=quantity,
                from_on=day(first),
                until_on=day(last),
                destroyed_on=when,
                disposition_id=None if disposition is None else number(disposition, "D"),
            )
    if json:
        output.as_json("dispose-paper/1", {"id": line, "disposition": disposition})
        return
    output.data(f"Entered line {line}.")
