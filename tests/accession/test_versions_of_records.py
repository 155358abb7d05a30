"""Accession: idempotent, in any order; an edit adds a version and nothing rewrites the archive (promises 1 and 3)."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.contract import Page
from schema.item import Attachment, Item, Moment, Party
from schema.vocab import AddressKind, PartyRole
from tests.fixtures.city import Town
from tests.fixtures.replay import HOUR, NOON, post


def _texts(town: Town, record: str = "R1") -> list[str]:
    return [one["text"] for one in town.ok("record", "show", record, "--versions")["versions"]]


def test_a_second_collection_of_the_same_adds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted unchanged; no record, version, payload or key is added."""
    town = Town(tmp_path, monkeypatch)
    town.source("web", Page(items=tuple(post(f"n{n}", f"text {n}") for n in range(40))))
    assert town.collect("web")["new_records"] == 40
    tables = ("record", "version", "component", "retention_tag", "party", "record_party", "observation")
    counts = "SELECT " + ", ".join(f"(SELECT count(*) FROM {table})" for table in tables)
    payloads = "SELECT count(*) FROM payload WHERE owner_kind = 'record'"
    before = town.rows(counts), town.rows(payloads)
    receipt = town.collect("web")
    assert (receipt["seen"], receipt["unchanged"], receipt["new_records"], receipt["new_versions"]) == (40, 40, 0, 0)
    assert (town.rows(counts), town.rows(payloads)) == before


def test_the_order_of_items_makes_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same items in another order and in other pages are the same records, threads and parties."""
    items = [post(f"n{n}", f"text {n % 7}", thread_id=f"t{n % 3}") for n in range(30)]
    town = Town(tmp_path, monkeypatch)
    town.source("web", Page(items=tuple(items)))
    town.collect("web")
    shuffled = random.Random(5).sample(items, len(items))
    town.script("web", *(Page(items=tuple(shuffled[at : at + 4])) for at in range(0, 30, 4)))
    receipt = town.collect("web")
    assert (receipt["unchanged"], receipt["new_records"]) == (30, 0)
    assert town.rows("SELECT (SELECT count(*) FROM thread), (SELECT count(*) FROM party)") == [(3, 1)]


def test_one_item_twice_in_a_run_is_one_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing that shifts between pages hands an item over twice; an edited second one is a version."""
    town = Town(tmp_path, monkeypatch)
    town.source("web", Page(items=(post("a", "one"), post("a", "one"), post("a", "two"))))
    receipt = town.collect("web")
    assert (receipt["new_records"], receipt["unchanged"], receipt["new_versions"]) == (1, 1, 1)
    assert _texts(town) == ["one", "two"]


def test_an_edit_and_its_undoing_are_three_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without marks of the source, A, B, A seen on three nights is three states, each with its bytes and time."""
    town = Town(tmp_path, monkeypatch)
    town.source("web")
    outcomes = []
    for night, text in enumerate(("meeting at 7", "meeting at 8", "meeting at 7", "meeting at 7"), 10):
        town.at(f"2026-03-{night}T02:00:00-05:00")
        town.script("web", Page(items=(post("a", text),)))
        receipt = town.collect("web")
        outcomes.append((receipt["new_records"], receipt["new_versions"], receipt["unchanged"]))
    assert outcomes == [(1, 0, 0), (0, 1, 0), (0, 1, 0), (0, 0, 1)]
    assert _texts(town) == ["meeting at 7", "meeting at 8", "meeting at 7"]
    assert town.rows("SELECT kind FROM observation ORDER BY id") == [("edited",), ("edited",)]
    assert town.rows("SELECT versions FROM record") == [(3,)]


def test_a_history_with_marks_is_taken_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that marks its states may hand the whole history over each night: no version is doubled."""
    town = Town(tmp_path, monkeypatch)
    first, second = post("a", "one", version_id="v1"), post("a", "two", version_id="v2")
    back = post("a", "one", version_id="v3", edited=Moment(NOON + HOUR))
    town.source("wiki", Page(items=(first, second, back)))
    assert town.collect("wiki")["new_versions"] == 2
    town.script("wiki", Page(items=(back, first, second)))
    receipt = town.collect("wiki")
    assert (receipt["new_versions"], receipt["unchanged"]) == (0, 3)
    assert _texts(town) == ["one", "two", "one"]


@pytest.mark.parametrize(
    "change",
    [
        {"title": "now with a title"},
        {"sent": Moment(NOON + 1, offset_min=-360)},
        {"url": "https://city.example/moved"},
        {"attributes": (("poll_option", "yes"),)},
        {"attachments": (Attachment("a.txt", "text/plain", b"other"),)},
        {"parties": (Party(PartyRole.AUTHOR, "@clerk@city.example", AddressKind.HANDLE),)},
    ],
)
def test_whatever_a_reader_could_see_makes_a_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, object]
) -> None:
    """Title, time, address, further facts, files and parties are part of the content."""
    town = Town(tmp_path, monkeypatch)
    item = post("a", "text", attachments=(Attachment("a.txt", "text/plain", b"one"),))
    town.source("web", Page(items=(item,)))
    town.collect("web")
    town.script("web", Page(items=(replace(item, **change),)))  # type: ignore[arg-type]  # fields of Item
    assert town.collect("web")["new_versions"] == 1


@pytest.mark.parametrize(
    "change",
    [
        {"raw": b"like counter: 9"},
        {"thread_title": "renamed by someone else"},
        {"parties": (Party(PartyRole.AUTHOR, "@Works@city.example", AddressKind.HANDLE, "New Display Name"),)},
    ],
)
def test_counters_and_names_of_address_books_make_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, object]
) -> None:
    """Likes, request ids, display names and thread titles change without anyone editing the item."""
    town = Town(tmp_path, monkeypatch)
    item = post("a", "text")
    town.source("web", Page(items=(item,)))
    town.collect("web")
    town.script("web", Page(items=(replace(item, **change),)))  # type: ignore[arg-type]  # fields of Item
    receipt = town.collect("web")
    assert (receipt["new_versions"], receipt["unchanged"]) == (0, 1)


def test_the_newest_version_is_what_a_search_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an edit the old wording is no hit any more, the new one is, and the state says edited."""
    town = Town(tmp_path, monkeypatch)
    town.source("web", Page(items=(post("a", "zebra crossing"),)))
    town.collect("web")
    town.script("web", Page(items=(post("a", "giraffe crossing"),)))
    town.collect("web")
    assert town.ok("search", "zebra")["count"] == 0
    hits = town.ok("search", "giraffe is:edited")["hits"]
    assert [one["id"] for one in hits] == ["R1"]


def test_the_same_native_id_of_two_sources_is_two_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record is named by its source and the id there; three mailboxes keep three copies (decision 13)."""
    town = Town(tmp_path, monkeypatch)
    item: Item = post("1", "same words", message_id="<m@city.example>")
    for name in ("one", "two", "three"):
        town.source(name, Page(items=(item,)))
    said = town.run("collect", "--all", "--json")
    assert [one["new_records"] for one in said.data["captures"]] == [1, 1, 1]
    assert town.rows("SELECT count(*), count(DISTINCT message_key) FROM record") == [(3, 1)]
