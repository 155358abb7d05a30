"""The test box of schedules: what would happen to these records on a day, and why; it reads and changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import and_, func, or_, select, true
from sqlalchemy.orm import Session

from archiver.accession.content import unpacked
from archiver.archive import Archive
from archiver.clock import city_date
from archiver.retain.dates import in_words
from archiver.retain.facts import facts_of, text_of
from archiver.retain.rules import Rule, first_fit
from archiver.retain.running import CHUNK, Period
from archiver.retain.series import AdoptedSeries, current_of
from archiver.retain.tagging_rules import first_contents
from archiver.retain.tags import Tagger
from archiver.retain.triggers import days_of
from schema.db.backup import restore
from schema.db.dispose import disposition, disposition_record
from schema.db.hold import hold, hold_member, hold_source
from schema.db.record import record
from schema.db.retain import retention_tag
from schema.disposal_vocab import DispositionState
from schema.vocab import HoldKind, HoldScope, HoldState, Trigger

WAITS_SECOND = "An earlier tag promised a later date: a second person lets it have this one (`archiver schedule move`)."
OVER = (DispositionState.CERTIFIED.value, DispositionState.WITHDRAWN.value)


@dataclass(slots=True)
class Outlook:
    """What would happen to a record.

    series: the one that it has, or would have under the rules tried; before: the one it has now, where that differs.
    rule: the first that fits, and the series it names; a person's decision goes before it.  holds: ids.
    waits_for: sentences, none where a records officer could propose it.
    """

    record: int
    series: str | None = None
    title: str = ""
    before: str | None = None
    rule: Mapping[str, Any] | None = None
    chosen_by: str = ""
    trigger: Trigger = Trigger.NONE
    trigger_on: date | None = None
    due_on: date | None = None
    explanation: str = ""
    action: str = ""
    holds: list[int] = field(default_factory=list)
    waits_for: list[str] = field(default_factory=list)


def outlook(
    archive: Archive,
    session: Session,
    ids: Sequence[int],
    *,
    on: date | None = None,
    rules: Sequence[Rule] | None = None,
) -> list[Outlook]:
    """What would happen to records (at most CHUNK) on a day, in order of id.

    on: day in the city, by default today.  rules: tried instead of those that tagged the records; a person's decision
    stays.  Holds, requests and dispositions are those of now.
    """
    listed = sorted(set(ids))[:CHUNK]
    today = city_date(archive.now(), archive.city.timezone)
    tagger = Tagger(session, archive.city)
    if rules is not None:
        tagger.rules = list(rules)
    rows = {row["id"]: row for row in session.execute(select(record).where(record.c.id.in_(listed))).mappings()}
    current = select(retention_tag).where(retention_tag.c.record_id.in_(listed), retention_tag.c.ended_at.is_(None))
    tags = {row["record_id"]: row for row in session.execute(current).mappings()}
    living = [one for one, row in rows.items() if row["destroyed_at"] is None and one in tags]
    tried = _tried(archive, session, tagger, [one for one in living if tags[one]["person_id"] is None], rows, tags)
    looked = {one: _looked(tagger, tags[one], tried if rules is not None else {}, tried) for one in living}
    if rules is not None:
        _dates_anew(archive, session, tagger, looked, tags)
    _what_stops(session, looked, rows, tags, on or today, today, archive.city.timezone)
    return [looked[one] if one in looked else _no_more(archive, one, rows.get(one)) for one in listed]


def _no_more(archive: Archive, record_id: int, row: Mapping[Any, Any] | None) -> Outlook:
    if row is None:
        return Outlook(record_id, waits_for=[f"There is no record R{record_id}."])
    day = city_date(row["destroyed_at"], archive.city.timezone)
    return Outlook(record_id, waits_for=[f"It was destroyed on {in_words(day)}."])


def _tried(
    archive: Archive,
    session: Session,
    tagger: Tagger,
    ids: Sequence[int],
    rows: Mapping[int, Mapping[Any, Any]],
    tags: Mapping[int, Mapping[Any, Any]],
) -> dict[int, Rule | None]:
    """The rule that fits each record, as its first version was; records whose content cannot be read are left out."""
    contents = first_contents(archive, session, ids)
    fitting = {}
    for one in ids:
        if one in contents:
            content = unpacked(contents[one])
            facts = facts_of(tagger.subjects[rows[one]["source_id"]], rows[one], content, archive.city.timezone)
            fitting[one] = first_fit(tagger.rules, facts, text_of(content))
    return fitting


def _looked(
    tagger: Tagger, tag: Mapping[Any, Any], deciding: Mapping[int, Rule | None], fits: Mapping[int, Rule | None]
) -> Outlook:
    every = tagger.periods.series
    one, mine = tag["record_id"], every[tag["series_id"]]
    series, rule = mine, fits.get(one)
    if one in deciding:
        rule, series_id = tagger.chosen(deciding[one])
        series = every[series_id]
    due = tagger.periods.due(series.id, tag["trigger_on"])
    waits = _series_waits(every, series)
    if due.date is not None and tag["due_on"] is None and series.id == mine.id:
        waits.append(WAITS_SECOND)
    by_rule = deciding[one] is not None if one in deciding else tag["rule_id"] is not None
    return Outlook(
        record=one,
        series=series.key,
        title=series.title,
        before=mine.key if series.id != mine.id else None,
        rule={"position": rule.position, "series": every[tagger.chosen(rule)[1]].key} if rule else None,
        chosen_by="person" if tag["person_id"] is not None else "rule" if by_rule else "no rule fits",
        trigger=series.trigger,
        trigger_on=tag["trigger_on"],
        due_on=tag["due_on"],
        explanation=due.explanation,
        action=series.action.value,
        waits_for=waits,
    )


def _series_waits(every: Mapping[int, AdoptedSeries], series: AdoptedSeries) -> list[str]:
    if not series.ended:
        return []
    after = current_of(every, series.id)
    if after is None:
        return [f"{series.key} has ended and no series stands in its place; a records officer names one."]
    return [f"{series.key} has ended; the record waits to be moved to {after.key} (`archiver schedule move`)."]


def _dates_anew(
    archive: Archive,
    session: Session,
    tagger: Tagger,
    looked: Mapping[int, Outlook],
    tags: Mapping[int, Mapping[Any, Any]],
) -> None:
    """The dates that the series tried would give; a shorter period waits for a second person."""
    by_key = {one.key: one for one in tagger.periods.series.values()}
    moved: dict[str, list[int]] = {}
    for one in looked.values():
        if one.before is not None and one.series is not None:
            moved.setdefault(one.series, []).append(one.record)
    for key, ids in moved.items():
        series = by_key[key]
        days = days_of(session, archive.city, series.trigger, ids)
        for record_id in ids:
            one, tag, day = looked[record_id], tags[record_id], days.get(record_id)
            due = tagger.periods.due(series.id, day)
            before = Period(tag["series_id"], tag["trigger_on"], tag["due_on"])
            one.trigger_on, one.due_on, one.explanation = day, due.date, due.explanation
            if tagger.periods.shorter(before, series.id, day):
                was = "no date" if tag["due_on"] is None else in_words(tag["due_on"])
                one.waits_for.append(f"Its period so far ({was}) would become shorter: that needs a second person.")


def _what_stops(
    session: Session,
    looked: Mapping[int, Outlook],
    rows: Mapping[int, Mapping[Any, Any]],
    tags: Mapping[int, Mapping[Any, Any]],
    on: date,
    today: date,
    zone: str,
) -> None:
    for one in looked.values():
        if one.due_on is None:
            if WAITS_SECOND not in one.waits_for:
                one.waits_for.append(one.explanation)
        elif one.due_on > on:
            one.waits_for.append(f"It is not due before {in_words(one.due_on)}.")
    ids = list(looked)
    stops = (
        _holds(session, ids),
        _lifted(session, ids, today, zone),
        _preliminary(session, ids),
        _batches(session, ids),
    )
    for record_id, said, hold_id in (stop for found in stops for stop in found):
        looked[record_id].waits_for.append(said)
        if hold_id is not None and hold_id not in looked[record_id].holds:
            looked[record_id].holds.append(hold_id)
    for said in _everything(session):
        for one in looked.values():
            one.waits_for.append(said)
    _threads(session, looked, rows, tags, on)


Stop = tuple[int, str, int | None]
"""A record, what it waits for, and the hold that stops it."""


def _holds(session: Session, ids: Sequence[int]) -> list[Stop]:
    rows = session.execute(
        select(hold_member.c.record_id, hold.c.id, hold.c.kind)
        .join(hold, hold.c.id == hold_member.c.hold_id)
        .where(hold_member.c.record_id.in_(ids), hold.c.state != HoldState.LIFTED.value)
        .order_by(hold.c.id)
    )
    return [(row.record_id, f"H{row.id} ({row.kind.replace('_', ' ')}) holds it.", row.id) for row in rows]


def _lifted(session: Session, ids: Sequence[int], today: date, zone: str) -> list[Stop]:
    rows = session.execute(
        select(hold_member.c.record_id, hold.c.id, hold.c.lifted_at)
        .join(hold, hold.c.id == hold_member.c.hold_id)
        .where(hold_member.c.record_id.in_(ids), hold.c.lifted_at.is_not(None))
    )
    return [
        (row.record_id, f"H{row.id} was lifted today: not before the next day.", None)
        for row in rows
        if city_date(row.lifted_at, zone) == today
    ]


def _preliminary(session: Session, ids: Sequence[int]) -> list[Stop]:
    """Requests that may touch a record, and standing holds that have not looked at it since its last change."""
    named = select(hold_source.c.source_id).where(hold_source.c.hold_id == hold.c.id).correlate(hold)
    since = or_(hold.c.sent_since.is_(None), record.c.sent_at >= hold.c.sent_since)
    until = or_(hold.c.sent_until.is_(None), record.c.sent_at < hold.c.sent_until)
    may_touch = and_(
        hold.c.scope == HoldScope.PRELIMINARY.value,
        or_(record.c.sent_at.is_(None), and_(since, until)),
        or_(~named.exists(), record.c.source_id.in_(named)),
    )
    behind = and_(hold.c.evaluated_to.is_not(None), record.c.changed_at > hold.c.evaluated_to)
    found = session.execute(
        select(record.c.id, hold.c.id.label("hold"), hold.c.scope, hold.c.matter)
        .select_from(record.join(hold, true()))
        .where(record.c.id.in_(ids), hold.c.state == HoldState.ACTIVE.value, or_(may_touch, behind))
        .order_by(hold.c.id)
    )
    return [
        (row.id, f"H{row.hold} of {row.matter} may touch it until its search is complete.", row.hold)
        if row.scope == HoldScope.PRELIMINARY.value
        else (row.id, f"H{row.hold} has not looked at it since its last change.", row.hold)
        for row in found
    ]


def _batches(session: Session, ids: Sequence[int]) -> list[Stop]:
    rows = session.execute(
        select(disposition_record.c.record_id, disposition.c.id, disposition.c.state)
        .join(disposition, disposition.c.id == disposition_record.c.disposition_id)
        .where(
            disposition_record.c.record_id.in_(ids),
            disposition_record.c.left_at.is_(None),
            disposition.c.state.not_in(OVER),
        )
    )
    return [(row.record_id, f"It is in D{row.id}, which is {row.state}.", None) for row in rows]


def _everything(session: Session) -> list[str]:
    """What stops every destruction."""
    said = []
    placing = select(hold.c.id, hold.c.kind).where(hold.c.state == HoldState.PLACING.value).order_by(hold.c.id)
    for row in session.execute(placing):
        halted = row.kind == HoldKind.HALT.value
        said.append(
            "Disposition is halted." if halted else f"H{row.id} is being placed; nothing is destroyed meanwhile."
        )
    if session.execute(select(func.count()).select_from(restore).where(restore.c.confirmed_at.is_(None))).scalar():
        said.append("The archive was restored; nothing is destroyed until `archiver restore confirm`.")
    return said


def _threads(
    session: Session,
    looked: Mapping[int, Outlook],
    rows: Mapping[int, Mapping[Any, Any]],
    tags: Mapping[int, Mapping[Any, Any]],
    on: date,
) -> None:
    """Where a series keeps threads together, a record waits for the rest of its thread."""
    from schema.db.retain import series

    kept = set(session.execute(select(series.c.id).where(series.c.keep_threads)).scalars())
    mine = {
        one.record: (rows[one.record]["thread_id"], tags[one.record]["series_id"])
        for one in looked.values()
        if one.before is None and tags[one.record]["series_id"] in kept
    }
    threads = {thread for thread, _series in mine.values() if thread is not None}
    if not threads:
        return
    unripe = session.execute(
        select(record.c.thread_id, retention_tag.c.series_id, func.min(record.c.id))
        .join(retention_tag, and_(retention_tag.c.record_id == record.c.id, retention_tag.c.ended_at.is_(None)))
        .where(record.c.thread_id.in_(threads), record.c.destroyed_at.is_(None))
        .where(or_(retention_tag.c.due_on.is_(None), retention_tag.c.due_on > on))
        .group_by(record.c.thread_id, retention_tag.c.series_id)
    )
    first = {(thread, series_id): record_id for thread, series_id, record_id in unripe}
    for record_id, place in mine.items():
        if (other := first.get(place)) is not None and other != record_id:
            looked[record_id].waits_for.append(f"Its thread is kept together, and R{other} of it is not due yet.")
