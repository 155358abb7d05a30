"""Accounts, devices, declarations, and the sources that connectors read."""

from sqlalchemy import Boolean, CheckConstraint, Column, Date, String, Table, Text, UniqueConstraint

from schema.db.base import Big, at, choice, id_column, metadata, refers
from schema.vocab import DataClass, DeclarationState, DeviceKind, Ownership, Platform

account = Table(
    "account",
    metadata,
    id_column(),
    Column("name", String(200), nullable=False, unique=True),
    choice("platform", Platform),
    choice("ownership", Ownership),
    refers("custodian_id", "custodian.id", nullable=True),
    Column("handle", String(320)),
    at("added_at"),
    at("ended_at", nullable=True),
    sqlite_autoincrement=True,
)

device = Table(
    "device",
    metadata,
    id_column(),
    Column("name", String(200), nullable=False, unique=True),
    choice("kind", DeviceKind),
    choice("ownership", Ownership),
    refers("custodian_id", "custodian.id", nullable=True),
    Column("number", String(40)),
    at("added_at"),
    at("ended_at", nullable=True),
    sqlite_autoincrement=True,
)

declaration = Table(
    "declaration",
    metadata,
    id_column(),
    refers("custodian_id", "custodian.id"),
    refers("account_id", "account.id", nullable=True),
    refers("device_id", "device.id", nullable=True),
    choice("state", DeclarationState),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date),
    Column("text_payload_id", Big),
    at("declared_at"),
    refers("declared_by", "person.id"),
    at("decided_at", nullable=True),
    refers("decided_by", "person.id", nullable=True),
    CheckConstraint("(account_id IS NULL) <> (device_id IS NULL)", name="one_subject"),
    sqlite_autoincrement=True,
)

declaration_rule = Table(
    "declaration_rule",
    metadata,
    id_column(),
    refers("declaration_id", "declaration.id", index=True),
    Column("payload_id", Big, nullable=False),
    sqlite_autoincrement=True,
)

source = Table(
    "source",
    metadata,
    id_column(),
    Column("name", String(100), nullable=False, unique=True),
    Column("connector", String(60), nullable=False),
    choice("platform", Platform),
    refers("account_id", "account.id", nullable=True),
    refers("device_id", "device.id", nullable=True),
    refers("declaration_id", "declaration.id", nullable=True),
    Column("settings", Text, nullable=False),
    choice("data_class", DataClass),
    Column("active", Boolean, nullable=False, server_default="1"),
    at("added_at"),
    refers("added_by", "person.id"),
    at("removed_at", nullable=True),
    CheckConstraint("account_id IS NULL OR device_id IS NULL", name="one_subject"),
    sqlite_autoincrement=True,
)

credential = Table(
    "credential",
    metadata,
    id_column(),
    refers("source_id", "source.id"),
    Column("name", String(60), nullable=False),
    Column("reference", String(400)),
    Column("payload_id", Big),
    at("set_at"),
    UniqueConstraint("source_id", "name"),
    sqlite_autoincrement=True,
)
