"""`archiver schedule test`: what would happen to these records, and why."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from archiver.cli import output
from archiver.cli.opened import DAY, JSON, day, numbers, opened
from archiver.errors import UsageError


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("test")(try_out)


def try_out(
    context: typer.Context,
    records: Annotated[list[str] | None, typer.Argument(metavar="R1,R2", help="The records.")] = None,
    query: Annotated[str | None, typer.Option(help="Or what a search finds.")] = None,
    on: Annotated[datetime | None, typer.Option(formats=DAY, help="As if it were this day.")] = None,
    rules: Annotated[Path | None, typer.Option(metavar="FILE", help="As if these rules were in force.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many records to tell about.")] = 50,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Say what would happen to records, and why; nothing is changed."""
    from archiver.clock import city_date
    from archiver.retain.rules import read_rules, rules_to_try
    from archiver.retain.trial import outlook
    from archiver.search.answer import find_ids

    if bool(records) == (query is not None):
        raise UsageError(problem="name the records, or a search with --query")
    with opened(context) as archive:
        ids = numbers(" ".join(records), "R") if records else find_ids(archive, query or "")
        asked = day(on) or city_date(archive.now(), archive.city.timezone)
        with archive.reading() as session:
            tried = rules_to_try(session, read_rules(rules)) if rules is not None else None
            found = outlook(archive, session, sorted(set(ids))[:limit], on=asked, rules=tried)
    if json:
        output.as_json(
            "schedule-test/1", {"on": asked, "found": len(set(ids)), "records": [_fields(one) for one in found]}
        )
        return
    for one in found:
        _tell(one)
    output.talk(f"{len(found)} of {len(set(ids))} records, as if it were {asked.isoformat()}. Nothing was changed.")


def _fields(one: Any) -> dict[str, Any]:
    return {**asdict(one), "record": f"R{one.record}", "holds": [f"H{hold}" for hold in one.holds]}


def _tell(one: Any) -> None:
    if one.series is None:
        output.data(f"R{one.record}: {' '.join(one.waits_for)}")
        return
    instead = f", instead of {one.before}" if one.before else ""
    chosen = one.chosen_by if one.chosen_by == "no rule fits" else f"chosen by a {one.chosen_by}"
    output.data(f"R{one.record}: {one.series} ({one.title}){instead}, {chosen}.")
    if one.rule:
        apply = "" if one.rule["series"] == one.series or one.chosen_by == "person" else " (`archiver tag apply`)"
        output.data(f"  Rule {one.rule['position']} fits: {one.rule['series']}{apply}.")
    output.data(f"  {one.explanation}")
    if one.waits_for:
        for said in one.waits_for:
            if said != one.explanation:
                output.data(f"  Waits: {said}")
    else:
        output.data(f"  Nothing stops it: a records officer can propose it; the schedule says {one.action}.")
