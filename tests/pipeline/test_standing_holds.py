"""Standing holds: what is collected later joins, also out of a run that was going on when the hold was placed."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from archiver.index.opening import index_alone
from archiver.pipeline import batches
from connectors.contract import Context, Page
from tests.fixtures.city import Town
from tests.fixtures.holding import PLACE, destroyable, later, looked_again, members
from tests.fixtures.replay import post

STANDING = (*PLACE, "--standing", "--query", "plow")


def page(*texts: str, **fields: Any) -> Page:
    """A page of posts, each named by its text."""
    return Page(items=tuple(post(one, one, **fields) for one in texts))


def test_what_is_collected_later_joins(both: Town) -> None:
    """Matches of today are members at once, later ones after the run; others may go once they were looked at."""
    town = both
    town.source("web", page("plow 1", "parade 1"))
    town.collect("web")
    later(town, 5)
    placed = town.ok(*STANDING)
    assert (placed["state"], placed["members"], placed["standing"]) == ("active", 1, True)
    assert not destroyable(town, 1) and destroyable(town, 2)
    later(town, 10)
    town.script("web", page("plow 2", "parade 2"))
    town.collect("web")
    assert members(town) == ["R1"], "the clock of this test has not moved since the run began"
    assert not destroyable(town, 4), "nothing that changed since the last evaluation may go"
    later(town, 15)
    assert looked_again(town) == 1 and looked_again(town) == 0
    assert members(town) == ["R1", "R3"]
    assert not destroyable(town, 3) and destroyable(town, 4)


def test_a_run_that_goes_on_while_the_hold_is_placed(both: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its records are committed after the hold, but as changed at the run's beginning before it: none slips through."""
    town, seen = both, []
    monkeypatch.setattr(batches, "PATIENCE_S", -1.0)  # every page is a transaction

    def place(_context: Context) -> Page:
        town.act("UPDATE lease SET until = until + 86400000")  # the heartbeat of this test's clock
        later(town, 10)
        seen.append(town.ok(*STANDING)["members"])
        return page("plow 2", "parade 2")

    def look(_context: Context) -> Page:
        later(town, 20)
        assert looked_again(town) == 0
        began = town.rows("SELECT started_at FROM capture WHERE ended_at IS NULL")[0][0]
        assert town.rows("SELECT changed_at FROM record WHERE id IN (3, 4)") == [(began,), (began,)]
        assert town.rows("SELECT evaluated_to FROM hold")[0][0] < began
        seen.append([destroyable(town, one) for one in (1, 2, 3, 4)])
        return page("plow 3")

    town.source("web", page("plow 1", "parade 1"), place, look)
    assert town.collect("web")["new_records"] == 5
    assert seen == [1, [False, False, False, False]]
    assert looked_again(town) == 2, "those of the run that has ended"
    assert members(town) == ["R1", "R3", "R5"]
    assert [destroyable(town, one) for one in (2, 3, 4, 5)] == [True, False, True, False]


def test_a_run_that_slept_past_its_lease_commits_nothing(both: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """An evaluation that gave a run up is final: the run ends failed, and its next start brings the rest."""
    town = both
    town.ok(*STANDING)
    monkeypatch.setattr(batches, "PATIENCE_S", -1.0)

    def sleep(_context: Context) -> Page:
        town.act("UPDATE lease SET until = 0")
        later(town, 10)
        assert looked_again(town) == 1
        return page("plow 2")

    town.source("web", page("plow 1"), sleep)
    given_up = town.collect("web")
    assert (given_up["exit"], given_up["error"]["code"], given_up["new_records"]) == (1, "lost_lease", 1)
    town.script("web", page("plow 2"))
    assert town.collect("web")["new_records"] == 1
    later(town, 20)
    assert looked_again(town) == 1
    assert len(members(town)) == 2


def test_a_crashed_run_holds_nothing_back(town: Town) -> None:
    """Its receipt stays open for ever, but without a lease it commits nothing more."""
    town.source("web", page("plow 1", "parade 1"))
    town.collect("web")
    town.act("UPDATE capture SET ended_at = NULL, outcome = NULL")
    later(town, 5)
    town.ok(*STANDING)
    assert destroyable(town, 2)


def test_a_clock_set_back_hides_nothing(both: Town) -> None:
    """A run that begins before the last evaluation, by its clock, is evaluated all the same."""
    town = both
    town.source("web", page("plow 1"))
    later(town, 50)
    town.ok(*STANDING)
    later(town, 20)
    town.collect("web")
    assert members(town) == [] and not destroyable(town, 1)
    later(town, 30)
    assert looked_again(town) == 1
    assert members(town) == ["R1"]


def test_an_edited_record_is_asked_again(both: Town) -> None:
    """An edit that makes it match lets it join; one that makes it stop matching lets nothing go."""
    town = both
    town.source("web", Page(items=(post("a", "plow"), post("b", "parade"))))
    town.collect("web")
    later(town, 5)
    assert town.ok(*STANDING)["members"] == 1
    later(town, 10)
    town.script("web", Page(items=(post("a", "nothing"), post("b", "plow"))))
    assert town.collect("web")["new_versions"] == 2
    later(town, 15)
    town.script("web", Page())
    town.collect("web")
    later(town, 20)
    looked_again(town)
    assert members(town) == ["R1", "R2"]


def test_what_is_not_indexed_yet_is_not_passed_over(town: Town) -> None:
    """While the index is made anew nothing counts as evaluated that it may lack."""
    town.ok(*STANDING)
    town.source("web", page("plow 1", "parade 1"))
    later(town, 10)
    with town.opened() as archive, index_alone(archive):
        town.collect("web")
        later(town, 20)
        assert looked_again(town) == 0
        assert not destroyable(town, 1) and not destroyable(town, 2)
    assert looked_again(town) == 1
    assert destroyable(town, 2)


def test_yesterday_means_the_day_before_the_placing(town: Town) -> None:
    """A question with a relative date does not move on with the calendar."""
    town.source("web", page("plow 1", at=1_773_100_000_000), page("plow 2", at=1_773_200_000_000))
    town.ok(*PLACE, "--standing", "--query", "plow on:yesterday")
    town.at("2026-03-11T12:00:00-05:00")
    town.collect("web")
    town.at("2026-03-11T12:05:00-05:00")
    assert looked_again(town) == 1
    assert members(town) == ["R1"]


@pytest.mark.parametrize("question", ["series:x", "plow -is:held", "(plow OR label:x)", "has:image", "class:private"])
def test_a_standing_question_asks_for_nothing_that_changes_by_itself(town: Town, question: str) -> None:
    """Series, labels, classes and states change without the record changing, so nothing would look again."""
    said = town.run(*PLACE, "--standing", "--query", question)
    assert said.code == 2 and "standing" in said.err
    assert town.rows("SELECT count(*) FROM hold") == [(0,)]


def test_an_index_that_lacks_records_places_nothing(town: Town) -> None:
    """A lost index folder, or a rebuild going on: refused with what to do, before anything is written."""
    town.source("web", page("plow 1"))
    town.collect("web")
    with town.opened() as archive:
        town.act("INSERT INTO outbox (kind, records, written_at) VALUES ('index', '[[1, 1]]', 0)")
        with index_alone(archive):
            said = town.run(*STANDING)
        assert said.code == 1 and "archiver index status" in said.err
        shutil.rmtree(archive.index_folder)
        town.act("DELETE FROM outbox")
    for options in (STANDING, (*PLACE, "--query", "plow")):
        said = town.run(*options)
        assert said.code == 1 and "0 of 1 records" in said.err and "archiver index rebuild" in said.err
    assert town.rows("SELECT count(*) FROM hold") == [(0,)]


def test_lifting_a_standing_hold_ends_its_growing(town: Town) -> None:
    """Nothing joins any more, and nothing waits for its evaluation."""
    town.source("web", page("plow 1"))
    town.ok(*STANDING)
    town.ok("hold", "lift", "H1", "--reason", "settled")
    later(town, 10)
    town.collect("web")
    assert destroyable(town, 1)
    (listed,) = town.ok("hold", "list", "--all")["holds"]
    assert (listed["state"], listed["members"]) == ("lifted", 0)


def test_families_bring_their_threads(both: Town) -> None:
    """Records of a member's thread join with it: those there now, and those of later captures; listed ones too."""
    town = both
    town.source("web", Page(items=(post("a", "plow", thread_id="t1"), post("b", "reply", thread_id="t1"))))
    town.source("xmail", Page(items=(post("c", "parade", thread_id="t2"), post("d", "other", thread_id="t1"))))
    town.collect("--all")
    later(town, 5)
    assert town.ok(*STANDING, "--families")["members"] == 2
    assert town.ok(*PLACE, "--records", "R3", "--families")["families"] is True
    assert members(town) == ["R1", "R2"] and members(town, "H2") == ["R3"]
    later(town, 10)
    town.script("web", Page(items=(post("e", "late reply", thread_id="t1"), post("f", "late", thread_id="t9"))))
    town.script("xmail", Page(items=(post("g", "late", thread_id="t2"), post("h", "plow", thread_id="t8"))))
    town.collect("--all")
    later(town, 15)
    town.script("web", Page(items=(post("i", "plow", thread_id="t9"),)))
    town.script("xmail", Page())
    town.collect("--all")
    later(town, 20)
    looked_again(town)
    named = dict(town.rows("SELECT id, source_id FROM record"))
    assert members(town) == ["R1", "R2", "R5", "R6", "R8", "R9"], named
    assert members(town, "H2") == ["R3", "R7"]


def test_lifting_one_hold_never_frees_what_another_holds(both: Town) -> None:
    """A standing hold, one by list and one by search overlap; the record goes only when the last is lifted."""
    town = both
    town.source("web", page("plow 1"))
    town.collect("web")
    later(town, 5)
    town.ok(*STANDING)
    town.ok(*PLACE, "--records", "R1")
    town.ok(*PLACE, "--query", "plow")
    for hold in ("H2", "H1", "H3"):
        assert not destroyable(town, 1)
        town.ok("hold", "lift", hold, "--reason", "settled")
    assert destroyable(town, 1)


def test_the_database_keeps_standing_holds_standing(town: Town) -> None:
    """No statement turns a standing hold into a list, or makes it one that waits for no evaluation."""
    town.ok(*STANDING)
    for change in ("scope = 'members'", "evaluated_to = NULL"):
        with pytest.raises(IntegrityError, match="guard"):
            town.act(f"UPDATE hold SET {change}")


def test_a_halt_is_no_hold_to_place_or_lift(town: Town, tmp_path: Path) -> None:
    """`hold` names the command that is meant."""
    assert tmp_path.exists()
    said = town.run("hold", "place", "--kind", "halt", "--matter", "x", "--reason", "y", "--query", "plow")
    assert said.code == 2 and "archiver dispose halt" in said.err
    town.act(
        "INSERT INTO hold (kind, scope, state, matter, placed_at, placed_by)"
        " VALUES ('halt', 'members', 'placing', 'x', 0, 1)"
    )
    for command in (("hold", "lift", "H1", "--reason", "x"), ("hold", "place", "--resume", "H1")):
        said = town.run(*command)
        assert said.code == 4 and "archiver dispose halt --end" in said.err
