"""Dispositions: batches of due records on their way to destruction or transfer, and the certificates of both."""

from sqlalchemy import Boolean, Column, Date, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint, text

from schema.db.base import Big, at, choice, digest, id_column, metadata, refers
from schema.disposal_vocab import (
    CertificateKind,
    DispositionAnswer,
    DispositionKind,
    DispositionState,
    ExceptionReason,
    ProofLevel,
)

disposition = Table(
    "disposition",
    metadata,
    id_column(),
    choice("kind", DispositionKind, default=DispositionKind.DESTROY),
    choice("state", DispositionState),
    refers("series_id", "series.id"),
    Column("due_until", Date),
    at("proposed_at"),
    refers("proposed_by", "person.id"),
    Column("reason_payload_id", Big),
    digest("list_digest", nullable=True),
    digest("schedule_digest", nullable=True),
    Column("resolution", String(120)),
    at("approved_at", nullable=True),
    refers("approved_by", "person.id", nullable=True),
    Column("executable_on", Date),
    at("began_at", nullable=True),
    refers("executed_by", "person.id", nullable=True),
    at("destroyed_at", nullable=True),
    at("proven_at", nullable=True),
    choice("level", ProofLevel, nullable=True),
    Column("marks_payload_id", Big),
    Column("proof", Text),
    Column("certificate", String(20)),
    sqlite_autoincrement=True,
)

disposition_record = Table(
    "disposition_record",
    metadata,
    Column("disposition_id", Big, primary_key=True, autoincrement=False),
    Column("record_id", Big, primary_key=True, autoincrement=False),
    Column("due_on", Date),
    at("changed_at", nullable=True),
    choice("answer", DispositionAnswer, nullable=True),
    refers("answered_by", "person.id", nullable=True),
    at("answered_at", nullable=True),
    choice("left_why", ExceptionReason, nullable=True),
    at("left_at", nullable=True),
    at("destroyed_at", nullable=True),
    Column("size", Big),
    Index("ix_disposition_record_record_id", "record_id"),
    Index(
        "ix_disposition_record_waiting",
        "disposition_id",
        "record_id",
        sqlite_where=text("destroyed_at IS NULL AND left_at IS NULL"),
        postgresql_where=text("destroyed_at IS NULL AND left_at IS NULL"),
    ),
)

disposition_exception = Table(
    "disposition_exception",
    metadata,
    id_column(),
    refers("disposition_id", "disposition.id", index=True),
    refers("record_id", "record.id"),
    choice("why", ExceptionReason),
    refers("hold_id", "hold.id", nullable=True),
    at("noted_at"),
    sqlite_autoincrement=True,
)

disposition_approval = Table(
    "disposition_approval",
    metadata,
    id_column(),
    refers("disposition_id", "disposition.id"),
    Column("step", Integer, nullable=False),
    refers("person_id", "person.id"),
    Column("as_deputy", Boolean, nullable=False),
    digest("list_digest"),
    at("approved_at"),
    UniqueConstraint("disposition_id", "step"),
    UniqueConstraint("disposition_id", "person_id"),
    sqlite_autoincrement=True,
)

hold_clearance = Table(
    "hold_clearance",
    metadata,
    id_column(),
    refers("disposition_id", "disposition.id"),
    refers("hold_id", "hold.id"),
    refers("person_id", "person.id"),
    Column("reason_payload_id", Big, nullable=False),
    at("cleared_at"),
    UniqueConstraint("disposition_id", "hold_id"),
    sqlite_autoincrement=True,
)

transfer = Table(
    "transfer",
    metadata,
    Column("disposition_id", Big, primary_key=True, autoincrement=False),
    Column("recipient", String(200), nullable=False),
    Column("keeps_copy", Boolean, nullable=False),
    at("offered_at"),
    refers("offered_by", "person.id"),
    at("accepted_at", nullable=True),
    Column("acceptance", String(200)),
    refers("not_public_agreed_by", "person.id", nullable=True),
    at("sent_at", nullable=True),
    digest("bag_digest", nullable=True),
    at("receipted_at", nullable=True),
    refers("receipted_by", "person.id", nullable=True),
    Column("receipt", String(200)),
)

certificate = Table(
    "certificate",
    metadata,
    id_column(),
    Column("number", String(20), nullable=False, unique=True),
    choice("kind", CertificateKind),
    refers("disposition_id", "disposition.id", nullable=True, index=True),
    at("issued_at"),
    refers("issued_by", "person.id"),
    Column("payload_id", Big, nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
    Column("public_key", LargeBinary(32), nullable=False),
    sqlite_autoincrement=True,
)

paper_record = Table(
    "paper_record",
    metadata,
    id_column(),
    refers("disposition_id", "disposition.id", nullable=True, index=True),
    refers("series_id", "series.id"),
    Column("payload_id", Big, nullable=False),
    Column("quantity", String(60), nullable=False),
    Column("from_on", Date),
    Column("until_on", Date),
    Column("destroyed_on", Date, nullable=False),
    at("entered_at"),
    refers("entered_by", "person.id"),
    sqlite_autoincrement=True,
)
