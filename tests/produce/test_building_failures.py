"""Building: whatever fails, there is no package that is not in the register, and nothing is left in the way."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from archiver.access import Actor, current_actor
from archiver.archive import Archive
from archiver.errors import NotFound, Refused
from archiver.produce.building import build_production
from schema.vocab import Role
from tests.fixtures.city import Town
from tests.stories.foundation_town import frozen, snowy_town


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city with a request whose candidates are frozen."""
    town = snowy_town(tmp_path, monkeypatch)
    frozen(town)
    return town


@pytest.fixture
def archive(town: Town) -> Iterator[Archive]:
    """Its archive."""
    with town.opened() as opened:
        yield opened


@pytest.fixture
def clerk(archive: Archive) -> Actor:
    """The person who made it."""
    with archive.reading() as session:
        return current_actor(session)


def test_progress(archive: Archive, clerk: Actor, tmp_path: Path) -> None:
    """Each step says how far it is; the last carries number and root."""
    steps = list(build_production(archive, clerk, "q2026-1", tmp_path / "out"))
    assert [(one.request, one.done, one.total) for one in steps] == [
        *(("Q2026-1", done, 5) for done in range(1, 6)), ("Q2026-1", 5, 5),
    ]  # fmt: skip
    assert [one.production for one in steps] == [None] * 5 + ["P2026-1-1"]
    assert steps[-1].built is not None
    assert steps[-1].built.records == 5


def test_the_register_fails(town: Town, archive: Archive, clerk: Actor, tmp_path: Path) -> None:
    """When the register cannot be written (here: its disk is full), the finished package is taken away again."""
    town.act("CREATE TRIGGER full BEFORE INSERT ON production_entry BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    with pytest.raises(Exception, match="disk is full"):  # the database's own error
        list(build_production(archive, clerk, "1", tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    assert town.rows("SELECT * FROM production") == []
    town.act("DROP TRIGGER full")
    assert list(build_production(archive, clerk, "1", tmp_path / "out"))[-1].production == "P2026-1-1"


@pytest.mark.parametrize("ending", ["closed", "interrupted"])
def test_stopped_halfway(town: Town, archive: Archive, clerk: Actor, tmp_path: Path, ending: str) -> None:
    """Stopped or interrupted, a build leaves neither folder nor lease, and the next one is the first."""
    steps = build_production(archive, clerk, "1", tmp_path / "out")
    next(steps)
    assert (tmp_path / "out.partial").exists()
    if ending == "closed":
        steps.close()  # type: ignore[attr-defined]  # it is a generator
    else:
        with pytest.raises(KeyboardInterrupt):
            steps.throw(KeyboardInterrupt())  # type: ignore[attr-defined]  # as above
    assert list(tmp_path.glob("out*")) == []
    assert town.rows("SELECT * FROM lease") == []
    assert list(build_production(archive, clerk, "1", tmp_path / "out"))[-1].production == "P2026-1-1"


def test_who_may_build(archive: Archive, clerk: Actor, tmp_path: Path) -> None:
    """Only a clerk builds; an unknown request is not found; neither makes a folder."""
    reviewer = Actor(clerk.id, "Rae", frozenset({Role.DEPARTMENT_REVIEWER, Role.RECORDS_OFFICER}))
    with pytest.raises(Refused):
        next(build_production(archive, reviewer, "1", tmp_path / "out"))
    with pytest.raises(NotFound):
        next(build_production(archive, clerk, "Q2026-9", tmp_path / "out"))
    assert list(tmp_path.glob("out*")) == []
