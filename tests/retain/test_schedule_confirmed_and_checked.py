"""Confirming a series as read in the schedule, what check lists, and the first day of a Minnesota archive."""

from pathlib import Path

import pytest

from connectors.contract import Page
from tests.fixtures.city import Town
from tests.fixtures.replay import post
from tests.fixtures.schedules import adopted, approved, edition, records, tags

MINNESOTA = "mn-cities-2021-03"


def test_a_fresh_minnesota_archive_has_nothing_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its age, no record is due under unconfirmed periods; one confirmation dates exactly its records."""
    town = Town(tmp_path, monkeypatch)
    town.ok("schedule", "adopt", MINNESOTA, "--on", "2026-01-05", "--notified", "2026-01-20")
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[[rule]]\nwords = ["letter"]\nseries = "correspondence-general"\n'
        '[[rule]]\nwords = ["mayor"]\nseries = "correspondence-historical"\n'
        '[[rule]]\nwords = ["note"]\nseries = "correspondence-messages-transitory"\n'
        '[[rule]]\nwords = ["website"]\nseries = "city-website-content"\n'
        '[[rule]]\nwords = ["complaint"]\nseries = "complaints-general"\n'
    )
    town.ok("schedule", "import", str(rules))
    words = ("letter", "mayor", "note", "website", "complaint", "other")
    old = 946_684_800_000  # 1 January 2000
    town.source("web", Page(items=tuple(post(f"{at}{one}", one, at=old) for at in range(3) for one in words)))
    town.collect("web")
    due = "SELECT record_id FROM retention_tag WHERE ended_at IS NULL AND due_on <= '2026-03-10' ORDER BY 1"
    assert town.rows(due) == []
    done = town.ok("schedule", "confirm", "correspondence-general", "--edition", "March 2021", "--period", "3")
    assert (done["dated"], done["waiting"]) == (3, 0)
    assert town.rows(due) == [(1,), (7,), (13,)]
    dated = "SELECT count(*) FROM retention_tag WHERE ended_at IS NULL AND due_on IS NOT NULL"
    assert town.rows(dated) == [(3,)], "and no other record got any date"
    assert town.rows("SELECT notified_on FROM retention_schedule") == [("2026-01-20",)]


def test_what_was_read_is_kept_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Edition, page, period as written and the day the State Archives were told; who and when."""
    town = Town(tmp_path, monkeypatch, at="2026-03-10T23:30:00-05:00")
    town.ok("schedule", "adopt", MINNESOTA, "--on", "2026-01-05")
    read = ("--edition", "March 2021", "--page", "12", "--period", "3 Years.", "--notified", "2026-02-01")
    town.ok("schedule", "confirm", "correspondence-general", *read)
    columns = "confirmed_edition, confirmed_page, confirmed_period, notified_on, confirmed_on, confirmed_by"
    row = town.rows(f"SELECT {columns} FROM series WHERE key LIKE '%:correspondence-general'")
    assert row == [("March 2021", "12", "3 Years.", "2026-02-01", "2026-03-10", 1)]


@pytest.mark.parametrize(
    ("written", "command"),
    [
        ("5 years", "amend mn-cities-2021-03:correspondence-general --period '5 years'"),
        ("3 months", "--period '3 months'"),
        ("3 years after case closed", "--period '3 years after case closed'"),
        ("3; rm -rf", "--period PERIOD"),
        ("a while", "--period PERIOD"),
    ],
)
def test_another_period_than_stored_is_refused_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, command: str
) -> None:
    """What was typed does not say the stored period: nothing is confirmed, the amendment to run is named."""
    town = Town(tmp_path, monkeypatch)
    town.ok("schedule", "adopt", MINNESOTA, "--on", "2026-01-05")
    said = town.run("schedule", "confirm", "correspondence-general", "--edition", "x", "--period", written)
    assert said.code == 4 and command in said.err and said.err.count("\n") == 1
    assert town.rows("SELECT count(*) FROM series WHERE confirmed_by IS NOT NULL") == [(0,)]


def test_a_confirmation_shortens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that came to the series from a later date stays undated, is listed, and moves with a second person."""
    town = Town(tmp_path, monkeypatch)
    adopted(town, tmp_path)
    records(town, "long", "gen")
    town.second_administrator()
    town.ok("schedule", "import", str(edition(tmp_path, "new-2026", {"tiny": "1 year after received"})))
    tiny = town.rows("SELECT id FROM series WHERE key = 'new-2026:tiny'")[0][0]
    insert = "INSERT INTO retention_tag (record_id, series_id, reason, trigger_on, tagged_at)"
    town.act(
        "UPDATE retention_tag SET ended_at = 1 WHERE record_id = 1",
        f"{insert} VALUES (1, {tiny}, 'as an older version would have', '2026-03-03', 1)",
    )
    done = town.ok("schedule", "confirm", "tiny", "--edition", "x")
    assert (done["dated"], done["waiting"]) == (0, 1)
    assert tags(town)[1] == ("new-2026:tiny", None)
    assert town.ok("schedule", "check")["second_person"] == [{"series": "new-2026:tiny", "records": 1}]
    told = town.ok("schedule", "test", "R1")["records"][0]["waits_for"]
    assert any("second person" in one for one in told)
    assert town.ok("schedule", "move")["waiting"] == 1 and tags(town)[1] == ("new-2026:tiny", None)
    assert approved(town, "schedule", "move", "--reason", "agreed").code == 0
    assert tags(town) == {1: ("new-2026:tiny", "2027-03-04"), 2: ("old-2020:gen", "2029-03-04")}
    assert town.ok("schedule", "check")["second_person"] == []


def test_confirming_again_keeps_dates_that_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second confirmation dates what is undated and touches nothing else; an ended series is refused."""
    town = Town(tmp_path, monkeypatch)
    adopted(town, tmp_path)
    records(town, "gen")
    town.act("UPDATE retention_tag SET due_on = '2035-01-01'")
    assert town.ok("schedule", "confirm", "gen", "--edition", "new")["dated"] == 0
    assert tags(town)[1] == ("old-2020:gen", "2035-01-01")
    town.ok("schedule", "amend", "gen", "--title", "x", "--reason", "y")
    assert town.run("schedule", "confirm", "old-2020:gen#1", "--edition", "x").code == 4


def test_check_lists_what_is_to_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unconfirmed series with their records, records that fit no rule by number; for people too."""
    town = Town(tmp_path, monkeypatch)
    town.ok("schedule", "import", str(edition(tmp_path, "city-1", {"a": "1 year after received", "b": "who knows"})))
    records(town, "a", "b", "a", edition="city-1")
    town.script("web", Page(items=(post("x", "nothing fits"),)))
    town.collect("web")
    found = town.ok("schedule", "check")
    assert [(one["series"], one["records"]) for one in found["waiting"]] == [("city-1:a", 2), ("city-1:b", 1)]
    assert (found["records_waiting"], found["without_rule"], found["unmatched"]) == (3, 1, ["R4"])
    town.ok("schedule", "amend", "a", "--title", "A", "--reason", "x")
    said = town.run("schedule", "check")
    assert said.code == 0 and "city-1:a" in said.out and "1 records fit no rule" in said.err
