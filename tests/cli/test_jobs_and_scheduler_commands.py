"""`archiver jobs`, `archiver scheduler` and `archiver nightly` as commands: codes, JSON, signals."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from archiver.collect.leases import EXPIRY_MS
from archiver.jobs import ledger
from connectors.contract import Page
from connectors.errors import Retry
from tests.fixtures.city import Town
from tests.fixtures.replay import post

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city at noon."""
    return Town(tmp_path, monkeypatch)


@contextmanager
def _child(town: Town, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    inherited = {name: value for name, value in os.environ.items() if name != "ARCHIVER_TEST_NOW"}
    here = {**inherited, "ARCHIVER_ARCHIVE": str(town.folder), "PYTHONPATH": f"{ROOT}:{town.installed}"}
    command = [sys.executable, "-m", "archiver", *arguments]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=here)
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def test_jobs_are_listed_newest_first(town: Town) -> None:
    """What ran, how it ended, how far it came; as a table and as jobs/1."""
    assert town.ok("jobs", "list") == {"schema": "jobs/1", "jobs": []}
    town.source("web", Page(items=(post("p0", "text"),), next_cursor={}))
    town.ok("nightly")
    town.ok("index", "rebuild")
    newest, older = town.ok("jobs", "list")["jobs"]
    assert (newest["job"], newest["state"], newest["done"], newest["unit"]) == ("index.rebuild", "ok", 1, "records")
    assert (older["job"], older["scheduled_for"]) == ("nightly", "2026-03-10T17:00:00Z")
    assert [one["run"] for one in town.ok("jobs", "list", "--limit", "1")["jobs"]] == [newest["run"]]
    assert "index.rebuild\tok\t" in town.run("jobs", "list").out


def test_a_kept_report_can_be_shown(town: Town) -> None:
    """What the scheduler's nightly run told nobody at three in the morning can be read at breakfast."""
    town.source("web", Retry("busy"))
    said = town.run("nightly")
    shown = town.run("jobs", "show", "1")
    assert shown.code == 0 and shown.out == said.out
    assert town.run("jobs", "show", "7").code == 2


def test_cancelling(town: Town) -> None:
    """A left-over run is cancelled at once, with actor and reason in the log; an ended one cannot be (2)."""
    with town.opened() as archive, archive.unit() as session:
        run_id = ledger.claim(session, "nightly", 1_000, archive.now() - EXPIRY_MS, "elsewhere:1") or 0
        ledger.let_go(run_id)
    assert town.ok("jobs", "list")["jobs"][0]["state"] == "interrupted"
    assert town.run("jobs", "cancel", str(run_id)).code == 2, "a reason is asked for"
    assert town.ok("jobs", "cancel", str(run_id), "--reason", "zyzzyva")["state"] == "cancelled"
    assert town.run("jobs", "cancel", str(run_id), "--reason", "again").code == 2
    assert town.rows("SELECT actor_id, object_id FROM audit_event WHERE act = 'job.cancel'") == [(1, run_id)]
    assert town.files_with("zyzzyva") == []


def test_cancelling_needs_a_role(town: Town) -> None:
    """Whoever has no part in running the archive cannot stop its jobs (4)."""
    with town.opened() as archive, archive.unit() as session:
        ledger.let_go(ledger.claim(session, "nightly", 1_000, archive.now(), "elsewhere:1") or 0)
    town.act("UPDATE person_role SET ended_at = 1")
    assert town.run("jobs", "cancel", "1", "--reason", "no").code == 4


def test_scheduler_once(town: Town) -> None:
    """Nothing due on the first day; the next morning the missed night is run, once; Sunday's check as well."""
    town.source("web", Page(items=(post("p0", "text"),), next_cursor={}))
    assert town.run("scheduler", "--once").out == "Nothing is due.\n"
    town.at("2026-03-11T08:00:00-05:00")
    fired = town.ok("scheduler", "--once")["fired"]
    assert [(one["job"], one["scheduled_for"], one["outcome"]) for one in fired] == [
        ("nightly", "2026-03-11T06:30:00Z", "ok")
    ]
    assert town.ok("scheduler", "--once")["fired"] == []
    town.at("2026-03-15T08:00:00-05:00")
    fired = town.ok("scheduler", "--once")["fired"]
    assert [(one["job"], one["outcome"]) for one in fired] == [("nightly", "ok"), ("verify", "ok")]
    assert "nothing wrong" in town.run("jobs", "show", str(fired[1]["run"])).out
    assert "Last full check without a problem: 2026-03-15" in town.run("nightly").out


def test_scheduler_once_tells_failure(town: Town) -> None:
    """A failed night is exit 1, a partly failed one 3, as of `nightly` itself."""
    town.source("web", Retry("busy"))
    town.at("2026-03-11T08:00:00-05:00")
    assert town.run("scheduler", "--once").code == 1
    town.source("good", Page(next_cursor={}))
    town.at("2026-03-12T08:00:00-05:00")
    assert town.run("scheduler", "--once").code == 3


def test_scheduler_in_the_foreground_ends_at_a_signal(town: Town) -> None:
    """It leads, a second `--once` is refused (11), SIGTERM ends it with 0; what it fired it says as JSON lines."""
    with _child(town, "scheduler") as child:
        assert child.stdout is not None
        missed = [json.loads(child.stdout.readline()) for _ in range(2)]
        assert {(one["schema"], one["job"], one["outcome"]) for one in missed} == {
            ("firing/1", "nightly", "warnings"),
            ("firing/1", "verify", "ok"),
        }
        assert town.run("scheduler", "--once").code == 11
        child.send_signal(signal.SIGTERM)
        rest, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert all(json.loads(line)["schema"] == "firing/1" for line in rest.splitlines())


def test_nightly_ends_at_a_signal(town: Town, tmp_path: Path) -> None:
    """SIGTERM during a long night: exit 130 with what to do; the next run goes on under the same number."""
    mails = tmp_path / "mail"
    mails.mkdir()
    for n in range(12_000):
        (mails / f"{n}.eml").write_text(f"From: a@x.org\nSubject: {n}\nMessage-ID: <{n}@x>\n\nText {n}\n")
    town.ok("source", "add", "mail", "mail_files", "--set", f"path={mails}")
    with _child(town, "nightly", "--json") as child:
        end = time.monotonic() + 60
        while not town.rows("SELECT 1 FROM record LIMIT 1") and time.monotonic() < end:
            time.sleep(0.05)
        child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=60)
    assert child.returncode == 130, (out, err)
    assert json.loads(out)["error"]["code"] == "interrupted" and "goes on where it stopped" in err
    kept = town.rows("SELECT count(*) FROM record")[0][0]
    assert 0 < kept < 12_000
    assert town.ok("jobs", "list")["jobs"][0]["state"] == "interrupted"
    done = town.ok("nightly")
    assert (done["run"], done["captures"][0]["new_records"]) == (1, 12_000 - kept)
