"""What a night does for holds: closed-request holds end after their last day, standing holds are evaluated."""

from pathlib import Path

import pytest

from connectors.contract import Page
from tests.fixtures.city import Town
from tests.fixtures.holding import PLACE, destroyable
from tests.fixtures.replay import post


@pytest.fixture(params=["sqlite", "postgresql"])
def town(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city with two records, on SQLite and on PostgreSQL."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    town = Town(tmp_path, monkeypatch, database=url)
    town.source("web", Page(items=(post("a", "plow"), post("b", "parade"))))
    town.collect("web")
    return town


def test_a_closed_requests_hold_ends_after_its_last_day(town: Town) -> None:
    """On its last day it still holds; the next night lifts it, as the system, in the log and in the report."""
    town.ok("request", "open", "--summary", "plows")
    town.ok("request", "candidates", "Q2026-1", "--query", "plow", "--freeze")
    town.ok("request", "close", "Q2026-1", "--reason", "answered", "--withheld")
    (listed,) = town.ok("hold", "list")["holds"]
    until = listed["until_on"]
    assert (listed["kind"], until) == ("closed_request", "2028-03-10")
    town.script("web", Page())
    town.at(f"{until}T23:30:00-06:00")
    assert town.ok("nightly")["holds"]["ended"] == [] and not destroyable(town, 1)
    town.at("2028-03-11T00:30:00-06:00")
    assert town.ok("nightly")["holds"]["ended"] == ["H1"] and destroyable(town, 1)
    assert town.ok("nightly")["holds"]["ended"] == []
    (shown,) = town.ok("hold", "list", "--all")["holds"]
    assert shown["state"] == "lifted" and shown["lifted_at"]
    assert town.ok("hold", "show", "H1")["lifted_by"] is None
    events = town.rows("SELECT actor_id, facts FROM audit_event WHERE act = 'hold.lift'")
    assert len(events) == 1 and events[0][0] is None and until in events[0][1]
    assert town.ok("search", "is:held")["count"] == 0


def test_what_another_hold_covers_stays_held(town: Town) -> None:
    """The end of a request's hold frees nothing of a lawsuit's."""
    town.ok("request", "open", "--summary", "plows")
    town.ok("request", "candidates", "Q2026-1", "--query", "plow OR parade", "--freeze")
    town.ok(*PLACE, "--records", "R1")
    town.ok("request", "close", "Q2026-1", "--reason", "answered", "--withheld")
    town.script("web", Page())
    town.at("2029-01-01T12:00:00-06:00")
    assert town.ok("nightly")["holds"]["ended"] == ["H1"]
    assert not destroyable(town, 1) and destroyable(town, 2)


def test_the_night_evaluates_standing_holds(town: Town) -> None:
    """A hold that was left behind is caught up; the report counts what joined; doctor names it before."""
    town.at("2026-03-10T12:05:00-05:00")
    town.ok(*PLACE, "--standing", "--query", "plow")
    town.at("2026-03-10T12:10:00-05:00")
    town.script("web", Page(items=(post("c", "plow"),)))
    town.collect("web")
    town.at("2026-03-12T12:10:00-05:00")
    (finding,) = [one for one in town.ok("doctor")["findings"] if one["subject"] == "holds"]
    assert "H1 was not evaluated for a day" in finding["message"]
    town.script("web", Page())
    town.ok("nightly")
    assert town.ok("hold", "show", "H1")["records"] == ["R1", "R3"]
    assert not [one for one in town.ok("doctor")["findings"] if one["subject"] == "holds"]
