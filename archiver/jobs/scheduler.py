"""The scheduler: fires the jobs of config.toml at their times in the city's time zone, from one leader.

APScheduler only keeps the time: its store is in memory and made from the configuration, since a shared store lets two
schedulers run one firing twice (measured: 4 of 7).  Each firing is claimed in the ledger by its scheduled time.  Once a
minute, and at the start, the leader looks for firings that were missed while nobody ran, or that died.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.executors.base import BaseExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from archiver.archive import Archive
from archiver.database import in_use
from archiver.errors import ArchiverError, Locked
from archiver.jobs import ledger
from archiver.jobs.faults import told
from archiver.jobs.nightly import JOB as NIGHTLY
from archiver.jobs.nightly import VERIFY, Night, verifying
from archiver.jobs.runner import Act, Stop, run
from schema.db.city import city_edition

LEADER = "scheduler.lock"
LOOK_S = 60
"""Seconds between two looks for missed and dead firings."""

_LOCK = 7_203_004
_POLL_S = 0.5
_FAR_BACK = timedelta(days=40)
_SUNDAY = 6


class CityTime(BaseTrigger):  # type: ignore[misc]  # apscheduler has no types
    """Once on each day, or each such weekday (Monday 0), at a time of day in the city's time zone.

    APScheduler's own CronTrigger fires twice at 01:30 on the night when the clocks go back.  Here the first of the two
    counts; a time that the clocks skip in spring is the same moment an hour later by the clock.
    """

    def __init__(self, at: time, zone: ZoneInfo, weekday: int | None = None) -> None:
        self._at, self._zone, self._weekday = at, zone, weekday

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """The first firing after the previous one, or from now on."""
        after = now if previous_fire_time is None else previous_fire_time + timedelta(microseconds=1)
        day = after.astimezone(self._zone).date() - timedelta(days=1)
        while True:
            fire = datetime.combine(day, self._at, self._zone).astimezone(UTC)
            if fire >= after and self._weekday in (None, day.weekday()):
                return fire
            day += timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Plan:
    """A job and its times."""

    job: str
    trigger: Any
    act: Callable[[Archive], Act]


@dataclass(frozen=True, slots=True)
class Fired:
    """What became of a firing; scheduled_for: milliseconds UTC, None where that could not be learned.

    code: of the error that ended it.
    """

    job: str
    scheduled_for: int | None
    outcome: str
    run_id: int | None = None
    code: str | None = None


Tell = Callable[[Fired], None]


def city_plans(archive: Archive) -> list[Plan]:
    """The jobs of config.toml: the nightly run every day, the full check on Sundays."""
    zone = ZoneInfo(archive.city.timezone)
    jobs = archive.config.jobs
    return [
        Plan(NIGHTLY, CityTime(time.fromisoformat(jobs.nightly), zone), lambda one: Night(one).act),
        Plan(VERIFY, CityTime(time.fromisoformat(jobs.verify), zone, _SUNDAY), verifying),
    ]


Plans = Callable[[Archive], Sequence[Plan]]


def serve(folder: Path, stop: Stop, tell: Tell, *, plans: Plans = city_plans) -> None:
    """Stand by until no other scheduler leads, then fire jobs at their times until `stop` is asked.

    plans: other jobs, for tests.  The archive is opened for each firing and is free between them, so that an upgrade or
    `index use` need not wait for the scheduler; changed job times count after a restart.
    """
    while not stop.asked:
        with _opened(folder) as archive, _leading(archive, stop) as lead:
            if lead is not None:
                service = _Service(folder, stop, tell, plans(archive))
                archive.close()  # the lead stays; the facts are opened again for each firing
                service.lead(lead)


def fire_due(folder: Path, stop: Stop, *, plans: Plans = city_plans) -> list[Fired]:
    """Fire what is due and return; raises Locked while another scheduler leads."""
    with _opened(folder) as archive, _leading(archive, None) as lead:
        if lead is None:
            raise Locked(holder="a running `archiver scheduler`, which fires the jobs itself")
        fired: list[Fired] = []
        service = _Service(folder, stop, fired.append, plans(archive))
        for plan in service.plans:
            service.look(plan)
        return fired


def due(archive: Archive, plan: Plan) -> int | None:
    """The firing of a job that should have run by now and did not (milliseconds UTC), None where there is none.

    The newest whose time passed since the last run, else one that was begun and left; what a person began by hand is
    his to go on with.  A job that never ran counts from the day on which the archive was made.
    """
    now = archive.now()
    with archive.reading() as session:
        left = ledger.unfinished(session, plan.job, now)
        last = ledger.last_scheduled(session, plan.job)
        if last is None:
            last = int(session.execute(select(func.min(city_edition.c.decided_at))).scalar_one())
    moment = _moment(now)
    previous = max(_moment(last), moment - _FAR_BACK)
    newest = None
    while (fire := plan.trigger.get_next_fire_time(previous, moment)) is not None and fire <= moment:
        newest = previous = fire
    if newest is not None:
        return _milliseconds(newest)
    if left is not None and _milliseconds(plan.trigger.get_next_fire_time(None, _moment(left))) == left:
        return left
    return None


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


class _Service:
    """Fires plans while it leads."""

    def __init__(self, folder: Path, stop: Stop, tell: Tell, plans: Sequence[Plan]) -> None:
        self.plans = plans
        self._folder, self._stop, self._tell = folder, stop, tell

    def lead(self, still_leading: Callable[[], bool]) -> None:
        """Run APScheduler until a stop is asked, or until another could have taken the lead."""
        executor = _Executor()
        scheduler = BlockingScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": executor},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )
        for plan in self.plans:
            again = IntervalTrigger(seconds=LOOK_S, timezone=UTC)
            unset = [plan, None]  # the executor puts the scheduled time in its place
            scheduler.add_job(self.fire, plan.trigger, unset, id=plan.job)
            scheduler.add_job(self._look_now, None, unset, id=f"{plan.job} (missed before the start)")
            scheduler.add_job(self._look_now, again, unset, id=f"{plan.job} (missed)")
        over = Event()
        guard = Thread(target=_until, args=(scheduler, self._stop, over, still_leading), daemon=True)
        guard.start()
        try:
            scheduler.start()
        finally:
            over.set()
            guard.join()
            executor.shutdown()

    def fire(self, plan: Plan, scheduled: datetime) -> None:
        """Run a firing that APScheduler says is due."""
        self._tried(plan, lambda archive: _milliseconds(scheduled))

    def look(self, plan: Plan) -> None:
        """Run the firing of a job that was missed or died, if there is one."""
        self._tried(plan, lambda archive: due(archive, plan))

    def _look_now(self, plan: Plan, _scheduled: datetime) -> None:
        self.look(plan)

    def _tried(self, plan: Plan, when: Callable[[Archive], int | None]) -> None:
        scheduled_for = None
        try:
            with in_use(self._folder), _opened(self._folder) as archive:
                scheduled_for = when(archive)
                if scheduled_for is None or self._stop.asked:
                    return
                done = run(archive, plan.job, plan.act(archive), scheduled_for=scheduled_for, stop=self._stop)
        except ArchiverError as error:
            self._tell(Fired(plan.job, scheduled_for, "failed", code=error.code))
        except Exception as error:  # noqa: BLE001  (a fault of one job must not end the scheduler, which runs the others)
            self._tell(Fired(plan.job, scheduled_for, "failed", code=f"fault {told(error)}"))
        else:
            if done is not None:
                self._tell(Fired(plan.job, scheduled_for, done.ending.outcome.value, done.run_id))


class _Executor(BaseExecutor):  # type: ignore[misc]  # apscheduler has no types
    """Runs jobs in threads and tells them for when they were scheduled, which APScheduler's own executors do not."""

    def __init__(self) -> None:
        super().__init__()
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="job")

    def _do_submit_job(self, job: Any, run_times: Sequence[datetime]) -> None:
        def work() -> None:
            try:
                job.func(job.args[0], run_times[-1])
            finally:
                self._run_job_success(job.id, [])

        self._pool.submit(work)

    def shutdown(self, wait: bool = True) -> None:
        """Wait for the jobs that run; they were asked to stop after their current step."""
        self._pool.shutdown(wait=wait)


def _until(scheduler: BlockingScheduler, stop: Stop, over: Event, still_leading: Callable[[], bool]) -> None:
    # The signal handler only sets a flag: shutting down takes locks that the interrupted thread may hold.
    while not over.wait(_POLL_S):
        if (stop.asked or not still_leading()) and scheduler.running:
            scheduler.shutdown(wait=False)
            return


@contextmanager
def _opened(folder: Path) -> Iterator[Archive]:
    with closing(Archive(folder)) as archive:
        yield archive


@contextmanager
def _leading(archive: Archive, stop: Stop | None) -> Iterator[Callable[[], bool] | None]:
    """The lead, as a function that says whether it still lasts; None when `stop` was asked before it came.

    stop: None does not wait.  SQLite: a lock file of this machine; PostgreSQL: an advisory lock, which ends with its
    connection.
    """
    leader = _by_file(archive.folder / LEADER) if archive.database.sqlite else _by_database(archive)
    with leader as attempt:
        got = attempt()
        pause = Event()
        while not got and stop is not None and not stop.asked:
            pause.wait(_POLL_S)
            got = attempt()
        yield attempt if got else None


@contextmanager
def _by_file(path: Path) -> Iterator[Callable[[], bool]]:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def attempt() -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    try:
        yield attempt
    finally:
        os.close(file)


@contextmanager
def _by_database(archive: Archive) -> Iterator[Callable[[], bool]]:
    with archive.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        held = False

        def attempt() -> bool:
            nonlocal held
            held = _still(connection) if held else bool(connection.scalar(select(func.pg_try_advisory_lock(_LOCK))))
            return held

        yield attempt
        if held and _still(connection):
            connection.scalar(select(func.pg_advisory_unlock(_LOCK)))


def _still(connection: Connection) -> bool:
    try:
        connection.scalar(select(1))
    except SQLAlchemyError:
        return False
    return True
