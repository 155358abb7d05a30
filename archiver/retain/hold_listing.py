"""Holds as people see them: which are in force, what they cover, who has not answered their notice."""

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from archiver.archive import Archive
from archiver.errors import NotFound
from archiver.retain.hold_notices import notices_of, unanswered
from archiver.vault.payloads import read_text
from schema.db.hold import hold, hold_member
from schema.db.people import person
from schema.vocab import HoldScope, HoldState

_SHOWN = (
    *("id", "kind", "scope", "state", "matter", "request_id", "placed_at", "until_on", "lifted_at"),
    *("families", "evaluated_to"),
)


def list_holds(session: Session, *, lifted: bool = False) -> list[dict[str, Any]]:
    """Holds with how many records are their members and how many notices are unanswered; times in milliseconds UTC."""
    chosen = select(hold) if lifted else select(hold).where(hold.c.state != HoldState.LIFTED.value)
    return _rows(session, chosen)


def find_hold(session: Session, hold_id: int) -> dict[str, Any]:
    """One hold as the list has it; raises NotFound."""
    found = _rows(session, select(hold).where(hold.c.id == hold_id))
    if not found:
        raise NotFound(noun="hold", name=f"H{hold_id}")
    return found[0]


def _rows(session: Session, chosen: Select[Any]) -> list[dict[str, Any]]:
    rows = session.execute(chosen.order_by(hold.c.id)).mappings().all()
    ids = [row["id"] for row in rows]
    counted = select(hold_member.c.hold_id, func.count()).where(hold_member.c.hold_id.in_(ids))
    members: dict[int, int] = dict(session.execute(counted.group_by(hold_member.c.hold_id)).all())
    left = unanswered(session)
    return [
        {
            **{key: row[key] for key in _SHOWN},
            "standing": row["scope"] == HoldScope.STANDING.value,
            "members": members.get(row["id"], 0),
            "unanswered": left[row["id"]].count if row["id"] in left else 0,
        }
        for row in rows
    ]


def show_hold(archive: Archive, session: Session, hold_id: int) -> dict[str, Any]:
    """One hold with its reason, question, the ids of its members and its notices; raises NotFound."""
    found = find_hold(session, hold_id)
    row = session.execute(select(hold).where(hold.c.id == hold_id)).mappings().one()
    members = select(hold_member.c.record_id).where(hold_member.c.hold_id == hold_id).order_by(hold_member.c.record_id)
    names = {
        key: session.execute(select(person.c.name).where(person.c.id == row[key])).scalar()
        for key in ("placed_by", "lifted_by")
    }
    return {
        **found,
        **names,
        "reason": read_text(session, archive.vault, row["reason_payload_id"]),
        "query": read_text(session, archive.vault, row["query_payload_id"]),
        "records": list(session.execute(members).scalars()),
        "notices": notices_of(archive, session, hold_id),
    }


def unfinished_holds(session: Session) -> list[tuple[int, str]]:
    """Holds whose placing did not come to its end, and halts, with their kind; each stops all destruction."""
    chosen = select(hold.c.id, hold.c.kind).where(hold.c.state == HoldState.PLACING.value).order_by(hold.c.id)
    return [(row.id, row.kind) for row in session.execute(chosen)]
