"""Superseding an edition by a crosswalk: records move in bulk, never to an earlier date without a second person."""

from pathlib import Path

import pytest
from openpyxl import Workbook

from tests.fixtures.city import Town
from tests.fixtures.schedules import adopted, approved, crosswalk, edition, records, tags

NEW = {"mail": "3 years after received", "short": "1 year after received", "ever": "permanent", "case": "permanent"}
PAIRS = {"gen": "mail", "long": "short", "ever": "ever"}


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city under `old-2020` with a record in each series, the edition `new-2026` adopted beside it."""
    town = Town(tmp_path, monkeypatch)
    adopted(town, tmp_path)
    records(town, "gen", "long", "ever", "case", "vague")
    adopted(town, tmp_path, "new-2026", NEW)
    town.second_administrator()
    return town


def _supersede(file: Path, *more: str) -> tuple[str, ...]:
    return ("schedule", "supersede", "old-2020", "new-2026", "--on", "2026-03-01", "--crosswalk", str(file), *more)


def test_records_move_and_shorter_ones_wait(tmp_path: Path, town: Town) -> None:
    """Unchanged and longer ones move, a shorter one keeps its tag, the rest has no counterpart; all is counted."""
    done = town.ok(*_supersede(crosswalk(tmp_path, PAIRS)))
    lines = {line["old"].partition(":")[2]: line for line in done["series"]}
    assert (lines["gen"]["unchanged"], lines["ever"]["unchanged"], lines["long"]["waiting"]) == (1, 1, 1)
    assert done["without_counterpart"] == [
        {"series": "old-2020:case", "records": 1},
        {"series": "old-2020:vague", "records": 1},
    ]
    assert tags(town) == {
        1: ("new-2026:mail", "2029-03-04"),
        2: ("old-2020:long", "2032-03-04"),
        3: ("new-2026:ever", None),
        4: ("old-2020:case", None),
        5: ("old-2020:vague", None),
    }
    assert town.rows("SELECT count(*) FROM series_crosswalk WHERE reason = 'same records'") == [(3,)]
    living = "SELECT count(*) FROM series WHERE key LIKE 'old-2020:%' AND ended_at IS NULL"
    assert town.rows(living) == [(0,)], "every series of the old edition ends"
    listed = {one["edition"]: one["superseded_by"] for one in town.ok("schedule", "list")["schedules"]}
    assert (listed["old-2020"], listed["new-2026"]) == ("new-2026", None)
    ended = {one["series"]: one["replaced_by"] for one in town.ok("schedule", "check")["ended"]}
    assert ended == {"old-2020:long": "new-2026:short", "old-2020:case": None, "old-2020:vague": None}


def test_a_second_person_lets_the_rest_go(tmp_path: Path, town: Town) -> None:
    """The same command again, approved, moves what waited and names the second person in tag and log."""
    file = crosswalk(tmp_path, PAIRS)
    town.ok(*_supersede(file))
    assert approved(town, *_supersede(file)).code == 0
    assert tags(town)[2] == ("new-2026:short", "2027-03-04")
    second = "SELECT second_person_id IS NOT NULL FROM retention_tag WHERE ended_at IS NULL AND record_id <= 3"
    assert town.rows(second + " ORDER BY record_id") == [(0,), (1,), (0,)]
    logged = town.rows("SELECT facts FROM audit_event WHERE act = 'tag.move' ORDER BY id")
    assert '"second_person"' in logged[-1][0] and '"second_person"' not in logged[0][0]
    assert town.rows("SELECT count(*) FROM series_crosswalk") == [(3,)]


def test_a_longer_crosswalk_takes_up_what_was_left(tmp_path: Path, town: Town) -> None:
    """What had no counterpart gets one by a second file; another counterpart than before is refused."""
    town.ok(*_supersede(crosswalk(tmp_path, PAIRS)))
    done = town.ok(*_supersede(crosswalk(tmp_path, {**PAIRS, "case": "case"})))
    assert tags(town)[4] == ("new-2026:case", None) and done["without_counterpart"][0]["series"] == "old-2020:vague"
    said = town.run(*_supersede(crosswalk(tmp_path, {"gen": "short"})))
    assert said.code == 2 and "replaced by another" in said.err


def test_a_dry_run_reports_also_before_adoption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look ahead works on a published edition that the city has not adopted, and writes nothing."""
    town = Town(tmp_path, monkeypatch)
    adopted(town, tmp_path)
    records(town, "gen", "long")
    file = crosswalk(tmp_path, {"gen": "correspondence-general", "long": "correspondence-historical"})
    ask = ("schedule", "supersede", "old-2020", "mn-cities-2021-03", "--on", "2026-03-01", "--crosswalk", str(file))
    before = {table: town.rows(f"SELECT * FROM {table}") for table in ("series", "retention_tag", "retention_schedule")}
    ahead = town.ok(*ask, "--dry-run")
    assert (ahead["unchanged"], ahead["longer"], ahead["waiting"]) == (1, 1, 0)
    assert before == {table: town.rows(f"SELECT * FROM {table}") for table in before}
    done = town.ok(*ask)
    for count in ("records", "moved", "longer", "unchanged", "waiting"):
        assert ahead[count] == done[count]
    assert tags(town)[1] == ("mn-cities-2021-03:correspondence-general", None), "adopted, but not confirmed"
    town.ok("schedule", "confirm", "correspondence-general", "--edition", "March 2021", "--period", "3 years")
    assert tags(town)[1][1] == "2029-03-04"


def test_many_records_move_in_batches(tmp_path: Path, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped after a batch by a fault, the same command goes on where it was; nothing moves twice."""
    from archiver.retain import schedules_moving

    records_before = len(tags(town))
    monkeypatch.setattr(schedules_moving, "BATCH", 2)
    from connectors.contract import Page
    from tests.fixtures.replay import post

    town.script("web", Page(items=tuple(post(f"m{one}", "wordgen") for one in range(7))))
    town.collect("web")
    town.act(
        "CREATE TRIGGER broken BEFORE INSERT ON retention_tag WHEN NEW.record_id = 8 AND NEW.reason = 'series replaced'"
        " BEGIN SELECT RAISE(ABORT, 'guard: broken here'); END"
    )
    file = crosswalk(tmp_path, PAIRS)
    assert town.run(*_supersede(file)).code == 4
    assert {record for record, (key, _) in tags(town).items() if key.startswith("new-2026")} == {1, 3, 6}
    town.act("DROP TRIGGER broken")
    town.ok(*_supersede(file))
    assert sum(key == "new-2026:mail" for key, _ in tags(town).values()) == 8
    twice = "SELECT record_id FROM retention_tag GROUP BY record_id HAVING count(*) > 2"
    assert town.rows(twice) == [] and len(tags(town)) == records_before + 7


@pytest.mark.parametrize(
    ("pairs", "reason", "said"),
    [
        ({"gen": "nothing"}, "why", "new-2026 has no series nothing"),
        ({"other": "mail"}, "why", "old-2020 has no series other"),
        ({"gen": "mail", "old-2020:gen": "short"}, "why", "stands in row 2 too"),
        ({"gen": "mail"}, "", "no reason"),
    ],
)
def test_every_faulty_row_is_named(tmp_path: Path, town: Town, pairs: dict[str, str], reason: str, said: str) -> None:
    """A crosswalk is taken whole or not at all."""
    before = town.rows("SELECT * FROM series")
    found = town.run(*_supersede(crosswalk(tmp_path, pairs, reason)))
    assert found.code == 2 and said in found.err and "row" in found.err, found.err
    assert town.rows("SELECT * FROM series") == before and town.rows("SELECT * FROM series_crosswalk") == []


def test_a_crosswalk_as_toml_and_as_workbook(tmp_path: Path, town: Town) -> None:
    """Three forms of the same table say the same."""
    book = Workbook()
    for line in (["A crosswalk of the records officer"], ["OLD", "New series", "Why"], ["gen", "mail", "renamed"]):
        book.worksheets[0].append(line)
    book.save(tmp_path / "c.xlsx")
    (tmp_path / "c.toml").write_text('[[crosswalk]]\nold = "gen"\nnew = "mail"\nreason = "renamed"\n')
    for name in ("c.xlsx", "c.toml"):
        ahead = town.ok(*_supersede(tmp_path / name, "--dry-run"))
        assert (ahead["pairs"], ahead["moved"]) == (1, 1)
    (tmp_path / "c.toml").write_text('[[crosswalk]]\nold = "gen"\nnew = "mail"\nwhy = "renamed"\n')
    assert town.run(*_supersede(tmp_path / "c.toml")).code == 2
    (tmp_path / "c.csv").write_text("from,to\ngen,mail\n")
    assert "row of headings" in town.run(*_supersede(tmp_path / "c.csv")).err


def test_an_edition_is_superseded_once(tmp_path: Path, town: Town) -> None:
    """By itself, by an unknown one, or by a third one after the second: refused or a mistake."""
    file = crosswalk(tmp_path, PAIRS)
    ask = ("--on", "2026-03-01", "--crosswalk", str(file))
    assert town.run("schedule", "supersede", "old-2020", "old-2020", *ask).code == 2
    assert town.run("schedule", "supersede", "nothing", "new-2026", *ask).code == 2
    assert town.run("schedule", "supersede", "old-2020", "nothing", *ask).code == 2
    town.ok(*_supersede(file))
    town.ok("schedule", "import", str(edition(tmp_path, "third-2027", {"mail": "3 years", "short": "1 year"})))
    assert town.run("schedule", "supersede", "old-2020", "third-2027", *ask).code == 4
    me = town.ok("person", "list")["persons"][0]["login"]
    town.ok("person", "role", me, "records_officer", "--end")
    assert town.run(*_supersede(file)).code == 4
