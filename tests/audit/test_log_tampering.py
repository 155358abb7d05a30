"""A real log, tampered with by someone who can write to the database: what verifying finds."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from archiver.archive import Archive
from archiver.audit.heads import sign_head
from archiver.audit.log import event_leaf
from archiver.audit.merkle import verify_consistency, verify_inclusion
from archiver.audit.proofs import prove_event, prove_since
from archiver.audit.verify import LogCheck, verify_log
from schema.wire.audit import SignedHead
from tests.fixtures.city import Town

ACTS = 40


class Log:
    """An archive whose log has some forty entries, a signed head, and a few entries after it."""

    def __init__(self, town: Town) -> None:
        self.town = town
        with town.opened() as archive:
            with archive.unit() as session:
                for number in range(ACTS):
                    archive.record_act(
                        session, "note", "record", number, actor_id=1, facts={"n": number}, text=f"because {number}"
                    )
            with archive.unit() as session:
                self.head = sign_head(session, archive.signer, archive.now())
            with archive.unit() as session:
                archive.record_act(session, "later", "record", 7)

    def sql(self, *statements: str, values: tuple[object, ...] = ()) -> None:
        """Write past every guard, as someone with the file and sqlite3 can."""
        with closing(sqlite3.connect(self.town.folder / "archive.db")) as database:
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                database.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                database.execute(statement, values)
            database.commit()

    def check(self, *kept: SignedHead) -> LogCheck:
        """Verify the log."""
        with self.town.opened() as archive, archive.reading() as session:
            return verify_log(session, archive.signer.public, kept)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Log:
    return Log(Town(tmp_path, monkeypatch))


def test_an_untouched_log_verifies(log: Log) -> None:
    """Events, heads and root are counted and nothing is found."""
    found = log.check(log.head)
    assert found.problems == ()
    assert found.heads == 2
    assert found.events == log.head.size + 1


CHANGES = {
    "at": "at + 1",
    "actor_id": "NULL",
    "act": "'other'",
    "object_kind": "'hold'",
    "object_id": "object_id + 1",
    "outcome": "'failed'",
    "facts": "'{}'",
    "text_digest": "zeroblob(32)",
    "leaf": "zeroblob(32)",
}


@pytest.mark.parametrize("column", CHANGES)
def test_each_changed_field_of_an_event_is_found(log: Log, column: str) -> None:
    """Whatever an event says, changing it is found, and the event is named."""
    log.sql(f"UPDATE audit_event SET {column} = {CHANGES[column]} WHERE id = 20")
    assert any("event 20 was changed" in one for one in log.check().problems)


def test_a_changed_event_with_its_leaf_recomputed_is_found_by_the_head(log: Log) -> None:
    """Whoever also recomputes the leaf is caught by the signed root."""
    leaf = event_leaf(1, 1, "note", "record", 20, "ok", "{}", None)
    log.sql(
        "UPDATE audit_event SET at = 1, facts = '{}', text_digest = NULL, object_id = 20, leaf = ? WHERE id = 20",
        values=(leaf,),
    )
    problems = log.check().problems
    assert f"the entries before {log.head.size} are not those that were signed" in problems


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DELETE FROM audit_event WHERE id = 20", "entry 19 is missing before event 21"),
        ("UPDATE audit_event SET position = NULL WHERE id = 20", "entry 19 is missing"),
        ("UPDATE audit_event SET position = 999999 WHERE id = 20", "entry 19 is missing before event 21"),
        ("UPDATE audit_event SET id = 9999 WHERE id = 20", "stands after event 9999"),
        ("UPDATE audit_head SET root = zeroblob(32) WHERE size > 10", "are not those that were signed"),
        ("UPDATE audit_head SET signature = zeroblob(64) WHERE size > 10", "is not ours"),
        ("UPDATE audit_head SET signed_at = signed_at + 1 WHERE size > 10", "is not ours"),
        ("UPDATE audit_head SET size = size + 1 WHERE size > 10", "are not those that were signed"),
    ],
)
def test_removed_moved_and_forged_entries_are_found(log: Log, statement: str, expected: str) -> None:
    """A deleted, hidden, moved or renumbered event and a changed head are found."""
    log.sql(statement)
    assert any(expected in one for one in log.check().problems)


def test_two_swapped_events_are_found(log: Log) -> None:
    """Two events that change places break the order, and the root that was signed."""
    log.sql(
        "UPDATE audit_event SET position = -1 WHERE id = 20",
        "UPDATE audit_event SET position = 19 WHERE id = 21",
        "UPDATE audit_event SET position = 20 WHERE id = 20",
    )
    problems = log.check().problems
    assert "event 20 stands after event 21" in problems
    assert any("are not those that were signed" in one for one in problems)


def test_a_log_cut_off_is_found_by_its_head(log: Log) -> None:
    """Entries cut off at the end are missed by the head that was signed over them."""
    log.sql("DELETE FROM audit_event WHERE id > 30")
    assert f"signed up to entry {log.head.size}, but only 30 are left" in log.check().problems


def test_a_log_cut_off_with_its_heads_is_found_by_a_head_kept_elsewhere(log: Log) -> None:
    """Whoever removes the heads as well is caught by the sheet in the drawer, and only by it."""
    log.sql("DELETE FROM audit_event WHERE id > 30", "DELETE FROM audit_head WHERE size > 30")
    assert log.check().problems == ()
    assert log.check(log.head).problems == (f"signed up to entry {log.head.size}, but only 30 are left",)


def test_a_forged_head_is_not_ours(log: Log) -> None:
    """A head over the true root, signed with another key, is refused, also with that key shown."""
    stranger = Ed25519PrivateKey.generate()
    public = stranger.public_key().public_bytes_raw()
    forged = replace(log.head, signature=stranger.sign(b"anything").hex(), public_key=public.hex())
    assert log.check(forged).problems == (f"the signature of head {log.head.size} is not ours",)


def test_many_problems_are_named_up_to_a_hundred_and_counted_beyond(log: Log) -> None:
    """A wholly overwritten log does not fill the memory with messages."""
    with log.town.opened() as archive:
        _acts(archive, 200)
    log.sql("UPDATE audit_event SET outcome = 'x'")
    problems = log.check().problems
    assert len(problems) == 101
    assert problems[-1].endswith("more of this kind")


def test_words_sealed_beside_an_event_are_covered_by_its_digest(log: Log) -> None:
    """An event that points to another event's words is found by the content check."""
    log.sql(
        "UPDATE audit_event SET text_payload_id = (SELECT text_payload_id FROM audit_event WHERE id = 21) WHERE id = 20"
    )
    assert log.check().problems == ()
    said = log.town.run("verify", "--json")
    assert said.code == 5
    assert any(one["check"] == "content" and "not what was sealed" in one["message"] for one in said.data["problems"])


def test_proofs_of_the_archive_verify_with_nothing_but_the_head(log: Log) -> None:
    """Every event has an inclusion proof, every size a consistency proof, against one signed head."""
    with log.town.opened() as archive, archive.reading() as session:
        root = bytes.fromhex(log.head.root)
        for event in range(1, log.head.size + 1, 7):
            proof = prove_event(session, log.head, event)
            path = [bytes.fromhex(step) for step in proof.path]
            assert verify_inclusion(bytes.fromhex(proof.leaf), proof.position, log.head.size, path, root)
        for size in range(1, log.head.size + 1, 5):
            grown = prove_since(session, log.head, size)
            path = [bytes.fromhex(step) for step in grown.path]
            assert verify_consistency(size, log.head.size, bytes.fromhex(grown.old_root), root, path)


def _acts(archive: Archive, count: int) -> None:
    with archive.unit() as session:
        for number in range(count):
            archive.record_act(session, "note", "record", number)
