"""Running periods: what a record's tags have promised so far, so that no act makes it shorter silently (promise 4)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import City
from archiver.errors import NotFound, Refused
from archiver.retain.dates import Due, due_date
from archiver.retain.series import UNSCHEDULED, AdoptedSeries, all_series
from schema.db.record import record
from schema.db.retain import retention_tag
from schema.vocab import Role

CHUNK = 500
"""Records that one statement is about."""

REPLACED = "series replaced"
"""Reason of a tag that a new schedule edition made, not a person's decision on the record."""

_NAMED = 20
"""Records that a refusal names at most."""


@dataclass(frozen=True, slots=True)
class Period:
    """What a tag promises: its series, the day its period starts, the first day on which the record may go."""

    series_id: int
    trigger_on: date | None
    due_on: date | None


class Periods:
    """The due dates that series give, worked out once for each series and day."""

    def __init__(self, session: Session, city: City) -> None:
        self.series: dict[int, AdoptedSeries] = {one.id: one for one in all_series(session)}
        self.unscheduled = next(one.id for one in self.series.values() if one.key == UNSCHEDULED)
        self._end = city.fiscal_year_end
        self.due = lru_cache(maxsize=20_000)(self._due)
        self._once_confirmed = lru_cache(maxsize=20_000)(self._confirmed)

    def _due(self, series_id: int, day: date | None) -> Due:
        return due_date(self.series[series_id], day, self._end)

    def _confirmed(self, series_id: int, day: date | None) -> date | None:
        return due_date(replace(self.series[series_id], confirmed=True), day, self._end).date

    def reliable(self, period: Period) -> bool:
        """Whether the rule of a period may be relied on, so that it has a date or none for a reason."""
        return self.due(period.series_id, period.trigger_on).ready

    def expected(self, period: Period) -> Period:
        """A period with the date that it has, or will have once its series is confirmed."""
        due_on = period.due_on or self._once_confirmed(period.series_id, period.trigger_on)
        return Period(period.series_id, period.trigger_on, due_on)

    def shorter(self, before: Period | None, series_id: int, day: date | None) -> bool:
        """Whether a series that counts from a day would let a record go before its period so far would.

        No date is the longest of all.  A series whose period nobody confirmed yet is measured by the date that it
        will give once confirmed, so that a confirmation is no way round.
        """
        if before is None or before.series_id == self.unscheduled:
            return False
        if (due := self.due(series_id, day).date) is not None:
            return before.due_on is None or due < before.due_on
        if (later := self._once_confirmed(series_id, day)) is None:
            return False
        if before.due_on is not None:
            return later < before.due_on
        if self.reliable(before):
            return True
        expected = self.expected(before).due_on
        return expected is not None and later < expected


def current_tags(session: Session, ids: Sequence[int], *, writing: bool = False) -> list[Mapping[Any, Any]]:
    """The current tags of living records among ids (at most CHUNK), with what dates are worked out from.

    writing: they will be changed, so no one else changes them until the transaction ends.
    """
    chosen = (
        select(retention_tag, record.c.sent_at, record.c.captured_at, record.c.versions)
        .join(record, record.c.id == retention_tag.c.record_id)
        .where(retention_tag.c.record_id.in_(ids), retention_tag.c.ended_at.is_(None), record.c.destroyed_at.is_(None))
        .order_by(retention_tag.c.record_id)
    )
    if writing:
        chosen = chosen.with_for_update(of=retention_tag)
    return list(session.execute(chosen).mappings())


def earlier_periods(session: Session, periods: Periods, tags: Sequence[Mapping[Any, Any]]) -> dict[int, Period]:
    """For each tag's record the newest earlier tag of another series, back to the last that a second person approved.

    A stay in `unscheduled` in between does not end a period.
    """
    series_of = {tag["record_id"]: (tag["id"], tag["series_id"]) for tag in tags}
    ids = list(series_of)
    approved: dict[int, int] = dict(
        session.execute(
            select(retention_tag.c.record_id, func.max(retention_tag.c.id))
            .where(
                retention_tag.c.record_id.in_(ids),
                retention_tag.c.ended_at.is_not(None),  # the index of history; the current tags are at hand
                retention_tag.c.second_person_id.is_not(None),
            )
            .group_by(retention_tag.c.record_id)
        ).all()
    )
    approved |= {tag["record_id"]: tag["id"] for tag in tags if tag["second_person_id"] is not None}
    found: dict[int, Period] = {}
    rows = session.execute(
        select(retention_tag)
        .where(
            retention_tag.c.record_id.in_(ids),
            retention_tag.c.ended_at.is_not(None),
            retention_tag.c.series_id != periods.unscheduled,
        )
        .order_by(retention_tag.c.id)
    )
    for row in rows:
        tag_id, series_id = series_of[row.record_id]
        if approved.get(row.record_id, 0) <= row.id < tag_id and row.series_id != series_id:
            found[row.record_id] = Period(row.series_id, row.trigger_on, row.due_on)
    return found


def chunks(session: Session, chosen: Sequence[int] | ColumnElement[bool]) -> Iterator[list[int]]:
    """Ids of living records, ascending and a chunk at a time: those listed, or those for which a condition holds.

    Raises NotFound for a listed one that does not exist or was destroyed earlier.
    """
    living = record.c.destroyed_at.is_(None)
    if isinstance(chosen, ColumnElement):
        after = 0
        while True:
            page = select(record.c.id).where(chosen, living, record.c.id > after).order_by(record.c.id).limit(CHUNK)
            ids = [int(one) for one in session.execute(page).scalars()]
            if not ids:
                return
            yield ids
            after = ids[-1]
    listed = sorted(set(chosen))
    for start in range(0, len(listed), CHUNK):
        ids = listed[start : start + CHUNK]
        there = set(session.execute(select(record.c.id).where(record.c.id.in_(ids), living)).scalars())
        if lost := [one for one in ids if one not in there]:
            raise NotFound(noun="record", name=f"R{lost[0]} (or it was destroyed earlier)")
        yield ids


class Shortened:
    """The records whose running period an act would shorten: how many, and the first of them by name."""

    def __init__(self) -> None:
        self.count = 0
        self.named: list[str] = []

    def add(self, record_id: int, before: Period | None, after: date | None) -> None:
        """Note one."""
        self.count += 1
        if len(self.named) < _NAMED:
            was = "no date" if before is None or before.due_on is None else before.due_on.isoformat()
            self.named.append(f"R{record_id} would be due on {after or 'a date, once confirmed,'} instead of {was}")

    def refuse(self, second: Actor | None) -> None:
        """Raise Refused where something would be shortened and no second person approved it."""
        if self.count and second is None:
            more = f", and {self.count - 1} more" if self.count > 1 else ""
            raise Refused(
                reason=f"{self.named[0]}{more}",
                action="Shortening a running period needs a second person: add --approve-login LOGIN, or leave it.",
            )


def check_second(actor: Actor, second: Actor | None) -> None:
    """Raise Refused unless the second person is another one who may answer for records."""
    if second is None:
        return
    if second.id == actor.id:
        raise Refused(
            reason=f"{actor.name} cannot be the second person as well",
            action="Ask another person: who proposes never approves.",
        )
    require(second, Role.RECORDS_OFFICER, Role.ADMINISTRATOR, Role.CLERK, Role.ATTORNEY)
