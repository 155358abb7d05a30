"""A collection that is killed, interrupted or ended at any moment repeats work and skips none (promise 1)."""

import random
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.children import archiver, checked, count, run, state, with_sources

TEXTS, MAILS = 3_000, 300


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with its sources, not collected yet; and beside it one that was collected undisturbed."""
    folder = tmp_path_factory.mktemp("killed")
    fresh = with_sources(folder / "fresh", folder, texts=TEXTS, mails=MAILS)
    shutil.copytree(fresh, folder / "whole")
    child = collecting(folder / "whole")
    began = time.monotonic()
    _out, err = child.communicate(timeout=300)
    assert child.returncode == 0, err
    (folder / "seconds").write_text(str(time.monotonic() - began))
    return folder


def collecting(folder: Path, records: int = 0) -> subprocess.Popen[str]:
    """Start a collection and wait until its first run has begun and so many records are there."""
    with closing(sqlite3.connect(folder / "archive.db", isolation_level=None)) as database:
        (before,) = database.execute("SELECT count(*) FROM capture").fetchone()
        child = archiver(folder, "collect", "--all")
        while child.poll() is None:
            (begun, there) = database.execute("SELECT (SELECT count(*) FROM capture), count(*) FROM record").fetchone()
            if begun > before and there >= records:
                break
            time.sleep(0.002)
    return child


def kill_and_go_on(template: Path, folder: Path, kills: int, per_archive: int, seed: int) -> None:
    """Kill collections at random moments, verify after each kill, then let one end and compare it with the whole."""
    expected, seconds = state(template / "whole"), float((template / "seconds").read_text())
    assert expected[1] == TEXTS + MAILS
    rng, done, orphans, partial = random.Random(seed), 0, 0, 0
    while done < kills:
        shutil.copytree(template / "fresh", folder)
        for _ in range(min(per_archive, kills - done)):
            # Half of the kills wait for a number of records, since those are written in a small part of the time.
            by_records = done % 2 == 0
            child = collecting(folder, rng.randrange(TEXTS + MAILS) if by_records else 0)
            time.sleep(rng.uniform(0, 0.03 if by_records else seconds * 0.7))
            child.send_signal(signal.SIGKILL)
            child.communicate()
            done += 1
            result = checked(folder)
            assert result.problems == (), f"after kill {done}"
            orphans += result.orphans
            partial += 0 < count(folder, "record") < TEXTS + MAILS
        code, _out, err = run(folder, "collect", "--all")
        assert code == 0, err
        assert checked(folder).problems == ()
        assert state(folder) == expected
        assert count(folder, "record") == TEXTS + MAILS
        shutil.rmtree(folder)
    print(f"{done} kills, {partial} of them half way; {orphans} orphan objects; every archive whole after the next run")


def test_25_kills_lose_and_double_nothing(template: Path, tmp_path: Path) -> None:
    """Killed 25 times at random moments: verify is green each time, and the next run gives the same archive."""
    kill_and_go_on(template, tmp_path / "archive", 25, 3, seed=1)


@pytest.mark.long
def test_100_kills_lose_and_double_nothing(template: Path, tmp_path: Path) -> None:
    """The same a hundred times, with other moments."""
    kill_and_go_on(template, tmp_path / "archive", 100, 3, seed=2)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_collection_that_is_asked_to_stop_ends_cleanly(template: Path, tmp_path: Path, sign: signal.Signals) -> None:
    """SIGTERM and SIGINT: one line, no traceback, no lease left, verify green; the next run goes on to the whole."""
    folder = tmp_path / "archive"
    shutil.copytree(template / "fresh", folder)
    child = collecting(folder, MAILS // 2)
    assert child.poll() is None
    child.send_signal(sign)
    _out, err = child.communicate(timeout=30)
    assert "Traceback" not in err
    assert child.returncode == 130
    assert err == "Interrupted. Run it again: it goes on where it stopped.\n"
    assert 0 < count(folder, "record") < TEXTS + MAILS
    assert checked(folder).problems == ()
    assert count(folder, "lease") == 0
    assert run(folder, "collect", "--all")[0] == 0
    assert state(folder) == state(template / "whole")
