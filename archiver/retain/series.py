"""Series as the city adopted them, the built-in ones, and schedule editions copied into the database."""

from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.errors import AlreadyExists, NotFound, UsageError
from archiver.retain.dates import due_date
from schema.canonical import canonical_json
from schema.db.retain import retention_schedule, retention_tag, series
from schema.law import loader
from schema.law.shapes import RetentionScheduleEdition, SeriesRule
from schema.vocab import DispositionAction, PeriodKind, PeriodUnit, Role, Trigger

UNSCHEDULED = "unscheduled"

OWN_RECORDS = {
    "capture": "Captures",
    "declaration": "Declarations",
    "data_request": "Data requests",
    "request_file": "Request files",
    "production": "Productions",
    "hold": "Holds",
    "disposition": "Dispositions and their certificates",
    "audit_event": "Audit events",
    "job_run": "Job reports",
}
"""The archive's own records, by table: each has a series of its own, never due until the city confirms a period."""


@dataclass(frozen=True, slots=True)
class AdoptedSeries:
    """A series as retention dates need it."""

    id: int
    key: str
    code: str
    title: str
    period_kind: PeriodKind
    number: int | None
    unit: PeriodUnit | None
    trigger: Trigger
    action: DispositionAction
    retention_text: str
    title_verified: bool
    period_verified: bool
    trigger_verified: bool
    confirmed: bool


def make_built_in(session: Session) -> None:
    """Make `unscheduled` and the series of the archive's own records, once, when the archive is made."""
    names = {UNSCHEDULED: "Unscheduled", **{f"own:{table}": title for table, title in OWN_RECORDS.items()}}
    session.execute(
        insert(series),
        [
            {
                "key": key,
                "code": "",
                "title": title,
                "retention_text": "kept until a records officer assigns a period",
                "period_kind": PeriodKind.UNKNOWN.value,
                "trigger": Trigger.NONE.value,
                "action": DispositionAction.RETAIN.value,
                "title_verified": False,
                "period_verified": False,
                "trigger_verified": False,
            }
            for key, title in names.items()
        ],
    )


def adopt(archive: Archive, session: Session, actor: Actor, edition: str, adopted_on: date) -> int:
    """Copy a published edition into the database as the city's own; returns how many series it has.

    Raises NotFound for an unknown edition, AlreadyExists when it is adopted, Refused.
    """
    require(actor, Role.RECORDS_OFFICER, Role.ADMINISTRATOR)
    try:
        published = loader.schedule(edition)
    except LookupError:
        raise NotFound(noun="schedule edition", name=edition) from None
    if session.execute(select(retention_schedule.c.id).where(retention_schedule.c.edition == edition)).first():
        raise AlreadyExists(noun="adopted schedule", name=edition)
    rows = [_row(rule) for rule in published.series]
    schedule_id = int(
        session.execute(
            insert(retention_schedule)
            .values(
                edition=edition,
                jurisdiction=published.jurisdiction,
                title=published.title[:300],
                version=published.version[:300],
                adopted_on=adopted_on,
                adopted_by=actor.id,
                digest=sha256(canonical_json(rows)).digest(),
            )
            .returning(retention_schedule.c.id)
        ).scalar_one()
    )
    if rows:
        session.execute(
            insert(series), [{**row, "schedule_id": schedule_id, "key": f"{edition}:{row['key']}"} for row in rows]
        )
    archive.record_act(
        session, "schedule.adopt", "retention_schedule", schedule_id, actor_id=actor.id, facts={"series": len(rows)}
    )
    return len(rows)


def _row(rule: SeriesRule) -> dict[str, Any]:
    return {
        "key": rule.key,
        "code": rule.code,
        "title": rule.title[:300],
        "retention_text": (rule.retention_text or "not known")[:600],
        "period_kind": rule.period_kind.value,
        "number": rule.number,
        "unit": rule.unit.value if rule.unit else None,
        "trigger": rule.trigger.value,
        "action": rule.disposition.value,
        "statute": rule.statute,
        "title_verified": rule.title_verified,
        "period_verified": rule.period_verified,
        # The latest of several events would count, and an adopted series has one: a person must weigh it.
        "trigger_verified": rule.trigger_verified and not rule.trigger_or,
    }


def confirm(archive: Archive, session: Session, actor: Actor, key: str, edition: str) -> None:
    """A records officer confirms title, period and trigger of a series against the city's adopted edition.

    edition: where it stands, as the officer read it (edition and page).  Tags of the series get their due dates.
    Raises NotFound, Refused, UsageError where the edition has no period that could be confirmed.
    """
    require(actor, Role.RECORDS_OFFICER)
    found = find_series(session, key)
    confirmed = replace(found, confirmed=True)
    if not (rule := due_date(confirmed, None, archive.city.fiscal_year_end)).ready:
        raise UsageError(problem=f"{found.key} cannot be confirmed as it stands: {rule.explanation}")
    today = date.fromordinal(date(1970, 1, 1).toordinal() + archive.now() // 86_400_000)
    session.execute(
        update(series)
        .where(series.c.id == found.id)
        .values(confirmed_by=actor.id, confirmed_on=today, confirmed_edition=edition[:200])
    )
    _date_tags(session, confirmed, archive.city.fiscal_year_end)
    archive.record_act(session, "schedule.confirm", "series", found.id, actor_id=actor.id, text=edition)


def _date_tags(session: Session, rule: AdoptedSeries, fiscal_year_end: tuple[int, int]) -> None:
    """Give the current tags of a series the dates that it now allows, one statement for each trigger date."""
    current = (retention_tag.c.series_id == rule.id) & retention_tag.c.ended_at.is_(None)
    days = session.execute(select(retention_tag.c.trigger_on).where(current).distinct()).scalars().all()
    for day in days:
        due_on = due_date(rule, day, fiscal_year_end).date
        same = retention_tag.c.trigger_on.is_not_distinct_from(day)
        session.execute(update(retention_tag).where(current, same).values(due_on=due_on))


def find_series(session: Session, key: str) -> AdoptedSeries:
    """A series by key, by its key within an edition, or by code; raises NotFound."""
    wanted = (
        (series.c.key == key)
        | series.c.key.like(f"%:{_escaped(key)}", escape="\\")
        | ((series.c.code == key) & (series.c.code != ""))
    )
    row = session.execute(select(series).where(wanted).order_by(series.c.id.desc())).mappings().first()
    if row is None:
        raise NotFound(noun="series", name=key)
    return _series(dict(row))


def _escaped(key: str) -> str:
    return key.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def all_series(session: Session) -> list[AdoptedSeries]:
    """Every series in order of id."""
    return [_series(dict(row)) for row in session.execute(select(series).order_by(series.c.id)).mappings()]


def _series(row: dict[str, Any]) -> AdoptedSeries:
    return AdoptedSeries(
        id=row["id"],
        key=row["key"],
        code=row["code"],
        title=row["title"],
        period_kind=PeriodKind(row["period_kind"]),
        number=row["number"],
        unit=PeriodUnit(row["unit"]) if row["unit"] else None,
        trigger=Trigger(row["trigger"]),
        action=DispositionAction(row["action"]),
        retention_text=row["retention_text"],
        title_verified=bool(row["title_verified"]),
        period_verified=bool(row["period_verified"]),
        trigger_verified=bool(row["trigger_verified"]),
        confirmed=row["confirmed_by"] is not None,
    )


def adopted_schedules(session: Session) -> list[dict[str, Any]]:
    """The editions that the city adopted."""
    return [
        dict(row) for row in session.execute(select(retention_schedule).order_by(retention_schedule.c.id)).mappings()
    ]


def published(jurisdiction: str | None = None) -> tuple[RetentionScheduleEdition, ...]:
    """The editions that can be adopted."""
    return loader.schedules(jurisdiction)
