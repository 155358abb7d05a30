"""The commands of deciding: what they print for people and for scripts, and their exit codes."""

from pathlib import Path

import pytest

from tests.fixtures.due_town import DueTown


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DueTown:
    """A city with three due records."""
    made = DueTown(tmp_path, monkeypatch)
    made.posts(3)
    return made


def test_every_object_names_its_schema(town: DueTown) -> None:
    """The first field of each answer, in the order of the records officer's walk."""
    schemas = [
        town.ok("dispose", "due")["schema"],
        town.ok("dispose", "propose", "short")["schema"],
        town.ok("dispose", "list")["schema"],
        town.ok("dispose", "show", "D1", "--records")["schema"],
        town.ok("dispose", "answer", "D1", "destroy", "--all", "--reason", "x")["schema"],
        town.approve("D1", "bea", "--json").data["schema"],
        town.ok("dispose", "withdraw", "D1", "--reason", "x")["schema"],
        town.ok("dispose", "halt", "--reason", "x")["schema"],
        town.ok("dispose", "report", "--year", "2026")["schema"],
    ]
    assert schemas == [
        "dispose-due/1", "disposition/1", "dispositions/1", "disposition/1", "disposition-answer/1",
        "disposition-approval/1", "disposition/1", "dispose-halt/1", "disposition-report/1",
    ]  # fmt: skip


def test_people_read_sentences(town: DueTown) -> None:
    """Without --json each command says in a sentence what is now so."""
    town.ok("hold", "place", "--kind", "audit", "--matter", "x", "--reason", "x", "--records", "R1")
    assert "short" in town.run("dispose", "due").out
    proposed = town.run("dispose", "propose", "short")
    assert proposed.out == "D1 proposes 2 records.\n" and "Not taken up: 1 held." in proposed.err
    assert "2 records of D1: destroy." in town.run("dispose", "answer", "D1", "destroy", "--all", "--reason", "x").out
    assert "D1 is approved; it can be executed from 2026-03-11." in town.approve().out
    town.ok("request", "open", "--summary", "x")
    assert "(H2)" in town.run("dispose", "show", "D1").out
    assert "no longer stops D1" in town.run("dispose", "clear", "D1", "--hold", "H2", "--reason", "x").out
    listed = town.run("dispose", "show", "D1", "--records").out
    assert "cleared: H2" in listed and "R2\t" in listed and "R1\theld\tH1" in listed
    assert "D1\tdestroy\tapproved" in town.run("dispose", "list").out
    assert "halted by H3" in town.run("dispose", "halt", "--reason", "x").out
    assert "executed again" in town.run("dispose", "halt", "--end", "--reason", "x").out
    assert "D1 is withdrawn" in town.run("dispose", "withdraw", "D1", "--reason", "x").out
    assert "D2 proposes" in town.run("dispose", "propose", "short").out
    assert "held" in town.run("dispose", "report", "--year", "2026").out


@pytest.mark.parametrize(
    "arguments",
    [
        ("propose", "nothing"),
        ("show", "D9"),
        ("show", "x"),
        ("answer", "D1", "perhaps", "--all", "--reason", "x"),
        ("answer", "D1", "retain", "--all"),
        ("clear", "D1", "--hold", "x", "--reason", "x"),
        ("withdraw", "D9", "--reason", "x"),
        ("due", "--series", "nothing"),
        ("report", "--year", "x"),
    ],
)
def test_mistyped_commands_say_so(town: DueTown, arguments: tuple[str, ...]) -> None:
    """Exit 2, one line, no traceback, nothing changed."""
    town.ok("dispose", "propose", "short")
    said = town.run("dispose", *arguments)
    assert said.code == 2 and "Traceback" not in said.err
    assert town.rows("SELECT state FROM disposition") == [("proposed",)]


def test_acts_are_logged_with_who_did_them(town: DueTown) -> None:
    """Each act is an event of its disposition with its person; words are not among the facts."""
    town.ok("dispose", "propose", "short", "--reason", "zqonezq")
    town.ok("dispose", "answer", "D1", "retain", "--records", "R1", "--reason", "zqtwozq")
    assert town.approve().code == 0
    town.ok("dispose", "withdraw", "D1", "--reason", "zqthreezq")
    acts = town.rows(
        "SELECT act, actor_id IS NOT NULL, facts FROM audit_event WHERE object_kind = 'disposition' ORDER BY id"
    )
    assert [(act, bool(known)) for act, known, _facts in acts] == [
        ("dispose.propose", True), ("dispose.answer", True), ("dispose.approve", True), ("dispose.withdraw", True),
    ]  # fmt: skip
    assert not any("zq" in facts for _act, _known, facts in acts)
    for word in ("zqonezq", "zqtwozq", "zqthreezq"):
        assert town.files_with(word) == []
    assert town.run("audit", "verify").code == 0
