"""`archiver dispose`: the commands of transfers and expungements."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archiver.cli import output
from archiver.cli.opened import JSON, actor_of, number, opened
from archiver.errors import UsageError

if TYPE_CHECKING:
    from archiver.archive import Archive

Number = Annotated[str, typer.Argument(metavar="D3", help="The disposition.")]
Descriptor = Annotated[
    int | None, typer.Option(metavar="N", help="Read the second person's password from this descriptor.")
]


def add_to(app: typer.Typer) -> None:
    """Add these commands to `archiver dispose`."""
    for command in (transfer, receipt, expunge):
        app.command()(command)


def transfer(
    context: typer.Context,
    disposition: Number,
    offer_to: Annotated[str | None, typer.Option(metavar="NAME", help="Offer it to this archives.")] = None,
    keep_copy: Annotated[
        bool, typer.Option("--keep-copy", help="With --offer-to: a copy stays, nothing goes.")
    ] = False,
    accepted: Annotated[str | None, typer.Option(metavar="REFERENCE", help="It was accepted, by this letter.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write the bag into this new folder.")] = None,
    agree_login: Annotated[
        str | None, typer.Option(metavar="LOGIN", help="With --out: who agrees to send what is not public.")
    ] = None,
    password_fd: Descriptor = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Offer an approved transfer, note that it was accepted, write its bag; without an option: how far it is."""
    from archiver.dispose.batches import find
    from archiver.dispose.transfer import accept, offer

    if sum(one is not None for one in (offer_to, accepted, out)) > 1:
        raise UsageError(problem="choose one of --offer-to, --accepted, --out: one step after the other")
    if (keep_copy and offer_to is None) or (agree_login is not None and out is None):
        raise UsageError(problem="--keep-copy goes with --offer-to, and --agree-login with --out")
    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            chosen = int(find(session, disposition)["id"])
            if offer_to is not None:
                offer(archive, session, actor, chosen, offer_to, keeps_copy=keep_copy)
            elif accepted is not None:
                accept(archive, session, actor, chosen, accepted)
        if out is not None:
            sent = _send(archive, chosen, out, agree_login, password_fd)
            _tell_sent(chosen, out, sent, as_json=json)
        else:
            _tell(archive, chosen, as_json=json)


def _send(archive: "Archive", chosen: int, out: Path, agree_login: str | None, password_fd: int | None) -> Any:
    from archiver.cli.passwords import approver
    from archiver.dispose.transfer import send

    actor = actor_of(archive)
    second = approver(archive, agree_login, password_fd) if agree_login is not None else None
    sent = None
    with output.progress(f"D{chosen}", "records") as advance:
        for sent in send(archive, actor, chosen, out, agreed=second):
            advance(sent.records, sent.total)
    return sent


def _tell_sent(chosen: int, out: Path, sent: Any, *, as_json: bool) -> None:
    restricted = sum(sent.restricted.values())
    if as_json:
        fields = {"id": f"D{chosen}", "state": "sent", "folder": str(out.absolute()), "records": sent.records}
        left = {why.value: count for why, count in sent.left.items()}
        fields |= {"restricted": dict(sent.restricted), "left": left, "bytes": sent.size}
        output.as_json("transfer/1", {**fields, "bag_digest": sent.bag_digest})
        return
    output.data(f"{out} holds {sent.records} records, {sent.size} bytes; {restricted} are not public.")
    output.data(f"Bag digest (SHA-256 of tagmanifest-sha256.txt): {sent.bag_digest.hex()}")
    for why, count in sent.left.items():
        output.talk(f"Left the transfer: {count} ({why.value}).")
    output.talk(f"When it has arrived: `archiver dispose receipt D{chosen} --reference TEXT`.")


def _tell(archive: "Archive", chosen: int, *, as_json: bool) -> None:
    from archiver.dispose.transfer import show

    with archive.reading() as session:
        fields = show(session, chosen)
    if as_json:
        output.as_json("transfer/1", fields)
    else:
        output.table(("", ""), [(name, value) for name, value in fields.items() if value is not None])


def receipt(
    context: typer.Context,
    disposition: Number,
    reference: Annotated[str, typer.Option(help="The recipient's receipt: letter, date, number.")],
    json: Annotated[bool, JSON] = False,
) -> None:
    """Note the recipient's receipt; our copy may then be destroyed, or the transfer is certified where it stays."""
    from archiver.dispose.batches import find
    from archiver.dispose.transfer import receipt as note_receipt

    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            chosen = int(find(session, disposition)["id"])
            certificate = note_receipt(archive, session, actor, chosen, reference)
    if json:
        output.as_json("transfer/1", {"id": f"D{chosen}", "state": "receipted", "certificate": certificate})
    elif certificate:
        output.data(f"D{chosen} is transferred; a copy stays here. Certificate {certificate}.")
    else:
        output.data(f"D{chosen} has arrived.")
        output.talk(f"Our copy may go now: `archiver dispose execute D{chosen}`.")


def expunge(
    context: typer.Context,
    record: Annotated[str, typer.Argument(metavar="R5", help="The record.")],
    order: Annotated[str, typer.Option(help="Court, date and number of its order; kept sealed.")],
    login: Annotated[str, typer.Option(help="The second person, who gives the own password.")],
    component: Annotated[
        list[str] | None,
        typer.Option(metavar="PART", help="A file's name, attachment/POSITION, or raw; repeat for more."),
    ] = None,
    whole: Annotated[bool, typer.Option("--whole", help="The whole record.")] = False,
    clock_right: Annotated[
        str | None, typer.Option(help="Why date and time are right although the clock jumped.")
    ] = None,
    password_fd: Descriptor = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Destroy a record, or a part of it, by a court's order; the rest is sealed anew. Holds win."""
    from archiver.dispose.expunge import Order, carry_out, resume, takes_whole, unfinished
    from archiver.dispose.expunge import order as note_order

    if bool(component) == whole:
        raise UsageError(problem="name each part with --component, or say --whole")
    record_id = number(record, "R")
    with opened(context) as archive:
        from archiver.cli.passwords import approver

        actor = actor_of(archive)
        second = approver(archive, login, password_fd)
        with archive.unit() as session:
            begun, ordered = unfinished(session, record_id), None
            if begun is None:
                given = Order(record_id, order, tuple(component or ()))
                ordered = note_order(archive, session, actor, second, given)
            else:
                whole = takes_whole(session, begun)
        if ordered is None:
            output.talk(f"D{begun} was begun earlier: going on with it.")
            steps = resume(archive, actor, begun or 0)
        else:
            steps = carry_out(archive, actor, ordered, clock_right=clock_right)
        last = None
        with output.progress(f"R{record_id}", "steps") as advance:
            for last in steps:
                advance(last.done, last.total)
    chosen = begun if ordered is None else ordered.disposition_id
    if json:
        parts = None if ordered is None else list(ordered.components)
        fields = {"id": f"D{chosen}", "record": f"R{record_id}", "whole": whole, "components": parts}
        fields |= {"certificate": last and last.certificate, "waits": last and last.waits}
        output.as_json("expungement/1", fields)
        return
    what = (
        f"R{record_id} is expunged"
        if whole
        else f"{len(ordered.components) if ordered else 'The'} parts of R{record_id} are expunged"
    )
    if last is not None and last.certificate:
        output.data(f"{what} (D{chosen}). Certificate {last.certificate}.")
    elif last is not None and last.waits:
        output.data(f"{what} (D{chosen}), but not proven yet: {last.waits}.")
