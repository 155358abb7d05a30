"""The definition of a match, held against examples worked out by hand."""

import random
from dataclasses import replace

import pytest

from archiver.index.query import Everything, Fuzzy, Near, Not, Phrase, Sent, Term, Undated, Wildcard, Zone
from archiver.search.parse import parse
from tests.oracle import (
    NOW_MS,
    TIMEZONE,
    edits,
    matches,
    positions,
    random_documents,
    random_query,
    random_query_text,
    wildcard_matches,
)

DOCUMENT = replace(
    random_documents(1, 1)[0],
    title="Snow plan",
    text="",
    author=("Jane Doe",),
    recipients=(),
    files=(("map.pdf", "variance hearings"),),
    thread_title="Streets",
    sent_at=1_000,
)


def test_positions_leave_one_gap_between_segments() -> None:
    """Segments without tokens leave no gap, those with tokens one empty position between them."""
    assert positions(DOCUMENT, Zone.TEXT) == [
        "snow",
        "plan",
        None,
        "jane",
        "doe",
        None,
        "map",
        "pdf",
        None,
        "variance",
        "hearings",
    ]  # fmt: skip  (one row of positions)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ('"snow plan"', True),
        ('"plan jane"', False),
        ("plan W/1 jane", False),
        ("plan W/2 jane", True),
        ("jane W/2 plan", False),
        ("jane NEAR/2 plan", True),
        ("snow W/1 plan", True),
        ("snow NEAR/5 snow", False),
        ('"snow plan" W/5 snow', False),
        ("hearing", True),
        ("exact:hearing", False),
        ("hear*s", True),
        ("hear?", False),
        ("exact:hearings~1", True),
        ("from:jane", True),
        ("from:snow", False),
        ("thread:street", True),
        ("street", False),
        ("NOT street", True),
        ("date:1969..1970", True),
        ("after:1971", False),
    ],
)
def test_examples(question: str, expected: bool) -> None:
    """Phrases stay within a segment, distances count the gap, zones are apart, NOT is the complement."""
    assert matches(parse(question, timezone=TIMEZONE, now_ms=NOW_MS).node, DOCUMENT) is expected


def test_unknown_time_matches_no_date() -> None:
    """A record of unknown time matches no range, not even the open one, and so matches the complement."""
    undated = replace(DOCUMENT, sent_at=None)
    assert not matches(Sent(None, None), undated)
    assert matches(Not(Sent(None, None)), undated) and matches(Undated(), undated)
    assert matches(Sent(1_000, 1_001), DOCUMENT) and not matches(Sent(0, 1_000), DOCUMENT)


def test_letters_away() -> None:
    """The distance counts insertions, deletions and substitutions; a swap is two."""
    assert [edits("hearing", other) for other in ("hearing", "hering", "hearings", "haering", "")] == [0, 1, 1, 2, 7]
    assert wildcard_matches("a*c?", "abbcd") and not wildcard_matches("a?", "a")


def test_documents_and_questions_are_the_same_for_the_same_seed() -> None:
    """Chance is seeded, questions are of every kind, and most match some documents but not all."""
    documents = random_documents(2, 80)
    assert documents == random_documents(2, 80) != random_documents(3, 80)
    questions = [random_query(random.Random(6), documents) for _ in range(2)]
    assert questions[0] == questions[1]
    assert random_query_text(random.Random(6), documents) == random_query_text(random.Random(6), documents)
    rng = random.Random(6)
    asked = [random_query(rng, documents) for _ in range(400)]
    counts = [sum(matches(node, document) for document in documents) for node in asked]
    assert sum(0 < count < len(documents) for count in counts) > 200
    kinds = {type(node) for node in asked}
    assert kinds >= {Everything, Near, Not, Phrase, Sent, Term, Undated, Wildcard, Fuzzy}
