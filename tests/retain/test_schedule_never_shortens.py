"""Promise 4 under any acts of one person: no change of schedules, series or tags gives a record an earlier date."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fixtures.city import Town
from tests.fixtures.schedules import adopted, approved, crosswalk, edition, records

KEYS = ("gen", "long", "ever")
PERIODS = st.sampled_from(
    ("1 year after received", "3 years after received", "6 years after received", "permanent", "2 years after resolved")
)
SERIES = st.sampled_from((*KEYS, "new-2026:gen", "new-2026:long", "new-2026:ever"))
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("amend"), SERIES, PERIODS),
        st.tuples(st.just("confirm"), SERIES, st.none()),
        st.tuples(st.just("set"), SERIES, st.sampled_from(("R1", "R2", "R3"))),
        st.tuples(st.just("move"), st.none(), st.none()),
        st.tuples(st.just("supersede"), st.permutations(KEYS), st.none()),
    ),
    min_size=3,
    max_size=9,
)
NEVER = date.max.isoformat()


def _promised(town: Town) -> dict[int, str | None]:
    """What each record's tag promises: a date, NEVER under a confirmed permanent series, None while nothing is said."""
    rows = town.rows(
        "SELECT t.record_id, t.due_on, s.period_kind = 'permanent' AND s.confirmed_by IS NOT NULL"
        " FROM retention_tag t JOIN series s ON s.id = t.series_id WHERE t.ended_at IS NULL"
    )
    return {record: due or (NEVER if forever else None) for record, due, forever in rows}


def _act(town: Town, folder: Path, act: tuple[str, object, object]) -> None:
    kind, what, how = act
    if kind == "amend":
        town.run("schedule", "amend", str(what), "--period", str(how), "--reason", "x")
    elif kind == "confirm":
        town.run("schedule", "confirm", str(what), "--edition", "x")
    elif kind == "set":
        town.run("tag", "set", str(how), str(what), "--reason", "x")
    elif kind == "move":
        town.run("schedule", "move")
    else:
        pairs = dict(zip(KEYS, what, strict=True))  # type: ignore[call-overload]  # a permutation of the keys
        on = ("--on", "2026-03-01", "--crosswalk", str(crosswalk(folder, pairs)))
        town.run("schedule", "supersede", "old-2020", "new-2026", *on)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(new=st.tuples(PERIODS, PERIODS, PERIODS), confirmed=st.booleans(), acts=ACTS)
@example(new=("1 year after received",) * 3, confirmed=True, acts=[("supersede", KEYS, None)])
@example(
    new=("permanent", "permanent", "permanent"),
    confirmed=False,
    acts=[("supersede", KEYS, None), ("amend", "new-2026:ever", "1 year after received"), ("move", None, None)],
)
def test_one_person_never_shortens(
    tmp_path_factory: pytest.TempPathFactory,
    new: tuple[str, str, str],
    confirmed: bool,
    acts: list[tuple[str, object, object]],
) -> None:
    """After every act each record has a date no earlier than any that it ever had, or none."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("town")
        town = Town(folder, patch)
        adopted(town, folder)
        records(town, *KEYS)
        periods = dict(zip(KEYS, new, strict=True))
        if confirmed:
            adopted(town, folder, "new-2026", periods)
        else:
            town.ok("schedule", "import", str(edition(folder, "new-2026", periods)))
        floor = _promised(town)
        for act in acts:
            _act(town, folder, act)
            for record, due in _promised(town).items():
                if due is not None:
                    before = floor[record]
                    assert before is None or due >= before, (record, before, due, act)
                    floor[record] = due
        one = "SELECT record_id FROM retention_tag WHERE ended_at IS NULL GROUP BY 1 HAVING count(*) > 1"
        assert town.rows(one) == [] and town.rows("SELECT count(*) FROM retention_tag WHERE ended_at IS NULL") == [(3,)]
        assert town.rows("SELECT 1 FROM retention_tag WHERE second_person_id IS NOT NULL") == []
        town.second_administrator()
        assert approved(town, "schedule", "move", "--reason", "agreed").code == 0
        assert town.ok("schedule", "move")["waiting"] == 0, "with a second person nothing waits any more"
