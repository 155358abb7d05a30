"""Adopted schedule editions, series, classification rules, tags and events that start periods."""

from sqlalchemy import Boolean, Column, Date, Index, Integer, String, Table, Text, UniqueConstraint, text

from schema.db.base import at, choice, digest, id_column, metadata, refers
from schema.vocab import DispositionAction, PeriodKind, PeriodUnit, Trigger

retention_schedule = Table(
    "retention_schedule",
    metadata,
    id_column(),
    Column("edition", String(60), nullable=False, unique=True),
    Column("jurisdiction", String(20), nullable=False),
    Column("title", String(300), nullable=False),
    Column("version", String(300), nullable=False),
    Column("adopted_on", Date, nullable=False),
    refers("adopted_by", "person.id"),
    digest("digest"),
    at("superseded_at", nullable=True),
    sqlite_autoincrement=True,
)

series = Table(
    "series",
    metadata,
    id_column(),
    refers("schedule_id", "retention_schedule.id", nullable=True),
    Column("key", String(160), nullable=False, unique=True),
    Column("code", String(40), nullable=False),
    Column("title", String(300), nullable=False),
    Column("retention_text", String(600), nullable=False),
    choice("period_kind", PeriodKind),
    Column("number", Integer),
    choice("unit", PeriodUnit, nullable=True),
    choice("trigger", Trigger),
    choice("action", DispositionAction),
    Column("statute", String(300)),
    Column("title_verified", Boolean, nullable=False),
    Column("period_verified", Boolean, nullable=False),
    Column("trigger_verified", Boolean, nullable=False),
    refers("confirmed_by", "person.id", nullable=True),
    Column("confirmed_on", Date),
    Column("confirmed_edition", String(200)),
    sqlite_autoincrement=True,
)

classification_rule = Table(
    "classification_rule",
    metadata,
    id_column(),
    Column("edition", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    refers("series_id", "series.id"),
    Column("conditions", Text, nullable=False),
    Column("reason", String(400), nullable=False),
    at("ended_at", nullable=True),
    UniqueConstraint("edition", "position"),
    sqlite_autoincrement=True,
)

retention_tag = Table(
    "retention_tag",
    metadata,
    id_column(),
    refers("record_id", "record.id"),
    refers("series_id", "series.id"),
    refers("rule_id", "classification_rule.id", nullable=True),
    refers("person_id", "person.id", nullable=True),
    Column("reason", String(60), nullable=False),
    Column("trigger_on", Date),
    Column("due_on", Date),
    at("tagged_at"),
    at("ended_at", nullable=True),
    Index(
        "uq_retention_tag_current",
        "record_id",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index("ix_retention_tag_due", "series_id", "due_on"),
    sqlite_autoincrement=True,
)

retention_event = Table(
    "retention_event",
    metadata,
    id_column(),
    refers("record_id", "record.id", index=True),
    choice("trigger", Trigger),
    Column("happened_on", Date, nullable=False),
    refers("person_id", "person.id"),
    at("recorded_at"),
    sqlite_autoincrement=True,
)
