"""The test box: what would happen to these records on a day, and why; nothing is changed."""

from pathlib import Path
from typing import Any

import pytest

from connectors.contract import Page
from schema.vocab import Kind
from tests.fixtures.city import Town
from tests.fixtures.replay import post
from tests.fixtures.schedules import adopted, records, tags


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city with an own schedule and a record in each of its series."""
    town = Town(tmp_path, monkeypatch)
    adopted(town, tmp_path)
    records(town, "gen", "long", "ever", "case", "vague")
    return town


def _test(town: Town, *arguments: str) -> dict[str, Any]:
    """The outlook by record."""
    return {one["record"]: one for one in town.ok("schedule", "test", *arguments)["records"]}


def test_each_record_says_what_it_waits_for(town: Town) -> None:
    """Series, rule, trigger, date and what stands in the way, in sentences."""
    found = _test(town, "R1,R2", "R3", "R4", "R5", "R99")
    first = found["R1"]
    assert (first["series"], first["chosen_by"], first["rule"]["series"]) == ("old-2020:gen", "rule", "old-2020:gen")
    assert (first["trigger"], first["trigger_on"], first["due_on"]) == ("received_or_sent", "2026-03-03", "2029-03-04")
    assert first["waits_for"] == ["It is not due before Sunday 4 March 2029."]
    assert found["R3"]["waits_for"] == ["Kept permanently."]
    assert "no such day is recorded yet" in found["R4"]["waits_for"][0]
    assert "records officer must confirm" in found["R5"]["waits_for"][0]
    assert found["R99"]["waits_for"] == ["There is no record R99."]
    said = town.run("schedule", "test", "R1")
    assert "old-2020:gen" in said.out and "4 March 2029" in said.out and "Nothing was changed" in said.err


def test_a_later_day_and_what_holds_then(town: Town) -> None:
    """On its day nothing stops a record but holds, requests and the halt; each is named."""
    assert _test(town, "R1", "--on", "2029-03-03")["R1"]["waits_for"] != []
    assert _test(town, "R1", "--on", "2029-03-04")["R1"]["waits_for"] == []
    assert "Nothing stops it" in town.run("schedule", "test", "R1", "--on", "2029-03-04").out
    town.ok("hold", "place", "--kind", "litigation", "--matter", "Roe", "--reason", "x", "--records", "R1")
    town.ok("request", "open", "--summary", "all letters")
    found = _test(town, "R1", "R2", "--on", "2040-01-01")
    assert found["R1"]["holds"] == ["H1", "H2"] and found["R2"]["holds"] == ["H2"]
    assert found["R1"]["waits_for"][0] == "H1 (litigation) holds it."
    town.ok("hold", "lift", "H1", "--reason", "settled")
    assert any("lifted today" in one for one in _test(town, "R1", "--on", "2040-01-01")["R1"]["waits_for"])
    insert = "INSERT INTO hold (kind, scope, state, matter, placed_at, placed_by) VALUES ('audit', 'members', "
    town.act(insert + "'placing', 'State', 1, 1)")
    assert any("being placed" in one for one in _test(town, "R2", "--on", "2040-01-01")["R2"]["waits_for"])


def test_rules_can_be_tried(tmp_path: Path, town: Town) -> None:
    """Under other rules: another series and date, a second person where it is shorter; a person's choice stays."""
    town.ok("tag", "set", "R5", "ever", "--reason", "by hand")
    rules = tmp_path / "try.toml"
    rules.write_text(
        '[[rule]]\nwords = ["wordgen", "wordcase"]\nseries = "long"\n[[rule]]\nkind = "post"\nseries = "gen"\n'
    )
    before = town.rows("SELECT * FROM retention_tag"), town.rows("SELECT * FROM classification_rule")
    found = _test(town, "R1,R2,R4,R5", "--rules", str(rules))
    assert (found["R1"]["series"], found["R1"]["before"]) == ("old-2020:long", "old-2020:gen")
    assert (found["R1"]["due_on"], found["R1"]["rule"]["position"]) == ("2032-03-04", 1)
    assert not any("second person" in one for one in found["R1"]["waits_for"])
    for record in ("R2", "R4"):
        assert any("second person" in one for one in found[record]["waits_for"]), record
    assert (found["R5"]["series"], found["R5"]["before"], found["R5"]["chosen_by"]) == ("old-2020:ever", None, "person")
    assert (town.rows("SELECT * FROM retention_tag"), town.rows("SELECT * FROM classification_rule")) == before
    rules.write_text('[[rule]]\nkind = "post"\nseries = "nothing"\n')
    assert town.run("schedule", "test", "R1", "--rules", str(rules)).code == 2


def test_records_come_from_a_search(town: Town) -> None:
    """A question instead of numbers; the count says how many there are beyond those told about."""
    found = town.ok("schedule", "test", "--query", "wordgen OR wordlong", "--limit", "1")
    assert (found["found"], [one["record"] for one in found["records"]]) == (2, ["R1"])
    assert town.run("schedule", "test").code == 2
    assert town.run("schedule", "test", "R1", "--query", "x").code == 2
    assert town.run("schedule", "test", "--query", 'kind:"').code == 2


def test_ended_series_and_threads_kept_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record waits for the rest of its thread, and for a move where its series has ended."""
    town = Town(tmp_path, monkeypatch)
    adopted(town, tmp_path)
    records(town, "gen")
    later = 1_772_560_800_000 + 40 * 86_400_000
    items = (
        post("t1", "wordgen", kind=Kind.MESSAGE, thread_id="t"),
        post("t2", "wordgen", kind=Kind.MESSAGE, thread_id="t", at=later),
    )
    town.script("web", Page(items=items))
    town.collect("web")
    assert _test(town, "R2", "--on", "2029-03-04")["R2"]["waits_for"] == []
    town.ok("schedule", "amend", "gen", "--keep-threads", "--reason", "whole conversations")
    waits = _test(town, "R1,R2", "--on", "2029-03-04")
    assert waits["R2"]["waits_for"] == ["Its thread is kept together, and R3 of it is not due yet."]
    assert waits["R1"]["waits_for"] == []
    assert _test(town, "R2", "--on", "2029-06-01")["R2"]["waits_for"] == []
    town.ok("schedule", "amend", "gen", "--period", "1 year after received", "--reason", "x")
    assert tags(town)[1][0] == "old-2020:gen#1"
    assert any("waits to be moved" in one for one in _test(town, "R1")["R1"]["waits_for"])
