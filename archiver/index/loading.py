"""Reading records back for the index: facts, newest content, components and series, a batch in a few queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archiver.vault import Vault
from archiver.vault.payloads import read_many
from schema.db.hold import hold, hold_member
from schema.db.record import component, record, version
from schema.db.retain import retention_tag, series
from schema.vocab import ComponentRole, HoldState, OwnerKind


@dataclass(frozen=True, slots=True)
class Loaded:
    """A living record as the index needs it; content: what `accession` sealed as its body, as bytes."""

    facts: Mapping[Any, Any]
    version: int
    body: bytes
    attachments: tuple[Mapping[Any, Any], ...]
    series: str
    held: bool


def load(session: Session, vault: Vault, ids: Sequence[int]) -> list[Loaded]:
    """The living records among ids (at most about 500), in order of id; destroyed ones are left out."""
    facts = {
        row["id"]: row
        for row in session.execute(
            select(record).where(record.c.id.in_(ids), record.c.destroyed_at.is_(None)).order_by(record.c.id)
        ).mappings()
    }
    newest = {
        row.record_id: (row.id, row.number)
        for row in session.execute(
            select(version.c.id, version.c.record_id, version.c.number)
            .where(version.c.record_id.in_(list(facts)))
            .order_by(version.c.number)
        )
    }
    components = _components(session, [version_id for version_id, _number in newest.values()])
    bodies = read_many(session, vault, OwnerKind.RECORD, [one[0]["payload_id"] for one in components.values() if one])
    keys = _series(session, list(facts))
    held = _held(session, list(facts))
    loaded = []
    for record_id, row in facts.items():
        version_id, number = newest[record_id]
        body, *others = components[version_id]
        if body["payload_id"] in bodies:
            attachments = tuple(one for one in others if one["role"] == ComponentRole.ATTACHMENT.value)
            loaded.append(
                Loaded(row, number, bodies[body["payload_id"]], attachments, keys.get(record_id, ""), record_id in held)
            )
    return loaded


def _components(session: Session, version_ids: Sequence[int]) -> dict[int, list[Mapping[Any, Any]]]:
    found: dict[int, list[Mapping[Any, Any]]] = {one: [] for one in version_ids}
    rows = session.execute(
        select(component).where(component.c.version_id.in_(version_ids)).order_by(component.c.position)
    ).mappings()
    for row in rows:
        found[row["version_id"]].append(row)
    return found


def _series(session: Session, ids: Sequence[int]) -> dict[int, str]:
    rows = session.execute(
        select(retention_tag.c.record_id, series.c.key)
        .join(series, series.c.id == retention_tag.c.series_id)
        .where(retention_tag.c.record_id.in_(ids), retention_tag.c.ended_at.is_(None))
    )
    return dict(rows.all())


def _held(session: Session, ids: Sequence[int]) -> set[int]:
    rows = session.execute(
        select(hold_member.c.record_id)
        .join(hold, hold.c.id == hold_member.c.hold_id)
        .where(hold_member.c.record_id.in_(ids), hold.c.state != HoldState.LIFTED.value)
    )
    return set(rows.scalars())
