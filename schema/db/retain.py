"""Adopted schedule editions, series, classification rules, tags and events that start periods."""

from sqlalchemy import Boolean, Column, Date, Index, Integer, String, Table, Text, UniqueConstraint, text

from schema.db.base import Big, at, choice, digest, id_column, metadata, refers
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
    Column("notified_on", Date),
    at("superseded_at", nullable=True),
    refers("superseded_by", "retention_schedule.id", nullable=True),
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
    Column("classification", String(300)),
    Column("title_verified", Boolean, nullable=False),
    Column("period_verified", Boolean, nullable=False),
    Column("trigger_verified", Boolean, nullable=False),
    refers("confirmed_by", "person.id", nullable=True),
    Column("confirmed_on", Date),
    Column("confirmed_edition", String(200)),
    Column("confirmed_page", String(60)),
    Column("confirmed_period", String(600)),
    Column("notified_on", Date),
    Column("keep_threads", Boolean, nullable=False, server_default="0"),
    at("ended_at", nullable=True),
    refers("replaced_by", "series.id", nullable=True),
    sqlite_autoincrement=True,
)

series_crosswalk = Table(
    "series_crosswalk",
    metadata,
    id_column(),
    refers("old_series_id", "series.id"),
    refers("new_series_id", "series.id"),
    Column("reason", String(400), nullable=False),
    at("made_at"),
    refers("made_by", "person.id"),
    UniqueConstraint("old_series_id", "new_series_id"),
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
    refers("second_person_id", "person.id", nullable=True),
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
    Index(
        "ix_retention_tag_history",
        "record_id",
        sqlite_where=text("ended_at IS NOT NULL"),
        postgresql_where=text("ended_at IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

retention_event = Table(
    "retention_event",
    metadata,
    id_column(),
    refers("record_id", "record.id", index=True),
    choice("trigger", Trigger),
    Column("happened_on", Date, nullable=False),
    refers("person_id", "person.id", nullable=True),
    refers("observation_id", "observation.id", nullable=True),
    at("recorded_at"),
    at("withdrawn_at", nullable=True),
    sqlite_autoincrement=True,
)

official_copy = Table(
    "official_copy",
    metadata,
    Column("record_id", Big, primary_key=True, autoincrement=False),
    refers("official_id", "record.id", index=True),
    refers("named_by", "person.id"),
    at("named_at"),
)
