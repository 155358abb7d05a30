"""A fingerprint of what an archive holds, to compare two archives that took different ways to the same content."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archiver.accession.content import unpacked
from archiver.archive import Archive
from archiver.vault.payloads import open_header
from archiver.vault.sealing import place, unseal
from schema.canonical import canonical_json
from schema.db.record import component, observation, record, version
from schema.db.retain import retention_tag, series
from schema.db.sources import source
from schema.db.vault import payload
from schema.vocab import ComponentRole, OwnerKind, PayloadForm

_BLOCK = 500
"""Record ids in one read transaction."""
_MODULUS = 1 << 512


def fingerprint(archive: Archive) -> str:
    """Hex digest of all living records, whatever their ids, when and in which order they were collected.

    It covers each record's source, kind, versions with their content and raw bytes, series and what was observed of
    it; not provenance, times of capture or the audit log.  Records are added up rather than sorted, so that memory
    stays flat: it tells honest copies apart and is no proof against a forger, for whom there is the signed log.
    Raises SealBroken where content does not open.
    """
    with archive.reading() as session:
        last = int(session.execute(select(func.max(record.c.id))).scalar() or 0)
        names = dict(session.execute(select(source.c.id, source.c.name)).all())
    total = count = 0
    for first in range(0, last + 1, _BLOCK):
        with archive.reading() as session:
            for said in _block(session, archive, names, first, first + _BLOCK - 1):
                digest = sha256(canonical_json(said)).digest()
                total = (
                    total + int.from_bytes(sha256(digest + b"0").digest() + sha256(digest + b"1").digest())
                ) % _MODULUS
                count += 1
    return sha256(f"{count}:{total:x}".encode()).hexdigest()


def _block(session: Session, archive: Archive, names: Mapping[int, str], first: int, last: int) -> list[list[Any]]:
    """What is said of each living record with an id in [first, last]."""
    records = (
        session.execute(select(record).where(record.c.id.between(first, last), record.c.destroyed_at.is_(None)))
        .mappings()
        .all()
    )
    versions: dict[int, list[Any]] = {row["id"]: [] for row in records}
    contents = _contents(session, archive, first, last)
    rows = session.execute(
        select(version.c.id, version.c.record_id, version.c.number)
        .where(version.c.record_id.between(first, last))
        .order_by(version.c.record_id, version.c.number)
    )
    for version_id, record_id, number in rows:
        if record_id in versions:
            versions[record_id].append([number, contents.get(version_id, [])])
    observed: dict[int, list[str]] = {}
    for record_id, kind in session.execute(
        select(observation.c.record_id, observation.c.kind).where(observation.c.record_id.between(first, last))
    ):
        observed.setdefault(record_id, []).append(kind)
    tagged = dict(
        session.execute(
            select(retention_tag.c.record_id, series.c.key)
            .join(series, series.c.id == retention_tag.c.series_id)
            .where(retention_tag.c.record_id.between(first, last), retention_tag.c.ended_at.is_(None))
        ).all()
    )
    return [
        [
            names[row["source_id"]],
            row["kind"],
            row["hidden"],
            row["missing_since"] is not None,
            row["gone_at"] is not None,
            tagged.get(row["id"]),
            sorted(observed.get(row["id"], ())),
            versions[row["id"]],
        ]
        for row in records
    ]


def _contents(session: Session, archive: Archive, first: int, last: int) -> dict[int, list[Any]]:
    """Version -> what its components hold, in order: the body without provenance, of the others a digest."""
    owners = archive.vault.owners(session, OwnerKind.RECORD, range(first, last + 1))
    found: dict[int, list[Any]] = {}
    rows = session.execute(
        select(component, payload.c.form, payload.c.sealed)
        .join(payload, payload.c.id == component.c.payload_id)
        .where(component.c.record_id.between(first, last))
        .order_by(component.c.version_id, component.c.position)
        .execution_options(yield_per=100)
    ).mappings()
    for row in rows:
        owner = owners.get(row["record_id"])
        if owner is None:
            continue
        bound_to = place(OwnerKind.RECORD, owner.id, row["payload_id"])
        content, _digest = unseal(owner.key, bound_to, row["sealed"])
        found.setdefault(row["version_id"], []).append([row["role"], row["media_type"], _said(archive, row, content)])
    return found


def _said(archive: Archive, row: Mapping[Any, Any], content: bytes) -> Any:
    stored = open_header(content) if row["form"] == PayloadForm.OBJECT.value else None
    if row["role"] != ComponentRole.BODY.value:
        return (stored.sha256 if stored else sha256(content).digest()).hex()
    if stored:
        content = b"".join(_pieces(archive, stored.name, stored.key))
    body = unpacked(content)
    body.pop("provenance", None)
    return body


def _pieces(archive: Archive, name: str, key: bytes) -> Sequence[bytes]:
    return list(archive.vault.objects.read(name, key))
