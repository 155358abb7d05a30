"""Retention tags: exactly one series for each record, with the rule or person that chose it and the date it gives."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from archiver.archive import Archive, City
from archiver.clock import city_date, iso
from archiver.database import insert_many
from archiver.errors import NotFound
from archiver.retain.dates import in_words
from archiver.retain.facts import Facts, facts_of, subjects, text_of
from archiver.retain.rules import Rule, first_fit, rules_in_force
from archiver.retain.running import Periods
from archiver.retain.series import AdoptedSeries, current_of
from archiver.retain.triggers import BY_DATE, OF_CUSTODIAN, days_of
from schema.db.people import person
from schema.db.record import record
from schema.db.retain import (
    classification_rule,
    official_copy,
    retention_event,
    retention_schedule,
    retention_tag,
)
from schema.vocab import Trigger


class Tagger:
    """Tags the records of a run; rules, series, sources and custodians are read once."""

    def __init__(self, session: Session, city: City) -> None:
        self.rules: list[Rule] = rules_in_force(session)
        self.periods = Periods(session, city)
        self.subjects = subjects(session)
        self._zone = city.timezone
        every = self.periods.series
        self._successor = {key: current_of(every, key) for key in every}

    def tag(
        self, record_id: int, record_facts: Mapping[str, Any], content: Mapping[str, Any], captured_at: int
    ) -> tuple[dict[str, Any], str]:
        """The tag row of a new record, and its series' key for the index.

        record_facts: the record's row.  content: as accession merges it.  captured_at: milliseconds UTC.
        """
        subject = self.subjects[record_facts["source_id"]]
        facts: Facts = {}
        if self.rules:  # nobody asks for them otherwise
            facts = facts_of(subject, {**record_facts, "captured_at": captured_at}, content, self._zone)
        return self._row(record_id, facts, text_of(content), record_facts["sent_at"], captured_at, subject.ended_on)

    def _row(
        self, record_id: int, facts: Facts, text: str, sent_at: int | None, captured_at: int, ended_on: date | None
    ) -> tuple[dict[str, Any], str]:
        rule, series_id = self.chosen(first_fit(self.rules, facts, text))
        series = self.periods.series[series_id]
        trigger_on = None
        if series.trigger in BY_DATE:
            trigger_on = city_date(captured_at if sent_at is None else sent_at, self._zone)
        elif series.trigger in OF_CUSTODIAN:
            trigger_on = ended_on
        row = {
            "record_id": record_id,
            "series_id": series_id,
            "rule_id": rule.id if rule else None,
            "person_id": None,
            "reason": reason_of(rule),
            "trigger_on": trigger_on,
            "due_on": self.periods.due(series_id, trigger_on).date,
            "tagged_at": captured_at,
        }
        return row, series.key

    def chosen(self, rule: Rule | None) -> tuple[Rule | None, int]:
        """The series that a rule names today: the one that took the place of an ended one, else `unscheduled`."""
        series = self._successor.get(rule.series_id) if rule else None
        return (rule, series.id) if series is not None else (None, self.periods.unscheduled)

    def edited(self, session: Session, record_ids: Iterable[int], now: int) -> None:
        """Move the trigger of edited records to today where their series counts from the last change."""
        changed = [one.id for one in self.periods.series.values() if one.trigger is Trigger.LAST_CHANGED]
        ids = sorted(set(record_ids))
        if not changed or not ids:
            return
        today = city_date(now, self._zone)
        current = retention_tag.c.record_id.in_(ids) & retention_tag.c.ended_at.is_(None)
        # A clock that was set back moves no trigger back.
        older = retention_tag.c.trigger_on.is_(None) | (retention_tag.c.trigger_on < today)
        for series_id in changed:
            session.execute(
                update(retention_tag)
                .where(current, retention_tag.c.series_id == series_id, older)
                .values(trigger_on=today, due_on=self.periods.due(series_id, today).date)
            )


def reason_of(rule: Rule | None) -> str:
    """What a tag says of how it came about."""
    return "rule" if rule else "no rule fits"


def write_tags(session: Session, rows: Iterable[Mapping[str, Any]]) -> None:
    """Store the tags of records; those of the same call have the same columns."""
    listed = [{**row, "trigger_on": _iso(row["trigger_on"]), "due_on": _iso(row["due_on"])} for row in rows]
    insert_many(session, retention_tag, listed)


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def explain(archive: Archive, session: Session, record_id: int) -> dict[str, Any]:
    """Why a record is kept as long as it is: series, edition, rule or person, trigger, arithmetic; raises NotFound.

    events: what was recorded of it, by whom; those withdrawn stay in the list.  official: the official copy that this
    one is a duplicate of; duplicates: those of which it is the official copy.
    """
    current = retention_tag.c.record_id == record_id, retention_tag.c.ended_at.is_(None)
    row = session.execute(select(retention_tag).where(*current)).mappings().one_or_none()
    if row is None:
        raise NotFound(noun="record", name=f"R{record_id}")
    periods = Periods(session, archive.city)
    series = periods.series[row["series_id"]]
    due = periods.due(series.id, row["trigger_on"])
    events = _events(session, record_id)
    named = select(official_copy.c.official_id).where(official_copy.c.record_id == record_id)
    copies = select(official_copy.c.record_id).where(official_copy.c.official_id == record_id)
    destroyed = session.execute(select(record.c.destroyed_at).where(record.c.id == record_id))
    return {
        "record": record_id,
        "series": series.key,
        "title": series.title,
        "edition": _edition(session, series.schedule_id),
        "retention_text": series.retention_text,
        "reason": row["reason"],
        "rule": _rule(session, row["rule_id"]),
        "person": row["person_id"],
        "person_name": _name(session, row["person_id"]),
        "second_person": _name(session, row["second_person_id"]),
        "trigger": series.trigger.value,
        "trigger_on": row["trigger_on"],
        "date": due.date,
        "ready": due.ready,
        "explanation": due.explanation
        + _uncounted(session, archive.city, series.trigger, record_id, row["trigger_on"]),
        "events": events,
        "official": session.execute(named).scalar(),
        "duplicates": sorted(session.execute(copies).scalars()),
        "thread": _thread(session, record_id, series) if series.keep_threads else None,
        "destroyed_at": iso(destroyed.scalar()),
    }


def _uncounted(session: Session, city: City, trigger: Trigger, record_id: int, counted: date | None) -> str:
    """What is known but not counted, because an earlier period would become shorter by it."""
    day = days_of(session, city, trigger, [record_id]).get(record_id) if trigger not in BY_DATE else None
    if day is None or day == counted:
        return ""
    return (
        f" The event of {in_words(day)} does not count: the period would become shorter, which takes a second person."
    )


def _events(session: Session, record_id: int) -> list[dict[str, Any]]:
    rows = session.execute(
        select(retention_event, person.c.name)
        .join(person, person.c.id == retention_event.c.person_id, isouter=True)
        .where(retention_event.c.record_id == record_id)
        .order_by(retention_event.c.id)
    ).mappings()
    return [
        {
            "trigger": row["trigger"],
            "on": row["happened_on"],
            "by": row["name"] or "observed at its source",
            "recorded_at": iso(row["recorded_at"]),
            "withdrawn_at": iso(row["withdrawn_at"]),
        }
        for row in rows
    ]


def _rule(session: Session, rule_id: int | None) -> dict[str, Any] | None:
    row = session.execute(select(classification_rule).where(classification_rule.c.id == rule_id)).mappings().first()
    return {key: row[key] for key in ("position", "edition", "conditions", "reason")} if row else None


def _edition(session: Session, schedule_id: int | None) -> dict[str, Any] | None:
    row = session.execute(select(retention_schedule).where(retention_schedule.c.id == schedule_id)).mappings().first()
    return {key: row[key] for key in ("edition", "title", "adopted_on")} if row else None


def _name(session: Session, person_id: int | None) -> str | None:
    found: str | None = session.execute(select(person.c.name).where(person.c.id == person_id)).scalar()
    return found


def _thread(session: Session, record_id: int, series: AdoptedSeries) -> dict[str, Any] | None:
    """The thread that is kept together: how many of its records are in the series, and when the last of them is due."""
    thread_id = session.execute(select(record.c.thread_id).where(record.c.id == record_id)).scalar()
    if thread_id is None:
        return None
    counted = (
        select(func.count(), func.count(retention_tag.c.due_on), func.max(retention_tag.c.due_on))
        .join(record, record.c.id == retention_tag.c.record_id)
        .where(
            record.c.thread_id == thread_id,
            record.c.destroyed_at.is_(None),
            retention_tag.c.ended_at.is_(None),
            retention_tag.c.series_id == series.id,
        )
    )
    records, dated, last = session.execute(counted).one()
    return {"id": thread_id, "records": records, "date": last if dated == records else None}
