"""Backups that were taken, and restores: a restored archive disposes of nothing until a person confirms it."""

from sqlalchemy import Column, Date, Integer, String, Table

from schema.db.base import Big, at, digest, id_column, metadata, refers

backup = Table(
    "backup",
    metadata,
    id_column(),
    at("taken_at"),
    refers("taken_by", "person.id"),
    Column("place", String(600), nullable=False),
    Column("keys_place", String(600), nullable=False),
    refers("master_id", "master.id"),
    Column("last_record_id", Big, nullable=False),
    Column("records", Integer, nullable=False),
    digest("manifest_digest"),
    Column("expires_on", Date),
    at("removed_at", nullable=True),
    refers("removed_by", "person.id", nullable=True),
    sqlite_autoincrement=True,
)

restore = Table(
    "restore",
    metadata,
    id_column(),
    at("backup_taken_at"),
    at("restored_at"),
    at("confirmed_at", nullable=True),
    refers("confirmed_by", "person.id", nullable=True),
    Column("reason_payload_id", Big),
    sqlite_autoincrement=True,
)
