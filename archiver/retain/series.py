"""Series as the city adopted them, the built-in ones, and schedule editions copied into the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.errors import AlreadyAdopted, NotFound
from schema.canonical import canonical_json
from schema.db.retain import retention_schedule, series
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
    "backup": "Backups and restores",
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
    schedule_id: int | None = None
    keep_threads: bool = False
    ended: bool = False
    replaced_by: int | None = None


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


def adopt(
    archive: Archive,
    session: Session,
    actor: Actor,
    edition: str,
    adopted_on: date,
    *,
    notified_on: date | None = None,
) -> int:
    """Copy a published edition into the database as the city's own; returns how many series it has.

    notified_on: the day on which the State Archives were told.
    Raises NotFound for an unknown edition, AlreadyExists when it is adopted, Refused.
    """
    published = published_edition(edition)
    values = {
        "edition": edition,
        "jurisdiction": published.jurisdiction,
        "title": published.title[:300],
        "version": published.version[:300],
        "adopted_on": adopted_on,
        "notified_on": notified_on,
    }
    return adopt_rows(archive, session, actor, values, [_row(rule) for rule in published.series])


def published_edition(edition: str) -> RetentionScheduleEdition:
    """An edition that ships with the program; raises NotFound."""
    try:
        return loader.schedule(edition)
    except LookupError:
        raise NotFound(noun="schedule edition", name=edition) from None


def adopt_rows(
    archive: Archive, session: Session, actor: Actor, schedule: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> int:
    """Write an edition and its series as adopted; returns how many series.

    schedule: columns of `retention_schedule`.  rows: columns of `series`, `key` within the edition.
    Raises AlreadyExists, Refused.
    """
    require(actor, Role.RECORDS_OFFICER, Role.ADMINISTRATOR)
    edition = schedule["edition"]
    if find_schedule(session, edition) is not None:
        raise AlreadyAdopted(noun="adopted schedule", name=edition)
    digest = sha256(canonical_json([dict(one) for one in rows])).digest()
    values = {**schedule, "adopted_by": actor.id, "digest": digest}
    new = insert(retention_schedule).values(values).returning(retention_schedule.c.id)
    schedule_id = int(session.execute(new).scalar_one())
    if rows:
        session.execute(
            insert(series), [{**row, "schedule_id": schedule_id, "key": f"{edition}:{row['key']}"} for row in rows]
        )
    archive.record_act(
        session, "schedule.adopt", "retention_schedule", schedule_id, actor_id=actor.id, facts={"series": len(rows)}
    )
    return len(rows)


def find_schedule(session: Session, edition: str) -> dict[str, Any] | None:
    """An edition as the city adopted it."""
    chosen = select(retention_schedule).where(retention_schedule.c.edition == edition)
    row = session.execute(chosen).mappings().one_or_none()
    return None if row is None else dict(row)


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
        "classification": rule.classification[:300] if rule.classification else None,
        "title_verified": rule.title_verified,
        "period_verified": rule.period_verified,
        # The latest of several events would count, and an adopted series has one: a person must weigh it.
        "trigger_verified": rule.trigger_verified and not rule.trigger_or,
    }


def find_series(session: Session, key: str) -> AdoptedSeries:
    """A series by key, by its key within an edition, or by code: living ones and the newest first; raises NotFound."""
    wanted = (
        (series.c.key == key)
        | series.c.key.like(f"%:{_escaped(key)}", escape="\\")
        | ((series.c.code == key) & (series.c.code != ""))
    )
    best = ((series.c.key == key).desc(), series.c.ended_at.is_(None).desc(), series.c.id.desc())
    row = session.execute(select(series).where(wanted).order_by(*best)).mappings().first()
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
        confirmed=row.get("confirmed_by") is not None,
        schedule_id=row.get("schedule_id"),
        keep_threads=bool(row.get("keep_threads")),
        ended=row.get("ended_at") is not None,
        replaced_by=row.get("replaced_by"),
    )


def series_of(session: Session, edition: str) -> list[AdoptedSeries]:
    """The series of an edition, also ended ones: as adopted, else as published with negative ids; raises NotFound."""
    schedule = find_schedule(session, edition)
    if schedule is not None:
        return [one for one in all_series(session) if one.schedule_id == schedule["id"]]
    rules = published_edition(edition).series
    return [_series({**_row(one), "id": -at, "key": f"{edition}:{one.key}"}) for at, one in enumerate(rules, 1)]


def current_of(every: Mapping[int, AdoptedSeries], series_id: int) -> AdoptedSeries | None:
    """The living series that stands in the place of a series today (itself while it lives); None where none does."""
    seen: set[int] = set()
    one = every.get(series_id)
    while one is not None and one.ended and one.id not in seen:
        seen.add(one.id)
        one = every.get(one.replaced_by) if one.replaced_by is not None else None
    return None if one is None or one.ended else one


def adopted_schedules(session: Session) -> list[dict[str, Any]]:
    """The editions that the city adopted."""
    return [
        dict(row) for row in session.execute(select(retention_schedule).order_by(retention_schedule.c.id)).mappings()
    ]


def published(jurisdiction: str | None = None) -> tuple[RetentionScheduleEdition, ...]:
    """The editions that can be adopted."""
    return loader.schedules(jurisdiction)
