"""`archiver search`: what it prints, what it logs, whom it refuses."""

import json
from pathlib import Path

import pytest

from connectors.contract import Page
from tests.fixtures.city import Town
from tests.fixtures.replay import DAY, NOON, post


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city with five posts, one of them hostile to terminals."""
    town = Town(tmp_path, monkeypatch)
    posts = [post(f"p{number}", f"Snow {number}", at=NOON + number * DAY) for number in range(4)]
    hostile = post("h", "ice \x1b]0;owned\x07 \u202egnp.exe\nnext", title="red \x1b[31mtitle", at=NOON - DAY)
    town.source("works", Page(items=(*posts, hostile)))
    town.collect()
    return town


def events(town: Town) -> list[dict[str, object]]:
    """The facts of each search in the log."""
    return [json.loads(row[0]) for row in town.rows("SELECT facts FROM audit_event WHERE act = 'search' ORDER BY id")]


def test_looking_is_an_act(town: Town) -> None:
    """Each search leaves who asked, how many were found, the ids of the hits shown, and the words sealed."""
    town.ok("search", "snow", "--limit", "2")
    town.ok("search", "snow", "--ids")
    town.ok("search", "zqnothingzq", "--count")
    assert events(town) == [
        {"count": 4, "shown": [4, 3]},
        {"count": 4, "shown": [1, 2, 3, 4]},
        {"count": 0, "shown": []},
    ]
    assert town.rows("SELECT count(*) FROM audit_event WHERE act = 'search' AND actor_id = 1") == [(3,)]
    assert town.files_with("zqnothingzq") == []


def test_what_is_refused_is_not_logged_as_seen(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that is not understood shows nothing (2, with its place); a custodian is refused (4)."""
    said = town.run("search", 'snow "plow', "--json")
    assert said.code == 2
    assert said.data["error"]["where"]
    assert "Traceback" not in said.err
    town.ok("person", "add", "Kim", "--login", "kim", "--os-login", "kim", "--role", "custodian")
    monkeypatch.setattr("getpass.getuser", lambda: "kim")
    assert town.run("search", "snow").code == 4
    assert events(town) == []
    assert town.run("search", "snow", "--limit", "-1").code == 2


def test_what_people_read(town: Town) -> None:
    """Hits and count on stdout, how far the count reaches on stderr; the words found are marked."""
    said = town.run("search", "snow", "--limit", "1")
    assert said.out.splitlines() == [
        "R4  2026-03-06 12:00:00 -0600 (sender's time)  works  Public Works <@Works@city.example>",
        "    [Snow] 3",
        "Found 4: records with a form of “snow”",
    ]
    assert said.err.splitlines()[0] == "Indexed 5 of 5 records."
    assert said.err.splitlines()[1].startswith("  works: captured through 2026-03-10 12:00:00 -0500")
    nothing = town.run("search", "hail")
    assert (nothing.code, nothing.out) == (0, "Found 0: records with a form of “hail”\n")
    assert "works: captured through" in nothing.err
    assert town.run("search", "snow", "--ids").out.split() == ["R1", "R2", "R3", "R4"]
    explained = town.run("search", "snow ice", "--explain", "--facets", "--count")
    assert "  4  records with a form of “snow”" in explained.out
    assert explained.out.startswith("Found 0")


def test_a_strangers_text_is_harmless(town: Town) -> None:
    """Control characters of a post never reach the terminal; scripts get the text as it is, escaped by JSON."""
    said = town.run("search", "ice")
    assert said.out.isprintable() or all(sign.isprintable() or sign == "\n" for sign in said.out)
    assert "\x1b" not in said.out
    assert len(said.out.splitlines()) == 3
    assert "\x1b[31m" in town.ok("search", "ice")["hits"][0]["title"]
