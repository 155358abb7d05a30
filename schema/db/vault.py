"""Data keys, sealed payloads, what was derived from an owner's content, and the archive's own secrets."""

from sqlalchemy import Column, Index, Integer, LargeBinary, String, Table

from schema.db.base import Big, at, block_id_column, choice, id_column, metadata, refers
from schema.vocab import DerivationKind, OwnerKind, PayloadForm

master = Table(
    "master",
    metadata,
    id_column(),
    Column("check", LargeBinary(60), nullable=False),
    at("since"),
    at("until", nullable=True),
    sqlite_autoincrement=True,
)

owner_key = Table(
    "owner_key",
    metadata,
    choice("owner_kind", OwnerKind),
    Column("owner_id", Big, nullable=False),
    refers("master_id", "master.id"),
    Column("wrapped", LargeBinary(60), nullable=False),
    Index("uq_owner_key", "owner_kind", "owner_id", "master_id", unique=True),
)

payload = Table(
    "payload",
    metadata,
    block_id_column(),
    choice("owner_kind", OwnerKind),
    Column("owner_id", Big, nullable=False),
    choice("form", PayloadForm),
    Column("sealed", LargeBinary, nullable=False),
    Column("object_name", String(40), unique=True),
    Column("size", Big, nullable=False),
    Index("ix_payload_owner", "owner_kind", "owner_id"),
)

derivation = Table(
    "derivation",
    metadata,
    id_column(),
    choice("owner_kind", OwnerKind),
    Column("owner_id", Big, nullable=False),
    choice("kind", DerivationKind),
    Column("component_id", Big),
    Column("payload_id", Big, nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("pages", Integer),
    Index("ix_derivation_owner", "owner_kind", "owner_id"),
    Index("ix_derivation_component", "component_id"),
    sqlite_autoincrement=True,
)

secret = Table(
    "secret",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("payload_id", Big, nullable=False),
    Column("public", LargeBinary(64)),
)
