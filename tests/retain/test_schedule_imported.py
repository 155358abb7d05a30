"""A city's own schedule from a file: taken as written, never verified by us, whole or not at all."""

import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from archiver.errors import UsageError
from archiver.retain.schedules_own import is_schedule, read_own
from tests.fixtures.city import Town
from tests.fixtures.schedules import adopted, edition

HEAD = ("SECTION", "CODE", "TITLE & DESCRIPTION", "RETENTION PERIOD", "CLASSIFICATION", "STATUTE")
LINES = (
    ("Administration", None, None, None, None, None),
    (None, "ADM 00100", "Agendas\nOf the council and its committees", "Permanent", "Public", "15.17"),
    (None, "ADM 00200", "Complaints", "1 year after action completed", "Public/private", "13.44"),
    (None, "ADM 00300", "Purchase orders", "6 years after fiscal year end", "Public", None),
    (None, "ADM 00400", "Odd things", "As long as useful, or 3 years", None, None),
    (None, 500, "Ledger", "3 years", None, None),
)


def _book(path: Path, *lines: tuple[object, ...]) -> Path:
    book = Workbook()
    book.create_sheet("Cover", 0).append(["A schedule"])
    for line in lines:
        book.worksheets[1].append(list(line))
    book.save(path)
    return path


def test_a_workbook_is_read_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Headings are found below a title, sections are skipped, periods are read where they are plain."""
    town = Town(tmp_path, monkeypatch)
    file = _book(tmp_path / "own.xlsx", ("City schedule",), HEAD, *LINES)
    ask = ("schedule", "import", str(file), "--edition", "city-2026", "--on", "2026-02-01")
    before = town.rows("SELECT count(*) FROM series")
    ahead = town.ok(*ask, "--dry-run")
    assert ahead["unread"] == ["ADM 00400"] and town.rows("SELECT count(*) FROM series") == before
    assert town.ok(*ask)["series"] == ahead["series"]
    rows = town.rows(
        'SELECT code, title, retention_text, period_kind, number, unit, "trigger", action, classification, statute,'
        " title_verified OR period_verified OR trigger_verified FROM series WHERE key LIKE 'city-2026:%' ORDER BY id"
    )
    assert rows == [
        ("ADM 00100", "Agendas", "Permanent", "permanent", None, None, "none", "retain", "Public", "15.17", 0),
        (
            *("ADM 00200", "Complaints", "1 year after action completed", "duration", 1, "year", "action_completed"),
            *("review", "Public/private", "13.44", 0),
        ),
        (
            *("ADM 00300", "Purchase orders", "6 years after fiscal year end", "duration", 6, "year"),
            *("fiscal_year_end", "review", "Public", None, 0),
        ),
        (
            *("ADM 00400", "Odd things", "As long as useful, or 3 years", "unknown", None, None, "none", "review"),
            *(None, None, 0),
        ),
        ("500", "Ledger", "3 years", "duration", 3, "year", "none", "review", None, None, 0),
    ]
    assert town.rows("SELECT adopted_on, notified_on FROM retention_schedule") == [("2026-02-01", None)]
    assert not any(one["ready"] for one in town.ok("schedule", "show", "city-2026")["series"])
    assert town.run(*ask).code == 2, "an edition is imported once"


def test_other_headings_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column that is not known by its heading is mapped; without it the file is refused with what to do."""
    town = Town(tmp_path, monkeypatch)
    file = tmp_path / "own.csv"
    file.write_text("Kind of record,Keep,Note\nLetters,3 years after received,x\n", "utf-8-sig")
    ask = ("schedule", "import", str(file), "--edition", "city-2026", "--dry-run")
    said = town.run(*ask)
    assert said.code == 2 and "--map" in said.err
    found = town.ok(*ask, "--map", "Kind of record=title", "--map", "Keep=period")
    assert [(one["key"], one["number"]) for one in found["series"]] == [("letters", 3)]
    assert town.run(*ask, "--map", "Keep=colour").code == 2


def test_every_faulty_row_is_named_and_nothing_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All faults at once, each with the row as the workbook numbers it."""
    town = Town(tmp_path, monkeypatch)
    lines = (
        ("a", "A 1", "Good", "3 years", None, None),
        ("a", "A 2", None, "3 years", None, None),
        ("a", "A 1", "Twice", "3 years", None, None),
        ("a", "A 3", "No period", None, None, None),
        ("a", "x" * 41, "Long code", "1 year", None, None),
    )
    file = _book(tmp_path / "own.xlsx", HEAD, *lines)
    said = town.run("schedule", "import", str(file), "--edition", "city-2026", "--on", "2026-02-01")
    assert said.code == 2
    for fault in ("row 3: no title", "row 4: the same code", "row 5: no retention period", "row 6: code is longer"):
        assert fault in said.err
    assert town.rows("SELECT count(*) FROM retention_schedule") == [(0,)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[schedule]\nid = 'c-1'\n", "no series"),
        ("[schedule]\nid = 'c-1'\n[[series]]\ntitle='T'\nperiod='1 year'\ntrigger='doom'", "doom"),
        ("[schedule]\nid = 'c-1'\n[[series]]\ntitle='T'\nperiod=3", "quotation marks"),
        ("[schedule]\nid = 'c-1'\n[[series]]\ntitle='T'\nperiod='1 year'\ncolour='red'", "unknown key colour"),
        ("[schedule]\nid = 'c-1'\ncolour = 1\n[[series]]\ntitle='T'\nperiod='1 year'", "unknown key colour"),
        ("[schedule]\nid = 'C 1'\n[[series]]\ntitle='T'\nperiod='1 year'", "needs an id"),
        ("[schedule]\nid = 'wa-core'\n[[series]]\ntitle='T'\nperiod='1 year'", "published edition"),
        ("[schedule]\nid = 'c-1'\n[[series]]\ntitle='T'\nperiod='1 year'", "--on"),
        ("[schedule]\nid = 'c-1'\nadopted_on = 'soon'\n[[series]]\ntitle='T'\nperiod='1 year'", "is a day"),
        ("[[series]]\ntitle='T'\n[[rule]]\nkind='post'", "two files"),
        ("[schedule]\nid = 'c-1'\n[series]\ntitle='T'", "[[series]]"),
        ("[schedule", "cannot be read"),
        ("schedule = 3", "is a table"),
    ],
)
def test_a_mistake_in_the_toml_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str) -> None:
    """What is wrong, where, and nothing is taken."""
    town = Town(tmp_path, monkeypatch)
    file = tmp_path / "own.toml"
    file.write_text(text)
    found = town.run("schedule", "import", str(file))
    assert found.code == 2 and said in found.err, found.err
    assert town.rows("SELECT count(*) FROM retention_schedule") == [(0,)]


def test_words_and_trigger_that_disagree_are_not_guessed(tmp_path: Path) -> None:
    """A row that says one event in its period and another beside it has an unknown period."""
    file = tmp_path / "own.toml"
    file.write_text(
        "[schedule]\nid='c-1'\n[[series]]\ntitle='T'\nperiod='1 year after created'\ntrigger='superseded'\n"
        "[[series]]\ntitle='U'\nperiod='1 year'\ntrigger='case closed'\naction='Destroy'"
    )
    first, other = read_own(file).series
    assert (first["period_kind"], first["number"]) == ("unknown", None)
    assert (other["number"], other["trigger"], other["action"]) == (1, "case_closed", "destroy")


def test_hostile_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too large, a bomb, no workbook, a folder, nothing at all: one line each, no traceback, nothing unpacked."""
    town = Town(tmp_path, monkeypatch)
    with zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/workbook.xml", b"0" * 70_000_000)
    (tmp_path / "large.csv").write_bytes(b"title,period\n" * 900_000)
    (tmp_path / "rows.csv").write_bytes(b"title,period\n" * 30_000)
    (tmp_path / "text.xlsx").write_text("no workbook")
    (tmp_path / "odd.csv").write_bytes(b"title,period\n\xff\xfe,3\n")
    (tmp_path / "nul.csv").write_bytes(b'title,period\n"a\x00b,3\n')
    (tmp_path / "deep.toml").write_text("a = " + "[" * 100_000)
    (tmp_path / "dir.xlsx").mkdir()
    entity = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    with zipfile.ZipFile(tmp_path / "entity.xlsx", "w") as packed:
        packed.writestr("[Content_Types].xml", entity)
    why = {"bomb.xlsx": "unpacks to more than", "large.csv": "larger than", "rows.csv": "more than 20,000 rows"}
    for file in sorted(tmp_path.glob("*.*")):
        said = town.run("schedule", "import", str(file), "--edition", "c-1", "--on", "2026-02-01")
        assert said.code == 2 and said.err.count("\n") == 1, (file.name, said.err)
        assert why.get(file.name, "") in said.err, said.err
    assert town.run("schedule", "import", str(tmp_path / "none.xlsx"), "--edition", "c-1").code == 2


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 100_000), st.integers(0, 255))
def test_a_damaged_workbook_is_read_or_refused(tmp_path: Path, place: int, byte: int) -> None:
    """Whatever byte is wrong: the series, or one error that a person understands."""
    whole = _book(tmp_path / "whole.xlsx", HEAD, *LINES).read_bytes()
    at = place % len(whole)
    damaged = tmp_path / "damaged.xlsx"
    damaged.write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
    assert is_schedule(damaged)
    with suppress(UsageError):
        assert len(read_own(damaged, edition="c-1").series) <= len(LINES)


def test_importing_needs_the_role(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A schedule is a records officer's act; rules can be looked at first."""
    town = Town(tmp_path, monkeypatch)
    adopted(town, tmp_path)
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\nkind = "post"\nseries = "gen"\n')
    assert town.ok("schedule", "import", str(rules), "--dry-run") == {
        "schema": "rules-imported/1",
        "rules": 1,
        "dry_run": True,
    }
    assert town.rows("SELECT count(*) FROM classification_rule") == [(0,)]
    me = town.ok("person", "list")["persons"][0]["login"]
    town.ok("person", "role", me, "records_officer", "--end")
    assert town.run("schedule", "import", str(edition(tmp_path, "c-2", {"a": "1 year"}))).code == 4
