"""The law data that ships: complete, sourced, strictly read."""

import shutil
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from schema.law.linter import lint, main
from schema.law.loader import (
    jurisdiction,
    jurisdictions,
    read_jurisdiction,
    read_schedule,
    schedule,
    schedules,
    slug,
)
from schema.law.tables import LawDataError
from schema.vocab import DataClass, DispositionAction, PeriodKind, PeriodUnit, Trigger

LAW = Path(str(files("schema.law")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the law data that a test may spoil."""
    for name in ("jurisdictions", "schedules"):
        shutil.copytree(LAW / name, tmp_path / name)
    return tmp_path


def spoil(file: Path, old: str, new: str) -> str:
    """Replace the first `old` in a file and return what the linter says about it."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    return "\n".join(map(str, lint(file.parent.parent)))


def test_the_shipped_data_has_no_findings(capsys: pytest.CaptureFixture[str]) -> None:
    """The linter finds nothing in the data that we ship, prints nothing and says 0."""
    assert lint() == []
    assert main() == 0
    assert capsys.readouterr().out == ""


def test_every_jurisdiction_and_schedule_is_there() -> None:
    """Three complete states, four as data, seven schedule editions, each under its own id."""
    assert [law.id for law in jurisdictions()] == ["us-az", "us-ca", "us-federal", "us-fl", "us-mn", "us-mo", "us-wa"]
    assert len(schedules()) == 7
    assert [edition.id for edition in schedules("us-az")] == ["az-000-12-22", "az-gs-1018"]
    assert len(schedule("mn-cities-2021-03").series) == 23
    assert len(jurisdiction("us-mn").exemptions) == 27


def test_terms_of_the_files_are_terms_of_the_vocabulary() -> None:
    """What the files say arrives as values of schema.vocab, mappings and lists as read-only ones."""
    minnesota = jurisdiction("us-mn")
    assert minnesota.class_map["private"] is DataClass.NONPUBLIC
    assert minnesota.deadline("mn.subject.comply").unit is PeriodUnit.BUSINESS_DAY
    complaints = schedule("mn-cities-2021-03").rule("complaints-general")
    assert complaints.period_kind is PeriodKind.DURATION
    assert complaints.trigger is Trigger.ACTION_COMPLETED
    assert complaints.disposition is DispositionAction.DESTROY_NOT_PUBLIC_SECURELY
    with pytest.raises(TypeError):
        minnesota.class_map["private"] = DataClass.PUBLIC  # type: ignore[index]  # that it fails is the point


def test_a_series_without_code_is_named_by_its_title() -> None:
    """The key is the code where there is one, else the title; both find the series."""
    cities = schedule("mn-cities-2021-03")
    assert cities.rule("LIB 01500").title == "Newsletters (library)"
    assert cities.rule("correspondence-messages-transitory").code == ""
    assert slug("Records destruction lists / retention") == "records-destruction-lists-retention"


def test_flags_default_to_verified() -> None:
    """A part's own flag counts; where there is none, the entry's does."""
    cities = schedule("mn-cities-2021-03")
    general = cities.rule("correspondence-general")
    assert (general.title_verified, general.period_verified, general.trigger_verified) == (True, True, False)
    social = cities.rule("social-media-posts-by-official-accounts")
    assert not (social.title_verified or social.period_verified or social.trigger_verified or social.confirmed)


@pytest.mark.parametrize(
    ("look_up", "known"),
    [(jurisdiction, "us-mn"), (schedule, "az-gs-1018"), (jurisdiction("us-mo").deadline, "mo.act")],
)
def test_an_unknown_name_is_answered_with_the_known_ones(look_up: object, known: str) -> None:
    """Whoever asks for a jurisdiction, schedule or rule that is not there is told what is."""
    assert callable(look_up)
    with pytest.raises(LookupError, match=known):
        look_up("xx")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "Minnesota"', 'name = "Minnesota"\ncolour = "blue"', r"us-mn.toml: unknown key colour"),
        ('law = "Minnesota Government Data Practices Act"\n', "", r"us-mn.toml: missing key law"),
        ("\nnumber = 10\n", '\nnumber = "ten"\n', r"us-mn.toml: deadlines\[2\]: number: expected int, found 'ten'"),
        ("\nnumber = 10\n", "\nnumber = true\n", r"expected int, found True"),
        ('\nunit = "business_day"', '\nunit = "working_day"', r"'working_day' is not one of business_day, day"),
        ('nature = "fixed"', 'nature = "firm"', r"nature: 'firm' is not one of fixed, standard"),
        ('may_see = ["anyone"]', 'may_see = "anyone"', r"access\[1\]: may_see: expected list"),
        ("verified = true", "verified = maybe", r"us-mn.toml: .*line"),
    ],
)
def test_a_wrong_file_is_refused_with_file_and_key(folder: Path, old: str, new: str, said: str) -> None:
    """Loader and linter refuse unknown, missing and mistyped keys, and name the place."""
    file = folder / "jurisdictions" / "us-mn.toml"
    findings = spoil(file, old, new)
    assert len(findings.splitlines()) == 1 + 1  # the spoiled file, and the schedule whose jurisdiction is gone
    with pytest.raises(LawDataError, match=said) as refused:
        read_jurisdiction(file)
    assert str(refused.value) in findings


def test_series_that_are_no_tables_are_refused(folder: Path) -> None:
    """A schedule whose series are written as a list of words is refused with its place."""
    file = folder / "schedules" / "ca-gc-34090.toml"
    file.write_text(file.read_text().split("[[series]]")[0] + 'series = ["GC34090"]\n')
    with pytest.raises(LawDataError, match=r"series\[1\]: expected a table, found 'GC34090'"):
        read_schedule(file)


MISTAKES = [
    ("us-mn", 'source = ["https://www.revisor.mn.gov/statutes/cite/13.601"]', 'source = ["memory"]', "public source"),
    ("us-mo", 'id = "mo.denial_statement"', 'id = "mo.act"', "mo.act: deadline id used twice"),
    ("us-az", 'code = "AZ-PRIV"', 'code = "AZ-CONF"', "AZ-CONF: exemption code used twice"),
    ("us-mn", 'id = "us-mn"', 'id = "us-xx"', "the file of 'us-xx' is us-xx.toml"),
    ("us-mn", 'edition = "2', 'edition = "v2', "is not a day YYYY-MM-DD"),
    ("us-mn", "BYMONTH=5;BYDAY=-1MO", "BYMONTH=5;BYDAY=MO", "days in 2024, not one"),
    ("us-mn", "FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO", "the last Monday", "is no RFC 5545 rule"),
    ("us-mn", "\nnumber = 10\n", "\n", "nature fixed needs number"),
    ("us-mn", "target_is_policy = true", "target_is_policy = false", "because it is never law"),
    ("us-az", 'nature = "standard"', 'nature = "standard"\nnumber = 10', "has no number: the law sets none"),
    ("us-wa", 'prompt-responses-required"]\nverified = true', '"]\nverified = false', "can't be fixed law"),
    ("us-mn", '13-085"]\nverified = true', '13-085"]\nverified = false', "can't set how long records stay held"),
    ("us-mo", 'default_class = "open"', 'default_class = "public"', "'public' is none of the law's classes"),
    ("us-mo", 'open = "public", ', "", "no class of the archive for open"),
    ("us-wa", "[calendar]", "[personal_calendar]", "unknown key personal_calendar"),
    ("fl-gs1-sl", 'code = "GS1 34"', 'code = "GS1 17"', "GS1 17: series code used twice"),
    ("fl-gs1-sl", "number = 3\n", "", "number and unit belong together"),
    ("fl-gs1-sl", 'trigger = "created"', 'trigger = "none"', "needs a trigger"),
    ("mn-cities-2021-03", "period_verified = false", "period_verified = true", "a person must weigh it"),
    ("mn-cities-2021-03", 'jurisdiction = "us-mn"', 'jurisdiction = "us-nm"', "there is no jurisdiction 'us-nm'"),
    (
        "wa-core",
        'period_kind = "unknown"',
        'period_kind = "duration"\nnumber = 2\nunit = "year"\ntrigger = "created"',
        "has period_kind unknown until somebody finds its period",
    ),
]


@pytest.mark.parametrize(("name", "old", "new", "said"), MISTAKES)
def test_the_linter_finds_each_mistake(folder: Path, name: str, old: str, new: str, said: str) -> None:
    """What could make an unverified word into law, or two things into one, is found and named with its file."""
    kind = "jurisdictions" if name.startswith("us-") else "schedules"
    findings = spoil(folder / kind / f"{name}.toml", old, new)
    assert said in findings
    assert f"{name}.toml" in findings


def test_no_unverified_series_can_come_due() -> None:
    """Every series that nobody verified has a period that never ends by a date."""
    for edition in schedules():
        for series in edition.series:
            if not series.verified:
                assert series.period_kind in (PeriodKind.UNKNOWN, PeriodKind.PERMANENT, PeriodKind.UNTIL_OBSOLETE)
                assert series.number is None


def test_no_series_code_is_invented() -> None:
    """Where the source shows no code, the file has none."""
    for edition in schedules():
        for series in edition.series:
            assert series.code_verified == bool(series.code), series.key


def test_files_are_plain_toml_without_machine_words() -> None:
    """Each file parses by itself, states that it is not legal advice and carries its edition."""
    for file in sorted(LAW.glob("*/*.toml")):
        text = file.read_text()
        assert "NOT LEGAL ADVICE" in text.splitlines()[0]
        assert tomllib.loads(text)["edition"]
