"""Snippets: the best part of a record, with the places of what was found."""

import random
import time
from dataclasses import replace

import pytest

from archiver.index.document import Document
from archiver.index.query import And, Fuzzy, Near, Phrase, Term, Wildcard
from archiver.search.highlight import Highlighter, Snippet, snippet
from archiver.search.parse import parse
from archiver.tokens import words
from tests.oracle import NOW_MS, TIMEZONE, matches, random_documents, random_query

EMPTY = replace(random_documents(1, 1)[0], title="", text="", author=(), recipients=(), files=(), thread_title="")


def shown(question: str, document: Document | str, width: int = 200) -> tuple[str, list[str]]:
    """The snippet's text and the text of its hits."""
    if isinstance(document, str):
        document = replace(EMPTY, text=document)
    found = snippet(document, parse(question, timezone=TIMEZONE, now_ms=NOW_MS).node, width)
    return found.text, [found.text[start:end] for start, end in found.spans]


@pytest.mark.parametrize(
    ("question", "text", "hits"),
    [
        ("variances", "The Variance hearing", ["Variance"]),
        ("exact:variances", "The Variance hearing, variances", ["variances"]),
        ('"water main"', "Main water, the water-mains", ["water-mains"]),
        ("wat*", "Water, watt, what", ["Water", "watt"]),
        ("hearing~1", "a haering, a hering and a hearin", ["hering", "hearin"]),
        ("snow W/2 plow", "plow snow; snow and plow", ["snow", "plow"]),
        ("snow NEAR/1 plow", "plow. x snow plow", ["snow", "plow"]),
        ("snow OR plow -salt", "salt plow snow", ["plow", "snow"]),
        ("O\u2019Brien", "Bob O'Brien came", ["O'Brien"]),
        ("café", "Zum Cafe\u0301\u00ad!", ["Cafe\u0301\u00ad"]),
        ("京都", "東京都です", ["京都"]),
        ("👍", "ok 👍🏽 ok", ["👍🏽"]),
        ("from:jane platform:sms", "jane writes", []),
    ],
)
def test_hits_are_marked_in_the_original(question: str, text: str, hits: list[str]) -> None:
    """Stems, surface words, phrases, patterns, misspellings and distances are marked where they stand, nothing else."""
    assert shown(question, text)[1] == hits


def test_the_window_with_most_different_words_wins() -> None:
    """A far place with both words is preferred to the first place with one, and both ends say that they are cut."""
    text = "snow " * 3 + "x " * 3_000 + "Here the snow met\n\n the plow at last. " + "y " * 3_000
    found, hits = shown("snow plow", text, 100)
    assert hits == ["snow", "plow"]
    assert "snow met the plow" in found
    assert found.startswith("…") and found.endswith("…") and len(found) <= 102


def test_files_and_names_are_shown_when_the_body_has_nothing() -> None:
    """A hit in a file's text or in a name is shown; without any hit the beginning of the body is."""
    document = replace(EMPTY, text="Dear all", files=(("map.pdf", "the variance"),), author=("Jane Doe",))
    assert shown("variance", document) == ("the variance", ["variance"])
    assert shown("jane", document) == ("Jane Doe", ["Jane"])
    assert shown("salt", document) == ("Dear all", [])
    assert shown("", EMPTY) == ("", [])


def test_snippets_agree_with_the_definition() -> None:
    """A hit is marked exactly when the text matches by definition, for 3,000 random words, phrases and distances."""
    rng = random.Random(9)
    documents = [
        replace(document, author=(), recipients=(), title="", files=()) for document in random_documents(9, 60)
    ]
    checked = 0
    while checked < 3_000:
        node = random_query(rng, documents, 0)
        if not isinstance(node, Term | Wildcard | Fuzzy | Phrase | Near) or "<Zone.TEXT" not in repr(node):
            continue
        document = rng.choice(documents)
        found = snippet(document, node)
        assert bool(found.spans) == matches(node, document), (node, document.text)
        assert all(0 <= start < end <= len(found.text) for start, end in found.spans)
        assert all(words(found.text[start:end]) for start, end in found.spans)
        checked += 1


def test_fifty_long_documents_take_no_seconds() -> None:
    """Fifty snippets of 100,000-character documents, words at the end or missing, take less than two seconds."""
    rng = random.Random(4)
    vocabulary = [f"{rng.choice('abcdefgh')}{number}word" for number in range(5_000)]
    texts = [" ".join(rng.choices(vocabulary, k=10_000))[:100_000] + " café variance hearing" for _ in range(50)]
    highlighter = Highlighter(And((Term("variance"), Term("hearing"), Term("missing"))))
    started = time.perf_counter()
    found = [highlighter.snippet(replace(EMPTY, text=text)) for text in texts]
    assert time.perf_counter() - started < 2
    assert all(len(part.spans) == 2 for part in found)


def test_half_characters_and_controls_do_not_reach_the_page() -> None:
    """A lone surrogate is shown as the replacement character and a control character as a space, places kept."""
    found = snippet(replace(EMPTY, text="\ud800 a\x00b snow"), Term("snow"))
    assert found == Snippet("\ufffd a b snow", ((6, 10),))
