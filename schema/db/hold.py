"""Holds: orders that suspend disposition, and the notices that they cause."""

from sqlalchemy import Boolean, Column, Date, Index, String, Table

from schema.db.base import Big, at, choice, id_column, metadata, refers
from schema.disposal_vocab import NoticeAnswer
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
    Column("query_payload_id", Big),
    Column("families", Boolean, nullable=False, server_default="0"),
    refers("request_id", "data_request.id", nullable=True, index=True),
    at("sent_since", nullable=True),
    at("sent_until", nullable=True),
    at("placed_at"),
    refers("placed_by", "person.id"),
    Column("until_on", Date),
    at("lifted_at", nullable=True),
    refers("lifted_by", "person.id", nullable=True),
    at("evaluated_to", nullable=True),
    Index("ix_hold_in_force", "state", "scope"),
    Index("ix_hold_evaluated", "state", "evaluated_to"),
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

hold_notice = Table(
    "hold_notice",
    metadata,
    id_column(),
    refers("hold_id", "hold.id", index=True),
    refers("custodian_id", "custodian.id"),
    refers("device_id", "device.id", nullable=True),
    refers("account_id", "account.id", nullable=True),
    at("sent_at"),
    refers("sent_by", "person.id"),
    choice("answer", NoticeAnswer, nullable=True),
    at("answered_at", nullable=True),
    refers("answered_by", "person.id", nullable=True),
    Column("answer_payload_id", Big),
    sqlite_autoincrement=True,
)
