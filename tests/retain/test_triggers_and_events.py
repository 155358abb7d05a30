"""Triggers: what starts a period, to the day; a removal only where the source says gone or a person says removed."""

from pathlib import Path

import pytest

from connectors.contract import Enumeration, Page
from schema.item import Gone, Moment
from schema.vocab import Visibility
from tests.fixtures.city import Town
from tests.fixtures.replay import DAY, HOUR, NOON, post
from tests.fixtures.series import add_series, put_in_force, tagged

EVENTS = ("action_completed", "superseded", "case_closed", "resolved", "separation", "volunteer_period_end")
REASON = ("--reason", "as the file says")


def _town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    return Town(tmp_path, monkeypatch)


def _posts(town: Town, *names: str, **fields: object) -> None:
    town.source("web", Page(items=tuple(post(one, f"text {one}", **fields) for one in names)))  # type: ignore[arg-type]  # fields of an item
    assert town.collect("web")["new_records"] == len(names)


@pytest.mark.parametrize("trigger", EVENTS)
def test_an_event_starts_the_period_of_its_series_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trigger: str
) -> None:
    """Each kind of event dates the records whose series counts from it, and leaves the others as they are."""
    town = _town(tmp_path, monkeypatch)
    add_series(town, "mine", 2, trigger)
    add_series(town, "other", 2, "case_closed" if trigger != "case_closed" else "resolved")
    _posts(town, "a", "b")
    town.ok("tag", "set", "R1", "mine", *REASON)
    town.ok("tag", "set", "R2", "other", *REASON)
    assert {one[2] for one in tagged(town).values()} == {None}
    told = town.ok("event", "record", trigger, "--on", "2026-02-10", "--records", "R1,R2", *REASON)
    assert (told["records"], told["changed"], told["shortened"]) == (2, 1, 0)
    assert tagged(town) == {1: ("mine", "2026-02-10", "2028-02-11"), 2: ("other", None, None)}
    tag = town.ok("tag", "explain", "R1")
    assert [(one["trigger"], one["on"]) for one in tag["events"]] == [(trigger, "2026-02-10")]
    assert tag["events"][0]["by"] == town.rows("SELECT name FROM person WHERE id = 1")[0][0]
    assert f"Event {trigger} on 2026-02-10" in town.run("tag", "explain", "R1").out


@pytest.mark.parametrize(
    ("number", "unit", "on", "due"),
    [
        (1, "year", "2024-02-29", "2025-03-01"),
        (4, "year", "2024-02-28", "2028-02-29"),
        (1, "year", "2024-02-28", "2025-03-01"),
        (1, "month", "2026-01-30", "2026-03-01"),
        (30, "day", "2026-02-08", "2026-03-11"),
        (2, "fiscal_year", "2026-02-10", "2029-01-01"),
        (0, "day", "2026-02-10", "2026-02-11"),
    ],
)
def test_the_day_after_the_last_day_that_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, unit: str, on: str, due: str
) -> None:
    """Leap days, months without such a day, and fiscal years that end after the event: never a day early."""
    town = _town(tmp_path, monkeypatch)
    add_series(town, "closed", number, "case_closed", unit=unit)
    _posts(town, "a")
    town.ok("tag", "set", "R1", "closed", *REASON)
    town.ok("event", "record", "case_closed", "--on", on, "--records", "R1", *REASON)
    assert tagged(town)[1] == ("closed", on, due)


def test_periods_until_superseded_end_with_the_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept until superseded: no date before the event, the next day after it."""
    town = _town(tmp_path, monkeypatch)
    add_series(town, "manuals", None, "superseded", kind="until_superseded")
    _posts(town, "a")
    town.ok("tag", "set", "R1", "manuals", *REASON)
    town.ok("event", "record", "superseded", "--on", "2026-02-28", "--records", "R1", *REASON)
    assert tagged(town)[1] == ("manuals", "2026-02-28", "2026-03-01")


def test_year_ends_and_creation_come_from_the_record_s_own_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No event is needed, and none can be recorded: 3 March 2026 lies in the years that end on 31 December."""
    town = _town(tmp_path, monkeypatch)
    for trigger in ("created", "received_or_sent", "fiscal_year_end", "calendar_year_end"):
        add_series(town, trigger, 1, trigger)
    _posts(town, "a", "b", "c", "d")
    for number, key in enumerate(("created", "received_or_sent", "fiscal_year_end", "calendar_year_end"), 1):
        town.ok("tag", "set", f"R{number}", key, *REASON)
        said = town.run("event", "record", key, "--on", "2026-02-10", "--records", "R1", *REASON)
        assert said.code == 2 and "no event" in said.err
    assert [one[2] for one in tagged(town).values()] == ["2027-03-04", "2027-03-04", "2028-01-01", "2028-01-01"]


def test_the_latest_of_several_events_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later event moves the date on, an earlier one changes nothing, the same one is not noted twice."""
    town = _town(tmp_path, monkeypatch)
    add_series(town, "closed", 1, "case_closed")
    _posts(town, "a")
    town.ok("tag", "set", "R1", "closed", *REASON)
    for on, changed in (("2026-01-10", 1), ("2026-02-10", 1), ("2025-12-01", 0), ("2026-02-10", 0)):
        assert town.ok("event", "record", "case_closed", "--on", on, "--records", "R1", *REASON)["changed"] == changed
    assert tagged(town)[1] == ("closed", "2026-02-10", "2027-02-11")
    assert town.rows("SELECT count(*) FROM retention_event") == [(3,)]
    said = town.run("event", "record", "case_closed", "--on", "2026-03-11", "--records", "R1", *REASON)
    assert said.code == 2 and "still to come" in said.err


def test_a_withdrawn_event_stops_the_period_and_a_shorter_one_takes_a_second_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Withdrawing alone is longer; stating an earlier day afterwards is shorter: refused, then approved by another."""
    town = _town(tmp_path, monkeypatch)
    town.second_administrator()
    add_series(town, "closed", 1, "case_closed")
    _posts(town, "a")
    town.ok("tag", "set", "R1", "closed", *REASON)
    recorded = ("event", "record", "case_closed", "--records", "R1", *REASON)
    town.ok(*recorded, "--on", "2026-02-10")
    assert town.run("event", "withdraw", "case_closed", "--records", "R1", *REASON).code == 0
    assert tagged(town)[1] == ("closed", None, None)
    said = town.run(*recorded, "--on", "2025-02-10")
    assert said.code == 4 and "second person" in said.err
    assert tagged(town)[1] == ("closed", None, None)
    assert town.rows("SELECT count(*) FROM retention_event WHERE withdrawn_at IS NULL") == [(0,)], "all or nothing"
    assert town.with_password(*recorded, "--on", "2025-02-10", "--approve-login", "bea").code == 0
    assert tagged(town)[1] == ("closed", "2025-02-10", "2026-02-11")
    tag = town.ok("tag", "explain", "R1")
    assert tag["second_person"] == "Bea" and [bool(one["withdrawn_at"]) for one in tag["events"]] == [True, False]


def test_withdrawing_the_later_of_two_events_takes_a_second_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The earlier event would count and the running period become shorter; the second person is another one."""
    town = _town(tmp_path, monkeypatch)
    town.second_administrator()
    me = town.ok("person", "list")["persons"][0]["login"]
    assert town.with_password("person", "passwd", me).code == 0
    add_series(town, "closed", 1, "case_closed")
    _posts(town, "a")
    town.ok("tag", "set", "R1", "closed", *REASON)
    for on in ("2026-01-10", "2026-02-10"):
        town.ok("event", "record", "case_closed", "--on", on, "--records", "R1", *REASON)
    withdrawn = ("event", "withdraw", "case_closed", "--on", "2026-02-10", "--records", "R1", *REASON)
    assert town.run(*withdrawn).code == 4
    said = town.with_password(*withdrawn, "--approve-login", me)
    assert said.code == 4 and "cannot be the second person" in said.err
    assert tagged(town)[1][1] == "2026-02-10"
    assert town.with_password(*withdrawn, "--approve-login", "bea").code == 0
    assert tagged(town)[1] == ("closed", "2026-01-10", "2027-01-11")
    assert town.run(*withdrawn).code == 2, "there is no such event left"


def test_events_of_a_thread_a_custodian_and_a_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One act is about every record of a thread, of a custodian's accounts and devices, or that a search finds."""
    town = _town(tmp_path, monkeypatch)
    add_series(town, "closed", 1, "case_closed")
    add_series(town, "personnel", 6, "separation")
    town.ok("custodian", "add", "Pat Doe", "--kind", "employee")
    town.ok("account", "add", "pats", "--platform", "feed", "--ownership", "city", "--custodian", "Pat Doe")
    town.source(
        "web", Page(items=(post("a", "plow", thread_id="t1"), post("b", "x", thread_id="t1"), post("c", "plow")))
    )
    town.source("pat", Page(items=(post("d", "plow"), post("e", "y"))), options=("--account", "pats"))
    for name in ("web", "pat"):
        town.collect(name)
    town.ok("tag", "set", "R1,R2,R3", "closed", *REASON)
    town.ok("tag", "set", "R4,R5", "personnel", *REASON)
    recorded = ("event", "record", "case_closed", *REASON)
    assert town.ok(*recorded, "--on", "2026-01-05", "--thread", "R2")["records"] == 2
    assert town.run(*recorded, "--on", "2026-01-05", "--thread", "R3").code == 2, "it is in no thread"
    assert town.ok(*recorded, "--on", "2026-01-06", "--query", "plow")["records"] == 3
    said = town.ok("event", "record", "separation", "--on", "2026-06-30", "--custodian", "Pat Doe", *REASON)
    assert said["records"] == 2
    assert [one[1] for one in tagged(town).values()] == [
        *("2026-01-06", "2026-01-05", "2026-01-06"),
        *("2026-06-30", "2026-06-30"),
    ]


def test_records_collected_after_a_separation_count_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Later records of the same custodian have the date at once; withdrawn, all wait for the event again."""
    town = _town(tmp_path, monkeypatch)
    add_series(town, "personnel", 6, "separation")
    town.ok("custodian", "add", "Pat Doe", "--kind", "employee")
    town.ok("account", "add", "pats", "--platform", "feed", "--ownership", "city", "--custodian", "Pat Doe")
    put_in_force(town, '[[rule]]\ncustodian = "Pat Doe"\nseries = "personnel"\n')
    town.source("pat", Page(items=(post("a", "x"),)), options=("--account", "pats"))
    town.collect("pat")
    town.ok("event", "record", "separation", "--on", "2026-02-28", "--custodian", "Pat Doe", *REASON)
    town.script("pat", Page(items=(post("b", "y"),)))
    town.collect("pat")
    assert tagged(town) == dict.fromkeys((1, 2), ("personnel", "2026-02-28", "2032-03-01"))
    assert town.ok("custodian", "list")["custodians"][0]["ended_on"] == "2026-02-28"
    town.ok("event", "withdraw", "separation", "--custodian", "Pat Doe", *REASON)
    assert tagged(town) == dict.fromkeys((1, 2), ("personnel", None, None))
    assert town.ok("custodian", "list")["custodians"][0]["ended_on"] is None


def _public(town: Town, *names: str, **fields: object) -> None:
    add_series(town, "published", 2, "removed_from_public_view")
    put_in_force(town, '[[rule]]\nplatform = "feed"\nseries = "published"\n')
    _posts(town, *names, **fields)


def test_gone_starts_the_period_on_the_city_s_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gone at 23:30 in Chicago on the day the clocks change, already the next day in UTC: the city's day counts."""
    town = _town(tmp_path, monkeypatch)
    town.at("2026-03-05T12:00:00-06:00")
    _public(town, "a", "b")
    town.at("2026-03-09T12:00:00-05:00")
    at = NOON + 5 * DAY + 10 * HOUR + HOUR // 2  # 2026-03-08 23:30 in Chicago, an hour shorter that day
    town.script("web", Page(gone=(Gone("a", "404", Moment(at)),)))
    town.collect("web")
    assert tagged(town) == {1: ("published", "2026-03-08", "2028-03-09"), 2: ("published", None, None)}
    tag = town.ok("tag", "explain", "R1")
    assert [(one["on"], one["by"]) for one in tag["events"]] == [("2026-03-08", "observed at its source")]
    assert town.rows("SELECT count(*) FROM retention_event WHERE observation_id IS NOT NULL") == [(1,)]


@pytest.mark.parametrize(("at", "day"), [(0, "2026-03-10"), (NOON + 4_000 * DAY, "2026-03-11")])
def test_a_source_cannot_date_a_removal_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, day: str
) -> None:
    """A removal that the source claims before we last saw the item counts from then; one to come counts from now."""
    town = _town(tmp_path, monkeypatch)
    _public(town, "a")
    town.at("2026-03-11T12:00:00-05:00")
    town.script("web", Page(gone=(Gone("a", "404", Moment(at)),)))
    town.collect("web")
    assert tagged(town)[1][1] == day


def test_missing_hidden_and_failed_are_no_removal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not listed, hidden by staff, refused, unreachable: facts of their own that start no period."""
    town = _town(tmp_path, monkeypatch)
    _public(town, "a", "b")
    for step in (
        Page(items=(post("a", "text a", hidden=True),)),
        Page(items=(), complete=Enumeration()),
        PermissionError("401"),
        OSError("no route"),
    ):
        town.script("web", step)
        town.collect("web")
    kinds = {kind for (kind,) in town.rows("SELECT DISTINCT kind FROM observation")}
    assert kinds >= {"hidden", "missing"} and "gone" not in kinds
    assert tagged(town) == dict.fromkeys((1, 2), ("published", None, None))
    assert town.rows("SELECT count(*) FROM retention_event") == [(0,)]


def test_what_was_never_public_is_not_removed_from_public_view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A private item that vanishes starts no period; a person's statement does."""
    town = _town(tmp_path, monkeypatch)
    _public(town, "a", visibility=Visibility.PRIVATE)
    town.script("web", Page(gone=(Gone("a", "404"),)))
    town.collect("web")
    assert tagged(town)[1] == ("published", None, None)
    town.ok("event", "record", "removed_from_public_view", "--on", "2026-03-09", "--records", "R1", *REASON)
    assert tagged(town)[1] == ("published", "2026-03-09", "2028-03-10")


@pytest.mark.parametrize("listed_only", [False, True])
def test_back_in_view_withdraws_the_removal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed_only: bool) -> None:
    """The item is there again: the period stops, the event stays to be read; gone again, it counts from then."""
    town = _town(tmp_path, monkeypatch)
    _public(town, "a")
    town.script("web", Page(gone=(Gone("a", "404"),)))
    town.collect("web")
    assert tagged(town)[1][1] == "2026-03-10"
    town.at("2026-03-12T12:00:00-05:00")
    town.script("web", Page(still_there=("a",)) if listed_only else Page(items=(post("a", "text a"),)))
    town.collect("web")
    assert tagged(town)[1] == ("published", None, None)
    assert town.ok("tag", "explain", "R1")["events"][0]["withdrawn_at"].startswith("2026-03-12")
    town.at("2026-03-20T12:00:00-05:00")
    town.script("web", Page(gone=(Gone("a", "404"),)))
    town.collect("web")
    assert tagged(town)[1] == ("published", "2026-03-20", "2028-03-21")


def test_a_removal_does_not_undercut_what_ran_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept permanently before, now counting from removal: gone alone gives no date, a second person does."""
    town = _town(tmp_path, monkeypatch)
    town.second_administrator()
    add_series(town, "forever", None, "none", kind="permanent")
    add_series(town, "published", 2, "removed_from_public_view")
    _posts(town, "a")
    town.ok("tag", "set", "R1", "forever", *REASON)
    town.ok("tag", "set", "R1", "published", *REASON)
    town.script("web", Page(gone=(Gone("a", "404"),)))
    town.collect("web")
    assert tagged(town)[1] == ("published", None, None)
    assert "does not count" in town.ok("tag", "explain", "R1")["explanation"]
    stated = ("event", "record", "removed_from_public_view", "--on", "2026-03-10", "--records", "R1", *REASON)
    assert town.run(*stated).code == 4
    assert town.with_password(*stated, "--approve-login", "bea").code == 0
    assert tagged(town)[1] == ("published", "2026-03-10", "2028-03-11")


def test_postgresql_dates_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str) -> None:
    """The same acts on PostgreSQL: set in bulk, events, refusal, second person, separation, gone and back, rules."""
    town = Town(tmp_path, monkeypatch, database=postgres_url)
    town.second_administrator()
    add_series(town, "closed", 1, "case_closed")
    add_series(town, "personnel", 6, "separation")
    add_series(town, "published", 2, "removed_from_public_view")
    town.ok("custodian", "add", "Pat Doe", "--kind", "employee")
    town.ok("account", "add", "pats", "--platform", "feed", "--ownership", "city", "--custodian", "Pat Doe")
    town.source("web", Page(items=tuple(post(one, one) for one in "abc")), options=("--account", "pats"))
    town.collect("web")
    town.ok("tag", "set", "R1,R2", "closed", *REASON)
    recorded = ("event", "record", "case_closed", "--records", "R1,R2", *REASON)
    assert town.ok(*recorded, "--on", "2026-02-10")["changed"] == 2
    town.ok("event", "withdraw", "case_closed", "--records", "R1", *REASON)
    assert town.run(*recorded, "--on", "2025-02-10").code == 4
    assert town.with_password(*recorded, "--on", "2025-02-10", "--approve-login", "bea").code == 0
    town.ok("tag", "set", "R3", "personnel", *REASON)
    town.ok("event", "record", "separation", "--on", "2026-02-28", "--custodian", "Pat Doe", *REASON)
    days = "SELECT CAST(due_on AS TEXT) FROM retention_tag WHERE ended_at IS NULL ORDER BY record_id"
    assert town.rows(days) == [("2026-02-11",), ("2027-02-11",), ("2032-03-01",)]
    put_in_force(town, '[[rule]]\nplatform = "feed"\nwords = ["d", "e"]\nseries = "published"\n')
    town.script("web", Page(items=(post("d", "d"),)))
    town.collect("web")
    town.script("web", Page(gone=(Gone("d", "404"),)))
    town.collect("web")
    assert town.rows(days)[3] == ("2028-03-11",)
    town.script("web", Page(items=(post("d", "d"),)))
    town.collect("web")
    assert town.rows(days)[3] == (None,)
    assert town.ok("tag", "apply", "--all", "--dry-run")["records"] == 4
    town.ok("tag", "official", "R1", "--duplicates", "R2", *REASON)
    assert town.ok("tag", "duplicates", "R1")["duplicates"][0]["record"] == "R2"
