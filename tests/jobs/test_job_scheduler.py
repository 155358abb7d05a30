"""The scheduler: the city's time, one leader, no firing twice, none forgotten."""

import json
import os
import signal
import subprocess
import sys
import time as clock
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.archive import Archive
from archiver.collect.leases import EXPIRY_MS
from archiver.errors import Locked
from archiver.jobs import ledger
from archiver.jobs.runner import Ending, Step, Steps, Stop, run
from archiver.jobs.scheduler import CityTime, Plan, city_plans, due, fire_due
from schema.vocab import JobState
from tests.fixtures.city import Town

ROOT = Path(__file__).resolve().parents[2]
CHICAGO = ZoneInfo("America/Chicago")
DAY = 86_400_000

SERVICE = """
import json, os, sys, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from apscheduler.triggers.base import BaseTrigger
from archiver.jobs import scheduler
from archiver.jobs.runner import Ending, Step, stopping

class EverySecond(BaseTrigger):
    def get_next_fire_time(self, previous, now):
        after = now if previous is None else previous + timedelta(microseconds=1)
        return (after + timedelta(microseconds=999_999)).replace(microsecond=0)

def tick(archive):
    def act(stopped):
        with open(sys.argv[2], "a") as file:
            file.write(f"{os.getpid()}\\n")
        time.sleep(float(sys.argv[3]))
        yield Step(1)
        return None if stopped() else Ending()
    return act

def tell(one):
    # One write: two jobs may tell at the same moment.
    sys.stdout.write(json.dumps([one.job, one.scheduled_for, one.outcome, one.code]) + "\\n")
    sys.stdout.flush()

def plans(archive):
    return [scheduler.Plan(name, EverySecond(), tick) for name in ("tick", "tock")]

with stopping() as stop:
    scheduler.serve(Path(sys.argv[1]), stop, tell, plans=plans)
"""


_started: list[subprocess.Popen[str]] = []


def _service(archive: Archive, log: Path, step: float = 0.0) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", SERVICE, str(archive.folder), str(log), str(step)]
    one = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    _started.append(one)
    return one


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """End what a failed test left running."""
    yield
    while _started:
        one = _started.pop()
        if one.poll() is None:
            one.kill()
            one.communicate()


def _wait_for(lines: int, log: Path, seconds: float = 60) -> None:
    end = clock.monotonic() + seconds
    while clock.monotonic() < end:
        if log.exists() and len(log.read_text().split()) >= lines:
            return
        clock.sleep(0.1)
    raise AssertionError(f"only {log.read_text() if log.exists() else 'nothing'} after {seconds} s")


def _end(one: subprocess.Popen[str]) -> list[list[object]]:
    one.send_signal(signal.SIGTERM)
    out, err = one.communicate(timeout=60)
    assert one.returncode == 0, err
    return [json.loads(line) for line in out.splitlines()]


def _runs(archive: Archive) -> list[ledger.Firing]:
    with archive.reading() as session:
        return ledger.newest(session, archive.now(), limit=1_000)


def test_two_schedulers_run_no_firing_twice(both: Archive, tmp_path: Path) -> None:
    """Two processes on one archive, two jobs every second: each firing has one run, by one leader."""
    log = tmp_path / "log"
    pair = [_service(both, log), _service(both, log)]
    _wait_for(16, log)
    assert len(set(log.read_text().split())) == 1, "only the leader fires"
    told = [tuple(line[:2]) for one in pair for line in _end(one)]
    written = log.read_text().split()
    assert max(Counter(told).values()) == 1
    firings = [(one.job, one.scheduled_for) for one in _runs(both)]
    assert len(firings) == len(set(firings)) == len(written)
    assert {name for name, _at in firings} == {"tick", "tock"}
    assert all(at % 1000 == 0 for _name, at in firings), "the scheduled time counts, not the clock's"


def test_the_second_takes_over_when_the_leader_dies(both: Archive, tmp_path: Path) -> None:
    """kill -9 of the leader in the middle of a step: the other one leads, and takes up what was left."""
    log = tmp_path / "log"
    first = _service(both, log, 3.0)
    _wait_for(1, log)
    second = _service(both, log, 0.1)
    clock.sleep(1.5)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    before = len(log.read_text().split())
    _wait_for(before + 8, log)
    _end(second)
    after = log.read_text().split()[before:]
    assert set(after) == {str(second.pid)}
    runs = _runs(both)
    assert sum(one.state is JobState.OK for one in runs) >= 4
    assert {one.state for one in runs[-2:]} <= {JobState.OK, JobState.CANCELLED}, "taken up, or a later one stands"


def test_a_stopped_scheduler_lets_the_step_end(archive: Archive, tmp_path: Path) -> None:
    """SIGTERM during a step: the step ends, the run is left to be finished, the process exits with 0."""
    log = tmp_path / "log"
    one = _service(archive, log, 2.0)
    _wait_for(1, log)
    began = clock.monotonic()
    told = _end(one)
    assert clock.monotonic() - began < 15
    assert "interrupted" in [line[3] for line in told]
    assert any(run.interrupted for run in _runs(archive))


@given(
    st.dates(date(2026, 1, 1), date(2028, 12, 31)),
    st.integers(0, 23),
    st.integers(0, 59),
    st.sampled_from(["America/Chicago", "America/Phoenix", "America/St_Johns", "Australia/Lord_Howe"]),
)
def test_each_day_of_the_city_has_one_firing(start: date, hour: int, minute: int, zone: str) -> None:
    """Over the nights when clocks change, a time of day comes exactly once a day, in order."""
    trigger = CityTime(time(hour, minute), ZoneInfo(zone))
    at = datetime.combine(start, time(0), UTC)
    fires: list[datetime] = []
    for _ in range(400):
        fires.append(trigger.get_next_fire_time(fires[-1] if fires else None, at))
    assert all(earlier < later for earlier, later in pairwise(fires))
    days = [one.astimezone(ZoneInfo(zone)).date() for one in fires]
    assert days == [days[0] + timedelta(days=n) for n in range(400)]


def test_the_night_when_the_clocks_go_back_has_one_run() -> None:
    """01:30 comes twice on 1 November 2026 in Chicago; the nightly run comes once, at the first."""
    trigger = CityTime(time(1, 30), CHICAGO)
    fire = trigger.get_next_fire_time(None, datetime(2026, 11, 1, 5, tzinfo=UTC))
    assert fire == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    assert trigger.get_next_fire_time(fire, fire) == datetime(2026, 11, 2, 7, 30, tzinfo=UTC)


def test_the_full_check_is_on_sundays() -> None:
    """A weekday of the city, not of Greenwich: Sunday 23:30 in Chicago is Monday in UTC."""
    trigger = CityTime(time(23, 30), CHICAGO, 6)
    fire = trigger.get_next_fire_time(None, datetime(2026, 11, 18, tzinfo=UTC))
    assert fire == datetime(2026, 11, 23, 5, 30, tzinfo=UTC)


def _plan(hour: int = 1, minute: int = 30) -> Plan:
    def act(_archive: Archive) -> object:
        def steps(_stopped: object) -> Steps:
            yield Step(1)
            return Ending()

        return steps

    return Plan("nightly", CityTime(time(hour, minute), CHICAGO), act)  # type: ignore[arg-type]  # narrower on purpose


def test_a_missed_firing_is_run_once_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine was off for three nights: one run, for the last of them; a second look finds nothing."""
    town = Town(tmp_path, monkeypatch, at="2026-03-10T12:00:00-05:00")
    stop = Stop()
    assert fire_due(town.folder, stop, plans=lambda _: [_plan()]) == [], "made today: the night has not come yet"
    town.at("2026-03-13T08:00:00-05:00")
    fired = fire_due(town.folder, stop, plans=lambda _: [_plan()])
    expected = datetime(2026, 3, 13, 1, 30, tzinfo=CHICAGO).timestamp() * 1000
    assert [(one.outcome, one.scheduled_for) for one in fired] == [("ok", expected)]
    assert fire_due(town.folder, stop, plans=lambda _: [_plan()]) == []
    town.at("2026-03-14T01:29:00-05:00")
    assert fire_due(town.folder, stop, plans=lambda _: [_plan()]) == []
    town.at("2026-03-14T01:31:00-05:00")
    assert len(fire_due(town.folder, stop, plans=lambda _: [_plan()])) == 1


def test_a_run_by_hand_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who ran the missed night by hand at nine does not get it again from the scheduler."""
    town = Town(tmp_path, monkeypatch)
    town.at("2026-03-13T09:00:00-05:00")
    with town.opened() as archive:
        assert due(archive, _plan()) is not None
        run(archive, "nightly", _plan().act(archive))
        assert due(archive, _plan()) is None


def test_only_its_own_firings_are_taken_up(archive: Archive) -> None:
    """An interrupted firing is due again; what a person began by hand and broke off is his to go on with."""
    plan = _plan()
    night = plan.trigger.get_next_fire_time(None, datetime.fromtimestamp(archive.now() / 1000, UTC) - timedelta(days=1))
    at = round(night.timestamp() * 1000)
    for scheduled_for, wanted, leases in ((at + 7, None, 3), (at + DAY, at + DAY, 1)):
        with archive.unit() as session:
            past = archive.now() - leases * EXPIRY_MS
            ledger.let_go(ledger.claim(session, "nightly", scheduled_for, past, "elsewhere:1") or 0)
        assert due(archive, plan) == wanted


def test_once_is_refused_while_another_leads(archive: Archive, tmp_path: Path) -> None:
    """`--once` does not run beside a scheduler that would fire the same jobs (exit 11)."""
    log = tmp_path / "log"
    one = _service(archive, log)
    try:
        _wait_for(1, log)
        with pytest.raises(Locked):
            fire_due(archive.folder, Stop(), plans=lambda _: [_plan()])
    finally:
        _end(one)


def test_the_archive_is_free_between_firings(archive: Archive, tmp_path: Path) -> None:
    """An idle scheduler does not keep `upgrade`, `restore` or `index use` out; a firing does."""
    log = tmp_path / "log"
    one = _service(archive, log, 0.4)
    try:
        _wait_for(4, log)
        held = refused = 0
        for _ in range(100):
            try:
                with archive.database.exclusive("test"):
                    held += 1
            except Locked:
                refused += 1
            clock.sleep(0.02)
        assert held and refused
    finally:
        _end(one)


def test_a_fault_of_one_job_leaves_the_others(archive: Archive) -> None:
    """An act that fails by mistake is told with its kind; the next job still runs."""

    def broken(_archive: Archive) -> object:
        raise KeyError("private words")

    at = datetime.fromtimestamp(archive.now() / 1000, CHICAGO)
    with archive.unit() as session:
        old = archive.now() - 2 * DAY
        for job in ("bad", "nightly"):
            run_id = ledger.claim(session, job, old, old, "elsewhere:1") or 0
            ledger.finish(session, run_id, JobState.OK, old, {})
    plans = [Plan("bad", CityTime(at.time(), CHICAGO), broken), _plan()]  # type: ignore[arg-type]  # raises at once
    fired = fire_due(archive.folder, Stop(), plans=lambda _: plans)
    assert [(one.job, one.outcome) for one in fired] == [("bad", "failed"), ("nightly", "ok")]
    assert (fired[0].code or "").startswith("fault KeyError at test_job_scheduler.py")


def test_the_plans_are_those_of_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Times of config.toml, in the city's time zone."""
    town = Town(tmp_path, monkeypatch)
    with (town.folder / "config.toml").open("a") as file:
        file.write('\n[jobs]\nnightly = "23:15"\n')
    with town.opened() as archive:
        nightly, verify = city_plans(archive)
    now = datetime(2026, 3, 10, 18, tzinfo=UTC)
    assert (nightly.job, nightly.trigger.get_next_fire_time(None, now).isoformat()) == (
        "nightly",
        "2026-03-11T04:15:00+00:00",
    )
    assert (verify.job, verify.trigger.get_next_fire_time(None, now).isoformat()) == (
        "verify",
        "2026-03-15T09:00:00+00:00",
    )
