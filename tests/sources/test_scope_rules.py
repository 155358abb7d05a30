"""The scope of a declaration: an allow-list in which every part that is given must match."""

from hypothesis import given
from hypothesis import strategies as st

from archiver.scope import OPEN_TO_ALL, Scope, ScopeRule, in_scope
from schema.item import Item, Party
from schema.vocab import AddressKind, Kind, PartyRole, Visibility
from tests.fixtures.replay import NOON, post

WORDS = ("plow", "snow", "variance", "lake")
ADDRESSES = ("612-555-0100", "pat@city.example", "@works")


@st.composite
def _items(draw: st.DrawFn) -> Item:
    return post(
        "a",
        " ".join(draw(st.lists(st.sampled_from(WORDS), max_size=3))),
        at=draw(st.none() | st.integers(NOON - 5, NOON + 5)),
        kind=draw(st.sampled_from((Kind.POST, Kind.MESSAGE))),
        visibility=draw(st.sampled_from(Visibility)),
        thread_id=draw(st.sampled_from((None, "t1", "t2"))),
        parties=tuple(
            Party(PartyRole.TO, one, AddressKind.NAME) for one in draw(st.sets(st.sampled_from(ADDRESSES), max_size=2))
        ),
    )


def _sets(values: object) -> st.SearchStrategy[frozenset[object]]:
    return st.frozensets(st.sampled_from(values), max_size=2)  # type: ignore[call-overload,no-any-return]  # any sequence


_RULES = st.builds(
    ScopeRule,
    parties=_sets(ADDRESSES),
    words=_sets(WORDS),
    threads=_sets(("t1", "t2")),
    kinds=_sets((Kind.POST, Kind.MESSAGE)),
    visibility=_sets(tuple(Visibility)),
)
_EDGES = st.none() | st.integers(NOON - 3, NOON + 3)


def _expected(item: Item, scope: Scope) -> bool:
    """What the words of the declaration say, written out a second time."""
    if item.sent is None or (scope.since or -1) > item.sent.at or item.sent.at >= (scope.until or NOON * 2):
        return False
    for rule in scope.rules:
        seen_by = rule.visibility or {*OPEN_TO_ALL, Visibility.UNKNOWN}
        if (
            item.visibility in seen_by
            and (not rule.kinds or item.kind in rule.kinds)
            and (not rule.threads or item.thread_id in rule.threads)
            and (not rule.parties or rule.parties & {one.address for one in item.parties})
            and (not rule.words or rule.words & set(item.text.split()))
        ):
            return True
    return False


@given(_items(), st.lists(_RULES, max_size=3), _EDGES, _EDGES)
def test_an_item_is_in_scope_exactly_when_one_rule_matches_in_every_part(
    item: Item, rules: list[ScopeRule], since: int | None, until: int | None
) -> None:
    """Against a second writing of the rule, over times at the edges, kinds, threads, parties, words, visibility."""
    scope = Scope(tuple(rules), since, until)
    assert in_scope(item, scope) == _expected(item, scope)


@given(_items())
def test_without_a_rule_nothing_is_in_scope(item: Item) -> None:
    """An allow-list without entries allows nothing."""
    assert not in_scope(item, Scope(()))


@given(_items(), _RULES, _RULES)
def test_a_further_rule_never_takes_anything_out(item: Item, one: ScopeRule, other: ScopeRule) -> None:
    """Rules only add: what a scope lets through, the scope with one rule more lets through."""
    assert not in_scope(item, Scope((one,))) or in_scope(item, Scope((one, other)))


def test_words_are_whole_words_in_any_case() -> None:
    """plow matches "Plow!" but not "plowing", and words with punctuation match literally."""
    scope = Scope((ScopeRule(words=frozenset({"plow", "c++"})),))
    assert in_scope(post("a", "Plow!"), scope)
    assert in_scope(post("a", "", title="the PLOW"), scope)
    assert in_scope(post("a", "written in C++."), scope)
    assert not in_scope(post("a", "plowing"), scope)


def test_a_telephone_number_matches_however_it_is_written() -> None:
    """Country code, spaces and punctuation do not matter; another number and a longer word do."""
    scope = Scope((ScopeRule(parties=frozenset({"(612) 555-0100"})),))

    def of(address: str) -> Item:
        return post("a", parties=(Party(PartyRole.AUTHOR, address, AddressKind.PHONE),))

    assert in_scope(of("+16125550100"), scope) and in_scope(of("1 612 555 0100"), scope)
    assert not in_scope(of("+16125550101"), scope) and not in_scope(of("5550100"), scope)
