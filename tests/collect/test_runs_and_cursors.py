"""Runs: the cursor goes with its records, a broken source stops only itself, and a killed run repeats work."""

import subprocess
import sys
from pathlib import Path

import pytest

from archiver.collect.leases import leased
from archiver.errors import Locked
from connectors.contract import Context, Page
from connectors.errors import Misconfigured, Reauthorize, Retry, SourceGone
from schema.item import Gap
from tests.fixtures.city import Town
from tests.fixtures.replay import CURSORS, NOON, Step, post

ROOT = Path(__file__).resolve().parents[2]


def _pages(count: int, *, start: int = 0) -> list[Step]:
    return [
        Page(items=tuple(post(f"p{page}-{n}", f"text {page} {n}") for n in range(3)), next_cursor={"page": page})
        for page in range(start, start + count)
    ]


def test_the_cursor_is_saved_with_the_last_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run is pulled with the cursor of the last page of the run before."""
    town = Town(tmp_path, monkeypatch)
    town.source("web", *_pages(3))
    assert town.collect("web")["new_records"] == 9
    town.script("web")
    town.collect("web")
    assert CURSORS["web"] == [None, {"page": 2}]


def test_a_page_without_a_cursor_leaves_the_saved_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None is "as it was", not "from the beginning"."""
    town = Town(tmp_path, monkeypatch)
    town.source("web", *_pages(1))
    town.collect("web")
    town.script("web", Page(items=(post("x"),)))
    town.collect("web")
    town.collect("web")
    assert CURSORS["web"] == [None, {"page": 0}, {"page": 0}]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Retry("busy", after=5.0), "retry"),
        (Reauthorize("token expired"), "reauthorize"),
        (Misconfigured("wrong path"), "misconfigured"),
        (SourceGone("account closed"), "source_gone"),
        (ValueError("a fault of the connector"), "source_failed"),
        (OSError(5, "Input/output error", "backup.xml"), "disk"),
    ],
)
def test_what_came_before_an_error_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, code: str
) -> None:
    """Pages before the error are committed with their cursor; the receipt names code and hint; others are read."""
    town = Town(tmp_path, monkeypatch)
    town.source("bad", *_pages(2), error)
    town.source("good", *_pages(1))
    said = town.run("collect", "--all", "--json")
    assert said.code == 3 and said.data["outcome"] == "partial" and "Traceback" not in said.err
    bad, good = said.data["captures"]
    assert (bad["outcome"], bad["new_records"], bad["error"]["code"]) == ("failed", 6, code)
    assert bad["error"]["hint"] and "\n" not in bad["error"]["message"]
    assert (good["outcome"], good["new_records"]) == ("ok", 3)
    town.script("bad")
    town.collect("bad")
    assert CURSORS["bad"][-1] == {"page": 1}


def test_all_sources_failing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 1 and outcome "failed" when nothing could be read."""
    town = Town(tmp_path, monkeypatch)
    town.source("bad", Retry("down"))
    said = town.run("collect", "--all", "--json")
    assert said.code == 1 and said.data["outcome"] == "failed"


def test_a_connector_that_is_no_longer_installed_breaks_only_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package that offered it was removed: its source fails with words, the others are read."""
    town = Town(tmp_path, monkeypatch)
    town.source("web", *_pages(1))
    folder = tmp_path / "mail"
    folder.mkdir()
    (folder / "a.eml").write_bytes(b"From: a@city.example\nDate: Tue, 3 Mar 2026 12:00:00 -0600\nSubject: hi\n\nbody\n")
    town.ok("source", "add", "mail", "mail_files", "--set", f"path={folder}")
    (town.installed / "replay-1.0.dist-info" / "entry_points.txt").write_text("")
    said = town.run("collect", "--all", "--json")
    assert said.code == 3
    mail, web = said.data["captures"]
    assert (mail["source"], mail["new_records"]) == ("mail", 1)
    assert web["error"]["code"] == "misconfigured" and "no connector" in web["error"]["message"]


def test_gaps_are_kept_once_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gap that a source states each night is one gap, and the run ends with warnings."""
    town = Town(tmp_path, monkeypatch)
    gap = Gap(NOON, None, "the server keeps 30 days")
    town.source("web", Page(items=(post("a"),), gaps=(gap,)))
    receipt = town.collect("web")
    assert receipt["outcome"] == "warnings" and receipt["exit"] == 0
    assert receipt["gaps"] == [{"since": "2026-03-03T18:00:00Z", "until": None, "reason": "the server keeps 30 days"}]
    town.collect("web")
    assert town.rows("SELECT reason FROM gap") == [("the server keeps 30 days",)]


def test_a_failed_commit_leaves_neither_records_nor_cursor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records, keys, tags, events, outbox row and cursor are one transaction: a fault at its end undoes all of them."""
    from archiver.collect import captures

    town = Town(tmp_path, monkeypatch)
    town.source("web", *_pages(1))
    kept = captures.save_cursor

    def torn(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(captures, "save_cursor", torn)
    assert town.run("collect", "web").code == 130
    for table in ("record", "version", "component", "retention_tag", "outbox", "cursor"):
        assert town.rows(f"SELECT count(*) FROM {table}") == [(0,)], table
    assert town.rows("SELECT count(*) FROM owner_key WHERE owner_kind = 'record'") == [(0,)]
    assert town.rows("SELECT count(*) FROM audit_event WHERE act = 'accession'") == [(0,)]
    monkeypatch.setattr(captures, "save_cursor", kept)
    assert town.collect("web")["new_records"] == 3
    assert CURSORS["web"] == [None, None]


KILLED = """
import os, sys
from tests.fixtures import replay
from connectors.contract import Page

def kill(context):
    os.kill(os.getpid(), 9)

pages = [
    Page(items=tuple(replay.post(f"p{page}-{n}", "text") for n in range(600)), next_cursor={"page": page})
    for page in range(3)
]
replay.SCRIPTS["web"] = [pages[0], pages[1], kill, pages[2]]
from archiver.cli.main import main
main(["collect", "web"])
"""


def test_a_killed_run_repeats_work_and_skips_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL between pages: what was committed has its cursor, and the next run ends with every record once."""
    town = Town(tmp_path, monkeypatch)
    town.source("web")
    monkeypatch.setenv("PYTHONPATH", f"{town.installed}:{ROOT}")
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=ROOT, capture_output=True)
    assert done.returncode == -9, done.stderr
    (before,) = town.rows("SELECT count(*) FROM record")[0]
    saved = town.rows("SELECT value FROM cursor")
    assert 0 < before <= 1200 and saved, "the pages before the kill were to be committed"
    assert town.rows(
        "SELECT count(*) FROM record r WHERE NOT EXISTS (SELECT 1 FROM retention_tag t WHERE t.record_id = r.id)"
    ) == [(0,)]
    pages = [
        Page(items=tuple(post(f"p{page}-{n}", "text") for n in range(600)), next_cursor={"page": page})
        for page in range(3)
    ]
    town.script("web", *pages)
    assert town.collect("web")["new_records"] == 1800 - before
    assert town.rows("SELECT count(*), count(DISTINCT native_key) FROM record") == [(1800, 1800)]
    assert town.ok("search", "text", "--count")["count"] == 1800


def test_two_runs_of_one_source_exclude_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a run holds the lease of a source, another one is told who works on it, and reads nothing."""

    town = Town(tmp_path, monkeypatch)
    town.source("web", *_pages(1))
    with town.opened() as archive, leased(archive, "source:1"):
        with archive.unit() as session:
            session.connection().exec_driver_sql("UPDATE lease SET holder = 'another-host:1'")
        receipt = town.collect("web")
        assert (receipt["outcome"], receipt["error"]["code"]) == ("failed", "locked")
        assert "another-host:1" in receipt["error"]["message"]
        with archive.unit() as session:
            session.connection().exec_driver_sql("DELETE FROM lease")
    assert town.collect("web")["new_records"] == 3


def test_secrets_and_settings_reach_the_connector_and_refreshed_ones_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connector gets the opened secret, and a token that it refreshes is what the next run gets."""
    town = Town(tmp_path, monkeypatch)
    got: list[str] = []

    def page(context: Context) -> Page:
        got.append(context.secrets["token"])
        context.save_secret("token", "newer")
        return Page()

    town.source("web", page, options=("--set", "token=first"))
    town.collect("web")
    town.collect("web")
    assert got == ["first", "newer"]


def test_two_threads_of_one_process_exclude_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads carry the same holder's name, so the process itself keeps the second one out."""
    town = Town(tmp_path, monkeypatch)
    with town.opened() as archive:
        with leased(archive, "production:Q2026-1"):
            with pytest.raises(Locked, match="this process"), leased(archive, "production:Q2026-1"):
                pass
            with leased(archive, "production:Q2026-2"):
                pass
        with leased(archive, "production:Q2026-1"):
            pass
