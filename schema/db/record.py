"""Records, their versions and components, what was observed of them, and who took part."""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, String, Table, UniqueConstraint, text

from schema.db.base import Big, at, block_id_column, choice, digest, id_column, metadata, refers
from schema.vocab import AddressKind, ComponentRole, Direction, Kind, ObservationKind, PartyRole, Precision, Visibility

thread = Table(
    "thread",
    metadata,
    block_id_column(),
    refers("source_id", "source.id"),
    digest("key", unique=True),
)

record = Table(
    "record",
    metadata,
    block_id_column(),
    refers("source_id", "source.id"),
    digest("native_key", unique=True),
    choice("kind", Kind),
    refers("thread_id", "thread.id", nullable=True, index=True),
    at("sent_at", nullable=True),
    Column("offset_min", Integer),
    choice("precision", Precision),
    choice("direction", Direction),
    choice("visibility", Visibility),
    digest("message_key", nullable=True, index=True),
    Column("versions", Integer, nullable=False),
    refers("first_capture_id", "capture.id"),
    at("captured_at"),
    at("changed_at"),
    refers("seen_capture_id", "capture.id"),
    at("seen_at"),
    at("missing_since", nullable=True),
    at("gone_at", nullable=True),
    Column("hidden", Boolean),
    at("destroyed_at", nullable=True),
    Index("ix_record_source_sent", "source_id", "sent_at"),
    Index("ix_record_source_seen", "source_id", "seen_capture_id"),
    Index("ix_record_changed_at", "changed_at"),
    Index(
        "ix_record_destroyed",
        "id",
        sqlite_where=text("destroyed_at IS NOT NULL"),
        postgresql_where=text("destroyed_at IS NOT NULL"),
    ),
)

version = Table(
    "version",
    metadata,
    block_id_column(),
    refers("record_id", "record.id"),
    Column("number", Integer, nullable=False),
    Column("match", LargeBinary(32)),
    digest("mark", nullable=True),
    refers("capture_id", "capture.id"),
    at("captured_at"),
    at("edited_at", nullable=True),
    digest("digest"),
    UniqueConstraint("record_id", "number"),
)

component = Table(
    "component",
    metadata,
    block_id_column(),
    refers("version_id", "version.id", index=True),
    refers("record_id", "record.id", index=True),
    choice("role", ComponentRole),
    Column("position", Integer, nullable=False),
    Column("payload_id", Big, nullable=False),
    Column("media_type", String(120), nullable=False),
    Column("size", Big, nullable=False),
    digest("digest"),
)

observation = Table(
    "observation",
    metadata,
    id_column(),
    refers("record_id", "record.id", index=True),
    choice("kind", ObservationKind),
    at("since", nullable=True),
    at("observed_at"),
    refers("capture_id", "capture.id"),
    Column("evidence", String(120)),
    sqlite_autoincrement=True,
)

party = Table(
    "party",
    metadata,
    block_id_column(),
    digest("key", unique=True),
    choice("kind", AddressKind),
)

record_party = Table(
    "record_party",
    metadata,
    Column("record_id", Big, primary_key=True, autoincrement=False),
    Column("party_id", Big, primary_key=True, autoincrement=False, index=True),
    choice("role", PartyRole),
)

tombstone = Table(
    "tombstone",
    metadata,
    Column("record_id", Big, primary_key=True, autoincrement=False),
    digest("native_key", unique=True),
    refers("series_id", "series.id"),
    digest("digest"),
    at("sent_at", nullable=True),
    at("captured_at"),
    at("destroyed_at"),
    Column("certificate", String(20)),
    at("seen_again_at", nullable=True),
    at("edited_again_at", nullable=True),
)

expunged_component = Table(
    "expunged_component",
    metadata,
    Column("component_id", Big, primary_key=True, autoincrement=False),
    refers("record_id", "record.id", index=True),
    refers("disposition_id", "disposition.id"),
    at("expunged_at"),
)
