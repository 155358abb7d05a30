"""Retention tags: exactly one series for each record, with the rule or person that chose it and the date it gives."""

from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from archiver import outbox
from archiver.access import Actor, require
from archiver.archive import Archive, City
from archiver.clock import city_date
from archiver.database import insert_many
from archiver.errors import NotFound, Refused
from archiver.retain.dates import Due, due_date
from archiver.retain.rules import Rule, first_fit, rules_in_force
from archiver.retain.series import UNSCHEDULED, AdoptedSeries, all_series, find_series
from schema.db.record import record, version
from schema.db.retain import classification_rule, retention_event, retention_tag
from schema.vocab import OutboxKind, Role, Trigger

BY_DATE = frozenset(
    {
        Trigger.CREATED,
        Trigger.RECEIVED_OR_SENT,
        Trigger.FISCAL_YEAR_END,
        Trigger.CALENDAR_YEAR_END,
        Trigger.LAST_CHANGED,
    }
)
"""Triggers that the record's own time gives; all others need an event that a person records."""


class Tagger:
    """Tags the records of a run; rules and series are read once."""

    def __init__(self, session: Session, city: City) -> None:
        self._rules: list[Rule] = rules_in_force(session)
        self._series: dict[int, AdoptedSeries] = {one.id: one for one in all_series(session)}
        self._unscheduled = next(one for one in self._series.values() if one.key == UNSCHEDULED)
        self._city = city
        self._due = lru_cache(maxsize=20_000)(self._due_on)

    def tag(
        self, record_id: int, facts: Mapping[str, str], text: str, sent_at: int | None, captured_at: int
    ) -> tuple[dict[str, Any], str]:
        """The tag row of a new record, and its series' key for the index.

        facts: values by condition name.  sent_at, captured_at: milliseconds UTC; a record of unknown time counts
        from its capture, which is never earlier.
        """
        rule = first_fit(self._rules, facts, text)
        series = self._series[rule.series_id] if rule else self._unscheduled
        trigger_on = None
        if series.trigger in BY_DATE:
            trigger_on = city_date(captured_at if sent_at is None else sent_at, self._city.timezone)
        row = {
            "record_id": record_id,
            "series_id": series.id,
            "rule_id": rule.id if rule else None,
            "person_id": None,
            "reason": "rule" if rule else "no rule fits",
            "trigger_on": trigger_on,
            "due_on": self._due(series.id, trigger_on),
            "tagged_at": captured_at,
        }
        return row, series.key

    def _due_on(self, series_id: int, trigger_on: date | None) -> date | None:
        return due_date(self._series[series_id], trigger_on, self._city.fiscal_year_end).date

    def edited(self, session: Session, record_ids: Iterable[int], now: int) -> None:
        """Move the trigger of edited records to today where their series counts from the last change."""
        changed = [one.id for one in self._series.values() if one.trigger is Trigger.LAST_CHANGED]
        ids = sorted(set(record_ids))
        if not changed or not ids:
            return
        today = city_date(now, self._city.timezone)
        current = retention_tag.c.record_id.in_(ids) & retention_tag.c.ended_at.is_(None)
        for series_id in changed:
            session.execute(
                update(retention_tag)
                .where(current, retention_tag.c.series_id == series_id)
                .values(trigger_on=today, due_on=self._due(series_id, today))
            )


def write_tags(session: Session, rows: Iterable[Mapping[str, Any]]) -> None:
    """Store the tags of new records."""
    listed = [{**row, "trigger_on": _iso(row["trigger_on"]), "due_on": _iso(row["due_on"])} for row in rows]
    insert_many(session, retention_tag, listed)


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def explain(archive: Archive, session: Session, record_id: int) -> dict[str, Any]:
    """Why a record is kept as long as it is: series, edition, rule or person, trigger, arithmetic; raises NotFound."""
    row = (
        session.execute(
            select(retention_tag).where(retention_tag.c.record_id == record_id, retention_tag.c.ended_at.is_(None))
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise NotFound(noun="record", name=f"R{record_id}")
    series = next(one for one in all_series(session) if one.id == row["series_id"])
    due = due_date(series, row["trigger_on"], archive.city.fiscal_year_end)
    rule = None
    if row["rule_id"]:
        rule = dict(
            session.execute(select(classification_rule).where(classification_rule.c.id == row["rule_id"]))
            .mappings()
            .one()
        )
    return {
        "record": record_id,
        "series": series.key,
        "title": series.title,
        "retention_text": series.retention_text,
        "reason": row["reason"],
        "rule": {"position": rule["position"], "conditions": rule["conditions"], "reason": rule["reason"]}
        if rule
        else None,
        "person": row["person_id"],
        "trigger": series.trigger.value,
        "trigger_on": row["trigger_on"],
        "date": due.date,
        "ready": due.ready,
        "explanation": due.explanation,
    }


def set_series(archive: Archive, session: Session, actor: Actor, record_id: int, key: str, reason: str) -> Due:
    """Give a record another series by a person's decision; the earlier tag stays as history.

    Raises Refused where a running period would be shortened, NotFound.
    """
    require(actor, Role.RECORDS_OFFICER)
    series = find_series(session, key)
    row = (
        session.execute(
            select(retention_tag, record.c.sent_at, record.c.captured_at, record.c.versions)
            .join(record, record.c.id == retention_tag.c.record_id)
            .where(retention_tag.c.record_id == record_id, retention_tag.c.ended_at.is_(None))
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise NotFound(noun="record", name=f"R{record_id}")
    trigger_on = _trigger_on(session, archive, series, row)
    due = due_date(series, trigger_on, archive.city.fiscal_year_end)
    running = _running(session, record_id)
    # Promise 4: a running period is never shortened silently; "never due" (no date) is the longest of all.
    shorter = running and due.date is not None and (running.due_on is None or due.date < running.due_on)
    if shorter and running.series_id != series.id:
        before = "no date" if running.due_on is None else running.due_on.isoformat()
        raise Refused(
            reason=f"R{record_id} would be due on {due.date} instead of {before}",
            action="Shortening a running period needs a second person; keep the series or choose a longer one.",
        )
    now = archive.now()
    session.execute(update(retention_tag).where(retention_tag.c.id == row["id"]).values(ended_at=now))
    session.execute(
        insert(retention_tag).values(
            record_id=record_id,
            series_id=series.id,
            person_id=actor.id,
            reason="person",
            trigger_on=trigger_on,
            due_on=due.date,
            tagged_at=now,
        )
    )
    outbox.enqueue(session, OutboxKind.INDEX, [record_id], now)
    archive.record_act(
        session, "tag.set", "record", record_id, actor_id=actor.id, facts={"series": series.id}, text=reason
    )
    return due


def _running(session: Session, record_id: int) -> Any:
    """The newest tag that gave the record a period; a stay in `unscheduled` in between does not end it."""
    scheduled = retention_tag.c.series_id != find_series(session, UNSCHEDULED).id
    chosen = select(retention_tag).where(retention_tag.c.record_id == record_id, scheduled)
    return session.execute(chosen.order_by(retention_tag.c.id.desc())).first()


def _trigger_on(session: Session, archive: Archive, series: AdoptedSeries, tag: Mapping[Any, Any]) -> date | None:
    record_id, zone = tag["record_id"], archive.city.timezone
    if series.trigger is Trigger.LAST_CHANGED and tag["versions"] > 1:
        last = select(func.max(version.c.captured_at)).where(version.c.record_id == record_id)
        return city_date(session.execute(last).scalar_one(), zone)
    if series.trigger in BY_DATE:
        return city_date(tag["captured_at"] if tag["sent_at"] is None else tag["sent_at"], zone)
    newest = (
        select(retention_event.c.happened_on)
        .where(retention_event.c.record_id == record_id, retention_event.c.trigger == series.trigger.value)
        .order_by(retention_event.c.id.desc())
    )
    found: date | None = session.execute(newest).scalars().first()
    return found
