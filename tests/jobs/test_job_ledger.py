"""The ledger: each firing is run once, what died is taken up again, what ran is not."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from archiver.archive import Archive
from archiver.collect.leases import EXPIRY_MS, holder_name
from archiver.errors import NotFound
from archiver.jobs import ledger
from schema.vocab import JobState

ROOT = Path(__file__).resolve().parents[2]
OTHER = "another-machine:1"

CLAIMER = """
import sys
from pathlib import Path
from archiver.archive import Archive
from archiver.jobs import ledger
from schema.vocab import JobState
archive = Archive(Path(sys.argv[1]))
for scheduled_for in range(1_000, 1_040):
    with archive.unit() as session:
        run_id = ledger.claim(session, "tick", scheduled_for, archive.now(), ledger.holder_name())
    if run_id is not None:
        print(scheduled_for, flush=True)
        with archive.unit() as session:
            ledger.finish(session, run_id, JobState.OK, archive.now(), {})
        ledger.let_go(run_id)
"""


def _claim(archive: Archive, scheduled_for: int | None, holder: str = OTHER, *, now: int | None = None) -> int | None:
    """Claim as some process that then forgets about it, as another machine's would."""
    with archive.unit() as session:
        at = archive.now() if now is None else now
        run_id = ledger.claim(session, "tick", scheduled_for, at, holder)
    if run_id is not None:
        ledger.let_go(run_id)
    return run_id


def _state(archive: Archive, run_id: int) -> ledger.Firing:
    with archive.reading() as session:
        return ledger.get(session, run_id, archive.now())


def _finish(archive: Archive, run_id: int) -> None:
    with archive.unit() as session:
        ledger.finish(session, run_id, JobState.OK, archive.now(), {"outcome": "ok"})


def test_a_firing_is_claimed_once(both: Archive) -> None:
    """Neither while it runs nor after it ended does a firing get a second run; another firing does."""
    run_id = _claim(both, 1_000)
    assert run_id is not None
    assert _claim(both, 1_000) is None
    _finish(both, run_id)
    assert _claim(both, 1_000) is None
    assert _claim(both, 2_000) is not None


def test_a_job_runs_once_at_a_time(both: Archive) -> None:
    """While one firing runs, neither a later one nor a run by hand begins."""
    assert _claim(both, 1_000) is not None
    assert _claim(both, 2_000) is None
    assert _claim(both, None) is None


def test_an_expired_lease_is_taken_up(both: Archive) -> None:
    """A firing whose machine fell silent is taken up under the same run after its lease, not before."""
    now = both.now()
    run_id = _claim(both, 1_000, now=now)
    assert _claim(both, 1_000, now=now + EXPIRY_MS - 1) is None
    assert _claim(both, 1_000, now=now + EXPIRY_MS) == run_id


def test_a_renewed_lease_is_not_taken_up(both: Archive) -> None:
    """A heartbeat keeps a long run from being taken over."""
    now = both.now()
    run_id = _claim(both, 1_000, now=now)
    with both.unit() as session:
        ledger.beat(session, run_id or 0, now + 50_000)
    assert _claim(both, 1_000, now=now + EXPIRY_MS + 1) is None


def test_a_dead_process_of_this_machine_is_taken_up_at_once(archive: Archive) -> None:
    """On the same machine nobody waits for the lease of a process that is gone."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    run_id = _claim(archive, 1_000, f"{holder_name().rpartition(':')[0]}:{gone.pid}")
    assert _state(archive, run_id or 0).interrupted
    assert _claim(archive, 1_000) == run_id


def test_a_namesake_that_died_does_not_block(archive: Archive) -> None:
    """A container restarts with the same host name and process number; its own old row is not taken for itself."""
    run_id = _claim(archive, 1_000, holder_name())
    with archive.unit() as session:
        assert ledger.claim(session, "tick", 1_000, archive.now(), holder_name()) == run_id
    with archive.unit() as session:
        assert ledger.claim(session, "tick", 1_000, archive.now(), holder_name()) is None
    ledger.let_go(run_id or 0)


def test_a_firing_that_keeps_killing_its_process_is_given_up(archive: Archive) -> None:
    """After three attempts the firing is failed, so that the scheduler does not die of it for ever."""
    at = archive.now()
    run_ids = [_claim(archive, 1_000, now=at + n * EXPIRY_MS) for n in range(4)]
    assert run_ids == [run_ids[0]] * 3 + [None]
    found = _state(archive, run_ids[0] or 0)
    assert (found.state, found.result["code"]) == (JobState.FAILED, "died")


def test_a_later_firing_stands_for_an_unfinished_one(archive: Archive) -> None:
    """What was left unfinished is closed when a later firing begins; it is not run as well."""
    old = _claim(archive, 1_000, now=archive.now() - EXPIRY_MS)
    new = _claim(archive, 2_000)
    assert new not in (None, old)
    found = _state(archive, old or 0)
    assert (found.state, found.result["code"]) == (JobState.CANCELLED, "superseded")
    assert _claim(archive, 1_000) is None


def test_by_hand_goes_on_with_what_was_left(archive: Archive) -> None:
    """A run by hand takes up an unfinished firing, and begins a new one where there is none."""
    old = _claim(archive, 1_000, now=archive.now() - EXPIRY_MS)
    assert _claim(archive, None) == old
    _finish(archive, old or 0)
    new = _claim(archive, None)
    _finish(archive, new or 0)
    assert new != old and _state(archive, new or 0).scheduled_for >= archive.now() - 60_000


def test_two_runs_by_hand_at_the_same_moment_are_two(archive: Archive) -> None:
    """Under a clock that stands still, two runs by hand one after the other do not collide."""
    now, found = archive.now(), []
    for _ in range(2):
        found.append(_claim(archive, None, now=now) or 0)
        _finish(archive, found[-1])
    assert found[0] != found[1]


def test_a_cancel_is_seen_and_closes_what_nobody_works_on(both: Archive) -> None:
    """A live run is asked; an interrupted one is closed at once; an ended one stays as it ended."""
    live = _claim(both, 1_000) or 0
    with both.unit() as session:
        assert ledger.ask_cancel(session, live, both.now()) is JobState.RUNNING
        assert ledger.cancel_asked(session, live)
    _finish(both, live)
    with both.unit() as session:
        assert ledger.ask_cancel(session, live, both.now()) is JobState.OK
    left = _claim(both, 2_000, now=both.now() - EXPIRY_MS) or 0
    with both.unit() as session:
        assert ledger.ask_cancel(session, left, both.now()) is JobState.CANCELLED
    with both.reading() as session, pytest.raises(NotFound):
        ledger.get(session, 999, both.now())


def test_processes_that_race_share_the_firings(both: Archive) -> None:
    """Three processes claim the same 40 firings as fast as they can: each firing is run exactly once."""
    arguments = [sys.executable, "-c", CLAIMER, str(both.folder)]
    racing = [subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(3)]
    runs = Counter(int(line) for one in racing for line in one.communicate(timeout=120)[0].split())
    assert [one.returncode for one in racing] == [0, 0, 0]
    assert len(runs) >= 10 and set(runs.values()) == {1}
    with both.reading() as session:
        assert len(ledger.newest(session, both.now(), limit=100)) == len(runs)
