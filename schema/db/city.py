"""The city's own decisions in editions, and counters."""

from sqlalchemy import Column, Integer, String, Table, Text

from schema.db.base import Big, at, id_column, metadata, refers

city_edition = Table(
    "city_edition",
    metadata,
    id_column(),
    at("decided_at"),
    refers("person_id", "person.id", nullable=True),
    Column("settings", Text, nullable=False),
    sqlite_autoincrement=True,
)

counter = Table(
    "counter",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("year", Integer, primary_key=True),
    Column("last", Integer, nullable=False),
)

id_block = Table(
    "id_block",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("next", Big, nullable=False),
)
