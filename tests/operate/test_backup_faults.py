"""Backups that are killed, that meet a full disk, and that run while others write: whole, or not there."""

import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archiver.operate.backup_folder import finished
from connectors.contract import Page
from schema.item import Attachment
from tests.faults.children import archiver, checked, count, run, with_sources
from tests.fixtures.backups import Hall
from tests.fixtures.replay import post

WRITES = ("fsync", "rename", "mkdir", "link", "unlink")
LARGE = tuple(Attachment(f"{n}.bin", "application/octet-stream", os.urandom(100_000)) for n in range(3))


@pytest.fixture
def hall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hall:
    """Three posts with large attachments, and a first backup."""
    made = Hall(tmp_path, monkeypatch)
    made.source("wire", Page(tuple(post(f"p{n}", f"text {n}", attachments=(LARGE[n],)) for n in range(3))))
    made.collect()
    return made


class Trouble:
    """Lets a number of writes to the disk succeed; then each kills this process, or fails for want of room."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, below: Path, allowed: int, *, kill: bool) -> None:
        self.left, self.below, self.kill = allowed, str(below), kill
        for name in WRITES:
            monkeypatch.setattr(os, name, self._instead(name, getattr(os, name)))

    def _instead(self, name: str, real: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            place = os.readlink(f"/proc/self/fd/{arguments[0]}") if name == "fsync" else str(arguments[0])
            if place.startswith(self.below) and name != "unlink":
                if self.left == 0:
                    if self.kill:
                        os.kill(os.getpid(), signal.SIGKILL)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), place)
                self.left -= 1
            return real(*arguments, **options)

        return call


def whole(hall: Hall) -> int:
    """How many backups count; each of them is one, and restores to what the archive holds."""
    places = finished(hall.store)
    for place in places:
        assert (hall.safe / place.name / "keys.db").is_file(), "a backup never counts without its keys"
    if places:
        assert hall.restored(places[-1]).print() == hall.print()
        shutil.rmtree(hall.folder.parent / "again")
    return len(places)


def clean(hall: Hall) -> bool:
    """Nothing unfinished lies about."""
    left = [*hall.store.rglob("*.part"), *hall.safe.rglob("*.part")]
    keys = {one.name for one in hall.safe.iterdir() if one.is_dir()}
    return not left and keys == {one.name for one in finished(hall.store)}


@pytest.mark.parametrize("where", ["store", "safe"])
def test_a_backup_without_room_at_any_write_is_not_there(
    hall: Hall, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENOSPC at each write in turn: one line that says so, nothing half-named; with room again it is whole."""
    for allowed in range(200):
        with monkeypatch.context() as patched:
            Trouble(patched, getattr(hall, where), allowed, kill=False)
            said = hall.run("backup", str(hall.store), "--keys", str(hall.safe))
        if said.code == 0:
            break
        assert said.code == 1
        assert "Traceback" not in said.err
        assert len(said.err.splitlines()) == 1
        assert "No backup was made: No space left" in said.err
        for place in finished(hall.store):  # it had its name already when the folder could not be synced
            assert allowed > 3
            assert (place / "manifest.json").is_file()
        if not finished(hall.store):
            assert hall.number("SELECT count(*) FROM backup") == 0
        shutil.rmtree(hall.store, ignore_errors=True)
        shutil.rmtree(hall.safe, ignore_errors=True)
        hall.act("DELETE FROM backup")
    assert allowed > 4
    assert whole(hall) == 1
    assert clean(hall)
    print(f"{allowed} writes below {where}")


@pytest.mark.parametrize("where", ["store", "safe"])
def test_a_backup_killed_at_any_write_is_whole_or_not_there(hall: Hall, where: str) -> None:
    """SIGKILL at each write in turn: what counts restores, and the next backup clears away the rest."""
    killed = 0
    for allowed in range(200):
        child = os.fork()
        if child == 0:
            patched = pytest.MonkeyPatch()
            Trouble(patched, getattr(hall, where), allowed, kill=True)
            os._exit(hall.run("backup", str(hall.store), "--keys", str(hall.safe)).code)
        _pid, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            assert os.waitstatus_to_exitcode(status) == 0
            break
        killed += 1
        before = whole(hall)
        place = hall.backup()
        assert finished(hall.store)[-1] == place
        assert clean(hall)
        assert hall.number("SELECT count(*) FROM backup WHERE removed_at IS NULL") == before + 1
        if allowed % 8 == 0:
            assert whole(hall) == before + 1
        shutil.rmtree(hall.store)
        shutil.rmtree(hall.safe)
        hall.act("DELETE FROM backup")
    assert killed > 4
    print(f"killed at {killed} writes below {where}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    point = tmp_path / "disk"
    point.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(point)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root; the tests above fail each write instead")
    yield point
    subprocess.run(["umount", str(point)], check=True)


def test_a_really_full_disk(hall: Hall, small_disk: Path) -> None:
    """On a disk that is too small, for facts or for keys: one line, nothing that counts; with room it goes on."""
    for places in ((small_disk / "b", hall.safe), (hall.store, small_disk / "k")):
        if places[1] != hall.safe:
            free = shutil.disk_usage(small_disk).free
            (small_disk / "ballast").write_bytes(b"x" * (free - 8_192))
        said = hall.run("backup", str(places[0]), "--keys", str(places[1]))
        assert said.code == 1, said.err
        assert "No backup was made" in said.err
        assert len(said.err.splitlines()) == 1
        assert finished(places[0]) == []
        assert hall.number("SELECT count(*) FROM backup") == 0
        (small_disk / "ballast").unlink(missing_ok=True)
    subprocess.run(["mount", "-o", "remount,size=60m", str(small_disk)], check=True)
    assert hall.run("backup", str(small_disk / "b"), "--keys", str(hall.safe)).code == 0
    assert len(finished(small_disk / "b")) == 1


def test_backups_while_a_collection_is_committing(tmp_path: Path) -> None:
    """Each of them is of one moment: what it has is whole, signed and complete, however much was written meanwhile."""
    folder = with_sources(tmp_path / "city", tmp_path, texts=4_000, mails=150)
    child = archiver(folder, "collect", "--all")
    places, store, safe = [], tmp_path / "store", tmp_path / "safe"
    while child.poll() is None:
        code, out, err = run(folder, "backup", str(store), "--keys", str(safe), "--json")
        assert code == 0, err
        places.append(out)
    child.communicate()
    assert child.returncode == 0
    assert len(places) >= 2
    counts = []
    for number, place in enumerate(finished(store)):
        into = tmp_path / f"restored-{number}"
        key = str(folder / "keys" / "master.key")
        code, _out, err = run(folder, "restore", str(place), "--keys", str(safe), "--into", str(into), "--key", key)
        assert code == 0, err
        assert checked(into).problems == ()
        counts.append(count(into, "record"))
        shutil.rmtree(into)
    assert counts == sorted(counts)
    print(f"records in each backup: {counts} of {count(folder, 'record')}")
    assert min(counts) < count(folder, "record"), "at least one was taken while the collection ran"
