"""Classification rules: in order, the first whose every condition holds; words by stem."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.retain.rules import Rule, first_fit
from connectors.contract import Page
from schema.vocab import Kind
from tests.fixtures.city import Town
from tests.fixtures.replay import post

EDITION = "mn-cities-2021-03"
RULES = """
[[rule]]
kind = ["message", "call"]
words = ["permit"]
series = "correspondence-historical"
reason = "permits are kept"

[[rule]]
kind = "message"
series = "correspondence-messages-transitory"

[[rule]]
platform = "feed"
source = ["web", "blog"]
series = "correspondence-general"
"""


def _town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rules: str = RULES) -> Town:
    town = Town(tmp_path, monkeypatch)
    town.ok("schedule", "adopt", EDITION, "--on", "2026-01-05")
    file = tmp_path / "rules.toml"
    file.write_text(rules)
    assert town.ok("schedule", "import", str(file))["rules"] == rules.count("[[rule]]")
    return town


def _series(town: Town) -> dict[int, str]:
    rows = town.rows(
        "SELECT t.record_id, s.key FROM retention_tag t JOIN series s ON s.id = t.series_id WHERE t.ended_at IS NULL"
    )
    return {record: key.partition(":")[2] or key for record, key in rows}


def test_the_first_rule_that_fits_names_the_series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Conditions of one rule are all needed, values of one condition are alternatives, words match by stem."""
    town = _town(tmp_path, monkeypatch)
    items = (
        post("1", "the Permits were issued", kind=Kind.MESSAGE),
        post("2", "see you at noon", kind=Kind.MESSAGE),
        post("3", "a permit", kind=Kind.POST),
        post("4", "", title="Permit 12", kind=Kind.CALL),
    )
    town.source("web", Page(items=items))
    town.source("other", Page(items=(post("5", "nothing fits"),)))
    town.run("collect", "other")
    town.run("collect", "web")
    assert _series(town) == {
        1: "unscheduled",
        2: "correspondence-historical",
        3: "correspondence-messages-transitory",
        4: "correspondence-general",
        5: "correspondence-historical",
    }
    tag = town.ok("tag", "explain", "R2")
    assert tag["rule"]["position"] == 1 and tag["rule"]["reason"] == "permits are kept" and tag["reason"] == "rule"
    assert town.ok("tag", "explain", "R1")["reason"] == "no rule fits"


def test_new_rules_leave_existing_tags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An import ends the rules before it; what they tagged stays, what comes later follows the new ones."""
    town = _town(tmp_path, monkeypatch)
    town.source("web", Page(items=(post("1", "x"),)))
    town.collect("web")
    file = tmp_path / "newer.toml"
    file.write_text('[[rule]]\nsource = "WEB"\nseries = "correspondence-historical"\n')
    town.ok("schedule", "import", str(file))
    town.script("web", Page(items=(post("1", "x edited"), post("2", "y"))))
    town.collect("web")
    assert _series(town) == {1: "correspondence-general", 2: "correspondence-historical"}


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ('[[rule]]\nkind = "post"\n', "rule 1"),
        ('[[rule]]\nseries = "unscheduled"\n', "rule 1"),
        ('[[rule]]\nkind = "post"\nseries = "unscheduled"\n[[rule]]\ncolour = "red"\nseries = "unscheduled"', "rule 2"),
        ('[[rule]]\nkind = "post"\nseries = "no-such-series"', "no-such-series"),
        ("[[rule", "cannot be read"),
    ],
)
def test_a_mistake_in_the_file_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rules: str, problem: str
) -> None:
    """The rule that is wrong is named, and the rules before stay in force."""
    town = _town(tmp_path, monkeypatch)
    file = tmp_path / "bad.toml"
    file.write_text(rules)
    said = town.run("schedule", "import", str(file))
    assert said.code == 2 and problem in said.err
    assert town.rows("SELECT count(*) FROM classification_rule WHERE ended_at IS NULL") == [(3,)]
    assert town.run("schedule", "import", str(tmp_path / "none.toml")).code == 2


_VALUES = st.frozensets(st.sampled_from(("a", "b", "c")), min_size=1, max_size=2)
_RULE = st.builds(
    lambda conditions, stems: Rule(0, 0, 0, conditions, stems),
    st.dictionaries(st.sampled_from(("kind", "source", "platform")), _VALUES),
    st.frozensets(st.sampled_from(("snow", "plow")), max_size=2),
)
_FACTS = st.fixed_dictionaries({name: st.sampled_from(("a", "B", "c", "")) for name in ("kind", "source", "platform")})


@given(st.lists(_RULE, max_size=5), _FACTS, st.lists(st.sampled_from(("Snow", "plows", "cake")), max_size=3))
def test_no_earlier_rule_fits_than_the_one_that_was_chosen(
    rules: list[Rule], facts: dict[str, str], words: list[str]
) -> None:
    """Against a second writing: every condition allows the value, and a stem occurs where stems are asked."""
    stems = {"Snow": "snow", "plows": "plow", "cake": "cake"}
    fits = [
        all(facts[name].casefold() in allowed for name, allowed in rule.conditions.items())
        and (not rule.stems or any(stems[word] in rule.stems for word in words))
        for rule in rules
    ]
    expected = rules[fits.index(True)] if True in fits else None
    assert first_fit(rules, facts, " ".join(words)) is expected
