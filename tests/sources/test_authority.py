"""Authority: what may be collected is decided before anything is read (design promise 2)."""

from pathlib import Path

import pytest

from connectors.contract import Page
from tests.fixtures.city import Town
from tests.fixtures.replay import CURSORS, DAY, NOON, post

POSTS = '{"kinds": ["post"]}'


def _personal(town: Town, ownership: str) -> None:
    town.ok("custodian", "add", "Pat Doe", "--kind", "elected")
    town.ok("account", "add", "pats", "--platform", "feed", "--ownership", ownership, "--custodian", "Pat Doe")


def test_a_city_phone_is_collected_without_a_declaration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The city's own device needs no declaration: everything on it is collected, private messages too."""
    town = Town(tmp_path, monkeypatch)
    town.ok("device", "add", "works-phone", "--kind", "phone", "--ownership", "city")
    town.source("phone", Page(items=(post("a", "valve closed"),)), options=("--device", "works-phone"))
    receipt = town.collect("phone")
    assert (receipt["exit"], receipt["outcome"], receipt["new_records"]) == (0, "ok", 1)


@pytest.mark.parametrize("ownership", ["personal", "merged"])
def test_a_personal_account_without_a_declaration_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ownership: str
) -> None:
    """Nothing is read, nothing is written, in no file, and the exit code says that it was refused."""
    town = Town(tmp_path, monkeypatch)
    _personal(town, ownership)
    town.source("pat", Page(items=(post("a", "zqfamilyzq dinner"),)), options=("--account", "pats"))
    said = town.run("collect", "pat", "--json")
    assert said.code == 4
    capture = said.data["captures"][0]
    assert capture["outcome"] == "refused" and capture["error"]["code"] == "refused"
    assert "declaration add" in capture["error"]["hint"]
    assert CURSORS == {}, "the connector was asked although nobody may"
    assert town.files_with("zqfamilyzq") == []
    assert town.rows("SELECT count(*) FROM record") == [(0,)]


def test_a_pending_declaration_lets_nothing_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Declaring is not enough: until an administrator approves it, collection is refused."""
    town = Town(tmp_path, monkeypatch)
    _personal(town, "merged")
    said = ("--statement", "city posts", "--kind", "post", "--from", "2026-03-01")
    number = town.ok("declaration", "add", "--account", "pats", *said)["id"]
    town.source("pat", Page(items=(post("a", "hello"),)), options=("--declaration", str(number)))
    receipt = town.collect("pat")
    assert receipt["exit"] == 4 and "pending" in receipt["error"]["message"]
    town.second_administrator()
    assert town.with_password("declaration", "approve", str(number), "--as", "bea").code == 0
    assert town.collect("pat")["new_records"] == 1


def test_a_withdrawn_declaration_ends_collection_and_keeps_the_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the withdrawal nothing more is read; what was collected under it stays."""
    town = Town(tmp_path, monkeypatch)
    number = town.declared(POSTS)
    town.source("pat", Page(items=(post("a", "plows are out"),)), options=("--declaration", str(number)))
    assert town.collect("pat")["new_records"] == 1
    town.ok("declaration", "withdraw", str(number), "--reason", "left office")
    town.script("pat", Page(items=(post("b", "after office"),)))
    assert town.collect("pat")["exit"] == 4
    assert town.rows("SELECT count(*) FROM record") == [(1,)]


def test_a_declaration_that_begins_later_is_refused_until_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first day counts in the city's time zone: refused the evening before, collected on the day."""
    town = Town(tmp_path, monkeypatch, at="2026-03-31T23:30:00-05:00")
    number = town.declared(POSTS, since="2026-04-01")
    item = post("a", "from April on", at=NOON + 29 * DAY)
    town.source("pat", Page(items=(item,)), options=("--declaration", str(number)))
    assert town.collect("pat")["exit"] == 4
    town.at("2026-04-01T00:30:00-05:00")
    assert town.collect("pat")["new_records"] == 1


def test_one_refused_source_does_not_stop_the_city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two sources one is refused and one is read: partial, exit 3."""
    town = Town(tmp_path, monkeypatch)
    _personal(town, "personal")
    town.source("pat", Page(items=(post("a"),)), options=("--account", "pats"))
    town.source("web", Page(items=(post("a", "open house"),)))
    said = town.run("collect", "--all", "--json")
    assert said.code == 3 and said.data["outcome"] == "partial"
    assert {one["source"]: one["outcome"] for one in said.data["captures"]} == {"pat": "refused", "web": "ok"}
