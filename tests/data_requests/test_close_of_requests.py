"""Closing: how long the records stay held, whether something was withheld, and what a later opening sees."""

from pathlib import Path

import pytest

from tests.fixtures.city import Town
from tests.stories.foundation_town import built, frozen, opened, snowy_town


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city that collected five posts on snow and one on the library."""
    return snowy_town(tmp_path, monkeypatch)


def test_what_was_not_produced_counts_as_withheld(town: Town) -> None:
    """Where nobody says, a candidate that is in no production counts as withheld, so the longer period holds."""
    number = frozen(town)
    said = town.ok("request", "close", number, "--reason", "answered")
    assert (said["held_until"], said["nature"]) == ("2028-03-10", "law")
    assert "something was denied or withheld" in said["explanation"]


def test_all_was_produced(town: Town) -> None:
    """Where every candidate was produced nothing was withheld; a candidate frozen since then changes that."""
    number = frozen(town)
    built(town, number, "package")
    assert town.ok("request", "close", number, "--reason", "answered")["held_until"] == "2026-03-10"
    number = frozen(town)
    built(town, number, "second")
    town.ok("request", "candidates", number, "--query", "library", "--freeze")
    assert town.ok("request", "close", number, "--reason", "answered")["held_until"] == "2028-03-10"


def test_a_request_without_hold(town: Town) -> None:
    """A request that held nothing is closed without a hold; its hold is none of the others."""
    opened(town)
    number = opened(town, "--archive", "no", "--reason", "paper only")
    said = town.ok("request", "close", number, "--reason", "answered")
    assert (said["id"], said["hold"]) == (number, None)
    assert town.rows("SELECT kind, scope FROM hold") == [("request", "preliminary")]


def test_the_reason_is_logged(town: Town) -> None:
    """The closing is in the log with its facts; how it was answered is sealed beside it."""
    number = opened(town)
    town.ok("request", "close", number, "--reason", "zqansweredzq")
    ((facts, sealed),) = town.rows("SELECT facts, text_payload_id FROM audit_event WHERE act = 'request.close'")
    assert '"withheld":false' in facts.replace(" ", "")
    assert sealed is not None
    assert town.files_with("zqansweredzq") == []
    assert town.ok("request", "list")["requests"] == []
    assert town.ok("request", "list", "--closed")["requests"][0]["state"] == "closed"
