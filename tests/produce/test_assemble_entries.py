"""Entries of a production: numbers that never change, the frozen version, a batch in memory at a time."""

import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from archiver.archive import Archive
from archiver.errors import VerificationFailed
from archiver.produce.assemble import BATCH, DestroyedMeanwhile, Numbered, entries, numbered
from connectors.contract import Page
from schema.item import Attachment
from tests.fixtures.city import Town
from tests.fixtures.replay import NOON, post
from tests.stories.foundation_town import PHOTO, destroyed

MANY = 8 * BATCH


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A city with many posts, the first with attachments, and one request that asks for all."""
    with pytest.MonkeyPatch.context() as patch:
        town = Town(tmp_path_factory.mktemp("town"), patch)
        files = (Attachment("a.bin", "application/octet-stream", PHOTO), Attachment("b.txt", "text/plain", b"small"))
        items = [post(f"p{number}", f"snow {number} " + "x" * 2_000, at=NOON + number) for number in range(1, MANY)]
        town.source("works", Page(items=(post("p0", "snow 0", at=NOON, attachments=files), *items)))
        town.collect()
        town.ok("request", "open", "--summary", "snow")
        town.ok("request", "candidates", "1", "--query", "snow", "--freeze")
        yield town


@pytest.fixture(scope="module")
def archive(town: Town) -> Iterator[Archive]:
    """Its archive."""
    with town.opened() as opened:
        yield opened


def chosen(archive: Archive) -> list[Numbered]:
    """The candidates with their numbers."""
    with archive.reading() as session:
        return numbered(session, 1)


# ---- numbers -------------------------------------------------------------------------------------------------------


def _candidates(session: Session, request: int, records: list[int]) -> None:
    for one in records:
        session.connection().exec_driver_sql(
            "INSERT INTO candidate (request_id, record_id, version) VALUES (?, ?, 1)", (request, one)
        )


def _produce(session: Session, request: int, listed: list[Numbered], place: int) -> None:
    run = session.connection().exec_driver_sql
    run(
        "INSERT INTO production (number, request_id, root, public_key, seed_payload_id, entries, built_at, built_by)"
        " VALUES (?, ?, zeroblob(32), zeroblob(32), 0, ?, 0, 1)",
        (f"P-test-{request}-{place}", request, len(listed)),
    )
    for one in listed:
        run(
            "INSERT INTO production_entry (production_id, number, candidate_id, version)"
            " SELECT max(id), ?, ?, 1 FROM production",
            (one.number, one.candidate_id),
        )


class _Undo(Exception):
    """Ends a unit of work without keeping anything."""


@settings(max_examples=25, deadline=None)
@given(
    batches=st.lists(st.sets(st.integers(1, 60), max_size=12), min_size=1, max_size=6),
    first=st.sampled_from([1, 999_998]),
)
def test_numbers_are_stable_ascending_and_gapless(archive: Archive, batches: list[set[int]], first: int) -> None:
    """However candidates come and productions follow: no number changes, none is left out, all ascend."""
    try:
        with archive.unit() as session:
            run = session.connection().exec_driver_sql
            run(
                "INSERT INTO data_request SELECT 77, 'Q77', kind, state, archive, received_on, opened_at, opened_by,"
                " jurisdiction, law_edition, summary_payload_id, NULL, NULL, NULL, NULL, NULL FROM data_request"
                " WHERE id = 1"
            )
            known: set[int] = set()
            before: dict[int, str] = {}
            if first > 1:  # past the sixth digit, where numbers as text would no longer ascend
                _candidates(session, 77, [61])
                (listed,) = numbered(session, 77)
                before = {listed.candidate_id: f"A{first - 1}"}
                _produce(session, 77, [Numbered(f"A{first - 1}", listed.candidate_id, 61, None, 1)], 99)
            for place, batch in enumerate(batches):
                _candidates(session, 77, sorted(batch - known))
                known |= batch
                listed_now = numbered(session, 77)
                positions = [int(one.number[1:]) for one in listed_now]
                start = first - 1 if first > 1 else 1
                assert positions == list(range(start, start + len(listed_now)))
                now = {one.candidate_id: one.number for one in listed_now}
                assert {candidate: now[candidate] for candidate in before} == before
                fresh = [one.record_id for one in listed_now if one.candidate_id not in before]
                assert fresh == sorted(fresh, key=lambda one: one or 0)  # by time sent, which here is that of the ids
                before = now
                _produce(session, 77, listed_now, place)
            raise _Undo
    except _Undo:
        pass


# ---- content -------------------------------------------------------------------------------------------------------


def test_files_are_the_very_bytes(archive: Archive) -> None:
    """Attachments and the raw bytes come as they were captured, small and large, each time anew."""
    entry = next(entries(archive, chosen(archive)[:1]))
    assert [(file.name, file.size) for file in entry.files] == [("a.bin", len(PHOTO)), ("b.txt", 5)]
    for _ in range(2):
        assert [b"".join(file.open()) for file in entry.files] == [PHOTO, b"small"]
    assert entry.raw is not None
    assert b"".join(entry.raw.open()) == b"p0: snow 0"
    assert (entry.number, entry.record_id, entry.author) == ("A000001", "R1", "Public Works <@Works@city.example>")


def test_memory_holds_one_batch(archive: Archive) -> None:
    """Eight times as many records take no more memory while they are read."""
    listed = chosen(archive)
    assert len(listed) == MANY

    def peak(number: int) -> int:
        part = listed[:number]
        tracemalloc.start()
        assert sum(1 for _ in entries(archive, part)) == number
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(BATCH)  # what is loaded once
    assert peak(MANY) < 2 * peak(2 * BATCH)  # four times, were the entries kept; the margin is what waits to be freed


def test_order_and_batches(archive: Archive) -> None:
    """Every candidate comes once, in the order of the numbers, across batches."""
    listed = chosen(archive)
    assert [one.number for one in entries(archive, listed)] == [one.number for one in listed]


def test_changed_content_is_told(town: Town, archive: Archive) -> None:
    """Content that was changed on the disk ends the production with exit 5 and names where to look."""
    entry = next(entries(archive, chosen(archive)[:1]))
    ((name,),) = town.rows("SELECT object_name FROM payload WHERE object_name IS NOT NULL")
    path = archive.vault.objects.path(name)
    before = path.read_bytes()
    path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    with pytest.raises(VerificationFailed, match="archiver verify"):
        b"".join(entry.files[0].open())
    path.write_bytes(before)
    assert b"".join(entry.files[0].open()) == PHOTO


def test_destroyed_while_it_is_assembled(town: Town, archive: Archive) -> None:
    """Destroyed after it was numbered: its number says so; after it was read: an error that asks to build again."""
    listed = chosen(archive)
    first = next(entries(archive, listed[:1]))
    town.ok("request", "close", "1", "--reason", "answered", "--nothing-withheld")
    town.ok("hold", "lift", "H1", "--reason", "the day has passed")
    destroyed(town, 1)
    with pytest.raises(DestroyedMeanwhile):
        b"".join(first.files[0].open())
    said = next(entries(archive, listed[:1]))
    assert (said.number, said.text, said.files, said.raw) == ("A000001", "", (), None)
    assert said.note.startswith("destroyed on 2026-03-12")
    assert len(chosen(archive)) == MANY
