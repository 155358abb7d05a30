"""The brake: a hold of kind halt stays `placing`, and while one exists the database destroys nothing (decision 18)."""

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from archiver.access import Actor
from archiver.archive import Archive
from archiver.vault.payloads import keep_text
from schema.db.hold import hold
from schema.vocab import HoldKind, HoldScope, HoldState, OwnerKind

_MATTER = "disposition halted"


def begin_halt(archive: Archive, session: Session, actor: Actor, reason: str) -> int:
    """Stop every destruction from the caller's commit on; returns the hold's id."""
    values = {
        "kind": HoldKind.HALT.value,
        "scope": HoldScope.MEMBERS.value,
        "state": HoldState.PLACING.value,
        "matter": _MATTER,
        "placed_at": archive.now(),
        "placed_by": actor.id,
    }
    new = int(session.execute(insert(hold).values(values).returning(hold.c.id)).scalar_one())
    owner = archive.vault.add_owner(session, OwnerKind.HOLD, new)
    reason_id = keep_text(session, archive.vault, owner, reason)
    session.execute(update(hold).where(hold.c.id == new).values(reason_payload_id=reason_id))
    return new


def halts_in_force(session: Session) -> list[int]:
    """The halts that stop destruction now."""
    chosen = select(hold.c.id).where(hold.c.kind == HoldKind.HALT.value, hold.c.state != HoldState.LIFTED.value)
    return list(session.execute(chosen.order_by(hold.c.id)).scalars())


def end_halts(archive: Archive, session: Session, actor: Actor) -> list[int]:
    """Lift every halt; returns their ids, none where nothing was halted."""
    found = halts_in_force(session)
    values = {"state": HoldState.LIFTED.value, "lifted_at": archive.now(), "lifted_by": actor.id}
    for one in found:
        session.execute(update(hold).where(hold.c.id == one).values(values))
    return found
