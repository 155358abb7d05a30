"""`archiver record`: show a record, its original bytes, thread, versions and custody."""

import re
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archiver.cli import output
from archiver.cli.opened import JSON, actor_of, number, opened
from archiver.errors import UsageError, VerificationFailed

if TYPE_CHECKING:
    from archiver.accession.show import State
    from archiver.archive import Archive

app = typer.Typer(help="Show a record.", no_args_is_help=True, add_completion=False)

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What a stranger's text could do to a terminal; line ends and tabs stay."""


def _say(text: str) -> None:
    output.data(_CONTROLS.sub(" ", text))


@app.callback()
def records() -> None:
    """Show a record."""


@app.command()
def show(
    context: typer.Context,
    record: Annotated[str, typer.Argument(metavar="R12", help="The record.")],
    raw: Annotated[bool, typer.Option("--raw", help="The exact original bytes, to stdout or --out.")] = False,
    thread: Annotated[bool, typer.Option("--thread", help="The whole conversation in order.")] = False,
    versions: Annotated[bool, typer.Option("--versions", help="Every version and what changed.")] = False,
    custody: Annotated[bool, typer.Option("--custody", help="Through whose hands it came, with digests.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="With --raw: a new file for the bytes.")] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Show a record; that it was looked at is recorded before it is shown."""
    from archiver.access import require
    from archiver.accession.show import find_record, thread_ids
    from archiver.vault.sealing import SealBroken
    from schema.vocab import Role

    if raw + thread + versions + custody > 1:
        raise UsageError(problem="choose one of --raw, --thread, --versions, --custody")
    if (out is not None and not raw) or (raw and json):
        raise UsageError(
            problem="--raw writes bytes, to stdout or to --out FILE; it goes with neither --json nor others"
        )
    record_id = number(record, "R")
    view = "raw" if raw else "thread" if thread else "versions" if versions else "custody" if custody else "record"
    with opened(context) as archive:
        actor = actor_of(archive)
        require(actor, *(one for one in Role if one is not Role.CUSTODIAN))
        with archive.unit() as session:
            find_record(session, record_id)
            seen = thread_ids(session, record_id) if thread else [record_id]
            facts = {"view": view, "count": len(seen), "records": seen[:1000]}
            archive.record_act(session, "record.view", "record", record_id, actor_id=actor.id, facts=facts)
        try:
            if raw:
                _raw(archive, record_id, out)
            elif thread:
                _thread(archive, seen, as_json=json)
            elif versions:
                _versions(archive, record_id, as_json=json)
            elif custody:
                _custody(archive, record_id, as_json=json)
            else:
                _record(archive, record_id, as_json=json)
        except SealBroken:
            problem = f"the sealed content of R{record_id} was changed, moved or lost on the disk"
            raise VerificationFailed(problem=problem) from None


def _raw(archive: "Archive", record_id: int, out: Path | None) -> None:
    from archiver.accession.show import raw

    with archive.reading() as session:
        part, chunks = raw(archive, session, record_id)
        if out is None:
            for chunk in chunks:
                sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            return
        try:
            file = out.open("xb")
        except FileExistsError:
            raise UsageError(problem=f"{out} exists; name a new file") from None
        with file:
            file.writelines(chunks)
    output.talk(f"Wrote {part.size} bytes ({part.media_type}) to {out}.")


def _record(archive: "Archive", record_id: int, *, as_json: bool) -> None:
    from archiver.accession.show import find_record, newest, observations, tombstone_of
    from archiver.retain.holds import holds_of_record
    from archiver.retain.tags import explain

    with archive.reading() as session:
        facts = find_record(session, record_id)
        tombstone = tombstone_of(session, record_id)
        state = next(newest(archive, session, [record_id]), None)
        observed = observations(session, record_id)
        if state is None or tombstone is not None:
            _tombstone(archive, record_id, facts, tombstone or {}, as_json=as_json)
            return
        tag = explain(archive, session, record_id)
        holds = [f"H{one}" for one in holds_of_record(session, record_id)]
    if as_json:
        fields = _facts(facts) | _content(state)
        kept = {key: tag[key] for key in ("series", "title", "date", "explanation")}
        fields |= {"retention": kept, "holds": holds, "observations": [_times(one) for one in observed]}
        output.as_json("record/1", fields)
        return
    _print_state(archive, facts, state)
    _say("")
    _say(f"Series: {tag['series']} ({tag['title']}). {tag['explanation']}")
    if holds:
        _say(f"Held by: {', '.join(holds)}")
    for one in observed:
        _say(_observation(archive, one))


def _tombstone(
    archive: "Archive", record_id: int, facts: Mapping[str, Any], tombstone: Mapping[str, Any], *, as_json: bool
) -> None:
    from archiver.clock import printed

    if as_json:
        output.as_json("record/1", _facts(facts) | {"destroyed": _times(tombstone)})
        return
    zone = archive.city.timezone
    _say(f"R{record_id} was destroyed on {printed(facts['destroyed_at'], zone)}; its content no longer exists.")
    if tombstone:
        _say(f"Series: {tombstone['series']} ({tombstone['title']})")
        _say(f"Sent: {printed(tombstone['sent_at'], zone)}")
        _say(f"Captured: {printed(tombstone['captured_at'], zone)}")
        _say(f"Certificate: {tombstone['certificate'] or 'none yet'}")
        _say(f"Salted digest: {tombstone['digest'].hex()}")
        if tombstone["seen_again_at"]:
            _say(f"Still at its source on {printed(tombstone['seen_again_at'], zone)}; it is not readmitted.")
        if tombstone["edited_again_at"]:
            _say(f"Edited at its source since: noted on {printed(tombstone['edited_again_at'], zone)}.")


def _thread(archive: "Archive", ids: list[int], *, as_json: bool) -> None:
    from archiver.accession.show import find_record, newest

    with archive.reading() as session:
        if as_json:
            rows = [
                _content(one) | _facts(find_record(session, one.record_id)) for one in newest(archive, session, ids)
            ]
            output.as_json("record-thread/1", {"count": len(ids), "records": rows})
            return
        shown = 0
        for one in newest(archive, session, ids):
            _print_state(archive, find_record(session, one.record_id), one)
            _say("")
            shown += 1
    lost = f"; {len(ids) - shown} of them were destroyed" if shown < len(ids) else ""
    output.talk(f"{len(ids)} records in this thread{lost}.")


def _versions(archive: "Archive", record_id: int, *, as_json: bool) -> None:
    from archiver.accession.show import differences, states
    from archiver.clock import printed

    with archive.reading() as session:
        found = states(archive, session, record_id)
    changes: list[list[str]] = [[], *(differences(*pair) for pair in pairwise(found))]
    if as_json:
        rows = [_content(one) | {"changes": change} for one, change in zip(found, changes, strict=False)]
        output.as_json("record-versions/1", {"id": f"R{record_id}", "versions": rows})
        return
    zone = archive.city.timezone
    for one, change in zip(found, changes, strict=False):
        edited = f", edited at the source {printed(one.edited_at, zone)}" if one.edited_at else ""
        _say(f"Version {one.number}, captured {printed(one.captured_at, zone)}{edited}")
        for line in change or str(one.content.get("text") or "").splitlines():
            _say(f"    {line}")


def _custody(archive: "Archive", record_id: int, *, as_json: bool) -> None:
    from archiver.accession.show import custody, find_record

    with archive.reading() as session:
        facts = find_record(session, record_id)
        found = custody(archive, session, record_id)
    source = found["source"]
    if "declaration" in source:
        source["declaration"] = _times(source["declaration"])
    rows = []
    for one in found["versions"]:
        fields = _times(one) | {"capture": _times(one["capture"]), "provenance": _times(one["provenance"])}
        rows.append(fields)
    if as_json:
        output.as_json("record-custody/1", _facts(facts) | {"source": source, "versions": rows})
        return
    _say(f"R{record_id}, read from {source['name']} ({source['platform']}) by connector {source['connector']}")
    for key in ("account", "device"):
        if key in source:
            _say(f"{key}: {source[key]['name']}, {source[key]['ownership']}")
    if "custodian" in source:
        _say(f"custodian: {source['custodian']}")
    if "declaration" in source:
        output.table(("declaration", ""), [pair for pair in source["declaration"].items() if pair[1] is not None])
    for one in found["versions"]:
        _print_custody(archive, one)


def _print_custody(archive: "Archive", one: Mapping[str, Any]) -> None:
    from archiver.clock import printed

    zone, run, origin = archive.city.timezone, one["capture"], one["provenance"]
    _say(f"version {one['number']}, captured {printed(one['captured_at'], zone)}, digest {one['digest'].hex()}")
    began, version = printed(run["started_at"], zone), run["connector_version"]
    _say(f"  capture {run['id']}, begun {began}, outcome {run['outcome']}, program {version}")
    _say(f"  retrieved {printed(origin.get('retrieved_at'), zone)}")
    for name in ("url", "status", "request_id", "position"):
        if origin.get(name) is not None:
            _say(f"  {name}: {origin[name]}")
    for part in one["components"]:
        plain = part["sha256"].hex() if part["sha256"] else "destroyed"
        label = f"{part['role'].value} {part['name'] or ''}".strip()
        _say(f"  {label}: {part['size']} bytes, {part['media_type']}, SHA-256 {plain}")


def _print_state(archive: "Archive", facts: Mapping[str, Any], state: "State") -> None:
    from archiver.clock import printed
    from schema.vocab import Precision

    zone, content = archive.city.timezone, state.content
    sent = printed(facts["sent_at"], zone, facts["offset_min"], Precision(facts["precision"]))
    _say(f"R{facts['id']}  {facts['kind']} from {facts['source']}, version {state.number}")
    _say(f"Sent: {sent}   Captured: {printed(state.captured_at, zone)}")
    _say(f"Direction: {facts['direction']}   Seen by: {facts['visibility']}")
    for role, _kind, address, name in content.get("parties", ()):
        _say(f"{role}: {f'{name} <{address}>' if name and name != address else address}")
    for name in ("title", "thread_title", "url"):
        if content.get(name):
            _say(f"{name.replace('_', ' ')}: {content[name]}")
    for name, value in content.get("attributes", ()):
        _say(f"{name}: {value}")
    for one in state.files:
        gone = ", expunged by an order" if one.expunged else ""
        _say(f"file: {one.name} ({one.media_type}, {one.size} bytes{gone})")
    _say("")
    _say(str(content.get("text") or "(no text)"))


def _observation(archive: "Archive", one: Mapping[str, Any]) -> str:
    from archiver.clock import printed

    zone = archive.city.timezone
    window = f"between {printed(one['since'], zone)} and " if one["since"] else ""
    evidence = f" ({one['evidence']})" if one["evidence"] else ""
    return f"Observed {one['kind']}: {window}{printed(one['observed_at'], zone)}{evidence}"


_FACTS = ("source", "kind", "direction", "visibility", "versions", "hidden")
_FACT_TIMES = ("sent_at", "captured_at", "seen_at", "missing_since", "gone_at", "destroyed_at")


def _facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    times = _times({key: facts[key] for key in _FACT_TIMES})
    ids = {"id": f"R{facts['id']}", "thread": facts["thread_id"], "offset_min": facts["offset_min"]}
    return {**ids, **{key: facts[key] for key in _FACTS}, "precision": facts["precision"], **times}


def _content(state: "State") -> dict[str, Any]:
    content = state.content
    return {
        "version": state.number,
        **_times({"version_captured_at": state.captured_at, "edited_at": state.edited_at}),
        "title": content.get("title"),
        "text": content.get("text"),
        "url": content.get("url"),
        "parties": [
            {"role": role, "kind": kind, "address": address, "name": name}
            for role, kind, address, name in content.get("parties", ())
        ],
        "attributes": [list(pair) for pair in content.get("attributes", ())],
        "files": [
            {"name": one.name, "media_type": one.media_type, "size": one.size, "expunged": one.expunged}
            for one in state.files
        ],
        "digest": state.digest,
    }


def _times(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Moments as ISO 8601 for scripts."""
    from archiver.clock import iso

    moments = ("since", "missing_since")
    return {
        key: iso(value) if isinstance(value, int) and (key.endswith("_at") or key in moments) else value
        for key, value in fields.items()
    }
