"""Each guard by its name: what provokes it is refused with its words, and would pass if this guard were not there."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from schema.db.guard_rules import GUARDS, NO_TRUNCATE
from tests.fixtures import disposals
from tests.schema.db.test_guards import Raw, archive, raw  # noqa: F401  (fixtures)

HELD = "a record that is held or not in an approved batch is not destroyed"

PROVOKED = {
    "audit_delete": "DELETE FROM audit_event",
    "audit_update": "UPDATE audit_event SET act = 'other'",
    "head_delete": "DELETE FROM audit_head",
    "head_update": "UPDATE audit_head SET signed_at = 0",
    "record_delete": "DELETE FROM record WHERE id = {record}",
    "record_update": "UPDATE record SET sent_at = 5 WHERE id = {record}",
    "record_destroyed": "UPDATE record SET destroyed_at = 5 WHERE id = {record}",
    "version_delete": "DELETE FROM version WHERE record_id = {record}",
    "version_update": "UPDATE version SET number = 2 WHERE record_id = {record}",
    "component_delete": "DELETE FROM component WHERE record_id = {record}",
    "component_update": "UPDATE component SET payload_id = 1 WHERE record_id = {record}",
    "observation_delete": "DELETE FROM observation",
    "observation_update": "UPDATE observation SET observed_at = 2",
    "record_party_delete": "DELETE FROM record_party WHERE record_id = {record}",
    "record_party_update": "UPDATE record_party SET role = role WHERE record_id = {record}",
    "party_delete": "DELETE FROM party",
    "tag_delete": "DELETE FROM retention_tag WHERE record_id = {record}",
    "tombstone_delete": "DELETE FROM tombstone",
    "tombstone_update": "UPDATE tombstone SET destroyed_at = 2",
    "expunged_delete": "DELETE FROM expunged_component",
    "expunged_update": "UPDATE expunged_component SET expunged_at = 2",
    "expunged_insert": "INSERT INTO expunged_component (component_id, record_id, disposition_id, expunged_at)"
    " VALUES (9, {record}, {destroy}, 1)",
    "key_update": "UPDATE owner_key SET wrapped = wrapped",
    "key_delete": "DELETE FROM owner_key WHERE owner_kind = 'record' AND owner_id = {record}",
    "payload_update": "UPDATE payload SET sealed = sealed",
    "payload_delete": "DELETE FROM payload WHERE owner_kind = 'record' AND owner_id = {record}",
    "hold_delete": "DELETE FROM hold WHERE id = {free}",
    "hold_update": "UPDATE hold SET id = id + 1000 WHERE id = {free}",
    "hold_source_insert": "INSERT INTO hold_source (hold_id, source_id) VALUES ({hold}, 2)",
    "hold_source_delete": "DELETE FROM hold_source WHERE hold_id = {hold}",
    "hold_source_update": "UPDATE hold_source SET source_id = 3 WHERE hold_id = {hold}",
    "hold_member_delete": "DELETE FROM hold_member WHERE hold_id = {hold}",
    "hold_member_update": "UPDATE hold_member SET added_at = 2 WHERE hold_id = {hold}",
    "disposition_insert": "INSERT INTO disposition (kind, state, series_id, proposed_at, proposed_by)"
    " VALUES ('destroy', 'executing', 1, 1, 1)",
    "disposition_delete": "DELETE FROM disposition WHERE id = {bare}",
    "disposition_update": "UPDATE disposition SET state = 'executing' WHERE id = {bare}",
    "disposition_record_insert": "INSERT INTO disposition_record (disposition_id, record_id) VALUES ({destroy}, 900)",
    "disposition_record_delete": "DELETE FROM disposition_record WHERE disposition_id = {destroy}",
    "disposition_record_update": "UPDATE disposition_record SET record_id = 900 WHERE disposition_id = {destroy}",
    "approval_delete": "DELETE FROM disposition_approval",
    "approval_update": "UPDATE disposition_approval SET approved_at = 9",
    "approval_insert": "INSERT INTO disposition_approval"
    " (disposition_id, step, person_id, as_deputy, list_digest, approved_at)"
    " SELECT {bare}, 1, 1, FALSE, leaf, 1 FROM audit_event LIMIT 1",
    "clearance_delete": "DELETE FROM hold_clearance",
    "clearance_update": "UPDATE hold_clearance SET cleared_at = 9",
    "transfer_insert": "INSERT INTO transfer"
    " (disposition_id, recipient, keeps_copy, offered_at, offered_by, accepted_at) VALUES (900, 'x', TRUE, 1, 1, 1)",
    "transfer_delete": "DELETE FROM transfer",
    "transfer_update": "UPDATE transfer SET receipted_at = 1",
    "certificate_insert": "INSERT INTO certificate"
    " (number, kind, disposition_id, issued_at, issued_by, payload_id, signature, public_key)"
    " SELECT 'C9', 'destruction', {bare}, 1, 1, 1, leaf, leaf FROM audit_event LIMIT 1",
    "certificate_delete": "DELETE FROM certificate",
    "certificate_update": "UPDATE certificate SET issued_at = 9",
    "restore_delete": "DELETE FROM restore",
    "restore_update": "UPDATE restore SET confirmed_at = 9",
}
"""Guard -> a statement that only it stops, in the archive that `ground` makes."""


def ground(raw: Raw) -> dict[str, int]:
    """Rows in every guarded table: a held record in an executing batch, and all that surrounds it."""
    destroy = raw.disposition()
    hold = raw.hold(state="placing")
    raw.run("INSERT INTO hold_source (hold_id, source_id) VALUES (:h, 1)", h=hold)
    raw.member(hold)
    raw.run("UPDATE hold SET state = 'active' WHERE id = :h", h=hold)
    disposals.clear(raw.connection, destroy, hold)
    bare = disposals.propose(raw.connection, [], series_id=1)
    raw.record, held = raw.one("SELECT max(id) FROM record"), raw.record
    expunge = raw.disposition(kind="expunge")
    raw.run(
        "INSERT INTO expunged_component (component_id, record_id, disposition_id, expunged_at) VALUES (8, :r, :d, 1)",
        r=raw.record,
        d=expunge,
    )
    raw.record = held
    for sql in (
        "INSERT INTO observation (record_id, kind, observed_at, capture_id)"
        " SELECT id, 'gone', 1, first_capture_id FROM record WHERE id = :r",
        "INSERT INTO tombstone (record_id, native_key, series_id, digest, captured_at, destroyed_at)"
        " SELECT id, native_key, 1, native_key, 1, 1 FROM record WHERE id = :r",
        "INSERT INTO certificate (number, kind, issued_at, issued_by, payload_id, signature, public_key)"
        " SELECT 'C1', 'destruction', 1, 1, 1, native_key, native_key FROM record WHERE id = :r",
        "INSERT INTO restore (backup_taken_at, restored_at) VALUES (1, 1)",
    ):
        raw.run(sql, **({"r": held} if ":r" in sql else {}))
    raw.run(
        "INSERT INTO transfer (disposition_id, recipient, keeps_copy, offered_at, offered_by)"
        " VALUES (:d, 'x', TRUE, 1, 1)",
        d=bare,
    )
    return {"record": held, "hold": hold, "free": raw.hold(), "destroy": destroy, "bare": bare}


def test_each_guard_has_a_provocation() -> None:
    """A guard that nobody provokes would not be missed: whoever adds one says here what it stops."""
    assert set(PROVOKED) == {name for name, *_rest in GUARDS}
    assert {table for _name, table, act, *_rest in GUARDS if act == "DELETE"} <= set(NO_TRUNCATE)


@pytest.mark.parametrize("name", PROVOKED)
def test_each_guard_refuses_what_nothing_else_does(raw: Raw, name: str) -> None:
    """The statement is refused in the guard's words; with this one guard dropped, no guard stops it."""
    table, message = next((table, message) for one, table, _act, _condition, message in GUARDS if one == name)
    statement = PROVOKED[name].format(**ground(raw))
    raw.refused(statement, message)
    with raw.connection.begin_nested() as savepoint:
        where = f" ON {table}" if raw.dialect == "postgresql" else ""
        raw.run(f"DROP TRIGGER guard_{name}{where}")
        assert "guard: " not in said_of(raw, statement)
        savepoint.rollback()


def said_of(raw: Raw, statement: str) -> str:
    """What the database says against a statement that touches rows, nothing where it passes."""
    try:
        with raw.connection.begin_nested():
            assert raw.connection.execute(text(statement)).rowcount, "the statement touches nothing"
    except DBAPIError as error:
        return str(error.orig)
    return ""


@pytest.mark.parametrize("table", NO_TRUNCATE)
def test_no_guarded_table_is_emptied(raw: Raw, table: str) -> None:
    """TRUNCATE passes no row's guard, so it has a guard of its own; SQLite's whole DELETE asks every row's."""
    ground(raw)
    if raw.dialect == "postgresql":
        raw.refused(f"TRUNCATE {table} CASCADE", "never emptied")
    else:
        raw.refused(f"DELETE FROM {table}")
