"""`config decide`: the city's decisions from a file, each mistake with its line, each edition with who and when."""

import tomllib
from pathlib import Path

import pytest

from archiver.archive import ApprovalStep
from tests.fixtures.city import Town

ALL = """# decided by the council on 12 October
fiscal_year_end = "06-30"
closed_request_days = 365
departments_answer = true
resolution_needed = true
cooling_off_days = 10
backup_days = 30

[holiday_options]
"Friday after Thanksgiving" = true

[city_targets]
"mn.public.respond" = 7

[[approvers]]
logins = ["bea", "cyd"]

[[approvers]]
role = "attorney"
"""


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city with two more people."""
    made = Town(tmp_path, monkeypatch)
    for login in ("bea", "cyd"):
        made.ok("person", "add", login.title(), "--login", login)
    return made


def write(town: Town, text: str) -> str:
    """A file with decisions."""
    path = town.folder.parent / "city.toml"
    path.write_text(text)
    return str(path)


def options(town: Town) -> str:
    """ALL with a holiday that this city's law leaves to it."""
    from archiver.data_requests.business_days import local_options
    from schema.law import loader

    return ALL.replace("Friday after Thanksgiving", next(iter(local_options(loader.jurisdiction("us-mn")))))


def test_a_new_edition_is_in_force_and_in_the_log(town: Town) -> None:
    """Every decision is read; the edition before stays; the log names who decided and which decisions changed."""
    said = town.ok("config", "decide", write(town, options(town)))
    assert said["edition"] == 2
    assert said["changed"]["cooling_off_days"] == {"before": 1, "after": 10}
    assert len(said["changed"]) == 9
    with town.opened() as archive:
        city = archive.city
    assert (city.fiscal_year_end, city.closed_request_days, city.backup_days) == ((6, 30), 365, 30)
    assert (city.departments_answer, city.resolution_needed) == (True, True)
    assert city.city_targets == {"mn.public.respond": 7} and list(city.holiday_options.values()) == [True]
    assert city.approvers == (ApprovalStep(logins=("bea", "cyd")), ApprovalStep(role="attorney"))
    assert (city.name, city.for_tests) == ("Test City", True)
    assert town.rows("SELECT count(*), max(person_id) FROM city_edition") == [(2, 1)]
    ((facts,),) = town.rows("SELECT facts FROM audit_event WHERE act = 'city.decide' AND actor_id = 1")
    assert "cooling_off_days" in facts


def test_what_a_file_does_not_name_stays(town: Town) -> None:
    """One key changes one decision; the same file again changes nothing and makes no edition."""
    town.ok("config", "decide", write(town, options(town)))
    said = town.ok("config", "decide", write(town, 'closed_request_days = "undecided"\n'))
    assert said["changed"] == {"closed_request_days": {"before": 365, "after": "undecided"}}
    again = town.ok("config", "decide", write(town, 'closed_request_days = "undecided"\n'))
    assert (again["edition"], again["changed"]) == (None, {})
    with town.opened() as archive:
        assert archive.city.closed_request_days is None and archive.city.cooling_off_days == 10


def test_show_prints_a_file_that_can_be_decided(town: Town) -> None:
    """What --show prints is TOML, says what is in force, and decides nothing new when it is read back."""
    town.ok("config", "decide", write(town, options(town)))
    shown = town.run("config", "decide", "--show").out
    assert tomllib.loads(shown) == tomllib.loads(options(town))
    assert town.ok("config", "decide", write(town, shown))["edition"] is None
    assert town.ok("config", "decide", "--show")["toml"] == shown


def test_a_dry_run_changes_nothing(town: Town) -> None:
    """The differences are said; no edition, no event."""
    said = town.run("config", "decide", write(town, "cooling_off_days = 10\n"), "--dry-run")
    assert said.code == 0 and "cooling_off_days: 1 -> 10" in said.out and "would" in said.out
    assert town.rows("SELECT count(*) FROM city_edition") == [(1,)]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("backup_days = 9\ncooling_of_days = 3\n", ("city.toml:2", "cooling_of_days", "cooling_off_days")),
        ("\ncooling_off_days = -1\n", ("city.toml:2", "cooling_off_days", "-1")),
        ("cooling_off_days = true\n", ("city.toml:1", "number of days")),
        ("backup_days = 0\n", ("city.toml:1", "backup_days")),
        ("departments_answer = 1\n", ("city.toml:1", "true or false")),
        ('fiscal_year_end = "02-30"\n', ("city.toml:1", "02-30")),
        ('fiscal_year_end = "30 June"\n', ("city.toml:1", "06-30")),
        ("for_tests = false\n", ("city.toml:1", "for_tests")),
        ('jurisdiction = "us-mo"\n', ("city.toml:1", "jurisdiction")),
        ('\n[holiday_options]\n"Pi Day" = true\n', ("city.toml:2", "Pi Day")),
        ('[city_targets]\n"mn.subject.comply" = 3\n', ("city.toml:1", "13.04", "can't replace")),
        ('[city_targets]\n"no.rule" = 3\n', ("city.toml:1", "no.rule")),
        ("approvers = []\n", ("city.toml:1", "at least one step")),
        ('[[approvers]]\nrole = "king"\n', ("city.toml:1", "step 1", "king", "attorney")),
        ('[[approvers]]\nrole = "clerk"\nlogins = ["bea"]\n', ("city.toml:1", "either")),
        ('[[approvers]]\nlogins = ["zed"]\n', ("city.toml:1", "zed")),
        ('[[approvers]]\nlogin = ["bea"]\n', ("city.toml:1", "login")),
        ("[[approvers\n", ("city.toml", "line 1")),
    ],
)
def test_a_mistake_is_named_with_its_line(town: Town, written: str, expected: tuple[str, ...]) -> None:
    """Unknown decisions and wrong values: exit 2, one line, nothing decided."""
    said = town.run("config", "decide", write(town, written))
    assert said.code == 2 and said.err.count("\n") == 1
    for word in expected:
        assert word in said.err
    assert town.rows("SELECT count(*) FROM city_edition") == [(1,)]


def test_a_missing_file_and_no_file(town: Town) -> None:
    """Each is said in one line."""
    assert town.run("config", "decide", "nowhere.toml").code == 2
    assert "--show" in town.run("config", "decide").err


def test_only_an_administrator_decides(town: Town) -> None:
    """Whoever is none may look, and is refused to decide."""
    town.act("UPDATE person_role SET ended_at = 1 WHERE role = 'administrator'")
    assert town.run("config", "decide", write(town, "cooling_off_days = 0\n")).code == 4
    assert town.run("config", "decide", "--show").code == 0
    assert town.rows("SELECT count(*) FROM city_edition") == [(1,)]
