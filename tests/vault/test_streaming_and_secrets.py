"""Large objects stream with flat memory; secrets and content never lie readable on the disk; orphans are swept."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from archiver.vault.sweep import PATIENCE_MS, orphans, sweep
from connectors.contract import Page
from tests.fixtures.city import Town
from tests.fixtures.replay import post

PROGRAM = """
import resource, sys, time
from hashlib import sha256
from pathlib import Path
from archiver.vault.fixity import ObjectTask, check_object
from archiver.vault.objects import ObjectStore
store = ObjectStore(Path(sys.argv[1]))
piece = bytes(range(256)) * 1024
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
list(store.read(*(lambda one: (one.name, one.key))(store.write([piece] * 16))))
before = peak()
stored = store.write(piece for _ in range(1200))
whole, size = sha256(), 0
for segment in store.read(stored.name, stored.key):
    whole.update(segment)
    size += len(segment)
assert (whole.digest(), size) == (stored.sha256, stored.size) == (stored.sha256, 1200 * len(piece))
class Vault: objects = store
began = time.process_time()
assert check_object(Vault, ObjectTask("R1", 1, stored)) is None
print(peak() - before, round(stored.size / (time.process_time() - began) / 1e6))
"""


def test_an_object_of_300_mb_is_written_read_and_checked_with_flat_memory(tmp_path: Path) -> None:
    """Memory grows by less than 24 MB over that of a small object; the rate of the fixity check is printed."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    grown, rate = map(int, done.stdout.split())
    print(f"fixity of large objects: {rate} MB/s of processor time; memory grew by {grown} MB")
    assert grown < 24


def test_secrets_and_content_are_nowhere_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Token, text, address, a person's own words: not in database, WAL, objects, logs; text only in the index."""
    town = Town(tmp_path, monkeypatch)
    item = post("a", "MarkerBodyQx77", raw=b"MarkerRawQx77" + os.urandom(100_000))
    town.source("wire", Page((item,)), options=("--set", "token=MarkerTokenQx77"))
    said = town.run("collect", "--all", "--json")
    assert said.code == 0, said.err
    town.ok("source", "remove", "wire", "--reason", "MarkerReasonQx77")
    key = (town.folder / "keys" / "master.key").read_text().strip()
    for marker in ("MarkerTokenQx77", "MarkerRawQx77", "MarkerReasonQx77", "works@city.example"):
        assert [one for one in town.files_with(marker) if not one.startswith("index/")] == [], marker
    assert [one for one in town.files_with("MarkerBodyQx77") if not one.startswith("index/")] == []
    assert town.files_with(key) == ["keys/master.key"]
    assert bytes.fromhex(key) not in (town.folder / "archive.db").read_bytes()
    for marker in ("MarkerTokenQx77", "MarkerReasonQx77"):
        assert town.files_with(marker) == []
        assert marker not in said.out + said.err


def test_orphans_older_than_a_day_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object without a record and a leftover go after a day; a record's own object and young ones stay."""
    town = Town(tmp_path, monkeypatch)
    town.source("wire", Page((post("a", raw=os.urandom(100_000)),)))
    town.collect()
    with town.opened() as archive:
        objects = archive.vault.objects
        (kept,) = (name for name, _changed in objects.names())
        orphan, young = objects.write([b"lost"]).name, objects.write([b"just now"]).name
        leftover = objects.path("ab" * 16).with_suffix(".part")
        leftover.parent.mkdir(exist_ok=True)
        leftover.write_bytes(b"half")
        now = archive.now()
        for path, age in (
            (objects.path(kept), 2),
            (objects.path(orphan), 1.1),
            (leftover, 1.1),
            (objects.path(young), 0.9),
        ):
            moment = (now - age * PATIENCE_MS) / 1000
            os.utime(path, (moment, moment))
        assert set(orphans(archive.reading, objects, now)) == {orphan, young, leftover.name}
        done = sweep(archive.reading, objects, now)
        assert (done.removed, done.put_off) == (2, False)
        assert {name for name, _changed in objects.names()} == {kept, young}
        assert town.run("verify").code == 0


def test_no_orphan_is_swept_while_a_run_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds a lease may still commit the record of an object."""
    town = Town(tmp_path, monkeypatch)
    with town.opened() as archive:
        objects, now = archive.vault.objects, archive.now()
        name = objects.write([b"soon"]).name
        os.utime(objects.path(name), (0, 0))
        with archive.unit() as session:
            session.connection().exec_driver_sql(f"INSERT INTO lease VALUES ('source:1', 'other:1', {now + 1})")
        assert sweep(archive.reading, objects, now).put_off
        assert sweep(archive.reading, objects, now + 1).removed == 1


def test_a_key_file_is_private_whole_and_never_overwritten(tmp_path: Path) -> None:
    """The key file has mode 0600, leaves no second copy, and an existing one stays as it is."""
    from archiver.vault.keys import parse_key, write_key_file

    path = tmp_path / "keys" / "master.key"
    write_key_file(path, b"k" * 32)
    assert path.stat().st_mode & 0o777 == 0o600
    assert parse_key(path.read_bytes()) == b"k" * 32
    with pytest.raises(FileExistsError):
        write_key_file(path, b"z" * 32)
    assert parse_key(path.read_bytes()) == b"k" * 32
    assert list(path.parent.iterdir()) == [path]
