"""Schedules on PostgreSQL: the same acts, the same dates."""

from pathlib import Path

import pytest

from archiver.archive import City
from archiver.operate.initialise import initialise
from tests.fixtures.city import Town
from tests.fixtures.schedules import adopted, approved, crosswalk, edition, records, tags


def test_superseding_amending_and_confirming(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    """Records move, shorter ones wait for a second person, a confirmation dates them, the test box explains."""
    town = Town(tmp_path, monkeypatch)
    city = City("Test City", "us-mn", "America/Chicago", for_tests=True)
    town.folder = initialise(tmp_path / "postgres", city, database=postgres_url).folder
    monkeypatch.setenv("ARCHIVER_ARCHIVE", str(town.folder))
    adopted(town, tmp_path)
    records(town, "gen", "long", "ever")
    town.second_administrator()
    town.ok("schedule", "import", str(edition(tmp_path, "new-2026", {"mail": "3 years after received", "b": "1 year"})))
    file = crosswalk(tmp_path, {"gen": "mail", "long": "mail"})
    ask = ("schedule", "supersede", "old-2020", "new-2026", "--on", "2026-03-01", "--crosswalk", str(file))
    ahead, done = town.ok(*ask, "--dry-run"), town.ok(*ask)
    assert (done["moved"], done["waiting"]) == (ahead["moved"], ahead["waiting"]) == (1, 1)
    assert town.ok("schedule", "confirm", "mail", "--edition", "x")["dated"] == 1
    assert town.ok("schedule", "amend", "mail", "--period", "4 years after received", "--reason", "x")["longer"] == 1
    assert approved(town, "schedule", "move", "--reason", "agreed").code == 0
    assert town.ok("schedule", "confirm", "mail", "--edition", "x")["dated"] == 2
    assert {record: str(due) for record, (_, due) in tags(town).items()} == {
        1: "2030-03-04",
        2: "2030-03-04",
        3: "None",
    }
    assert town.ok("schedule", "check")["ended"] == [{"series": "old-2020:ever", "records": 1, "replaced_by": None}]
    town.ok("request", "open", "--summary", "letters")
    told = town.ok("schedule", "test", "R1,R2,R3", "--on", "2031-01-01")["records"]
    assert [one["holds"] for one in told] == [["H1"]] * 3
