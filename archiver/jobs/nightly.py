"""The nightly run: collect every source, drain the index, clear leftovers, check a part, sign the log, report."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archiver.accession.destroyed import sweep_parties
from archiver.archive import Archive
from archiver.audit.heads import sign_head
from archiver.clock import city_date
from archiver.errors import ArchiverError
from archiver.index.rebuild import remove_left
from archiver.index.status import index_status
from archiver.jobs.collecting import collect_sources
from archiver.jobs.faults import told
from archiver.jobs.health import lapsing, source_health
from archiver.jobs.report import Disk, Report, Verified
from archiver.jobs.runner import Act, Ending, Step, Steps
from archiver.operate.verify import Part, Result, record_result, verify
from archiver.pipeline.receipt import Failure
from archiver.pipeline.standing import evaluate
from archiver.retain.hold_listing import unfinished_holds
from archiver.retain.hold_notices import unanswered
from archiver.retain.holds import lift_ended
from archiver.vault.sweep import sweep
from schema.db.audit import audit_event
from schema.db.record import observation, record
from schema.db.sources import source
from schema.vocab import ObservationKind, Outcome

JOB = "nightly"
VERIFY = "verify"
PARTS = 7
"""Nights in which the partial check goes once round."""


class Night:
    """One nightly run; `report` is complete once its act has ended."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.report = Report(archive.city.name, archive.city.timezone, archive.now())

    def act(self, stopped: Callable[[], bool]) -> Steps:
        """The steps of the run; what fails in one of them is reported and does not stop the others."""
        archive, report = self._archive, self.report
        before = self._newest_observation()
        done = 0
        with self._noted("collecting"):
            for step in collect_sources(archive, None, stopped=stopped, unusable=self._note):
                if step.receipt is not None:
                    report.receipts.append(step.receipt)
                    done += step.receipt.counts.seen
                yield Step(done if step.receipt else done + step.seen, None, "items")
        if stopped():
            return None
        self._holds()
        with self._noted("clearing leftovers"):
            swept = sweep(archive.reading, archive.vault.objects, archive.now())
            report.orphans = None if swept.put_off else swept.removed
            remove_left(archive)
            self._sweep_parties()
        with self._noted("checking a part"):
            yield from self._check(stopped)
        if stopped():
            return None
        with self._noted("signing the log"), archive.unit() as session:
            report.head = sign_head(session, archive.signer, archive.now())
        with self._noted("looking at the index"):
            report.index = index_status(archive)
        today = city_date(archive.now(), archive.city.timezone)
        with archive.reading() as session:
            report.observed = _observed(session, before)
            report.health = source_health(archive, session)
            report.lapses = lapsing(session, today)
            report.last_full_check = _last_full_check(session)
        report.disks = list(_disks(archive))
        report.ended_at = archive.now()
        return Ending(report.outcome, report.facts(), report.as_text())

    def _holds(self) -> None:
        """Lift what ended, evaluate what stands, name what people must do."""
        archive, report = self._archive, self.report
        with self._noted("ending holds of closed requests"), archive.unit() as session:
            report.holds.ended = lift_ended(archive, session, city_date(archive.now(), archive.city.timezone))
        with self._noted("evaluating standing holds"):
            report.holds.joined = evaluate(archive)
        with self._noted("looking at holds"), archive.reading() as session:
            report.holds.unfinished = unfinished_holds(session)
            report.holds.unanswered = {hold_id: one.count for hold_id, one in unanswered(session).items()}

    def _sweep_parties(self) -> None:
        """Remove parties and threads of destroyed records that a collection running at the time still needed."""
        after: int | None = 0
        while after is not None:
            with self._archive.unit() as session:
                after = sweep_parties(session, self._archive.now(), after)

    def _newest_observation(self) -> int:
        with self._archive.reading() as session:
            return int(session.execute(select(func.max(observation.c.id))).scalar() or 0)

    def _note(self, error: ArchiverError) -> None:
        self.report.troubles.append(Failure(error.code, str(error), error.advice, error.where))

    @contextmanager
    def _noted(self, what: str) -> Iterator[None]:
        try:
            yield
        except ArchiverError as error:
            if all(one.code != error.code for one in self.report.troubles):
                self._note(error)
        except Exception as error:  # noqa: BLE001  (a fault here must not cost the person the report on all the rest)
            fault = f"A step of the night failed ({what}): {told(error)}."
            hint = "Run `archiver doctor`; if that finds nothing, report this fault of the program."
            self.report.troubles.append(Failure("fault", fault, hint))

    def _check(self, stopped: Callable[[], bool]) -> Iterator[Step]:
        day = city_date(self._archive.now(), self._archive.city.timezone)
        part = (day.toordinal() % PARTS + 1, PARTS)
        for step in verify(self._archive, part=part):
            yield Step(step.done, step.total, "checked")
            if step.result is not None:
                record_result(self._archive, step.result, actor_id=None, part=part)
                self.report.verified = verified(step.result, part)
            if stopped():
                return


def verified(result: Result, part: Part) -> Verified:
    """What a check found, for the report."""
    problems = tuple(f"{one.object}: {one.message}" for one in result.problems)
    return Verified(part, sum(one.count for one in result.checks), problems)


def verifying(archive: Archive) -> Act:
    """The act of the job `verify`: check everything; the text that it leaves names every problem."""

    def act(stopped: Callable[[], bool]) -> Steps:
        for step in verify(archive):
            yield Step(step.done, step.total, "checked")
            if step.result is not None:
                record_result(archive, step.result, actor_id=None, part=None)
                found = verified(step.result, (1, 1))
                facts = {"checked": found.checked, "problems": len(found.problems)}
                outcome = Outcome.FAILED if found.problems else Outcome.OK
                return Ending(outcome, facts, "\n".join(found.problems) or f"{found.checked:,} checked, nothing wrong.")
            if stopped():
                return None
        return None

    return act


def _observed(session: Session, after: int) -> dict[str, dict[str, int]]:
    shown = (ObservationKind.HIDDEN.value, ObservationKind.UNHIDDEN.value, ObservationKind.GONE.value)
    rows = session.execute(
        select(source.c.name, observation.c.kind, func.count())
        .join(record, record.c.id == observation.c.record_id)
        .join(source, source.c.id == record.c.source_id)
        .where(observation.c.id > after, observation.c.kind.in_(shown))
        .group_by(source.c.name, observation.c.kind)
    )
    found: dict[str, dict[str, int]] = {}
    for name, kind, count in rows:
        found.setdefault(name, {})[kind] = count
    return found


def _last_full_check(session: Session) -> int | None:
    """When everything was last checked and found good; each check leaves an audit event (milliseconds UTC)."""
    whole = audit_event.c.facts.contains('"part":[1,1]', autoescape=True)
    good = select(func.max(audit_event.c.at)).where(
        audit_event.c.object_kind == "archive", audit_event.c.act == "verify", audit_event.c.outcome == "ok", whole
    )
    found = session.execute(good).scalar()
    return None if found is None else int(found)


def _disks(archive: Archive) -> Iterator[Disk]:
    seen = set()
    for path in (archive.folder, archive.vault.objects.folder, archive.index_folder):
        place = _existing(path)
        device = os.stat(place).st_dev
        if device not in seen:
            seen.add(device)
            usage = shutil.disk_usage(place)
            yield Disk(str(path), usage.free, usage.total)


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)
