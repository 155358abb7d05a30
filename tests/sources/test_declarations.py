"""Declarations: what they let through, from when, and who may approve them."""

from datetime import date
from pathlib import Path

import pytest

from archiver.clock import start_of_day
from connectors.contract import Page
from schema.vocab import Kind, Visibility
from tests.fixtures.city import Town
from tests.fixtures.replay import post, unreadable

POSTS = '{"kinds": ["post"]}'
MARCH = start_of_day(date(2026, 3, 1), "America/Chicago")
APRIL = start_of_day(date(2026, 4, 1), "America/Chicago")


def test_only_what_was_sent_within_the_declared_days_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first day's midnight in the city's zone to the end day's, exclusive; undated items stay out."""
    town = Town(tmp_path, monkeypatch, at="2026-05-10T12:00:00-05:00")
    number = town.declared(POSTS, since="2026-03-01", until="2026-04-01")
    items = (
        post("before", "zqbeforezq", at=MARCH - 1),
        post("first", "zqfirstzq", at=MARCH),
        post("last", "zqlastzq", at=APRIL - 1),
        post("after", "zqafterzq", at=APRIL),
        post("undated", "zqundatedzq", at=None),
    )
    town.source("pat", Page(items=items), options=("--declaration", str(number)))
    receipt = town.collect("pat")
    assert (receipt["seen"], receipt["new_records"], receipt["out_of_scope"]) == (5, 2, 3)
    assert town.files_with("zqfirstzq"), "the marker search must be able to find what is kept"
    assert town.files_with("zqlastzq")
    for marker in ("zqbeforezq", "zqafterzq", "zqundatedzq"):
        assert town.files_with(marker) == [], marker


def test_private_posts_stay_out_unless_the_rule_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Followers-only, direct and private posts of a declared account are not the city's business by themselves."""
    town = Town(tmp_path, monkeypatch)
    number = town.declared(POSTS)
    items = tuple(post(one.value, f"zq{one.value}zq", visibility=one) for one in Visibility)
    town.source("pat", Page(items=items), options=("--declaration", str(number)))
    assert town.collect("pat")["new_records"] == 3
    kept = {one for (one,) in town.rows("SELECT visibility FROM record")}
    assert kept == {"public", "unlisted", "unknown"}
    for one in (Visibility.FOLLOWERS, Visibility.DIRECT, Visibility.PRIVATE):
        assert town.files_with(f"zq{one.value}zq") == []


def test_an_unreadable_item_is_left_where_it_is_or_kept_raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a declared source only counted; from the city's own source kept with its raw bytes."""
    town = Town(tmp_path, monkeypatch)
    number = town.declared(POSTS)
    broken = unreadable(b"\x00zqbrokenzq")
    town.source("pat", Page(items=(broken,)), options=("--declaration", str(number)))
    town.source("web", Page(items=(broken,)))
    assert (receipt := town.collect("pat"))["unreadable"] == 1 and receipt["new_records"] == 0
    assert receipt["outcome"] == "warnings" and receipt["exit"] == 0
    assert town.rows("SELECT count(*) FROM record") == [(0,)]
    assert (receipt := town.collect("web"))["unreadable"] == 1 and receipt["new_records"] == 1
    assert town.run("record", "show", "R1", "--raw").raw == b"\x00zqbrokenzq"


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("{}", "a rule has any of"),
        ('{"words": []}', "at least one"),
        ('{"words": "snow"}', "list of texts"),
        ('{"kinds": ["sermon"]}', "unknown value"),
        ('{"colour": ["red"]}', "a rule has any of"),
        ('["post"]', "takes an object"),
        ("{", "not JSON"),
    ],
)
def test_a_rule_that_would_let_everything_through_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: str, problem: str
) -> None:
    """A scope is an allow-list: an empty or misspelled rule is a mistake, never "everything"."""
    town = Town(tmp_path, monkeypatch)
    town.ok("custodian", "add", "Pat Doe")
    town.ok("account", "add", "pats", "--platform", "feed", "--ownership", "merged", "--custodian", "Pat Doe")
    said = town.run(
        "declaration", "add", "--account", "pats", "--from", "2026-03-01", "--statement", "x", "--rule", rule
    )
    assert said.code == 2 and problem in said.err
    assert town.ok("declaration", "list")["declarations"] == []


def test_the_city_needs_no_declaration_and_days_must_run_forward(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A declaration of the city's own account, or one that ends before it begins, is a mistake."""
    town = Town(tmp_path, monkeypatch)
    town.ok("custodian", "add", "Pat Doe")
    town.ok("account", "add", "pats", "--platform", "feed", "--ownership", "merged", "--custodian", "Pat Doe")
    town.ok("account", "add", "ours", "--platform", "feed", "--ownership", "city")
    common = ("--statement", "x", "--kind", Kind.POST.value, "--from", "2026-03-01")
    assert town.run("declaration", "add", "--account", "ours", *common).code == 2
    assert town.run("declaration", "add", "--account", "pats", "--until", "2026-03-01", *common).code == 2
    assert town.run("declaration", "add", *common).code == 2
    assert town.run("declaration", "add", "--account", "nobody's", *common).code == 2


def test_who_declared_does_not_approve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even an administrator with the right password is refused for the own declaration."""
    town = Town(tmp_path, monkeypatch)
    me = town.ok("person", "list")["persons"][0]["login"]
    assert town.with_password("person", "passwd", me).code == 0
    town.ok("custodian", "add", "Pat Doe")
    town.ok("account", "add", "pats", "--platform", "feed", "--ownership", "merged", "--custodian", "Pat Doe")
    town.ok("declaration", "add", "--account", "pats", "--from", "2026-03-01", "--statement", "x", "--kind", "post")
    said = town.with_password("declaration", "approve", "1")
    assert said.code == 4 and "does not approve" in said.err
    assert town.ok("declaration", "list")["declarations"][0]["state"] == "pending"


def test_the_statement_is_sealed_and_looking_at_it_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the custodian wrote is in no file in the clear; `show` leaves an event in the log."""
    town = Town(tmp_path, monkeypatch)
    town.declared('{"words": ["zqsecretwordzq"]}')
    assert town.files_with("snow emergencies here") == [] and town.files_with("zqsecretwordzq") == []
    shown = town.ok("declaration", "show", "1")
    assert shown["statement"] == "I announce snow emergencies here."
    assert shown["rules"] == [{"words": ["zqsecretwordzq"]}]
    assert (shown["declared_by"] != shown["decided_by"]) and shown["decided_by"] == "Bea"
    assert town.rows("SELECT count(*) FROM audit_event WHERE act = 'declaration.view'") == [(1,)]
