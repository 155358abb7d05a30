"""Holds that ask a question: placed step by step, and evaluated up to a moment that nothing can fall before any more.

The rooms below the search know members only (decision 18); `archiver.pipeline.standing` asks the question.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, Select, func, select, update
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.collect.running import running_since
from archiver.errors import NotFound, Refused
from archiver.retain import families
from archiver.retain.holds import PLACERS, Joined, begin, join, lock, place
from archiver.vault.payloads import keep_text, read_text
from schema.db.capture import capture
from schema.db.hold import hold, hold_member
from schema.db.index import outbox
from schema.db.record import tombstone
from schema.vocab import HoldKind, HoldScope, HoldState, OwnerKind


@dataclass(frozen=True, slots=True)
class Question:
    """A hold's question.

    text: None for a hold by list.  asked_at: milliseconds UTC, what "last week" in it means.  evaluated_to: the last
    change that was evaluated.  standing: future captures join.  families: members bring their threads.
    """

    hold_id: int
    text: str | None
    asked_at: int
    evaluated_to: int
    standing: bool
    families: bool


@dataclass(frozen=True, slots=True)
class Horizon:
    """Nothing can be committed any more, or is still to be indexed, as changed at or before `to` (milliseconds UTC).

    capture: the newest run known when this was seen; the clock of a later one may be behind.
    """

    to: int
    capture: int


@dataclass(frozen=True, slots=True)
class Placed:
    """A hold in force.

    destroyed: records that the question found but that were destroyed before they could join.  tombstones: all records
    destroyed earlier, whose content can no longer be searched.
    """

    hold_id: int
    members: int
    destroyed: int
    tombstones: int


def start(
    archive: Archive,
    session: Session,
    actor: Actor,
    *,
    kind: HoldKind,
    matter: str,
    reason: str,
    query: str,
    standing: bool,
    families: bool,
) -> int:
    """Begin a hold of what a question finds; while it is `placing`, nothing at all is destroyed.  Raises Refused."""
    new = begin(
        archive,
        session,
        actor,
        kind=kind,
        scope=HoldScope.STANDING if standing else HoldScope.MEMBERS,
        matter=matter,
        reason=reason,
    )
    owner = archive.vault.owner(session, OwnerKind.HOLD, new)
    assert owner is not None, "begin made its key in this transaction"
    values = {
        "query_payload_id": keep_text(session, archive.vault, owner, query),
        "families": families,
        "evaluated_to": 0 if standing or families else None,
    }
    session.execute(update(hold).where(hold.c.id == new).values(values))
    facts = {"kind": kind.value, "standing": standing, "families": families}
    archive.record_act(session, "hold.placing", "hold", new, actor_id=actor.id, facts=facts)
    return new


def unfinished(archive: Archive, session: Session, actor: Actor, hold_id: int) -> Question:
    """The question of a hold whose placing did not come to its end; raises Refused, NotFound."""
    require(actor, *PLACERS)
    row = session.execute(select(hold).where(hold.c.id == hold_id)).mappings().one_or_none()
    if row is None:
        raise NotFound(noun="hold", name=f"H{hold_id}")
    if row["kind"] == HoldKind.HALT.value:
        raise Refused(
            reason=f"H{hold_id} is a halt of all destruction, not a hold",
            action="End it with `archiver dispose halt --end`.",
        )
    if row["state"] != HoldState.PLACING.value or row["query_payload_id"] is None:
        raise Refused(reason=f"H{hold_id} is {row['state']}, not left half placed", action="Nothing to do.")
    return _question(archive, session, row)


def evaluated(archive: Archive, session: Session) -> list[Question]:
    """The holds in force that are evaluated again and again: standing ones and those with families."""
    chosen = select(hold).where(hold.c.state == HoldState.ACTIVE.value, hold.c.evaluated_to.is_not(None))
    rows = session.execute(chosen.order_by(hold.c.id)).mappings().all()
    return [_question(archive, session, row) for row in rows]


def _question(archive: Archive, session: Session, row: RowMapping) -> Question:
    return Question(
        hold_id=row["id"],
        text=read_text(session, archive.vault, row["query_payload_id"]),
        asked_at=row["placed_at"],
        evaluated_to=row["evaluated_to"] or 0,
        standing=row["scope"] == HoldScope.STANDING.value,
        families=bool(row["families"]),
    )


def horizon(archive: Archive, session: Session) -> Horizon:
    """How far holds can be evaluated now.

    A run commits its records as changed at its own beginning, so the beginning of each that still goes on is a limit;
    so is the oldest change that is not in the index; and the present, since whatever begins later is later.
    """
    session.execute(_evaluated_rows())  # whoever begins a run waits for this transaction, or is seen by it
    began = running_since(archive, session)
    waiting = session.execute(select(func.min(outbox.c.written_at))).scalar()
    newest = session.execute(select(func.max(capture.c.id))).scalar()
    return Horizon(min(one for one in (archive.now(), began, waiting) if one is not None) - 1, newest or 0)


def _evaluated_rows() -> Select[Any]:
    chosen = select(hold.c.id, hold.c.evaluated_to).where(
        hold.c.state != HoldState.LIFTED.value, hold.c.evaluated_to.is_not(None)
    )
    return chosen.order_by(hold.c.id).with_for_update()


def reopen(session: Session, started_at: int) -> None:
    """A run begins: nothing that it will commit counts as evaluated, wherever the clock stood before.

    started_at: milliseconds UTC; in the transaction that opens the run's receipt.
    """
    for row in session.execute(_evaluated_rows()).all():
        if row.evaluated_to >= started_at:
            session.execute(update(hold).where(hold.c.id == row.id).values(evaluated_to=started_at - 1))


def add(archive: Archive, session: Session, hold_id: int, ids: Sequence[int], *, with_families: bool) -> Joined:
    """Add what a question found, and its threads where the hold brings families; destroyed records are left out."""
    joined = join(archive, session, hold_id, ids)
    if with_families:
        more = join(archive, session, hold_id, families.mates(session, ids))
        return Joined(joined.added + more.added, joined.destroyed)
    return joined


def activate(
    archive: Archive, session: Session, actor: Actor, question: Question, seen: Horizon, destroyed: int
) -> Placed:
    """The hold is complete and in force; raises Refused where it was lifted meanwhile."""
    hold_id = question.hold_id
    lock(session, hold_id)
    values: dict[str, object] = {"state": HoldState.ACTIVE.value}
    if question.standing or question.families:
        values["evaluated_to"] = _still(session, seen)
    session.execute(update(hold).where(hold.c.id == hold_id).values(values))
    members = count_members(session, hold_id)
    facts = {"records": members, "standing": question.standing, "families": question.families, "destroyed": destroyed}
    archive.record_act(session, "hold.place", "hold", hold_id, actor_id=actor.id, facts=facts)
    tombstones = int(session.execute(select(func.count()).select_from(tombstone)).scalar_one())
    return Placed(hold_id, members, destroyed, tombstones)


def note_evaluated(session: Session, hold_id: int, seen: Horizon) -> None:
    """Everything up to the horizon was evaluated; never takes back what was evaluated further meanwhile."""
    session.execute(_evaluated_rows())
    to = _still(session, seen)
    further = (hold.c.id == hold_id) & (hold.c.state == HoldState.ACTIVE.value) & (hold.c.evaluated_to < to)
    session.execute(update(hold).where(further).values(evaluated_to=to))


def _still(session: Session, seen: Horizon) -> int:
    """The horizon, or less where a run began since whose clock is behind."""
    later = select(func.min(capture.c.started_at)).where(capture.c.id > seen.capture)
    began = session.execute(later).scalar()
    return seen.to if began is None else min(seen.to, began - 1)


def count_members(session: Session, hold_id: int) -> int:
    """How many records a hold has."""
    counted = select(func.count()).select_from(hold_member).where(hold_member.c.hold_id == hold_id)
    return int(session.execute(counted).scalar_one())


def place_with_families(
    archive: Archive,
    session: Session,
    actor: Actor,
    *,
    kind: HoldKind,
    matter: str,
    reason: str,
    records: Sequence[int],
) -> int:
    """Place a hold on listed records and their threads, also on what joins these later.  Raises as `holds.place`."""
    seen = horizon(archive, session)
    everything = [*records, *families.mates(session, records)]
    new = place(archive, session, actor, kind=kind, matter=matter, reason=reason, records=everything)
    session.execute(update(hold).where(hold.c.id == new).values(families=True, evaluated_to=seen.to))
    return new
