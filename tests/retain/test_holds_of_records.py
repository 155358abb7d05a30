"""Holds: placed, listed, lifted with actor and reason; a request's own hold ends with the request."""

from pathlib import Path

import pytest

from archiver.access import current_actor
from archiver.retain import holds
from archiver.retain.holds import Narrowing
from connectors.contract import Page
from tests.fixtures.city import Town
from tests.fixtures.replay import post

PLACE = ("hold", "place", "--kind", "litigation", "--matter", "Doe v. City", "--reason", "zqsuitzq filed")


def _town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    town = Town(tmp_path, monkeypatch)
    town.source("web", Page(items=tuple(post(f"n{n}", "snow plow" if n % 2 else "parade") for n in range(1, 7))))
    town.collect("web")
    return town


def test_a_hold_by_list_names_its_records_and_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listed with its count, shown with reason and ids; the reason is sealed; the record says by what it is held."""
    town = _town(tmp_path, monkeypatch)
    placed = town.ok(*PLACE, "--records", "R1, r3 R3")
    assert placed == {
        "schema": "hold/1",
        "id": "H1",
        "kind": "litigation",
        "state": "active",
        "matter": "Doe v. City",
        "members": 2,
        "standing": False,
        "families": False,
        "destroyed_earlier": 0,
    }
    (listed,) = town.ok("hold", "list")["holds"]
    assert (listed["id"], listed["members"], listed["state"]) == ("H1", 2, "active")
    shown = town.ok("hold", "show", "H1")
    assert shown["records"] == ["R1", "R3"] and shown["reason"] == "zqsuitzq filed" and shown["placed_by"]
    assert town.files_with("zqsuitzq") == []
    assert town.ok("record", "show", "R1")["holds"] == ["H1"]
    assert town.ok("tag", "explain", "R3")["holds"] == ["H1"] and town.ok("tag", "explain", "R2")["holds"] == []


def test_a_hold_by_search_freezes_what_it_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its ids are fixed when it is placed, also those not indexed yet; a later match does not join by itself."""
    town = _town(tmp_path, monkeypatch)
    town.act("INSERT INTO outbox (kind, records, written_at) VALUES ('index', '[[1, 6]]', 0)")
    assert town.ok(*PLACE, "--query", "plow")["members"] == 3
    assert town.rows("SELECT count(*) FROM outbox WHERE records = '[[1, 6]]'") == [(0,)]
    town.script("web", Page(items=(post("n9", "plow again"),)))
    town.collect("web")
    assert town.ok("hold", "show", "H1")["records"] == ["R1", "R3", "R5"]


def test_held_records_are_found_as_held_until_the_hold_is_lifted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Placing and lifting leave outbox rows; after the next drain `is:held` says so."""
    town = _town(tmp_path, monkeypatch)
    town.ok(*PLACE, "--records", "R2")
    assert town.rows("SELECT kind, records FROM outbox") == [("index", "[[2, 2]]")]
    town.script("web", Page())
    town.collect("web")
    assert [one["id"] for one in town.ok("search", "is:held")["hits"]] == ["R2"]
    assert town.ok("hold", "lift", "H1", "--reason", "settled")["state"] == "lifted"
    town.collect("web")
    assert town.ok("search", "is:held")["count"] == 0
    assert town.ok("hold", "list")["holds"] == []
    (listed,) = town.ok("hold", "list", "--all")["holds"]
    assert listed["state"] == "lifted" and listed["lifted_at"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((*PLACE,), 2),
        ((*PLACE, "--records", "R1", "--query", "plow"), 2),
        ((*PLACE, "--records", "R99"), 2),
        ((*PLACE, "--records", "nine"), 2),
        ((*PLACE, "--records", ""), 2),
        ((*PLACE, "--query", "nothing-has-this-word"), 2),
        ((*PLACE, "--query", "("), 2),
        (("hold", "place", "--kind", "request", "--matter", "x", "--reason", "y", "--records", "R1"), 2),
        (("hold", "lift", "H9", "--reason", "x"), 2),
        (("hold", "show", "H9"), 2),
    ],
)
def test_a_mistake_places_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int
) -> None:
    """No half hold: a wrong id, an empty search, a broken question, or neither records nor search."""
    town = _town(tmp_path, monkeypatch)
    said = town.run(*arguments)
    assert said.code == code and said.err.startswith("archiver: ") and "Traceback" not in said.err
    assert town.rows("SELECT count(*) FROM hold") == [(0,)]


def test_a_lifted_hold_is_not_lifted_twice_and_stays_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused with exit 4; both acts are events with their person."""
    town = _town(tmp_path, monkeypatch)
    town.ok(*PLACE, "--records", "R2")
    town.ok("hold", "lift", "H1", "--reason", "settled")
    assert town.run("hold", "lift", "H1", "--reason", "again").code == 4
    acts = town.rows("SELECT act, actor_id FROM audit_event WHERE object_kind = 'hold' ORDER BY id")
    assert acts == [("hold.place", 1), ("hold.lift", 1)]


def test_the_database_itself_keeps_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hold or its members cannot be deleted, changed or narrowed by any statement."""
    from sqlalchemy.exc import IntegrityError

    town = _town(tmp_path, monkeypatch)
    town.ok(*PLACE, "--records", "R2")
    for statement in (
        "DELETE FROM hold",
        "DELETE FROM hold_member",
        "UPDATE hold_member SET record_id = 4",
        "INSERT OR REPLACE INTO hold (id, kind, scope, state, matter, placed_at, placed_by) "
        "VALUES (1, 'litigation', 'members', 'lifted', 'x', 0, 1)",
        "UPDATE hold SET sent_since = 5",
        "INSERT INTO hold_source (hold_id, source_id) VALUES (1, 1)",
    ):
        with pytest.raises(IntegrityError, match="guard"):
            town.act(statement)
    assert town.ok("hold", "show", "H1")["records"] == ["R2"]


def test_the_hold_of_a_request_follows_the_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Preliminary at first, its candidates after the search, then until a day; never lifted while open."""
    from datetime import date

    town = _town(tmp_path, monkeypatch)
    town.act(
        "INSERT INTO data_request (id, number, kind, state, archive, received_on, opened_at, opened_by, jurisdiction, "
        "law_edition, summary_payload_id) "
        "VALUES (1, 'Q2026-1', 'public', 'open', 'yes', '2026-03-10', 0, 1, 'us-mn', 'x', 1)"
    )
    with town.opened() as archive:
        with archive.unit() as session:
            actor = current_actor(session)
            new = holds.place_preliminary(
                archive, session, actor, request_id=1, matter="Q2026-1", narrowing=Narrowing(sources=(1,))
            )
        assert town.run("hold", "lift", f"H{new}", "--reason", "x").code == 4
        (listed,) = town.ok("hold", "list")["holds"]
        assert (listed["kind"], listed["scope"], listed["request_id"]) == ("request", "preliminary", 1)
        with archive.unit() as session:
            assert holds.add_members(archive, session, new, [1, 2, 2]) == 2
            assert holds.add_members(archive, session, new, [2, 3]) == 1
            holds.narrow_to_members(archive, session, actor, 1)
        with archive.unit() as session:
            assert holds.turn_closed(archive, session, actor, 1, date(2028, 3, 10)) == new
    (listed,) = town.ok("hold", "list")["holds"]
    assert (listed["kind"], listed["until_on"], listed["members"]) == ("closed_request", "2028-03-10", 3)
