"""The audit log and its signed heads."""

from sqlalchemy import Column, Index, LargeBinary, String, Table, Text

from schema.db.base import Big, at, digest, id_column, metadata, refers

audit_event = Table(
    "audit_event",
    metadata,
    id_column(),
    at("at"),
    refers("actor_id", "person.id", nullable=True),
    Column("act", String(60), nullable=False),
    Column("object_kind", String(40), nullable=False),
    Column("object_id", Big),
    Column("outcome", String(20), nullable=False),
    Column("facts", Text, nullable=False),
    digest("text_digest", nullable=True),
    Column("text_payload_id", Big),
    digest("leaf"),
    Column("position", Big, unique=True),
    Index("ix_audit_event_object", "object_kind", "object_id"),
    sqlite_autoincrement=True,
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("size", Big, primary_key=True, autoincrement=False),
    digest("root"),
    at("signed_at"),
    Column("signature", LargeBinary(64), nullable=False),
)
