"""`archiver index`: status, rebuild beside the one in use, change of engine; nothing that changes meanwhile is lost."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from archiver.archive import Archive
from archiver.index.extract.extractor import Extractor
from archiver.index.opening import chosen, index_alone, index_turn, open_index
from archiver.index.rebuild import rebuild, remove_left
from archiver.jobs.collecting import collect_sources
from connectors.contract import Context, Page
from schema.item import Attachment
from tests.fixtures.city import Town
from tests.fixtures.replay import post

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = ("plow", '"route 777"', "is:edited", "has:attachment", "street", "plow NOT 3")

REBUILDER = """
import sys, time
from pathlib import Path
from archiver.archive import Archive
from archiver.index.rebuild import rebuild
for step in rebuild(Archive(Path(sys.argv[1]))):
    print(step.done, flush=True)
    time.sleep(0.5)
"""


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city with 1,200 records, some edited, one with an attachment."""
    town = Town(tmp_path, monkeypatch)
    items = tuple(post(f"p{n}", f"plow route {n}") for n in range(1_200))
    file = Attachment("list.txt", "text/plain", b"street by street")
    town.source("web", Page(items=items, next_cursor={}), Page(items=(post("f", "file", attachments=(file,)),)))
    town.collect("web")
    town.script("web", Page(items=tuple(post(f"p{n}", f"edited {n}") for n in range(20)), next_cursor={}))
    town.collect("web")
    return town


def _counts(town: Town) -> list[int]:
    return [town.ok("search", one)["count"] for one in QUESTIONS]


def _left(town: Town) -> list[str]:
    """Folders and files of indexes."""
    known = {"turn.lock", "engine.json", "index.lock"}
    return sorted(one.name for one in (town.folder / "index").iterdir() if one.name not in known)


def test_status_says_how_far_the_index_came(town: Town) -> None:
    """Engine, documents of records, what waits, bytes; in words and for scripts."""
    found = town.ok("index", "status")
    assert list(found)[:2] == ["schema", "engine"] and found["schema"] == "index-status/1"
    assert (found["engine"], found["indexed"], found["records"], found["waiting"]) == ("fts5", 1_201, 1_201, 0)
    assert found["bytes"] > 100_000 and not found["rebuilding"]
    assert "Indexed 1,201 of 1,201 records." in town.run("index", "status").out
    with town.opened() as archive, index_alone(archive):
        assert town.ok("index", "status")["rebuilding"]


@pytest.mark.parametrize("engine", [None, "whoosh"])
def test_a_rebuilt_index_gives_the_same_answers(town: Town, engine: str | None) -> None:
    """Every count is the same before and after, with both engines; nothing of the old index is left."""
    before = _counts(town)
    assert before[0] > 1_000 and all(before)
    done = town.ok("index", "rebuild", *(("--engine", engine) if engine else ()))
    assert (done["outcome"], done["records"], done["engine"]) == ("ok", 1_201, engine or "fts5")
    assert _counts(town) == before
    assert len(_left(town)) == 1
    town.ok("index", "rebuild")
    assert _counts(town) == before and len(_left(town)) == 1
    town.script("web", Page(items=(post("new", "plow in june"),), next_cursor={}))
    town.collect("web")
    assert _counts(town)[0] == before[0] + 1


def test_a_killed_rebuild_leaves_the_old_index(town: Town) -> None:
    """kill -9 in the middle: the old index answers as before and takes new records; the next night clears up."""
    before = _counts(town)
    arguments = [sys.executable, "-c", REBUILDER, str(town.folder)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None and child.stdout.readline() == "500\n"
        os.kill(child.pid, signal.SIGKILL)
    assert _counts(town) == before
    assert any(name.startswith("rebuild-") for name in _left(town))
    town.script("web", Page(items=(post("new", "plow in june"),), next_cursor={}))
    town.collect("web")
    assert _counts(town)[0] == before[0] + 1
    assert town.run("nightly").code == 0
    assert all(name.startswith("index.db") for name in _left(town))


def _steps(archive: Archive) -> Iterator[int]:
    return (one.done for one in rebuild(archive))


def test_what_changes_during_a_rebuild_is_not_lost(town: Town) -> None:
    """Collected, edited and destroyed while a rebuild is half way: all of it is in the new index when it is used."""
    with town.opened() as archive:
        steps = _steps(archive)
        assert next(steps) == 500
        changes = Page(
            items=(post("new", "a heron"), post("p1", "a heron too"), post("p1100", "a third heron")), next_cursor={}
        )
        town.script("web", changes)
        receipt = town.collect("web")
        assert (receipt["new_records"], receipt["new_versions"]) == (1, 2)
        assert town.ok("search", "heron")["count"] == 0, "the index in use is left alone meanwhile, and says so:"
        assert town.ok("index", "status")["waiting"] >= 1
        list(steps)
        assert town.ok("search", "heron")["count"] == 3
        assert town.ok("index", "status")["waiting"] == 0


def test_a_collection_over_a_whole_rebuild_loses_nothing(town: Town) -> None:
    """A collection that began before a rebuild and ends after it writes nothing into the index that was removed."""

    def rebuilt(_context: Context) -> Page:
        assert town.run("index", "rebuild").code == 0
        return Page(items=(post("late", "a heron"),), next_cursor={})

    town.script("web", Page(items=(post("early", "a heron"),), next_cursor={}), rebuilt)
    with town.opened() as archive:
        assert [one.receipt.counts.new_records for one in collect_sources(archive, ["web"]) if one.receipt] == [2]
    assert town.ok("search", "heron")["count"] == 2
    assert town.ok("index", "status")["waiting"] == 0


def test_a_stopped_rebuild_leaves_nothing(town: Town) -> None:
    """Cancelled half way, a rebuild removes what it made, and the old index stays in use."""
    before = _counts(town)
    with town.opened() as archive:
        steps = rebuild(archive)
        next(steps)
        steps.close()
        assert chosen(archive).folder == ""
    assert _counts(town) == before and all(name.startswith("index.db") for name in _left(town))


def test_turns(town: Town) -> None:
    """Several write at a time, but not while one is alone, and never into an index that was replaced."""
    with town.opened() as archive:
        old = chosen(archive)
        with index_turn(archive, old) as one, index_turn(archive, old) as two:
            assert one and two
            with index_alone(archive, wait=False) as alone:
                assert not alone
            assert not remove_left(archive)
        with index_alone(archive), index_turn(archive, old) as one:
            assert not one
        list(rebuild(archive))
        with index_turn(archive, old) as one:
            assert not one


def test_use_changes_the_engine(town: Town) -> None:
    """`index use whoosh` gives the same counts with the other engine, and back; the engine in use is refused (2)."""
    before = _counts(town)
    assert town.ok("index", "use", "whoosh")["engine"] == "whoosh"
    assert town.ok("index", "status")["engine"] == "whoosh" and _counts(town) == before
    assert town.run("index", "use", "whoosh").code == 2
    assert town.ok("index", "use", "fts5")["engine"] == "fts5" and _counts(town) == before
    said = town.run("index", "use", "lucene")
    assert said.code == 2 and "fts5, whoosh" in said.err


def test_use_needs_the_archive_for_itself(town: Town) -> None:
    """While another command runs, `index use` is refused with exit 11; while it runs, the others are."""
    with town.opened() as archive:
        with archive.database.shared():
            assert town.run("index", "use", "whoosh").code == 11
        with archive.database.exclusive("index use"):
            assert town.run("index", "status").code == 11
    assert town.ok("index", "status")["engine"] == "fts5"


def test_a_damaged_index_is_rebuilt(town: Town) -> None:
    """An index that cannot be opened says what to do, and a rebuild mends it."""
    before = _counts(town)
    (town.folder / "index" / "index.db").write_bytes(b"no database" * 1_000)
    for rest in ("index.db-wal", "index.db-shm"):
        (town.folder / "index" / rest).unlink(missing_ok=True)
    said = town.run("index", "status")
    assert said.code == 1 and "archiver index rebuild" in said.err
    assert town.run("index", "rebuild").code == 0
    assert _counts(town) == before


def test_rebuilding_holds_one_batch_in_memory(town: Town) -> None:
    """Steps come batch by batch, each at most 500 records further."""
    with town.opened() as archive:
        steps = [(one.done, one.total) for one in rebuild(archive)]
    assert steps == [(500, 1_201), (1_000, 1_201), (1_201, 1_201)]


def test_opening_meets_a_finished_index(town: Town) -> None:
    """Whoever opens the index while rebuilds replace it always gets a whole one."""
    arguments = [sys.executable, "-c", REBUILDER.replace("time.sleep(0.5)", ""), str(town.folder)]
    children = []
    with town.opened() as archive:
        for _ in range(3):
            child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, cwd=ROOT)
            children.append(child)
            while child.poll() is None:
                engine = open_index(archive)
                try:
                    assert engine.size() == 1_201
                finally:
                    engine.close()
                time.sleep(0.001)
    assert [one.returncode for one in children] == [0, 0, 0]


def test_texts_of_attachments_are_read_once(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rebuild takes the text of attachments from what was kept of it, and starts no reader."""

    def refuse(*_arguments: object) -> None:
        raise AssertionError("an attachment was read again")

    monkeypatch.setattr(Extractor, "extract", refuse)
    assert town.run("index", "rebuild").code == 0
    assert town.ok("search", "street")["count"] == 1
