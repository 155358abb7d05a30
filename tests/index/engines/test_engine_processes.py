"""Several processes at one index, crashes in the middle of a batch, and files that are not ours."""

import json
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from archiver.index.engines import whoosh_store
from archiver.index.engines.files import IndexUnusable
from archiver.index.engines.fts5 import Fts5Engine
from archiver.index.engines.registry import ENGINES, discard, open_engine
from archiver.index.engines.whoosh import WhooshEngine
from archiver.index.query import Everything, Term
from tests.oracle import random_documents

ROOT = Path(__file__).resolve().parents[3]
BATCH = 10

WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from archiver.index.engines.registry import open_engine
from tests.oracle import random_documents
name, folder, first, batches = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
engine = open_engine(name, folder)
some = random_documents(first, 10)
for batch in range(batches):
    start = first + batch * 10
    documents = [replace(one, record_id=start + at, text=one.text + " always") for at, one in enumerate(some)]
    engine.write(documents, [], start + 10)
    print(start + 10, flush=True)
"""


def start(name: str, folder: Path, first: int, batches: int) -> "subprocess.Popen[str]":
    """A process that writes batches of ten and prints the watermark of each when it is durable."""
    arguments = [sys.executable, "-W", "ignore", "-c", WRITER, name, str(folder), str(first), str(batches)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(arguments, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE)


@pytest.mark.parametrize("name", ENGINES)
def test_a_reader_sees_whole_batches_while_another_process_writes(name: str, tmp_path: Path) -> None:
    """Every answer is that of some whole batch, never an error; scrub in between disturbs no one."""
    reader = open_engine(name, tmp_path)
    writer = start(name, tmp_path, 0, 120 if name == "fts5" else 40)
    sizes: list[int] = []
    while writer.poll() is None:
        low = reader.watermark()
        found = len(list(reader.ids(Term("always"))))
        assert found % BATCH == 0
        assert low <= found <= reader.watermark() or found == 0
        assert reader.count(Everything()) >= found
        places = reader.page(Everything(), 20)
        assert len(reader.documents([place.record_id for place in places])) == len(places)
        sizes.append(found)
        if len(sizes) % 40 == 0:
            reader.scrub()
    printed, _ = writer.communicate()
    assert writer.returncode == 0
    assert reader.size() == reader.watermark() == len(printed.split()) * BATCH
    assert len(set(sizes)) > 2, "the reader must have seen the index grow"
    reader.close()


@pytest.mark.parametrize("name", ENGINES)
def test_two_writers_wait_for_each_other(name: str, tmp_path: Path) -> None:
    """Two processes that write at once both succeed."""
    writers = [start(name, tmp_path, first, 8) for first in (0, 1_000)]
    for writer in writers:
        writer.communicate()
    assert [writer.returncode for writer in writers] == [0, 0]
    engine = open_engine(name, tmp_path)
    assert list(engine.ids(Everything())) == [*range(80), *range(1_000, 1_080)]
    assert engine.watermark() == 1_080
    engine.close()


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("acknowledged", [1, 3, 8])
def test_a_killed_writer_loses_nothing_that_it_acknowledged(name: str, tmp_path: Path, acknowledged: int) -> None:
    """After kill -9 the index opens with every acknowledged batch, whole batches only, and goes on."""
    writer = start(name, tmp_path, 0, 10_000)
    assert writer.stdout is not None
    promised = [int(writer.stdout.readline()) for _ in range(acknowledged)][-1]
    writer.send_signal(signal.SIGKILL)
    printed, _ = writer.communicate()
    promised = max([promised, *map(int, printed.split())])
    engine = open_engine(name, tmp_path)
    size = engine.size()
    assert size == engine.watermark() >= promised
    assert list(engine.ids(Term("always"))) == list(range(size))
    engine.write(random_documents(1, 5), [], size + 5)
    engine.scrub()
    assert engine.count(Everything()) == max(size, 6)
    if name == "whoosh":
        assert len(list((tmp_path / "whoosh").glob("MAIN_*.seg"))) == 1, "no orphan of the killed writer stays"
    engine.close()


def test_fts5_refuses_what_is_not_its_file(tmp_path: Path) -> None:
    """A foreign file, a foreign database, another layout and a missing file say that the index must be rebuilt."""
    path = tmp_path / "index.db"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(IndexUnusable, match="not a database"):
        Fts5Engine(path)
    discard("fts5", tmp_path)
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE other (x)")
    with pytest.raises(IndexUnusable, match="not a search index"):
        Fts5Engine(path)
    db.close()
    discard("fts5", tmp_path)
    with pytest.raises(IndexUnusable, match="there is no index"):
        Fts5Engine(path, readonly=True)
    Fts5Engine(path).close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value = 'older' WHERE name = 'layout'")
    db.close()
    with pytest.raises(IndexUnusable, match="another version") as refusal:
        Fts5Engine(path)
    assert "index rebuild" in refusal.value.advice


def test_a_readonly_engine_reads_and_never_writes(tmp_path: Path) -> None:
    """Opened for reading only it answers, sees later batches, and refuses to write."""
    writer = Fts5Engine(tmp_path / "index.db")
    reader = Fts5Engine(tmp_path / "index.db", readonly=True)
    writer.write(random_documents(1, 5), [], 5)
    assert (reader.size(), reader.watermark()) == (5, 5)
    for act in (lambda: reader.write([], [1], 6), reader.scrub, reader.clear):
        with pytest.raises(PermissionError):
            act()
    assert writer.size() == 5
    reader.close()
    writer.close()


class _Bomb:
    """Pickled, it makes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


def test_whoosh_unpickles_nothing_that_we_did_not_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory without our marker, and a table of contents that the marker does not name, are never read."""
    monkeypatch.setattr(whoosh_store, "_PATIENCE", 3)
    exploded = tmp_path / "exploded"
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "_MAIN_1.toc").write_bytes(pickle.dumps(_Bomb(exploded)))
    with pytest.raises(IndexUnusable, match="did not write"):
        WhooshEngine(foreign)
    ours = tmp_path / "ours"
    engine = WhooshEngine(ours)
    engine.write(random_documents(1, 5), [], 5)
    newest = max(ours.glob("_MAIN_*.toc"))
    data = newest.read_bytes()
    segments = data.index(b"\x80", data.rindex(b"archiver.index"))
    (ours / "_MAIN_99.toc").write_bytes(data[:segments] + pickle.dumps(_Bomb(exploded)))
    with pytest.raises(IndexUnusable, match="table of contents"):
        engine.count(Everything())
    with pytest.raises(IndexUnusable, match="table of contents"):
        WhooshEngine(ours)
    assert not exploded.exists()
    (ours / "_MAIN_99.toc").unlink()
    assert WhooshEngine(ours).size() == 5
    marker = json.loads((ours / whoosh_store.MARKER).read_text())
    (ours / whoosh_store.MARKER).write_text(json.dumps({**marker, "layout": "older"}))
    with pytest.raises(IndexUnusable, match="another version"):
        WhooshEngine(ours)


def test_whoosh_syncs_before_it_acknowledges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segment files, marker, table of contents and the directory are synced within `write`, in that order."""
    engine = WhooshEngine(tmp_path / "whoosh")
    synced: list[str] = []
    real = os.fsync

    def noted(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        real(handle)

    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc to see which file is synced")
    monkeypatch.setattr(os, "fsync", noted)
    engine.write(random_documents(1, 5), [], 5)
    segment = next(at for at, name in enumerate(synced) if name.endswith(".seg"))
    assert segment < synced.index("archiver-index.json.new")
    assert any(name.startswith("_MAIN_1.toc") for name in synced[: synced.index("archiver-index.json.new")])
    assert synced[-1] == "whoosh"
    engine.close()


def test_an_unknown_engine_is_refused(tmp_path: Path) -> None:
    """Only the names in ENGINES are opened."""
    with pytest.raises(ValueError, match="no engine named lucene"):
        open_engine("lucene", tmp_path)
