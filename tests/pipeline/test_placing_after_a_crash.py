"""Placing a hold by search: killed in the middle it stops every destruction, and goes on when it is told to."""

import subprocess
import sys
from pathlib import Path

import pytest

from archiver.access import current_actor
from archiver.collect import captures
from archiver.errors import Refused
from archiver.retain import placing
from connectors.contract import Page
from schema.vocab import HoldKind, Outcome
from tests.fixtures.city import Town
from tests.fixtures.holding import PLACE, destroyable, later, looked_again, members
from tests.fixtures.replay import post

ROOT = Path(__file__).resolve().parents[2]

KILLED = """
import os, sys
from archiver.pipeline import standing

def killed(*arguments, **options):
    if standing.placing.added == int(sys.argv[1]):
        os.kill(os.getpid(), 9)
    standing.placing.added += 1
    return add(*arguments, **options)

standing.BATCH = 2
add, standing.placing.add, standing.placing.added = standing.placing.add, killed, 0
from archiver.cli.main import main
sys.exit(main(sys.argv[2:]))
"""


def _town(town: Town) -> None:
    town.source("web", Page(items=tuple(post(f"n{n}", "plow" if n < 5 else "parade") for n in range(6))))
    town.collect("web")
    later(town, 5)


def _killed(*options: str, after: int) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(after), *options], cwd=ROOT, capture_output=True)
    assert done.returncode == -9, (done.returncode, done.stdout, done.stderr)


def test_a_killed_placing_stops_every_destruction_until_it_is_resumed(both: Town) -> None:
    """Not even an unrelated record goes; doctor and the nightly report name it; resumed it is what it was to be."""
    town = both
    _town(town)
    for number, (options, after) in enumerate(((("--standing", "--query", "plow"), 0), (("--query", "plow"), 2)), 1):
        _killed(*PLACE, *options, after=after)
        assert town.rows(f"SELECT state FROM hold WHERE id = {number}") == [("placing",)]
        assert len(members(town, f"H{number}")) == after * 2
        assert not destroyable(town, 6)
        (finding,) = [one for one in town.ok("doctor")["findings"] if one["subject"] == "holds"]
        assert f"archiver hold place --resume H{number}" in finding["action"]
        placed = town.ok("hold", "place", "--resume", f"H{number}")
        assert (placed["state"], placed["members"], placed["destroyed_earlier"]) == ("active", 5, 0)
        assert destroyable(town, 6) and not destroyable(town, 1)
    again = town.run("hold", "place", "--resume", "H1")
    assert again.code == 4 and "Nothing to do" in again.err
    acts = [act for (act,) in town.rows("SELECT act FROM audit_event WHERE object_kind = 'hold' ORDER BY id")]
    assert acts == ["hold.placing", "hold.place"] * 2


def test_a_killed_placing_can_be_lifted(town: Town) -> None:
    """Lifted it stops nothing any more, and cannot be resumed."""
    _town(town)
    _killed(*PLACE, "--standing", "--query", "plow", after=1)
    night = town.run("nightly")
    assert "H1 was left half placed" in night.out
    assert town.ok("hold", "lift", "H1", "--reason", "the letter was withdrawn")["state"] == "lifted"
    assert destroyable(town, 1)
    assert town.run("hold", "place", "--resume", "H1").code == 4


def test_a_hold_lifted_while_it_is_placed_is_not_acknowledged(town: Town) -> None:
    """Whoever waits for it is told; no record joins after the lifting."""
    _town(town)
    with town.opened() as archive:
        with archive.unit() as session:
            actor = current_actor(session)
            values = {"kind": HoldKind.COURT, "matter": "x", "reason": "y", "query": "plow"}
            new = placing.start(archive, session, actor, standing=True, families=False, **values)  # type: ignore[arg-type]  # of several types
        question = placing.Question(new, "plow", 0, 0, standing=True, families=False)
        seen = placing.Horizon(1, 1)
        town.ok("hold", "lift", "H1", "--reason", "settled")
        for act in (
            lambda session: placing.add(archive, session, new, [1], with_families=False),
            lambda session: placing.activate(archive, session, actor, question, seen, 0),
        ):
            with pytest.raises(Refused, match="lifted meanwhile"), archive.unit() as session:
                act(session)
    assert town.rows("SELECT state FROM hold") == [("lifted",)] and members(town) == []


def test_a_run_that_began_since_the_horizon_was_seen_is_not_passed_over(both: Town) -> None:
    """Its clock may be behind: the evaluation counts only up to its beginning, even if it has ended."""
    town = both
    _town(town)
    town.ok(*PLACE, "--standing", "--query", "plow")
    assert looked_again(town) == 0, "which indexes that the members are held"
    later(town, 30)
    with town.opened() as archive:
        with archive.unit() as session:
            seen = placing.horizon(archive, session)
        with archive.unit() as session:
            began = captures.begin(session, 1, seen.to - 60_000, "test")
            captures.finish(session, began, seen.to, Outcome.OK)
        with archive.unit() as session:
            placing.note_evaluated(session, 1, seen)
    assert town.rows("SELECT evaluated_to FROM hold") == [(seen.to - 60_001,)]
    later(town, 40)
    looked_again(town)
    assert town.rows("SELECT evaluated_to FROM hold") == [(seen.to + 600_000,)]


def test_what_was_destroyed_before_is_said(town: Town) -> None:
    """A match that is destroyed but still in the index does not join; it is counted, and so are all tombstones."""
    _town(town)
    town.act("DROP TRIGGER guard_record_destroyed", "UPDATE record SET destroyed_at = 1 WHERE id = 2")
    said = town.run(*PLACE, "--standing", "--query", "plow")
    assert said.code == 0, said.err
    assert said.out.splitlines() == [
        "H1 holds 4 records; none of them is destroyed while it stands.",
        "What is collected later and answers the same search joins it.",
        "1 records that the search found had been destroyed before.",
    ]
