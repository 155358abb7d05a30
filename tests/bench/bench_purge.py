"""Destroying a tenth of an archive, with its proof and certificate: seconds, records a second, peak memory.

Run: python tests/bench/bench_purge.py [records] [to destroy].  Prints figures; never fails on a clock.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from sqlalchemy import text  # noqa: E402  (the path is set above, so that the script runs from anywhere)

from archiver.access import Actor, current_actor  # noqa: E402
from archiver.archive import Archive, City  # noqa: E402
from archiver.dispose.approval import approve  # noqa: E402
from archiver.dispose.proposal import propose  # noqa: E402
from archiver.operate.initialise import initialise  # noqa: E402
from schema.vocab import Role  # noqa: E402
from tests.bench.bench_collect import archiver, sms_backup  # noqa: E402

ENV = {**os.environ, "PYTHONPATH": str(ROOT)}
_SERIES = """
INSERT INTO series (key, code, title, retention_text, period_kind, number, unit, trigger, action,
                    title_verified, period_verified, trigger_verified)
VALUES ('short', '', 'short', '1 year', 'duration', 1, 'year', 'received_or_sent', 'destroy', 1, 1, 1) RETURNING id
"""


def collected(folder: Path, work: Path, count: int) -> None:
    """An archive of generated messages."""
    city = City("Bench", "us-mn", "America/Chicago", for_tests=True, cooling_off_days=0)
    initialise(folder, city)
    sms_backup(work / "sms.xml", count, own_word="matter")
    archiver(folder, "source", "add", "sms", "sms_backup", "--set", f"path={work / 'sms.xml'}")
    archiver(folder, "collect", "sms")


def approved(folder: Path, every: int) -> int:
    """Make every n-th record due, propose and approve them; returns how many."""
    archive = Archive(folder)
    with archive.unit() as session:
        series_id = session.execute(text(_SERIES)).scalar_one()
        due = {"s": series_id, "on": "2020-01-01", "n": every}
        session.execute(
            text("UPDATE retention_tag SET series_id = :s, due_on = :on, trigger_on = :on WHERE record_id % :n = 0"),
            due,
        )
        session.execute(text("INSERT INTO person (name, login, active, added_at) VALUES ('Bea', 'bea', 1, 1)"))
    with archive.reading() as session:
        actor = current_actor(session)
    with archive.unit() as session:
        new = propose(archive, session, actor, "short")
    with archive.unit() as session:
        second = session.execute(text("SELECT id FROM person WHERE login = 'bea'")).scalar_one()
        approve(archive, session, Actor(second, "Bea", frozenset({Role.ADMINISTRATOR})), new.id)
    archive.close()
    return new.records


def main() -> None:
    """Measure."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else int(os.environ.get("ARCHIVER_BENCH", "100000"))
    wanted = int(sys.argv[2]) if len(sys.argv) > 2 else count // 10
    now = datetime(2026, 6, 30, 12, tzinfo=UTC)
    ENV["ARCHIVER_TEST_NOW"] = os.environ["ARCHIVER_TEST_NOW"] = now.isoformat()
    with tempfile.TemporaryDirectory() as scratch:
        work, folder = Path(scratch), Path(scratch) / "city"
        collected(folder, work, count)
        (work / "sms.xml").unlink()
        records = approved(folder, count // wanted)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        os.environ["ARCHIVER_TEST_NOW"] = ENV["ARCHIVER_TEST_NOW"] = (now + timedelta(hours=1)).isoformat()
        command = [sys.executable, "-m", "archiver", "--archive", str(folder), "dispose", "execute", "D1"]
        command += ["--expect-count", str(records), "--clock-right", "measured", "--json"]
        began = perf_counter()
        process = subprocess.Popen(command, env=ENV, stdout=subprocess.PIPE)
        out = process.stdout.read() if process.stdout else b""
        _pid, status, usage = os.wait4(process.pid, 0)
        seconds = perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        answer = json.loads(out)
        archive = Archive(folder)
        with archive.reading() as session:
            found = session.execute(text("SELECT proof FROM disposition")).scalar_one()
        archive.close()
        proof = json.loads(found)["proof"]
        shutil.rmtree(folder)
    print(
        f"purge {records} of {count} records ({size / 1e6:.0f} MB): {seconds:.1f} s with proof and certificate "
        f"{answer.get('certificate')} ({records / seconds:.0f}/s; aim 60 s for 100,000 of 1,000,000), "
        f"proof {proof['seconds']} s over {proof['bytes'] / 1e6:.0f} MB for {proof['words']} words, "
        f"{proof['keys']} keys, peak {usage.ru_maxrss / 1024:.0f} MiB (aim 500)"
    )


if __name__ == "__main__":
    main()
