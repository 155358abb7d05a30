"""The nightly run (story 1): every source is read, a broken one stops nobody, the report says what to do."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from archiver.jobs import ledger
from archiver.jobs.health import lapsing, source_health
from archiver.jobs.nightly import Night
from archiver.jobs.runner import run
from connectors.contract import Context, Enumeration, Page
from connectors.errors import Reauthorize, Retry
from schema.item import Gap, Gone
from schema.vocab import JobState
from tests.fixtures.city import Town
from tests.fixtures.http_server import Reply, Script, serve
from tests.fixtures.replay import NOON, post

MAIL = "From: {who}@city.example\nTo: b@city.example\nSubject: plow {n}\nMessage-ID: <{n}@x>\n\nRoute {n}\n"


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city at breakfast."""
    return Town(tmp_path, monkeypatch)


@pytest.fixture
def server() -> Iterator[Script]:
    """A local web server."""
    with serve() as script:
        yield script


def _mails(folder: Path, count: int) -> Path:
    folder.mkdir(exist_ok=True)
    for n in range(count):
        (folder / f"{n}.eml").write_text(MAIL.format(who="a", n=n))
    return folder


def test_a_broken_source_stops_nobody(town: Town, server: Script, tmp_path: Path) -> None:
    """A feed that answers 500, a personal phone that nobody declared, a good mail folder: the mail is there in the
    morning, both others stand first in the report, each with what to do; exit code 3."""
    server.on("/feed.xml", Reply(500, b"broken"))
    town.ok("source", "add", "a-feed", "feed", "--set", f"url={server.url('/feed.xml')}")
    town.ok("custodian", "add", "Pat Doe", "--kind", "elected")
    town.ok("device", "add", "pats phone", "--kind", "phone", "--ownership", "personal", "--custodian", "Pat Doe")
    (tmp_path / "sms.xml").write_text("<smses/>")
    town.ok("source", "add", "b-phone", "sms_backup", "--device", "pats phone", "--set", f"path={tmp_path / 'sms.xml'}")
    town.ok("source", "add", "c-mail", "mail_files", "--set", f"path={_mails(tmp_path / 'mail', 3)}")
    said = town.run("nightly")
    assert said.code == 3, said.err
    lines = said.out.splitlines()
    assert "PARTLY FAILED (2 of 3 sources)" in lines[0] and "-0500 (America/Chicago)" in lines[0]
    assert lines[2] == "WHAT TO DO"
    assert lines[3].startswith("1. a-feed could not be read") and lines[4].startswith("   -> ")
    assert "b-phone was refused" in lines[5] and "no declaration covers it" in lines[5]
    assert "Have the custodian declare it" in lines[6]
    assert "  c-mail: ok: 3 seen, 3 new" in lines
    assert any(line.startswith("  Search index: 3 of 3 records, 0 changes waiting") for line in lines)
    assert any(line.startswith("  Check of part ") and line.endswith("nothing wrong.") for line in lines)
    assert town.rows("SELECT count(*) FROM record") == [(3,)]


def test_the_report_for_scripts(town: Town, server: Script, tmp_path: Path) -> None:
    """`--json` is nightly/1, with a receipt for each source; the run is in the ledger without any words."""
    server.on("/feed.xml", Reply(500, b"broken"))
    town.ok("source", "add", "a-feed", "feed", "--set", f"url={server.url('/feed.xml')}")
    town.ok("source", "add", "mail", "mail_files", "--set", f"path={_mails(tmp_path / 'mail', 2)}")
    said = town.run("nightly", "--json")
    data = said.data
    assert (said.code, next(iter(data)), data["schema"], data["outcome"]) == (3, "schema", "nightly/1", "partial")
    assert {one["source"]: (one["outcome"], one["new_records"]) for one in data["captures"]} == {
        "a-feed": ("failed", 0),
        "mail": ("ok", 2),
    }
    assert data["captures"][0]["error"]["hint"]
    assert data["index"] == {**data["index"], "indexed": 2, "records": 2, "waiting": 0}
    assert data["verification"]["problems"] == [] and data["audit_head"]["size"] > 0
    with town.opened() as archive, archive.reading() as session:
        found = ledger.get(session, data["run"], archive.now())
        text = ledger.kept_text(archive, session, found.id)
    assert found.state is JobState.WARNINGS and found.result["outcome"] == "partial"
    assert [one["error"] for one in found.result["captures"]] == [data["captures"][0]["error"]["code"], None]
    assert "a-feed" not in json.dumps(found.result) and "a-feed" in (text or "")


def test_all_is_well(town: Town, tmp_path: Path) -> None:
    """Nothing to do: outcome ok, exit 0, no list of things to do; the second night finds nothing new."""
    town.ok("source", "add", "mail", "mail_files", "--set", f"path={_mails(tmp_path / 'mail', 2)}")
    first = town.run("nightly")
    assert first.code == 0 and "all is well" in first.out and "WHAT TO DO" not in first.out
    again = town.ok("nightly")
    assert again["outcome"] == "ok" and again["captures"][0]["new_records"] == 0


def test_every_source_failed(town: Town) -> None:
    """When nothing could be read the run failed (exit 1), also when every source was refused."""
    town.source("one", Reauthorize("token expired"))
    assert town.run("nightly").code == 1
    town.ok("source", "remove", "one", "--reason", "test")
    town.ok("custodian", "add", "Pat Doe", "--kind", "elected")
    town.ok("account", "add", "pats", "--platform", "feed", "--ownership", "personal", "--custodian", "Pat Doe")
    town.source("pats", Page(), options=("--account", "pats"))
    said = town.run("nightly", "--json")
    assert (said.code, said.data["outcome"]) == (1, "failed")


def test_a_city_without_sources_is_told(town: Town) -> None:
    """An archive that collects nothing is not "all well"."""
    said = town.run("nightly")
    assert said.code == 0 and "There is no source yet" in said.out


def test_edits_absences_and_gaps_are_counted(town: Town) -> None:
    """Edited, missing and gone are different counts; a gap is named with its reason and its time."""
    everything = Enumeration()
    four = tuple(post(f"p{n}", f"text {n}") for n in range(4))
    town.source("web", Page(items=four, complete=everything, next_cursor={}))
    town.run("nightly")
    town.at("2026-03-11T06:00:00-05:00")
    edited = (post("p0", "another text"), post("p1", "text 1"))
    gap = Gap(NOON, NOON + 3_600_000, "The feed was away.")
    step = Page(items=edited, gone=(Gone("p3", "404"),), gaps=(gap,), complete=everything, next_cursor={})
    town.script("web", step)
    said = town.run("nightly", "--json")
    receipt = said.data["captures"][0]
    assert (receipt["new_versions"], receipt["missing"], receipt["gone"]) == (1, 1, 1)
    with town.opened() as archive, archive.reading() as session:
        text = ledger.kept_text(archive, session, said.data["run"]) or ""
    assert "1 edited, 1 missing at the source, 1 gone, as the source says, 1 gap" in text
    assert "not covered from 2026-03-03 12:00:00 -0600" in text and "The feed was away." in text


def test_an_index_that_cannot_be_opened_does_not_stop_collection(town: Town) -> None:
    """A posting that is gone tomorrow is worth more than the index: it is collected, waits, and the report says so."""
    town.source("web", Page(items=(post("p0", "text"),), next_cursor={}))
    index = town.folder / "index"
    index.mkdir()
    (index / "index.db").write_bytes(b"no database at all" * 100)
    said = town.run("nightly")
    assert said.code == 3, said.err
    assert "archiver index rebuild" in said.out and "  web: ok: 1 seen, 1 new" in said.out
    assert town.run("index", "rebuild").code == 0
    assert town.ok("index", "status")["indexed"] == 1
    assert town.run("nightly").code == 0


def test_damage_is_said_first(town: Town, tmp_path: Path) -> None:
    """Content that no longer opens makes the night fail (exit 1), as the first thing to do, though all was read."""
    items = tuple(post(f"p{n}", f"text {n}", raw=b"x" * 200_000) for n in range(2))
    town.source("web", Page(items=items, next_cursor={}))
    assert town.run("nightly").code == 0
    shutil.rmtree(town.folder / "objects")
    found = []
    for day in range(11, 18):
        town.at(f"2026-03-{day}T06:00:00-05:00")
        said = town.run("nightly")
        found.append(said.code)
        if said.code == 1:
            assert said.out.splitlines()[3].startswith("1. THE CHECK FOUND DAMAGE:")
    assert found.count(1) == 1, "seven nights go once round"


def test_a_fault_of_the_program_in_one_source(town: Town) -> None:
    """Content that nobody foresaw ends its own source's run; the next source is read, the receipt is closed."""
    town.source("a", Page(items=(post("p3", "text"),), next_cursor={}))
    town.run("nightly")
    town.script("a", Page(gone=(Gone("p3", 404),), next_cursor={}))  # type: ignore[arg-type]  # as a stranger's might
    town.source("b", Page(items=(post("b1", "text"),), next_cursor={}))
    said = town.run("nightly", "--json")
    assert [(one["outcome"], one["new_records"]) for one in said.data["captures"]] == [("failed", 0), ("ok", 1)]
    assert said.code == 3 and said.data["captures"][0]["error"]["code"] == "fault"
    assert town.rows("SELECT outcome, error_code FROM capture WHERE id = 2") == [("failed", "fault")]


def test_a_silent_source_is_named(town: Town) -> None:
    """After days without success the report says since when, and how often it failed; one success ends that."""
    town.source("web", Page(next_cursor={}))
    town.run("nightly")
    town.script("web", Retry("busy"))
    for day in (11, 12, 14):
        town.at(f"2026-03-{day}T13:00:00-05:00")
        said = town.run("nightly")
    assert "Last read to its end: 2026-03-10 12:00:00 -0500 (America/Chicago); failed 3 times in a row." in said.out
    with town.opened() as archive, archive.reading() as session:
        (one,) = source_health(archive, session)
    assert (one.failures, one.silent_days, one.broken, one.silent, one.error_code) == (3, 4, True, True, "retry")
    town.script("web", Page(next_cursor={}))
    town.run("nightly")
    with town.opened() as archive, archive.reading() as session:
        (one,) = source_health(archive, session)
    assert (one.failures, one.silent_days, one.broken) == (0, 0, False)


def test_a_source_that_brings_nothing_is_named(town: Town) -> None:
    """A connector that answers, but shows nothing new for a month, may have gone blind."""
    town.source("web", Page(items=(post("p0", "text"),), next_cursor={}))
    town.run("nightly")
    town.script("web", Page(next_cursor={}))
    town.at("2026-04-08T13:00:00-05:00")
    assert "brought nothing new" not in town.run("nightly").out
    town.at("2026-04-10T13:00:00-05:00")
    assert "web can be read, but brought nothing new for 31 days." in town.run("nightly").out


def test_declarations_that_lapse_are_named(town: Town) -> None:
    """From fourteen days before its end a declaration is named, and after it while its source is still read."""
    number = town.declared('{"words": ["plow"]}', until="2026-04-01")
    town.source("pats", Page(next_cursor={}), options=("--declaration", str(number)))
    for moment, days in (("2026-03-17", None), ("2026-03-18", 14), ("2026-03-31", 1), ("2026-04-01", 0)):
        town.at(f"{moment}T12:00:00-05:00")
        with town.opened() as archive, archive.reading() as session:
            from archiver.clock import city_date

            found = lapsing(session, city_date(archive.now(), "America/Chicago"))
        assert [one.days_left for one in found] == ([] if days is None else [days])
    assert "ended on 2026-04-01; nothing sent since is kept, but it is still read." in town.run("nightly").out
    town.ok("source", "remove", "pats", "--reason", "left office")
    assert "ended on" not in town.run("nightly").out


def test_a_cancelled_night_stops_at_a_cursor(town: Town) -> None:
    """Cancelled during one source: its page is kept, the next source is not begun, the next night goes on."""

    def cancel(_context: Context) -> Page:
        with town.opened() as archive, archive.unit() as session:
            ledger.ask_cancel(session, ledger.newest(session, archive.now())[0].id, archive.now())
        return Page(items=tuple(post(f"c{n}", "text") for n in range(1_000)), next_cursor={"page": 1})

    town.source("a", cancel)
    town.source("b", Page(items=(post("b1", "text"),), next_cursor={}))
    said = town.run("nightly", "--json")
    assert (said.code, said.data["error"]["code"]) == (1, "cancelled")
    assert town.rows("SELECT count(*) FROM record") == [(1_000,)]
    town.script("a", Page(next_cursor={}))
    assert town.ok("nightly")["captures"][1]["new_records"] == 1


def test_a_fault_of_one_step_leaves_the_report(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was collected is reported even when a later step fails by mistake; the step is named, not its data."""
    town.source("web", Page(items=(post("p0", "text"),), next_cursor={}))
    (town.folder / "objects").write_text("a file where a folder belongs")

    with town.opened() as archive:
        night = Night(archive)
        monkeypatch.setattr(archive.vault.objects, "names", lambda: [("x",)])
        run(archive, "nightly", night.act)
    assert [one.code for one in night.report.troubles] == ["fault"]
    assert "clearing leftovers" in night.report.as_text() and "web: ok: 1 seen, 1 new" in night.report.as_text()
    assert night.report.exit_code == 3
