"""Assembling a production: the candidates of a request, numbered, unsealed batch by batch, as entries for the writers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from archiver.accession.content import unpacked
from archiver.archive import Archive
from archiver.produce.entry import Entry, EntryFile
from archiver.sources.registry import Source, list_sources
from archiver.vault.payloads import read_many, read_text, stream
from schema.db.produce import production, production_entry
from schema.db.record import component, record, version
from schema.db.requests import candidate, request_file
from schema.db.retain import retention_tag, series
from schema.item import Moment
from schema.vocab import ComponentRole, OwnerKind, PartyRole, Precision

BATCH = 200
"""Records that are unsealed at a time."""

PREFIX = "A"


@dataclass(frozen=True, slots=True)
class Numbered:
    """A candidate with the number that it has in every production of its request."""

    number: str
    candidate_id: int
    record_id: int | None
    request_file_id: int | None
    version: int


def numbered(session: Session, request_id: int) -> list[Numbered]:
    """The candidates of a request in order of their numbers: those produced before keep theirs, others follow by time sent."""
    before = dict(
        session.execute(
            select(production_entry.c.candidate_id, production_entry.c.number)
            .join(production, production.c.id == production_entry.c.production_id)
            .where(production.c.request_id == request_id)
        ).all()
    )
    rows = session.execute(
        select(candidate, record.c.sent_at)
        .join(record, record.c.id == candidate.c.record_id, isouter=True)
        .where(candidate.c.request_id == request_id, record.c.destroyed_at.is_(None))
    ).mappings()
    ordered = sorted(rows, key=_order)
    fresh = (
        f"{PREFIX}{position:06d}" for position in range(len(set(before.values())) + 1, len(ordered) + len(before) + 2)
    )
    listed = [
        Numbered(
            before.get(row["id"]) or next(fresh),
            row["id"],
            row["record_id"],
            row["request_file_id"],
            row["version"],
        )
        for row in ordered
    ]
    return sorted(listed, key=lambda one: one.number)


def _order(row: Mapping[Any, Any]) -> tuple[bool, bool, int, int]:
    """By time sent, then records of unknown time, then request files."""
    is_file = row["record_id"] is None
    return is_file, row["sent_at"] is None, row["sent_at"] or 0, row["record_id"] or row["request_file_id"]


def entries(archive: Archive, chosen: Sequence[Numbered]) -> Iterator[Entry]:
    """The entries of numbered candidates in order; memory holds one batch."""
    with archive.reading() as session:
        sources = {one.id: one for one in list_sources(session, removed=True)}
    for start in range(0, len(chosen), BATCH):
        batch = chosen[start : start + BATCH]
        with archive.reading() as session:
            records = _records(archive, session, sources, [one for one in batch if one.record_id is not None])
            files = _files(archive, session, [one for one in batch if one.request_file_id is not None])
        made = {**records, **files}
        for one in batch:
            if one.number in made:
                yield made[one.number]


def _records(
    archive: Archive, session: Session, sources: Mapping[int, Source], batch: Sequence[Numbered]
) -> dict[str, Entry]:
    wanted = {(one.record_id, one.version): one for one in batch}
    versions = (
        session.execute(
            select(version, record)
            .join(record, record.c.id == version.c.record_id)
            .where(tuple_(version.c.record_id, version.c.number).in_(list(wanted)))
        )
        .mappings()
        .all()
    )
    parts: dict[int, list[Mapping[Any, Any]]] = {}
    chosen = select(component).where(component.c.version_id.in_([row[version.c.id] for row in versions]))
    for part in session.execute(chosen.order_by(component.c.position)).mappings():
        parts.setdefault(part["version_id"], []).append(part)
    bodies = read_many(
        session, archive.vault, OwnerKind.RECORD, [parts[row[version.c.id]][0]["payload_id"] for row in versions]
    )
    keys = dict(
        session.execute(
            select(retention_tag.c.record_id, series.c.key)
            .join(series, series.c.id == retention_tag.c.series_id)
            .where(
                retention_tag.c.record_id.in_([row[version.c.record_id] for row in versions]),
                retention_tag.c.ended_at.is_(None),
            )
        ).all()
    )
    made = {}
    for row in versions:
        own = parts[row[version.c.id]]
        if own[0]["payload_id"] not in bodies:
            continue
        one = wanted[row[version.c.record_id], row[version.c.number]]
        content = unpacked(bodies[own[0]["payload_id"]])
        series_key = keys.get(row[version.c.record_id], "")
        made[one.number] = _entry(archive, one, row, content, own, sources[row[record.c.source_id]], series_key)
    return made


def _entry(
    archive: Archive,
    one: Numbered,
    row: Mapping[Any, Any],
    content: Mapping[str, Any],
    parts: Sequence[Mapping[Any, Any]],
    source: Source,
    series_key: str,
) -> Entry:
    author, recipients = [], []
    for role, _kind, address, name in content["parties"]:
        shown = f"{name} <{address}>" if name and name != address else address
        (author if role == PartyRole.AUTHOR.value else recipients).append(shown)
    attached = [part for part in parts if part["role"] == ComponentRole.ATTACHMENT.value]
    raw = next((part for part in parts if part["role"] == ComponentRole.RAW.value), None)
    sent_at = row[record.c.sent_at]
    versions = row[record.c.versions]
    return Entry(
        number=one.number,
        record_id=f"R{one.record_id}",
        version=one.version,
        sent=None if sent_at is None else Moment(sent_at, row[record.c.offset_min], Precision(row[record.c.precision])),
        platform=source.platform.value,
        kind=row[record.c.kind],
        source=source.name,
        custodian=source.custodian,
        series=series_key,
        author=", ".join(author),
        recipients=tuple(recipients),
        thread=content.get("thread_title") or "",
        title=content.get("title") or "",
        text=content.get("text") or "",
        files=tuple(_file(archive, part, name[0]) for part, name in zip(attached, content["attachments"], strict=True)),
        raw=_file(archive, raw, _raw_name(raw["media_type"])) if raw else None,
        url=content.get("url") or "",
        edited=versions > 1,
        note=f"edited at the source; version {one.version} of {versions}" if versions > 1 else "",
        digest=row[version.c.digest].hex(),
    )


def _file(archive: Archive, part: Mapping[Any, Any], name: str) -> EntryFile:
    return EntryFile(name, part["media_type"], part["size"], partial(_open, archive, part["payload_id"]))


def _open(archive: Archive, payload_id: int) -> Iterator[bytes]:
    with archive.reading() as session:
        content = stream(session, archive.vault, payload_id)
    yield from content


_RAW_NAMES = {
    "message/rfc822": "original.eml",
    "application/json": "original.json",
    "application/xml": "original.xml",
    "text/xml": "original.xml",
    "text/html": "original.html",
}


def _raw_name(media_type: str) -> str:
    return _RAW_NAMES.get(media_type.split(";")[0].strip(), "original.bin")


def _files(archive: Archive, session: Session, batch: Sequence[Numbered]) -> dict[str, Entry]:
    wanted = {one.request_file_id: one for one in batch}
    rows = session.execute(select(request_file).where(request_file.c.id.in_(list(wanted)))).mappings()
    made = {}
    for row in rows:
        one = wanted[row["id"]]
        name = read_text(session, archive.vault, row["name_payload_id"]) or "file"
        made[one.number] = Entry(
            number=one.number,
            record_id=f"F{row['id']}",
            version=1,
            sent=None,
            platform="files",
            kind="file",
            source="request file",
            custodian="",
            series="",
            author="",
            recipients=(),
            thread="",
            title=name,
            text="",
            files=(EntryFile(name, row["media_type"], row["size"], partial(_open, archive, row["payload_id"])),),
            raw=None,
            url="",
            edited=False,
            note="found elsewhere for this request",
            digest=row["digest"].hex(),
        )
    return made
