"""Readiness: what must leave before an execution, and everything that refuses a whole disposition."""

import json
from pathlib import Path

import pytest

from archiver.access import Actor
from archiver.dispose.batches import list_digest, mark_destroyed, mark_left
from archiver.dispose.readiness import reasons_to_leave
from archiver.dispose.steadiness import clock_right
from archiver.errors import Refused
from connectors.contract import Page
from schema.db import guards
from schema.disposal_vocab import ExceptionReason
from schema.vocab import Role
from tests.fixtures.due_town import DAY, LONG_AGO, DueTown
from tests.fixtures.replay import NOON, post

NEXT_DAY = "2026-03-11T12:00:00-05:00"


def _ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int = 3) -> DueTown:
    """An approved disposition on the day on which it may be executed."""
    town = DueTown(tmp_path, monkeypatch)
    town.posts(count)
    town.approved()
    town.at(NEXT_DAY)
    return town


def _hold(town: DueTown, records: str) -> None:
    town.ok("hold", "place", "--kind", "litigation", "--matter", "Doe", "--reason", "x", "--records", records)


def test_an_approved_disposition_is_ready_on_its_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing leaves, nothing refuses, and `dispose show` says what would go."""
    town = _ready(tmp_path, monkeypatch)
    found = town.look()
    assert (found.count, found.leaving, found.refusals) == (3, {}, [])
    assert town.ok("dispose", "show", "D1")["now"] == {"would_go": 3, "would_leave": {}, "refusals": []}


def test_what_was_held_leaves_even_when_the_hold_is_lifted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held since the approval; and a hold lifted again, which would otherwise be forgotten (decision 20)."""
    town = _ready(tmp_path, monkeypatch)
    _hold(town, "R1")
    _hold(town, "R2")
    town.ok("hold", "lift", "H2", "--reason", "settled")
    found = town.look()
    assert found.leaving == {1: "held_since_approval", 2: "hold_lifted"} and found.count == 1
    town.at("2026-03-12T12:00:00-05:00")
    assert town.look().leaving[2] == "hold_lifted"


def test_where_everything_leaves_nothing_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty execution would give a certificate of nothing: it is to be withdrawn."""
    town = _ready(tmp_path, monkeypatch, 2)
    _hold(town, "R1,R2")
    assert town.look().count == 0 and town.refusals() == ["every record has left D1, or would leave first"]


def test_a_hold_between_proposal_and_approval_leaves_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Placed after the proposal: held; placed and lifted before the approval: lifted."""
    town = DueTown(tmp_path, monkeypatch)
    town.posts(3)
    town.ok("dispose", "propose", "short")
    town.at("2026-03-10T13:00:00-05:00")
    _hold(town, "R1")
    _hold(town, "R2")
    town.ok("hold", "lift", "H2", "--reason", "settled")
    town.at("2026-03-10T14:00:00-05:00")
    assert town.approve().code == 0
    assert town.look().leaving == {1: "held", 2: "hold_lifted"}


def test_another_series_or_date_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A longer series, no date, a later date and another date that has come: each with its reason."""
    town = _ready(tmp_path, monkeypatch, 5)
    town.ok("tag", "set", "R1", "long", "--reason", "a permit")
    now = "WHERE ended_at IS NULL AND record_id ="
    town.act(
        f"UPDATE retention_tag SET due_on = NULL {now} 2",
        f"UPDATE retention_tag SET due_on = '2027-01-01' {now} 3",
        f"UPDATE retention_tag SET due_on = '2020-01-01' {now} 4",
    )
    found = town.look()
    assert found.leaving == {1: "series_changed", 2: "not_due", 3: "not_due", 4: "changed"} and found.count == 1
    with town.opened() as archive, archive.reading() as session:
        assert reasons_to_leave(archive, session, 1, [2, 5]) == {2: ExceptionReason.NOT_DUE}


def test_a_thread_that_is_no_longer_wholly_due_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A late reply keeps its thread; the other thread goes."""
    town = DueTown(tmp_path, monkeypatch, threads=True)
    old = [post("a1", "x", at=LONG_AGO, thread_id="a"), post("b1", "x", at=LONG_AGO, thread_id="b")]
    town.items(old)
    town.approved()
    town.at(NEXT_DAY)
    assert town.look().leaving == {}
    town.script("web", Page(items=(post("a2", "y", at=NOON, thread_id="a"),)))
    town.collect("web")
    assert town.look().leaving == {1: "thread_not_due"}


def test_an_unsearched_request_refuses_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until candidates are frozen; then only they leave."""
    town = _ready(tmp_path, monkeypatch)
    number = town.ok("request", "open", "--summary", "posts")["id"]
    (said,) = town.refusals()
    assert number in said and "(H1)" in said
    assert town.ok("dispose", "show", "D1")["now"]["refusals"][0]["action"].count("dispose clear D1 --hold H1") == 1
    town.ok("request", "candidates", number, "--query", '"text 1"', "--freeze")
    found = town.look()
    assert found.refusals == [] and found.leaving == {2: "held_since_approval"}


@pytest.mark.parametrize(
    ("narrowing", "refused"),
    [
        ((), True),
        (("--source", "web"), True),
        (("--source", "other"), False),
        (("--since", "2026-01-01"), False),
        (("--since", "2020-01-01"), True),
        (("--until", "2023-12-24"), False),
        (("--until", "2023-12-25"), True),
        (("--since", "2023-12-24", "--until", "2023-12-25", "--source", "web"), True),
        (("--since", "2023-12-24", "--until", "2023-12-25", "--source", "other"), False),
    ],
)
def test_a_request_narrowed_elsewhere_refuses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, narrowing: tuple[str, ...], refused: bool
) -> None:
    """Sources and times sent decide whether a preliminary hold can overlap; the answer is the database guard's."""
    town = DueTown(tmp_path, monkeypatch)
    town.posts(2)
    town.items([post("o", "x", at=NOON)], "other")
    town.approved()
    town.at(NEXT_DAY)
    town.ok("request", "open", "--summary", "x", *narrowing)
    assert bool(town.refusals()) is refused
    wait = town.ok("dispose", "due")["series"]
    assert wait[0]["waiting"] == {"in_other_disposition": 2}


def test_a_record_of_unknown_time_overlaps_every_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one narrowed to times that nothing of the list was sent at."""
    town = DueTown(tmp_path, monkeypatch)
    town.items([post("a", "x", at=LONG_AGO), post("u", "y", at=None)])
    town.act("UPDATE retention_tag SET due_on = '2025-01-01' WHERE record_id = 2")
    town.approved()
    town.at(NEXT_DAY)
    town.ok("request", "open", "--summary", "x", "--since", "2026-03-01")
    assert len(town.refusals()) == 1


def test_a_clearance_lets_this_disposition_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a preliminary hold is cleared, with a reason, by a person who may, once; another disposition still waits."""
    town = _ready(tmp_path, monkeypatch)
    town.ok("request", "open", "--summary", "x")
    _hold(town, "R1")
    clear = ("dispose", "clear", "D1", "--hold")
    assert town.run(*clear, "H2", "--reason", "x").code == 4
    assert town.run(*clear, "H9", "--reason", "x").code == 2
    assert town.run(*clear, "H1", "--reason", " ").code == 2
    town.ok(*clear, "H1", "--reason", "zqdogszq licences, these are posts")
    assert town.refusals() == [] and town.look().leaving == {1: "held_since_approval"}
    assert town.run(*clear, "H1", "--reason", "x").code == 4
    (cleared,) = town.ok("dispose", "show", "D1")["clearances"]
    assert cleared["hold"] == "H1" and "zqdogszq" in cleared["reason"] and town.files_with("zqdogszq") == []
    town.posts(1, source="more")
    town.ok("dispose", "propose", "short")
    assert town.approve("D2").code == 0
    assert any("not searched yet" in one for one in town.refusals(2))


def test_halt_stops_everything_until_it_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One word is enough to stop; few may let it go on, with a reason; twice there is nothing to end."""
    town = _ready(tmp_path, monkeypatch)
    assert town.ok("dispose", "halt", "--reason", "call of the mayor") == {
        "schema": "dispose-halt/1", "halted": True, "holds": ["H1"],
    }  # fmt: skip
    assert town.refusals() == ["every disposition is halted (H1)"]
    assert town.run("dispose", "halt", "--reason", " ").code == 2
    me = town.ok("person", "list")["persons"][0]["login"]
    town.ok("person", "role", me, "records_officer", "--end")
    assert town.run("dispose", "halt", "--end", "--reason", "x").code == 4
    town.ok("person", "role", me, "records_officer")
    assert town.ok("dispose", "halt", "--end", "--reason", "cleared up")["holds"] == ["H1"]
    assert town.refusals() == [] and town.run("dispose", "halt", "--end", "--reason", "x").code == 4


def test_a_hold_being_placed_and_a_standing_one_behind_refuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A placing hold is named; a standing one refuses until it has looked at what changed, and takes nothing out."""
    town = _ready(tmp_path, monkeypatch)
    insert = "INSERT INTO hold (kind, scope, state, matter, placed_at, placed_by) VALUES ('audit', 'members', "
    town.act(insert + "'placing', 'State', 1, 1)")
    assert [one.split(",")[0] for one in town.refusals()] == ["H1 is being placed"]
    town.act("UPDATE hold SET state = 'active', evaluated_to = 1")
    found = town.look()
    assert ["standing hold H1" in one.reason for one in found.refusals] == [True] and found.leaving == {}
    changed = town.rows("SELECT max(changed_at) FROM record")[0][0]
    town.act(f"UPDATE hold SET evaluated_to = {changed}")
    assert town.refusals() == []


def test_an_unconfirmed_restore_and_a_missing_guard_refuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are said at once, each with what to do."""
    town = _ready(tmp_path, monkeypatch)
    town.act("INSERT INTO restore (backup_taken_at, restored_at) VALUES (1, 2)", "DROP TRIGGER guard_record_delete")
    said = town.refusals()
    assert len(said) == 2 and "restored" in said[0] and "guards" in said[1]


def test_a_changed_schedule_or_list_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The series' period, a row slipped in, a frozen date altered, the digest altered: the approval no longer holds."""
    town = _ready(tmp_path, monkeypatch)
    town.act("UPDATE series SET number = 3 WHERE key = 'short'")
    assert town.refusals() == ["the schedule of D1 was changed since it was approved"]
    town.act("UPDATE series SET number = 1 WHERE key = 'short'")
    town.unguarded("UPDATE disposition_record SET due_on = '2020-02-02' WHERE record_id = 1")
    tampered = "the list of D1 is not the one that was approved"
    assert town.refusals() == [tampered]
    town.unguarded("UPDATE disposition_record SET due_on = (SELECT due_on FROM retention_tag t WHERE t.record_id = 1)")
    assert town.refusals() == []
    town.unguarded("INSERT INTO disposition_record (disposition_id, record_id) VALUES (1, 99)")
    assert tampered in town.refusals()
    town.unguarded("DELETE FROM disposition_record WHERE record_id = 99")
    assert town.refusals() == []
    town.unguarded("UPDATE disposition SET list_digest = x'00'")
    assert town.refusals() == [tampered]


def test_what_leaves_or_is_destroyed_does_not_break_the_approval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each mark the approved digest is still found; destroyed rows stay in the list, left ones do not."""
    town = _ready(tmp_path, monkeypatch)
    with town.opened() as archive, archive.unit() as session:
        before = list_digest(session, 1)
        mark_left(session, 1, {1: ExceptionReason.HELD}, 5)
        assert list_digest(session, 1) != before
        after = list_digest(session, 1)
        guards.remove(session.connection())
        mark_destroyed(session, 1, [2], archive.now())
        guards.install(session.connection())
        assert list_digest(session, 1) == after
    found = town.look()
    assert (found.count, found.leaving, found.refusals) == (1, {}, [])
    assert town.run("dispose", "answer", "D1", "retain", "--records", "R2", "--reason", "x").code == 4


@pytest.mark.parametrize("moment", ["2016-03-11T12:00:00-05:00", "2036-03-11T12:00:00-05:00"])
@pytest.mark.parametrize("when", ["before the proposal", "before the approval", "after the approval"])
def test_a_clock_ten_years_off_destroys_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, when: str
) -> None:
    """Ten years ahead or back, whenever it happened: refused then, and refused after the clock was set right again."""
    town = DueTown(tmp_path, monkeypatch)
    town.decide(cooling_off_days=0)
    town.posts(2)
    if when == "before the proposal":
        town.at(moment)
    proposed = town.run("dispose", "propose", "short").code == 0
    if when == "before the approval":
        town.at(moment)
    if proposed:
        assert town.approve().code == 0
    if when == "after the approval":
        town.at(moment)
    if not proposed:  # nothing was due ten years ago
        assert moment < "2026" and town.rows("SELECT count(*) FROM disposition") == [(0,)]
        return
    assert any("clock" in one for one in town.refusals())
    if when != "after the approval":
        town.at("2026-03-11T13:00:00-05:00")
        assert any("clock" in one for one in town.refusals())


OFFICER = Actor(1, "Officer", frozenset({Role.RECORDS_OFFICER}))


def test_a_person_can_vouch_for_the_clock_after_a_standstill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty hours of silence refuse; a stated reason covers them, not what comes later, nor a clock that runs back."""
    town = DueTown(tmp_path, monkeypatch)
    town.posts(1)
    town.approved()
    town.at("2026-03-12T05:00:00-05:00")
    assert ["clock jumped" in one for one in town.refusals()] == [True]
    with town.opened() as archive, archive.unit() as session:
        clock_right(archive, session, OFFICER, 1, "zqserverzq was off over the holiday")
    assert town.refusals() == [] and town.files_with("zqserverzq") == []
    assert town.rows("SELECT object_id FROM audit_event WHERE act = 'dispose.clock_right'") == [(1,)]
    town.at("2026-03-15T05:00:00-05:00")
    assert ["clock jumped" in one for one in town.refusals()] == [True]
    town.at("2026-03-11T05:00:00-05:00")
    assert ["clock is behind" in one for one in town.refusals()] == [True]
    with town.opened() as archive, archive.unit() as session, pytest.raises(Refused, match="behind"):
        clock_right(archive, session, OFFICER, 1, "it is right")


def test_nobody_can_vouch_for_a_proposal_of_the_future(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proposed while the clock was ten years ahead: also after it was set right, and vouched for, never executable."""
    town = DueTown(tmp_path, monkeypatch)
    town.decide(cooling_off_days=0)
    town.items([post("young", "x", at=NOON)])
    town.at("2036-03-10T12:00:00-05:00")
    town.approved()
    town.at("2026-03-11T12:00:00-05:00")
    town.posts(1, source="more")
    with town.opened() as archive, archive.unit() as session:
        clock_right(archive, session, OFFICER, 1, "set right")
    assert any("has not come yet" in one for one in town.refusals())
    assert not any("clock jumped" in one for one in town.refusals())


def _verified(town: DueTown, **facts: object) -> None:
    with town.opened() as archive, archive.unit() as session:
        outcome = "failed" if facts.get("failed") else "ok"
        archive.record_act(session, "verify", "archive", outcome=outcome, facts={"part": [1, 1], **facts})


@pytest.mark.parametrize(
    ("failed", "about", "refused"),
    [
        (["log"], None, True),
        (["holds"], None, True),
        (["requests"], None, True),
        (["guards"], None, True),
        (["cursors"], {"records": [], "owners": [], "others": False}, False),
        (["content"], {"records": [1], "owners": [], "others": False}, True),
        (["keys"], {"records": [9], "owners": [], "others": False}, False),
        (["content"], {"records": [9], "owners": ["production"], "others": False}, False),
        (["content"], {"records": [9], "owners": ["hold"], "others": False}, True),
        (["content"], {"records": [9], "owners": [], "others": True}, True),
        (["tags"], None, True),
    ],
)
def test_a_failed_verification_refuses_where_it_matters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failed: list[str], about: object, refused: bool
) -> None:
    """Log, holds, requests, schedule or records of the batch; other damage does not; a later pass lifts it."""
    town = _ready(tmp_path, monkeypatch)
    _verified(town, failed=failed, problems=1, **({"about": about} if about else {}))
    assert bool(town.refusals()) is refused
    _verified(town, failed=[], problems=0)
    assert town.refusals() == []


def test_a_nightly_part_does_not_excuse_another_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Damaged content found in part 2 of 3 refuses until part 2, or everything, passes; not by part 3."""
    town = _ready(tmp_path, monkeypatch)
    about = {"records": [2], "owners": [], "others": False}
    _verified(town, part=[2, 3], failed=["content"], problems=1, about=about)
    _verified(town, part=[3, 3], failed=[], problems=0)
    assert town.refusals() == ["the last verification failed on records of this disposition"]
    _verified(town, part=[2, 3], failed=[], problems=0)
    assert town.refusals() == []


def test_verify_names_the_records_that_it_found_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command itself: damage of a record outside the list refuses nothing, damage of one in it does."""
    town = _ready(tmp_path, monkeypatch)
    town.items([post("young", "x", at=NOON)], "other")
    damage = "UPDATE payload SET sealed = x'00' WHERE owner_kind = 'record' AND owner_id = {}"
    town.unguarded(damage.format(4))
    assert town.run("verify").code == 5
    assert town.refusals() == []
    (facts,) = town.rows("SELECT facts FROM audit_event WHERE act = 'verify'")
    assert json.loads(facts[0])["about"] == {"others": False, "owners": [], "records": [4]}
    town.unguarded(damage.format(2))
    assert town.run("verify").code == 5
    assert town.refusals() == ["the last verification failed on records of this disposition"]


def test_a_record_destroyed_by_another_way_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts as destroyed earlier, not as something that would go."""
    town = _ready(tmp_path, monkeypatch)
    town.unguarded("UPDATE record SET destroyed_at = 7 WHERE id = 3")
    assert town.look().leaving == {3: "destroyed_earlier"}


def test_a_day_is_long_enough_for_a_nightly_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive that writes an event each night for ten days is never taken for one whose clock jumped."""
    town = DueTown(tmp_path, monkeypatch)
    town.decide(cooling_off_days=10)
    town.posts(1)
    town.approved()
    for day in range(11, 21):
        town.at(f"2026-03-{day}T02:00:00-05:00")
        _verified(town, failed=[], problems=0)
    assert town.refusals() == [] and DAY < 36 * 3_600_000
