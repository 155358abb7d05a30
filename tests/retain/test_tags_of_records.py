"""Tags: exactly one series per record, with its reason; a running period is never shortened silently (promise 4)."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.contract import Page
from schema.vocab import Kind
from tests.fixtures.city import Town
from tests.fixtures.replay import NOON, post

SERIES = """
INSERT INTO series (key, code, title, retention_text, period_kind, number, unit, trigger, action,
                    title_verified, period_verified, trigger_verified)
VALUES ('{key}', '', '{key}', '{text}', '{kind}', {number}, {unit}, '{trigger}', 'destroy', 1, 1, {verified})
"""


def _with_series(town: Town) -> None:
    def row(
        key: str, number: int | None, trigger: str = "received_or_sent", kind: str = "duration", verified: int = 1
    ) -> str:
        return SERIES.format(
            key=key,
            text=f"{number} years",
            kind=kind,
            number=number or "NULL",
            unit="'year'" if number else "NULL",
            trigger=trigger,
            verified=verified,
        )

    town.act(
        row("short", 1),
        row("long", 6),
        row("forever", None, "none", "permanent"),
        row("closed", 3, "case_closed"),
        row("changed", 2, "last_changed"),
        row("unsure", 3, verified=0),
    )


def _one_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    town = Town(tmp_path, monkeypatch)
    _with_series(town)
    town.source("web", Page(items=(post("a", "minutes"),)))
    town.collect("web")
    return town


def _set(town: Town, series: str) -> int:
    return town.run("tag", "set", "R1", series, "--reason", "as the schedule says").code


def test_the_due_date_explains_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sent on 3 March 2026 and kept one year: through 3 March 2027, said in words with the day it may go."""
    town = _one_record(tmp_path, monkeypatch)
    assert _set(town, "short") == 0
    tag = town.ok("tag", "explain", "R1")
    assert (tag["series"], tag["trigger_on"], tag["date"]) == ("short", "2026-03-03", "2027-03-04")
    assert "1 year" in tag["explanation"] and "3 March 2027" in tag["explanation"]
    said = town.run("tag", "explain", "R1").out
    assert "Chosen by a person: " in said and "4 March 2027" in said


def test_the_trigger_day_is_the_city_s_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A post of 23:30 in Chicago is of that day, though UTC has the next; an undated one counts from capture."""
    town = Town(tmp_path, monkeypatch)
    _with_series(town)
    late = NOON + 11 * 3_600_000 + 1_800_000
    town.source("web", Page(items=(post("a", at=late), post("b", at=None))))
    town.collect("web")
    for record in ("R1", "R2"):
        town.ok("tag", "set", record, "short", "--reason", "x")
    assert town.rows("SELECT trigger_on FROM retention_tag WHERE ended_at IS NULL ORDER BY record_id") == [
        ("2026-03-03",),
        ("2026-03-10",),
    ]


@pytest.mark.parametrize(
    ("path", "refused_at"),
    [
        (("short", "long", "forever"), None),
        (("long", "short"), 1),
        (("forever", "long"), 1),
        (("closed", "long"), 1),
        (("long", "unscheduled", "short"), 2),
        (("long", "unscheduled", "forever"), None),
        (("unsure", "short"), 1),
    ],
)
def test_a_running_period_is_never_shortened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...], refused_at: int | None
) -> None:
    """Longer is one person's decision; shorter is refused with exit 4, also on the way round by `unscheduled`."""
    town = _one_record(tmp_path, monkeypatch)
    codes = [_set(town, series) for series in path]
    assert codes == [4 if at == refused_at else 0 for at in range(len(path))]
    kept = path[-1] if refused_at is None else path[refused_at - 1]
    assert town.ok("tag", "explain", "R1")["series"] == kept
    assert town.rows("SELECT count(*) FROM retention_tag WHERE ended_at IS NULL") == [(1,)]
    (done,) = town.rows("SELECT count(*) FROM retention_tag")[0]
    assert done == 1 + sum(code == 0 for code in codes), "earlier tags stay as history"


def test_setting_needs_the_role_and_leaves_an_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a records officer; the reason is sealed beside the event, not in the facts."""
    town = _one_record(tmp_path, monkeypatch)
    assert town.run("tag", "set", "R1", "long", "--reason", "zqreasonzq").code == 0
    assert town.rows("SELECT count(*) FROM audit_event WHERE act = 'tag.set' AND text_digest IS NOT NULL") == [(1,)]
    assert town.files_with("zqreasonzq") == []
    me = town.ok("person", "list")["persons"][0]["login"]
    town.ok("person", "role", me, "records_officer", "--end")
    assert town.run("tag", "set", "R1", "forever", "--reason", "x").code == 4
    assert town.run("tag", "explain", "R9").code == 2 and town.run("tag", "explain", "Rx").code == 2


def test_a_new_series_is_searchable_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The change leaves an outbox row, and the index knows the series after the next drain."""
    town = _one_record(tmp_path, monkeypatch)
    town.ok("tag", "set", "R1", "long", "--reason", "x")
    assert town.rows("SELECT kind, records FROM outbox") == [("index", "[[1, 1]]")]
    town.script("web", Page())
    town.collect("web")
    assert town.ok("search", "series:long")["count"] == 1


def test_a_period_from_the_last_change_moves_with_each_edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the series counts from the last change, an edit found later moves the date; other series stay."""
    town = Town(tmp_path, monkeypatch)
    _with_series(town)
    town.source("web", Page(items=(post("a", "one"), post("b", "one"))))
    town.collect("web")
    town.ok("tag", "set", "R1", "changed", "--reason", "x")
    town.ok("tag", "set", "R2", "short", "--reason", "x")
    town.at("2026-05-04T12:00:00-05:00")
    town.script("web", Page(items=(post("a", "two"), post("b", "two"))))
    assert town.collect("web")["new_versions"] == 2
    current = "SELECT trigger_on, due_on FROM retention_tag WHERE ended_at IS NULL ORDER BY record_id"
    assert town.rows(current) == [("2026-05-04", "2028-05-05"), ("2026-03-03", "2027-03-04")]


def test_confirming_a_series_gives_its_records_their_dates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until an officer confirms the trigger no date is given; afterwards every waiting record has one."""
    town = _one_record(tmp_path, monkeypatch)
    assert _set(town, "unsure") == 0
    assert town.rows("SELECT due_on FROM retention_tag WHERE ended_at IS NULL") == [(None,)]
    found = town.ok("schedule", "check")
    assert found["records_waiting"] == 1 and found["waiting"][0]["series"] == "unsure"
    town.ok("schedule", "confirm", "unsure", "--edition", "March 2021, page 4")
    assert town.rows("SELECT due_on FROM retention_tag WHERE ended_at IS NULL") == [("2029-03-04",)]
    assert town.ok("schedule", "check")["records_waiting"] == 0
    assert town.rows("SELECT confirmed_edition FROM series WHERE key = 'unsure'") == [("March 2021, page 4",)]


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("collect"), st.lists(st.integers(0, 6), min_size=1, max_size=5)),
        st.tuples(st.just("set"), st.sampled_from(("short", "long", "forever", "changed", "unscheduled"))),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_STEPS)
def test_every_record_has_exactly_one_series_after_any_acts(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, object]]
) -> None:
    """Collections with edits and repeats, and changes of series, in any order."""
    with pytest.MonkeyPatch.context() as patch:
        town = Town(tmp_path_factory.mktemp("town"), patch)
        _with_series(town)
        town.source("web")
        for turn, (act, value) in enumerate(steps):
            if act == "collect":
                items = [post(f"n{one}", f"text {one % 2 * turn}", kind=Kind.POST) for one in value]  # type: ignore[attr-defined]  # a list
                town.script("web", Page(items=tuple(items)))
                assert town.collect("web")["exit"] == 0
            else:
                town.run("tag", "set", "R1", str(value), "--reason", "x")
        wrong = (
            "SELECT r.id, count(t.id) FROM record r LEFT JOIN retention_tag t ON t.record_id = r.id "
            "AND t.ended_at IS NULL GROUP BY r.id HAVING count(t.id) <> 1"
        )
        assert town.rows(wrong) == []
