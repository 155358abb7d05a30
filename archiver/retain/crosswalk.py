"""Superseding an edition: which series of the new one stands in the place of each old one, and what that changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.errors import NotFound, Refused, UsageError
from archiver.retain.running import check_second
from archiver.retain.schedule_files import Faults, Row, read_table, read_toml, toml_rows
from archiver.retain.series import AdoptedSeries, adopt, find_schedule, series_of
from schema.db.record import record
from schema.db.retain import retention_schedule, retention_tag, series, series_crosswalk
from schema.vocab import Role

COLUMNS = {"old": ("old", "old series"), "new": ("new", "new series"), "reason": ("reason", "why")}


@dataclass(frozen=True, slots=True)
class Pair:
    """A line of a crosswalk: the old series, the new one in its place, and why."""

    where: str
    old: AdoptedSeries
    new: AdoptedSeries
    reason: str


@dataclass(frozen=True, slots=True)
class Crossing:
    """A crosswalk that fits its two editions; left: living old series without a counterpart."""

    old: str
    new: str
    pairs: tuple[Pair, ...]
    left: tuple[AdoptedSeries, ...]
    adopted: bool

    @property
    def targets(self) -> dict[int, AdoptedSeries]:
        """The new series by the id of the old one."""
        return {one.old.id: one.new for one in self.pairs}


def read_crosswalk(session: Session, old: str, new: str, path: Path) -> Crossing:
    """Read a crosswalk (TOML `[[crosswalk]]`, XLSX or CSV: old, new, reason) and check it against both editions.

    Series are named by key or code within their edition.  Raises NotFound, Refused, UsageError with every faulty row.
    """
    schedule = find_schedule(session, old)
    if schedule is None:
        raise NotFound(noun="adopted schedule", name=old)
    if old == new:
        raise UsageError(problem="an edition cannot supersede itself; `archiver schedule amend` changes a series")
    follower = find_schedule(session, new)
    if schedule["superseded_by"] is not None and (follower is None or schedule["superseded_by"] != follower["id"]):
        raise Refused(
            reason=f"{old} was superseded by another edition before",
            action="Supersede the edition that is in force; see `archiver schedule list`.",
        )
    before, after = _by_name(old, series_of(session, old)), _by_name(new, series_of(session, new))
    faults, pairs, taken = Faults(path), list[Pair](), dict[int, str]()
    for row in _rows(path):
        one, other = before.get(row.cells.get("old", "")), after.get(row.cells.get("new", ""))
        if problem := _problem(row, one, other, old, new):
            faults.add(row.where, problem)
        elif one is not None and other is not None:
            if one.id in taken:
                faults.add(row.where, f"{one.key} stands in {taken[one.id]} too; an old series has one counterpart")
            taken.setdefault(one.id, row.where)
            pairs.append(Pair(row.where, one, other, row.cells["reason"]))
    faults.refuse()
    living = {one.id: one for one in before.values() if not one.ended or one.replaced_by is None}
    left = tuple(living[one] for one in sorted(living) if one not in taken)
    return Crossing(old, new, tuple(pairs), left, follower is not None)


def _rows(path: Path) -> list[Row]:
    if path.suffix.casefold() != ".toml":
        return read_table(path, COLUMNS, tuple(COLUMNS))
    tables = read_toml(path)
    return [row for row, _ in toml_rows(path, tables.get("crosswalk", []), "crosswalk", tuple(COLUMNS))]


def _by_name(edition: str, every: Sequence[AdoptedSeries]) -> dict[str, AdoptedSeries]:
    """Series by their whole key, key within the edition, and code; living ones before those of the past."""
    found: dict[str, AdoptedSeries] = {}
    for one in sorted(every, key=lambda one: (one.ended, -one.id)):
        for name in (one.key, one.key.removeprefix(f"{edition}:"), one.code):
            if name:
                found.setdefault(name, one)
    return found


def _problem(row: Row, one: AdoptedSeries | None, other: AdoptedSeries | None, old: str, new: str) -> str | None:
    if one is None:
        return f"{old} has no series {row.cells.get('old') or '(empty)'}"
    if other is None:
        return f"{new} has no series {row.cells.get('new') or '(empty)'}"
    if not row.cells.get("reason"):
        return "no reason: say why the new series stands in the place of the old one"
    if other.ended:
        return f"{other.key} has ended"
    if one.ended and one.replaced_by not in (None, other.id):
        return f"{one.key} was replaced by another series before"
    return None


def count_left(session: Session, crossing: Crossing) -> dict[str, int]:
    """How many living records lie in old series without a counterpart: they keep their tags and are never due."""
    counted = (
        select(retention_tag.c.series_id, func.count())
        .join(record, record.c.id == retention_tag.c.record_id)
        .where(retention_tag.c.ended_at.is_(None), record.c.destroyed_at.is_(None))
        .group_by(retention_tag.c.series_id)
    )
    records: dict[int, int] = dict(session.execute(counted).all())
    return {one.key: records.get(one.id, 0) for one in crossing.left}


def supersede(
    archive: Archive,
    session: Session,
    actor: Actor,
    old: str,
    new: str,
    path: Path,
    *,
    on: date,
    notified_on: date | None = None,
    second: Actor | None = None,
) -> Crossing:
    """End the series of an edition and write what stands in their place; returns that.

    The new edition is adopted on that day unless it is already.  Done again with the same or a longer crosswalk it
    goes on.  Records are moved afterwards by `schedules_moving.Mover`.  Raises NotFound, Refused, UsageError.
    """
    require(actor, Role.RECORDS_OFFICER)
    check_second(actor, second)
    crossing = read_crosswalk(session, old, new, path)
    if not crossing.adopted:
        adopt(archive, session, actor, new, on, notified_on=notified_on)
        crossing = read_crosswalk(session, old, new, path)
    now, schedule, follower = archive.now(), find_schedule(session, old), find_schedule(session, new)
    if schedule is None or follower is None:
        raise NotFound(noun="adopted schedule", name=old)
    known = set(session.execute(select(series_crosswalk.c.old_series_id)).scalars())
    fresh = [one for one in crossing.pairs if one.old.id not in known]
    if fresh:
        session.execute(insert(series_crosswalk), [_crosswalk_row(one, now, actor) for one in fresh])
    for one in fresh:
        place = update(series).where(series.c.id == one.old.id)
        session.execute(place.values(replaced_by=one.new.id))
    mine = (series.c.schedule_id == schedule["id"], series.c.ended_at.is_(None))
    ended = session.connection().execute(update(series).where(*mine).values(ended_at=now)).rowcount
    edition = update(retention_schedule).where(retention_schedule.c.id == schedule["id"])
    if schedule["superseded_at"] is None:
        session.execute(edition.values(superseded_at=now, superseded_by=follower["id"]))
    facts = {
        "by": follower["id"],
        "on": on.isoformat(),
        "pairs": len(fresh),
        "ended": ended,
        "left": len(crossing.left),
    }
    if second is not None:
        facts["second_person"] = second.id
    archive.record_act(
        session, "schedule.supersede", "retention_schedule", schedule["id"], actor_id=actor.id, facts=facts
    )
    return crossing


def _crosswalk_row(one: Pair, now: int, actor: Actor) -> dict[str, object]:
    return {
        "old_series_id": one.old.id,
        "new_series_id": one.new.id,
        "reason": one.reason[:400],
        "made_at": now,
        "made_by": actor.id,
    }
