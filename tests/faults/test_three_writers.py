"""Three processes on one SQLite archive: a bulk collection, a clerk who places holds, another who opens requests."""

import json
import sys
import time
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from archiver.operate.initialise import initialise
from tests.faults.children import CITY, archiver, checked, count, run
from tests.fixtures.generated import sms_backup

CLERK = """
import json, sys, time
from pathlib import Path
from archiver.access import current_actor
from archiver.archive import Archive
from archiver.retain import holds
from schema.vocab import HoldKind
from sqlalchemy import text
archive, what, stop = Archive(Path(sys.argv[1])), sys.argv[2], Path(sys.argv[3])
times, errors = [], []
with archive.reading() as session:
    actor = current_actor(session)
while not stop.exists():
    with archive.reading() as session:
        ids = list(session.execute(text("SELECT id FROM record ORDER BY id DESC LIMIT 20")).scalars())
    if not ids:
        time.sleep(0.05)
        continue
    began = time.perf_counter()
    try:
        if what == "holds":
            with archive.unit() as session:
                holds.place(archive, session, actor, kind=HoldKind.LITIGATION, matter="m", reason="r", records=ids)
        else:
            with archive.unit() as session:
                archive.record_act(session, "review.determine", "record", 1, actor_id=actor.id, text="responsive")
    except Exception as error:
        errors.append(f"{type(error).__name__}: {error}")
    times.append(time.perf_counter() - began)
    time.sleep(0.05)
print(json.dumps({"times": times, "errors": errors}))
"""


def clerk(folder: Path, what: str, stop: Path) -> "Popen[str]":
    """Start a person's process that decides again and again until a file appears."""
    return Popen([sys.executable, "-c", CLERK, str(folder), what, str(stop)], stdout=PIPE, stderr=PIPE, text=True)


def together(tmp_path: Path, texts: int) -> None:
    """Collect texts while two others write; nobody may meet a locked database."""
    folder, stop = tmp_path / "archive", tmp_path / "stop"
    initialise(folder, CITY)
    path = sms_backup(tmp_path / "sms.xml", texts)
    assert run(folder, "source", "add", "phone", "sms_backup", "--set", f"path={path}")[0] == 0
    clerks = {what: clerk(folder, what, stop) for what in ("holds", "decisions")}
    began = time.monotonic()
    out, err = archiver(folder, "collect", "--all").communicate(timeout=500)
    seconds = time.monotonic() - began
    stop.touch()
    assert err == ""
    assert ": ok:" in out
    for what, child in clerks.items():
        answer, trouble = child.communicate(timeout=60)
        assert child.returncode == 0, trouble
        found = json.loads(answer)
        assert found["errors"] == []
        times = sorted(1000 * one for one in found["times"])
        p95 = times[int(len(times) * 0.95)]
        print(f"{what}: {len(times)}, p50 {times[len(times) // 2]:.0f} ms, p95 {p95:.0f} ms, max {times[-1]:.0f} ms")
    print(f"{texts} messages in {seconds:.1f} s beside them")
    assert count(folder, "record") == texts
    assert checked(folder).problems == ()


def test_three_processes_meet_no_locked_database(tmp_path: Path) -> None:
    """10,000 messages, holds and decisions at once: no error, and the log and every hold verify."""
    together(tmp_path, 10_000)


@pytest.mark.long
def test_three_processes_meet_no_locked_database_at_50_000(tmp_path: Path) -> None:
    """50,000 messages; the times of the decisions are printed (aim: 95 of 100 within 120 ms)."""
    together(tmp_path, 50_000)
