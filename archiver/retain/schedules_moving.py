"""Moving records from ended series to what stands in their place: batches, each in a transaction of its own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from archiver import outbox
from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.retain.dates import due_date
from archiver.retain.running import CHUNK, Period, Periods, check_second
from archiver.retain.series import AdoptedSeries, current_of
from archiver.retain.tags import write_tags
from archiver.retain.triggers import days_of
from schema.db.record import record
from schema.db.retain import retention_tag
from schema.vocab import OutboxKind, Role

BATCH = 2 * CHUNK
"""Records of one transaction."""

NAMED = 100
"""Records waiting for a second person that a report names."""

_ANY_DAY = date(2000, 1, 1)


@dataclass(slots=True)
class Line:
    """What becomes of the records of one series; shorter: approved by a second person, waiting: not yet."""

    old: str
    new: str
    records: int = 0
    longer: int = 0
    unchanged: int = 0
    shorter: int = 0
    waiting: int = 0

    @property
    def moved(self) -> int:
        """Records that go to the new series."""
        return self.longer + self.unchanged + self.shorter


@dataclass(slots=True)
class Report:
    """A move so far; named: the first records that wait for a second person."""

    lines: dict[int, Line] = field(default_factory=dict)
    named: list[int] = field(default_factory=list)

    def total(self, count: str) -> int:
        """The sum of one of the counts of the lines."""
        return sum(int(getattr(line, count)) for line in self.lines.values())


def stalled(periods: Periods) -> list[int]:
    """Living series that give dates: a tag of theirs that has its trigger day and no date waits for a second person."""
    living = (one.id for one in periods.series.values() if not one.ended)
    return [one for one in living if periods.due(one, _ANY_DAY).date is not None]


@dataclass(frozen=True, slots=True)
class _Judged:
    tag: Mapping[Any, Any]
    target: AdoptedSeries
    trigger_on: date | None
    due_on: date | None
    waits: bool
    second: bool


class Mover:
    """Knows for each ended series where its records go, and never shortens a running period by itself (promise 4)."""

    def __init__(
        self,
        archive: Archive,
        session: Session,
        *,
        targets: Mapping[int, AdoptedSeries] | None = None,
        into: int | None = None,
        second: Actor | None = None,
    ) -> None:
        """Without targets: every ended series that has a living one in its place (into: only those with that one),
        and the records of living series that a confirmation left without a date because it would have been earlier.

        targets: the new series of each old one.  second: who approves shorter periods too.
        """
        self._archive, self._second = archive, second
        self._periods = Periods(session, archive.city)
        every = self._periods.series
        self._stalled: list[int] = []
        if targets is None:
            found = {one.id: current_of(every, one.id) for one in every.values() if one.ended}
            targets = {old: new for old, new in found.items() if new is not None and into in (None, new.id)}
            if into is None:
                self._stalled = stalled(self._periods)
        self._targets = {**targets, **{one: every[one] for one in self._stalled}}
        every.update((one.id, one) for one in targets.values())  # those of a dry run are not in the database
        self._expected = lru_cache(maxsize=20_000)(self._once_confirmed)
        self.report = Report()
        for old, new in targets.items():
            self.report.lines[old] = Line(every[old].key, new.key)

    def look(self) -> Iterator[Report]:
        """Say what would happen, reading only; yields the report so far."""
        after = 0
        while True:
            with self._archive.reading() as session:
                tags = self._page(session, after)
                self._judged(session, tags)
            yield self.report
            if len(tags) < BATCH:
                return
            after = tags[-1]["record_id"]

    def move(self, actor: Actor, *, key_stays: bool = False) -> Iterator[Report]:
        """Move what may go, a batch to a transaction; yields the report so far.  Run again, it goes on.

        key_stays: the new series has the key under which the index knows the old one.  Raises Refused.
        """
        require(actor, Role.RECORDS_OFFICER)
        check_second(actor, self._second)
        after, tags = 0, None
        while tags is None or len(tags) == BATCH:
            with self._archive.unit() as session:
                tags = self._page(session, after, writing=True)
                self._write(session, actor, self._judged(session, tags), key_stays=key_stays)
            after = tags[-1]["record_id"] if tags else after
            yield self.report

    def _page(self, session: Session, after: int, *, writing: bool = False) -> list[Mapping[Any, Any]]:
        # `+ 0`: every series in one walk along the index of current tags, instead of a sort for each page.
        series_id = retention_tag.c.series_id + 0
        undated = and_(retention_tag.c.due_on.is_(None), retention_tag.c.trigger_on.is_not(None))
        old = [one for one in self._targets if one not in self._stalled]
        chosen = (
            select(retention_tag)
            .join(record, record.c.id == retention_tag.c.record_id)
            .where(
                retention_tag.c.ended_at.is_(None),
                retention_tag.c.record_id > after,
                or_(series_id.in_(old), and_(series_id.in_(self._stalled), undated)),
                record.c.destroyed_at.is_(None),
            )
            .order_by(retention_tag.c.record_id)
            .limit(BATCH)
        )
        if writing:
            chosen = chosen.with_for_update(of=retention_tag)
        return list(session.execute(chosen).mappings())

    def _judged(self, session: Session, tags: Sequence[Mapping[Any, Any]]) -> list[_Judged]:
        days = self._days(session, tags)
        judged = []
        for tag in tags:
            old, target = self._periods.series[tag["series_id"]], self._targets[tag["series_id"]]
            day = days.get(tag["record_id"]) if target.trigger is not old.trigger else tag["trigger_on"]
            before = Period(old.id, tag["trigger_on"], tag["due_on"])
            shorter = self._periods.shorter(before, target.id, day)
            waits = shorter and self._second is None
            judged.append(_Judged(tag, target, day, self._periods.due(target.id, day).date, waits, shorter))
            was = tag["due_on"] or self._expected(old, tag["trigger_on"])
            self._count(tag, old, target, shorter=shorter, same=was == self._expected(target, day))
        return judged

    def _count(
        self, tag: Mapping[Any, Any], old: AdoptedSeries, target: AdoptedSeries, *, shorter: bool, same: bool
    ) -> None:
        line = self.report.lines.setdefault(old.id, Line(old.key, target.key))
        line.records += 1
        if not shorter:
            line.unchanged += same
            line.longer += not same
        elif self._second is not None:
            line.shorter += 1
        else:
            line.waiting += 1
            if len(self.report.named) < NAMED:
                self.report.named.append(tag["record_id"])

    def _days(self, session: Session, tags: Sequence[Mapping[Any, Any]]) -> dict[int, date]:
        """The trigger days of records whose new series counts from another event."""
        wanted: dict[Any, list[int]] = {}
        for tag in tags:
            trigger = self._targets[tag["series_id"]].trigger
            if trigger is not self._periods.series[tag["series_id"]].trigger:
                wanted.setdefault(trigger, []).append(tag["record_id"])
        days: dict[int, date] = {}
        for trigger, ids in wanted.items():
            for start in range(0, len(ids), CHUNK):
                days.update(days_of(session, self._archive.city, trigger, ids[start : start + CHUNK]))
        return days

    def _once_confirmed(self, one: AdoptedSeries, day: date | None) -> date | None:
        return due_date(replace(one, confirmed=True), day, self._archive.city.fiscal_year_end).date

    def _write(self, session: Session, actor: Actor, judged: Sequence[_Judged], *, key_stays: bool) -> None:
        going = [one for one in judged if not one.waits]
        renamed = [one for one in judged if one.waits] if key_stays else going
        now = self._archive.now()
        outbox.enqueue(session, OutboxKind.INDEX, (one.tag["record_id"] for one in renamed), now)
        if not going:
            return
        ended = update(retention_tag).where(retention_tag.c.id.in_([one.tag["id"] for one in going]))
        session.execute(ended.values(ended_at=now))
        rows = [
            {
                "record_id": one.tag["record_id"],
                "series_id": one.target.id,
                "rule_id": one.tag["rule_id"],
                "person_id": one.tag["person_id"],
                "second_person_id": self._second.id if one.second and self._second else None,
                "reason": "series replaced",
                "trigger_on": one.trigger_on,
                "due_on": one.due_on,
                "tagged_at": now,
            }
            for one in going
        ]
        write_tags(session, rows)
        facts = {"records": len(going), "first": rows[0]["record_id"], "last": rows[-1]["record_id"]}
        if self._second is not None:
            facts |= {"shorter": sum(one.second for one in going), "second_person": self._second.id}
        self._archive.record_act(session, "tag.move", "retention_tag", actor_id=actor.id, facts=facts)


def note_move(archive: Archive, session: Session, actor: Actor, second: Actor | None, reason: str | None) -> None:
    """Note that somebody lets waiting records be moved, with the reason; raises Refused."""
    require(actor, Role.RECORDS_OFFICER)
    check_second(actor, second)
    facts = {} if second is None else {"second_person": second.id}
    archive.record_act(session, "schedule.move", "retention_tag", actor_id=actor.id, facts=facts, text=reason)
