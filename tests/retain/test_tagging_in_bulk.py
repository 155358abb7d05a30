"""Many records in one act: by a person, by the rules now in force, and the duplicates of an official copy."""

from pathlib import Path
from typing import Any

import pytest

from archiver.access import current_actor
from archiver.retain.tagging_rules import apply_rules
from archiver.retain.tags import Tagger
from connectors.contract import Page
from schema.vocab import Kind
from tests.fixtures.city import Town
from tests.fixtures.replay import post
from tests.fixtures.series import add_series, put_in_force, tagged

REASON = ("--reason", "as the file says")


def _town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    town = Town(tmp_path, monkeypatch)
    town.second_administrator()
    for key, years in (("short", 1), ("middle", 3), ("long", 6)):
        add_series(town, key, years)
    return town


def _series(town: Town) -> list[str]:
    return [series for series, _trigger_on, _due_on in tagged(town).values()]


def test_many_records_get_a_series_in_one_act(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All records of a search or of a list, with one event in the log, and all of them to be indexed anew."""
    town = _town(tmp_path, monkeypatch)
    town.source("web", Page(items=tuple(post(f"n{one}", "plow" if one % 2 else "salt") for one in range(6))))
    town.collect("web")
    told = town.ok("tag", "set", "--query", "plow", "long", *REASON)
    assert (told["series"], told["records"], told["shortened"]) == ("long", 3, 0)
    assert town.ok("tag", "set", "R1,R3", "R5", "short", *REASON)["records"] == 3
    assert _series(town) == ["short", "long"] * 3
    assert town.rows("SELECT count(*) FROM audit_event WHERE act = 'tag.set'") == [(2,)]
    town.script("web", Page())
    town.collect("web")
    assert town.ok("search", "series:long")["count"] == 3
    assert town.run("tag", "set", "long", *REASON).code == 2
    assert town.run("tag", "set", "R1", "--query", "plow", "long", *REASON).code == 2
    assert town.run("tag", "set", "--query", "nosuchword", "long", *REASON).code == 2


def test_one_record_that_would_be_shortened_stops_the_whole_act(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused with the record's name, and nothing changes; with a second person all change, that one saying so."""
    town = _town(tmp_path, monkeypatch)
    town.source("web", Page(items=tuple(post(f"n{one}", "x") for one in range(3))))
    town.collect("web")
    town.ok("tag", "set", "R2", "long", *REASON)
    before = tagged(town)
    said = town.run("tag", "set", "R1,R2,R3", "short", *REASON)
    assert said.code == 4 and "R2 would be due on 2027-03-04 instead of 2032-03-04" in said.err
    assert tagged(town) == before
    assert (
        town.with_password("tag", "set", "R1,R2", "short", *REASON, "--approve-login", "bea", password="x" * 12).code
        == 4
    )
    assert town.with_password("tag", "set", "R1,R2,R3", "short", *REASON, "--approve-login", "bea").code == 0
    assert _series(town) == ["short"] * 3
    current = "SELECT second_person_id IS NOT NULL FROM retention_tag WHERE ended_at IS NULL ORDER BY record_id"
    assert [bool(one) for (one,) in town.rows(current)] == [False, True, False]
    assert "Bea approved the shorter one" in town.run("tag", "explain", "R2").out


def test_a_series_that_waits_for_confirmation_is_no_way_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gives no date yet, but once confirmed it would give an earlier one: that takes a second person too."""
    town = _town(tmp_path, monkeypatch)
    add_series(town, "unsure", 1, verified=False)
    add_series(town, "ample", 20, verified=False)
    town.source("web", Page(items=(post("a", "x"),)))
    town.collect("web")
    town.ok("tag", "set", "R1", "long", *REASON)
    assert town.run("tag", "set", "R1", "unsure", *REASON).code == 4
    town.ok("tag", "set", "R1", "ample", *REASON)


RULES = """
[[rule]]
words = ["permit"]
series = "long"

[[rule]]
platform = "feed"
series = "{rest}"
"""


def test_new_rules_are_applied_to_what_rules_tagged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records of earlier rules or of none change, a person's decision stays, and so does what would be shortened."""
    town = _town(tmp_path, monkeypatch)
    town.source("web", Page(items=(post("a", "a permit"), post("b", "b"), post("c", "c"))))
    town.collect("web")
    put_in_force(town, '[[rule]]\nkind = "post"\nseries = "middle"\n')
    town.script("web", Page(items=(post("d", "the permits"), post("e", "e"), post("a", "a, edited"))))
    town.collect("web")
    town.ok("tag", "set", "R3", "long", *REASON)
    assert _series(town) == ["unscheduled", "unscheduled", "long", "middle", "middle"]
    put_in_force(town, RULES.format(rest="short"))
    before = tagged(town)
    told = town.ok("tag", "apply", "--all", "--dry-run")
    expected = {"long": 2, "short": 1}
    assert (told["records"], told["series"], told["left"], told["changed"]) == (5, expected, 1, 3)
    assert told["named"] == ["R5 would be due on 2027-03-04 instead of 2029-03-04"]
    assert tagged(town) == before, "a dry run changes nothing"
    told = town.ok("tag", "apply", "--all")
    assert (told["series"], told["left"], told["last"]) == (expected, 1, "R5")
    assert _series(town) == ["long", "short", "long", "long", "middle"], "the first version of R1 counts"
    assert town.ok("tag", "apply", "--all")["changed"] == 0, "run again, it finds nothing more to do"
    said = town.with_password("tag", "apply", "--query", "e", "--approve-login", "bea", "--json")
    assert said.data["series"] == {"short": 1} and _series(town)[4] == "short"
    assert town.run("tag", "apply").code == 2 and town.run("tag", "apply", "--all", "--query", "e").code == 2


def test_applying_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch is durable by itself; begun anew or behind the last record, it ends the same."""
    monkeypatch.setattr("archiver.retain.tagging_rules.CHUNK", 4)
    town = _town(tmp_path, monkeypatch)
    town.source("web", Page(items=tuple(post(f"n{one}", "x") for one in range(10))))
    town.collect("web")
    put_in_force(town, RULES.format(rest="middle"))
    with town.opened() as archive:
        with archive.reading() as session:
            actor = current_actor(session)
        first = next(apply_rules(archive, actor, None))
        assert (first.done, first.total, first.last) == (4, 10, 4)
        assert _series(town) == ["middle"] * 4 + ["unscheduled"] * 6
        (*_, last) = apply_rules(archive, actor, None, after=4)
        assert (last.done, last.total, last.changed) == (6, 6, {"middle": 6})
        (*_, again) = apply_rules(archive, actor, list(range(1, 11)))
        assert (again.done, again.changed) == (10, {})
    assert _series(town) == ["middle"] * 10


def test_rules_ask_for_role_department_body_and_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Capstone rule by title, by seat on a body on the record's day, by department; a thread by id or title words."""
    town = _town(tmp_path, monkeypatch)
    for key in ("role", "seat", "office", "talk"):
        add_series(town, key, 2)
    people = {"May": ("--title", "Mayor"), "Sam": (), "Doe": ("--department", "Public Works"), "Old": ()}
    town.ok("body", "add", "Council", "--majority", "3")
    for name, options in people.items():
        town.ok("custodian", "add", name, *options)
        town.ok("account", "add", name.lower(), "--platform", "feed", "--ownership", "city", "--custodian", name)
    town.ok("body", "member", "Council", "Sam", "--since", "2026-01-01")
    town.ok("body", "member", "Council", "Old", "--since", "2020-01-01", "--until", "2026-01-01")
    put_in_force(
        town,
        '[[rule]]\nthread = ["T-9", "snow emergencies"]\nseries = "talk"\n'
        '[[rule]]\ncustodian_title = ["mayor", "city administrator"]\nseries = "role"\n'
        '[[rule]]\nbody = "council"\nseries = "seat"\n'
        '[[rule]]\ndepartment = "public works"\nseries = "office"\n',
    )
    for name in people:
        town.source(name, Page(items=(post(f"of {name}", "x"),)), options=("--account", name.lower()))
        town.collect(name)
    assert _series(town) == ["role", "seat", "office", "unscheduled"]
    threads = (
        post("1", "x", thread_id="T-9"),
        post("2", "x", thread_id="T-8", thread_title="Re: Snow Emergency, February"),
        post("3", "x", thread_id="T-7", thread_title="Snow"),
    )
    town.script("Old", Page(items=threads))
    town.collect("Old")
    town.ok("tag", "apply", "--all")
    assert _series(town)[4:] == ["talk", "talk", "unscheduled"]


def test_a_new_record_is_tagged_with_all_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given row and content, the tagger knows thread and custodian by itself; without a fact no rule on it fits."""
    town = _town(tmp_path, monkeypatch)
    put_in_force(town, '[[rule]]\nthread = "T-9"\nkind = "post"\nseries = "long"\n')
    town.source("web")
    row = {"source_id": 1, "kind": "post", "direction": "sent", "visibility": "public", "sent_at": None}
    with town.opened() as archive, archive.reading() as session:
        tagger = Tagger(session, archive.city)
        assert tagger.tag(1, row, {"thread_id": "T-9", "text": "x"}, 0)[1] == "long"
        assert tagger.tag(1, row, {"thread_id": "t-9"}, 0)[1] == "unscheduled"


def test_words_of_one_value_are_a_phrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`snow emergency` means both words in this order by stem; two values are alternatives."""
    town = _town(tmp_path, monkeypatch)
    put_in_force(town, '[[rule]]\nwords = ["snow emergency", "variance"]\nseries = "long"\n')
    texts = ("Snow Emergencies declared", "an emergency: snow", "snow", "two variances", "snow (emergency)")
    town.source("web", Page(items=tuple(post(f"n{one}", text) for one, text in enumerate(texts))))
    town.collect("web")
    assert _series(town) == ["long", "unscheduled", "unscheduled", "long", "long"]


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ('kind = "e-mail"', "kind is never 'e-mail'"),
        ("words = []", "words has no value"),
        ('words = ["..."]', "no word"),
        ('platform = "feed"\ncustodian_kind = "mayor"', "custodian_kind is never"),
    ],
)
def test_a_rule_that_would_fit_by_mistake_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: str, problem: str
) -> None:
    """A misspelt value would fit nothing and an empty list everything: both are told instead."""
    town = _town(tmp_path, monkeypatch)
    file = tmp_path / "bad.toml"
    file.write_text(f'[[rule]]\n{rule}\nseries = "long"\n')
    said = town.run("schedule", "import", str(file))
    assert said.code == 2 and problem in said.err and "rule 1" in said.err


def _copies(town: Town) -> None:
    """R1 to R3 are one mail in three mailboxes, R4 the same post as R5, R6 alone."""
    mail: dict[str, Any] = {"kind": Kind.EMAIL, "message_id": "<1@city.example>"}
    for name in ("one", "two", "three"):
        town.source(name, Page(items=(post("m", f"read in {name}", **mail),)))
        town.collect(name)
    for name in ("four", "five"):
        town.source(name, Page(items=(post("p", "same words"),)))
        town.collect(name)
    town.source("six", Page(items=(post("q", "other words"),)))
    town.collect("six")


def test_the_official_copy_among_duplicates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies are found by Message-ID and by content; the duplicates' shorter series takes a second person."""
    town = _town(tmp_path, monkeypatch)
    put_in_force(town, '[[rule]]\nplatform = "feed"\nseries = "middle"\n')
    _copies(town)
    found = town.ok("tag", "duplicates", "R2")["duplicates"]
    assert [(one["record"], one["same"], one["official"]) for one in found] == [
        ("R1", "message id", None),
        ("R3", "message id", None),
    ]
    found = town.ok("tag", "duplicates", "R5")["duplicates"]
    assert [(one["record"], one["same"]) for one in found] == [("R4", "content")]
    assert town.run("tag", "official", "R6", *REASON).code == 2, "nothing is the same as R6"
    named = ("tag", "official", "R2", "--series", "short", *REASON)
    assert town.run(*named).code == 4
    assert town.rows("SELECT count(*) FROM official_copy") == [(0,)], "refused as a whole"
    said = town.with_password(*named, "--approve-login", "bea", "--json")
    assert said.data["duplicates"] == ["R1", "R3"]
    assert _series(town) == ["short", "middle", "short", "middle", "middle", "middle"]
    assert town.ok("tag", "explain", "R1")["official"] == "R2"
    assert town.ok("tag", "explain", "R2")["duplicates"] == ["R1", "R3"]
    assert "the official copy is R2" in town.run("tag", "explain", "R1").out


def test_another_official_copy_takes_over_the_duplicates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No record is at once official and a duplicate, and none points to a duplicate."""
    town = _town(tmp_path, monkeypatch)
    _copies(town)
    town.ok("tag", "official", "R1", *REASON)
    town.ok("tag", "official", "R3", "--duplicates", "R1", *REASON)
    assert town.rows("SELECT record_id, official_id FROM official_copy ORDER BY record_id") == [(1, 3), (2, 3)]
    town.ok("tag", "official", "R1", "--duplicates", "R3,R6", *REASON)
    rows = town.rows("SELECT record_id, official_id FROM official_copy ORDER BY record_id")
    assert rows == [(2, 1), (3, 1), (6, 1)]
    assert town.ok("tag", "duplicates", "R1")["duplicates"][-1]["same"] == "named by a person"
    assert town.run("tag", "official", "R1", "--duplicates", "R1", *REASON).code == 2
    assert town.run("tag", "official", "R1", "--duplicates", "R99", *REASON).code == 2


def test_a_thread_kept_together_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the series keeps threads, the explanation counts its records and says when the last is due."""
    town = _town(tmp_path, monkeypatch)
    town.act("UPDATE series SET keep_threads = TRUE WHERE key = 'long'")
    later = post("b", "x", thread_id="t", at=1_775_000_000_000)
    town.source("web", Page(items=(post("a", "x", thread_id="t"), later, post("c", "x"))))
    town.collect("web")
    town.ok("tag", "set", "R1,R2,R3", "long", *REASON)
    thread = town.ok("tag", "explain", "R1")["thread"]
    assert (thread["records"], thread["date"]) == (2, tagged(town)[2][2])
    assert "Kept together with its thread: 2 records" in town.run("tag", "explain", "R2").out
    assert town.ok("tag", "explain", "R3")["thread"] is None
