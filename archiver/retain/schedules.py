"""Acts of a records officer on the series of a schedule: confirming what it says, amending it."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.clock import city_date
from archiver.errors import Refused, UsageError
from archiver.retain.dates import due_date
from archiver.retain.running import CHUNK, Periods, check_second, earlier_periods
from archiver.retain.schedule_periods import KNOWN_FORMS, folded, read_period
from archiver.retain.series import UNSCHEDULED, AdoptedSeries, all_series, find_series
from schema.db.retain import retention_tag, series
from schema.vocab import DispositionAction, PeriodKind, Role, Trigger


@dataclass(frozen=True, slots=True)
class Reading:
    """What an officer read in the schedule: edition, page, the period as written, when the State Archives were told."""

    edition: str
    page: str | None = None
    period: str | None = None
    notified_on: date | None = None


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A confirmed series, how many records got a date, and how many wait for a second person because it is earlier."""

    key: str
    dated: int
    waiting: int


def confirm(archive: Archive, session: Session, actor: Actor, key: str, reading: Reading) -> Confirmed:
    """A records officer confirms title, period and trigger of a series against the city's adopted edition.

    Tags of the series get their due dates, except where an earlier tag of the record promised a later one.
    Raises NotFound, Refused, UsageError where the series has no period that could be confirmed.
    """
    require(actor, Role.RECORDS_OFFICER)
    found = _living(session, key)
    confirmed = replace(found, confirmed=True)
    if not reading.edition.strip():
        raise UsageError(problem="say in --edition where you read it")
    if not due_date(confirmed, None, archive.city.fiscal_year_end).ready:
        raise UsageError(problem=f"{found.key} cannot be confirmed as it stands: {_missing(found)}")
    if reading.period is not None and not _says(found, reading.period):
        raise Refused(
            reason=f'"{reading.period}" is not the period that {found.key} has here ({in_words(found)})',
            action="Amend the series first: " + _amend_command(found, reading.period),
        )
    values = {
        "confirmed_by": actor.id,
        "confirmed_on": city_date(archive.now(), archive.city.timezone),
        "confirmed_edition": reading.edition[:200],
        "confirmed_page": None if reading.page is None else reading.page[:60],
        "confirmed_period": None if reading.period is None else reading.period[:600],
        "notified_on": reading.notified_on,
    }
    session.execute(update(series).where(series.c.id == found.id).values(values))
    dated, waiting = _date_tags(archive, session, confirmed)
    facts: dict[str, Any] = {"dated": dated, "waiting": waiting}
    if reading.notified_on is not None:
        facts["notified_on"] = reading.notified_on.isoformat()
    text = ", ".join(part for part in (reading.edition, reading.page, reading.period) if part)
    archive.record_act(session, "schedule.confirm", "series", found.id, actor_id=actor.id, facts=facts, text=text)
    return Confirmed(found.key, dated, waiting)


def _living(session: Session, key: str) -> AdoptedSeries:
    found = find_series(session, key)
    if found.ended:
        after = next((one.key for one in all_series(session) if one.id == found.replaced_by), None)
        action = f"Work on {after}, which stands in its place." if after else "Nothing stands in its place yet."
        raise Refused(reason=f"{found.key} has ended", action=action)
    return found


def _says(found: AdoptedSeries, written: str) -> bool:
    """Whether a period as written is the stored one: in the schedule's own words, or read as the same."""
    if folded(written) == folded(found.retention_text):
        return True
    read = read_period(written)
    same = (read.kind, read.number, read.unit) == (found.period_kind, found.number, found.unit)
    return same and read.understood and read.trigger in (None, found.trigger)


def _amend_command(found: AdoptedSeries, written: str) -> str:
    amend_it = f"archiver schedule amend {shlex.quote(found.key)}"
    if not read_period(written).understood:
        return f"`{amend_it} --period PERIOD --reason TEXT`, with PERIOD as {KNOWN_FORMS}."
    return f"`{amend_it} --period {shlex.quote(written)} --reason TEXT`."


def _missing(found: AdoptedSeries) -> str:
    """What a series lacks to be confirmed, and how it gets it."""
    if found.number is not None:
        amend_it = f"archiver schedule amend {shlex.quote(found.key)}"
        return f"no event starts its period. Name it first: `{amend_it} --trigger TRIGGER --reason TEXT`."
    return (
        f'"{found.retention_text}" says no period that can be counted. Give it one first: {_amend_command(found, "")}'
    )


def in_words(one: AdoptedSeries) -> str:
    """A series' period and trigger as stored, for messages and lists."""
    if one.number is None or one.unit is None:
        return one.period_kind.value.replace("_", " ")
    units = one.unit.value.replace("_", " ") + ("" if one.number == 1 else "s")
    start = "" if one.trigger is Trigger.NONE else f" after {one.trigger.value.replace('_', ' ')}"
    return f"{one.number} {units}{start}"


def _date_tags(archive: Archive, session: Session, rule: AdoptedSeries) -> tuple[int, int]:
    """Give the undated tags of a series the dates that it now allows: how many got one, how many would shorten."""
    end = archive.city.fiscal_year_end
    mine = (retention_tag.c.series_id == rule.id, retention_tag.c.ended_at.is_(None), retention_tag.c.due_on.is_(None))
    earlier = retention_tag.alias("earlier")
    history = (
        select(earlier.c.id)
        .where(earlier.c.record_id == retention_tag.c.record_id, earlier.c.ended_at.is_not(None))
        .exists()
    )
    dated = 0
    for day in session.execute(select(retention_tag.c.trigger_on).where(*mine).distinct()).scalars().all():
        if (due := due_date(rule, day, end).date) is not None:
            same = retention_tag.c.trigger_on == day
            fresh = update(retention_tag).where(*mine, same, ~history).values(due_on=due)
            dated += session.connection().execute(fresh).rowcount
    periods, waiting, after = Periods(session, archive.city), 0, 0
    started = retention_tag.c.trigger_on.is_not(None)
    # `+ 0`: one walk along the index of current tags, instead of a sort for each page.
    walked = (retention_tag.c.series_id + 0 == rule.id, *mine[1:])
    while True:
        page = select(retention_tag).where(*walked, started, retention_tag.c.record_id > after)
        tags = session.execute(page.order_by(retention_tag.c.record_id).limit(CHUNK)).mappings().all()
        if not tags:
            return dated, waiting
        after = tags[-1]["record_id"]
        free = _free(session, periods, tags)
        if free:
            by_id = update(retention_tag).where(retention_tag.c.id == bindparam("b_id"))
            session.connection().execute(by_id.values(due_on=bindparam("due_on")), free)
        dated += len(free)
        waiting += sum(periods.due(rule.id, tag["trigger_on"]).date is not None for tag in tags) - len(free)


def _free(session: Session, periods: Periods, tags: Sequence[Any]) -> list[dict[str, Any]]:
    """The dates of tags that shorten nothing: their record's earlier tags promised no later date."""
    bounds = earlier_periods(session, periods, [tag for tag in tags if tag["second_person_id"] is None])
    free = []
    for tag in tags:
        due = periods.due(tag["series_id"], tag["trigger_on"]).date
        before = bounds.get(tag["record_id"])
        if due is not None and not periods.shorter(before, tag["series_id"], tag["trigger_on"]):
            free.append({"b_id": tag["id"], "due_on": due})
    return free


@dataclass(frozen=True, slots=True)
class Amendment:
    """What changes of a series; None: stays.  period: as written, in a form that `read_period` understands."""

    title: str | None = None
    period: str | None = None
    trigger: Trigger | None = None
    action: DispositionAction | None = None
    statute: str | None = None
    keep_threads: bool | None = None

    @property
    def only_threads(self) -> bool:
        """Whether nothing changes but that a thread is kept together."""
        rest = [getattr(self, one.name) for one in fields(self) if one.name != "keep_threads"]
        return self.keep_threads is not None and all(value is None for value in rest)


def changed_columns(found: AdoptedSeries, wanted: Amendment) -> dict[str, Any]:
    """The columns that an amendment changes; raises UsageError where it changes nothing or cannot be understood."""
    changes: dict[str, Any] = {"trigger": wanted.trigger and wanted.trigger.value}
    if wanted.period is not None:
        read = read_period(wanted.period)
        if not read.understood:
            raise UsageError(problem=f'the period "{wanted.period}" is not understood; write it as {KNOWN_FORMS}')
        if wanted.trigger is not None and read.trigger not in (None, wanted.trigger):
            raise UsageError(problem=f'"{wanted.period}" counts from another event than --trigger {wanted.trigger}')
        changes |= {
            "period_kind": read.kind.value,
            "number": read.number,
            "unit": read.unit.value if read.unit else None,
            "trigger": (wanted.trigger or read.trigger or found.trigger).value,
            "retention_text": wanted.period[:600],
        }
    changes |= {
        "title": None if wanted.title is None else wanted.title[:300],
        "action": wanted.action and wanted.action.value,
        "statute": None if wanted.statute is None else wanted.statute[:300],
        "keep_threads": wanted.keep_threads,
    }
    kept = ("number", "unit") if wanted.period is not None else ()
    changes = {name: value for name, value in changes.items() if value is not None or name in kept}
    if not changes:
        raise UsageError(problem="say what changes: --title, --period, --trigger, --action, --statute, --keep-threads")
    if "statute" not in changes and all(getattr(found, name) == value for name, value in changes.items()):
        raise UsageError(problem=f"{found.key} says so already; nothing was changed")
    kind = changes.get("period_kind", found.period_kind.value)
    counted = kind in (PeriodKind.DURATION.value, PeriodKind.UNTIL_EVENT.value, PeriodKind.UNTIL_SUPERSEDED.value)
    if counted and changes.get("trigger", found.trigger.value) == Trigger.NONE.value:
        raise UsageError(problem="no event starts this period; name it with --trigger")
    return changes


def amended(found: AdoptedSeries, wanted: Amendment) -> AdoptedSeries:
    """The series as it would be, unconfirmed and not in the database (for a look ahead); raises UsageError."""
    changes = changed_columns(found, wanted)
    return replace(
        found,
        id=-1,
        title=changes.get("title", found.title),
        period_kind=PeriodKind(changes.get("period_kind", found.period_kind)),
        number=changes.get("number", found.number),
        unit=read_period(wanted.period).unit if wanted.period is not None else found.unit,
        trigger=Trigger(changes.get("trigger", found.trigger)),
        title_verified=False,
        period_verified=False,
        trigger_verified=False,
        confirmed=False,
    )


def amendable(session: Session, key: str) -> AdoptedSeries:
    """The living series of that name; raises NotFound, Refused, UsageError for the built-in `unscheduled`."""
    found = _living(session, key)
    if found.key == UNSCHEDULED:
        raise UsageError(problem="`unscheduled` is built in: it has no period, and no record of it is ever due")
    return found


def amend(
    archive: Archive,
    session: Session,
    actor: Actor,
    key: str,
    wanted: Amendment,
    reason: str,
    *,
    second: Actor | None = None,
) -> int | None:
    """Put an amended, unconfirmed series in the place of one; returns the new one's id, None when done in place.

    The old row stays as history under its key with #1, #2 ...  Records are moved afterwards by
    `schedules_moving.Mover`, which needs the second person for those whose period becomes shorter.
    Raises NotFound, Refused, UsageError.
    """
    require(actor, Role.RECORDS_OFFICER)
    check_second(actor, second)
    found = amendable(session, key)
    changes = changed_columns(found, wanted)
    facts: dict[str, Any] = {"changed": ",".join(sorted(changes))}
    if second is not None:
        facts["second_person"] = second.id
    if wanted.only_threads:
        session.execute(update(series).where(series.c.id == found.id).values(keep_threads=wanted.keep_threads))
        facts["keep_threads"] = str(wanted.keep_threads).lower()
        archive.record_act(session, "schedule.amend", "series", found.id, actor_id=actor.id, facts=facts, text=reason)
        return None
    now = archive.now()
    old = dict(session.execute(select(series).where(series.c.id == found.id)).mappings().one())
    like = series.c.key.startswith(f"{found.key}#", autoescape=True)
    earlier = session.execute(select(func.count()).select_from(series).where(like)).scalar_one()
    past = update(series).where(series.c.id == found.id)
    session.execute(past.values(key=f"{found.key}#{earlier + 1}", ended_at=now))
    taken = ("schedule_id", "key", "code", "title", "retention_text", "period_kind", "number", "unit", "trigger")
    kept = {name: old[name] for name in (*taken, "action", "statute", "classification", "keep_threads")}
    unverified = dict.fromkeys(("title_verified", "period_verified", "trigger_verified"), False)
    added = insert(series).values({**kept, **unverified, **changes}).returning(series.c.id)
    new = int(session.execute(added).scalar_one())
    session.execute(update(series).where(series.c.id == found.id).values(replaced_by=new))
    facts["replaced_by"] = new
    archive.record_act(session, "schedule.amend", "series", found.id, actor_id=actor.id, facts=facts, text=reason)
    return new
