"""What a count covers: per source how far it was captured, its gaps, attachments without text; and the index itself."""

from pathlib import Path

import pytest
from sqlalchemy import insert, text

from archiver import outbox
from archiver.index.texts import forget_texts
from archiver.search.answer import Answer, answer, catch_up
from archiver.search.coverage import SourceCoverage
from connectors.contract import Page
from connectors.errors import Misconfigured
from schema.db.capture import gap
from schema.item import Attachment, Gap
from schema.vocab import OutboxKind
from tests.fixtures.city import Town
from tests.fixtures.disposals import executing
from tests.fixtures.replay import DAY, NOON, post

PHOTO = Attachment("photo.jpg", "image/jpeg", b"\xff\xd8\xff\xe0 no words")
NOTE = Attachment("note.txt", "text/plain", b"Plow route nine")
MARCH_10 = 1_773_162_000_000
"""2026-03-10 12:00 in Chicago, when the tests collect; milliseconds UTC."""


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """An empty city."""
    return Town(tmp_path, monkeypatch)


def asked(town: Town, question: str = "") -> Answer:
    """The archive's answer."""
    with town.opened() as archive:
        return answer(archive, question)


def of(found: Answer, name: str) -> SourceCoverage:
    """What is said of one source."""
    return next(one for one in found.coverage if one.source == name)


def test_an_empty_archive_covers_nothing(town: Town) -> None:
    """Without sources nothing was captured, and the answer says so instead of a bare 0."""
    found = asked(town, "snow")
    assert (found.count, found.captured, found.coverage, found.indexed, found.records) == (0, None, (), 0, 0)
    assert found.said("America/Chicago") == ["Indexed 0 of 0 records."]


def test_captured_is_the_oldest_reach(town: Town) -> None:
    """The whole was captured as far as its slowest source; None as long as one was never read."""
    town.source("works", Page(items=(post("a", "snow"),)))
    town.collect()
    assert asked(town).captured == MARCH_10
    town.source("police", Page())
    found = asked(town)
    assert (found.captured, of(found, "police").last_success) == (None, None)
    assert of(found, "police").said("America/Chicago") == "police: never captured completely"
    town.at("2026-03-11T12:00:00-05:00")
    town.collect("police")
    assert asked(town).captured == MARCH_10
    town.collect("works")
    assert asked(town).captured == MARCH_10 + DAY


def test_a_failed_run_reaches_nowhere(town: Town) -> None:
    """A run that failed does not move the time through which a source was captured."""
    town.source("works", Page(items=(post("a", "snow"),)))
    town.collect()
    town.at("2026-03-12T12:00:00-05:00")
    town.script("works", Page(items=(post("b", "snow"),)), Misconfigured("it is broken"))
    assert town.collect()["outcome"] == "failed"
    found = asked(town)
    assert (found.count, found.captured) == (2, MARCH_10)


def test_a_removed_source_is_still_named(town: Town) -> None:
    """Its records are found, so it stays in the coverage; what is read no longer does not hold the others back."""
    for name in ("works", "police"):
        town.source(name, Page(items=(post(name, "snow"),)))
    town.collect()
    town.source("never", Page())
    town.ok("source", "remove", "works", "--reason", "account closed")
    town.ok("source", "remove", "never", "--reason", "a mistake")
    town.at("2026-03-12T12:00:00-05:00")
    town.collect("police")
    found = asked(town, "snow")
    assert (found.count, [one.source for one in found.coverage]) == (2, ["never", "police", "works"])
    assert found.captured == MARCH_10 + 2 * DAY
    assert "no longer read" in of(found, "works").said("America/Chicago")


def test_gaps_are_named(town: Town) -> None:
    """A gap that a connector reports is in every later answer, with its times where they are known."""
    hole = Gap(NOON, NOON + DAY, "the server answered 500")
    town.source("works", Page(items=(post("a", "snow"),), gaps=(hole,)))
    town.collect()
    with town.opened() as archive, archive.unit() as session:
        values = {"source_id": 1, "capture_id": None, "since": None, "until": NOON, "found_at": NOON}
        session.execute(insert(gap).values(reason="before the account was declared", **values))
    found = asked(town, "nothing there")
    assert of(found, "works").gaps == (
        (NOON, NOON + DAY, "the server answered 500"),
        (None, NOON, "before the account was declared"),
    )
    said = of(found, "works").said("America/Chicago")
    assert "not covered from 2026-03-03 12:00:00 -0600 (America/Chicago) to 2026-03-04" in said
    assert said.endswith("not covered to 2026-03-03 12:00:00 -0600 (America/Chicago): before the account was declared")
    assert of(found, "works").as_dict()["gaps"][1] == {
        "since": None, "until": "2026-03-03T18:00:00Z", "reason": "before the account was declared",
    }  # fmt: skip


def test_attachments_without_text(town: Town) -> None:
    """Those of the newest version count, once; older versions, readable files and destroyed records do not."""
    town.source(
        "works", Page(items=(post("a", "one", attachments=(PHOTO, NOTE)), post("b", "two", attachments=(PHOTO,))))
    )
    town.collect()
    assert of(asked(town), "works").without_text == 2
    town.script("works", Page(items=(post("a", "one, edited", attachments=(PHOTO, NOTE)),)))
    assert town.collect()["new_versions"] == 1
    assert of(asked(town), "works").without_text == 2
    assert asked(town, "route").count == 1
    town.script("works", Page(items=(post("a", "one, without", attachments=(NOTE,)),)))
    town.collect()
    assert of(asked(town), "works").without_text == 1
    with town.opened() as archive, archive.unit() as session:
        executing(session, [2])
        session.execute(text("UPDATE record SET destroyed_at = 5 WHERE id = 2"))
        forget_texts(session, [2])
    assert of(asked(town), "works").without_text == 0


def test_undated_records_are_counted(town: Town) -> None:
    """What does not say when it was sent matches no date, but the answer counts it; other words are not counted."""
    items = (
        post("a", "snow", at=NOON),
        post("b", "snow", at=None),
        post("c", "snow", at=None),
        post("d", "ice", at=None),
    )
    town.source("works", Page(items=items))
    town.collect()
    found = asked(town, "snow after:2026-03-01")
    assert (found.count, found.undated) == (1, 2)
    assert "2 more of unknown time; they match no date." in found.said("America/Chicago")
    assert asked(town, "snow after:2026-03-04").count == 0
    assert (asked(town, "snow").count, asked(town, "snow").undated) == (3, 0)


def test_what_waits_for_the_index(town: Town) -> None:
    """A record that is not in the index, or changed since, is not counted as indexed until the outbox is worked off."""
    town.source("works", Page(items=tuple(post(f"p{number}", "snow") for number in range(5))))
    town.collect()
    assert (asked(town).indexed, asked(town).records) == (5, 5)
    with town.opened() as archive:
        with archive.unit() as session:
            for records in ([2, 3], [3, 4]):
                outbox.enqueue(session, OutboxKind.INDEX, records, archive.now())
        found = answer(archive, "snow")
        assert (found.count, found.indexed, found.records) == (5, 2, 5)
        assert found.said("America/Chicago")[0] == "Indexed 2 of 5 records."
        catch_up(archive)
        found = answer(archive, "snow")
        assert (found.count, found.indexed, found.records) == (5, 5, 5)
