"""The echo of a question in plain words."""

import random

import pytest

from archiver.index.query import Sent
from archiver.search.describe import describe
from archiver.search.parse import parse
from tests.oracle import NOW_MS, TIMEZONE, random_documents, random_query


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "all records"),
        (
            "variance W/5 hearing after:2026-01-05",
            "records with a form of “variance” within 5 words before a form of “hearing”"
            " and sent on or after Monday 5 January 2026 (America/Chicago)",
        ),
        ("exact:permit -fee", "records with exactly “permit” and without a form of “fee”"),
        ('"water mains" OR 952', "records with the words “water mains” in a row (any form) or with “952”"),
        ("(a OR b) NEAR/1 wat*", "records with (a form of “a” or a form of “b”) directly beside a word like “wat*”"),
        ("snow (plow OR salt)", "records with a form of “snow” and (with a form of “plow” or with a form of “salt”)"),
        ("NOT (a b)", "records not (with a form of “a” and with a form of “b”)"),
        ("to:jane -from:bob", "records whose recipients have exactly “jane” and whose author has not exactly “bob”"),
        ("hearing~1", "records with a word at most 1 letter away from “hearing”"),
        ("platform:(sms OR email)", "records whose platform is “sms” or “email”"),
        ("-label:urgent", "records not labelled “urgent”"),
        ("id:R5 thread:7", "records numbered R5 and in thread 7"),
        ("is:undated", "records of unknown time"),
        ("before:2026-02", "records sent before Sunday 1 February 2026 (America/Chicago)"),
        ("on:2026-01-05", "records sent on Monday 5 January 2026 (America/Chicago)"),
        ("on:2026-01", "records sent in January 2026 (America/Chicago)"),
        ("on:2026", "records sent in 2026 (America/Chicago)"),
        (
            "date:2026-01-05..2026-02-01",
            "records sent from Monday 5 January 2026 through Sunday 1 February 2026 (America/Chicago)",
        ),
    ],
)
def test_question_is_echoed_in_plain_words(text: str, expected: str) -> None:
    """A clerk reads what the words, fields and dates were taken to mean, with the days and the time zone."""
    assert describe(parse(text, timezone=TIMEZONE, now_ms=NOW_MS).node, TIMEZONE) == expected


def test_every_node_can_be_described() -> None:
    """5,000 random questions of every kind of node, and times at the edges, have an echo of one line."""
    rng = random.Random(5)
    documents = random_documents(5, 50)
    for _ in range(5_000):
        said = describe(random_query(rng, documents), TIMEZONE)
        assert said and "\n" not in said
    for edge in (-(2**63), -1, 0, 1, 2**63 - 1):
        for node in (Sent(edge, None), Sent(None, edge), Sent(edge, edge), Sent(0, edge)):
            assert describe(node, TIMEZONE).startswith("records sent")


def test_a_time_within_a_day_is_shown() -> None:
    """A range that does not start at midnight of the city shows its time."""
    assert describe(Sent(1_767_593_400_000, None), TIMEZONE) == (
        "records sent from Monday 5 January 2026 00:10:00 (America/Chicago)"
    )
