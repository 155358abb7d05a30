"""Freezing: what a search found joins once, in its version of that moment, and is held; searches are kept with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from archiver.access import Actor, current_actor
from archiver.archive import Archive
from archiver.data_requests.candidates import Frozen, freeze, list_candidates, note_search
from archiver.data_requests.register import close, open_request
from archiver.errors import Refused
from archiver.search.answer import answer, find_ids
from connectors.contract import Page
from schema.vocab import ArchiveInvolved, Role
from tests.fixtures.city import Town
from tests.fixtures.disposals import clear, executing
from tests.fixtures.replay import post

MANY = 1_203
"""More than two statements' worth of ids."""


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city with many posts on snow and an open request."""
    town = Town(tmp_path, monkeypatch)
    town.source("works", Page(items=tuple(post(f"p{number}", f"snow {number}") for number in range(MANY))))
    town.collect()
    town.ok("request", "open", "--summary", "snow")
    return town


@pytest.fixture
def archive(town: Town) -> Iterator[Archive]:
    """Its archive."""
    with town.opened() as opened:
        yield opened


@pytest.fixture
def clerk(archive: Archive) -> Actor:
    """The person who made it."""
    with archive.reading() as session:
        return current_actor(session)


def froze(archive: Archive, clerk: Actor, question: str, number: str = "Q2026-1", *, complete: bool = True) -> Frozen:
    """Freeze what a question finds."""
    found, ids = answer(archive, question, limit=0), find_ids(archive, question)
    with archive.unit() as session:
        return freeze(archive, session, clerk, number, found, ids, complete=complete)


def test_all_join_once(town: Town, archive: Archive, clerk: Actor) -> None:
    """Each record joins once, however often it is found; every one is held, and the hold is narrowed once."""
    done = froze(archive, clerk, "snow 7", complete=False)
    assert (done.number, done.found, done.added, done.preliminary) == ("Q2026-1", 1, 1, True)
    done = froze(archive, clerk, "snow")
    assert (done.found, done.added, done.destroyed, done.preliminary) == (MANY, MANY - 1, 0, False)
    done = froze(archive, clerk, "snow")
    assert (done.found, done.added, done.hold) == (MANY, 0, 1)
    assert town.rows("SELECT count(DISTINCT record_id), count(*) FROM candidate") == [(MANY, MANY)]
    assert town.rows("SELECT count(*) FROM hold_member") == [(MANY,)]
    assert town.rows("SELECT count(*) FROM audit_event WHERE act = 'hold.search_complete'") == [(1,)]
    with archive.reading() as session:
        listed = list_candidates(archive, session, "1")
    assert [one["count"] for one in listed["searches"]] == [1, MANY, MANY]
    assert listed["records"] == [f"R{number}" for number in range(1, MANY + 1)]


def test_destroyed_before_they_could_join(town: Town, archive: Archive, clerk: Actor) -> None:
    """What was destroyed between the search and the freezing is counted as such; the others join all the same."""
    found, ids = answer(archive, "snow", limit=0), find_ids(archive, "snow")
    with archive.unit() as session:
        clear(session, executing(session, [3, 900]), 1)
        session.execute(text("UPDATE record SET destroyed_at = 1 WHERE id IN (3, 900)"))
    with archive.unit() as session:
        done = freeze(archive, session, clerk, "Q2026-1", found, ids)
    assert (done.found, done.added, done.destroyed) == (MANY, MANY - 2, 2)
    assert town.rows("SELECT count(*) FROM hold_member WHERE record_id IN (3, 900)") == [(0,)]


def test_a_request_without_hold_gets_one(town: Town, archive: Archive, clerk: Actor) -> None:
    """Opened with `--archive no`, a request holds from the first candidate on; an empty search places none."""
    with archive.unit() as session:
        one = open_request(archive, session, clerk, summary="x", involved=ArchiveInvolved.NO, reason="paper only")
    assert froze(archive, clerk, "hail", one.number).hold is None
    done = froze(archive, clerk, "snow 5", one.number)
    assert (done.hold, done.preliminary) == (2, False)
    assert town.rows("SELECT record_id FROM hold_member WHERE hold_id = 2") == [(6,)]


def test_who_may_freeze(archive: Archive, clerk: Actor) -> None:
    """A reviewer may freeze and search; an auditor may search; a custodian neither; a closed request takes nothing."""
    found = answer(archive, "snow", limit=0)
    for role, may_freeze, may_search in (
        (Role.DEPARTMENT_REVIEWER, True, True),
        (Role.AUDITOR, False, True),
        (Role.CUSTODIAN, False, False),
    ):
        actor = Actor(clerk.id, "Rae", frozenset({role}))
        for may, act in (
            (may_freeze, lambda session, actor=actor: freeze(archive, session, actor, "1", found, [1])),
            (may_search, lambda session, actor=actor: note_search(archive, session, actor, "1", found)),
        ):
            with archive.unit() as session:
                if may:
                    act(session)
                else:
                    with pytest.raises(Refused):
                        act(session)
    with archive.unit() as session:
        close(archive, session, clerk, "1", "answered")
    with pytest.raises(Refused, match="closed"), archive.unit() as session:
        note_search(archive, session, clerk, "1", found)
