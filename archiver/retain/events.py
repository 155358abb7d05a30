"""Events that a person records: what starts a period that no date of the record itself tells."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, exists, func, insert, literal, select, update
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.clock import city_date
from archiver.errors import NotFound, UsageError
from archiver.retain.running import Periods, Shortened, check_second, chunks
from archiver.retain.triggers import BY_DATE, OF_CUSTODIAN, retrigger, sources_of
from archiver.sources.custodians import custodian_id, end_custodian
from schema.db.record import record
from schema.db.retain import retention_event
from schema.vocab import Role, Trigger


@dataclass(frozen=True, slots=True)
class Told:
    """What an act did: records it was about, and how many of them count from another day now."""

    records: int
    changed: int
    shortened: int


def of_thread(session: Session, record_id: int) -> ColumnElement[bool]:
    """The condition for all records of the thread in which a record lies; raises NotFound, UsageError."""
    row = session.execute(select(record.c.thread_id).where(record.c.id == record_id)).one_or_none()
    same: ColumnElement[bool] = record.c.thread_id == (row.thread_id if row else None)
    if row is None:
        raise NotFound(noun="record", name=f"R{record_id}")
    if row.thread_id is None:
        raise UsageError(problem=f"R{record_id} is in no thread; name the records with --records")
    return same


def of_custodian(session: Session, name: str) -> ColumnElement[bool]:
    """The condition for all records that came from accounts and devices of a custodian; raises NotFound."""
    return record.c.source_id.in_(sources_of(custodian_id(session, name)))


def record_event(
    archive: Archive,
    session: Session,
    actor: Actor,
    trigger: Trigger,
    on: date,
    chosen: Sequence[int] | ColumnElement[bool],
    reason: str,
    *,
    custodian: str | None = None,
    second: Actor | None = None,
) -> Told:
    """Record that something happened on a day of the city; records whose series counts from it get their dates.

    Of several events the latest counts, so another event never makes a period shorter; one that is stated anew with an
    earlier day than a withdrawn one does, and takes a second person.
    custodian: whose separation or end of volunteering it is; records that are collected later count from it too.
    Raises Refused, UsageError, NotFound.
    """
    require(actor, Role.RECORDS_OFFICER)
    check_second(actor, second)
    if trigger in BY_DATE or trigger is Trigger.NONE:
        raise UsageError(problem=f"{trigger.value} is no event: the record's own time tells it")
    if on > city_date(archive.now(), archive.city.timezone) and trigger not in OF_CUSTODIAN:
        raise UsageError(problem=f"{on} is still to come; record the event when it has happened")
    if custodian is not None and trigger in OF_CUSTODIAN:
        end_custodian(archive, session, actor, custodian, on)
    periods, shortened = Periods(session, archive.city), Shortened()
    records, changed, last = 0, 0, 0
    for ids in chunks(session, chosen):
        _insert(session, trigger, on, ids, actor, archive.now())
        told = retrigger(session, periods, archive.city, trigger, ids, second=second, shortened=shortened)
        records, changed, last = records + len(ids), changed + told.changed, ids[-1]
    shortened.refuse(second)
    if records == 0 and not (custodian is not None and trigger in OF_CUSTODIAN):
        raise UsageError(problem="no record was named or found; nothing was recorded")
    done = Told(records, changed, shortened.count)
    _audit(archive, session, actor, "event.record", trigger, reason, done, last, second, on=on.isoformat())
    return done


def _insert(session: Session, trigger: Trigger, on: date, ids: Sequence[int], actor: Actor, now: int) -> None:
    """One statement; records that have the same event already get no second one."""
    same = exists().where(
        retention_event.c.record_id == record.c.id,
        retention_event.c.trigger == trigger.value,
        retention_event.c.happened_on == on,
        retention_event.c.withdrawn_at.is_(None),
    )
    columns = ["record_id", "trigger", "happened_on", "person_id", "recorded_at"]
    chosen = select(
        record.c.id,
        literal(trigger.value),
        literal(on, retention_event.c.happened_on.type),
        literal(actor.id),
        literal(now, retention_event.c.recorded_at.type),
    ).where(record.c.id.in_(ids), ~same)
    session.execute(insert(retention_event).from_select(columns, chosen))


def withdraw_event(
    archive: Archive,
    session: Session,
    actor: Actor,
    trigger: Trigger,
    chosen: Sequence[int] | ColumnElement[bool],
    reason: str,
    *,
    on: date | None = None,
    custodian: str | None = None,
    second: Actor | None = None,
) -> Told:
    """Withdraw events that were recorded wrongly; they stay to be read.  Records left without any wait for one again.

    on: only those of that day.  Where an earlier event of a record then counts, its period becomes shorter, which takes
    a second person.  Raises Refused, UsageError where there is none, NotFound.
    """
    require(actor, Role.RECORDS_OFFICER)
    check_second(actor, second)
    if custodian is not None and trigger in OF_CUSTODIAN:
        end_custodian(archive, session, actor, custodian, None)
    periods, shortened = Periods(session, archive.city), Shortened()
    records, changed, last = 0, 0, 0
    for ids in chunks(session, chosen):
        told = [
            retention_event.c.record_id.in_(ids),
            retention_event.c.trigger == trigger.value,
            retention_event.c.withdrawn_at.is_(None),
        ]
        if on is not None:
            told.append(retention_event.c.happened_on == on)
        found = sorted(set(session.execute(select(retention_event.c.record_id).where(*told)).scalars()))
        session.execute(update(retention_event).where(*told).values(withdrawn_at=archive.now()))
        done = retrigger(session, periods, archive.city, trigger, ids, second=second, shortened=shortened)
        records, changed = records + len(found), changed + done.changed
        last = found[-1] if found else last
    shortened.refuse(second)
    if records == 0 and changed == 0:
        raise UsageError(problem=f"no event {trigger.value} is recorded of these records; nothing was withdrawn")
    withdrawn = Told(records, changed, shortened.count)
    when = {"on": on.isoformat()} if on else {}
    _audit(archive, session, actor, "event.withdraw", trigger, reason, withdrawn, last, second, **when)
    return withdrawn


def _audit(
    archive: Archive,
    session: Session,
    actor: Actor,
    act: str,
    trigger: Trigger,
    reason: str,
    told: Told,
    last: int,
    second: Actor | None,
    **facts: str,
) -> None:
    newest = None
    if told.records > 1:
        newest = session.execute(select(func.max(retention_event.c.id))).scalar()
    what = ("record", last) if told.records == 1 else ("retention_event", newest)
    counts = {"records": told.records, "changed": told.changed, "shortened": told.shortened}
    by = {"second_person": second.id} if second else {}
    archive.record_act(
        session,
        act,
        *what,
        actor_id=actor.id,
        facts={"trigger": trigger.value, **facts, **counts, **by},
        text=reason,
    )
