"""`archiver dispose`: the commands of deciding what goes: due, propose, answer, approve, halt, report."""

from pathlib import Path
from typing import Annotated, Any

import typer

from archiver.cli import output
from archiver.cli.opened import JSON, actor_of, number, numbers, opened
from archiver.errors import UsageError
from schema.disposal_vocab import DispositionAnswer

Number = Annotated[str, typer.Argument(metavar="D3", help="The disposition.")]
Reason = Annotated[str, typer.Option(help="Why; kept sealed with the act.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to `archiver dispose`."""
    app.command("list")(list_)
    for command in (due, propose, show, answer, clear, approve, withdraw, halt, report):
        app.command()(command)


def due(
    context: typer.Context,
    series: Annotated[str | None, typer.Option(help="Only this series.")] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Say what is due today, by series: how many could be proposed, are held, or wait for something."""
    from archiver.dispose.proposal import IN_WORDS, due_by_series
    from archiver.retain.series import find_series

    with opened(context) as archive, archive.reading() as session:
        key = find_series(session, series).key if series else None
        rows = due_by_series(archive, session, key)
    if json:
        output.as_json("dispose-due/1", {"series": rows, "due": sum(row["due"] for row in rows)})
        return

    def words(counts: dict[str, int]) -> str:
        return "; ".join(f"{count} {IN_WORDS[why]}" for why, count in counts.items())

    output.table(
        ("series", "title", "then", "due", "held", "cannot be proposed", "of the due, wait", "bytes", "from", "to"),
        [
            (
                *(row[name] for name in ("series", "title", "action", "due", "held")),
                *(words(row["waiting"]), words(row["then_waiting"]), row["bytes"], row["oldest"], row["newest"]),
            )
            for row in rows
        ],
    )
    if not rows:
        output.talk("Nothing is due. `archiver schedule check` says which periods nobody has confirmed yet.")


def propose(
    context: typer.Context,
    series: Annotated[str, typer.Argument(help="The series' key or code.")],
    reason: Reason = "",
    transfer: Annotated[bool, typer.Option("--transfer", help="Give them to the archives instead.")] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Propose all due records of a series; nothing goes before others answer and approve."""
    from archiver.dispose.proposal import IN_WORDS
    from archiver.dispose.proposal import propose as propose_series
    from schema.disposal_vocab import DispositionKind

    kind = DispositionKind.TRANSFER if transfer else DispositionKind.DESTROY
    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            new = propose_series(archive, session, actor, series, kind=kind, reason=reason)
    exceptions = {why.value: count for why, count in new.exceptions.items()}
    if json:
        fields = {"id": f"D{new.id}", "kind": kind, "state": "proposed", "records": new.records}
        output.as_json("disposition/1", {**fields, "exceptions": exceptions})
        return
    output.data(f"D{new.id} proposes {new.records} records.")
    for why, count in new.exceptions.items():
        output.talk(f"Not taken up: {count} {IN_WORDS[why]}.")
    output.talk(f"Next: `archiver dispose answer D{new.id}` for the departments, `archiver dispose approve D{new.id}`.")


def list_(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Certified and withdrawn ones too.")] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """List the dispositions under way."""
    from archiver.dispose.show import list_dispositions

    with opened(context) as archive, archive.reading() as session:
        rows = list_dispositions(session, ended=every)
    if json:
        output.as_json("dispositions/1", {"dispositions": rows})
        return
    shown = ("id", "kind", "state", "series", "records", "left", "destroyed", "executable_on", "certificate")
    output.table(shown, [[row[name] for name in shown] for row in rows])


def show(
    context: typer.Context,
    disposition: Number,
    records: Annotated[bool, typer.Option("--records", help="Every record and exception too.")] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Show a disposition: who did what, what left and why, and what executing it would do now."""
    from archiver.dispose.show import show as show_disposition

    with opened(context) as archive, archive.reading() as session:
        fields = show_disposition(archive, session, disposition, records=records)
    if json:
        output.as_json("disposition/1", fields)
    else:
        _tell(fields)


def _tell(fields: dict[str, Any]) -> None:
    from archiver.dispose.proposal import IN_WORDS

    plain = {name: value for name, value in fields.items() if not isinstance(value, (dict, list)) and value is not None}
    output.table(("", ""), list(plain.items()))
    output.data("answers: " + ", ".join(f"{name} {count}" for name, count in fields["answers"].items()))
    for one in fields["approvals"]:
        output.data(
            f"approved: step {one['step']}, {one['person']}{', deputy' if one['as_deputy'] else ''}, {one['at']}"
        )
    for one in fields["clearances"]:
        output.data(f"cleared: {one['hold']} by {one['person']}: {one['reason']}")
    for why, count in fields["exceptions"].items():
        output.data(f"not in it: {count} {IN_WORDS[why]}")
    if fields["now"]:
        output.data(f"executed now: {fields['now']['would_go']} records would go")
        for why, count in fields["now"]["would_leave"].items():
            output.data(f"would leave first: {count} {IN_WORDS[why]}")
        for one in fields["now"]["refusals"]:
            output.data(f"refused: {one['reason']}. {one['action']}")
    if "listed" in fields:
        for part in ("listed", "excepted"):
            output.table(list(next(iter(fields[part]), {})), [list(one.values()) for one in fields[part]])


def answer(
    context: typer.Context,
    disposition: Number,
    given: Annotated[DispositionAnswer, typer.Argument(metavar="destroy|retain", help="Retain always wins.")],
    reason: Reason,
    records: Annotated[str | None, typer.Option(metavar="R1,R2", help="For these records.")] = None,
    every: Annotated[bool, typer.Option("--all", help="For all that is not decided.")] = False,
    department: Annotated[str | None, typer.Option(help="For the records of this department.")] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Answer for records, at any time before they are destroyed; retained ones leave at once and for good."""
    from archiver.dispose import answers
    from archiver.dispose.batches import find

    if [records is not None, every, department is not None].count(True) != 1:
        raise UsageError(problem="say for which: --records R1,R2, --department NAME or --all")
    ids = numbers(records, "R") if records is not None else None
    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            one = find(session, disposition)["id"]
            count = answers.answer(
                archive, session, actor, one, given, records=ids, department=department, reason=reason
            )
    if json:
        output.as_json("disposition-answer/1", {"id": f"D{one}", "answer": given, "records": count})
    else:
        output.data(f"{count} records of D{one}: {given.value}.")


def clear(
    context: typer.Context,
    disposition: Number,
    hold: Annotated[str, typer.Option(metavar="H3", help="The preliminary hold of a request.")],
    reason: Reason,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Record why a request that is not searched yet cannot touch these records."""
    from archiver.dispose.answers import clear_hold
    from archiver.dispose.batches import find

    hold_id = number(hold, "H")
    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            one = find(session, disposition)["id"]
            clear_hold(archive, session, actor, one, hold_id, reason)
    if json:
        output.as_json("disposition-cleared/1", {"id": f"D{one}", "hold": f"H{hold_id}"})
    else:
        output.data(f"H{hold_id} no longer stops D{one}; records that join a hold still leave.")


def approve(
    context: typer.Context,
    disposition: Number,
    login: Annotated[str, typer.Option(help="Who approves: never who proposed.")],
    resolution: Annotated[str | None, typer.Option(help="The council's resolution number.")] = None,
    password_fd: Annotated[
        int | None, typer.Option(metavar="N", help="Read the approver's password from this file descriptor.")
    ] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Approve the next step with the approver's own password; the last one starts the cooling-off."""
    from archiver.cli.passwords import approver
    from archiver.dispose.approval import approve as approve_step
    from archiver.dispose.batches import find

    with opened(context) as archive:
        with archive.reading() as session:
            one = find(session, disposition)["id"]
        person = approver(archive, login, password_fd)
        with archive.unit() as session:
            done = approve_step(archive, session, person, one, resolution=resolution)
    state = "proposed" if done.executable_on is None else "approved"
    if json:
        fields = {"id": f"D{one}", "state": state, "step": done.step, "of": done.of}
        output.as_json("disposition-approval/1", {**fields, "executable_on": done.executable_on})
    elif done.executable_on is None:
        output.data(f"Step {done.step} of {done.of} of D{one} is approved by {person.name}.")
    else:
        output.data(f"D{one} is approved; it can be executed from {done.executable_on.isoformat()}.")


def withdraw(context: typer.Context, disposition: Number, reason: Reason, json: Annotated[bool, JSON] = False) -> None:
    """Withdraw a disposition of which nothing is destroyed."""
    from archiver.dispose.batches import find
    from archiver.dispose.proposal import withdraw as withdraw_disposition

    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            one = find(session, disposition)["id"]
            withdraw_disposition(archive, session, actor, one, reason)
    if json:
        output.as_json("disposition/1", {"id": f"D{one}", "state": "withdrawn"})
    else:
        output.data(f"D{one} is withdrawn; its records can be proposed again.")


def halt(
    context: typer.Context,
    reason: Reason,
    end: Annotated[bool, typer.Option("--end", help="Let dispositions go on again.")] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Stop every destruction at once, or with --end let it go on."""
    from archiver.dispose import halt as brake

    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            if end:
                holds = brake.resume(archive, session, actor, reason)
            else:
                holds = [brake.halt(archive, session, actor, reason)]
    named = [f"H{one}" for one in holds]
    if json:
        output.as_json("dispose-halt/1", {"halted": not end, "holds": named})
    elif end:
        output.data(f"Dispositions can be executed again ({', '.join(named)} lifted).")
    else:
        output.data(f"Every disposition is halted by {named[0]} until `archiver dispose halt --end`.")


def report(
    context: typer.Context,
    year: Annotated[int, typer.Option(help="The calendar year.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE.xlsx", help="Write it as a sheet.")] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """The year's report by series and department: destroyed, transferred, retained, held."""
    from archiver.dispose.report import COLUMNS, write_sheet
    from archiver.dispose.report import report as year_report

    if out is not None and (out.suffix.lower() != ".xlsx" or not out.parent.is_dir()):
        raise UsageError(problem=f"--out names a file in a folder that exists, ending in .xlsx; got {out}")
    with opened(context) as archive:
        with archive.reading() as session:
            lines = year_report(archive, session, year)
        if out is not None:
            write_sheet(lines, out, city=archive.city.name, year=year)
    if json:
        output.as_json("disposition-report/1", {"year": year, "lines": lines, "file": str(out) if out else None})
        return
    if out is not None:
        output.talk(f"Written: {out}")
    output.table([name.replace("_", " ") for name in COLUMNS], [[line[name] for name in COLUMNS] for line in lines])
