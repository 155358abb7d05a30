"""Executing an approved disposition: begin, destroy chunk by chunk, prove, certify; resumable at any point."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.accession.destroyed import sweep_parties
from archiver.archive import Archive
from archiver.collect.leases import leased
from archiver.dispose import elsewhere, marks
from archiver.dispose.batches import living, mark_left, row_of, set_state
from archiver.dispose.certificates import certify
from archiver.dispose.chunks import Chunks
from archiver.dispose.notes import note, notes
from archiver.dispose.proof import prove
from archiver.dispose.readiness import Readiness, look
from archiver.dispose.steadiness import clock_right as vouch_for_clock
from archiver.errors import Refused
from archiver.index.opening import open_index
from schema.db.dispose import disposition_record
from schema.disposal_vocab import DispositionState
from schema.vocab import Role

_GOING = (DispositionState.APPROVED.value, DispositionState.EXECUTING.value, DispositionState.HALTED.value)
_GONE = (DispositionState.DESTROYED.value, DispositionState.PROVEN.value)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an execution is.

    stage: destroying, proving, searching, certified, waiting, or withdrawn.  certificate: its number, in the last step.
    waits: what a person must do first, where the proof cannot be complete yet.
    """

    stage: str
    done: int
    total: int | None = None
    unit: str = "records"
    certificate: str | None = None
    waits: str | None = None


def execute(
    archive: Archive,
    actor: Actor,
    disposition_id: int,
    expect: int,
    *,
    clock_right: str | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Progress]:
    """Destroy what was approved, prove it, certify it; opens its own short units and may be run again after a crash.

    expect: how many records the person expects to go: those of the first run, or those that are left.
    clock_right: why date and time are right although the clock jumped.  stopped: asked between chunks.
    Raises Refused (naming each reason), VerificationFailed where the proof fails, Locked.
    """
    require(actor, Role.RECORDS_OFFICER)
    with leased(archive, f"disposition:{disposition_id}"):
        with archive.reading() as session:
            row = row_of(session, disposition_id)
        if row["state"] in _GONE:
            yield from _conclude(archive, actor, disposition_id)
            return
        total = _begin(archive, actor, row, expect, clock_right)
        done = 0
        yield Progress("destroying", done, total)
        for went in Chunks(archive, disposition_id).destroy_all(stopped):
            done += went
            yield Progress("destroying", done, total)
        if not _finish(archive, actor, disposition_id):
            return
        if not done and not _anything_gone(archive, disposition_id):
            said = f"every record left D{disposition_id} before it could go; it is withdrawn and nothing was destroyed"
            yield Progress("withdrawn", 0, 0, waits=said)
            return
        yield from _conclude(archive, actor, disposition_id)


def conclude(archive: Archive, actor: Actor, disposition_id: int) -> Iterator[Progress]:
    """Prove and certify a disposition whose records are gone, as far as that is possible by now."""
    require(actor, Role.RECORDS_OFFICER)
    with leased(archive, f"disposition:{disposition_id}"):
        yield from _conclude(archive, actor, disposition_id)


def _begin(archive: Archive, actor: Actor, row: dict[str, Any], expect: int, clock_right: str | None) -> int:
    number = row["id"]
    if clock_right is not None:
        with archive.unit() as session:
            vouch_for_clock(archive, session, actor, number, clock_right)
    with archive.reading() as session:
        ready = look(archive, session, number)
        begun = notes(session, number)
    if begun.get("parts"):
        raise Refused(
            reason=f"D{number} takes a part of a record, not the whole",
            action="`archiver dispose expunge` carries it out.",
        )
    _check(number, ready, expect, begun)
    fresh = row["state"] == DispositionState.APPROVED.value
    if fresh:
        engine = open_index(archive)
        try:
            chosen = marks.choose(archive, engine, number)
        finally:
            engine.close()
        with archive.reading() as session:
            begun = {"expected": ready.count, "copies": elsewhere.copies(session, number)}
            begun["readiness"] = {"at": archive.now(), **_orders(session)}
    with archive.unit() as session:
        mark_left(session, number, ready.leaving, archive.now())
        if fresh:
            values = {"began_at": archive.now(), "executed_by": actor.id}
            set_state(session, number, DispositionState.EXECUTING, **values)
            payload_id = marks.keep(archive, session, number, chosen)
            set_state(session, number, DispositionState.EXECUTING, marks_payload_id=payload_id)
        elif row["state"] == DispositionState.HALTED.value:
            set_state(session, number, DispositionState.EXECUTING)
        note(session, number, **begun)
        facts = {"expected": expect, "records": ready.count, "left": len(ready.leaving), "resumed": not fresh}
        archive.record_act(session, "dispose.execute", "disposition", number, actor_id=actor.id, facts=facts)
    return ready.count


def _check(number: int, ready: Readiness, expect: int, begun: dict[str, Any]) -> None:
    if ready.refusals:
        raise Refused(
            reason="; ".join(one.reason for one in ready.refusals),
            action=" ".join(dict.fromkeys(one.action for one in ready.refusals)),
        )
    if expect not in (ready.count, begun.get("expected", ready.count)):
        raise Refused(
            reason=f"{ready.count} records of D{number} would go, not {expect}",
            action=f"Run `archiver dispose execute D{number}` without --expect-count, then name the number it says.",
        )


def _orders(session: Session) -> dict[str, int]:
    """How many holds were in force and requests open when they were asked."""
    from schema.db.hold import hold
    from schema.db.requests import data_request
    from schema.vocab import HoldState, RequestState

    holds = select(func.count()).select_from(hold).where(hold.c.state != HoldState.LIFTED.value)
    requests = select(func.count()).select_from(data_request).where(data_request.c.state == RequestState.OPEN.value)
    return {
        "holds": int(session.execute(holds).scalar_one()),
        "requests": int(session.execute(requests).scalar_one()),
    }


def _finish(archive: Archive, actor: Actor, disposition_id: int) -> bool:
    """Everything is gone or has left; False where some is still to go."""
    with archive.unit() as session:
        if living(session, disposition_id, 0, 1):
            return False
        count, now = _gone(session, disposition_id), archive.now()
        if not count:  # there is nothing to certify
            set_state(session, disposition_id, DispositionState.WITHDRAWN)
            archive.record_act(session, "dispose.withdraw", "disposition", disposition_id, actor_id=actor.id)
            return True
        set_state(session, disposition_id, DispositionState.DESTROYED, destroyed_at=now, executed_by=actor.id)
        note(session, disposition_id, destroyed=count, master=archive.vault.master_id)
        archive.record_act(
            session, "dispose.destroyed", "disposition", disposition_id, actor_id=actor.id, facts={"records": count}
        )
    after: int | None = 0
    while after is not None:
        with archive.unit() as session:
            after = sweep_parties(session, archive.now(), after)
    return True


def _gone(session: Session, disposition_id: int) -> int:
    """How many records of a disposition are destroyed."""
    mine = disposition_record.c.disposition_id == disposition_id
    gone = select(func.count()).select_from(disposition_record)
    return int(session.execute(gone.where(mine, disposition_record.c.destroyed_at.is_not(None))).scalar_one())


def _anything_gone(archive: Archive, disposition_id: int) -> bool:
    with archive.reading() as session:
        return _gone(session, disposition_id) > 0


def _conclude(archive: Archive, actor: Actor, disposition_id: int) -> Iterator[Progress]:
    with archive.reading() as session:
        row = row_of(session, disposition_id)
    if row["state"] == DispositionState.DESTROYED.value:
        waits = None
        for step in prove(archive, disposition_id):
            waits = step.waits
            yield Progress(step.stage, step.done, step.total, step.unit, waits=step.waits)
        if waits is not None:
            return
    elif row["state"] != DispositionState.PROVEN.value:
        number = row["certificate"]
        raise Refused(
            reason=f"D{disposition_id} is {row['state']}" + (f" ({number})" if number else ""),
            action="`archiver dispose show` tells what comes next.",
        )
    with archive.unit() as session:
        number = certify(archive, session, actor, disposition_id)
    yield Progress("certified", 1, 1, "certificates", certificate=number)
