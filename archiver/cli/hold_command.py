"""`archiver hold`: orders that suspend disposition."""

from pathlib import Path
from typing import Annotated, Any

import typer

from archiver.cli import output
from archiver.cli.opened import JSON, actor_of, number, numbers, opened
from archiver.errors import UsageError
from schema.disposal_vocab import NoticeAnswer
from schema.vocab import HoldKind

app = typer.Typer(help="Orders that suspend disposition.", no_args_is_help=True, add_completion=False)

_HOLD = typer.Argument(metavar="H3", help="The hold.")


@app.command()
def place(
    context: typer.Context,
    kind: Annotated[HoldKind | None, typer.Option(help="Why disposition is suspended.")] = None,
    matter: Annotated[str | None, typer.Option(help="The matter, as its name or file number.")] = None,
    reason: Annotated[str | None, typer.Option(help="Who ordered it, and why.")] = None,
    records: Annotated[str | None, typer.Option(metavar="R1,R2", help="The records.")] = None,
    query: Annotated[str | None, typer.Option(help="Or what a search finds now; its ids are frozen.")] = None,
    standing: Annotated[bool, typer.Option("--standing", help="What the search will find later joins too.")] = False,
    families: Annotated[bool, typer.Option("--families", help="Each record brings its thread.")] = False,
    resume: Annotated[
        str | None, typer.Option(metavar="H3", help="Go on with a hold whose placing was interrupted.")
    ] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Place a hold; in force when this command ends."""
    with opened(context) as archive:
        if resume is not None:
            if any((kind, matter, reason, records, query, standing, families)):
                raise UsageError(problem="--resume takes the hold as it was begun; leave the other options out")
            placed = _resumed(archive, number(resume, "H"))
        elif kind is None or matter is None or reason is None:
            raise UsageError(problem="a hold needs --kind, --matter and --reason")
        elif (records is None) == (query is None):
            raise UsageError(problem="name the records with --records, or a search with --query")
        elif records is not None and standing:
            raise UsageError(problem="--standing needs a search (--query): a list of records does not grow by itself")
        else:
            named = {"kind": kind, "matter": matter, "reason": reason}
            placed = (
                _listed(archive, named, numbers(records, "R"), families=families)
                if records is not None
                else _asked(archive, named, query or "", standing=standing, families=families)
            )
    if json:
        fields = {key: placed[key] for key in ("id", "kind", "state", "matter", "members", "standing", "families")}
        output.as_json("hold/1", {**fields, "destroyed_earlier": placed["destroyed"]})
        return
    output.data(f"{placed['id']} holds {placed['members']} records; none of them is destroyed while it stands.")
    if placed["standing"]:
        output.data("What is collected later and answers the same search joins it.")
    if placed["destroyed"]:
        output.data(f"{placed['destroyed']} records that the search found had been destroyed before.")
    if placed["tombstones"]:
        output.talk(
            f"{placed['tombstones']} records of this archive were destroyed before today; their content cannot be "
            "searched any more, so nobody can say whether they would have matched."
        )


def _listed(archive: Any, named: dict[str, Any], ids: list[int], *, families: bool) -> dict[str, Any]:
    from archiver.retain.holds import place as place_hold
    from archiver.retain.placing import place_with_families

    actor = actor_of(archive)
    with archive.unit() as session:
        new = (place_with_families if families else place_hold)(archive, session, actor, records=ids, **named)
    return _placed(archive, new)


def _asked(archive: Any, named: dict[str, Any], query: str, *, standing: bool, families: bool) -> dict[str, Any]:
    from archiver.pipeline.standing import place as place_asking

    actor = actor_of(archive)
    placed = place_asking(archive, actor, query=query, standing=standing, families=families, **named)
    return _placed(archive, placed.hold_id, placed)


def _resumed(archive: Any, hold_id: int) -> dict[str, Any]:
    from archiver.pipeline.standing import resume

    return _placed(archive, hold_id, resume(archive, actor_of(archive), hold_id))


def _placed(archive: Any, hold_id: int, told: Any = None) -> dict[str, Any]:
    from archiver.retain.hold_listing import find_hold

    with archive.reading() as session:
        row = find_hold(session, hold_id)
    lost = {"destroyed": told.destroyed if told else 0, "tombstones": told.tombstones if told else 0}
    return {**row, **lost, "id": f"H{hold_id}"}


@app.command()
def lift(
    context: typer.Context,
    hold: Annotated[str, _HOLD],
    reason: Annotated[str, typer.Option(help="Who ordered it, and why.")],
    json: Annotated[bool, JSON] = False,
) -> None:
    """Lift a hold; what no other hold covers can be disposed of again when it is due."""
    from archiver.retain.holds import lift as lift_hold

    hold_id = number(hold, "H")
    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            lift_hold(archive, session, actor, hold_id, reason)
    if json:
        output.as_json("hold/1", {"id": f"H{hold_id}", "state": "lifted"})
    else:
        output.data(f"H{hold_id} is lifted.")
        output.talk("What no other hold covers can be proposed from tomorrow on, once it is due.")


@app.command()
def notice(
    context: typer.Context,
    hold: Annotated[str, _HOLD],
    custodian: Annotated[
        list[str] | None,
        typer.Option(help="To whom (repeat); by default everyone whose accounts and devices it holds."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the letters to this new file.")] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Write the letters that tell people to keep everything and to turn automatic deletion off."""
    from archiver.retain.hold_notices import send

    hold_id = number(hold, "H")
    if out is not None and out.exists():
        raise UsageError(problem=f"{out} exists already; name a new file")
    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            notices = send(archive, session, actor, hold_id, custodian)
            letters = ("\n" + "-" * 72 + "\n\n").join(one.letter for one in notices)
            if out is not None:  # before it is noted that they were given
                out.write_text(letters, "utf-8")
    if json:
        written = [{"custodian": one.custodian, "things": one.things, "letter": one.letter} for one in notices]
        output.as_json("hold-notices/1", {"id": f"H{hold_id}", "notices": written})
    elif out is None:
        output.data(letters.rstrip("\n"))
    else:
        output.data(f"{len(notices)} letters about H{hold_id} in {out}.")


@app.command()
def answer(
    context: typer.Context,
    hold: Annotated[str, _HOLD],
    said: Annotated[NoticeAnswer, typer.Argument(metavar="ANSWER", help="What was answered.")],
    custodian: Annotated[str, typer.Option(help="Who answered.")],
    device: Annotated[str | None, typer.Option(help="For this device alone.")] = None,
    account: Annotated[str | None, typer.Option(help="For this account alone.")] = None,
    note: Annotated[str | None, typer.Option(help="What was said, in their words.")] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Write down what someone answered to a notice, for one device or account or for all that is unanswered."""
    from archiver.retain.hold_listing import find_hold
    from archiver.retain.hold_notices import answer as note_answer

    hold_id = number(hold, "H")
    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            count = note_answer(
                archive, session, actor, hold_id, said, custodian=custodian, device=device, account=account, note=note
            )
            left = find_hold(session, hold_id)["unanswered"]
    if json:
        output.as_json("hold-answer/1", {"id": f"H{hold_id}", "answer": said, "answered": count, "unanswered": left})
    else:
        output.data(f"Written down for {count} of the notices of H{hold_id}; {left} are unanswered.")


@app.command("list")
def list_(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Lifted ones too.")] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """List the holds in force."""
    from archiver.retain.hold_listing import list_holds

    with opened(context) as archive, archive.reading() as session:
        rows = list_holds(session, lifted=every)
        zone = archive.city.timezone
    if json:
        output.as_json("holds/1", {"holds": [_fields(row) for row in rows]})
        return
    from archiver.clock import city_date

    cells = [
        (
            f"H{row['id']}",
            row["kind"],
            row["state"],
            row["matter"],
            _covered(row),
            city_date(row["placed_at"], zone),
            row["unanswered"] or "",
        )
        for row in rows
    ]
    output.table(("hold", "kind", "state", "matter", "records", "since", "unanswered notices"), cells)


def _covered(row: dict[str, Any]) -> str:
    if row["kind"] == HoldKind.HALT:
        return "every destruction"
    if row["scope"] == "preliminary":
        return "everything that may be asked for"
    grows = " and what joins" if row["standing"] or row["families"] else ""
    return f"{row['members']}{grows}"


@app.command()
def show(
    context: typer.Context,
    hold: Annotated[str, _HOLD],
    json: Annotated[bool, JSON] = False,
) -> None:
    """Show a hold with its reason, search, records and notices."""
    from archiver.retain.hold_listing import show_hold

    hold_id = number(hold, "H")
    with opened(context) as archive, archive.reading() as session:
        found = show_hold(archive, session, hold_id)
        zone = archive.city.timezone
    fields = _fields(found)
    fields["records"] = [f"R{one}" for one in found["records"]]
    fields["notices"] = [_notice(one) for one in found["notices"]]
    if json:
        output.as_json("hold/1", fields)
        return
    from archiver.clock import printed

    output.table(("", ""), _shown(found, fields, zone))
    if found["notices"]:
        rows = [
            (one["custodian"], one["device"] or one["account"] or "", printed(one["sent_at"], zone), _said(one))
            for one in found["notices"]
        ]
        output.table(("notice to", "device or account", "given", "answer"), rows)


def _shown(found: dict[str, Any], fields: dict[str, Any], zone: str) -> list[tuple[str, Any]]:
    """A hold as people read it, a line for each thing that is so."""
    from archiver.clock import printed

    by_person = (("placed", "placed_at", "placed_by"), ("lifted", "lifted_at", "lifted_by"))
    acts = [
        (said, f"{printed(found[at], zone)} by {found[who] or 'the archive'}")
        for said, at, who in by_person
        if found[at]
    ]
    lines = [
        ("hold", f"{fields['id']} {found['kind']}, {found['state']}"),
        ("matter", found["matter"]),
        ("reason", fields["reason"]),
        *acts,
        ("until", found["until_on"]),
        ("search", fields["query"]),
        ("asked up to", printed(found["evaluated_to"], zone) if found["standing"] else None),
        ("holds", f"{_covered(found)}{', with their threads' if found['families'] else ''}"),
        ("records", fields["records"] or None),
        ("unanswered notices", found["unanswered"] or None),
    ]
    return [(said, value) for said, value in lines if value is not None]


def _said(row: dict[str, Any]) -> str:
    if row["answer"] is None:
        return "unanswered"
    return f"{row['answer']}: {row['note']}" if row["note"] else str(row["answer"])


def _notice(row: dict[str, Any]) -> dict[str, Any]:
    from archiver.clock import iso

    return {**row, "sent_at": iso(row["sent_at"]), "answered_at": iso(row["answered_at"])}


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    from archiver.clock import iso

    times = {key: iso(row[key]) for key in ("placed_at", "lifted_at", "evaluated_to")}
    return {**row, "id": f"H{row['id']}", **times}
