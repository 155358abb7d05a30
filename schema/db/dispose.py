"""Dispositions: batches of due records on their way to destruction or transfer."""

from sqlalchemy import Column, Index, String, Table

from schema.db.base import Big, at, choice, id_column, metadata, refers
from schema.vocab import DispositionState

disposition = Table(
    "disposition",
    metadata,
    id_column(),
    choice("state", DispositionState),
    refers("series_id", "series.id"),
    at("proposed_at"),
    refers("proposed_by", "person.id"),
    at("approved_at", nullable=True),
    refers("approved_by", "person.id", nullable=True),
    Column("certificate", String(20)),
    sqlite_autoincrement=True,
)

disposition_record = Table(
    "disposition_record",
    metadata,
    Column("disposition_id", Big, primary_key=True, autoincrement=False),
    Column("record_id", Big, primary_key=True, autoincrement=False),
    Index("ix_disposition_record_record_id", "record_id"),
)
