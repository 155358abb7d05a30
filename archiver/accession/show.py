"""What a record is, for people: its states, parts, thread, observations, custody, and what stays of a destroyed one."""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import RowMapping, select
from sqlalchemy.orm import Session

from archiver.accession.content import unpacked
from archiver.archive import Archive
from archiver.errors import NotFound, Refused
from archiver.vault.payloads import ContentDestroyed, read_many, stream
from schema.db.audit import audit_event
from schema.db.capture import capture
from schema.db.people import custodian, person
from schema.db.record import component, expunged_component, observation, record, tombstone, version
from schema.db.retain import series
from schema.db.sources import account, declaration, device, source
from schema.vocab import ComponentRole, OwnerKind

_CHUNK = 200
_AGAIN = (tombstone.c.seen_again_at, tombstone.c.edited_again_at, tombstone.c.certificate)


@dataclass(frozen=True, slots=True)
class Part:
    """A sealed part of a version: body, attachment or raw bytes.  size: bytes.  digest: salted, as in manifests.

    expunged: its content was destroyed by an order; size and digest are what stays of it.
    """

    id: int
    payload_id: int
    role: ComponentRole
    media_type: str
    size: int
    digest: bytes
    name: str | None = None
    description: str | None = None
    expunged: bool = False
    position: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """One version with its content as accession sealed it.  captured_at, edited_at: milliseconds UTC."""

    record_id: int
    number: int
    capture_id: int
    captured_at: int
    edited_at: int | None
    digest: bytes
    content: Mapping[str, Any]
    parts: tuple[Part, ...]

    @property
    def files(self) -> tuple[Part, ...]:
        """The attachments, in order."""
        return tuple(one for one in self.parts if one.role is ComponentRole.ATTACHMENT)

    @property
    def raw(self) -> Part:
        """The item's own bytes as received."""
        return next(one for one in self.parts if one.role is ComponentRole.RAW)


def find_record(session: Session, record_id: int) -> Mapping[str, Any]:
    """The facts of a record with the name of its source; raises NotFound."""
    chosen = select(record, source.c.name.label("source")).join(source, source.c.id == record.c.source_id)
    row = session.execute(chosen.where(record.c.id == record_id)).mappings().one_or_none()
    if row is None:
        raise NotFound(noun="record", name=f"R{record_id}")
    return dict(row)


def states(archive: Archive, session: Session, record_id: int) -> list[State]:
    """Every version of a living record, oldest first; empty once it is destroyed."""
    rows = session.execute(
        select(version).where(version.c.record_id == record_id).order_by(version.c.number)
    ).mappings()
    return _states(archive, session, list(rows))


def newest(archive: Archive, session: Session, record_ids: Sequence[int]) -> Iterator[State]:
    """The newest version of each living record, in the order asked; read in chunks, so that long threads stay cheap."""
    for start in range(0, len(record_ids), _CHUNK):
        chunk = record_ids[start : start + _CHUNK]
        rows = session.execute(
            select(version).where(version.c.record_id.in_(chunk)).order_by(version.c.number)
        ).mappings()
        last = {row["record_id"]: row for row in rows}
        found = {one.record_id: one for one in _states(archive, session, list(last.values()))}
        yield from (found[one] for one in chunk if one in found)


def _states(archive: Archive, session: Session, versions: Sequence[RowMapping]) -> list[State]:
    rows = session.execute(
        select(component)
        .where(component.c.version_id.in_([one["id"] for one in versions]))
        .order_by(component.c.version_id, component.c.position)
    ).mappings()
    parts: dict[int, list[RowMapping]] = {}
    for row in rows:
        parts.setdefault(row["version_id"], []).append(row)
    gone = expunged_components(session, [one["record_id"] for one in versions])
    bodies = read_many(
        session, archive.vault, OwnerKind.RECORD, [parts[one["id"]][0]["payload_id"] for one in versions]
    )
    return [
        _state(one, parts[one["id"]], unpacked(bodies[parts[one["id"]][0]["payload_id"]]), gone)
        for one in versions
        if parts[one["id"]][0]["payload_id"] in bodies
    ]


def expunged_components(session: Session, record_ids: Collection[int]) -> set[int]:
    """The components of records (a few hundred) whose content was destroyed by an order."""
    chosen = select(expunged_component.c.component_id).where(expunged_component.c.record_id.in_(set(record_ids)))
    return set(session.execute(chosen).scalars())


def _state(row: RowMapping, rows: Sequence[RowMapping], content: Mapping[str, Any], gone: Collection[int]) -> State:
    names = iter(content.get("attachments", ()))
    parts = []
    for one in rows:
        role = ComponentRole(one["role"])
        name, _type, _digest, description = next(names) if role is ComponentRole.ATTACHMENT else (None,) * 4
        parts.append(
            Part(
                id=one["id"],
                payload_id=one["payload_id"],
                role=role,
                media_type=one["media_type"],
                size=one["size"],
                digest=one["digest"],
                name=name,
                description=description,
                expunged=one["id"] in gone,
                position=one["position"],
            )
        )
    return State(
        record_id=row["record_id"],
        number=row["number"],
        capture_id=row["capture_id"],
        captured_at=row["captured_at"],
        edited_at=row["edited_at"],
        digest=row["digest"],
        content=content,
        parts=tuple(parts),
    )


def differences(before: State, after: State) -> list[str]:
    """What changed from one version to the next, as a unified diff of what a reader sees."""
    names = (f"version {before.number}", f"version {after.number}")
    return list(difflib.unified_diff(_lines(before), _lines(after), *names, lineterm=""))


def _lines(state: State) -> list[str]:
    title = state.content.get("title")
    heading = [f"title: {title}"] if title else []
    files = [f"file: {one.name} ({one.size} bytes, {one.media_type})" for one in state.files]
    facts = [f"{name}: {value}" for name, value in state.content.get("attributes", ())]
    return [*heading, *str(state.content.get("text") or "").splitlines(), *facts, *files]


def thread_ids(session: Session, record_id: int) -> list[int]:
    """The records of a record's thread in order of time, those of unknown time last; itself alone where it has none."""
    thread_id = find_record(session, record_id)["thread_id"]
    if thread_id is None:
        return [record_id]
    chosen = select(record.c.id).where(record.c.thread_id == thread_id)
    return list(session.execute(chosen.order_by(record.c.sent_at.is_(None), record.c.sent_at, record.c.id)).scalars())


def observations(session: Session, record_id: int) -> list[dict[str, Any]]:
    """What was observed of a record at its source, oldest first; since .. observed_at is the window of the change."""
    chosen = select(observation).where(observation.c.record_id == record_id).order_by(observation.c.id)
    return [
        {key: row[key] for key in ("kind", "since", "observed_at", "capture_id", "evidence")}
        for row in session.execute(chosen).mappings()
    ]


def tombstone_of(session: Session, record_id: int) -> dict[str, Any] | None:
    """What stays of a destroyed record, None for a living one."""
    row = (
        session.execute(
            select(tombstone, series.c.key.label("series"), series.c.title)
            .join(series, series.c.id == tombstone.c.series_id)
            .where(tombstone.c.record_id == record_id)
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        return None
    kept = ("series", "title", "digest", "sent_at", "captured_at", "destroyed_at", "certificate")
    return {key: row[key] for key in (*kept, "seen_again_at", "edited_again_at")}


def still_at_source(session: Session, *, since: int = 0, limit: int = 1000) -> list[dict[str, Any]]:
    """Destroyed records that their source still showed at a moment or later, by source; since: milliseconds UTC."""
    rows = session.execute(
        select(tombstone.c.record_id, source.c.name.label("source"), *_AGAIN)
        .join(record, record.c.id == tombstone.c.record_id)
        .join(source, source.c.id == record.c.source_id)
        .where(tombstone.c.seen_again_at >= since)
        .order_by(source.c.name, tombstone.c.record_id)
        .limit(limit)
    ).mappings()
    return [dict(row) for row in rows]


def raw(archive: Archive, session: Session, record_id: int, number: int | None = None) -> tuple[Part, Iterator[bytes]]:
    """The exact bytes as received, of the newest version or of one; raises NotFound, Refused once destroyed."""
    find_record(session, record_id)
    found = [one for one in states(archive, session, record_id) if number in (None, one.number)]
    if not found:
        if tombstone_of(session, record_id) is None:
            raise NotFound(noun="version", name=f"{number} of R{record_id}")
        raise Refused(reason=f"R{record_id} was destroyed", action=f"`archiver record show R{record_id}` says when.")
    part = found[-1].raw
    if part.expunged:
        raise Refused(
            reason=f"the original bytes of R{record_id} were expunged by an order",
            action=f"`archiver record show R{record_id}` shows what stays.",
        )
    return part, stream(session, archive.vault, part.payload_id)


def custody(archive: Archive, session: Session, record_id: int) -> dict[str, Any]:
    """From where, through whose hands and by what program a record came, version by version."""
    facts = find_record(session, record_id)
    return {
        "source": source_of(session, facts["source_id"]),
        "versions": [_received(archive, session, one) for one in states(archive, session, record_id)],
    }


def source_of(session: Session, source_id: int) -> dict[str, Any]:
    """A source with its account or device, whose it is, and the declaration that it rests on."""
    row = session.execute(select(source).where(source.c.id == source_id)).mappings().one()
    found: dict[str, Any] = {"name": row["name"], "connector": row["connector"], "platform": row["platform"]}
    holder = None
    for table, key in ((account, "account_id"), (device, "device_id")):
        if row[key] is not None:
            subject = session.execute(select(table).where(table.c.id == row[key])).mappings().one()
            found[table.name] = {"name": subject["name"], "ownership": subject["ownership"]}
            holder = subject["custodian_id"]
    if holder is not None:
        found["custodian"] = session.execute(select(custodian.c.name).where(custodian.c.id == holder)).scalar_one()
    if row["declaration_id"] is not None:
        found["declaration"] = _declaration(session, row["declaration_id"])
    return found


def _declaration(session: Session, declaration_id: int) -> dict[str, Any]:
    row = session.execute(select(declaration).where(declaration.c.id == declaration_id)).mappings().one()
    declarer = session.execute(select(person.c.name).where(person.c.id == row["declared_by"])).scalar_one()
    # The row names who decided last; who approved stays in the log also after a withdrawal.
    approval = session.execute(
        select(audit_event.c.at, person.c.name)
        .join(person, person.c.id == audit_event.c.actor_id)
        .where(audit_event.c.act == "declaration.approved", audit_event.c.object_id == declaration_id)
    ).one_or_none()
    return {
        **{key: row[key] for key in ("id", "state", "starts_on", "ends_on", "declared_at")},
        "declared_by": declarer,
        "approved_at": approval.at if approval else None,
        "approved_by": approval.name if approval else None,
    }


def _received(archive: Archive, session: Session, state: State) -> dict[str, Any]:
    run = session.execute(select(capture).where(capture.c.id == state.capture_id)).mappings().one()
    return {
        "number": state.number,
        "captured_at": state.captured_at,
        "edited_at": state.edited_at,
        "digest": state.digest,
        "capture": {key: run[key] for key in ("id", "started_at", "ended_at", "outcome", "connector_version")},
        "provenance": state.content.get("provenance", {}),
        "components": [
            {
                "role": one.role,
                "name": one.name,
                "media_type": one.media_type,
                "size": one.size,
                "digest": one.digest,
                "sha256": _plain_digest(archive, session, one),
            }
            for one in state.parts
        ],
    }


def _plain_digest(archive: Archive, session: Session, part: Part) -> bytes | None:
    whole = sha256()
    try:
        for chunk in stream(session, archive.vault, part.payload_id):
            whole.update(chunk)
    except ContentDestroyed:
        return None
    return whole.digest()
