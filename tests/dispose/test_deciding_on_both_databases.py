"""Deciding from due to readiness, the same on SQLite and on PostgreSQL; and the year's report of it."""

from pathlib import Path

import pytest
from openpyxl import load_workbook

from connectors.contract import Page
from tests.fixtures.due_town import LONG_AGO, DueTown
from tests.fixtures.replay import NOON, post


@pytest.fixture(params=["sqlite", "postgresql"])
def town(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DueTown:
    """A city with a series that keeps threads together, on each database."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    return DueTown(tmp_path, monkeypatch, threads=True, database=url)


def test_from_due_to_ready(town: DueTown) -> None:
    """Due, proposed with exceptions, answered, approved, cleared, held, edited: each record ends where it belongs."""
    items = [post(f"n{one}", f"text {one}", at=LONG_AGO + one, thread_id=f"t{one}") for one in range(8)]
    town.items([*items, post("late", "x", at=NOON, thread_id="t7")])
    hold = ("hold", "place", "--kind", "litigation", "--matter", "Doe", "--reason", "x", "--records")
    town.ok(*hold, "R1")
    (row,) = town.ok("dispose", "due")["series"]
    assert (row["due"], row["held"], row["waiting"]) == (6, 1, {"thread_not_due": 1})
    assert town.ok("dispose", "propose", "short")["exceptions"] == {"held": 1, "thread_not_due": 1}
    town.ok("dispose", "answer", "D1", "retain", "--records", "R2", "--reason", "x")
    town.ok("dispose", "answer", "D1", "destroy", "--department", "none", "--reason", "x")
    assert town.approve().code == 0
    town.ok("dispose", "answer", "D1", "retain", "--records", "R3", "--reason", "x")
    town.at("2026-03-11T12:00:00-05:00")
    town.ok(*hold, "R4")
    town.script("web", Page(items=(post("n4", "edited", at=LONG_AGO + 4, thread_id="t4"),)))
    town.collect("web")
    town.ok("request", "open", "--summary", "x")
    found = town.look()
    assert (found.count, found.leaving) == (2, {4: "held_since_approval", 5: "changed"})
    assert len(found.refusals) == 1
    town.ok("dispose", "clear", "D1", "--hold", "H3", "--reason", "it asks for permits")
    assert town.refusals() == []
    assert town.left() == {"R2": "retained", "R3": "retained"}
    assert town.ok("dispose", "show", "D1")["exceptions"] == {"held": 1, "retained": 2, "thread_not_due": 1}
    assert "executed now: 2 records would go" in town.run("dispose", "show", "D1").out


def test_the_year_s_report(town: DueTown, tmp_path: Path) -> None:
    """By series and department: retained and held of the year, nothing of another; the sheet says the same."""
    town.ok("custodian", "add", "Pat Doe", "--kind", "employee", "--department", "=Public Works")
    town.ok("account", "add", "pats", "--platform", "feed", "--ownership", "city", "--custodian", "Pat Doe")
    town.posts(4, source="works", options=("--account", "pats"))
    town.posts(2, source="hall")
    town.ok("hold", "place", "--kind", "audit", "--matter", "x", "--reason", "x", "--records", "R1")
    town.approved()
    town.ok("dispose", "answer", "D1", "retain", "--records", "R2,R5", "--reason", "x")
    sheet = tmp_path / "report.xlsx"
    lines = town.ok("dispose", "report", "--year", "2026", "--out", str(sheet))["lines"]
    shown = [(one["department"], one["destroyed"], one["transferred"], one["retained"], one["held"]) for one in lines]
    assert shown == [("=Public Works", 0, 0, 1, 1), ("none", 0, 0, 1, 0)]
    rows = list(load_workbook(sheet)["2026"].iter_rows())
    assert [cell.value for cell in rows[1]] == list(lines[0].values())
    assert {cell.data_type for cell in rows[1]} == {"s", "n"} and rows[1][2].data_type == "s"
    assert town.ok("dispose", "report", "--year", "2025")["lines"] == []
    assert town.run("dispose", "report", "--year", "2026", "--out", str(tmp_path / "report.csv")).code == 2
    assert town.run("dispose", "report", "--year", "9999").code == 2


def test_destroyed_and_transferred_count_with_their_bytes(town: DueTown) -> None:
    """On the day on which they went, in the city: the last minute of the year is still this year."""
    town.posts(3)
    town.approved()
    town.at("2027-01-01T05:59:00+00:00")
    with town.opened() as archive:
        moment = archive.now()
    town.unguarded(f"UPDATE disposition_record SET destroyed_at = {moment} WHERE record_id IN (1, 2)")
    size = town.rows("SELECT sum(size) FROM disposition_record WHERE record_id IN (1, 2)")[0][0]
    (line,) = town.ok("dispose", "report", "--year", "2026")["lines"]
    assert (line["destroyed"], line["destroyed_bytes"], line["transferred"]) == (2, size, 0)
    assert town.ok("dispose", "report", "--year", "2027")["lines"] == []
