"""`archiver schedule`: retention schedules, what is confirmed of them, and classification rules."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from archiver.cli import output, schedule_changes, schedule_trial
from archiver.cli.opened import DAY, JSON, actor_of, day, opened

app = typer.Typer(help="Retention schedules and classification rules.", no_args_is_help=True, add_completion=False)

NOTIFIED = typer.Option(formats=DAY, help="The day on which the State Archives were told.")


@app.command("list")
def list_(context: typer.Context, json: Annotated[bool, JSON] = False) -> None:
    """List the published editions and those that the city adopted."""
    from archiver.retain.series import adopted_schedules, all_series, published

    with opened(context) as archive, archive.reading() as session:
        adopted = {row["edition"]: row for row in adopted_schedules(session)}
        held = [one.schedule_id for one in all_series(session) if not one.ended]
        own = archive.city.jurisdiction
    names = {row["id"]: edition for edition, row in adopted.items()}
    rows = [
        _edition(one.id, one.jurisdiction, one.title, len(one.series), adopted.get(one.id), names)
        for one in sorted(published(), key=lambda one: (one.jurisdiction != own, one.id))
    ]
    shown = {row["edition"] for row in rows}
    rows += [
        _edition(edition, row["jurisdiction"], row["title"], held.count(row["id"]), row, names)
        for edition, row in adopted.items()
        if edition not in shown
    ]
    if json:
        output.as_json("schedules/1", {"schedules": rows})
    else:
        headings = ("edition", "jurisdiction", "title", "series", "adopted", "State Archives told", "superseded by")
        output.table(headings, [tuple(row.values()) for row in rows])


def _edition(
    edition: str, jurisdiction: str, title: str, series: int, row: dict[str, Any] | None, names: dict[int, str]
) -> dict[str, Any]:
    return {
        "edition": edition,
        "jurisdiction": jurisdiction,
        "title": title,
        "series": series,
        "adopted_on": row["adopted_on"] if row else None,
        "notified_on": row["notified_on"] if row else None,
        "superseded_by": names.get(row["superseded_by"]) if row else None,
    }


@app.command()
def show(
    context: typer.Context,
    edition: str,
    every: Annotated[bool, typer.Option("--all", help="Series of the past too.")] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Show the series of an edition: as the city adopted it, else as it is published."""
    from archiver.retain.series import find_schedule, series_of

    with opened(context) as archive, archive.reading() as session:
        adopted = find_schedule(session, edition) is not None
        found = [one for one in series_of(session, edition) if every or not one.ended]
        rows = list(_rows(archive, found, "" if adopted else f"{edition}:"))
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


def _rows(archive: Any, series: Iterable[Any], prefix: str) -> Iterable[dict[str, Any]]:
    from archiver.retain.dates import due_date

    for one in series:
        rule = due_date(one, None, archive.city.fiscal_year_end)
        yield {
            "key": one.key.removeprefix(prefix),
            "code": one.code,
            "title": one.title,
            "retention_text": one.retention_text,
            "period": f"{one.number} {one.unit.value}" if one.number is not None and one.unit else one.period_kind,
            "trigger": one.trigger,
            "action": one.action,
            "confirmed": one.confirmed,
            "ready": rule.ready,
            "why": None if rule.ready else rule.explanation,
            "keep_threads": one.keep_threads,
            "ended": one.ended,
        }


@app.command()
def adopt(
    context: typer.Context,
    edition: str,
    on: Annotated[datetime, typer.Option(formats=DAY, help="The day on which the city adopted it.")],
    notified: Annotated[datetime | None, NOTIFIED] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Adopt a published edition as the city's own."""
    from archiver.retain.series import adopt as adopt_edition

    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            count = adopt_edition(archive, session, actor, edition, on.date(), notified_on=day(notified))
    if json:
        fields = {"edition": edition, "adopted_on": on.date(), "notified_on": day(notified), "series": count}
        output.as_json("schedule-adopted/1", fields)
    else:
        output.data(f"Adopted {edition} with {count} series. `archiver schedule check` says what is to be confirmed.")


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Rules (TOML) or a schedule (TOML, XLSX, CSV).")],
    on: Annotated[datetime | None, typer.Option(formats=DAY, help="The day on which the city adopted it.")] = None,
    notified: Annotated[datetime | None, NOTIFIED] = None,
    edition: Annotated[str | None, typer.Option(help="The id of the schedule, such as city-2026.")] = None,
    title: Annotated[str | None, typer.Option(help="Its title.")] = None,
    columns: Annotated[list[str] | None, typer.Option("--map", metavar="COLUMN=FIELD", help="Whose heading.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be read; change nothing.")] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Take classification rules or the city's own schedule from a file: all of it, or nothing where a row is wrong."""
    from archiver.retain.schedules_own import is_schedule

    schedule = is_schedule(file)
    with opened(context) as archive:
        if schedule:
            _import_schedule(archive, file, (edition, title, columns or ()), (on, notified), dry_run, json)
        else:
            _import_rules(archive, file, dry_run, json)


def _import_rules(archive: Any, file: Path, dry_run: bool, json: bool) -> None:
    from archiver.retain.rules import import_rules, read_rules, rules_to_try

    actor = actor_of(archive)
    if dry_run:
        with archive.reading() as session:
            count = len(rules_to_try(session, read_rules(file)))
    else:
        with archive.unit() as session:
            count = import_rules(archive, session, actor, file)
    if json:
        output.as_json("rules-imported/1", {"rules": count, "dry_run": dry_run})
    elif dry_run:
        output.data(f"{count} classification rules can be read; nothing was changed.")
    else:
        output.data(f"{count} classification rules are in force, in the file's order.")


def _import_schedule(
    archive: Any, file: Path, named: tuple[Any, Any, Any], days: tuple[Any, Any], dry_run: bool, json: bool
) -> None:
    from archiver.retain.schedules_own import import_own, read_own

    actor = actor_of(archive)
    own = read_own(file, edition=named[0], title=named[1], columns=named[2])
    if not dry_run:
        with archive.unit() as session:
            import_own(archive, session, actor, own, adopted_on=day(days[0]), notified_on=day(days[1]))
    if json:
        shown = ("key", "code", "title", "retention_text", "period_kind", "number", "unit", "trigger", "action")
        rows = [{name: one[name] for name in shown} for one in own.series]
        fields = {"edition": own.id, "title": own.title, "dry_run": dry_run, "unread": own.unread, "series": rows}
        output.as_json("schedule-imported/1", fields)
        return
    headings = ("series", "title", "as written", "read as", "counts from", "then")
    output.table(
        headings,
        [
            (one["key"], one["title"], one["retention_text"], _read(one), one["trigger"], one["action"])
            for one in own.series
        ],
    )
    output.talk(f"{len(own.series)} series; the periods of {len(own.unread)} are not understood and stay unknown.")
    output.talk("Nothing was changed." if dry_run else "Nothing of it is relied on until `archiver schedule confirm`.")


def _read(one: Any) -> str:
    return f"{one['number']} {one['unit']}" if one["number"] is not None else str(one["period_kind"])


@app.command()
def confirm(
    context: typer.Context,
    series: Annotated[str, typer.Argument(help="The series' key or code.")],
    edition: Annotated[str, typer.Option(help="Where title, period and trigger stand: the edition.")],
    page: Annotated[str | None, typer.Option(help="The page.")] = None,
    period: Annotated[str | None, typer.Option(help="The period as written there.")] = None,
    notified: Annotated[datetime | None, NOTIFIED] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Confirm title, period and trigger of a series, as read in the schedule; its records then get their dates."""
    from archiver.retain.schedules import Reading
    from archiver.retain.schedules import confirm as confirm_series

    reading = Reading(edition, page, period, day(notified))
    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            done = confirm_series(archive, session, actor, series, reading)
    if json:
        fields = {"edition": edition, "page": page, "period": period, "notified_on": day(notified)}
        output.as_json(
            "series-confirmed/1", {"series": done.key, **fields, "dated": done.dated, "waiting": done.waiting}
        )
        return
    output.data(f"{done.key} is confirmed. {done.dated} records have a date now.")
    if done.waiting:
        output.data(f"{done.waiting} records wait for a second person: an earlier tag promised a later date.")
        output.talk("`archiver schedule move --approve-login LOGIN --reason TEXT` gives them the date.")


@app.command()
def check(context: typer.Context, json: Annotated[bool, JSON] = False) -> None:
    """Say which periods are not confirmed, what waits for a second person, and how many records have no rule."""
    from archiver.retain.check import check as check_schedule

    with opened(context) as archive, archive.reading() as session:
        found = check_schedule(archive, session)
    if json:
        output.as_json("schedule-check/1", {**found, "unmatched": [f"R{one}" for one in found["unmatched"]]})
        return
    output.table(
        ("series", "title", "records", "why"),
        [(row["series"], row["title"], row["records"], row["why"]) for row in found["waiting"]],
    )
    for row in found["ended"]:
        after = f"wait to be moved to {row['replaced_by']}" if row["replaced_by"] else "have no series in its place"
        output.data(f"{row['records']} records of {row['series']}, which has ended, {after}.")
    for row in found["second_person"]:
        output.data(f"{row['records']} records of {row['series']} wait for a second person: their date became earlier.")
    if found["second_person"] or any(row["replaced_by"] for row in found["ended"]):
        output.talk("`archiver schedule move` moves them; what becomes shorter needs --approve-login.")
    output.talk(f"{found['records_waiting']} records wait for a period that can be relied on.")
    output.talk(f"{found['without_rule']} records fit no rule and are kept until they have a series.")


schedule_changes.add_to(app)
schedule_trial.add_to(app)
