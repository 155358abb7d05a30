"""`archiver tag`: the series of records, why, by whom; official copies and their duplicates."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from archiver.cli import output
from archiver.cli.choosing import PASSWORD, QUERY, SECOND, found, second_person
from archiver.cli.opened import JSON, actor_of, number, numbers, opened
from archiver.errors import UsageError

if TYPE_CHECKING:
    from archiver.retain.tagging_rules import Applied

app = typer.Typer(help="The series of a record, and why.", no_args_is_help=True, add_completion=False)


@app.command()
def explain(
    context: typer.Context,
    record: Annotated[str, typer.Argument(metavar="R12", help="The record.")],
    json: Annotated[bool, JSON] = False,
) -> None:
    """Say why a record is kept as long as it is."""
    from archiver.retain.holds import holds_of_record
    from archiver.retain.tags import explain as explain_tag

    record_id = number(record, "R")
    with opened(context) as archive, archive.reading() as session:
        told = explain_tag(archive, session, record_id)
        holds = [f"H{one}" for one in holds_of_record(session, record_id)]
    official = f"R{told['official']}" if told["official"] else None
    named = {
        "record": f"R{record_id}",
        "official": official,
        "duplicates": [f"R{one}" for one in told["duplicates"]],
        "thread": {**told["thread"], "id": f"T{told['thread']['id']}"} if told["thread"] else None,
        "holds": holds,
    }
    if json:
        output.as_json("tag/1", {**told, **named})
        return
    for line in _told({**told, **named}):
        output.data(line)


def _told(tag: dict[str, Any]) -> list[str]:
    """The explanation in sentences, a line each."""
    lines = [f'{tag["record"]}: {tag["series"]} ({tag["title"]}), kept as the schedule says: "{tag["retention_text"]}"']
    if edition := tag["edition"]:
        lines.append(f"Schedule {edition['edition']} ({edition['title']}), adopted on {edition['adopted_on']}.")
    if rule := tag["rule"]:
        where = f"Chosen by rule {rule['position']} of edition {rule['edition']}"
        lines.append(f"{where}: {rule['conditions']} {rule['reason']}".rstrip())
    elif tag["person"]:
        lines.append("Chosen by a person." if not tag["person_name"] else f"Chosen by a person: {tag['person_name']}.")
    else:
        lines.append("No rule fits; a records officer assigns a series.")
    if tag["second_person"]:
        lines.append(f"A longer period ran before; {tag['second_person']} approved the shorter one.")
    if tag["destroyed_at"]:
        return [*lines, f"Destroyed {tag['destroyed_at']}; `archiver record show {tag['record']}` shows what stays."]
    lines.append("It is kept, and never due." if tag["series"] == "unscheduled" else tag["explanation"])
    for event in tag["events"]:
        state = f", withdrawn {event['withdrawn_at']}" if event["withdrawn_at"] else ""
        lines.append(
            f"Event {event['trigger']} on {event['on']}: {event['by']}, recorded {event['recorded_at']}{state}."
        )
    if tag["official"]:
        lines.append(f"A duplicate; the official copy is {tag['official']}.")
    if tag["duplicates"]:
        lines.append(f"The official copy of {', '.join(tag['duplicates'])}.")
    if thread := tag["thread"]:
        last = f"the last is due on {thread['date']}" if thread["date"] else "not all of them have a date"
        lines.append(f"Kept together with its thread: {thread['records']} records, {last}.")
    if tag["holds"]:
        lines.append(f"Held by {', '.join(tag['holds'])}: it is not destroyed while a hold stands.")
    return lines


@app.command("set")
def set_(
    context: typer.Context,
    names: Annotated[
        list[str], typer.Argument(metavar="[R12,R13] SERIES", help="The records; the series' key or code.")
    ],
    reason: Annotated[str, typer.Option(help="Why this series.")],
    query: Annotated[str | None, QUERY] = None,
    approve_login: Annotated[str | None, SECOND] = None,
    password_fd: Annotated[int | None, PASSWORD] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Give records another series, all or none; a running period becomes shorter only with a second person."""
    from archiver.retain.tagging import set_series
    from archiver.retain.tags import explain as explain_tag

    *written, series = names
    listed = numbers(" ".join(written), "R")
    if bool(listed) == (query is not None):
        raise UsageError(problem="name the records and the series, or a search with --query and the series")
    with opened(context) as archive:
        actor = actor_of(archive)
        second = second_person(archive, approve_login, password_fd)
        ids = found(archive, query) if query is not None else listed
        with archive.unit() as session:
            done = set_series(archive, session, actor, ids, series, reason, second=second)
            tag = explain_tag(archive, session, ids[0]) if done.records == 1 else {}
    if done.records == 1:
        fields = {"record": f"R{ids[0]}", "series": series, "date": tag["date"], "explanation": tag["explanation"]}
        if json:
            output.as_json("tag/1", {**fields, "shortened": done.shortened})
        else:
            output.data(f"R{ids[0]} now belongs to {series}. {tag['explanation']}")
    elif json:
        counts = {"records": done.records, "shortened": done.shortened}
        output.as_json("tags-set/1", {"series": done.series, **counts})
    else:
        output.data(f"{done.records:,} records now belong to {done.series}; {done.shortened:,} are kept shorter.")


@app.command()
def apply(
    context: typer.Context,
    query: Annotated[str | None, QUERY] = None,
    every: Annotated[bool, typer.Option("--all", help="Every record.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    after: Annotated[str, typer.Option(metavar="R12", help="Go on behind that record.")] = "R0",
    reason: Annotated[str | None, typer.Option(help="Why, for the log.")] = None,
    approve_login: Annotated[str | None, SECOND] = None,
    password_fd: Annotated[int | None, PASSWORD] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Classify again, by the rules in force, what rules tagged earlier or no rule fitted; persons' choices stay."""
    from archiver.jobs.runner import run
    from archiver.jobs.tagging import JOB, Applying
    from archiver.retain.tagging_rules import apply_rules

    if every == (query is not None):
        raise UsageError(problem="choose --all or --query")
    behind = number(after, "R")
    with opened(context) as archive:
        actor = actor_of(archive)
        second = second_person(archive, approve_login, password_fd)
        ids = found(archive, query) if query is not None else None
        how: dict[str, Any] = {"reason": reason, "second": second, "dry_run": dry_run, "after": behind}
        act = Applying(lambda: apply_rules(archive, actor, ids, **how), approved=second is not None)
        with output.progress("applying the rules", "records") as advance:
            run(archive, JOB, act, actor_id=actor.id, show=lambda step: advance(step.done, step.total))
    _applied(act.state, dry_run=dry_run, approved=second is not None, as_json=json)


def _applied(state: "Applied", *, dry_run: bool, approved: bool, as_json: bool) -> None:
    changed = sum(state.changed.values())
    left = 0 if approved else state.shortened.count
    if as_json:
        output.as_json(
            "tags-applied/1",
            {
                "dry_run": dry_run,
                "records": state.done,
                "changed": changed,
                "series": dict(sorted(state.changed.items())),
                "shortened": state.shortened.count,
                "left": left,
                "named": state.shortened.named,
                "unread": state.unread,
                "last": f"R{state.last}",
            },
        )
        return
    output.table(("series", "records"), sorted(state.changed.items()))
    would = "would get" if dry_run else "got"
    output.talk(f"{changed:,} of {state.done:,} records {would} another series.")
    if left:
        output.talk(f"{left:,} would be kept shorter and stay as they are; that takes --approve-login LOGIN:")
        for line in state.shortened.named:
            output.talk(f"  {line}")
    if state.unread:
        output.talk(f"{state.unread:,} could not be read and stay as they are; see `archiver verify`.")


@app.command()
def official(
    context: typer.Context,
    record: Annotated[str, typer.Argument(metavar="R5", help="The official copy.")],
    reason: Annotated[str, typer.Option(help="Why this one.")],
    duplicates: Annotated[
        str | None, typer.Option(metavar="R6,R7", help="Its duplicates (else: all that are the same).")
    ] = None,
    series: Annotated[str | None, typer.Option(help="A series for the duplicates.")] = None,
    approve_login: Annotated[str | None, SECOND] = None,
    password_fd: Annotated[int | None, PASSWORD] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Name the official copy among records that are the same; the duplicates may get a series of their own."""
    from archiver.retain.copies import name_official

    record_id = number(record, "R")
    listed = None if duplicates is None else numbers(duplicates, "R")
    with opened(context) as archive:
        actor = actor_of(archive)
        second = second_person(archive, approve_login, password_fd)
        with archive.unit() as session:
            named = name_official(
                archive, session, actor, record_id, reason, duplicates=listed, series_key=series, second=second
            )
    names = [f"R{one}" for one in named.duplicates]
    given = named.series.series if named.series else None
    if json:
        output.as_json("official-copy/1", {"record": f"R{record_id}", "duplicates": names, "series": given})
    else:
        output.data(f"R{record_id} is the official copy of {', '.join(names)}.")
        if given:
            output.data(f"The duplicates now belong to {given}.")


@app.command()
def duplicates(
    context: typer.Context,
    record: Annotated[str, typer.Argument(metavar="R5", help="The record.")],
    json: Annotated[bool, JSON] = False,
) -> None:
    """List the records that are the same as one, or were named its duplicates."""
    from archiver.retain.copies import list_duplicates

    with opened(context) as archive, archive.reading() as session:
        rows = list_duplicates(session, number(record, "R"))
    shown = [
        {**row, "record": f"R{row['record']}", "official": f"R{row['official']}" if row["official"] else None}
        for row in rows
    ]
    if json:
        output.as_json("duplicates/1", {"duplicates": shown})
    else:
        output.table(("record", "same", "series", "due", "official copy"), [tuple(row.values()) for row in shown])
