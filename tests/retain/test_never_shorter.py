"""Promise 4 as a property: no act of one person makes a running period shorter, in whatever order acts come."""

from dataclasses import dataclass
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from archiver.access import Actor, actor_by_login, current_actor
from archiver.archive import Archive
from archiver.errors import ArchiverError
from archiver.retain.events import record_event, withdraw_event
from archiver.retain.tagging import set_series
from archiver.retain.tagging_rules import apply_rules
from archiver.retain.triggers import back_in_view, removed_from_view
from connectors.contract import Page
from schema.vocab import Role, Trigger
from tests.fixtures.city import Town
from tests.fixtures.replay import DAY, post
from tests.fixtures.series import add_series, put_in_force

SERIES = ("closed", "closed", "unscheduled", "short", "long", "forever", "resolved", "published", "unsure")
EVENT = st.sampled_from((*[Trigger.CASE_CLOSED] * 4, Trigger.RESOLVED, Trigger.REMOVED_FROM_PUBLIC_VIEW))
DAYS = st.integers(0, 2).map(lambda years: date(2024 + years, 3, 1))
EACH, EXAMPLES = 2, 120
NEVER = date.max

_CHOSEN = st.sampled_from(([0], [0], [0, 1]))
_ALONE = st.sampled_from((False, False, False, True))
_KINDS = {
    "set": st.tuples(st.just("set"), _CHOSEN, st.sampled_from(SERIES), _ALONE),
    "apply": st.tuples(st.just("apply"), _CHOSEN, st.sampled_from(SERIES), _ALONE),
    "event": st.tuples(st.just("event"), _CHOSEN, st.tuples(EVENT, DAYS), _ALONE),
    "withdraw": st.tuples(st.just("withdraw"), _CHOSEN, st.tuples(EVENT, st.none() | DAYS), _ALONE),
    "gone": st.tuples(st.just("gone"), _CHOSEN, st.none(), st.just(False)),
    "back": st.tuples(st.just("back"), _CHOSEN, st.none(), st.just(False)),
}
_OFTEN = ("event", "event", "event", "withdraw", "withdraw", "set", "set", "apply", "gone", "back")
_STEPS = st.tuples(
    _KINDS["set"], st.lists(st.sampled_from(_OFTEN).flatmap(_KINDS.__getitem__), min_size=4, max_size=12)
).map(lambda parts: [parts[0], *parts[1]])


@dataclass(frozen=True)
class Standing:
    """A record's current tag."""

    series: str
    due: date | None


class Acts:
    """Carries out steps on a few fresh records of one archive, as the edges do."""

    def __init__(self, town: Town, archive: Archive) -> None:
        self.town, self.archive = town, archive
        with archive.reading() as session:
            self.me = current_actor(session)
            bea = actor_by_login(session, "bea")
        assert bea is not None and Role.ADMINISTRATOR in bea.roles
        self.bea, self.first, self.turn = bea, 1, 0

    def standings(self, ids: list[int]) -> dict[int, Standing]:
        """The current tags."""
        with self.archive.reading() as session:
            rows = session.connection().exec_driver_sql(
                "SELECT t.record_id, s.key, t.due_on FROM retention_tag t JOIN series s ON s.id = t.series_id "
                f"WHERE t.ended_at IS NULL AND t.record_id BETWEEN {ids[0]} AND {ids[-1]}"
            )
            return {one: Standing(key, date.fromisoformat(due) if due else None) for one, key, due in rows}

    def carry_out(self, act: str, ids: list[int], what: object, second: Actor | None) -> bool:
        """Do it; returns whether it was accepted."""
        self.turn += 1
        try:
            if act == "apply":
                self._apply(ids, str(what), second)
            else:
                with self.archive.unit() as session:
                    self._in(session, act, ids, what, second)
        except ArchiverError:
            return False
        return True

    def _apply(self, ids: list[int], series: str, second: Actor | None) -> None:
        put_in_force(self.town, f'[[rule]]\nplatform = "feed"\nwords = "x"\nseries = "{series}"\n')
        for _ in apply_rules(self.archive, self.me, ids, second=second):
            pass

    def _in(self, session: Session, act: str, ids: list[int], what: object, second: Actor | None) -> None:
        if act == "set":
            set_series(self.archive, session, self.me, ids, str(what), "x", second=second)
        elif act in ("event", "withdraw"):
            assert isinstance(what, tuple)
            trigger, on = what
            if act == "event":
                record_event(self.archive, session, self.me, trigger, on, ids, "x", second=second)
            else:
                withdraw_event(self.archive, session, self.me, trigger, ids, "x", on=on, second=second)
        else:
            self._observed(session, act, ids)

    def _observed(self, session: Session, act: str, ids: list[int]) -> None:
        """What accession writes when a source says gone, or shows an item again."""
        now, sql = self.archive.now() + self.turn * DAY, session.connection().exec_driver_sql
        for one in ids:
            if act == "gone":
                sql(
                    "INSERT INTO observation (record_id, kind, since, observed_at, capture_id) "
                    f"SELECT id, 'gone', seen_at, {now}, first_capture_id FROM record "
                    f"WHERE id = {one} AND gone_at IS NULL"
                )
                sql(f"UPDATE record SET gone_at = {now} WHERE id = {one} AND gone_at IS NULL")
            else:
                sql(f"UPDATE record SET gone_at = NULL, seen_at = {now} WHERE id = {one}")
        (removed_from_view if act == "gone" else back_in_view)(self.archive, session, ids, now)


def _check(act: str, before: Standing, after: Standing, promised: date) -> None:
    """One person's act left a record's period at least as long, and gave no date where none could begin to run."""
    if before.due is not None:
        assert after.due is None or after.due >= before.due
    if after.due is None:
        return
    assert after.due >= promised, f"{after.due} is before {promised}, which ran earlier"
    if before.due is None and before.series != "unscheduled":
        assert act in ("event", "gone") and after.series == before.series, "a date where none ran"


@pytest.fixture(scope="module")
def acts(tmp_path_factory: pytest.TempPathFactory) -> object:
    """One archive with enough records for every example."""
    with pytest.MonkeyPatch.context() as patch:
        town = Town(tmp_path_factory.mktemp("town"), patch)
        town.second_administrator()
        add_series(town, "short", 1)
        add_series(town, "long", 6)
        add_series(town, "forever", None, "none", kind="permanent")
        add_series(town, "closed", 5, "case_closed")
        add_series(town, "resolved", 2, "resolved")
        add_series(town, "published", 1, "removed_from_public_view")
        add_series(town, "unsure", 3, verified=False)
        town.source("web", Page(items=tuple(post(f"n{one}", "x") for one in range(EACH * EXAMPLES * 8))))
        town.collect("web")
        with town.opened() as archive:
            yield Acts(town, archive)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_STEPS)
def test_no_act_of_one_person_shortens_a_period(acts: Acts, steps: list[tuple[str, list[int], object, bool]]) -> None:
    """Over any order of set, apply, event, withdraw, gone and back, with and without a second person.

    promised: the longest that ran since a second person last approved something shorter.
    """
    ids = [acts.first + one for one in range(EACH)]
    acts.first += EACH
    promised = dict.fromkeys(ids, date.min)
    for act, places, what, approved in steps:
        chosen = sorted(ids[one] for one in places)
        before = acts.standings(ids)
        accepted = acts.carry_out(act, chosen, what, acts.bea if approved else None)
        after = acts.standings(ids)
        assert accepted or after == before, "a refused act changes nothing"
        for one in ids:
            if before[one] == after[one]:
                continue
            if not approved:
                _check(act, before[one], after[one], promised[one])
            due = NEVER if after[one].series == "forever" else after[one].due
            if due is not None:
                promised[one] = due if approved and due < promised[one] else max(due, promised[one])
