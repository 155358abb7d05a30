"""Productions and what was numbered into them."""

from sqlalchemy import Column, Integer, String, Table

from schema.db.base import Big, at, digest, id_column, metadata, refers

production = Table(
    "production",
    metadata,
    id_column(),
    Column("number", String(30), nullable=False, unique=True),
    refers("request_id", "data_request.id", index=True),
    digest("root"),
    digest("public_key"),
    Column("seed_payload_id", Big, nullable=False),
    Column("entries", Integer, nullable=False),
    at("built_at"),
    refers("built_by", "person.id"),
    sqlite_autoincrement=True,
)

production_entry = Table(
    "production_entry",
    metadata,
    Column("production_id", Big, primary_key=True, autoincrement=False),
    Column("number", String(20), primary_key=True),
    refers("candidate_id", "candidate.id"),
    Column("version", Integer, nullable=False),
)
