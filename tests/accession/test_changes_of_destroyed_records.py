"""What was prepared for a record before its destruction is not written after it; parties go when nobody needs them."""

from pathlib import Path

import pytest

from archiver.accession.destroyed import sweep_parties
from archiver.accession.prepare import Origin, Preparer
from archiver.accession.write import write
from archiver.collect.leases import leased
from archiver.database import IdPool
from connectors.contract import Page
from tests.fixtures.burials import Burials, marked
from tests.fixtures.replay import post


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_an_edit_prepared_before_the_destruction_is_not_kept(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    """Sealed under the old key, written after the record is gone: no version, no payload; its neighbour's is kept."""
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else None
    town = Burials(tmp_path, monkeypatch, database=url).ready(4)
    with town.opened() as archive:
        origin = Origin(1, 1, archive.now())
        preparer = Preparer(archive.vault, IdPool(archive.database), origin, lambda _blob: pytest.fail("no blobs"))
        edits = [post(f"item-{one}", "edited text", at=None) for one in (1, 2)]
        with archive.reading() as session:
            prepared = preparer.prepare(session, edits)
        assert [row["b_id"] for row in prepared.edited] == [1, 2]
        for _ in town.execute(archive, 2):
            pass
        with archive.unit() as session:
            write(session, prepared, origin)
    assert town.rows("SELECT record_id, number FROM version WHERE number = 2") == [(2, 2)]
    assert town.rows("SELECT count(*) FROM payload WHERE owner_kind = 'record' AND owner_id = 1") == [(0,)]
    assert town.rows("SELECT record_id FROM tombstone WHERE seen_again_at IS NOT NULL") == [(1,)]


def test_parties_are_swept_when_nobody_collects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a source is collected they stay, since its run remembers their ids; later they go."""
    town = Burials(tmp_path, monkeypatch).ready(4)
    with town.opened() as archive:
        with leased(archive, "source:1"):
            for _ in town.execute(archive, 2):
                pass
            assert town.rows("SELECT count(*) FROM party") == [(5,)]
        with archive.unit() as session:
            assert sweep_parties(session, archive.now()) is None
    assert town.rows("SELECT count(*) FROM party") == [(3,)] and town.rows("SELECT count(*) FROM thread") == [(2,)]


def test_three_collections_bring_nothing_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The destroyed items are counted as destroyed earlier, their threads and parties included."""
    town = Burials(tmp_path, monkeypatch).ready(6)
    town.ok("dispose", "execute", "D1", "--expect-count", "3")
    town.script("web", Page(items=tuple(marked(one, due=bool(one % 2)) for one in range(1, 7))))
    for _ in range(3):
        receipt = town.collect("web")
        assert (receipt["destroyed_earlier"], receipt["new_records"], receipt["unchanged"]) == (3, 0, 3)
    assert town.destroyed() == [1, 3, 5] and town.indexed() == {2, 4, 6}
