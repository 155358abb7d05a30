"""Notices of holds: who gets one, what it says, what is answered for each device and account, who has not answered."""

from pathlib import Path

import pytest

from connectors.contract import Page
from tests.fixtures.city import Town
from tests.fixtures.holding import PLACE
from tests.fixtures.replay import post


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """Pat has a city phone, an old one, and a city account that is collected; Kim has an account that is not held."""
    town = Town(tmp_path, monkeypatch)
    for name in ("Pat Doe", "Kim Roe"):
        town.ok("custodian", "add", name, "--kind", "elected")
    for name in ("pats phone", "old phone"):
        town.ok("device", "add", name, "--kind", "phone", "--ownership", "city", "--custodian", "Pat Doe")
    for name, who in (("pats", "Pat Doe"), ("kims", "Kim Roe")):
        town.ok("account", "add", name, "--platform", "feed", "--ownership", "city", "--custodian", who)
    town.act("UPDATE device SET ended_at = 1 WHERE name = 'old phone'")
    town.source("web", Page(items=(post("a", "plow"),)), options=("--account", "pats"))
    town.source("other", Page(items=(post("b", "parade"),)), options=("--account", "kims"))
    town.source("site", Page(items=(post("c", "nobodys plow"),)))
    for name in ("web", "other", "site"):
        town.collect(name)
    town.ok(*PLACE, "--records", "R1,R3")
    return town


def test_the_letter_goes_to_whom_the_records_come_from(town: Town) -> None:
    """It names the matter, every device and account of that person, and how to answer; not the reason; no others."""
    (notice,) = town.ok("hold", "notice", "H1")["notices"]
    assert (notice["custodian"], notice["things"]) == ("Pat Doe", 2)
    letter = notice["letter"]
    for words in ("To: Pat Doe", "Hold H1: Doe v. City", "device pats phone (phone)", "account pats (feed)"):
        assert words in letter
    assert "Turn automatic deletion off now" in letter and "deletion_off" in letter
    assert "suit filed" not in letter and "old phone" not in letter and "Kim" not in letter
    assert max(len(line) for line in letter.splitlines()) <= 100
    shown = town.ok("hold", "show", "H1")
    assert [(one["device"], one["account"], one["answer"]) for one in shown["notices"]] == [
        ("pats phone", None, None),
        (None, "pats", None),
    ]
    assert shown["unanswered"] == 2 and town.ok("hold", "list")["holds"][0]["unanswered"] == 2


def test_answers_are_kept_for_each_device(town: Town) -> None:
    """One device, then the rest; a change of mind stands beside the earlier answer; the words are sealed."""
    town.ok("hold", "notice", "H1")
    answer = ("hold", "answer", "H1")
    first = town.ok(*answer, "deletion_off", "--custodian", "Pat Doe", "--device", "pats phone")
    assert (first["answered"], first["unanswered"]) == (1, 1)
    note = ("--note", "zqlostzq since May")
    assert town.ok(*answer, "already_lost", "--custodian", "Pat Doe", *note)["unanswered"] == 0
    ambiguous = town.run(*answer, "nothing_on_it", "--custodian", "Pat Doe")
    assert ambiguous.code == 2 and "name the device or account" in ambiguous.err
    town.ok(*answer, "refused", "--custodian", "Pat Doe", "--device", "pats phone", "--note", "my own phone")
    said = [(one["device"] or one["account"], one["answer"]) for one in town.ok("hold", "show", "H1")["notices"]]
    assert said == [("pats phone", "deletion_off"), ("pats", "already_lost"), ("pats phone", "refused")]
    assert town.files_with("zqlostzq") == [] and "zqlostzq since May" in town.run("hold", "show", "H1").out
    acts = town.rows("SELECT act FROM audit_event WHERE object_kind = 'hold' ORDER BY id")
    assert [act for (act,) in acts] == ["hold.place", "hold.notice", *["hold.answer"] * 3]


def test_asking_again_asks_for_another_answer(town: Town) -> None:
    """A second letter counts each device once, and one answer closes both."""
    town.ok("hold", "notice", "H1")
    town.ok("hold", "notice", "H1", "--custodian", "Pat Doe")
    assert town.ok("hold", "list")["holds"][0]["unanswered"] == 2
    answered = town.ok("hold", "answer", "H1", "no_automatic_deletion", "--custodian", "Pat Doe")
    assert (answered["answered"], answered["unanswered"]) == (4, 0)


def test_someone_named_gets_one_even_without_device_or_account(town: Town, tmp_path: Path) -> None:
    """The letter then speaks of whatever they use; written to a file that must be new."""
    town.ok("custodian", "add", "Lee Poe", "--kind", "employee")
    out = tmp_path / "letters.txt"
    said = town.run("hold", "notice", "H1", "--custodian", "Lee Poe", "--custodian", "Kim Roe", "--out", str(out))
    assert said.code == 0 and said.out.startswith("2 letters")
    assert "every phone, computer and account that you use" in out.read_text() and "account kims" in out.read_text()
    assert town.run("hold", "notice", "H1", "--out", str(out)).code == 2
    assert town.ok("hold", "show", "H1")["unanswered"] == 2


def test_unanswered_notices_are_named_until_the_hold_is_lifted(town: Town) -> None:
    """By doctor and in the morning's report, with what to do."""
    town.ok("hold", "notice", "H1")
    (finding,) = [one for one in town.ok("doctor")["findings"] if one["subject"] == "hold notices"]
    assert "2 of the notices of H1" in finding["message"] and "archiver hold notice H1" in finding["action"]
    assert "2 notices of H1 are not answered." in town.run("nightly").out
    town.ok("hold", "lift", "H1", "--reason", "settled")
    assert not [one for one in town.ok("doctor")["findings"] if one["subject"] == "hold notices"]
    assert town.run("hold", "notice", "H1").code == 4


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("answer", "H1", "deletion_off", "--custodian", "Kim Roe"), 4, "hold notice H1"),
        (("answer", "H1", "refused", "--custodian", "Pat Doe"), 2, "--note"),
        (("answer", "H1", "perhaps", "--custodian", "Pat Doe"), 2, "deletion_off"),
        (("answer", "H9", "deletion_off", "--custodian", "Pat Doe"), 2, "H9"),
        (("notice", "H9"), 2, "H9"),
        (("notice", "H1", "--custodian", "Nobody"), 2, "Nobody"),
    ],
)
def test_a_mistake_writes_nothing(town: Town, arguments: tuple[str, ...], code: int, words: str) -> None:
    """Wrong hold, person or answer: said on one line, nothing is written."""
    said = town.run("hold", *arguments)
    assert said.code == code and words in said.err and "Traceback" not in said.err
    assert town.rows("SELECT count(*) FROM hold_notice") == [(0,)]


def test_a_hold_of_nobodys_records_asks_for_a_name(town: Town) -> None:
    """The city's own site has no custodian, so there is nobody to write to by default."""
    town.ok(*PLACE, "--records", "R3")
    said = town.run("hold", "notice", "H2")
    assert said.code == 2 and "--custodian" in said.err
