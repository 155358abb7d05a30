"""`verify` and `key rotate` as people read them."""

from pathlib import Path

import pytest

from connectors.contract import Page
from tests.fixtures.city import Town
from tests.fixtures.replay import post


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city with one post."""
    town = Town(tmp_path, monkeypatch)
    town.source("wire", Page((post("a", "hello"),)))
    town.collect()
    return town


def test_verify_prints_a_table_and_what_to_do_about_problems(town: Town) -> None:
    """Every check is a row; a problem is a line of its own on stdout, the advice on stderr, exit 5."""
    said = town.run("verify")
    assert said.code == 0
    rows = [line.split("\t") for line in said.out.splitlines()]
    assert rows[0] == ["check", "outcome", "looked at"]
    names = ("guards", "log", "holds", "tags", "keys", "requests", "cursors", "index", "content")
    assert tuple(row[0] for row in rows[1:]) == names
    town.act("UPDATE retention_tag SET ended_at = 1")
    said = town.run("verify")
    assert said.code == 5
    assert "PROBLEM tags: R1: has 0 current retention tags instead of one" in said.out
    assert "records officer" in said.err


def test_verify_json_begins_with_its_schema_and_outcome(town: Town) -> None:
    """The shape that scripts rely on: outcome, checked, problems."""
    assert list(town.ok("verify"))[:4] == ["schema", "outcome", "checked", "problems"]


def test_key_rotate_says_which_file_to_keep_and_why(town: Town) -> None:
    """The new file to copy, the old one to keep for backups; a second rotation goes on counting."""
    said = town.run("key", "rotate")
    assert said.code == 0
    assert "master-2.key" in said.out
    assert "Copy" in said.err
    assert "backups made until now open only with it" in said.err
    assert town.ok("key", "rotate")["key"].endswith("master-3.key")
    assert town.rows("SELECT act, outcome FROM audit_event WHERE act = 'key.rotate'") == [("key.rotate", "ok")] * 2
