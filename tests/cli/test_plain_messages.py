"""What people read when something is not as it should be: plain words, the next step, and nothing half done."""

from pathlib import Path

import openpyxl
import pytest

from tests.fixtures.city import Town

EDITION = "mn-cities-2021-03"


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city with an adopted schedule and a custodian."""
    made = Town(tmp_path, monkeypatch)
    made.ok("schedule", "adopt", EDITION, "--on", "2026-01-05")
    made.ok("custodian", "add", "Hal Ives", "--kind", "employee")
    return made


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["schedule", "adopt", "x", "--on", "31.1.2021"], "is no day written like 2026-03-01. See"),
        (["dispose", "execute", "D1", "--expect-count", "x"], "no whole number"),
        (["schedule", "confirm", "nope", "--edition", "x"], "`archiver schedule show EDITION` lists what there is"),
        (["hold", "show", "H9"], "`archiver hold list --all` lists what there is"),
        (["dispose", "execute", "D9"], "There is no disposition D9."),
        (["schedule", "adopt", EDITION, "--on", "2026-01-05"], "already. Nothing was changed."),
        (["collect"], "See `archiver collect --help`"),
    ],
)  # fmt: skip
def test_wrong_input_is_told_in_plain_words(town: Town, arguments: list[str], part: str) -> None:
    """Exit 2, what is wrong, and the command that helps by its own name."""
    said = town.run(*arguments)
    assert said.code == 2 and part in said.err, said.err


def test_help_is_plain_and_whole(town: Town) -> None:
    """Flags take no value, days are shown as they are written, and no line of a list of commands is cut."""
    text = town.run("schedule", "import", "--help").out
    assert "<bool>" not in text and "%Y" not in text and "--on YYYY-MM-DD" in text
    assert (
        "..." not in town.run("restore", "--help").out.replace("[ARGS]...", "")
        and "completion" not in town.run("key", "--help").out
    )


def test_an_empty_reason_is_none(town: Town) -> None:
    """An act with a reason is refused where that is blank, and nothing is changed."""
    said = town.run("schedule", "amend", "correspondence-general", "--period", "5 years", "--reason", " ")
    assert said.code == 2 and "the reason is empty" in said.err
    assert "#1" not in town.run("schedule", "show", EDITION, "--all").out
    assert town.run("schedule", "confirm", "correspondence-general", "--edition", " ").code == 2


def test_amending_to_the_same_is_no_act(town: Town) -> None:
    """Run twice, the second time says that the series says so already."""
    act = ("schedule", "amend", "correspondence-general", "--period", "5 years", "--reason", "x")
    town.ok(*act)
    said = town.run(*act)
    assert said.code == 2 and "says so already" in said.err


def test_an_empty_file_of_rules_changes_no_rule(town: Town, tmp_path: Path) -> None:
    """Exit 2; the rules in force stay."""
    (tmp_path / "rules.toml").write_text('[[rule]]\nkind = "post"\nseries = "correspondence-general"\n')
    town.ok("schedule", "import", str(tmp_path / "rules.toml"))
    (tmp_path / "empty.toml").write_text("")
    said = town.run("schedule", "import", str(tmp_path / "empty.toml"))
    assert said.code == 2 and "the rules in force stay" in said.err


def test_a_sheet_with_other_headings_is_shown_its_own(town: Town, tmp_path: Path) -> None:
    """The message quotes the headings that --map can name; "6 yrs. after FY end" is read."""
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (["City schedule"], [], ["No.", "Record type", "Kept"], ["F1", "Invoices", "6 yrs. after FY end"]):
        book.active.append(row)
    path = tmp_path / "own.xlsx"
    book.save(path)
    start = ("schedule", "import", str(path), "--edition", "city-2026", "--on", "2026-01-05")
    said = town.run(*start)
    assert said.code == 2 and "its headings look like: No., Record type, Kept;" in said.err
    done = town.ok(*start, "--map", "Record type=title", "--map", "Kept=period")
    assert (done["unread"], done["series"][0]["trigger"]) == ([], "fiscal_year_end")


def test_a_notice_that_was_not_written_was_not_given(town: Town, tmp_path: Path) -> None:
    """Where the letters cannot be written, nothing is noted as given, and it is not called a full disk."""
    town.ok(
        *("hold", "place", "--kind", "litigation", "--matter", "Doe", "--reason", "x"),
        *("--query", "doe", "--standing"),
    )
    said = town.run("hold", "notice", "H1", "--custodian", "Hal Ives", "--out", str(tmp_path / "none" / "l.txt"))
    assert said.code == 1 and "cannot be used" in said.err and "Free space" not in said.err
    assert town.ok("hold", "show", "H1")["notices"] == []
    shown = town.run("hold", "show", "H1").out
    assert "hold\tH1 litigation, active" in shown and "False" not in shown and not shown.startswith("\t")
