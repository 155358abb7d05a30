"""`archiver schedule`: retention schedules, what is confirmed of them, and classification rules."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from archiver.cli import output
from archiver.cli.opened import DAY, JSON, actor_of, opened

app = typer.Typer(help="Retention schedules and classification rules.", no_args_is_help=True, add_completion=False)


@app.command("list")
def list_(context: typer.Context, json: Annotated[bool, JSON] = False) -> None:
    """List the published editions and those that the city adopted."""
    from archiver.retain.series import adopted_schedules, published

    with opened(context) as archive, archive.reading() as session:
        adopted = {row["edition"]: row for row in adopted_schedules(session)}
        own = archive.city.jurisdiction
    rows = [
        {
            "edition": one.id,
            "jurisdiction": one.jurisdiction,
            "title": one.title,
            "series": len(one.series),
            "adopted_on": adopted[one.id]["adopted_on"] if one.id in adopted else None,
        }
        for one in sorted(published(), key=lambda one: (one.jurisdiction != own, one.id))
    ]
    if json:
        output.as_json("schedules/1", {"schedules": rows})
    else:
        output.table(("edition", "jurisdiction", "title", "series", "adopted"), [tuple(row.values()) for row in rows])


@app.command()
def show(context: typer.Context, edition: str, json: Annotated[bool, JSON] = False) -> None:
    """Show the series of an edition: as the city adopted it, else as it is published."""
    with opened(context) as archive:
        rows, adopted = _series_of(archive, edition)
    if json:
        output.as_json("schedule/1", {"edition": edition, "adopted": adopted, "series": rows})
        return
    if not adopted:
        output.talk(f"Not adopted; the city adopts it with `archiver schedule adopt {edition} --on DATE`.")
    headings = ("series", "title", "as printed", "period", "counts from", "then", "relied on")
    shown = ("key", "title", "retention_text", "period", "trigger", "action")
    output.table(
        headings,
        [(*(r[key] for key in shown), "yes" if r["ready"] else r["why"]) for r in rows],
    )


def _series_of(archive: Any, edition: str) -> tuple[list[dict[str, Any]], bool]:
    from archiver.errors import NotFound
    from archiver.retain.series import adopted_schedules, all_series, published

    with archive.reading() as session:
        if any(row["edition"] == edition for row in adopted_schedules(session)):
            prefix = f"{edition}:"
            mine = [one for one in all_series(session) if one.key.startswith(prefix)]
            return list(_rows(archive, mine)), True
    found = next((one for one in published() if one.id == edition), None)
    if found is None:
        raise NotFound(noun="schedule edition", name=edition)
    return list(_rows(archive, found.series)), False


def _rows(archive: Any, series: Iterable[Any]) -> Iterable[dict[str, Any]]:
    from archiver.retain.dates import due_date

    for one in series:
        rule = due_date(one, None, archive.city.fiscal_year_end)
        yield {
            "key": one.key,
            "code": one.code,
            "title": one.title,
            "retention_text": one.retention_text,
            "period": f"{one.number} {one.unit.value}" if one.number is not None and one.unit else one.period_kind,
            "trigger": one.trigger,
            "action": getattr(one, "action", None) or one.disposition,
            "confirmed": one.confirmed,
            "ready": rule.ready,
            "why": None if rule.ready else rule.explanation,
        }


@app.command()
def adopt(
    context: typer.Context,
    edition: str,
    on: Annotated[datetime, typer.Option(formats=DAY, help="The day on which the city adopted it.")],
    json: Annotated[bool, JSON] = False,
) -> None:
    """Adopt a published edition as the city's own."""
    from archiver.retain.series import adopt as adopt_edition

    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            count = adopt_edition(archive, session, actor, edition, on.date())
    if json:
        output.as_json("schedule-adopted/1", {"edition": edition, "adopted_on": on.date(), "series": count})
    else:
        output.data(f"Adopted {edition} with {count} series. `archiver schedule check` says what is to be confirmed.")


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A TOML file with [[rule]] tables (docs/commands.md).")],
    json: Annotated[bool, JSON] = False,
) -> None:
    """Make the classification rules of a file the rules in force; tags that exist stay."""
    from archiver.retain.rules import import_rules

    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            count = import_rules(archive, session, actor, file)
    if json:
        output.as_json("rules-imported/1", {"rules": count})
    else:
        output.data(f"{count} classification rules are in force, in the file's order.")


@app.command()
def confirm(
    context: typer.Context,
    series: Annotated[str, typer.Argument(help="The series' key or code.")],
    edition: Annotated[str, typer.Option(help="Where title, period and trigger stand: edition and page.")],
    json: Annotated[bool, JSON] = False,
) -> None:
    """Confirm title, period and trigger of a series, as read in the schedule; its records then get their dates."""
    from archiver.retain.series import confirm as confirm_series
    from archiver.retain.series import find_series

    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            confirm_series(archive, session, actor, series, edition)
            key = find_series(session, series).key
    if json:
        output.as_json("series-confirmed/1", {"series": key, "edition": edition})
    else:
        output.data(f"{key} is confirmed.")


@app.command()
def check(context: typer.Context, json: Annotated[bool, JSON] = False) -> None:
    """Say which periods are not confirmed, how many records wait for each, and how many have no rule."""
    from archiver.retain.check import check as check_schedule

    with opened(context) as archive, archive.reading() as session:
        found = check_schedule(archive, session)
    if json:
        output.as_json("schedule-check/1", found)
        return
    output.table(
        ("series", "title", "records", "why"),
        [(row["series"], row["title"], row["records"], row["why"]) for row in found["waiting"]],
    )
    output.talk(f"{found['records_waiting']} records wait for a period that can be relied on.")
    output.talk(f"{found['without_rule']} records fit no rule and are kept until they have a series.")
