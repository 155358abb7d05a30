"""The ledger of job firings."""

from sqlalchemy import Column, Integer, String, Table, Text, UniqueConstraint

from schema.db.base import at, choice, id_column, metadata
from schema.vocab import JobState

job_run = Table(
    "job_run",
    metadata,
    id_column(),
    Column("job", String(60), nullable=False),
    at("scheduled_for"),
    choice("state", JobState),
    Column("holder", String(100), nullable=False),
    at("lease_until"),
    at("started_at"),
    at("ended_at", nullable=True),
    Column("done", Integer, nullable=False, server_default="0"),
    Column("total", Integer),
    Column("unit", String(40)),
    Column("cancel_asked", Integer, nullable=False, server_default="0"),
    Column("result", Text),
    UniqueConstraint("job", "scheduled_for"),
    sqlite_autoincrement=True,
)
