"""Page turning: it ends, and it reads Link headers as servers write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.paging import PageTurner, PagingLoop, links, next_link

BASE = "https://a.example/api/list?limit=40"


def test_a_page_seen_before_stops_the_listing() -> None:
    """A server that leads in a circle is noticed at the first repetition."""
    turner = PageTurner()
    assert [turner.turn(token) for token in "abc"] == ["a", "b", "c"]
    with pytest.raises(PagingLoop, match="back"):
        turner.turn("b")


def test_pages_without_end_stop_the_listing() -> None:
    """New tokens for ever are an error too."""
    turner = PageTurner(limit=3)
    for token in "abc":
        turner.turn(token)
    with pytest.raises(PagingLoop, match="more than 3"):
        turner.turn("d")


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, None),
        ("", None),
        ('<https://a.example/2>; rel="next"', "https://a.example/2"),
        ("<https://a.example/2>; rel=next", "https://a.example/2"),
        ('<https://a.example/2>;rel="prev next"', "https://a.example/2"),
        ('<https://a.example/0>; rel="prev", <https://a.example/2>; rel="next"', "https://a.example/2"),
        ('</2?x=1,2;3>; title="a, <b>; rel=prev"; rel="next"', "https://a.example/2?x=1,2;3"),
        ("<?max_id=7>; REL=NEXT", "https://a.example/api/list?max_id=7"),
        ('<https://a.example/2>; rel="nextpage"', None),
        ("https://a.example/2; rel=next", None),
    ],
)
def test_link_headers_are_read_by_relation(header: str | None, found: str | None) -> None:
    """Quoted and bare values, several relations, commas in addresses, relative targets (RFC 8288)."""
    assert next_link({} if header is None else {"link": header}, BASE) == found


@given(st.text(max_size=300))
def test_any_header_is_survived(header: str) -> None:
    """Nonsense gives no links, not an exception."""
    links({"link": header}, BASE)


def test_a_hostile_header_costs_no_more_than_its_length() -> None:
    """Headers of the greatest length that is accepted are read at once, whatever they repeat."""
    for piece in ("<", "<>", "<a>;", "<a>; a", "<a>; a ", '<a>; a="', ";", " ", "<a>" + " " * 60_000):
        links({"link": (piece * (65_536 // len(piece) + 1))[:65_536]}, BASE)
