"""Dispositions as people look at them: where each stands, who did what, and what an execution would do now."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archiver.archive import Archive
from archiver.clock import iso
from archiver.dispose.answers import answered
from archiver.dispose.approval import approvals
from archiver.dispose.batches import find
from archiver.dispose.readiness import look
from archiver.vault.payloads import read_text
from schema.db.dispose import disposition, disposition_exception, disposition_record, hold_clearance
from schema.db.people import person
from schema.db.retain import series
from schema.disposal_vocab import DispositionState

_ENDED = (
    *(DispositionState.DESTROYED.value, DispositionState.PROVEN.value, DispositionState.CERTIFIED.value),
    DispositionState.WITHDRAWN.value,
)


def list_dispositions(session: Session, *, ended: bool = False) -> list[dict[str, Any]]:
    """The dispositions under way, with ended ones where asked for."""
    counted = _counts(session)
    chosen = select(disposition, series.c.key).join(series, series.c.id == disposition.c.series_id)
    if not ended:
        closed = (DispositionState.CERTIFIED.value, DispositionState.WITHDRAWN.value)
        chosen = chosen.where(disposition.c.state.not_in(closed))
    rows = session.execute(chosen.order_by(disposition.c.id)).mappings()
    return [
        {
            "id": f"D{row['id']}",
            "kind": row["kind"],
            "state": row["state"],
            "series": row["key"],
            **counted.get(row["id"], {"records": 0, "left": 0, "destroyed": 0, "bytes": 0}),
            "proposed_at": iso(row["proposed_at"]),
            "executable_on": row["executable_on"],
            "certificate": row["certificate"],
        }
        for row in rows
    ]


def _counts(session: Session, disposition_id: int | None = None) -> dict[int, dict[str, int]]:
    """By disposition: records still in it or destroyed by it, those that left, those destroyed, and bytes."""
    table = disposition_record.c
    stays = table.left_at.is_(None)
    chosen = select(
        table.disposition_id,
        func.count().filter(stays),
        func.count().filter(~stays),
        func.count(table.destroyed_at),
        func.coalesce(func.sum(table.size).filter(stays), 0),
    ).group_by(table.disposition_id)
    if disposition_id is not None:
        chosen = chosen.where(table.disposition_id == disposition_id)
    names = ("records", "left", "destroyed", "bytes")
    return {row[0]: dict(zip(names, map(int, row[1:]), strict=True)) for row in session.execute(chosen)}


def show(archive: Archive, session: Session, number: str, *, records: bool = False) -> dict[str, Any]:
    """One disposition: state, numbers, persons, answers, exceptions, and what executing it would do now.

    records: also every record with its answer and why it left, and every exception.  Raises NotFound.
    """
    row = find(session, number)
    people = dict(session.execute(select(person.c.id, person.c.name)).all())
    known = session.execute(select(series.c.key, series.c.title).where(series.c.id == row["series_id"])).one()
    fields: dict[str, Any] = {
        "id": f"D{row['id']}",
        "kind": row["kind"],
        "state": row["state"],
        "series": known.key,
        "title": known.title,
        **_counts(session, row["id"]).get(row["id"], {"records": 0, "left": 0, "destroyed": 0, "bytes": 0}),
        "due_until": row["due_until"],
        "proposed_by": people.get(row["proposed_by"]),
        "proposed_at": iso(row["proposed_at"]),
        "reason": read_text(session, archive.vault, row["reason_payload_id"]),
        "approvals": [
            {
                "step": one["step"],
                "person": people.get(one["person_id"]),
                "as_deputy": bool(one["as_deputy"]),
                "at": iso(one["approved_at"]),
                "list": one["list_digest"].hex(),
            }
            for one in approvals(session, row["id"])
        ],
        "resolution": row["resolution"],
        "executable_on": row["executable_on"],
        "answers": answered(session, row["id"]),
        "clearances": _clearances(archive, session, row["id"], people),
        "exceptions": _by_reason(session, row["id"]),
        "list": row["list_digest"].hex() if row["list_digest"] else None,
        "certificate": row["certificate"],
        "now": None if row["state"] in _ENDED else _now(archive, session, row["id"]),
    }
    if records:
        fields["listed"] = _listed(session, row["id"])
        fields["excepted"] = _excepted(session, row["id"])
    return fields


def _now(archive: Archive, session: Session, disposition_id: int) -> dict[str, Any]:
    found = look(archive, session, disposition_id)
    leaving: dict[str, int] = {}
    for why in found.leaving.values():
        leaving[why.value] = leaving.get(why.value, 0) + 1
    refusals = [{"reason": one.reason, "action": one.action} for one in found.refusals]
    return {"would_go": found.count, "would_leave": leaving, "refusals": refusals}


def _by_reason(session: Session, disposition_id: int) -> dict[str, int]:
    """Due records that were not taken up, and records that left since, by reason."""
    found: dict[str, int] = {}
    for table, why in (
        (disposition_exception, disposition_exception.c.why),
        (disposition_record, disposition_record.c.left_why),
    ):
        mine = table.c.disposition_id == disposition_id
        rows = session.execute(select(why, func.count()).where(mine, why.is_not(None)).group_by(why))
        for reason, count in rows:
            found[reason] = found.get(reason, 0) + int(count)
    return dict(sorted(found.items()))


def _clearances(
    archive: Archive, session: Session, disposition_id: int, people: dict[int, str]
) -> list[dict[str, Any]]:
    chosen = select(hold_clearance).where(hold_clearance.c.disposition_id == disposition_id)
    return [
        {
            "hold": f"H{row['hold_id']}",
            "person": people.get(row["person_id"]),
            "at": iso(row["cleared_at"]),
            "reason": read_text(session, archive.vault, row["reason_payload_id"]),
        }
        for row in session.execute(chosen.order_by(hold_clearance.c.id)).mappings()
    ]


def _listed(session: Session, disposition_id: int) -> list[dict[str, Any]]:
    table = disposition_record.c
    rows = session.execute(
        select(table.record_id, table.due_on, table.size, table.answer, table.left_why, table.destroyed_at)
        .where(table.disposition_id == disposition_id)
        .order_by(table.record_id)
    )
    return [
        {
            "record": f"R{row.record_id}",
            "due_on": row.due_on,
            "bytes": row.size,
            "answer": row.answer,
            "left": row.left_why,
            "destroyed_at": iso(row.destroyed_at),
        }
        for row in rows
    ]


def _excepted(session: Session, disposition_id: int) -> list[dict[str, Any]]:
    table = disposition_exception.c
    rows = session.execute(
        select(table.record_id, table.why, table.hold_id)
        .where(table.disposition_id == disposition_id)
        .order_by(table.record_id)
    )
    return [
        {"record": f"R{row.record_id}", "why": row.why, "hold": f"H{row.hold_id}" if row.hold_id else None}
        for row in rows
    ]
