"""Amending a series: the past stays, records move in bulk, and no running period becomes shorter silently."""

from pathlib import Path

import pytest

from tests.fixtures.city import Town
from tests.fixtures.schedules import adopted, approved, records, tags

WHY = ("--reason", "the council decided")


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city with an own schedule, a record in each of three series, and a second administrator."""
    town = Town(tmp_path, monkeypatch)
    adopted(town, tmp_path)
    records(town, "gen", "long", "case")
    town.second_administrator()
    return town


def test_a_longer_period_moves_its_records_and_waits_for_confirmation(town: Town) -> None:
    """The old row keeps its text under #1; the new one takes key and records, undated until confirmed again."""
    assert tags(town)[1] == ("old-2020:gen", "2029-03-04")
    done = town.ok("schedule", "amend", "gen", "--period", "5 years after received", *WHY)
    assert (done["moved"], done["longer"], done["waiting"]) == (1, 1, 0)
    assert tags(town)[1] == ("old-2020:gen", None)
    past = town.rows(
        "SELECT retention_text, ended_at IS NOT NULL, confirmed_by FROM series WHERE key = 'old-2020:gen#1'"
    )
    assert past == [("3 years after received", 1, 1)]
    new = "SELECT retention_text, title, confirmed_by, title_verified FROM series WHERE key = 'old-2020:gen'"
    assert town.rows(new) == [("5 years after received", "Title gen", None, 0)]
    replaced = "SELECT n.key FROM series o JOIN series n ON n.id = o.replaced_by WHERE o.key = 'old-2020:gen#1'"
    assert town.rows(replaced) == [("old-2020:gen",)]
    town.ok("schedule", "confirm", "gen", "--edition", "2026", "--period", "5 years")
    assert tags(town)[1] == ("old-2020:gen", "2031-03-04")
    assert town.rows("SELECT count(*) FROM retention_tag WHERE record_id = 1") == [(2,)]
    assert town.rows("SELECT rule_id IS NOT NULL FROM retention_tag WHERE record_id = 1") == [(1,), (1,)]


def test_a_shorter_period_waits_for_a_second_person(town: Town) -> None:
    """Alone nobody shortens: the record keeps tag and date, is counted and listed; a second person lets it go."""
    done = town.ok("schedule", "amend", "long", "--period", "2 years", *WHY)
    assert (done["moved"], done["waiting"], done["waiting_records"]) == (0, 1, ["R2"])
    assert tags(town)[2] == ("old-2020:long#1", "2032-03-04")
    town.ok("schedule", "confirm", "long", "--edition", "2026", "--period", "2 years")
    assert tags(town)[2] == ("old-2020:long#1", "2032-03-04"), "confirming is no way round"
    assert town.ok("schedule", "check")["ended"] == [
        {"series": "old-2020:long#1", "records": 1, "replaced_by": "old-2020:long"}
    ]
    assert town.ok("schedule", "move")["waiting"] == 1, "moving again alone changes nothing"
    assert approved(town, "schedule", "move").code == 2, "a second person needs a reason"
    assert approved(town, "schedule", "move", "--reason", "x", by="nobody").code == 4
    wrong = town.with_password("schedule", "move", "--reason", "x", "--approve-login", "bea", password="not the one")
    assert wrong.code == 4
    assert tags(town)[2] == ("old-2020:long#1", "2032-03-04")
    assert approved(town, "schedule", "move", "--reason", "the council said so").code == 0
    assert tags(town)[2] == ("old-2020:long", "2028-03-04")
    second = "SELECT p.login FROM retention_tag t JOIN person p ON p.id = t.second_person_id WHERE t.ended_at IS NULL"
    assert town.rows(second) == [("bea",)]
    assert town.ok("schedule", "check")["ended"] == []


def test_the_second_person_is_another_one_with_a_role(town: Town) -> None:
    """Neither the actor nor a mere custodian may stand in; nothing is amended then."""
    me = town.ok("person", "list")["persons"][0]["login"]
    town.with_password("person", "passwd", me)
    town.ok("person", "add", "Cyd", "--login", "cyd", "--role", "custodian")
    town.with_password("person", "passwd", "cyd")
    for login in (me, "cyd"):
        said = approved(town, "schedule", "amend", "long", "--period", "2 years", *WHY, by=login)
        assert said.code == 4, said.err
    assert town.rows("SELECT count(*) FROM series WHERE key LIKE '%#%'") == [(0,)]
    assert approved(town, "schedule", "amend", "long", "--period", "2 years", *WHY).code == 0
    assert tags(town)[2] == ("old-2020:long", None)


def test_a_date_where_none_ran_is_shorter_too(town: Town) -> None:
    """A period that waits for its event is the longest; counting from the receipt would give it an end."""
    done = town.ok("schedule", "amend", "case", "--trigger", "received_or_sent", *WHY)
    assert done["waiting"] == 1 and tags(town)[3] == ("old-2020:case#1", None)
    town.ok("schedule", "confirm", "case", "--edition", "2026")
    assert tags(town)[3] == ("old-2020:case#1", None)


def test_only_keeping_threads_together_needs_no_new_row(town: Town) -> None:
    """The series stays confirmed and its tags stay; the change is in the log with its reason."""
    done = town.ok("schedule", "amend", "gen", "--keep-threads", *WHY)
    assert done["in_place"] and done["records"] == 0
    assert town.rows("SELECT keep_threads, confirmed_by IS NOT NULL FROM series WHERE key = 'old-2020:gen'") == [(1, 1)]
    assert tags(town)[1] == ("old-2020:gen", "2029-03-04")
    town.ok("schedule", "amend", "gen", "--no-keep-threads", *WHY)
    shown = {one["key"]: one["keep_threads"] for one in town.ok("schedule", "show", "old-2020")["series"]}
    assert shown["old-2020:gen"] is False
    logged = "SELECT count(*) FROM audit_event WHERE act = 'schedule.amend' AND text_digest IS NOT NULL"
    assert town.rows(logged) == [(2,)]


def test_a_dry_run_says_the_same_and_changes_nothing(town: Town) -> None:
    """The counts of the look ahead are those of the act."""
    ask = ("schedule", "amend", "long", "--period", "2 years after received", *WHY)
    series, tagged = town.rows("SELECT * FROM series"), town.rows("SELECT * FROM retention_tag")
    ahead = town.ok(*ask, "--dry-run")
    assert (town.rows("SELECT * FROM series"), town.rows("SELECT * FROM retention_tag")) == (series, tagged)
    done = town.ok(*ask)
    for count in ("records", "moved", "longer", "unchanged", "shorter", "waiting"):
        assert ahead[count] == done[count], count


def test_a_title_alone_changes_no_date(town: Town) -> None:
    """Same period: the record moves as unchanged, and has its date again once the title is confirmed."""
    done = town.ok("schedule", "amend", "gen", "--title", "Letters", "--statute", "138.17", *WHY)
    assert (done["unchanged"], done["longer"], done["waiting"]) == (1, 0, 0)
    town.ok("schedule", "confirm", "gen", "--edition", "2026")
    assert tags(town)[1] == ("old-2020:gen", "2029-03-04")
    town.ok("schedule", "amend", "gen", "--title", "Letters and notes", *WHY)
    keys = {key for (key,) in town.rows("SELECT key FROM series WHERE key LIKE 'old-2020:gen%'")}
    assert keys == {"old-2020:gen", "old-2020:gen#1", "old-2020:gen#2"}
    town.ok("schedule", "confirm", "gen", "--edition", "2026")
    assert tags(town)[1] == ("old-2020:gen", "2029-03-04")


def test_new_records_and_searches_follow_the_amended_series(town: Town) -> None:
    """Rules that name the series mean the living one; the index finds those that wait under the old key."""
    from connectors.contract import Page
    from tests.fixtures.replay import post

    town.ok("schedule", "amend", "long", "--period", "2 years", *WHY)
    town.script("web", Page(items=(post("new", "wordlong"),)))
    town.collect("web")
    assert tags(town)[4] == ("old-2020:long", None)
    assert town.ok("search", "series:old-2020:long#1", "--count")["count"] == 1
    assert town.ok("search", "series:old-2020:long", "--count")["count"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("gen",), 2, "say what changes"),
        (("gen", "--period", "a while"), 2, "is not understood"),
        (("gen", "--period", "3 years after created", "--trigger", "superseded"), 2, "another event"),
        (("ever", "--period", "3 years"), 2, "--trigger"),
        (("unscheduled", "--period", "3 years after created"), 2, "built in"),
        (("nothing", "--title", "x"), 2, "no series nothing"),
        (("gen#1", "--title", "x"), 4, "old-2020:gen"),
    ],
)
def test_what_cannot_be_amended(town: Town, arguments: tuple[str, ...], code: int, said: str) -> None:
    """Mistakes are named, and nothing is changed."""
    town.ok("schedule", "amend", "gen", "--title", "Other", *WHY)
    before = town.rows("SELECT * FROM series")
    found = town.run("schedule", "amend", *arguments, *WHY)
    assert (found.code, said in found.err) == (code, True), found.err
    assert town.rows("SELECT * FROM series") == before


def test_the_city_s_own_records_can_have_a_period(town: Town) -> None:
    """The built-in series of captures, requests and the rest are amended and confirmed like others."""
    town.ok("schedule", "amend", "own:capture", "--period", "10 years after created", *WHY)
    done = town.ok("schedule", "confirm", "own:capture", "--edition", "policy", "--period", "10 years after creation")
    assert done["series"] == "own:capture"
    town.ok("schedule", "amend", "vague", "--period", "1 year after created", *WHY)
    assert town.run("schedule", "confirm", "vague", "--edition", "policy").code == 0


def test_amending_needs_the_role(town: Town) -> None:
    """An administrator who is no records officer is refused."""
    me = town.ok("person", "list")["persons"][0]["login"]
    town.ok("person", "role", me, "records_officer", "--end")
    assert town.run("schedule", "amend", "gen", "--title", "x", *WHY).code == 4
    assert town.run("schedule", "move").code == 4
