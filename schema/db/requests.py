"""Data requests with their dates, searches, candidates and request files."""

from sqlalchemy import Boolean, Column, Date, Index, Integer, String, Table, Text, UniqueConstraint

from schema.db.base import Big, at, block_id_column, choice, digest, id_column, metadata, refers
from schema.vocab import ArchiveInvolved, Nature, RequestKind, RequestState

data_request = Table(
    "data_request",
    metadata,
    block_id_column(),
    Column("number", String(20), nullable=False, unique=True),
    choice("kind", RequestKind),
    choice("state", RequestState),
    choice("archive", ArchiveInvolved),
    Column("received_on", Date, nullable=False),
    at("opened_at"),
    refers("opened_by", "person.id"),
    Column("jurisdiction", String(20), nullable=False),
    Column("law_edition", String(40), nullable=False),
    Column("summary_payload_id", Big, nullable=False),
    Column("requester_payload_id", Big),
    Column("reason_payload_id", Big),
    refers("assigned_to", "person.id", nullable=True),
    at("closed_at", nullable=True),
    refers("closed_by", "person.id", nullable=True),
)

request_date = Table(
    "request_date",
    metadata,
    id_column(),
    refers("request_id", "data_request.id", index=True),
    Column("rule", String(60), nullable=False),
    Column("action", String(60), nullable=False),
    Column("date", Date),
    choice("nature", Nature),
    Column("statute", String(200), nullable=False),
    Column("explanation", Text, nullable=False),
    Column("principal", Boolean, nullable=False),
    sqlite_autoincrement=True,
)

request_note = Table(
    "request_note",
    metadata,
    id_column(),
    refers("request_id", "data_request.id", index=True),
    Column("payload_id", Big, nullable=False),
    at("written_at"),
    refers("person_id", "person.id"),
    sqlite_autoincrement=True,
)

search = Table(
    "search",
    metadata,
    id_column(),
    refers("request_id", "data_request.id", index=True),
    Column("payload_id", Big, nullable=False),
    Column("count", Integer, nullable=False),
    Column("frozen", Boolean, nullable=False),
    at("searched_at"),
    refers("person_id", "person.id"),
    sqlite_autoincrement=True,
)

request_file = Table(
    "request_file",
    metadata,
    id_column(),
    refers("request_id", "data_request.id", index=True),
    Column("name_payload_id", Big, nullable=False),
    Column("payload_id", Big, nullable=False),
    Column("media_type", String(120), nullable=False),
    Column("size", Big, nullable=False),
    digest("digest"),
    at("added_at"),
    refers("added_by", "person.id"),
    sqlite_autoincrement=True,
)

candidate = Table(
    "candidate",
    metadata,
    id_column(),
    refers("request_id", "data_request.id"),
    refers("search_id", "search.id", nullable=True),
    refers("record_id", "record.id", nullable=True, index=True),
    refers("request_file_id", "request_file.id", nullable=True),
    Column("version", Integer, nullable=False),
    UniqueConstraint("request_id", "record_id"),
    UniqueConstraint("request_id", "request_file_id"),
    Index("ix_candidate_request_id", "request_id"),
    sqlite_autoincrement=True,
)
