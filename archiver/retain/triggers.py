"""Triggers: the day from which a record's period counts, from its own time, from recorded events, from its source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Select, bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from archiver.access import Actor
from archiver.archive import Archive, City
from archiver.clock import city_date
from archiver.retain.running import (
    CHUNK,
    REPLACED,
    Period,
    Periods,
    Shortened,
    current_tags,
    earlier_periods,
)
from schema.db.people import custodian
from schema.db.record import observation, record, version
from schema.db.retain import retention_event, retention_tag
from schema.db.sources import account, device, source
from schema.vocab import ObservationKind, Trigger, Visibility

BY_DATE = frozenset(
    {
        Trigger.CREATED,
        Trigger.RECEIVED_OR_SENT,
        Trigger.FISCAL_YEAR_END,
        Trigger.CALENDAR_YEAR_END,
        Trigger.LAST_CHANGED,
    }
)
"""Triggers that the record's own time gives; all others need an event."""

OF_CUSTODIAN = frozenset({Trigger.SEPARATION, Trigger.VOLUNTEER_PERIOD_END})
"""Events of the person in whose hands records lie: later records of the same person count from them at once."""

_NEVER_PUBLIC = (Visibility.PRIVATE.value, Visibility.DIRECT.value)


def days_of(session: Session, city: City, trigger: Trigger, ids: Sequence[int]) -> dict[int, date]:
    """The trigger days of records (at most CHUNK), in the city's zone; records without such a day are left out.

    Of several events the latest counts, and withdrawn ones do not.  A record of unknown time counts from its capture.
    """
    if trigger not in BY_DATE:
        return _event_days(session, trigger, ids)
    rows = session.execute(
        select(record.c.id, record.c.sent_at, record.c.captured_at, record.c.versions).where(record.c.id.in_(ids))
    ).all()
    days = {row.id: city_date(row.captured_at if row.sent_at is None else row.sent_at, city.timezone) for row in rows}
    edited = [row.id for row in rows if row.versions > 1] if trigger is Trigger.LAST_CHANGED else []
    if edited:
        last = (
            select(version.c.record_id, func.max(version.c.captured_at))
            .where(version.c.record_id.in_(edited))
            .group_by(version.c.record_id)
        )
        days.update((one, city_date(at, city.timezone)) for one, at in session.execute(last))
    return days


def _event_days(session: Session, trigger: Trigger, ids: Sequence[int]) -> dict[int, date]:
    days: dict[int, date] = dict(
        session.execute(
            select(retention_event.c.record_id, func.max(retention_event.c.happened_on))
            .where(
                retention_event.c.record_id.in_(ids),
                retention_event.c.trigger == trigger.value,
                retention_event.c.withdrawn_at.is_(None),
            )
            .group_by(retention_event.c.record_id)
        ).all()
    )
    if trigger in OF_CUSTODIAN:
        ended = (
            select(record.c.id, custodian.c.ended_on)
            .join(source, source.c.id == record.c.source_id)
            .join(account, account.c.id == source.c.account_id, isouter=True)
            .join(device, device.c.id == source.c.device_id, isouter=True)
            .join(
                custodian,
                (custodian.c.id == account.c.custodian_id) | (custodian.c.id == device.c.custodian_id),
            )
            .where(record.c.id.in_(ids), custodian.c.ended_on.is_not(None))
        )
        for record_id, day in session.execute(ended):
            days[record_id] = max(day, days.get(record_id, day))
    return days


def sources_of(custodian_id: int) -> Select[int]:
    """The ids of the sources that lie in a custodian's hands, as a subquery."""
    return (
        select(source.c.id)
        .join(account, account.c.id == source.c.account_id, isouter=True)
        .join(device, device.c.id == source.c.device_id, isouter=True)
        .where((account.c.custodian_id == custodian_id) | (device.c.custodian_id == custodian_id))
    )


@dataclass(frozen=True, slots=True)
class Retriggered:
    """How many tags count from another day now, and how many could not without a second person."""

    changed: int
    shortened: int


def retrigger(
    session: Session,
    periods: Periods,
    city: City,
    trigger: Trigger,
    ids: Sequence[int],
    *,
    second: Actor | None = None,
    shortened: Shortened | None = None,
) -> Retriggered:
    """Let the tags of records (at most CHUNK) whose series counts from a trigger count from the days now known.

    A tag whose period would become shorter stays as it is unless a second person approved; it is noted in shortened.
    """
    counting = [one.id for one in periods.series.values() if one.trigger is trigger]
    # A period that is stopped here must not be overtaken by a destruction that has looked at the tags already.
    session.execute(select(record.c.id).where(record.c.id.in_(ids)).order_by(record.c.id).with_for_update()).all()
    tags = [tag for tag in current_tags(session, ids, writing=True) if tag["series_id"] in counting]
    if not tags:
        return Retriggered(0, 0)
    days = days_of(session, city, trigger, [tag["record_id"] for tag in tags])
    waiting = [tag for tag in tags if tag["due_on"] is None]
    earlier = earlier_periods(session, periods, [tag for tag in waiting if tag["second_person_id"] is None])
    withdrawn = _withdrawn_days(session, trigger, [tag["record_id"] for tag in waiting])
    noted = shortened if shortened is not None else Shortened()
    before_count = noted.count
    updates = []
    for tag in tags:
        record_id, series_id = tag["record_id"], tag["series_id"]
        day = days.get(record_id)
        due = periods.due(series_id, day).date
        if (day, due) == (tag["trigger_on"], tag["due_on"]):
            continue
        bounds = _bounds(periods, tag, earlier.get(record_id), withdrawn.get(record_id))
        broken = next((one for one in bounds if periods.shorter(one, series_id, day)), None)
        if broken is not None:
            noted.add(record_id, broken, due)
            if second is None:
                continue
        approved_by = second.id if broken is not None and second is not None else tag["second_person_id"]
        updates.append({"b_id": tag["id"], "trigger_on": day, "due_on": due, "second_person_id": approved_by})
    if updates:
        session.connection().execute(
            update(retention_tag)
            .where(retention_tag.c.id == bindparam("b_id"))
            .values(
                trigger_on=bindparam("trigger_on"),
                due_on=bindparam("due_on"),
                second_person_id=bindparam("second_person_id"),
            ),
            updates,
        )
    return Retriggered(len(updates), noted.count - before_count)


def _bounds(periods: Periods, tag: Mapping[Any, Any], earlier: Period | None, withdrawn: date | None) -> list[Period]:
    """The periods that an event may not undercut: the running one; where none runs, what the record had before."""
    if tag["due_on"] is not None:
        return [Period(tag["series_id"], tag["trigger_on"], tag["due_on"])]
    bounds = []
    if earlier is not None and tag["reason"] == REPLACED and not periods.reliable(earlier):
        # An edition whose period nobody could rely on promised at most the date that it would have had.
        earlier = periods.expected(earlier) if periods.expected(earlier).due_on else None
    if earlier is not None:
        bounds.append(earlier)
    if withdrawn is not None:
        due_on = periods.due(tag["series_id"], withdrawn).date
        bounds.append(Period(tag["series_id"], withdrawn, due_on))
    return bounds


def _withdrawn_days(session: Session, trigger: Trigger, ids: Sequence[int]) -> dict[int, date]:
    """The latest withdrawn day of each record: stating an earlier one anew would shorten what ran from it."""
    rows = session.execute(
        select(retention_event.c.record_id, func.max(retention_event.c.happened_on))
        .where(
            retention_event.c.record_id.in_(ids),
            retention_event.c.trigger == trigger.value,
            retention_event.c.withdrawn_at.is_not(None),
        )
        .group_by(retention_event.c.record_id)
    )
    return dict(rows.all())


def removed_from_view(archive: Archive, session: Session, record_ids: Sequence[int], now: int) -> None:
    """Records that their source says are gone count from that day where their series counts from removal.

    Called in the transaction that wrote the observation `gone`; missing, hidden or unreachable is no removal, and what
    was never public cannot be removed from public view.  The day is the city's, never before the record was last
    seen nor after now, whatever the source says.  now: milliseconds UTC.
    """
    ids = sorted(set(record_ids))
    periods = Periods(session, archive.city) if ids else None
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        newest = (
            select(func.max(observation.c.id))
            .where(observation.c.record_id.in_(chunk), observation.c.kind == ObservationKind.GONE.value)
            .group_by(observation.c.record_id)
        )
        known = select(retention_event.c.observation_id).where(
            retention_event.c.record_id.in_(chunk), retention_event.c.observation_id.is_not(None)
        )
        rows = session.execute(
            select(observation.c.id, observation.c.record_id, observation.c.since, record.c.gone_at)
            .join(record, record.c.id == observation.c.record_id)
            .where(
                observation.c.id.in_(newest),
                observation.c.id.not_in(known),
                record.c.gone_at.is_not(None),
                record.c.destroyed_at.is_(None),
                record.c.visibility.not_in(_NEVER_PUBLIC),
            )
        ).all()
        if not rows or periods is None:
            continue
        events = [
            {
                "record_id": row.record_id,
                "trigger": Trigger.REMOVED_FROM_PUBLIC_VIEW.value,
                "happened_on": city_date(min(max(row.gone_at, row.since or 0), now), archive.city.timezone),
                "observation_id": row.id,
                "recorded_at": now,
            }
            for row in rows
        ]
        session.execute(insert(retention_event), events)
        gone = [row.record_id for row in rows]
        retrigger(session, periods, archive.city, Trigger.REMOVED_FROM_PUBLIC_VIEW, gone)


def back_in_view(archive: Archive, session: Session, record_ids: Sequence[int], now: int) -> None:
    """Records that are at their source again were not removed: the events are withdrawn and the periods stop.

    A person's statement that such a record was removed is withdrawn too, since the source shows the opposite.
    now: milliseconds UTC.
    """
    ids = sorted(set(record_ids))
    for start in range(0, len(ids), CHUNK):
        told = (
            retention_event.c.record_id.in_(ids[start : start + CHUNK]),
            retention_event.c.trigger == Trigger.REMOVED_FROM_PUBLIC_VIEW.value,
            retention_event.c.withdrawn_at.is_(None),
        )
        back = sorted(set(session.execute(select(retention_event.c.record_id).where(*told)).scalars()))
        if not back:
            continue
        session.execute(update(retention_event).where(*told).values(withdrawn_at=now))
        periods = Periods(session, archive.city)
        retrigger(session, periods, archive.city, Trigger.REMOVED_FROM_PUBLIC_VIEW, back)
