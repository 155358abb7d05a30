"""Both embedded engines against the brute-force definition of a match, and the promises of the contract."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from archiver.index.document import Document
from archiver.index.engines.contract import Engine, Place
from archiver.index.engines.registry import ENGINES, open_engine
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
    Sent,
    Term,
    ThreadIs,
    Undated,
    Wildcard,
    Zone,
)
from archiver.tokens import words
from tests.oracle import matches, random_documents, random_query

COUNT = 300


@cache
def questions(seed: int, count: int) -> tuple[list[Document], list[tuple[Node, list[int]]]]:
    """Documents and questions over them, each with the ids that the definition gives."""
    documents = random_documents(seed, COUNT)
    rng = random.Random(seed)
    asked = [random_query(rng, documents) for _ in range(count)]
    return documents, [(node, [one.record_id for one in documents if matches(node, one)]) for node in asked]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty index of each engine."""
    opened = open_engine(request.param, tmp_path)
    yield opened
    opened.close()


def fill(engine: Engine, documents: list[Document]) -> None:
    """Write documents in batches, among them outdated versions and records that are removed again."""
    outdated = [replace(one, text="variance hearing outdated", labels=("old",)) for one in documents[::3]]
    strangers = [replace(one, record_id=one.record_id + 10_000) for one in documents[::4]]
    engine.write(outdated + strangers, [], 1)
    for at in range(0, len(documents), 70):
        engine.write(documents[at : at + 70], [], 2)
    engine.write([], [one.record_id for one in strangers], 3)


def check(engine: Engine, seed: int, count: int) -> None:
    """Every question gets the ids, and the count, of the definition."""
    documents, asked = questions(seed, count)
    fill(engine, documents)
    for node, expected in asked:
        assert list(engine.ids(node)) == expected, node
        assert engine.count(node) == len(expected), node
    assert sum(bool(expected) for _, expected in asked) > count // 2, "most questions must find something"


def test_answers_are_those_of_the_definition(engine: Engine) -> None:
    """2,000 random questions on 300 documents, after replacements and removals: the same ids and counts."""
    check(engine, 1, 2_000)


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_answers_are_those_of_the_definition_at_length(engine: Engine) -> None:
    """10,000 random questions on other documents."""
    check(engine, 2, 10_000)
    print(f"{engine.name}: 10,000 questions answered as defined")


AWKWARD: list[Node] = [
    And(()),
    Or(()),
    Phrase(()),
    Not(And(())),
    Term('"'),
    Term("a b"),
    Term("=x"),
    Term("Council", stem=False),
    Term("\ue000", stem=False),
    Term("\ud800"),
    Term(""),
    Wildcard("*"),
    Wildcard("???"),
    Wildcard("[a-z]*"),
    Wildcard('"*'),
    Wildcard("\ud800*"),
    Wildcard("**er"),
    Fuzzy("x", 2),
    Fuzzy("", 1),
    Fuzzy("The", 1),
    Fuzzy("t\ud800e", 1),
    Fuzzy("\ud800\ud800", 2),
    Phrase((Wildcard("*"), Wildcard("*"))),
    Phrase((Wildcard("*"), Term("the", False), Wildcard("?*"))),
    Near((Wildcard("*"),), (Wildcard("*"),), 1, True),
    Near((Term("the"),), (Term("the"),), 3, False),
    Near((Term("the"), Phrase((Term("the"), Term("of")))), (Term("of"),), 2, True),
    Near((Term("the"),), (Term("of"),), 0, False),
    Near((Term("nothere"),), (Term("of"),), 5, False),
    Field(FieldName.DEVICE, ("",)),
    Field(FieldName.LABEL, ()),
    Field(FieldName.LABEL, ("strasse", "zoning case")),
    RecordIs(()),
    RecordIs((5, 5, -1, 999_999)),
    ThreadIs(-4),
    Sent(None, None),
    Sent(0, 0),
    Not(Sent(None, None)),
    And((Not(Undated()), Not(Term("the")))),
    Or((Undated(), Term("the"), Not(Term("of")))),
    Or((*(Term(f"no{number}") for number in range(1_500)), Term("the"))),
    Or((*(Sent(number, number + 1) for number in range(1_500)), Undated())),
    Wildcard("*a*", Zone.AUTHOR),
    Term("doe", True, Zone.RECIPIENTS),
]


@pytest.mark.parametrize("node", AWKWARD, ids=lambda node: str(node)[:60].encode("ascii", "replace").decode())
def test_awkward_questions(engine: Engine, node: Node) -> None:
    """Empty, huge, unmatched and hostile questions are answered as defined too."""
    documents = random_documents(3, 80)
    engine.write(documents, [], 1)
    expected = [one.record_id for one in documents if node != Phrase(()) and matches(node, one)]
    assert list(engine.ids(node)) == expected
    assert engine.count(node) == len(expected)
    assert {place.record_id for place in engine.page(node, 1_000)} == set(expected)


def test_deep_questions(engine: Engine) -> None:
    """A question may be nested far deeper than the parsers of an engine allow."""
    documents = random_documents(3, 60)
    engine.write(documents, [], 1)
    for inner in (Term("the"), Undated(), Field(FieldName.PLATFORM, ("sms",))):
        node: Node = inner
        for level in range(120):
            node = (
                Not(node) if level % 3 == 0 else And((node, Everything())) if level % 3 == 1 else Or((node, Phrase(())))
            )
        expected = [one.record_id for one in documents if matches(inner, one)]
        assert list(engine.ids(node)) == expected


def test_pages_cover_every_match_once(engine: Engine) -> None:
    """Page after page gives each match exactly once in order (sent_at, id), those of unknown time at the end."""
    documents, asked = questions(1, 200)
    engine.write(documents, [], 1)
    by_id = {one.record_id: one for one in documents}
    for node, expected in asked[::5]:
        for newest_first in (True, False):
            dated = [one for one in map(by_id.__getitem__, expected) if one.sent_at is not None]
            undated = [one for one in map(by_id.__getitem__, expected) if one.sent_at is None]
            dated.sort(key=lambda one: (one.sent_at, one.record_id), reverse=newest_first)
            undated.sort(key=lambda one: one.record_id, reverse=newest_first)
            found: list[Place] = []
            while page := engine.page(node, 7, found[-1] if found else None, newest_first):
                found += page
            assert found == [Place(one.sent_at, one.record_id) for one in dated + undated], node


def test_pages_of_a_common_word(engine: Engine) -> None:
    """Where very many documents match the pages are the same, also when all lie at the far end of the dates."""
    base = random_documents(4, 1)[0]
    documents = [
        replace(base, record_id=number, sent_at=1_000 * (number // 3), text="common" if number <= 3_500 else "other")
        for number in range(1, 12_001)
    ]
    if engine.name == "whoosh":
        documents = documents[:500]
    engine.write(documents, [], 1)
    expected = [Place(one.sent_at, one.record_id) for one in documents if "common" in one.text]
    word = Term("common")
    assert engine.page(word, 20, None, newest_first=False) == expected[:20]
    assert engine.page(word, 20, expected[40], newest_first=False) == expected[41:61]
    assert engine.page(word, 20) == expected[:-21:-1]
    assert engine.page(word, 20, expected[-30]) == expected[-31:-51:-1]
    assert engine.page(And((word, Sent(30_000, 90_000))), 500) == [
        one for one in reversed(expected) if one.sent_at is not None and 30_000 <= one.sent_at < 90_000
    ]


def test_facets_count_each_value_as_shown(engine: Engine) -> None:
    """Facets count the matches that have a value, largest first; empty values are not shown."""
    documents, asked = questions(1, 200)
    documents = [replace(one, labels=(*one.labels, "Urgent", "Urgent")) for one in documents[:50]] + documents[50:]
    engine.write(documents, [], 1)
    for node in [Everything(), Or(()), *(node for node, _ in asked[:40])]:
        found = engine.facets(node, list(FieldName))
        matching = [one for one in documents if matches(node, one)]
        labels = Counter(value for one in matching for value in set(one.labels))
        devices = Counter(one.device for one in matching if one.device)
        assert dict(found[FieldName.LABEL]) == labels
        assert dict(found[FieldName.DEVICE]) == devices
        assert dict(found[FieldName.CLASS]) == Counter(one.data_class for one in matching)
        assert [count for _, count in found[FieldName.DEVICE]] == sorted(devices.values(), reverse=True)
    assert engine.facets(Everything(), []) == {}


def test_documents_come_back_whole(engine: Engine) -> None:
    """What was written is shown again, in the order asked; any string survives."""
    plain = random_documents(5, 40)
    odd = replace(
        plain[0],
        record_id=2**62,
        sent_at=-62_135_596_800_000,
        thread_id=-7,
        account="half \ud83d of a pair",
        custodian="nul \0 and \ue000",
        labels=("a\nb", "\udc00"),
        author=("\ud800",),
        text='"quotes" \0 ' + "long " * 200_000,
        files=(("näme.pdf", None), ("", "text \udfff")),
    )
    engine.write([*plain, odd], [], 1)
    asked = [odd.record_id, 3, 999, 1]
    assert engine.documents(asked) == [odd, plain[2], plain[0]]
    assert list(engine.ids(Phrase((Term("long"), Term("long"))))) == [odd.record_id]
    assert list(engine.ids(Sent(None, 0))) == [odd.record_id]
    assert dict(engine.facets(RecordIs((2**62,)), [FieldName.ACCOUNT, FieldName.LABEL])) == {
        FieldName.ACCOUNT: [(odd.account, 1)],
        FieldName.LABEL: [("a\nb", 1), ("\udc00", 1)],
    }
    assert list(engine.ids(ThreadIs(-7))) == [odd.record_id]


def test_replacing_and_removing(engine: Engine) -> None:
    """A document replaces its older one, within a batch the last counts, and what is removed is not added."""
    one, two, three = random_documents(6, 3)
    engine.write([replace(one, text="first"), replace(one, text="second"), two], [], 1)
    assert list(engine.ids(Term("first"))) == []
    assert list(engine.ids(Term("second"))) == [1]
    engine.write([replace(one, text="third"), three], [2, 3, 77], 2)
    assert list(engine.ids(Everything())) == [1]
    assert engine.count(Term("second")) == 0
    assert engine.documents([1, 2, 3]) == [replace(one, text="third")]
    assert engine.size() == 1


def test_watermark(engine: Engine, tmp_path: Path) -> None:
    """The watermark never falls, is there after reopening, and is 0 when empty or cleared."""
    assert engine.watermark() == 0
    engine.write(random_documents(6, 2), [], 5)
    engine.write([], [], 9)
    engine.write([], [1], 7)
    assert engine.watermark() == 9
    engine.close()
    again = open_engine(engine.name, tmp_path)
    assert (again.watermark(), again.size()) == (9, 1)
    again.scrub()
    assert (again.watermark(), again.size()) == (9, 1)
    again.clear()
    assert (again.watermark(), again.size(), list(again.ids(Everything()))) == (0, 0, [])
    again.write(random_documents(6, 3), [], 4)
    assert (again.watermark(), again.size()) == (4, 3)
    again.close()


def _secret(rng: random.Random) -> str:
    return "".join(rng.choice("bcdfghjklmnpqrstvwxz") for _ in range(14))


def test_nothing_of_removed_documents_stays_after_scrub(engine: Engine, tmp_path: Path) -> None:
    """After scrub no file holds a word, an address, a label or an end of a word that only removed documents had."""
    rng = random.Random(7)
    documents = random_documents(7, 1_200 if engine.name == "fts5" else 300)
    secrets = [[_secret(rng) for _ in range(6)] for _ in documents]
    documents = [
        replace(one, text=f"{one.text} {a} {b}", author=(c,), thread_title=d, custodian=e, labels=(f,))
        for one, (a, b, c, d, e, f) in zip(documents, secrets, strict=True)
    ]
    for at in range(0, len(documents), 100):
        engine.write(documents[at : at + 100], [], at)
    gone = [at for at in range(len(documents)) if rng.random() < 0.1]
    engine.write([], [documents[at].record_id for at in gone], 5_000)
    lost = [word for at in gone for word in secrets[at]]
    dictionary = [word for at in gone for word in secrets[at][:4]]
    assert engine.has_words(dictionary) == set(dictionary), "the dictionary is honest about removed documents"
    engine.scrub()
    assert engine.has_words(dictionary) == set()
    living = {word for at, found in enumerate(secrets) if at not in gone for word in found[:4]}
    assert engine.has_words(sorted(living)) == living
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert [(path.name, word) for path, data in files.items() for word in lost if word[-9:].encode() in data] == []
    kept = [one for at, one in enumerate(documents) if at not in gone]
    assert list(engine.ids(Everything())) == [one.record_id for one in kept]
    assert engine.documents([one.record_id for one in kept]) == kept
    assert engine.count(Term(secrets[gone[0] + 1][0])) == (gone[0] + 1 not in gone)


def test_scrub_of_an_index_whose_documents_are_all_gone(engine: Engine) -> None:
    """Removing everything and scrubbing leaves a working, empty index."""
    documents = random_documents(8, 30)
    engine.write(documents, [], 1)
    engine.write([], [one.record_id for one in documents], 2)
    engine.scrub()
    assert engine.size() == 0
    assert engine.has_words([word for one in documents for word in words(one.text)]) == set()
    engine.write(documents, [], 3)
    assert engine.size() == 30
