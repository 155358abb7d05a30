"""Killed at any write, an execution resumes to the same end, and never has a certificate before that end."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from archiver.archive import Archive
from archiver.dispose import chunks
from tests.fixtures.burials import Burials, word


def child(folder: Path, point: int) -> subprocess.CompletedProcess[str]:
    """Run an execution that kills itself at a point."""
    command = [sys.executable, "-m", "tests.fixtures.killed_execution", str(folder), str(point), "5"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ, check=False)


def ended_well(town: Burials) -> None:
    """Every odd record is gone without residue, every even one is there; there is one certificate."""
    assert town.state() == "certified" and town.destroyed() == [1, 3, 5, 7, 9]
    assert town.indexed() == {2, 4, 6, 8, 10}
    assert town.rows("SELECT number FROM certificate") == [("C2026-1",)]
    assert town.rows("SELECT count(*), count(certificate) FROM tombstone") == [(5, 5)]
    assert all(town.files_with(word(place, one)) == [] for place in ("body", "file", "thread") for one in (1, 5, 9))
    assert town.found(word("inside", 10)) == ["R10"]
    objects = sum(1 for path in (town.folder / "objects").rglob("*") if path.is_file())
    assert objects == town.rows("SELECT count(*) FROM payload WHERE object_name IS NOT NULL")[0][0]
    assert town.ok("verify")["problems"] == []


def resumed(town: Burials) -> None:
    """Go on after a kill, unless the end was already reached."""
    certificates = town.rows("SELECT count(*) FROM certificate")[0][0]
    assert certificates == (1 if town.state() == "certified" else 0)
    if certificates:
        assert len(town.destroyed()) == 5
        return
    said = town.run("dispose", "execute", "D1", "--expect-count", "5")
    assert said.code == 0, said.err


def _killed_at(town: Burials, points: list[int], saved: Path) -> set[str]:
    states = set()
    for point in points:
        shutil.rmtree(town.folder)
        shutil.copytree(saved, town.folder)
        done = child(town.folder, point)
        assert done.returncode == -9, (point, done.stderr)
        states.add(town.state())
        resumed(town)
        ended_well(town)
    return states


def _saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Burials, Path, int]:
    town = Burials(tmp_path, monkeypatch).ready(10, large=True)
    saved = tmp_path / "saved"
    shutil.copytree(town.folder, saved)
    done = child(town.folder, 0)
    assert done.returncode == 0, done.stderr
    ended_well(town)
    return town, saved, int(done.stdout)


def test_killed_at_some_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve points spread over the whole execution."""
    town, saved, count = _saved(tmp_path, monkeypatch)
    assert count > 100
    chosen = random.Random(7)
    points = [chosen.randint(count * one // 12 + 1, count * (one + 1) // 12) for one in range(12)]
    states = _killed_at(town, points, saved)
    assert {"approved", "executing", "destroyed"} <= states


@pytest.mark.long
def test_killed_at_every_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every point there is."""
    town, saved, count = _saved(tmp_path, monkeypatch)
    states = _killed_at(town, list(range(1, count + 1)), saved)
    print(f"killed at each of {count} writes: every one resumed to the same end; states met: {sorted(states)}")


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_left_off_after_each_step(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    """Broken off after each step in turn, and begun anew each time, it comes to the same end."""
    for name in ("SMALLEST", "FIRST", "LARGEST"):
        monkeypatch.setattr(chunks, name, 2)
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else None
    town = Burials(tmp_path, monkeypatch, database=url).ready(10)
    for taken in range(1, 40):
        with town.opened() as archive:
            if _take(town, archive, taken):
                break
        assert town.rows("SELECT count(*) FROM certificate") == [(0,)]
    if database == "postgresql":
        assert town.state() == "destroyed"
        town.ok("key", "rotate")
        town.ok("dispose", "certificate", "D1")
    ended_well(town)


def _take(town: Burials, archive: Archive, count: int) -> bool:
    """Take that many steps of an execution and leave it; True where it came to its end."""
    steps = iter(town.execute(archive, 5))
    for _ in range(count):
        step = next(steps, None)
        if step is None or step.certificate or step.waits:
            return True
    steps.close()  # type: ignore[attr-defined]  # it is a generator
    return False


def test_full_disk_at_the_index_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where index rows cannot be removed nothing is destroyed; afterwards it goes on."""
    town = Burials(tmp_path, monkeypatch).ready(10)
    index = town.folder / "index"
    with town.opened() as archive:
        steps = iter(town.execute(archive, 5))
        next(steps)
        kept = tmp_path / "index"
        index.rename(kept)
        index.write_text("in the way")
        with pytest.raises(OSError, match=r"File exists|Not a directory"):
            next(steps)
        index.unlink()
        kept.rename(index)
    assert town.destroyed() == [] and town.state() == "executing"
    town.ok("dispose", "execute", "D1", "--expect-count", "5")
    ended_well(town)
