"""Which sources are broken, refused or silent, and which declarations lapse."""

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from archiver.archive import Archive
from archiver.clock import city_date
from archiver.errors import Refused
from archiver.sources.authority import authorised_scope
from archiver.sources.registry import Source, list_sources
from schema.db.capture import capture
from schema.db.people import custodian
from schema.db.sources import account, declaration, device, source
from schema.vocab import DeclarationState, Outcome

SILENT_DAYS = 3
"""Days without a complete run after which a source is called silent."""

QUIET_DAYS = 30
"""Days without anything new after which a source that used to bring something is worth a look."""

LAPSE_DAYS = 14
"""Days before the end of a declaration at which it is named."""

_DAY_MS = 86_400_000
_SUCCESS = (Outcome.OK.value, Outcome.WARNINGS.value)


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """How a source does; times in milliseconds UTC, days are whole ones.

    last_new: when the newest run began that brought a new or changed record.  failures: failed runs since the last
    success.  error_code: of the newest run that ended.  refused: why it may not be collected today, None where it may.
    silent_days: since the last success, or since it was added.  quiet_days: since the last news, None before the first.
    """

    source_id: int
    source: str
    last_success: int | None
    last_new: int | None
    failures: int
    error_code: str | None
    refused: str | None
    silent_days: int
    quiet_days: int | None

    @property
    def broken(self) -> bool:
        """Whether its newest run failed, or nothing allows its collection."""
        return self.failures > 0 or self.refused is not None

    @property
    def silent(self) -> bool:
        """Whether it was not read to its end for too long."""
        return self.silent_days >= SILENT_DAYS

    @property
    def quiet(self) -> bool:
        """Whether it is read, but has brought nothing new for long."""
        return not self.silent and self.quiet_days is not None and self.quiet_days >= QUIET_DAYS


def source_health(archive: Archive, session: Session) -> list[SourceHealth]:
    """Every active source in order of name."""
    now = archive.now()
    today = city_date(now, archive.city.timezone)
    success = _newest_start(session, capture.c.outcome.in_(_SUCCESS))
    fresh = _newest_start(session, or_(capture.c.new_records > 0, capture.c.new_versions > 0))
    failures = _failures(session)
    codes = _error_codes(session)
    added = {row.id: row.added_at for row in session.execute(select(source.c.id, source.c.added_at))}
    found = []
    for one in list_sources(session):
        last, news = success.get(one.id), fresh.get(one.id)
        found.append(
            SourceHealth(
                source_id=one.id,
                source=one.name,
                last_success=last,
                last_new=news,
                failures=failures.get(one.id, 0),
                error_code=codes.get(one.id),
                refused=_refused(archive, session, one, today),
                silent_days=(now - (added[one.id] if last is None else last)) // _DAY_MS,
                quiet_days=None if news is None else (now - news) // _DAY_MS,
            )
        )
    return found


def _newest_start(session: Session, condition: ColumnElement[bool]) -> dict[int, int]:
    newest = func.max(capture.c.started_at)
    rows = session.execute(select(capture.c.source_id, newest).where(condition).group_by(capture.c.source_id))
    return {row[0]: row[1] for row in rows}


def _failures(session: Session) -> dict[int, int]:
    last = (
        select(capture.c.source_id, func.max(capture.c.id).label("id"))
        .where(capture.c.outcome.in_(_SUCCESS))
        .group_by(capture.c.source_id)
        .subquery()
    )
    rows = session.execute(
        select(capture.c.source_id, func.count())
        .join(last, last.c.source_id == capture.c.source_id, isouter=True)
        .where(capture.c.ended_at.is_not(None), capture.c.id > func.coalesce(last.c.id, 0))
        .group_by(capture.c.source_id)
    )
    return {row[0]: row[1] for row in rows}


def _error_codes(session: Session) -> dict[int, str | None]:
    newest = select(func.max(capture.c.id)).where(capture.c.ended_at.is_not(None)).group_by(capture.c.source_id)
    rows = session.execute(select(capture.c.source_id, capture.c.error_code).where(capture.c.id.in_(newest)))
    return {row[0]: row[1] for row in rows}


def _refused(archive: Archive, session: Session, one: Source, today: date) -> str | None:
    try:
        authorised_scope(archive, session, one, today)
    except Refused as error:
        return str(error.values["reason"])
    return None


@dataclass(frozen=True, slots=True)
class Lapse:
    """A declaration that ends, or has ended while its sources are still read; ends_on: first day not covered."""

    declaration_id: int
    custodian: str
    subject: str
    ends_on: date
    days_left: int


def lapsing(session: Session, today: date) -> list[Lapse]:
    """Approved declarations whose end is near or past, the first to end first; today: in the city's time zone."""
    read = select(source.c.declaration_id).where(source.c.active, source.c.declaration_id.is_not(None))
    rows = session.execute(
        select(
            declaration.c.id,
            declaration.c.ends_on,
            custodian.c.name.label("custodian"),
            func.coalesce(account.c.name, device.c.name).label("subject"),
        )
        .join(custodian, custodian.c.id == declaration.c.custodian_id)
        .join(account, account.c.id == declaration.c.account_id, isouter=True)
        .join(device, device.c.id == declaration.c.device_id, isouter=True)
        .where(
            declaration.c.state == DeclarationState.APPROVED.value,
            declaration.c.ends_on <= today + timedelta(days=LAPSE_DAYS),
            or_(declaration.c.ends_on > today, declaration.c.id.in_(read)),
        )
        .order_by(declaration.c.ends_on, declaration.c.id)
    )
    return [Lapse(row.id, row.custodian, row.subject, row.ends_on, (row.ends_on - today).days) for row in rows]
