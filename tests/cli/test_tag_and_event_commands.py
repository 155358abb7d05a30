"""`archiver tag` and `archiver event` at the command line: exit codes, JSON shapes, roles, what is asked for."""

from pathlib import Path

import pytest

from connectors.contract import Page
from tests.fixtures.city import Town
from tests.fixtures.replay import post
from tests.fixtures.series import add_series, tagged

REASON = ("--reason", "zqreasonzq")


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """Two records in a series that counts from the closing of a case."""
    town = Town(tmp_path, monkeypatch)
    add_series(town, "closed", 1, "case_closed")
    town.source("web", Page(items=(post("a", "x"), post("b", "y"))))
    town.collect("web")
    town.ok("tag", "set", "R1,R2", "closed", *REASON)
    return town


def test_event_shapes(town: Town) -> None:
    """`event/1` counts records and those that changed; a withdrawal says so."""
    recorded = town.ok("event", "record", "case_closed", "--on", "2026-03-01", "--records", "R1,R2", *REASON)
    assert recorded == {
        "schema": "event/1",
        "trigger": "case_closed",
        "on": "2026-03-01",
        "records": 2,
        "changed": 2,
        "shortened": 0,
    }
    withdrawn = town.ok("event", "withdraw", "case_closed", "--records", "R2", *REASON)
    assert (withdrawn["schema"], withdrawn["withdrawn"], withdrawn["on"], withdrawn["records"]) == (
        *("event/1", True),
        *(None, 1),
    )
    assert (
        "is recorded of 1 records"
        in town.run(*("event", "record", "case_closed", "--on", "2026-03-01", "--records", "R2"), *REASON).out
    )


@pytest.mark.parametrize(
    "named",
    [
        (),
        ("--records", "R1", "--query", "x"),
        ("--records", "R99"),
        ("--records", "x"),
        ("--custodian", "Nobody"),
        ("--thread", "R99"),
        ("--query", "nosuchword"),
        ("--query", "nofield:x"),
    ],
)
def test_events_need_records_that_exist(town: Town, named: tuple[str, ...]) -> None:
    """No way to name them, two ways, an unknown record, custodian or thread, nothing found: exit 2, nothing written."""
    assert town.run("event", "record", "case_closed", "--on", "2026-03-01", *named, *REASON).code == 2
    assert town.run("event", "record", "no_such_event", "--on", "2026-03-01", "--records", "R1", *REASON).code == 2
    assert town.rows("SELECT count(*) FROM retention_event") == [(0,)]


def test_events_and_tags_are_acts_of_a_records_officer(town: Town) -> None:
    """Each leaves an event with its reason sealed; without the role all are refused and nothing changes."""
    town.ok("event", "record", "case_closed", "--on", "2026-03-01", "--records", "R1", *REASON)
    town.ok("tag", "official", "R1", "--duplicates", "R2", *REASON)
    told = "SELECT act FROM audit_event WHERE text_digest IS NOT NULL AND act IN ('event.record', 'copy.official')"
    assert sorted(town.rows(told)) == [("copy.official",), ("event.record",)]
    assert town.files_with("zqreasonzq") == []
    me = town.ok("person", "list")["persons"][0]["login"]
    town.ok("person", "role", me, "records_officer", "--end")
    before = tagged(town)
    for command in (
        ("event", "record", "case_closed", "--on", "2026-03-02", "--records", "R1", *REASON),
        ("event", "withdraw", "case_closed", "--records", "R1", *REASON),
        ("tag", "apply", "--all"),
        ("tag", "official", "R2", "--duplicates", "R1", *REASON),
    ):
        assert town.run(*command).code == 4, command
    assert tagged(town) == before


def test_a_second_person_gives_the_own_password(town: Town) -> None:
    """A wrong password, an unknown login, or a descriptor without a login is told; the wrong one is in the log."""
    town.second_administrator()
    command = ("event", "record", "case_closed", "--on", "2026-03-01", "--records", "R1", *REASON)
    assert town.with_password(*command, "--approve-login", "bea", password="not hers").code == 4
    assert town.rows("SELECT count(*) FROM audit_event WHERE act = 'password.wrong'") == [(1,)]
    assert town.run(*command, "--approve-login", "nobody").code == 4
    assert town.with_password(*command).code == 2
    assert town.with_password(*command, "--approve-login", "bea").code == 0


def test_applying_talks_and_counts(town: Town) -> None:
    """What would change is printed by series; the job stands in the ledger."""
    said = town.run("tag", "apply", "--all", "--dry-run")
    assert said.code == 0 and "0 of 2 records would get another series" in said.err
    told = town.ok("tag", "apply", "--all")
    assert told["schema"] == "tags-applied/1" and told["dry_run"] is False
    assert town.rows("SELECT count(*) FROM job_run WHERE job = 'tag.apply'") == [(2,)]
