"""The query language: what is written becomes exactly these nodes, or an error with its place."""

import random
import time

import pytest

from archiver.index.query import (
    And,
    Everything,
    Field,
    FieldName,
    Fuzzy,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    RecordIs,
    Term,
    ThreadIs,
    Undated,
    Wildcard,
    Word,
    Zone,
)
from archiver.search.describe import describe
from archiver.search.errors import QueryError
from archiver.search.parse import MOST_CLAUSES, MOST_DEPTH, Query, parse
from archiver.search.syntax import MOST_CHARACTERS
from tests.oracle import NOW_MS, TIMEZONE, random_documents, random_query_text


def node(text: str) -> Node:
    """The node of a question asked now in the city."""
    return parse(text, timezone=TIMEZONE, now_ms=NOW_MS).node


def t(token: str, stem: bool = True, zone: Zone = Zone.TEXT) -> Term:
    return Term(token, stem, zone)


def row(*tokens: str, stem: bool = True, zone: Zone = Zone.TEXT) -> Phrase:
    return Phrase(tuple(Term(token, stem, zone) for token in tokens))


A, B, C = t("a"), t("b"), t("c")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Everything()),
        (" \n ", Everything()),
        ("Variance", t("variance")),
        ("a b", And((A, B))),
        ("a and b AND c", And((A, B, C))),
        ("a or b Or c", Or((A, B, C))),
        ("a b OR c", Or((And((A, B)), C))),
        ("a (b OR c)", And((A, Or((B, C))))),
        ("a NOT b", And((A, Not(B)))),
        ("-a", Not(A)),
        ("a -b", And((A, Not(B)))),
        ("a -(b OR c)", And((A, Not(Or((B, C)))))),
        ('a -"b c"', And((A, Not(row("b", "c"))))),
        ("(-a)", Not(A)),
        ("NOT a W/2 b", Not(Near((A,), (B,), 2, ordered=True))),
        ("a-b", row("a", "b")),
        ('"water main"', row("water", "main")),
        ("“water main”", row("water", "main")),
        ("«water main» „a“", And((row("water", "main"), A))),
        ('"a, and b?"', row("a", "and", "b")),
        ('"one"', t("one")),
        ('"and"', t("and")),
        ("near", t("near")),
        ("a W/5 b", Near((A,), (B,), 5, ordered=True)),
        ("a near/5 b", Near((A,), (B,), 5, ordered=False)),
        ("(a OR b) w/3 c", Near((A, B), (C,), 3, ordered=True)),
        ('"a b" NEAR/3 (a OR (b OR "b c"))', Near((row("a", "b"),), (A, B, row("b", "c")), 3, ordered=False)),
        ("from:(a W/1 b)", Near((t("a", False, Zone.AUTHOR),), (t("b", False, Zone.AUTHOR),), 1, ordered=True)),
        ("va*", Wildcard("va*")),
        ("VA**n?e", Wildcard("va*n?e")),
        ("wat*-main", Phrase((Wildcard("wat*"), t("main")))),
        ('"wat* main break"', Phrase((Wildcard("wat*"), t("main"), t("break")))),
        ("hearing~1", Fuzzy("hearing", 1)),
        ("Hearing~2", Fuzzy("hearing", 2)),
        ("clerk@ci.orono.mn.us", row("clerk", "ci", "orono", "mn", "us")),
        ("952-555-0100", row("952", "555", "0100")),
        ("(952) 555-0100", row("952", "555", "0100")),
        ("https://x.com/a/b?c=1*", row("https", "x", "com", "a", "b", "c", "1")),
        ("O\u2019Brien", row("o", "brien")),
        ("#snow @jane_doe", And((t("snow"), row("jane", "doe")))),
        ("10:30", row("10", "30")),
        ("👍🏽", t("👍")),
        ("東京", row("東", "京")),
        ('from:"Jane Doe"', row("jane", "doe", stem=False, zone=Zone.AUTHOR)),
        ("By:jan*", Wildcard("jan*", Zone.AUTHOR)),
        ("to:(jane OR bob)", Or((t("jane", False, Zone.RECIPIENTS), t("bob", False, Zone.RECIPIENTS)))),
        ("-from:jane", Not(t("jane", False, Zone.AUTHOR))),
        ("from:and", t("and", False, Zone.AUTHOR)),
        ("exact:hearings", t("hearings", False)),
        ('exact:"water mains"', row("water", "mains", stem=False)),
        ("thread:123", ThreadIs(123)),
        ('thread:"123"', t("123", True, Zone.THREAD)),
        ('thread:"snow plan"', row("snow", "plan", zone=Zone.THREAD)),
        ("platform:SMS", Field(FieldName.PLATFORM, ("sms",))),
        ('platform:(sms OR "call log")', Field(FieldName.PLATFORM, ("sms", "call_log"))),
        ("label:(a AND b)", And((Field(FieldName.LABEL, ("a",)), Field(FieldName.LABEL, ("b",))))),
        ('custodian:"Jane STRASSE"', Field(FieldName.CUSTODIAN, ("jane strasse",))),
        ("source:city-x", Field(FieldName.SOURCE, ("city-x",))),
        ("class:private", Field(FieldName.CLASS, ("private",))),
        ("kind:photo", Field(FieldName.KIND, ("photo",))),
        ("is:edited has:image", And((Field(FieldName.IS, ("edited",)), Field(FieldName.HAS, ("image",))))),
        ("is:undated", Undated()),
        ("id:R12 OR id:13", RecordIs((12, 13))),
    ],
)
def test_question_becomes_node(text: str, expected: Node) -> None:
    """Every construct of the language means one node."""
    assert node(text) == expected


@pytest.mark.parametrize(
    ("text", "name", "position", "advice"),
    [
        ("a foo:bar", "UnknownField", 2, '"foo: ..."'),
        ("platfrom:sms", "UnknownField", 0, "Did you mean platform:?"),
        ("sender:jane", "UnknownField", 0, "Did you mean from:?"),
        ("platform:emial", "UnknownValue", 9, "Did you mean email?"),
        ("platform:text", "UnknownValue", 9, "Did you mean sms?"),
        ('class:"secret"', "UnknownValue", 7, "confidential"),
        ("is:deleted", "UnknownValue", 3, "Did you mean gone?"),
        ("from: jane", "MissingValue", 0, "directly after the colon"),
        ("a from:", "MissingValue", 2, "from:value"),
        ("from:-jane", "BadValue", 5, "-from:jane"),
        ("platform:(sms email)", "BadValue", 14, "OR between values"),
        ("custodian:jan*", "BadValue", 10, "whole name"),
        ('label:" "', "BadValue", 6, "between the quotes"),
        ("id:abc", "BadValue", 3, "id:R123"),
        ("id:99999999999999999999", "BadValue", 3, "id:R123"),
        ("from:(to:a)", "NestedField", 6, "AND"),
        ('a "water main', "OpenQuote", 2, "quotation mark"),
        ("a (b", "OpenParenthesis", 2, "closing"),
        ("(", "OpenParenthesis", 0, "closing"),
        ("a b)", "StrayParenthesis", 3, "opening"),
        (")", "StrayParenthesis", 0, "opening"),
        ("a ()", "NoWords", 2, "Leave it out"),
        ("a and", "NothingThere", 2, '"and"'),
        ("AND a", "NothingThere", 0, '"AND"'),
        ("a OR OR b", "NothingThere", 2, '"OR"'),
        ("a NOT", "NothingThere", 2, '"NOT"'),
        ("W/5 a", "NothingThere", 0, '"W/5"'),
        ("a W/5", "NothingThere", 2, '"W/5"'),
        ("a & b", "NoWords", 2, "punctuation"),
        ('a "!"', "NoWords", 2, "punctuation"),
        ("a NEAR b", "BadDistance", 2, '"NEAR"'),
        ("a W/0 b", "BadDistance", 2, "1 to 255"),
        ("a W/256 b", "BadDistance", 2, "1 to 255"),
        ("w/o permit", "BadDistance", 0, '"w/o"'),
        ("a W/2 b W/2 c", "BadNear", 8, "AND"),
        ("a W/2 (b c)", "BadNear", 2, "AND"),
        ("a W/2 -b", "BadNear", 2, "AND"),
        ("from:a W/2 b", "BadNear", 7, "AND"),
        ("platform:sms W/2 b", "BadNear", 13, "AND"),
        ("*", "BadWildcard", 0, "two letters"),
        ("a v*", "BadWildcard", 2, "two letters"),
        ('"city * council"', "BadWildcard", 0, "two letters"),
        ("word~", "BadFuzzy", 0, "~1"),
        ("word~3", "BadFuzzy", 0, "~1"),
        ("ab~1", "BadFuzzy", 0, "three letters"),
        ('"a b"~5', "BadFuzzy", 5, "~1"),
        ("a \u2013b", "BadDash", 2, "plain hyphen"),
    ],
)
def test_mistake_names_its_place(text: str, name: str, position: int, advice: str) -> None:
    """What is not understood is an error of exit code 2 with the position and what to write instead."""
    with pytest.raises(QueryError) as caught:
        node(text)
    error = caught.value
    assert (type(error).__name__, error.position) == (name, position)
    assert advice in error.advice
    assert error.where == f"character {position + 1}"
    assert error.exit_code == 2
    assert "\n" not in str(error) + error.advice


def test_limits_are_errors() -> None:
    """More clauses, levels or characters than allowed are refused, and the allowed number is not."""
    assert node("a*a*a*b") == Wildcard("a*a*a*b")
    assert isinstance(node(" ".join(["a"] * MOST_CLAUSES)), And)
    assert node("(" * MOST_DEPTH + "a" + ")" * MOST_DEPTH) == A
    for text in (
        " ".join(["a"] * (MOST_CLAUSES + 1)),
        "(" * (MOST_DEPTH + 1) + "a" + ")" * (MOST_DEPTH + 1),
        "NOT " * (MOST_DEPTH + 1) + "a",
        "(" * 9_000,
        "-(" * 4_000,
        "a" * (MOST_CHARACTERS + 1),
        "a*a*a*a*b",
    ):
        with pytest.raises(QueryError) as caught:
            node(text)
        assert "more than" in str(caught.value)


def test_leaves_say_where_each_clause_stands() -> None:
    """The clauses come in order of writing with their place, a distance as one clause."""
    query = parse('a from:"jane doe" (b OR c) W/2 a', timezone=TIMEZONE, now_ms=NOW_MS)
    assert [query.text[leaf.start : leaf.end] for leaf in query.leaves] == ["a", 'from:"jane doe"', "(b OR c) W/2 a"]
    assert isinstance(query.leaves[2].node, Near)


_PIECES = (
    *(
        "a",
        "variance",
        "AND",
        "or",
        "NOT",
        "-",
        "(",
        ")",
        '"',
        "“",
        "”",
        "W/3",
        "NEAR/",
        "near/5",
        "*",
        "va*",
        "?",
        "~1",
        "x~2",
    ),
    *(
        "from:",
        "to:",
        "platform:",
        "sms",
        "is:",
        "on:",
        "2026-01",
        "last week",
        "..",
        "date:",
        "id:",
        "R5",
        "thread:",
        "exact:",
    ),
    *(
        " ",
        " ",
        " ",
        "\n",
        "\x00",
        "é",
        "東",
        "👍🏽",
        "\u200d",
        "\u0301",
        "\ud800",
        "\U00012000",
        "foo:",
        ":",
        "https://",
        "{}",
        "%s",
    ),
)  # fmt: skip  (a table of pieces)


def _random_string(rng: random.Random) -> str:
    if rng.random() < 0.2:
        return "".join(chr(rng.choice((rng.randrange(0x110000), rng.randrange(128)))) for _ in range(rng.randrange(30)))
    return "".join(rng.choice(_PIECES) for _ in range(rng.choice((3, 8, 20, 200))))


def _question_or_error(text: str) -> Query | QueryError:
    try:
        return parse(text, timezone=TIMEZONE, now_ms=NOW_MS)
    except QueryError as error:
        return error


def test_any_string_is_a_question_or_a_query_error() -> None:
    """20,000 random strings: a Query that can be described, or a QueryError inside the text; 99 of 100 under 50 ms."""
    rng = random.Random(20260105)
    took = []
    understood = 0
    for _ in range(20_000):
        text = _random_string(rng)
        started = time.perf_counter()
        found = _question_or_error(text)
        took.append(time.perf_counter() - started)
        if isinstance(found, Query):
            assert describe(found.node, TIMEZONE)
            understood += 1
            continue
        assert 0 <= found.position <= len(text), ascii(text)
        assert str(found) and found.advice and "\n" not in str(found) + found.advice, ascii(text)
    assert understood > 1_000
    assert sorted(took)[int(len(took) * 0.99)] < 0.050


def test_questions_of_a_clerk_are_understood() -> None:
    """1,000 well-formed random questions parse, and never to a word that a document could not hold."""
    rng = random.Random(3)
    documents = random_documents(3, 50)
    for _ in range(1_000):
        text = random_query_text(rng, documents)
        for leaf in parse(text, timezone=TIMEZONE, now_ms=NOW_MS).leaves:
            for word in _words(leaf.node):
                assert word.pattern if isinstance(word, Wildcard) else word.token, text


def _words(leaf: Node) -> list[Word]:
    match leaf:
        case Phrase(words):
            return list(words)
        case Near(left, right):
            return [word for operand in (*left, *right) for word in _words(operand)]
        case Term() | Wildcard() | Fuzzy():
            return [leaf]
    return []
