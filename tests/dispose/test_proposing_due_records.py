"""Proposing: exactly the due records of one series, every other with its reason; nothing destroyed by it."""

from pathlib import Path

import pytest

from connectors.contract import Page
from schema.item import Item
from tests.fixtures.due_town import DAY, LONG_AGO, DueTown
from tests.fixtures.replay import NOON, post


def test_due_lists_each_series_with_bytes_and_dates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five are due and one is not: 5, their bytes, the days of the first and last; `unscheduled` is never listed."""
    town = DueTown(tmp_path, monkeypatch)
    town.items([*(post(f"n{one}", "x", at=LONG_AGO + one * DAY) for one in range(5)), post("young", "x", at=NOON)])
    found = town.ok("dispose", "due")
    (row,) = found["series"]
    assert (row["series"], row["due"], row["held"], row["waiting"]) == ("short", 5, 0, {})
    assert (row["oldest"], row["newest"], row["due_since"]) == ("2023-12-24", "2023-12-28", "2024-12-25")
    assert row["bytes"] == town.rows("SELECT sum(size) FROM component WHERE record_id <= 5")[0][0]
    assert town.ok("dispose", "due", "--series", "long")["series"] == []
    assert "short" in town.run("dispose", "due").out


def test_a_fresh_archive_has_nothing_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records without a rule are never due, and a proposal of a series without records says so."""
    town = DueTown(tmp_path, monkeypatch)
    assert town.ok("dispose", "due") == {"schema": "dispose-due/1", "series": [], "due": 0}
    said = town.run("dispose", "propose", "short")
    assert said.code == 4 and "none is due" in said.err
    assert town.run("dispose", "propose", "unscheduled").code == 4
    assert town.run("dispose", "propose", "nothing").code == 2
    assert town.rows("SELECT count(*) FROM disposition") == [(0,)]


def test_the_proposal_takes_what_is_due_and_names_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held ones name their hold; those of a hold lifted today and of another disposition wait; all are kept."""
    town = DueTown(tmp_path, monkeypatch)
    town.posts(6)
    town.ok("hold", "place", "--kind", "litigation", "--matter", "Doe", "--reason", "x", "--records", "R2")
    town.ok("hold", "place", "--kind", "audit", "--matter", "State", "--reason", "x", "--records", "R3")
    town.ok("hold", "lift", "H2", "--reason", "done")
    new = town.ok("dispose", "propose", "short", "--reason", "zqreasonzq")
    assert new["records"] == 4 and new["exceptions"] == {"held": 1, "hold_lifted_today": 1}
    shown = town.ok("dispose", "show", "D1", "--records")
    assert [row["record"] for row in shown["listed"]] == ["R1", "R4", "R5", "R6"]
    assert shown["excepted"] == [
        {"record": "R2", "why": "held", "hold": "H1"},
        {"record": "R3", "why": "hold_lifted_today", "hold": None},
    ]
    assert shown["reason"] == "zqreasonzq" and town.files_with("zqreasonzq") == []
    said = town.run("dispose", "propose", "short")
    assert said.code == 4 and "4 in another disposition" in said.err and "1 held" in said.err
    due = town.ok("dispose", "due")["series"][0]
    assert (due["due"], due["held"]) == (0, 1)
    assert due["waiting"] == {"hold_lifted_today": 1, "in_other_disposition": 4}
    assert town.rows("SELECT count(*) FROM record WHERE destroyed_at IS NULL") == [(6,)]


def test_a_lifted_hold_is_over_the_next_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not before the city's next day: still 0 at 23:59 in Chicago, though UTC has tomorrow."""
    town = DueTown(tmp_path, monkeypatch)
    town.posts(1)
    town.ok("hold", "place", "--kind", "litigation", "--matter", "Doe", "--reason", "x", "--records", "R1")
    town.ok("hold", "lift", "H1", "--reason", "settled")
    town.at("2026-03-10T23:59:00-05:00")
    assert town.run("dispose", "propose", "short").code == 4
    town.at("2026-03-11T00:01:00-05:00")
    assert town.ok("dispose", "propose", "short")["records"] == 1


@pytest.mark.parametrize(
    ("action", "options", "code"),
    [
        ("destroy", (), 0),
        ("destroy", ("--transfer",), 4),
        ("destroy_not_public_securely", (), 0),
        ("transfer_archives", (), 4),
        ("transfer_archives", ("--transfer",), 0),
        ("transfer_archives_for_appraisal", ("--transfer",), 0),
        ("review", (), 2),
        ("review", ("--reason", "no longer needed"), 0),
        ("review", ("--transfer", "--reason", "of historical value"), 0),
        ("retain", (), 4),
        ("retain", ("--transfer",), 4),
    ],
)
def test_the_schedule_says_what_may_be_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str, options: tuple[str, ...], code: int
) -> None:
    """Retained series never, archival ones only as a transfer, reviewed ones with the review's outcome."""
    town = DueTown(tmp_path, monkeypatch, action=action)
    town.posts(1)
    assert town.run("dispose", "propose", "short", *options).code == code
    assert town.rows("SELECT count(*) FROM disposition") == [(1 if code == 0 else 0,)]


def test_an_ended_or_unconfirmed_series_is_not_proposed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Superseded: refused and no longer listed.  A title that nobody verified: refused."""
    town = DueTown(tmp_path, monkeypatch)
    town.posts(1)
    town.act("UPDATE series SET title_verified = FALSE WHERE key = 'short'")
    assert town.run("dispose", "propose", "short").code == 4
    town.act("UPDATE series SET title_verified = TRUE, ended_at = 1 WHERE key = 'short'")
    assert town.run("dispose", "propose", "short").code == 4
    assert town.ok("dispose", "due")["series"] == []


def _said(native_id: str, thread: str, at: int) -> Item:
    return post(native_id, native_id, at=at, thread_id=thread)


def test_a_thread_goes_together_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the series keeps threads, one young reply keeps the whole thread; without that it keeps only itself."""
    items = [_said("a1", "a", LONG_AGO), _said("a2", "a", LONG_AGO + 1), _said("b1", "b", LONG_AGO)]
    kept = DueTown(tmp_path, monkeypatch, threads=True)
    kept.items([*items, _said("a3", "a", NOON)])
    new = kept.ok("dispose", "propose", "short")
    assert new["records"] == 1 and new["exceptions"] == {"thread_not_due": 2}
    assert kept.rows("SELECT record_id FROM disposition_record") == [(3,)]


def test_only_a_records_officer_proposes_and_it_is_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event carries numbers, exceptions and the list's digest; without the role nothing is proposed."""
    town = DueTown(tmp_path, monkeypatch)
    town.posts(2)
    town.ok("dispose", "propose", "short")
    (facts,) = town.rows("SELECT facts FROM audit_event WHERE act = 'dispose.propose' AND object_id = 1")
    assert '"records":2' in facts[0] and town.ok("dispose", "show", "D1")["list"] in facts[0]
    me = town.ok("person", "list")["persons"][0]["login"]
    town.ok("person", "role", me, "records_officer", "--end")
    assert town.run("dispose", "propose", "short").code == 4


def test_a_withdrawn_proposal_frees_its_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Withdrawn before or after the approval, with a reason; a second time there is nothing to withdraw."""
    town = DueTown(tmp_path, monkeypatch)
    town.posts(2)
    town.approved()
    assert town.ok("dispose", "withdraw", "D1", "--reason", "mistaken")["state"] == "withdrawn"
    assert town.run("dispose", "withdraw", "D1", "--reason", "again").code == 4
    assert town.run("dispose", "withdraw", "D7", "--reason", "x").code == 2
    assert town.ok("dispose", "propose", "short")["id"] == "D2"
    assert [row["id"] for row in town.ok("dispose", "list")["dispositions"]] == ["D2"]
    assert len(town.ok("dispose", "list", "--all")["dispositions"]) == 2


def test_an_edit_after_the_proposal_is_no_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record whose content changed at its source since the proposal would leave first."""
    town = DueTown(tmp_path, monkeypatch)
    town.posts(2)
    town.approved()
    town.at("2026-03-11T12:00:00-05:00")
    town.script("web", Page(items=(post("web0", "other words", at=LONG_AGO),)))
    assert town.collect("web")["new_versions"] == 1
    found = town.look()
    assert found.leaving == {1: "changed"} and found.count == 1
