"""Holds: orders that suspend disposition."""

from sqlalchemy import Column, Date, Index, String, Table

from schema.db.base import Big, at, choice, id_column, metadata, refers
from schema.vocab import HoldKind, HoldScope, HoldState

hold = Table(
    "hold",
    metadata,
    id_column(),
    choice("kind", HoldKind),
    choice("scope", HoldScope),
    choice("state", HoldState),
    Column("matter", String(200), nullable=False),
    Column("reason_payload_id", Big),
    refers("request_id", "data_request.id", nullable=True, index=True),
    at("sent_since", nullable=True),
    at("sent_until", nullable=True),
    at("placed_at"),
    refers("placed_by", "person.id"),
    Column("until_on", Date),
    at("lifted_at", nullable=True),
    refers("lifted_by", "person.id", nullable=True),
    at("evaluated_to", nullable=True),
    sqlite_autoincrement=True,
)

hold_source = Table(
    "hold_source",
    metadata,
    Column("hold_id", Big, primary_key=True, autoincrement=False),
    Column("source_id", Big, primary_key=True, autoincrement=False),
)

hold_member = Table(
    "hold_member",
    metadata,
    Column("hold_id", Big, primary_key=True, autoincrement=False),
    Column("record_id", Big, primary_key=True, autoincrement=False),
    at("added_at"),
    Index("ix_hold_member_record_id", "record_id"),
)
