"""A hold, a request or a halt that comes during an execution wins over what is not destroyed yet."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from archiver.archive import Archive
from archiver.dispose import chunks
from archiver.dispose.execution import Progress
from archiver.errors import Refused, VerificationFailed
from tests.fixtures.burials import Burials, word


@pytest.fixture(params=["sqlite", "postgresql"])
def town(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Burials:
    """Ten marked records, five of them approved, destroyed two at a time."""
    for name in ("SMALLEST", "FIRST", "LARGEST"):
        monkeypatch.setattr(chunks, name, 2)
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    return Burials(tmp_path, monkeypatch, database=url).ready(10)


def hold(town: Burials, records: str) -> None:
    """Place a hold and have it acknowledged."""
    town.ok("hold", "place", "--kind", "litigation", "--matter", "Doe", "--reason", "suit", "--records", records)


def after_one_chunk(town: Burials, archive: Archive) -> Iterator[Progress]:
    """The steps of an execution that has destroyed two records."""
    steps = iter(town.execute(archive, 5))
    assert [next(steps).done for _ in range(2)] == [0, 2]
    return steps


def finish(town: Burials, expect: int) -> None:
    """Go on to the certificate."""
    said = town.run("dispose", "execute", "D1", "--expect-count", str(expect))
    assert said.code == 0, said.err
    if town.state() == "destroyed":
        town.ok("key", "rotate")
        town.ok("dispose", "certificate", "D1")
    assert town.state() == "certified"


@contextmanager
def at_the_index(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> Iterator[None]:
    """Let something happen once, after a chunk was looked at and before its keys go."""
    real, done = chunks.index_turn, []

    @contextmanager
    def turn(archive: Archive, choice: Any) -> Iterator[bool]:
        if not done:
            done.append(True)
            act()
        with real(archive, choice) as ours:
            yield ours

    monkeypatch.setattr(chunks, "index_turn", turn)
    yield
    monkeypatch.setattr(chunks, "index_turn", real)
    assert done


def certificate(town: Burials) -> Any:
    """What the certificate says."""
    return town.ok("dispose", "certificate", "C2026-1")["certificate"]


def test_a_hold_between_chunks_wins(town: Burials) -> None:
    """The held record leaves, stays searchable, and the certificate says so."""
    with town.opened() as archive:
        steps = after_one_chunk(town, archive)
        hold(town, "R5")
        for _ in steps:
            pass
    if town.state() == "destroyed":
        town.ok("key", "rotate")
        town.ok("dispose", "certificate", "D1")
    assert town.destroyed() == [1, 3, 7, 9]
    assert town.found(word("body", 5)) == ["R5"] and town.ok("record", "show", "R5")["destroyed_at"] is None
    said = certificate(town)
    assert said["records"] == 4 and said["exceptions"] == [{"why": "held_since_approval", "records": 1}]


def test_where_everything_leaves_nothing_is_certified(town: Burials) -> None:
    """All records held after it began: it ends withdrawn, with nothing destroyed and no certificate of nothing."""
    with town.opened() as archive:
        steps = iter(town.execute(archive, 5))
        assert next(steps).done == 0
        hold(town, "R1,R3,R5,R7,R9")
        assert [one.stage for one in steps][-1] == "withdrawn"
    assert town.state() == "withdrawn" and town.destroyed() == [] and town.indexed() == set(range(1, 11))
    assert town.rows("SELECT count(*) FROM certificate") == [(0,)]


def test_a_proof_needs_what_it_searches_for(town: Burials) -> None:
    """Words and keys to search for lost before the proof: exit 5 and no certificate, never a search for nothing."""
    with town.opened() as archive:
        steps = iter(town.execute(archive, 5))
        while next(steps).done < 5:
            pass
        with archive.unit() as session:
            session.execute(text("DELETE FROM owner_key WHERE owner_kind = 'batch'"))
        with pytest.raises(VerificationFailed):
            for _ in steps:
                pass
    assert town.state() == "destroyed" and town.rows("SELECT count(*) FROM certificate") == [(0,)]


def test_a_hold_after_the_last_look_wins(town: Burials, monkeypatch: pytest.MonkeyPatch) -> None:
    """Placed when the index rows are gone already: the record comes back into the index and stays."""
    with at_the_index(monkeypatch, lambda: hold(town, "R3")):
        finish(town, 5)
    assert town.destroyed() == [1, 5, 7, 9]
    assert town.found(word("body", 3)) == ["R3"] and 3 in town.indexed()


def test_a_request_that_comes_after_the_last_look_halts(town: Burials, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guards refuse the chunk: halted, named, everything that is left is searchable; then it goes on."""

    def open_request() -> None:
        town.ok("request", "open", "--summary", "Everything about snow")

    with at_the_index(monkeypatch, open_request):
        said = town.run("dispose", "execute", "D1", "--expect-count", "5")
    assert said.code == 4 and "Q2026-1" in said.err and "halted" in said.err
    assert town.state() == "halted" and town.destroyed() == [] and town.indexed() == set(range(1, 11))
    assert town.run("dispose", "execute", "D1", "--expect-count", "5").code == 4
    town.ok("dispose", "clear", "D1", "--hold", "H1", "--reason", "They ask for this year only.")
    finish(town, 5)
    assert town.destroyed() == [1, 3, 5, 7, 9]


def test_a_halt_stops_everything_until_it_is_ended(town: Burials) -> None:
    """`dispose halt` during an execution: halted with what is gone; ended, it goes on where it stopped."""
    with town.opened() as archive:
        steps = after_one_chunk(town, archive)
        town.ok("dispose", "halt", "--reason", "The council wants to see this first.")
        with pytest.raises(Refused, match="halted"):
            list(steps)
    assert town.state() == "halted" and town.destroyed() == [1, 3]
    assert town.run("dispose", "execute", "D1", "--expect-count", "3").code == 4
    assert town.state() == "halted"
    town.ok("dispose", "halt", "--end", "--reason", "Seen.")
    finish(town, 3)
    assert town.destroyed() == [1, 3, 5, 7, 9]


def test_retain_is_heard_until_the_end(town: Burials) -> None:
    """An answer "retain" between chunks takes the record out."""
    with town.opened() as archive:
        steps = after_one_chunk(town, archive)
        town.ok("dispose", "answer", "D1", "retain", "--records", "R9", "--reason", "Needed for the audit.")
        steps.close()  # type: ignore[attr-defined]  # it is a generator
    finish(town, 5)
    assert town.destroyed() == [1, 3, 5, 7] and town.found(word("body", 9)) == ["R9"]


def test_retain_after_the_last_look_is_heard(town: Burials, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answered when the index rows are gone already: the record stays and is searchable again."""

    def retain() -> None:
        town.ok("dispose", "answer", "D1", "retain", "--records", "R3", "--reason", "Needed for the audit.")

    with at_the_index(monkeypatch, retain):
        finish(town, 5)
    assert town.destroyed() == [1, 5, 7, 9] and town.found(word("body", 3)) == ["R3"]


def test_what_only_the_guards_refuse_is_kept(town: Burials, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that the database refuses for a reason we cannot name stays; the others of its chunk go."""
    real = chunks.reasons_to_leave

    def blind(archive: Archive, session: Any, number: int, ids: Sequence[int]) -> dict[int, Any]:
        return {one: why for one, why in real(archive, session, number, ids).items() if one != 3}

    monkeypatch.setattr(chunks, "reasons_to_leave", blind)
    with town.opened() as archive:
        steps = iter(town.execute(archive, 5))
        next(steps)
        hold(town, "R3")
        for _ in steps:
            pass
    assert town.destroyed() == [1, 5, 7, 9] and 3 in town.indexed()
    assert town.rows("SELECT left_why FROM disposition_record WHERE record_id = 3") == [("held",)]
