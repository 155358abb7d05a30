"""`archiver request`: data requests."""

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from archiver.cli import output
from archiver.cli.opened import JSON, actor_of, opened
from archiver.cli.words import chosen
from archiver.errors import ArchiverError, UsageError

app = typer.Typer(help="Data requests.", no_args_is_help=True)

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="The request, such as Q2026-14.")]


@app.command("open")
def open_(
    context: typer.Context,
    summary: Annotated[str, typer.Option(help="What was asked for, in a few words.")],
    received: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day of receipt (default: today).")
    ] = None,
    kind: Annotated[str, typer.Option(help="public, or subject: data about the requester himself.")] = "public",
    archive_: Annotated[
        str, typer.Option("--archive", help="Whether the archive may hold it: yes, no or unknown.")
    ] = "unknown",
    reason: Annotated[str | None, typer.Option(help="With --archive no: why.")] = None,
    requester: Annotated[str | None, typer.Option(help="Who asks; may be left out.")] = None,
    source: Annotated[list[str] | None, typer.Option(help="Narrow the preliminary hold to these sources.")] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Narrow it to records sent on or after this day.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Narrow it to records sent before this day.")
    ] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Log a request: its date explains itself, and its records are held from this moment."""
    from archiver.data_requests.register import open_request
    from archiver.retain.holds import Narrowing
    from archiver.sources.registry import find_source
    from schema.vocab import ArchiveInvolved, RequestKind

    with opened(context) as archive:
        actor = actor_of(archive)
        zone = archive.city.timezone
        with archive.unit() as session:
            sources = tuple(find_source(session, name).id for name in source or ())
            one = open_request(
                archive,
                session,
                actor,
                summary=summary,
                received_on=received.date() if received else None,
                kind=chosen(RequestKind, kind, "--kind"),
                involved=chosen(ArchiveInvolved, archive_, "--archive"),
                reason=reason,
                requester=requester,
                narrowing=Narrowing(sources, _start(since, zone), _start(until, zone)),
            )
    date, held = one.date, f"H{one.hold}" if one.hold else None
    if json:
        fields = {"id": one.number, "date": date.date, "nature": date.nature, "explanation": date.explanation}
        output.as_json("request/1", {**fields, "hold": held})
        return
    output.data(f"Opened {one.number}.")
    output.data(date.explanation)
    output.data(f"Hold {held} protects what it may touch." if held else "No hold: the archive is not involved.")


def _start(day: datetime | None, zone: str) -> int | None:
    from archiver.clock import start_of_day

    return start_of_day(day.date(), zone) if day else None


@app.command("list")
def list_(
    context: typer.Context,
    closed: Annotated[bool, typer.Option("--closed", help="Closed ones too.")] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """List the requests with the date to watch."""
    from archiver.access import require
    from archiver.data_requests.register import STAFF, list_requests

    with opened(context) as archive:
        require(actor_of(archive), *STAFF)
        with archive.reading() as session:
            rows = list_requests(archive, session, closed=closed)
    if json:
        output.as_json("requests/1", {"requests": rows})
    else:
        words = {"law": "set by law", "city_target": "city target"}
        output.table(
            ("request", "state", "received", "date", "set by", "summary"),
            [(r["id"], r["state"], r["received"], r["date"], words[r["nature"]], r["summary"]) for r in rows],
        )


@app.command()
def show(context: typer.Context, number: Number, json: Annotated[bool, JSON] = False) -> None:
    """Show a request."""
    from archiver.access import require
    from archiver.data_requests.register import STAFF, request_row, show_request

    with opened(context) as archive:
        actor = actor_of(archive)
        require(actor, *STAFF)
        with archive.unit() as session:
            fields = show_request(archive, session, number)
            archive.record_act(
                session,
                "request.view",
                "data_request",
                request_row(session, number)["id"],
                actor_id=actor.id,
                facts={"request": fields["id"]},
            )
    if json:
        output.as_json("request-detail/1", fields)
        return
    for key in ("id", "state", "kind", "received", "summary", "requester", "hold", "candidates"):
        output.data(f"{key}: {'' if fields[key] is None else fields[key]}".rstrip())
    for one in fields["dates"]:
        output.data(f"date: {one['explanation']}")
    for note in fields["notes"]:
        output.data(f"note: {note}")


@app.command()
def assign(context: typer.Context, number: Number, login: str, json: Annotated[bool, JSON] = False) -> None:
    """Give a request to a person."""
    from archiver.data_requests import register

    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            known = register.assign(archive, session, actor, number, login)
    if json:
        output.as_json("request-assigned/1", {"id": known, "assigned_to": login})
    else:
        output.data(f"{known} is assigned to {login}.")


@app.command()
def note(context: typer.Context, number: Number, text: str, json: Annotated[bool, JSON] = False) -> None:
    """Write an internal note."""
    from archiver.data_requests.register import add_note

    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            known = add_note(archive, session, actor, number, text)
    if json:
        output.as_json("request-note/1", {"id": known, "noted": True})
    else:
        output.data(f"Noted on {known}.")


@app.command()
def search(
    context: typer.Context,
    number: Number,
    query: Annotated[str, typer.Option(help="The question (docs/search.md).")],
    json: Annotated[bool, JSON] = False,
) -> None:
    """Search for a request: question, count and coverage are kept with it."""
    from archiver.access import require
    from archiver.data_requests.candidates import note_search
    from archiver.data_requests.register import STAFF, request_row
    from archiver.search.answer import answer, catch_up

    with opened(context) as archive:
        actor, zone = actor_of(archive), archive.city.timezone
        require(actor, *STAFF)
        with archive.reading() as session:
            number = request_row(session, number)["number"]
        catch_up(archive)
        result = answer(archive, query, limit=0)
        with archive.unit() as session:
            new = note_search(archive, session, actor, number, result)
    if json:
        output.as_json("request-search/1", {"id": number, "search": new, **result.as_dict()})
    else:
        output.data(f"Found {result.count}: {result.interpreted}")
        for line in result.said(zone):
            output.talk(line)


@app.command()
def candidates(
    context: typer.Context,
    number: Number,
    query: Annotated[str | None, typer.Option(help="Find candidates with this question.")] = None,
    freeze: Annotated[bool, typer.Option("--freeze", help="Freeze what it finds into the request.")] = False,
    keep_preliminary: Annotated[
        bool, typer.Option("--keep-preliminary", help="Further searches follow: the preliminary hold stays.")
    ] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """List a request's candidates, or freeze those that a question finds."""
    from archiver.access import require
    from archiver.data_requests.candidates import list_candidates
    from archiver.data_requests.register import STAFF, request_row

    if freeze and query is None:
        raise UsageError(problem="--freeze freezes what a question finds; name it with --query")
    with opened(context) as archive:
        actor = actor_of(archive)
        require(actor, *STAFF)
        if query is not None:
            fields, told = _found(archive, actor, number, query, freeze=freeze, complete=not keep_preliminary)
        else:
            with archive.unit() as session:
                fields = list_candidates(archive, session, number)
                row_id, facts = request_row(session, number)["id"], {"request": fields["id"], "view": "candidates"}
                archive.record_act(session, "request.view", "data_request", row_id, actor_id=actor.id, facts=facts)
            told = [*fields["records"], *(f"{one['id']} {one['name']}" for one in fields["files"])]
    if json:
        output.as_json("candidates/1", fields)
        return
    for line in told:
        output.data(line)


def _found(
    archive: Any, actor: Any, number: str, query: str, *, freeze: bool, complete: bool
) -> tuple[dict[str, Any], list[str]]:
    """What a question finds for a request, frozen where that was asked for: fields for scripts, lines for people."""
    from archiver.data_requests.candidates import freeze as freeze_found
    from archiver.data_requests.register import request_row
    from archiver.search.answer import answer, catch_up, find_ids

    with archive.reading() as session:
        number = request_row(session, number)["number"]
    catch_up(archive)
    result = answer(archive, query, limit=0)
    fields = {"id": number, "query": query, "interpreted": result.interpreted, "count": result.count, "frozen": freeze}
    reach = result.said(archive.city.timezone)
    if not freeze:
        return fields, [f"Found {result.count}: {result.interpreted}; not frozen: add --freeze", *reach]
    ids = find_ids(archive, query)
    with archive.unit() as session:
        done = freeze_found(archive, session, actor, number, result, ids, complete=complete)
    with suppress(ArchiverError, OSError):  # who is held stands in the index too; the next collection makes up for it
        catch_up(archive)
    fields |= {"count": done.found, "added": done.added, "hold": f"H{done.hold}" if done.hold else None}
    told = [f"Found {done.found}: {result.interpreted}; {done.added} joined the candidates of {number}", *reach]
    if done.destroyed:
        told.append(f"{done.destroyed} of them were destroyed before they could join.")
    if done.preliminary:
        told.append(f"H{done.hold} still protects all that the request may touch.")
    elif done.hold:
        told.append(f"H{done.hold} now protects the candidates, and no other records.")
    return fields, told


@app.command("file")
def file_(
    context: typer.Context,
    number: Number,
    path: Annotated[Path, typer.Argument(help="The file: a police report, permit, scan …")],
    name: Annotated[str | None, typer.Option(help="Another name for it.")] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Add a file found elsewhere to a request; it is numbered and produced like a record."""
    from archiver.data_requests.files import add_file, check_may_add, spool

    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.reading() as session:
            number = check_may_add(session, actor, number)
        content = spool(archive, path)
        with archive.unit() as session:
            new = add_file(archive, session, actor, number, name or path.name, content)
    if json:
        output.as_json("request-file/1", {"id": f"F{new}", "request": number})
    else:
        output.data(f"Added F{new} to {number}.")


@app.command()
def close(
    context: typer.Context,
    number: Number,
    reason: Annotated[str, typer.Option(help="How it was answered.")],
    withheld: Annotated[
        bool | None,
        typer.Option(
            "--withheld/--nothing-withheld", help="Whether anything was withheld (default: what was not produced)."
        ),
    ] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Close a request; its hold becomes a closed-request hold with its own date."""
    from archiver.data_requests.register import close as close_request

    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            done = close_request(archive, session, actor, number, reason, withheld=withheld)
    if json:
        fields = {
            "id": done.number,
            "state": "closed",
            "hold": f"H{done.hold}" if done.hold else None,
            "held_until": done.held_until,
            "nature": done.nature,
            "explanation": done.explanation,
        }
        output.as_json("request-closed/1", fields)
    else:
        output.data(f"Closed {done.number}. {done.explanation}")
