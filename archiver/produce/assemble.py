"""Assembling a production: a request's candidates, numbered, unsealed batch by batch, as entries for the writers."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from archiver.accession.content import unpacked
from archiver.accession.show import expunged_components
from archiver.archive import Archive
from archiver.clock import city_date
from archiver.errors import ArchiverError, VerificationFailed
from archiver.produce.entry import Entry, EntryFile
from archiver.sources.registry import Source, list_sources
from archiver.vault.payloads import ContentDestroyed, read_many, read_text, stream
from archiver.vault.sealing import SealBroken
from schema.db.produce import production, production_entry
from schema.db.record import component, record, tombstone, version
from schema.db.requests import candidate, request_file
from schema.db.retain import retention_tag, series
from schema.item import Moment
from schema.vocab import ComponentRole, OwnerKind, PartyRole, Precision


class DestroyedMeanwhile(ArchiverError):
    """A candidate was destroyed while the package was being built."""

    code, exit_code = "destroyed_meanwhile", 1
    hint = "Nothing was delivered. Build it again: the new package says at its number that it was destroyed."


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
    """The candidates of a request in order of their numbers, those destroyed since they were frozen too.

    Those produced before keep their number; others follow by time sent, then of unknown time, then request files.
    """
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
        .where(candidate.c.request_id == request_id)
    ).mappings()
    ordered = sorted(rows, key=_order)
    fresh = count(max(map(_position, before.values()), default=0) + 1)
    listed = [
        Numbered(
            before.get(row["id"]) or f"{PREFIX}{next(fresh):06}",
            row["id"],
            row["record_id"],
            row["request_file_id"],
            row["version"],
        )
        for row in ordered
    ]
    return sorted(listed, key=lambda one: _position(one.number))


def _position(number: str) -> int:
    return int(number.removeprefix(PREFIX))


def _order(row: Mapping[Any, Any]) -> tuple[bool, bool, int, int]:
    is_file = row["record_id"] is None
    return is_file, row["sent_at"] is None, row["sent_at"] or 0, row["record_id"] or row["request_file_id"]


def entries(archive: Archive, chosen: Sequence[Numbered]) -> Iterator[Entry]:
    """The entries of numbered candidates in order; memory holds one batch.

    A destroyed candidate keeps its number and says when it was destroyed.  Raises VerificationFailed where content was
    changed or lost, DestroyedMeanwhile.
    """
    with archive.reading() as session:
        sources = {one.id: one for one in list_sources(session, removed=True)}
    for start in range(0, len(chosen), BATCH):
        yield from _batch(archive, sources, chosen[start : start + BATCH])


def _batch(archive: Archive, sources: Mapping[int, Source], batch: Sequence[Numbered]) -> Iterator[Entry]:
    place = f"the sealed content of a record between {batch[0].number} and {batch[-1].number}"
    with archive.reading() as session, _sound(place):
        made = _records(archive, session, sources, [one for one in batch if one.record_id is not None])
        made |= _files(archive, session, [one for one in batch if one.request_file_id is not None])
    for one in batch:
        yield made.pop(one.number)


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
    keys = _series_of(session, [row[version.c.record_id] for row in versions])
    gone = [row[record.c.id] for row in versions if row[record.c.destroyed_at] is not None]
    certificates = dict(
        session.execute(
            select(tombstone.c.record_id, tombstone.c.certificate).where(tombstone.c.record_id.in_(gone))
        ).all()
    )
    expunged = expunged_components(session, [row[version.c.record_id] for row in versions])
    made = {}
    for row in versions:
        own = parts[row[version.c.id]]
        body = bodies.get(own[0]["payload_id"])
        one = wanted[row[version.c.record_id], row[version.c.number]]
        source, series_key = sources[row[record.c.source_id]], keys.get(row[version.c.record_id], "")
        if body is None:
            entry = _destroyed(archive, one, row, source, series_key)
            proof = certificates.get(one.record_id)
            made[one.number] = replace(entry, note=f"{entry.note} (certificate {proof})") if proof else entry
        else:
            made[one.number] = _entry(archive, one, row, unpacked(body), own, source, series_key, expunged)
    return made


def _series_of(session: Session, ids: Sequence[int]) -> dict[int, str]:
    rows = session.execute(
        select(retention_tag.c.record_id, series.c.key)
        .join(series, series.c.id == retention_tag.c.series_id)
        .where(retention_tag.c.record_id.in_(ids), retention_tag.c.ended_at.is_(None))
    )
    return dict(rows.all())


def _destroyed(archive: Archive, one: Numbered, row: Mapping[Any, Any], source: Source, series_key: str) -> Entry:
    """What is said in place of a candidate that was destroyed after it was frozen; nothing of its content is left."""
    at = row[record.c.destroyed_at]
    if at is None:  # a record without content and without tombstone is an error, not a destruction (decision 23)
        raise VerificationFailed(problem=f"the content of R{one.record_id} ({one.number}) is missing")
    note = f"destroyed on {city_date(at, archive.city.timezone)} under the retention schedule; no content is left"
    return Entry(
        number=one.number,
        record_id=f"R{one.record_id}",
        version=one.version,
        sent=_sent(row),
        platform=source.platform.value,
        kind=row[record.c.kind],
        source=source.name,
        custodian=source.custodian,
        series=series_key,
        author="",
        recipients=(),
        thread="",
        title="",
        text="",
        files=(),
        raw=None,
        url="",
        edited=False,
        note=note,
        digest=row[version.c.digest].hex(),
    )


def _sent(row: Mapping[Any, Any]) -> Moment | None:
    at = row[record.c.sent_at]
    return None if at is None else Moment(at, row[record.c.offset_min], Precision(row[record.c.precision]))


def _entry(
    archive: Archive,
    one: Numbered,
    row: Mapping[Any, Any],
    content: Mapping[str, Any],
    parts: Sequence[Mapping[Any, Any]],
    source: Source,
    series_key: str,
    expunged: Collection[int],
) -> Entry:
    author: list[str] = []
    recipients: list[str] = []
    for role, _kind, address, name in content["parties"]:
        shown = f"{name} <{address}>" if name and name != address else address
        (author if role == PartyRole.AUTHOR.value else recipients).append(shown)
    attached = [part for part in parts if part["role"] == ComponentRole.ATTACHMENT.value]
    raw = next((part for part in parts if part["role"] == ComponentRole.RAW.value), None)
    versions = row[record.c.versions]
    notes = [f"edited at the source; version {one.version} of {versions}"] if versions > 1 else []
    if any(part["id"] in expunged for part in parts):
        notes.append("a part of this record was expunged by an order")
    return Entry(
        number=one.number,
        record_id=f"R{one.record_id}",
        version=one.version,
        sent=_sent(row),
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
        files=tuple(
            _file(archive, part, name[0])
            for part, name in zip(attached, content["attachments"], strict=True)
            if part["id"] not in expunged
        ),
        raw=_file(archive, raw, _raw_name(raw["media_type"])) if raw and raw["id"] not in expunged else None,
        url=content.get("url") or "",
        edited=versions > 1,
        note="; ".join(notes),
        digest=row[version.c.digest].hex(),
    )


def _file(archive: Archive, part: Mapping[Any, Any], name: str) -> EntryFile:
    return EntryFile(name, part["media_type"], part["size"], partial(_open, archive, part["payload_id"]))


def _open(archive: Archive, payload_id: int) -> Iterator[bytes]:
    with _sound("the sealed content of a file"):
        with archive.reading() as session:
            content = stream(session, archive.vault, payload_id)
        yield from content


@contextmanager
def _sound(what: str) -> Iterator[None]:
    """Say in words what the vault found."""
    try:
        yield
    except SealBroken:
        problem = f"{what} was changed, moved or lost on the disk; `archiver verify` names the record"
        raise VerificationFailed(problem=problem) from None
    except ContentDestroyed:
        raise DestroyedMeanwhile from None


_RAW_NAMES = {
    "message/rfc822": "original.eml",
    "application/json": "original.json",
    "application/xml": "original.xml",
    "text/xml": "original.xml",
    "text/html": "original.html",
}


def _raw_name(media_type: str) -> str:
    return _RAW_NAMES.get(media_type.split(";", maxsplit=1)[0].strip(), "original.bin")


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
