"""Receipts of collection runs, cursors, gaps and leases."""

from sqlalchemy import Column, Integer, String, Table, Text

from schema.db.base import Big, at, choice, id_column, metadata, refers
from schema.vocab import Outcome

capture = Table(
    "capture",
    metadata,
    id_column(),
    refers("source_id", "source.id", index=True),
    at("started_at"),
    at("ended_at", nullable=True),
    choice("outcome", Outcome, nullable=True),
    Column("connector_version", String(60), nullable=False),
    Column("seen", Integer, nullable=False, server_default="0"),
    Column("new_records", Integer, nullable=False, server_default="0"),
    Column("new_versions", Integer, nullable=False, server_default="0"),
    Column("unchanged", Integer, nullable=False, server_default="0"),
    Column("out_of_scope", Integer, nullable=False, server_default="0"),
    Column("destroyed_earlier", Integer, nullable=False, server_default="0"),
    Column("unreadable", Integer, nullable=False, server_default="0"),
    Column("missing", Integer, nullable=False, server_default="0"),
    Column("error_code", String(60)),
    Column("error_payload_id", Big),
    Column("warnings", Integer, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)

cursor = Table(
    "cursor",
    metadata,
    Column("source_id", Big, primary_key=True, autoincrement=False),
    Column("value", Text, nullable=False),
    refers("capture_id", "capture.id"),
)

gap = Table(
    "gap",
    metadata,
    id_column(),
    refers("source_id", "source.id", index=True),
    refers("capture_id", "capture.id", nullable=True),
    at("since", nullable=True),
    at("until", nullable=True),
    Column("reason", String(400), nullable=False),
    at("found_at"),
    sqlite_autoincrement=True,
)

lease = Table(
    "lease",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("holder", String(100), nullable=False),
    at("until"),
)
