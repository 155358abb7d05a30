"""A disk that fills up while sources are collected: clear lines, nothing lost, and on it goes once there is room."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.children import checked, count, run, state, with_sources

TEXTS, MAILS = 4_000, 150
MIB = 1 << 20


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with its sources, not collected yet; and beside it one that was collected on a roomy disk."""
    folder = tmp_path_factory.mktemp("full")
    fresh = with_sources(folder / "fresh", folder, texts=TEXTS, mails=MAILS)
    shutil.copytree(fresh, folder / "whole")
    assert run(folder / "whole", "collect", "--all")[0] == 0
    return folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder to mount small disks on."""
    point = tmp_path / "disk"
    point.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(point)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root; the next test limits the size of files instead")
    yield point
    subprocess.run(["umount", str(point)], check=True)


def resize(point: Path, mib: int) -> None:
    """Change the size of the mounted disk."""
    subprocess.run(["mount", "-o", f"remount,size={mib}m", str(point)], check=True)


def says_so(code: int, err: str) -> None:
    """Failed or partly failed, no traceback, one line for each source and the index: what happened, what to do."""
    assert code in (1, 3)
    assert "Traceback" not in err
    lines = err.splitlines()
    assert 1 <= len(lines) <= 3, err
    assert all("The disk refused to keep data" in line and "Free space" in line for line in lines), err


@pytest.mark.parametrize("mib", [3, 5, 8, 11])
def test_a_full_disk_stops_a_collection_and_loses_nothing(template: Path, small_disk: Path, mib: int) -> None:
    """Stops with a line that says so; once there is room verify is green and the next run gives the whole archive."""
    resize(small_disk, 60)
    folder = small_disk / "archive"
    shutil.copytree(template / "fresh", folder)
    used = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    resize(small_disk, mib + -(-used // MIB))
    code, _out, err = run(folder, "collect", "--all")
    kept = count(folder, "record")
    print(f"{mib} MiB free: {kept} of {TEXTS + MAILS} records kept")
    says_so(code, err)
    assert kept < TEXTS + MAILS
    resize(small_disk, 100)
    assert checked(folder).problems == ()
    code, _out, err = run(folder, "collect", "--all")
    assert code == 0, err
    assert checked(folder).problems == ()
    assert state(folder) == state(template / "whole")


@pytest.mark.parametrize("mib", [1, 2])
def test_files_that_may_not_grow_stop_a_collection_likewise(template: Path, tmp_path: Path, mib: int) -> None:
    """The same with a limit on the size of each file, which needs no root."""
    folder = tmp_path / "archive"
    shutil.copytree(template / "fresh", folder)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (mib * MIB, mib * MIB))

    done = subprocess.run(
        [sys.executable, "-m", "archiver", "--archive", str(folder), "collect", "--all"],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        env=os.environ,
    )
    says_so(done.returncode, done.stderr)
    assert checked(folder).problems == ()
    code, _out, err = run(folder, "collect", "--all")
    assert code == 0, err
    assert state(folder) == state(template / "whole")
