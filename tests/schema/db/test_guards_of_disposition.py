"""The guards of disposition: the one way from proposal to certificate, and what never gets onto it."""

from itertools import product

import pytest

from tests.fixtures import disposals
from tests.schema.db.test_guards import Raw, archive, raw  # noqa: F401  (fixtures)

STATES = ("proposed", "approved", "executing", "halted", "destroyed", "proven", "certified", "withdrawn")
LEGAL = {
    ("proposed", "approved"), ("proposed", "withdrawn"), ("approved", "executing"), ("approved", "withdrawn"),
    ("executing", "destroyed"), ("executing", "halted"), ("executing", "withdrawn"), ("halted", "executing"),
    ("halted", "withdrawn"), ("destroyed", "proven"),
    ("proven", "certified"),
}  # fmt: skip


def led_to(raw: Raw, state: str) -> int:
    """A disposition of no records in a state, reached legally."""
    session = raw.connection
    new = disposals.propose(session, [], series_id=raw.one("SELECT min(id) FROM series"))
    if state == "proposed":
        return new
    if state == "withdrawn":
        disposals.step(session, new, "withdrawn")
        return new
    disposals.approve(session, new)
    if state == "approved":
        return new
    disposals.step(session, new, "executing")
    if state == "halted":
        disposals.step(session, new, "halted")
    if state == "certified":
        disposals.finish(session, new)
    if state in ("destroyed", "proven"):
        disposals.step(session, new, "destroyed")
    if state == "proven":
        disposals.step(session, new, "proven")
    return new


@pytest.mark.parametrize(("before", "after"), [pair for pair in product(STATES, STATES) if pair[0] != pair[1]])
def test_every_illegal_step_is_refused(raw: Raw, before: str, after: str) -> None:
    """Of all pairs of states, only the contract's nine may follow; the legal ones still ask for what they need."""
    new = led_to(raw, before)
    assert raw.one("SELECT state FROM disposition WHERE id = :d", d=new) == before
    if (before, after) not in LEGAL:
        raw.refused("UPDATE disposition SET state = :s WHERE id = :d", "each step", s=after, d=new)
    elif (before, after) not in {("proposed", "approved"), ("proven", "certified")}:
        assert raw.run("UPDATE disposition SET state = :s WHERE id = :d", s=after, d=new) == 1


@pytest.mark.parametrize("state", STATES[1:])
def test_a_disposition_begins_as_a_proposal(raw: Raw, state: str) -> None:
    """Nobody inserts one that is approved, or further."""
    raw.refused(
        "INSERT INTO disposition (state, series_id, proposed_at, proposed_by) VALUES (:s, 1, 1, 1)", "proposal", s=state
    )


def test_an_approval_needs_another_person(raw: Raw) -> None:
    """Without an approval, with the proposer's, with another's than the one named: the proposal is not approved."""
    session = raw.connection
    new = led_to(raw, "proposed")
    second = disposals.other_person(session)
    approving = "UPDATE disposition SET state = 'approved', approved_by = :p WHERE id = :d"
    signing = (
        "INSERT INTO disposition_approval (disposition_id, step, person_id, as_deputy, list_digest, approved_at)"
        " VALUES (:d, 1, :p, FALSE, :z, 1)"
    )
    raw.refused("UPDATE disposition SET state = 'approved' WHERE id = :d", "each step", d=new)
    raw.refused(approving, "each step", p=1, d=new)
    raw.refused(approving, "each step", p=second, d=new)
    raw.refused(signing, "never approves", p=1, d=new, z=disposals.DIGEST)
    raw.run(signing, p=second, d=new, z=disposals.DIGEST)
    raw.refused(approving, "each step", p=1, d=new)
    raw.refused("UPDATE disposition SET proposed_by = :p WHERE id = :d", "each step", p=second, d=new)
    assert raw.run(approving, p=second, d=new) == 1
    other = led_to(raw, "executing")
    third = raw.one("INSERT INTO person (name, login, added_at) VALUES ('C', 'c', 1) RETURNING id")
    raw.refused(signing.replace(" 1, :p", " 2, :p"), "only a proposal", p=third, d=other, z=disposals.DIGEST)


@pytest.mark.parametrize("state", STATES[1:])
def test_the_list_is_frozen_by_approval(raw: Raw, state: str) -> None:
    """Rows join only a proposal that nobody has signed; what was approved of a row does not change."""
    adding = "INSERT INTO disposition_record (disposition_id, record_id) VALUES (:d, :r)"
    raw.refused(adding, "frozen", d=led_to(raw, state), r=raw.record)
    raw.refused(adding, "frozen", d=900_000, r=raw.record)
    new = raw.disposition("approved")
    for change in ("due_on = '2019-01-01'", "changed_at = 77", "record_id = 900", "disposition_id = 900"):
        raw.refused(f"UPDATE disposition_record SET {change} WHERE disposition_id = :d", "stands", d=new)
    for change in ("list_digest", "schedule_digest"):
        raw.refused(f"UPDATE disposition SET {change} = :z WHERE id = :d", "each step", z=disposals.DIGEST, d=new)
    for change in (
        "executable_on = '2020-01-01'",
        "due_until = '2999-01-01'",
        "approved_by = proposed_by",
        "kind = 'expunge'",
        "series_id = series_id + 1",
        "id = id + 1",
    ):
        raw.refused(f"UPDATE disposition SET {change} WHERE id = :d", "each step", d=new)


def test_the_first_of_two_signatures_freezes_the_list(raw: Raw) -> None:
    """Between the first and the second approval no record joins."""
    new = disposals.propose(raw.connection, [], series_id=disposals.due(raw.connection, [raw.record]))
    raw.run(
        "INSERT INTO disposition_approval (disposition_id, step, person_id, as_deputy, list_digest, approved_at)"
        " VALUES (:d, 1, :p, FALSE, :z, 1)",
        d=new,
        p=disposals.other_person(raw.connection),
        z=disposals.DIGEST,
    )
    raw.refused("INSERT INTO disposition_record (disposition_id, record_id) VALUES (:d, :r)", "frozen", d=new, r=1)


def test_retain_always_wins(raw: Raw) -> None:
    """A record answered "retain" stays, whenever that is said, and nobody turns the answer."""
    new = raw.disposition()
    raw.run("UPDATE disposition_record SET answer = 'destroy' WHERE disposition_id = :d", d=new)
    raw.run("UPDATE disposition_record SET answer = 'retain' WHERE disposition_id = :d", d=new)
    raw.kept()
    raw.refused("UPDATE disposition_record SET answer = 'destroy' WHERE disposition_id = :d", "stands", d=new)
    raw.refused("UPDATE disposition_record SET answer = NULL WHERE disposition_id = :d", "stands", d=new)


def test_who_left_does_not_come_back(raw: Raw) -> None:
    """A record that left a batch stays, and its mark too."""
    new = raw.disposition()
    raw.run("UPDATE disposition_record SET left_at = 5, left_why = 'changed' WHERE disposition_id = :d", d=new)
    raw.kept()
    raw.refused("UPDATE disposition_record SET left_at = NULL WHERE disposition_id = :d", "stands", d=new)


def test_a_mark_of_destruction_is_true(raw: Raw) -> None:
    """A row is marked destroyed only after its record is; the mark is neither moved nor taken back."""
    new = raw.disposition()
    marking = "UPDATE disposition_record SET destroyed_at = {} WHERE disposition_id = :d"
    raw.refused(marking.format(5), "stands", d=new)
    raw.run("UPDATE record SET destroyed_at = 5 WHERE id = :r", r=raw.record)
    assert raw.run(marking.format(5), d=new) == 1
    raw.refused(marking.format(6), "stands", d=new)
    raw.refused(marking.format("NULL"), "stands", d=new)


def test_no_end_before_everything_is_gone(raw: Raw) -> None:
    """While a row neither left nor is destroyed, a batch is not "destroyed"; without proof there is no certificate."""
    new = raw.disposition()
    raw.refused("UPDATE disposition SET state = 'destroyed' WHERE id = :d", "each step", d=new)
    certifying = (
        "INSERT INTO certificate"
        " (number, kind, disposition_id, issued_at, issued_by, payload_id, signature, public_key)"
        " VALUES ('C2026-1', 'destruction', :d, 1, 1, 1, :z, :z)"
    )
    for state in ("proposed", "approved", "executing", "destroyed", "withdrawn"):
        raw.refused(certifying, "only when everything is proven", d=led_to(raw, state), z=disposals.DIGEST)
    proven = led_to(raw, "proven")
    for number in ("NULL", "'C2026-9'"):
        change = f"UPDATE disposition SET state = 'certified', certificate = {number} WHERE id = :d"
        raw.refused(change, "each step", d=proven)
    raw.run(certifying, d=proven, z=disposals.DIGEST)
    assert raw.run("UPDATE disposition SET state = 'certified', certificate = 'C2026-1' WHERE id = :d", d=proven) == 1


@pytest.mark.parametrize(
    "change",
    [
        "due_on = '2026-01-02'",
        "due_on = NULL",
        "series_id = (SELECT max(id) FROM series)",
        "ended_at = 5",
    ],
)
def test_an_undue_record_in_an_executing_batch_stays(raw: Raw, change: str) -> None:
    """Not due until the batch's day, never due, of another series, or without a tag: key and content stay."""
    raw.disposition()
    raw.run(f"UPDATE retention_tag SET {change} WHERE record_id = :r AND ended_at IS NULL", r=raw.record)
    raw.kept()


def test_a_courts_order_needs_no_due_date(raw: Raw) -> None:
    """An expungement goes by its approval, not by the schedule; a hold wins there too."""
    raw.disposition(kind="expunge")
    raw.run("UPDATE retention_tag SET due_on = NULL WHERE record_id = :r AND ended_at IS NULL", r=raw.record)
    hold = raw.hold()
    raw.member(hold)
    raw.kept()
    raw.run("UPDATE hold SET state = 'lifted', lifted_at = 2, lifted_by = 1 WHERE id = :h", h=hold)
    raw.destroyed()


@pytest.mark.parametrize("state", ["halted", "destroyed", "proven", "certified", "withdrawn", "approved", "proposed"])
def test_only_an_executing_batch_destroys(raw: Raw, state: str) -> None:
    """In every other state of its batch a record stays."""
    if state in ("proposed", "approved"):
        raw.disposition(state)
    else:
        new = raw.disposition("approved" if state == "withdrawn" else "executing")
        if state in ("destroyed", "proven", "certified"):  # such a batch cannot hold the record; it left
            raw.run("UPDATE disposition_record SET left_at = 5, left_why = 'held' WHERE disposition_id = :d", d=new)
        way = {"proven": ("destroyed", "proven"), "certified": ()}.get(state, (state,))
        for one in way:
            disposals.step(raw.connection, new, one)
        if state == "certified":
            disposals.finish(raw.connection, new)
    raw.kept()


def test_a_halt_stops_everything(raw: Raw) -> None:
    """The brake is a hold of kind halt that stays `placing`; lifted, destruction goes on."""
    raw.disposition()
    halt = raw.one(
        "INSERT INTO hold (kind, scope, state, matter, placed_at, placed_by)"
        " VALUES ('halt', 'members', 'placing', 'm', 1, 1) RETURNING id"
    )
    raw.kept()
    raw.refused("UPDATE hold SET state = 'lifted' WHERE id = :h", "hold", h=halt)
    raw.run("UPDATE hold SET state = 'lifted', lifted_at = 1, lifted_by = 1 WHERE id = :h", h=halt)
    raw.destroyed()


def test_an_unconfirmed_restore_stops_everything(raw: Raw) -> None:
    """A restored archive destroys nothing until a person confirms it, once."""
    raw.disposition()
    new = raw.one("INSERT INTO restore (backup_taken_at, restored_at) VALUES (1, 2) RETURNING id")
    raw.kept()
    raw.refused("UPDATE restore SET confirmed_at = 3 WHERE id = :i", "by a person", i=new)
    raw.run("UPDATE restore SET confirmed_at = 3, confirmed_by = 1 WHERE id = :i", i=new)
    raw.refused("UPDATE restore SET confirmed_at = NULL WHERE id = :i", "once", i=new)
    raw.destroyed()


def test_a_clearance_is_for_one_batch(raw: Raw) -> None:
    """A request's preliminary hold passes for the batch that a person cleared, and for no other."""
    first = raw.disposition()
    hold = raw.hold(scope="preliminary")
    raw.kept()
    other = led_to(raw, "executing")
    disposals.clear(raw.connection, other, hold)
    raw.kept()
    disposals.clear(raw.connection, first, hold)
    second = raw.hold(scope="preliminary")
    raw.kept()
    disposals.clear(raw.connection, first, second)
    raw.destroyed()


def test_a_clearance_of_a_batch_that_it_left_helps_no_other(raw: Raw) -> None:
    """The record left the cleared batch; in the batch that is not cleared it stays."""
    cleared = raw.disposition()
    hold = raw.hold(scope="preliminary")
    disposals.clear(raw.connection, cleared, hold)
    raw.run("UPDATE disposition_record SET left_at = 5, left_why = 'held' WHERE disposition_id = :d", d=cleared)
    raw.disposition()
    raw.kept()


def test_a_clearance_lifts_no_hold_on_members(raw: Raw) -> None:
    """Only preliminary holds are cleared; a member stays."""
    new, hold = raw.disposition(), raw.hold()
    raw.member(hold)
    disposals.clear(raw.connection, new, hold)
    raw.kept()


def test_the_sources_of_a_hold_are_not_taken_away(raw: Raw) -> None:
    """Neither removed, nor exchanged, nor planted before: each would narrow a hold in force."""
    raw.disposition()
    hold = raw.hold(scope="preliminary", state="placing")
    raw.run("INSERT INTO hold_source (hold_id, source_id) VALUES (:h, :s), (:h, 900)", h=hold, s=raw.source)
    raw.run("UPDATE hold SET state = 'active' WHERE id = :h", h=hold)
    raw.refused("DELETE FROM hold_source WHERE source_id = :s", "not narrowed", s=raw.source)
    raw.refused("UPDATE hold_source SET source_id = 901 WHERE source_id = :s", "never changed", s=raw.source)
    raw.refused("INSERT INTO hold_source (hold_id, source_id) VALUES (900000, 900)", "not narrowed")
    raw.kept()


def test_a_hold_keeps_its_number(raw: Raw) -> None:
    """With another number its members and sources would belong to nothing."""
    raw.disposition()
    hold = raw.hold()
    raw.member(hold)
    raw.refused("UPDATE hold SET id = id + 1000 WHERE id = :h", "hold", h=hold)
    raw.kept()


def test_the_time_sent_is_not_moved_out_of_a_hold(raw: Raw) -> None:
    """A record's time can become unknown, which every preliminary hold covers, but never another one."""
    raw.disposition()
    raw.hold(scope="preliminary", since=raw.sent, until=raw.sent + 1)
    raw.refused("UPDATE record SET sent_at = sent_at + 1 WHERE id = :r", "identity", r=raw.record)
    raw.kept()


def test_what_belongs_to_a_living_record_stays(raw: Raw) -> None:
    """Match, parties and tombstones: kept while the record lives, and the tombstone for good."""
    record = raw.record
    raw.refused("UPDATE version SET match = NULL WHERE record_id = :r", "never changes", r=record)
    raw.refused("UPDATE version SET match = digest WHERE record_id = :r", "never changes", r=record)
    raw.refused("DELETE FROM record_party WHERE record_id = :r", "living record", r=record)
    raw.refused("UPDATE record_party SET party_id = 900 WHERE record_id = :r", "never change", r=record)
    raw.refused("DELETE FROM party", "living record")
    raw.refused("UPDATE record SET destroyed_at = 1 WHERE id = :r", "not destroyed", r=record)
    raw.disposition()
    raw.run("UPDATE record SET destroyed_at = 5 WHERE id = :r", r=record)
    raw.refused("UPDATE record SET destroyed_at = NULL WHERE id = :r", "not destroyed", r=record)
    raw.refused("UPDATE record SET destroyed_at = 6 WHERE id = :r", "not destroyed", r=record)
    raw.refused("UPDATE version SET match = digest WHERE record_id = :r", "never changes", r=record)
    assert raw.run("UPDATE version SET match = NULL, mark = NULL WHERE record_id = :r", r=record) == 1
    assert raw.run("DELETE FROM record_party WHERE record_id = :r", r=record) > 0
    raw.destroyed()
    raw.run(
        "INSERT INTO tombstone (record_id, native_key, series_id, digest, captured_at, destroyed_at)"
        " SELECT id, native_key, (SELECT min(id) FROM series), native_key, 1, 5 FROM record WHERE id = :r",
        r=record,
    )
    raw.run("UPDATE tombstone SET certificate = 'C2026-1', seen_again_at = 9")
    for change in ("certificate = 'C2026-2'", "certificate = NULL", "destroyed_at = 6", "record_id = 900"):
        raw.refused(f"UPDATE tombstone SET {change}", "tombstone never changes")
