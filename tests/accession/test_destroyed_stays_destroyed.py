"""Promise 14: an item whose tombstone exists is not accessioned again."""

from pathlib import Path

import pytest

from connectors.contract import Enumeration, Page
from tests.fixtures.city import Town
from tests.fixtures.disposals import executing, finish
from tests.fixtures.replay import post

DESTROY = (
    "INSERT INTO tombstone (record_id, native_key, series_id, digest, sent_at, captured_at, destroyed_at, certificate) "
    "SELECT r.id, r.native_key, 1, v.digest, r.sent_at, r.captured_at, 1773200000000, 'C2026-1' "
    "FROM record r JOIN version v ON v.record_id = r.id WHERE r.id = 1",
    "UPDATE record SET destroyed_at = 1773200000000 WHERE id = 1",
    "UPDATE version SET match = NULL WHERE record_id = 1",
    "DELETE FROM payload WHERE owner_kind = 'record' AND owner_id = 1",
    "DELETE FROM owner_key WHERE owner_kind = 'record' AND owner_id = 1",
)
"""A destruction as the disposing room does it, under the database's own guards."""


def _destroyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    town = Town(tmp_path, monkeypatch)
    town.source("web", Page(items=(post("a", "old news"), post("b", "other news"))))
    town.collect("web")
    with town.opened() as archive, archive.unit() as session:
        approved = executing(session, [1])
        for statement in DESTROY:
            session.connection().exec_driver_sql(statement)
        finish(session, approved)
    return town


def test_a_destroyed_item_is_not_readmitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unchanged or edited at its source: counted destroyed_earlier, noted as still there, no new content."""
    town = _destroyed(tmp_path, monkeypatch)
    town.at("2026-03-12T02:00:00-05:00")
    receipt = town.collect("web")
    assert (receipt["destroyed_earlier"], receipt["unchanged"], receipt["new_records"]) == (1, 1, 0)
    town.script("web", Page(items=(post("a", "old news, edited"),)))
    receipt = town.collect("web")
    assert (receipt["destroyed_earlier"], receipt["new_versions"]) == (1, 0)
    assert town.rows("SELECT count(*) FROM payload WHERE owner_kind = 'record' AND owner_id = 1") == [(0,)]
    assert town.rows("SELECT seen_again_at FROM tombstone") == [(1_773_298_800_000,)]


def test_a_destroyed_item_that_is_only_listed_counts_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that lists it without content: destroyed earlier, still at the source, not "unchanged"."""
    town = _destroyed(tmp_path, monkeypatch)
    town.script("web", Page(still_there=("a", "b")))
    receipt = town.collect("web")
    assert (receipt["seen"], receipt["unchanged"], receipt["destroyed_earlier"]) == (2, 1, 1)
    assert town.rows("SELECT seen_again_at IS NOT NULL FROM tombstone") == [(1,)]


def test_a_destroyed_item_is_never_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What we destroyed has no absence at its source to note."""
    town = _destroyed(tmp_path, monkeypatch)
    town.script("web", Page(complete=Enumeration()))
    assert town.collect("web")["missing"] == 1
    assert town.rows("SELECT record_id FROM observation") == [(2,)]


def test_the_tombstone_answers_whether_we_had_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`record show` names date, series and certificate; the bytes are refused, since they no longer exist."""
    town = _destroyed(tmp_path, monkeypatch)
    shown = town.ok("record", "show", "R1")
    assert shown["destroyed"]["certificate"] == "C2026-1" and shown["destroyed_at"] == "2026-03-11T03:33:20Z"
    assert "text" not in shown
    said = town.run("record", "show", "R1")
    assert said.code == 0 and "C2026-1" in said.out and "2026-03-10 22:33:20 -0500" in said.out
    said = town.run("record", "show", "R1", "--raw")
    assert said.code == 4 and "destroyed" in said.err and said.raw == b""


def test_without_an_approved_batch_the_database_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same statements without an executing disposition, or with a hold, change nothing."""
    from sqlalchemy.exc import IntegrityError

    town = Town(tmp_path, monkeypatch)
    town.source("web", Page(items=(post("a", "old news"),)))
    town.collect("web")
    with pytest.raises(IntegrityError, match="guard"):
        town.act(*DESTROY)
    town.ok("hold", "place", "--kind", "litigation", "--matter", "Doe v. City", "--reason", "suit", "--records", "R1")
    with town.opened() as archive, archive.unit() as session:
        executing(session, [1])
    with pytest.raises(IntegrityError, match="guard"):
        town.act(*DESTROY)
    assert town.ok("record", "show", "R1")["text"] == "old news"
