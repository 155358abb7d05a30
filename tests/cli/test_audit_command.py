"""`audit`: reading, verifying, signing and proving the log from the command line."""

import json
from pathlib import Path

import pytest

from archiver.audit.merkle import verify_consistency, verify_inclusion
from connectors.contract import Page
from tests.fixtures.city import Town
from tests.fixtures.replay import post


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city that added, read and removed a source."""
    town = Town(tmp_path, monkeypatch)
    town.source("wire", Page((post("a", "hello"),)))
    town.collect()
    town.ok("source", "remove", "wire", "--reason", "the feed moved")
    return town


def test_the_log_shows_who_did_what_newest_first(town: Town) -> None:
    """Person or machine, act, object, outcome and facts; never the words."""
    events = town.ok("audit", "log")["events"]
    assert [one["id"] for one in events] == sorted((one["id"] for one in events), reverse=True)
    assert events[0]["act"] == "source.remove"
    assert events[0]["actor"]
    assert any(one["actor"] is None and one["act"] == "collect" for one in events)
    assert "the feed moved" not in town.run("audit", "log").out
    assert len(town.ok("audit", "log", "--limit", "2")["events"]) == 2


def test_the_log_is_narrowed_by_object_and_actor(town: Town) -> None:
    """--object kind:id, kind alone, --actor login or machine; an unknown person is named."""
    assert {one["object_kind"] for one in town.ok("audit", "log", "--object", "source:1")["events"]} == {"source"}
    assert {one["object_kind"] for one in town.ok("audit", "log", "--object", "person")["events"]} == {"person"}
    assert all(one["actor"] is None for one in town.ok("audit", "log", "--actor", "machine")["events"])
    assert town.run("audit", "log", "--actor", "nobody-here").code == 2
    assert town.run("audit", "log", "--object", "source:x").code == 2


def test_reading_the_words_is_an_act_recorded_before_they_are_shown(town: Town) -> None:
    """--words opens what people wrote, and who read them stays on record."""
    events = town.ok("audit", "log", "--words")["events"]
    assert events[0]["words"] == "the feed moved"
    last = town.ok("audit", "log", "--limit", "1")["events"][0]
    assert last["act"] == "audit.words"
    assert events[0]["id"] in last["facts"]["events"]
    count = len(town.rows("SELECT id FROM audit_event"))
    town.ok("audit", "log")
    assert len(town.rows("SELECT id FROM audit_event")) == count


def test_reading_needs_a_role(town: Town) -> None:
    """Without one of the roles the log is refused; the words need more than a clerk's."""
    town.act("UPDATE person_role SET ended_at = 1 WHERE role = 'records_officer'")
    assert town.run("audit", "log", "--words").code == 4
    assert town.run("audit", "log").code == 0
    town.act("UPDATE person_role SET ended_at = 1 WHERE ended_at IS NULL")
    assert town.run("audit", "log").code == 4


def test_a_head_is_printed_kept_and_checked_later(town: Town, tmp_path: Path) -> None:
    """The sheet in the drawer verifies as long as the log begins with what it signed."""
    printed = town.run("audit", "head")
    head = town.ok("audit", "head")
    assert head["root"][:8] in printed.out
    assert all(len(line) <= 90 for line in printed.out.splitlines())
    kept = tmp_path / "head.json"
    kept.write_text(json.dumps(head))
    town.ok("audit", "log", "--words")
    said = town.ok("audit", "verify", "--head", str(kept))
    assert (said["outcome"], said["problems"]) == ("ok", [])
    kept.write_text(json.dumps({**head, "size": head["size"] - 1}))
    assert town.run("audit", "verify", "--head", str(kept)).code == 5
    kept.write_text(json.dumps({**head, "size": head["size"] + 100}))
    assert town.run("audit", "verify", "--head", str(kept)).code == 5
    kept.write_text("[]")
    assert town.run("audit", "verify", "--head", str(kept)).code == 2


def test_proofs_are_printed_as_json_that_verifies(town: Town) -> None:
    """`prove EVENT` and `prove --since SIZE` verify against the head that they carry."""
    proof = town.ok("audit", "prove", "2")
    assert proof["schema"] == "audit-proof/1"
    head = proof["head"]
    path = [bytes.fromhex(step) for step in proof["path"]]
    root = bytes.fromhex(head["root"])
    assert verify_inclusion(bytes.fromhex(proof["leaf"]), proof["position"], head["size"], path, root)
    grown = town.ok("audit", "prove", "--since", "3")
    assert grown["schema"] == "audit-consistency/1"
    path = [bytes.fromhex(step) for step in grown["path"]]
    assert verify_consistency(3, grown["head"]["size"], bytes.fromhex(grown["old_root"]), root, path)
    assert town.run("audit", "prove", "9999").code == 2
    assert town.run("audit", "prove", "--since", "9999").code == 2
    assert town.run("audit", "prove").code == 2
