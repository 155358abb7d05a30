"""Observations: hidden, missing, gone and edited are different facts, each with its window (promise 3)."""

from pathlib import Path

import pytest

from connectors.contract import Enumeration, Page
from connectors.errors import Retry
from schema.item import Gone, Moment
from tests.fixtures.city import Town
from tests.fixtures.replay import DAY, HOUR, NOON, post


def _observed(town: Town) -> list[tuple[object, ...]]:
    return town.rows("SELECT record_id, kind FROM observation ORDER BY id")


def _nights(town: Town, *pages: Page) -> list[dict[str, object]]:
    receipts = []
    for night, page in enumerate(pages, 11):
        town.at(f"2026-03-{night}T02:00:00-05:00")
        town.script("web", page)
        receipts.append(town.collect("web"))
    return receipts


A, B = post("a", "alpha", at=NOON), post("b", "beta", at=NOON + DAY)
ALL = Enumeration()


def test_hidden_and_shown_again_are_no_edits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comment hidden by staff gets an Observation, not a version; a source that does not say changes nothing."""
    town = Town(tmp_path, monkeypatch)
    town.source("web")
    states = (False, True, True, None, False)
    receipts = _nights(town, *(Page(items=(post("a", "rude", hidden=hidden),)) for hidden in states))
    assert [one["new_versions"] for one in receipts] == [0] * 5
    assert _observed(town) == [(1, "hidden"), (1, "unhidden")]
    assert town.rows("SELECT hidden, versions FROM record") == [(0, 1)]
    _nights(town, Page(items=(post("a", "rude", hidden=True),)))
    assert town.ok("search", "is:hidden")["count"] == 1


def test_missing_only_after_a_complete_listing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short page, an empty page, an error and a listing of another window are never "missing"; a complete one is."""
    town = Town(tmp_path, monkeypatch)
    town.source("web")
    _nights(town, Page(items=(A, B), complete=ALL), Page(items=(B,)), Page())
    assert _observed(town) == []
    town.script("web", Page(items=(B,)), Retry("page 2 does not answer"))
    assert town.collect("web")["outcome"] == "failed"
    town.script("web", Page(items=(B,), complete=Enumeration(since=NOON + HOUR)))
    assert town.collect("web")["missing"] == 0
    town.script("web", Page(items=(B,), complete=Enumeration(until=NOON)))
    assert town.collect("web")["missing"] == 0
    assert _observed(town) == []
    town.at("2026-03-20T02:00:00-05:00")
    town.script("web", Page(items=(B,), complete=Enumeration(since=NOON, until=NOON + HOUR)))
    assert town.collect("web")["missing"] == 1
    assert _observed(town) == [(1, "missing")]
    shown = town.ok("record", "show", "R1")
    (fact,) = shown["observations"]
    assert fact["since"] == "2026-03-11T07:00:00Z", "the window begins when it was last seen"
    assert fact["observed_at"] == "2026-03-20T07:00:00Z"
    assert town.ok("search", "is:missing")["count"] == 1


def test_an_error_after_the_listing_takes_the_statement_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that fails after it stated completeness marks nothing missing."""
    town = Town(tmp_path, monkeypatch)
    town.source("web", Page(items=(A, B)))
    town.collect("web")
    town.script("web", Page(items=(A,), complete=ALL), Retry("lost"))
    assert town.collect("web")["missing"] == 0
    assert _observed(town) == []


def test_seen_again_ends_an_absence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing item that is listed again, with or without its content, is seen again, without a new version."""
    town = Town(tmp_path, monkeypatch)
    town.source("web")
    receipts = _nights(
        town,
        Page(items=(A, B), complete=ALL),
        Page(complete=ALL),
        Page(items=(A,), still_there=("b",), complete=ALL),
    )
    assert [one["missing"] for one in receipts] == [0, 2, 0]
    assert receipts[2]["unchanged"] == 2 and receipts[2]["new_versions"] == 0
    assert sorted(_observed(town)) == [(1, "missing"), (1, "seen"), (2, "missing"), (2, "seen")]
    assert town.rows("SELECT count(*) FROM record WHERE missing_since IS NOT NULL") == [(0,)]
    assert town.ok("search", "is:missing")["count"] == 0


def test_missing_is_noted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each further night without the item adds nothing."""
    town = Town(tmp_path, monkeypatch)
    town.source("web")
    receipts = _nights(town, Page(items=(A,)), Page(complete=ALL), Page(complete=ALL))
    assert [one["missing"] for one in receipts] == [0, 1, 0]
    assert _observed(town) == [(1, "missing")]


def test_gone_is_what_the_source_says_with_its_evidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 404 for the item is "gone", at the time that the source names; it is not "missing" as well, and comes once."""
    town = Town(tmp_path, monkeypatch)
    town.source("web")
    gone = Gone("a", "GET /a answered 404", Moment(NOON + HOUR))
    unknown = Gone("never-ours", "GET /x answered 404")
    _nights(town, Page(items=(A, B)), Page(items=(B,), gone=(gone, unknown), complete=ALL), Page(gone=(gone,)))
    assert town.rows("SELECT record_id, kind, evidence FROM observation") == [(1, "gone", "GET /a answered 404")]
    assert town.rows("SELECT gone_at FROM record WHERE id = 1") == [(NOON + HOUR,)]
    assert town.ok("search", "is:gone")["count"] == 1


def test_many_missing_records_are_all_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than one batch of absences: every record gets its Observation."""
    town = Town(tmp_path, monkeypatch)
    town.source("web", Page(items=tuple(post(f"n{n}") for n in range(1203))))
    town.collect("web")
    town.script("web", Page(items=(post("n7"),), complete=ALL))
    assert town.collect("web")["missing"] == 1202
    assert town.rows("SELECT count(DISTINCT record_id) FROM observation WHERE kind = 'missing'") == [(1202,)]
