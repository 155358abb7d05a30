"""The runner: progress, cancel, and a stop after the current step, whoever asks for it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from archiver.archive import Archive
from archiver.errors import DiskTrouble, Locked
from archiver.jobs import ledger, runner
from archiver.jobs.runner import Cancelled, Ending, Interrupted, Step, Steps, Stop, run
from schema.vocab import JobState, Outcome

ROOT = Path(__file__).resolve().parents[2]

WORKER = """
import sys, time
from pathlib import Path
from archiver.archive import Archive
from archiver.jobs.runner import Ending, Interrupted, Step, run
def act(stopped):
    for number in range(int(sys.argv[2])):
        print(number, flush=True)
        time.sleep(0.3)
        yield Step(number + 1)
        if stopped():
            return None
    return Ending(facts={"steps": number + 1})
archive = Archive(Path(sys.argv[1]))
try:
    print("run", run(archive, "work", act).run_id)
except Interrupted as error:
    print("interrupted", error.exit_code)
"""


def _steps(count: int, pause: float = 0.0, each: Callable[[int], None] = lambda n: None) -> runner.Act:
    def act(stopped: Callable[[], bool]) -> Steps:
        for number in range(1, count + 1):
            time.sleep(pause)
            each(number)
            yield Step(number, count, "records")
            if stopped():
                return None
        return Ending(Outcome.OK, {"records": count}, f"all {count} of them")

    return act


def _newest(archive: Archive) -> ledger.Firing:
    with archive.reading() as session:
        return ledger.newest(session, archive.now(), limit=1)[0]


def test_a_run_ends_with_its_result(both: Archive) -> None:
    """The ledger keeps codes and numbers and the last progress; the text for people can be read again."""
    done = run(both, "work", _steps(3))
    assert done is not None and done.ending.facts == {"records": 3}
    found = _newest(both)
    assert (found.id, found.state, found.done, found.total) == (done.run_id, JobState.OK, 3, 3)
    assert found.result == {"outcome": "ok", "records": 3} and found.ended_at is not None
    with both.reading() as session:
        assert ledger.kept_text(both, session, done.run_id) == "all 3 of them"


def test_what_a_run_tells_people_is_sealed(archive: Archive) -> None:
    """The text of a failure stands in no file of the archive as it is; the code does."""

    def act(stopped: Callable[[], bool]) -> Steps:
        yield Step(1)
        raise DiskTrouble(reason="zyzzyva is full")

    with pytest.raises(DiskTrouble):
        run(archive, "work", act)
    found = _newest(archive)
    assert (found.state, found.result) == (JobState.FAILED, {"outcome": "failed", "code": "disk"})
    with archive.reading() as session:
        assert "zyzzyva" in (ledger.kept_text(archive, session, found.id) or "")
    assert not [path for path in archive.folder.rglob("*") if path.is_file() and b"zyzzyva" in path.read_bytes()]


def test_a_fault_closes_the_run(archive: Archive) -> None:
    """A mistake in an act leaves no run that seems to go on for ever, and its kind is kept."""

    def act(stopped: Callable[[], bool]) -> Steps:
        yield Step(1)
        raise KeyError("private words")

    with pytest.raises(KeyError):
        run(archive, "work", act)
    found = _newest(archive)
    assert found.state is JobState.FAILED and found.result["kind"].startswith("KeyError at test_job_runner.py:")
    assert "private" not in str(found.result)


def test_progress_is_written_at_most_once_a_second(archive: Archive) -> None:
    """A hundred quick steps write few rows; what is written is true."""
    seen: list[tuple[float, int]] = []

    def look(_number: int) -> None:
        seen.append((time.monotonic(), _newest(archive).done))

    run(archive, "work", _steps(60, 0.04, look))
    changes = [at for (at, done), (_, before) in zip(seen[1:], seen, strict=False) if done != before]
    assert len(changes) in (1, 2, 3)
    assert all(later - earlier > 0.9 for earlier, later in pairwise(changes))
    assert all(done < number for number, (_, done) in enumerate(seen, 1))


def test_a_cancel_ends_the_run_after_its_step(both: Archive) -> None:
    """Cancelled by someone else in the middle, a run does one more step at most, and can be started anew."""
    steps: list[int] = []

    def cancel(number: int) -> None:
        steps.append(number)
        if number == 2:
            with both.unit() as session:
                ledger.ask_cancel(session, ledger.newest(session, both.now())[0].id, both.now())

    with pytest.raises(Cancelled):
        run(both, "work", _steps(50, each=cancel))
    assert steps == [1, 2]
    assert (_newest(both).state, _newest(both).result["code"]) == (JobState.CANCELLED, "cancelled")
    assert run(both, "work", _steps(1)) is not None


def test_a_stop_leaves_the_run_to_be_finished(archive: Archive) -> None:
    """Stopped by its caller, a run stays open; the next one goes on under the same number."""
    wish = Stop()

    def ask(number: int) -> None:
        wish.asked = number == 3

    with pytest.raises(Interrupted):
        run(archive, "work", _steps(10, each=ask), scheduled_for=5_000, stop=wish)
    assert _newest(archive).interrupted
    again = run(archive, "work", _steps(10), scheduled_for=5_000)
    assert again is not None and again.run_id == _newest(archive).id and _newest(archive).state is JobState.OK
    assert run(archive, "work", _steps(10), scheduled_for=5_000) is None


def test_by_hand_a_running_job_is_refused(archive: Archive) -> None:
    """A second run by hand says that the job runs already (exit 11)."""
    inside = threading.Event()
    leave = threading.Event()

    def wait(_number: int) -> None:
        inside.set()
        leave.wait(20)

    first = threading.Thread(target=run, args=(archive, "work", _steps(1, each=wait)))
    first.start()
    try:
        assert inside.wait(20)
        with pytest.raises(Locked) as refused:
            run(archive, "work", _steps(1))
        assert refused.value.exit_code == 11
    finally:
        leave.set()
        first.join()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_after_the_current_step(archive: Archive, number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C let the step end, exit with 130, and the next run takes up the same firing."""
    arguments = [sys.executable, "-c", WORKER, str(archive.folder)]
    with subprocess.Popen([*arguments, "100"], stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "0\n"
        child.send_signal(number)
        assert child.stdout.read().splitlines()[-1] == "interrupted 130"
    found = _newest(archive)
    assert found.interrupted and found.result == {"attempts": 0}
    done = subprocess.run([*arguments, "1"], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == f"run {found.id}"


def test_a_killed_run_is_taken_up(archive: Archive) -> None:
    """kill -9 leaves a row that says "running"; the next run sees that its process is gone."""
    arguments = [sys.executable, "-c", WORKER, str(archive.folder)]
    with subprocess.Popen([*arguments, "100"], stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None and child.stdout.readline() == "0\n"
        assert not _newest(archive).interrupted
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    found = _newest(archive)
    assert found.interrupted
    again = run(archive, "work", _steps(1))
    assert again is not None and again.run_id == found.id


def test_the_lease_is_renewed_while_a_step_lasts(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step longer than the lease does not let another machine take the run."""
    monkeypatch.setattr(runner, "HEARTBEAT_S", 0.1)
    leases: list[int] = []

    def look(_number: int) -> None:
        for _ in range(2):
            with archive.reading() as session:
                row = session.connection().exec_driver_sql("SELECT lease_until FROM job_run").scalar_one()
            leases.append(row)
            time.sleep(0.5)

    run(archive, "work", _steps(1, each=look))
    assert leases[1] > leases[0]
