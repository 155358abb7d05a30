"""What is still to be indexed, and what was found in attachments."""

from sqlalchemy import Column, Index, Integer, String, Table, Text, text

from schema.db.base import Big, at, choice, id_column, metadata, refers
from schema.vocab import OutboxKind

outbox = Table(
    "outbox",
    metadata,
    id_column(),
    choice("kind", OutboxKind),
    Column("records", Text, nullable=False),
    at("written_at"),
    sqlite_autoincrement=True,
)

extraction = Table(
    "extraction",
    metadata,
    Column("component_id", Big, primary_key=True, autoincrement=False),
    refers("record_id", "record.id", index=True),
    refers("source_id", "source.id"),
    Column("outcome", String(20), nullable=False),
    Column("pages", Integer),
    Index(
        "ix_extraction_without_text",
        "source_id",
        sqlite_where=text("outcome <> 'ok'"),
        postgresql_where=text("outcome <> 'ok'"),
    ),
)
