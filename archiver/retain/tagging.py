"""Giving records another series by a person's decision, one or many in one act; earlier tags stay as history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, update
from sqlalchemy.orm import Session

from archiver import outbox
from archiver.access import Actor, require
from archiver.archive import Archive, City
from archiver.errors import NotFound, UsageError
from archiver.retain.running import (
    Period,
    Periods,
    Shortened,
    check_second,
    chunks,
    current_tags,
    earlier_periods,
)
from archiver.retain.series import find_series
from archiver.retain.tags import write_tags
from archiver.retain.triggers import days_of
from schema.db.retain import retention_tag
from schema.vocab import OutboxKind, Role


@dataclass(frozen=True, slots=True)
class Change:
    """A record that shall have another series.

    tag_id: the tag that ends.  before: the period that ran, None where none did.  shorter: it would be shortened.
    """

    tag_id: int
    record_id: int
    series_id: int
    rule_id: int | None
    reason: str
    trigger_on: date | None
    due_on: date | None
    before: Period | None
    shorter: bool


@dataclass(frozen=True, slots=True)
class TagsSet:
    """What an act did.  series: key.  shortened: how many of the records had a longer period before."""

    series: str
    records: int
    shortened: int


def set_series(
    archive: Archive,
    session: Session,
    actor: Actor,
    chosen: Sequence[int] | ColumnElement[bool],
    key: str,
    reason: str,
    *,
    second: Actor | None = None,
) -> TagsSet:
    """Give records another series by a person's decision, all of them or none.

    chosen: ids, or a condition on `record`.  second: who approves it too where a running period becomes shorter.
    Raises Refused where a period would be shortened without a second person, NotFound, UsageError.
    """
    require(actor, Role.RECORDS_OFFICER)
    check_second(actor, second)
    series = find_series(session, key)
    if series.ended:
        raise UsageError(problem=f"the series {series.key} has ended; choose the one that took its place")
    periods, shortened = Periods(session, archive.city), Shortened()
    records, last = 0, 0
    for ids in chunks(session, chosen):
        tags = current_tags(session, ids, writing=True)
        if len(tags) < len(ids):
            raise NotFound(noun="tag of record", name=f"R{min(set(ids) - {tag['record_id'] for tag in tags})}")
        changes = plan(session, archive.city, periods, tags, {tag["record_id"]: (series.id, None) for tag in tags})
        for one in changes:
            if one.shorter:
                shortened.add(one.record_id, one.before, one.due_on)
        if shortened.count == 0 or second is not None:
            write_changes(session, changes, archive.now(), person=actor, second=second)
        records, last = records + len(changes), ids[-1]
    shortened.refuse(second)
    if records == 0:
        raise UsageError(problem="no record was named or found; nothing was changed")
    facts = {"series": series.id, "records": records, "shortened": shortened.count}
    if second is not None:
        facts["second_person"] = second.id
    what = ("record", last) if records == 1 else ("series", series.id)
    archive.record_act(session, "tag.set", *what, actor_id=actor.id, facts=facts, text=reason)
    return TagsSet(series.key, records, shortened.count)


def plan(
    session: Session,
    city: City,
    periods: Periods,
    tags: Sequence[Mapping[Any, Any]],
    wanted: Mapping[int, tuple[int, int | None]],
) -> list[Change]:
    """What giving records (at most a chunk) other series would do to their periods; nothing is written.

    tags: the records' current tags.  wanted: record -> (series, rule or None for a person's decision).
    """
    days: dict[int, date] = {}
    for series_id in {series_id for series_id, _rule in wanted.values()}:
        alike = [record_id for record_id, (its, _rule) in wanted.items() if its == series_id]
        days.update(days_of(session, city, periods.series[series_id].trigger, alike))
    aside = [tag for tag in tags if tag["series_id"] == periods.unscheduled]
    earlier = earlier_periods(session, periods, aside) if aside else {}
    changes = []
    for tag in tags:
        record_id = tag["record_id"]
        series_id, rule_id = wanted[record_id]
        before = Period(tag["series_id"], tag["trigger_on"], tag["due_on"])
        if tag["series_id"] == periods.unscheduled:
            before = earlier.get(record_id, before)
        day = days.get(record_id)
        changes.append(
            Change(
                tag_id=tag["id"],
                record_id=record_id,
                series_id=series_id,
                rule_id=rule_id,
                reason="rule" if rule_id else "no rule fits",
                trigger_on=day,
                due_on=periods.due(series_id, day).date,
                before=before,
                shorter=periods.shorter(before, series_id, day),
            )
        )
    return changes


def write_changes(
    session: Session, changes: Sequence[Change], now: int, *, person: Actor | None, second: Actor | None
) -> None:
    """End the tags and write the new ones, of a person or (None) of rules; the index learns the series."""
    if not changes:
        return
    ending = update(retention_tag).where(retention_tag.c.id.in_([one.tag_id for one in changes]))
    session.execute(ending.values(ended_at=now))
    write_tags(
        session,
        [
            {
                "record_id": one.record_id,
                "series_id": one.series_id,
                "rule_id": one.rule_id,
                "person_id": person.id if person else None,
                "second_person_id": second.id if one.shorter and second else None,
                "reason": "person" if person else one.reason,
                "trigger_on": one.trigger_on,
                "due_on": one.due_on,
                "tagged_at": now,
            }
            for one in changes
        ],
    )
    outbox.enqueue(session, OutboxKind.INDEX, (one.record_id for one in changes), now)
