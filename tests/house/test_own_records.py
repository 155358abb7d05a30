"""The archive's own records are retained under a series like all others (decision 16)."""

from pathlib import Path

from archiver.archive import Archive, City
from archiver.operate.initialise import initialise
from archiver.retain.series import OWN_RECORDS, all_series
from schema.db.tables import metadata

PARTS = {
    "data_request": {"request_date", "request_note", "search", "candidate"},
    "declaration": {"declaration_rule"},
    "capture": {"gap"},
    "hold": {"hold_source", "hold_member", "hold_notice"},
    "disposition": {
        "disposition_record",
        "disposition_exception",
        "disposition_approval",
        "hold_clearance",
        "transfer",
        "certificate",
        "paper_record",
        "tombstone",
        "expunged_component",
    },
    "production": {"production_entry"},
    "backup": {"restore"},
    "audit_event": {"audit_head"},
}
"""Rows that are part of an own record and retained with it."""

COLLECTED = {
    "record", "version", "component", "observation", "thread", "party", "record_party", "retention_tag",
    "retention_event", "extraction", "derivation", "official_copy",
}  # fmt: skip
"""Records of the city, under their own tags, and what belongs to them."""

CITY = {
    "city_edition", "retention_schedule", "series", "series_crosswalk", "classification_rule",
    "person", "person_role", "custodian", "body",
    "membership", "account", "device", "source",
}  # fmt: skip
"""The city's decisions and who is who: editions that are never removed."""

MACHINE = {"counter", "id_block", "master", "owner_key", "payload", "secret", "credential", "outbox", "lease", "cursor"}
"""No records at all: keys, sealed bytes of their owners, and the machine's own notes."""


def test_every_table_has_its_place() -> None:
    """A new table is an own record with a series, a part of one, or of a kind that needs none; somebody decided."""
    parts = set().union(*PARTS.values())
    groups = [set(OWN_RECORDS), parts, COLLECTED, CITY, MACHINE]
    placed = set().union(*groups)
    assert set(metadata.tables) - placed == set(), "decide: OWN_RECORDS in archiver/retain/series.py, or a list here"
    assert placed - set(metadata.tables) == set(), "tables that are gone"
    assert sum(map(len, groups)) == len(placed), "a table is on two lists"
    assert set(PARTS) <= set(OWN_RECORDS)


def test_a_new_archive_has_the_series(tmp_path: Path) -> None:
    """Each kind of own record has a built-in series; none is ever due before the city confirms a period."""
    initialise(tmp_path / "archive", City("Test City", "us-mn", "America/Chicago", for_tests=True))
    archive = Archive(tmp_path / "archive")
    with archive.reading() as session:
        made = {one.key: one for one in all_series(session)}
    archive.close()
    assert {f"own:{table}" for table in OWN_RECORDS} <= set(made)
    assert not any(made[f"own:{table}"].confirmed for table in OWN_RECORDS)
