"""Schedules: adopted once, confirmed by a records officer, and honest about what is not known."""

from pathlib import Path

import pytest

from archiver.retain.series import find_series
from schema.law import loader
from tests.fixtures.city import Town

EDITION = "mn-cities-2021-03"


def test_an_edition_is_adopted_once_by_an_officer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its series are copied with the day; a second time, or an unknown edition, is a mistake."""
    town = Town(tmp_path, monkeypatch)
    count = len(loader.schedule(EDITION).series)
    assert town.ok("schedule", "adopt", EDITION, "--on", "2026-01-05")["series"] == count
    listed = {one["edition"]: one["adopted_on"] for one in town.ok("schedule", "list")["schedules"]}
    assert listed[EDITION] == "2026-01-05" and set(listed) == {one.id for one in loader.schedules()}
    assert town.run("schedule", "adopt", EDITION, "--on", "2026-01-06").code == 2
    assert town.run("schedule", "adopt", "nowhere-1999", "--on", "2026-01-06").code == 2
    assert town.run("schedule", "adopt", EDITION, "--on", "soon").code == 2
    shown = town.ok("schedule", "show", EDITION)
    assert shown["adopted"] and len(shown["series"]) == count
    assert not town.ok("schedule", "show", "wa-core")["adopted"]
    assert town.run("schedule", "show", "nowhere-1999").code == 2


@pytest.mark.parametrize("edition", [one.id for one in loader.schedules()])
def test_every_published_edition_can_be_adopted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edition: str) -> None:
    """Whatever the law data say fits into the city's tables, and series with several triggers wait for a person."""
    town = Town(tmp_path, monkeypatch)
    town.ok("schedule", "adopt", edition, "--on", "2026-01-05")
    ready = {
        one["key"].removeprefix(f"{edition}:"): one["ready"] for one in town.ok("schedule", "show", edition)["series"]
    }
    for rule in loader.schedule(edition).series:
        if rule.trigger_or or not (rule.title_verified and rule.period_verified and rule.trigger_verified):
            assert not ready[rule.key], rule.key


def test_a_period_that_the_edition_does_not_give_cannot_be_confirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Confirming says "so it stands there"; where no period stands, nobody can say that."""
    town = Town(tmp_path, monkeypatch)
    town.ok("schedule", "adopt", EDITION, "--on", "2026-01-05")
    said = town.run("schedule", "confirm", "city-website-content", "--edition", "page 9")
    assert said.code == 2 and "schedule amend" in said.err and "not known" in said.err
    assert town.run("schedule", "confirm", "unscheduled", "--edition", "x").code == 2
    assert town.run("schedule", "confirm", "no-such", "--edition", "x").code == 2
    confirmed = town.ok("schedule", "confirm", "correspondence-general", "--edition", "March 2021, page 12")
    assert confirmed["series"] == f"{EDITION}:correspondence-general"
    shown = {one["key"]: one for one in town.ok("schedule", "show", EDITION)["series"]}
    assert shown[f"{EDITION}:correspondence-general"]["ready"] is True


def test_a_series_is_found_by_key_short_key_and_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As people write it; a wildcard in what they write is a letter like any other."""
    from archiver.errors import NotFound

    town = Town(tmp_path, monkeypatch)
    town.ok("schedule", "adopt", EDITION, "--on", "2026-01-05")
    with town.opened() as archive, archive.reading() as session:
        whole = find_series(session, f"{EDITION}:correspondence-general")
        assert find_series(session, "correspondence-general") == whole
        assert find_series(session, "LIB 01200").code == "LIB 01200"
        for wild in ("%", "correspondence_general", "", "correspondence"):
            with pytest.raises(NotFound):
                find_series(session, wild)


def test_adopting_and_confirming_need_the_role(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clerk who is neither records officer nor administrator is refused."""
    town = Town(tmp_path, monkeypatch)
    town.second_administrator()
    town.ok("schedule", "adopt", EDITION, "--on", "2026-01-05")
    me = town.ok("person", "list")["persons"][0]["login"]
    town.ok("person", "role", me, "records_officer", "--end")
    assert town.run("schedule", "confirm", "correspondence-general", "--edition", "x").code == 4
    assert town.run("schedule", "adopt", "wa-core", "--on", "2026-01-05").code == 0
    town.ok("person", "role", me, "administrator", "--end")
    assert town.run("schedule", "adopt", "az-gs-1018", "--on", "2026-01-05").code == 4


def test_the_archive_s_own_records_have_series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests, captures, events and the rest are never without one (decision 16)."""
    town = Town(tmp_path, monkeypatch)
    keys = {key for (key,) in town.rows("SELECT key FROM series WHERE schedule_id IS NULL")}
    assert {"unscheduled", "own:capture", "own:data_request", "own:production", "own:audit_event"} <= keys
