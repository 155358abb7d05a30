"""`archiver audit`: read, verify and prove the log of who did what."""

from pathlib import Path
from typing import Annotated, Any

import typer

from archiver.cli import output
from archiver.cli.opened import JSON, actor_of, number, opened
from archiver.errors import UsageError

app = typer.Typer(help="The audit log: who did what to which object, when, with what outcome.", no_args_is_help=True)


@app.command()
def log(
    context: typer.Context,
    about: Annotated[
        str | None, typer.Option("--object", metavar="KIND:ID", help="About one object, as record:12.")
    ] = None,
    actor: Annotated[str | None, typer.Option(help="By one person (login), or by `machine`.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many events, newest first.")] = 50,
    words: Annotated[
        bool, typer.Option("--words", help="Also the words people wrote; reading them is recorded.")
    ] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Show the newest events."""
    from archiver.operate.audit_reading import read_log

    with opened(context) as archive:
        events = read_log(archive, actor_of(archive), about=_object(about), by=actor, limit=limit, words=words)
    if json:
        output.as_json("audit-log/1", {"events": events})
        return
    headings = ("event", "at", "who", "what", "object", "outcome", "facts", *(("words",) if words else ()))
    output.table(headings, [tuple(_line(one, words=words)) for one in events])


def _line(event: dict[str, Any], *, words: bool) -> list[Any]:
    about = event["object_kind"] if event["object_id"] is None else f"{event['object_kind']}:{event['object_id']}"
    facts = " ".join(f"{key}={value}" for key, value in event["facts"].items())
    shown = [event["id"], event["at"], event["actor"] or "machine", event["act"], about, event["outcome"], facts]
    return [*shown, event["words"] or ""] if words else shown


def _object(written: str | None) -> tuple[str, int | None] | None:
    if written is None:
        return None
    kind, _, name = written.partition(":")
    digits = name[1:] if name[:1] in ("R", "H") else name
    if not kind or (name and not digits.isdecimal()):
        raise UsageError(problem=f"--object takes KIND:ID, like record:12 or hold:3; got {written}")
    return kind, int(digits) if digits else None


@app.command()
def verify(
    context: typer.Context,
    head: Annotated[
        list[Path] | None, typer.Option("--head", metavar="FILE", help="A head kept elsewhere (JSON of `audit head`).")
    ] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Recompute the whole log, and compare it with its signed heads and those that you kept."""
    from archiver.audit.verify import LogWalk
    from archiver.operate.audit_reading import read_head

    kept = [read_head(path) for path in head or ()]
    with opened(context) as archive, output.progress("verifying the log", "events") as advance:
        public = archive.signer.public
        with archive.reading() as session:
            walk = LogWalk(session, public, kept)
        found = None
        while found is None:
            with archive.reading() as session:
                found = walk.step(session)
            advance(walk.position)
    outcome = "failed" if found.problems else "ok"
    if json:
        fields = {"events": found.events, "heads": found.heads + len(kept), "root": found.root.hex()}
        output.as_json("audit-verify/1", {"outcome": outcome, **fields, "problems": found.problems})
    else:
        output.data(f"{outcome}: {found.events} events, {found.heads} signed heads, {len(kept)} heads kept elsewhere")
        output.data(f"root {found.root.hex()}")
        for problem in found.problems:
            output.data(f"PROBLEM {problem}")
    raise typer.Exit(5 if found.problems else 0)


@app.command()
def head(context: typer.Context, json: Annotated[bool, JSON] = False) -> None:
    """Sign the log as it stands; print it and keep the sheet elsewhere: it shows later whether anything was cut off."""
    from archiver.clock import iso
    from archiver.operate.audit_reading import signed_head

    with opened(context) as archive:
        signed = signed_head(archive)
        name = archive.city.name
    if json:
        output.shape(signed)
        return
    output.data(f"Audit log of {name}: {signed.size} entries, signed {iso(signed.signed_at)}")
    for label, value in (("root", signed.root), ("signature", signed.signature), ("public key", signed.public_key)):
        groups = [value[start : start + 8] for start in range(0, len(value), 8)]
        for start in range(0, len(groups), 8):
            output.data(f"{label if start == 0 else '':12}{' '.join(groups[start : start + 8])}")


@app.command()
def prove(
    context: typer.Context,
    event: Annotated[str | None, typer.Argument(help="The event to prove.")] = None,
    since: Annotated[
        int | None, typer.Option(metavar="SIZE", help="Prove that the first SIZE entries are unchanged.")
    ] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Prove with a signed head that an event is in the log, or that nothing before a size changed (always JSON)."""
    from archiver.operate.audit_reading import proof_of_event, proof_since

    if (event is None) == (since is None):
        raise UsageError(problem="name an event, or say --since SIZE")
    with opened(context) as archive:
        proof = proof_of_event(archive, number(event, "E")) if event else proof_since(archive, since or 0)
    output.shape(proof)
