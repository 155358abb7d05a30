"""A full or failing disk, or a kill, at the writes of an execution: nothing half, nothing false, and the same end."""

import json
import re
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from archiver.clock import Clock
from archiver.collect import leases
from schema.item import Attachment, Item
from tests.faults.traced import Ended, Point, Warm, warm
from tests.fixtures.burials import PLACES, THAT_DAY, Burials, marked, word

COUNT = 12
DUE, KEPT = list(range(1, COUNT + 1, 2)), list(range(2, COUNT + 1, 2))
FAULTS = ("error=ENOSPC", "error=EIO", "signal=SIGKILL")
CODES = (0, 1, 4, 5, 11)
MODULES = (
    "archiver.cli.dispose_command",
    "archiver.jobs.disposing",
    "archiver.jobs.runner",
    "archiver.index.engines.fts5",
    "archiver.index.engines.whoosh",
    "whoosh.codec.whoosh3",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "zoneinfo",
)
EXECUTE = ("dispose", "execute", "D1", "--expect-count", str(len(DUE)), "--json")
KEPT_ROWS = """
SELECT o.owner_id, hex(o.wrapped), p.id, p.object_name, hex(p.sealed)
FROM owner_key o JOIN payload p ON p.owner_kind = o.owner_kind AND p.owner_id = o.owner_id
WHERE o.owner_kind = 'record' AND o.owner_id IN ({}) ORDER BY 1, 2, 3
"""


def item(number: int) -> Item:
    """A marked record; of four of them the attachment is an object above 64 KiB, though of few words."""
    plain = marked(number, due=bool(number % 2))
    if number not in (1, 2, 5, 6):
        return plain
    page = f"<html><!-- {'x' * 70_000} --><p>{word('inside', number)} in the file</p></html>"
    return replace(plain, attachments=(Attachment(f"{word('file', number)}.html", "text/html", page.encode()),))


@dataclass(slots=True)
class Ground:
    """An archive whose execution is disturbed again and again, each time from the same state."""

    town: Burials
    saved: Path
    warm: Warm
    kept: list[tuple[object, ...]]
    points: list[Point]

    def fresh(self) -> None:
        """Put the archive back to what it was before the execution."""
        shutil.rmtree(self.town.folder)
        shutil.copytree(self.saved, self.town.folder)


def facts(town: Burials, query: str) -> list[tuple[Any, ...]]:
    """Rows of the facts, read past the program."""
    with closing(sqlite3.connect(town.folder / "archive.db")) as database:
        return database.execute(query).fetchall()


def state_of(town: Burials) -> str:
    """Where the disposition stands."""
    return str(facts(town, "SELECT state FROM disposition")[0][0])


def destroyed(town: Burials) -> list[int]:
    """The records that are destroyed."""
    return [one for (one,) in facts(town, "SELECT id FROM record WHERE destroyed_at IS NOT NULL ORDER BY id")]


def kept_rows(town: Burials) -> list[tuple[object, ...]]:
    """Keys and payloads of the kept records."""
    return facts(town, KEPT_ROWS.format(", ".join(map(str, KEPT))))


@contextmanager
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str = "fts5") -> Iterator[Ground]:
    """An archive with an approved disposition, and every write of its undisturbed execution.

    Whoosh gives its files random names: of its writes only those below the index are taken.
    """
    town = Burials(tmp_path, monkeypatch, engine=engine)
    town.items([item(one) for one in range(1, COUNT + 1)])
    town.approved()
    town.at(THAT_DAY)
    saved = tmp_path / "saved"
    shutil.copytree(town.folder, saved)
    with warm(tmp_path / "warm", MODULES, ARCHIVER_TEST_NOW=THAT_DAY, ARCHIVER_ARCHIVE=str(town.folder)) as started:
        kept = kept_rows(town)
        within = town.folder if engine == "fts5" else town.folder / "index"
        points = started.points(within, *EXECUTE, by_path=engine == "fts5")
        ended_well(town, kept)
        yield Ground(town, saved, started, kept, points)


def residue(town: Burials) -> set[tuple[str, str]]:
    """Marker words of due records, with the file in which they stand."""
    words = [word(place, one).encode() for place in PLACES for one in DUE]
    files = [path for path in town.folder.rglob("*") if path.is_file()]
    return {
        (one.decode(), path.name)
        for path in files
        for data in [path.read_bytes().lower()]
        for one in words
        if one in data
    }


def unreferenced(town: Burials) -> set[str]:
    """Names of objects to which nothing refers."""
    known = {name for (name,) in facts(town, "SELECT object_name FROM payload WHERE object_name IS NOT NULL")}
    return {path.name for path in (town.folder / "objects").rglob("*") if path.is_file()} - known


def kept_whole(town: Burials, kept: list[tuple[object, ...]]) -> set[int]:
    """No kept record lost a key, a payload, an object or its place in the index; returns what the index has."""
    assert kept_rows(town) == kept
    assert all((town.folder / "objects" / str(row[3])[:2] / str(row[3])).is_file() for row in kept if row[3])
    indexed = town.indexed()
    assert indexed >= set(KEPT)
    return indexed


def ended_well(town: Burials, kept: list[tuple[object, ...]]) -> None:
    """What an undisturbed execution comes to: all due records gone without residue, one certificate, all green."""
    assert (state_of(town), destroyed(town)) == ("certified", DUE)
    assert kept_whole(town, kept) == set(KEPT)
    assert facts(town, "SELECT number FROM certificate") == [("C2026-1",)]
    assert facts(town, "SELECT count(*), count(certificate) FROM tombstone") == [(len(DUE), len(DUE))]
    assert facts(town, "SELECT count(*) FROM outbox") == [(0,)]
    assert residue(town) == set()
    assert unreferenced(town) == set()
    assert not list((town.folder / "index").glob("etilqs*"))
    assert town.ok("verify")["problems"] == []


def said_so(ended: Ended, fault: str) -> None:
    """Killed, or ended with a code of the contract, and on failure one line that says what to do."""
    if fault.startswith("signal"):
        assert ended.code in (-9, 0)
        return
    assert ended.code in CODES, ended
    assert "Traceback" not in ended.err and "Exception" not in ended.err, ended.err
    if ended.code:
        assert re.fullmatch(r"archiver: .+ [A-Z].+\.\n", ended.err), ended.err
    else:
        assert ended.err == ""


def honest(town: Burials, kept: list[tuple[object, ...]]) -> str:
    """A certificate only for what is gone and proven, nothing kept touched, no object forgotten; returns the state."""
    state, certificates = state_of(town), facts(town, "SELECT count(*) FROM certificate")[0][0]
    assert certificates == (state == "certified")
    if state in ("proven", "certified"):
        assert destroyed(town) == DUE
        assert residue(town) == set()
    kept_whole(town, kept)
    whole = "SELECT count(DISTINCT owner_id) FROM {} WHERE owner_kind = 'record'"
    noted = json.loads(facts(town, "SELECT proof FROM disposition")[0][0] or "{}")
    assert unreferenced(town) <= set(noted.get("pending", ()))
    living = COUNT - len(destroyed(town))
    assert [facts(town, whole.format(table))[0][0] for table in ("owner_key", "payload")] == [living, living]
    return state


def disturbed(ground: Ground, point: Point, fault: str, after: str = "") -> tuple[str, int]:
    """Disturb an execution once and let another end it; returns the state in between ("not met"), and the exit code."""
    ground.fresh()
    ended = ground.warm.inject(point, fault, *EXECUTE, after=after)
    said_so(ended, fault)
    state = honest(ground.town, ground.kept)
    assert ended.code or state == "certified"
    if state != "certified":
        again = ground.town.run(*EXECUTE)
        assert again.code == 0, again.err
    ended_well(ground.town, ground.kept)
    return state if ended.hit else "not met", ended.code


def all_disturbed(ground: Ground, chosen: Sequence[tuple[Point, str]], after: str = "") -> str:
    """Disturb at each point; returns what to print, raises AssertionError with every violation."""
    began, violations = time.monotonic(), []
    states: Counter[str] = Counter()
    codes: Counter[int] = Counter()
    for point, fault in chosen:
        try:
            state, code = disturbed(ground, point, fault, after)
        except AssertionError as error:
            violations.append(f"{fault} at {point.call} {point.number} of {Path(point.path).name}: {error}")
            continue
        states[state] += 1
        codes[code] += 1
    calls = Counter(f"{point.call} {fault.partition('=')[2]}{after}" for point, fault in chosen)
    told = f"{len(chosen)} faults in {time.monotonic() - began:.0f} s, {len(violations)} violations; {dict(calls)}; "
    told += f"exit codes {dict(codes)}; states then {dict(states)}"
    assert not violations, "\n".join([told, *violations])
    assert states["not met"] <= len(chosen) // 10, told  # what is written once a second is not written in every run
    return told


def spread(points: Sequence[Point], counts: dict[str, int]) -> list[Point]:
    """So many points of each call, evenly over the execution; three of calls that are not named."""
    chosen = []
    for call in dict.fromkeys(point.call for point in points):
        mine = [point for point in points if point.call == call]
        number = min(counts.get(call, 3), len(mine))
        chosen += [mine[len(mine) * (2 * one + 1) // (2 * number)] for one in range(number)]
    return chosen


def test_faults_at_some_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ENOSPC, EIO and kill -9 at some thirty writes: one clear line, nothing false, and then the same end."""
    with ground(tmp_path, monkeypatch) as made:
        counts = {"pwrite64": 8, "fdatasync": 4, "openat": 4, "unlink": 3, "ftruncate": 2, "mkdir": 1}
        chosen = list(zip(spread(made.points, counts), cycle(FAULTS), strict=False))
        removals = [point for point in made.points if "objects" in Path(point.path).parts]
        chosen += [(point, fault) for point in removals for fault in FAULTS]
        opened = [point for point in made.points if point.call == "openat" and point.path.endswith("index.db")]
        chosen += [(opened[1], "error=EIO")]  # SQLite then opens it for reading only
        print(all_disturbed(made, chosen))


def test_faults_at_some_writes_of_whoosh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same at a few writes of the other engine, whose half-closed files must not hide what the disk said."""
    with ground(tmp_path, monkeypatch, "whoosh") as made:
        counts = {"write": 2, "fsync": 2, "rename": 2, "openat": 1, "unlink": 2, "mkdir": 0, "rmdir": 0}
        chosen = list(zip(spread(made.points, counts), cycle(FAULTS), strict=False))
        terms = [point for point in made.points if point.call == "write" and point.path.endswith(".trm")]
        print(all_disturbed(made, [*chosen, (terms[0], "error=ENOSPC")]))


def test_a_disk_that_stays_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every later write of a file fails as well, too: one clear line, nothing false, and then the same end."""
    with ground(tmp_path, monkeypatch) as made:
        syncs = [one for one in made.points if one.call == "fdatasync" and one.path.endswith("archive.db-wal")]
        chosen = [*staying(made.points, 1)[::2], *((one, "error=EIO") for one in spread(syncs, {"fdatasync": 4}))]
        print(all_disturbed(made, chosen, "+"))


def staying(points: Sequence[Point], each: int) -> list[tuple[Point, str]]:
    """So many points of every file that grows or is synced."""
    paths = dict.fromkeys(point.path for point in points if point.call in ("pwrite64", "fdatasync"))
    return [
        (point, "error=ENOSPC" if point.call == "pwrite64" else "error=EIO")
        for path in paths
        for point in spread([one for one in points if one.path == path], {"pwrite64": each, "fdatasync": each})
        if point.call in ("pwrite64", "fdatasync")
    ]


@pytest.mark.long
@pytest.mark.timeout(36_000)
def test_faults_at_every_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fault at each write of an execution, then faults that stay; the counts are printed."""
    with ground(tmp_path, monkeypatch) as made:
        print(all_disturbed(made, [(point, fault) for point in made.points for fault in FAULTS]))
        print(all_disturbed(made, staying(made.points, 10), "+"))


@pytest.mark.long
@pytest.mark.timeout(36_000)
def test_faults_at_every_write_of_whoosh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fault at each write of the other engine; the counts are printed."""
    with ground(tmp_path, monkeypatch, "whoosh") as made:
        print(all_disturbed(made, [(point, fault) for point in made.points for fault in FAULTS]))


def test_a_copy_that_sqlite_left_behind_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain text in a temporary file that could not be unlinked goes with the next proof."""
    town = Burials(tmp_path, monkeypatch).ready(4)
    (town.folder / "index" / "etilqs_0123456789abcdef").write_text(f"left: {word('body', 1)}")
    town.ok("dispose", "execute", "D1", "--expect-count", "2")
    assert (state_of(town), town.files_with(word("body", 1))) == ("certified", [])


def test_a_lease_outlives_a_fault_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A beat that the disk refuses is made up by the next one, a release ends by itself; neither is heard of."""
    monkeypatch.setattr(leases, "HEARTBEAT_S", 0.02)
    town = Burials(tmp_path, monkeypatch).ready(2)
    lock = town.folder / "archive.lock"
    with town.opened() as archive:
        with leases.leased(archive, "disposition:1"):
            before = facts(town, "SELECT until FROM lease")
            lock.rename(tmp_path / "lock")
            lock.mkdir()
            time.sleep(0.2)
            lock.rmdir()
            (tmp_path / "lock").rename(lock)
            town.at("2026-03-11T12:00:30-05:00")
            archive.clock = Clock(for_tests=True)
            time.sleep(0.3)
            assert facts(town, "SELECT until FROM lease") > before
            lock.rename(tmp_path / "lock")
            lock.mkdir()
        lock.rmdir()
        with leases.leased(archive, "disposition:1"):
            assert len(facts(town, "SELECT * FROM lease")) == 1
        assert facts(town, "SELECT * FROM lease") == []
