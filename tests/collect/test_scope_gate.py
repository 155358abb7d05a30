"""The gate on arrival: what is out of scope is only counted, and is in no file afterwards (design promise 2)."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.collect.gate import passed
from archiver.scope import Scope, ScopeRule, in_scope
from connectors.contract import Context, Page
from schema.item import Attachment, Item, Party, Unreadable
from schema.vocab import AddressKind, Kind, PartyRole
from tests.fixtures.city import Town
from tests.fixtures.replay import NOON, post, unreadable

POSTS = '{"kinds": ["post"], "words": ["plow"]}'


def test_no_byte_of_what_is_out_of_scope_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text, title, address, file name, thread, id and raw bytes of a dropped item are in no file of the archive."""
    town = Town(tmp_path, monkeypatch)
    number = town.declared(POSTS)
    dropped = post(
        "zqidzq",
        "zqtextzq birthday",
        title="zqtitlezq",
        raw=b"zqrawzq",
        thread_id="zqthreadzq",
        parties=(Party(PartyRole.AUTHOR, "zqparty@home.example", AddressKind.EMAIL, "zqnamezq"),),
        attachments=(Attachment("zqfilezq.jpg", "image/jpeg", b"zqphotozq"),),
    )
    kept = post("b", "plow zqkeptzq")
    town.source("pat", Page(items=(dropped, kept)), options=("--declaration", str(number)))
    receipt = town.collect("pat")
    assert (receipt["seen"], receipt["out_of_scope"], receipt["new_records"]) == (2, 1, 1)
    assert town.files_with("zqkeptzq"), "the search must be able to find what was kept"
    for marker in ("zqidzq", "zqtextzq", "zqtitlezq", "zqrawzq", "zqthreadzq", "zqparty", "zqnamezq", "zqfilezq"):
        assert town.files_with(marker) == [], marker
    assert town.rows("SELECT (SELECT count(*) FROM party), (SELECT count(*) FROM thread)") == [(1, 0)]


def test_spooled_bytes_of_a_dropped_item_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large file is sealed as it streams in; when its item is out of scope, the sealed object goes too."""
    town = Town(tmp_path, monkeypatch)
    number = town.declared(POSTS)
    during: list[int] = []

    def page(context: Context) -> Page:
        blob = context.sink.spool([b"x" * 3_000_000])
        during.append(_objects(town))
        return Page(items=(post("a", "holiday", attachments=(Attachment("v.mp4", "video/mp4", blob),)),))

    town.source("pat", page, options=("--declaration", str(number)))
    assert town.collect("pat")["out_of_scope"] == 1
    assert during == [1] and _objects(town) == 0


def test_spooled_bytes_do_not_wait_for_the_end_of_a_long_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a batch is committed, what it dropped is gone from the disk, though the run goes on."""
    town = Town(tmp_path, monkeypatch)
    number = town.declared(POSTS)
    during: list[int] = []

    def first(context: Context) -> Page:
        blob = context.sink.spool([b"x" * 100_000])
        kept = tuple(post(f"n{n}", "plow") for n in range(1000))
        return Page(items=(*kept, post("a", "holiday", attachments=(Attachment("v.mp4", "video/mp4", blob),))))

    def second(_context: Context) -> Page:
        during.append(_objects(town))
        return Page()

    town.source("pat", first, second, options=("--declaration", str(number)))
    assert town.collect("pat")["out_of_scope"] == 1
    assert during == [0]


def test_spooled_bytes_of_a_known_item_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second collection of the same large file leaves one object, not two."""
    town = Town(tmp_path, monkeypatch)

    def page(context: Context) -> Page:
        blob = context.sink.spool([b"\0\0\0\x18ftypmp42" + bytes(2_000_000)])
        return Page(items=(post("a", "parade", attachments=(Attachment("v.mp4", "video/mp4", blob),)),))

    town.source("web", page)
    assert town.collect("web")["new_records"] == 1
    assert _objects(town) == 1
    assert town.collect("web")["unchanged"] == 1
    assert _objects(town) == 1


def test_what_falls_out_of_scope_at_its_source_is_not_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kept post whose owner edits the city's word out of it is still there: no new version, and no absence."""
    from connectors.contract import Enumeration

    town = Town(tmp_path, monkeypatch)
    number = town.declared(POSTS)
    town.source(
        "pat", Page(items=(post("a", "plow is out"),), complete=Enumeration()), options=("--declaration", str(number))
    )
    assert town.collect("pat")["new_records"] == 1
    town.script("pat", Page(items=(post("a", "happy birthday"),), complete=Enumeration()))
    receipt = town.collect("pat")
    assert (receipt["out_of_scope"], receipt["new_versions"], receipt["missing"]) == (1, 0, 0)
    town.script("pat", Page(complete=Enumeration()))
    assert town.collect("pat")["missing"] == 1


def _objects(town: Town) -> int:
    return sum(len(files) for _folder, _folders, files in os.walk(town.folder / "objects"))


_ITEMS = st.lists(
    st.builds(
        lambda number, at, kind, word: post(f"n{number}", word, at=at, kind=kind),
        st.integers(0, 50),
        st.none() | st.integers(NOON - 2, NOON + 2),
        st.sampled_from((Kind.POST, Kind.MESSAGE)),
        st.sampled_from(("plow", "cake")),
    )
    | st.builds(unreadable, st.binary(max_size=4)),
    max_size=20,
)


@given(_ITEMS, st.booleans())
def test_every_item_is_kept_or_counted_once(items: list[Item | Unreadable], declared: bool) -> None:
    """kept + out of scope + unreadable is everything; from a city source everything is kept."""
    scope = Scope((ScopeRule(words=frozenset({"plow"})),), NOON - 1, NOON + 1) if declared else None
    result = passed(items, scope)
    assert len(result.kept) + result.out_of_scope + result.unreadable == len(items)
    if scope is None:
        assert result.kept == items
    else:
        assert result.kept == [one for one in items if isinstance(one, Item) and in_scope(one, scope)]
        assert result.unreadable == sum(isinstance(one, Unreadable) for one in items)
