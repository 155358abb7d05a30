"""Answers and approvals: retain always wins, two persons at least, the city's order, deputies, the cooling-off."""

from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from archiver.archive import ApprovalStep
from tests.fixtures.due_town import DueTown


def test_retain_takes_records_out_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before and after the approval, by record; "destroy" afterwards does not bring it back."""
    town = DueTown(tmp_path, monkeypatch)
    town.posts(4)
    town.ok("dispose", "propose", "short")
    answer = ("dispose", "answer", "D1")
    assert town.ok(*answer, "retain", "--records", "R2", "--reason", "zqneededzq")["records"] == 1
    assert town.ok(*answer, "destroy", "--all", "--reason", "done with")["records"] == 3
    assert town.run(*answer, "destroy", "--records", "R2", "--reason", "x").code == 4
    assert town.run(*answer, "destroy", "--records", "R9", "--reason", "x").code == 2
    assert town.approve().code == 0
    assert town.ok(*answer, "retain", "--records", "R3", "--reason", "a new case")["records"] == 1
    assert town.left() == {"R2": "retained", "R3": "retained"}
    town.at("2026-03-11T12:00:00-05:00")
    found = town.look()
    assert (found.count, found.leaving, found.refusals) == (2, {}, [])
    assert town.ok("dispose", "show", "D1")["answers"] == {"destroy": 2, "retain": 2, "none": 0}
    assert town.files_with("zqneededzq") == []


def test_an_answer_says_for_which_records_and_by_whom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly one of records, department, all; a reviewer may answer, an administrator alone may not."""
    town = DueTown(tmp_path, monkeypatch)
    town.posts(2)
    town.ok("dispose", "propose", "short")
    answer = ("dispose", "answer", "D1", "retain", "--reason", "x")
    assert town.run(*answer).code == 2
    assert town.run(*answer, "--all", "--records", "R1").code == 2
    assert town.run(*answer, "--department", "Parks").code == 2
    assert town.run("dispose", "answer", "D9", "retain", "--reason", "x", "--all").code == 2
    me = town.ok("person", "list")["persons"][0]["login"]
    for role in ("records_officer", "clerk"):
        town.ok("person", "role", me, role, "--end")
    assert town.run(*answer, "--all").code == 4
    town.ok("person", "role", me, "department_reviewer")
    assert town.ok(*answer, "--all")["records"] == 2
    assert town.run(*answer, "--all").code == 2


def test_a_department_answers_for_its_own_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the department of the custodian of the source's account; the others stay undecided."""
    town = DueTown(tmp_path, monkeypatch)
    town.ok("custodian", "add", "Pat Doe", "--kind", "employee", "--department", "Public Works")
    town.ok("account", "add", "pats", "--platform", "feed", "--ownership", "city", "--custodian", "Pat Doe")
    town.posts(2, source="works", options=("--account", "pats"))
    town.posts(3, source="hall")
    town.ok("dispose", "propose", "short")
    said = town.ok("dispose", "answer", "D1", "retain", "--department", "public works", "--reason", "x")
    assert said["records"] == 2
    assert town.ok("dispose", "show", "D1")["answers"] == {"destroy": 0, "retain": 2, "none": 3}
    assert town.ok("dispose", "answer", "D1", "destroy", "--department", "none", "--reason", "x")["records"] == 3


def test_where_departments_answer_nothing_is_approved_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal counts what is open; once each record has an answer the approval passes."""
    town = DueTown(tmp_path, monkeypatch)
    town.decide(departments_answer=True)
    town.posts(3)
    town.ok("dispose", "propose", "short")
    town.ok("dispose", "answer", "D1", "destroy", "--records", "R1", "--reason", "x")
    said = town.approve()
    assert said.code == 4 and "2 records of D1 have no answer yet" in said.err
    town.ok("dispose", "answer", "D1", "destroy", "--all", "--reason", "x")
    assert town.approve().code == 0


def test_who_proposes_never_approves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with the right password and role, and not past the commands either: the database refuses the row."""
    town = DueTown(tmp_path, monkeypatch)
    town.posts(1)
    town.ok("dispose", "propose", "short")
    me = town.ok("person", "list")["persons"][0]["login"]
    assert town.with_password("person", "passwd", me).code == 0
    said = town.approve("D1", me)
    assert said.code == 4 and "proposed D1, and who proposes never approves" in said.err, "said by us, before the guard"
    with pytest.raises(IntegrityError, match="who proposes never approves"):
        town.act(
            "INSERT INTO disposition_approval (disposition_id, step, person_id, as_deputy, list_digest, approved_at) "
            "VALUES (1, 1, 1, FALSE, x'00', 1)"
        )
    assert town.ok("dispose", "show", "D1")["state"] == "proposed"


def test_an_approval_needs_the_own_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong one is refused and logged, an unknown login too."""
    town = DueTown(tmp_path, monkeypatch)
    town.posts(1)
    town.ok("dispose", "propose", "short")
    wrong = town.with_password("dispose", "approve", "D1", "--login", "bea", password="not hers at all")
    assert wrong.code == 4 and town.approve("D1", "nobody").code == 4
    assert town.rows("SELECT count(*) FROM audit_event WHERE act = 'password.wrong'") == [(1,)]
    assert town.rows("SELECT count(*) FROM disposition_approval") == [(0,)]


def test_steps_come_in_the_city_s_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """First the attorney, then cy, or di as his deputy; each another person; only the last one approves."""
    town = DueTown(tmp_path, monkeypatch)
    town.approvers(ApprovalStep("attorney"), ApprovalStep("", ("cy", "di")))
    town.person("ann", "attorney")
    town.person("di", "attorney")
    town.person("cy", "clerk")
    town.posts(2)
    town.ok("dispose", "propose", "short")
    early = town.approve("D1", "cy")
    assert early.code == 4 and "has the role attorney" in early.err
    assert town.approve("D1", "bea").code == 4
    first = town.approve("D1", "ann", "--json")
    assert (first.data["step"], first.data["of"], first.data["state"]) == (1, 2, "proposed")
    assert first.data["executable_on"] is None
    again = town.approve("D1", "ann")
    assert again.code == 4 and "approved D1 already" in again.err
    assert town.refusals() == ["D1 is proposed, not approved"]
    stranger = town.approve("D1", "bea")
    assert stranger.code == 4 and "this step is for cy or di, not for Bea" in stranger.err
    second = town.approve("D1", "di", "--json")
    assert second.data["state"] == "approved" and second.data["executable_on"] == "2026-03-11"
    steps = town.ok("dispose", "show", "D1")["approvals"]
    assert [(one["person"], one["as_deputy"]) for one in steps] == [("Ann", False), ("Di", True)]
    assert town.approve("D1", "cy").code == 4


def test_one_person_is_not_two_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may sign two steps signs one of them; a city that names nobody approves nothing."""
    town = DueTown(tmp_path, monkeypatch)
    town.approvers(ApprovalStep("administrator"), ApprovalStep("administrator"))
    town.posts(1)
    town.ok("dispose", "propose", "short")
    assert town.approve().code == 0 and town.approve().code == 4
    town.approvers()
    said = town.approve()
    assert said.code == 4 and "named nobody" in said.err


def test_the_council_s_resolution_is_asked_for_at_the_last_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it the step fails and nothing is kept; given earlier it counts."""
    town = DueTown(tmp_path, monkeypatch)
    town.decide(resolution_needed=True)
    town.posts(1)
    town.ok("dispose", "propose", "short")
    assert town.approve().code == 2 and town.rows("SELECT count(*) FROM disposition_approval") == [(0,)]
    assert town.approve("D1", "bea", "--resolution", "x" * 121).code == 2
    assert town.approve("D1", "bea", "--resolution", "2026-17").code == 0
    assert town.ok("dispose", "show", "D1")["resolution"] == "2026-17"


@pytest.mark.parametrize(("days", "on"), [(0, "2026-03-10"), (1, "2026-03-11"), (30, "2026-04-09")])
def test_the_cooling_off_ends_on_its_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, on: str) -> None:
    """Executable from that day of the city on; until then look says when."""
    town = DueTown(tmp_path, monkeypatch)
    town.decide(cooling_off_days=days)
    town.posts(1)
    town.approved()
    assert town.ok("dispose", "show", "D1")["executable_on"] == on
    expected = [] if days == 0 else [f"the cooling-off of D1 ends on {on}"]
    assert town.refusals() == expected
    if days == 1:
        town.at("2026-03-11T00:00:01-05:00")
        assert town.refusals() == []


def test_the_list_is_frozen_but_records_may_leave_between_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each approval keeps the digest that it saw; what leaves in between changes it, what is added is refused."""
    town = DueTown(tmp_path, monkeypatch)
    town.approvers(ApprovalStep("administrator"), ApprovalStep("attorney"))
    town.person("ann", "attorney")
    town.posts(3)
    town.ok("dispose", "propose", "short")
    town.ok("dispose", "answer", "D1", "retain", "--records", "R1", "--reason", "x")
    assert town.approve().code == 0
    town.ok("dispose", "answer", "D1", "retain", "--records", "R2", "--reason", "x")
    town.posts(1, source="more")
    town.unguarded(
        "INSERT INTO disposition_record (disposition_id, record_id, due_on, changed_at) VALUES (1, 4, NULL, 1)"
    )
    said = town.approve("D1", "ann")
    assert said.code == 4 and "not the one that was proposed or approved" in said.err
    town.unguarded("UPDATE disposition_record SET left_at = 1, left_why = 'not_due' WHERE record_id = 4")
    assert town.approve("D1", "ann").code == 0
    digests = [one["list"] for one in town.ok("dispose", "show", "D1")["approvals"]]
    assert len(set(digests)) == 2


def test_an_emptied_or_rescheduled_proposal_is_not_approved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where everything was retained, or the series changed meanwhile, it is to be withdrawn."""
    town = DueTown(tmp_path, monkeypatch)
    town.posts(1)
    town.ok("dispose", "propose", "short")
    town.act("UPDATE series SET number = 2 WHERE key = 'short'")
    said = town.approve()
    assert said.code == 4 and "was changed since it was proposed" in said.err
    town.ok("dispose", "answer", "D1", "retain", "--all", "--reason", "x")
    said = town.approve()
    assert said.code == 4 and "every record has left" in said.err
