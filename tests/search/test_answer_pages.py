"""Answers: pages that together hold every hit once, counts that are those of the ids, facets and parts that add up."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.archive import Archive
from archiver.index.engines.contract import Place
from archiver.search.answer import answer, documents_of, find_ids
from archiver.search.errors import QueryError
from connectors.contract import Page
from tests.fixtures.city import Town
from tests.fixtures.replay import DAY, NOON, post

WORDS = ("snow", "ice", "plow", "salt")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """Forty posts, some of one time, some of unknown time."""
    with pytest.MonkeyPatch.context() as patch:
        town = Town(tmp_path_factory.mktemp("town"), patch)
        items = [
            post(
                f"p{number}",
                " ".join(word for at, word in enumerate(WORDS) if number >> at & 1) or "none",
                at=None if number % 7 == 0 else NOON + number // 3 * DAY,
            )
            for number in range(40)
        ]
        town.source("works", Page(items=tuple(items[:30])))
        town.source("police", Page(items=tuple(items[30:])))
        town.collect()
        with town.opened() as opened:
            yield opened


QUESTIONS = st.sampled_from(
    ["", *WORDS, "snow ice", "snow OR ice", "plow NOT salt", "snow after:2026-03-05", "source:police"]
)


@settings(max_examples=40, deadline=None)
@given(question=QUESTIONS, limit=st.integers(1, 50))
def test_pages_hold_every_hit_once(archive: Archive, question: str, limit: int) -> None:
    """Page by page each hit comes once, newest first and unknown times last; the count is that of the ids."""
    places: list[Place] = []
    while True:
        page = answer(archive, question, limit=limit, after=places[-1] if places else None)
        assert len(page.hits) <= limit
        if not page.hits:
            break
        places += [Place(hit.document.sent_at, hit.document.record_id) for hit in page.hits]
        assert page.count == len(find_ids(archive, question))
    ids = [place.record_id for place in places]
    assert sorted(ids) == find_ids(archive, question)
    assert places == sorted(
        places, key=lambda one: (one.sent_at is not None, one.sent_at or 0, one.record_id), reverse=True
    )


def test_a_count_alone(archive: Archive) -> None:
    """Without hits asked for there are none, and the count is the same."""
    found = answer(archive, "snow", limit=0)
    assert (found.hits, found.count) == ((), 20)


def test_facets_and_parts_add_up(archive: Archive) -> None:
    """Each facet counts every hit; each part of the question has its own count."""
    found = answer(archive, "snow AND (ice OR plow)", facets=True, explain=True)
    assert found.facets is not None
    assert sum(number for _name, number in found.facets["source"]) == found.count
    assert [number for _part, number in found.explained] == [20, 20, 20]
    assert found.as_dict()["explained"][0]["count"] == 20
    assert answer(archive, "snow").facets is None
    assert found.as_dict()["facets"]["source"][0]["value"] == found.facets["source"][0][0]


def test_a_bad_question_says_where(archive: Archive) -> None:
    """What is not understood is an error with its place, for answers and for ids alike."""
    for ask in (answer, find_ids):
        with pytest.raises(QueryError) as raised:
            ask(archive, 'snow "plow')
        assert raised.value.where


def test_documents_in_the_order_asked(archive: Archive) -> None:
    """Documents come as they were asked for; unknown ids are left out."""
    assert [one.record_id for one in documents_of(archive, [7, 3, 999, 5])] == [7, 3, 5]


def test_the_snippet_shows_what_matched(archive: Archive) -> None:
    """The marked ranges of a snippet are the words that were asked for."""
    hit = answer(archive, "salt", limit=1).hits[0]
    assert {hit.snippet[start:stop] for start, stop in hit.spans} == {"salt"}
