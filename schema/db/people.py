"""Persons who act, custodians in whose hands government data may lie, and the bodies they sit on."""

from sqlalchemy import Boolean, Column, Date, Integer, String, Table, UniqueConstraint

from schema.db.base import at, choice, id_column, metadata, refers
from schema.vocab import CustodianKind, Role

person = Table(
    "person",
    metadata,
    id_column(),
    Column("name", String(200), nullable=False),
    Column("login", String(100), nullable=False, unique=True),
    Column("os_login", String(100), unique=True),
    Column("email", String(320)),
    Column("password_hash", String(200)),
    Column("active", Boolean, nullable=False, server_default="1"),
    at("added_at"),
    sqlite_autoincrement=True,
)

person_role = Table(
    "person_role",
    metadata,
    id_column(),
    refers("person_id", "person.id", index=True),
    choice("role", Role),
    at("granted_at"),
    refers("granted_by", "person.id", nullable=True),
    at("ended_at", nullable=True),
    sqlite_autoincrement=True,
)

custodian = Table(
    "custodian",
    metadata,
    id_column(),
    Column("name", String(200), nullable=False, unique=True),
    choice("kind", CustodianKind),
    Column("department", String(200)),
    Column("title", String(200)),
    refers("person_id", "person.id", nullable=True),
    Column("started_on", Date),
    Column("ended_on", Date),
    sqlite_autoincrement=True,
)

body = Table(
    "body",
    metadata,
    id_column(),
    Column("name", String(200), nullable=False, unique=True),
    Column("majority", Integer, nullable=False),
    sqlite_autoincrement=True,
)

membership = Table(
    "membership",
    metadata,
    id_column(),
    refers("body_id", "body.id", index=True),
    refers("custodian_id", "custodian.id", index=True),
    Column("started_on", Date, nullable=False),
    Column("ended_on", Date),
    UniqueConstraint("body_id", "custodian_id", "started_on"),
    sqlite_autoincrement=True,
)
