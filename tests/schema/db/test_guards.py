"""The database's own refusals, through raw SQL, as somebody with the database's password would try (decision 8)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from archiver.archive import Archive, City
from archiver.cli.main import main
from archiver.cli.output import known_trouble
from archiver.errors import Refused
from archiver.operate.initialise import initialise
from tests.fixtures import disposals

CITY = City("Test City", "us-mn", "America/Chicago", for_tests=True)
START = 1_760_000_000_000
RECORDS = 60


def collected(folder: Path, url: str | None) -> Archive:
    """An archive with text messages, one a minute from START."""
    initialise(folder / "archive", CITY, database=url)
    rows = "".join(
        f'<sms address="+16125550123" date="{START + number * 60_000}" type="1" body="message {number}" />'
        for number in range(RECORDS)
    )
    (folder / "sms.xml").write_text(f'<?xml version="1.0"?><smses count="{RECORDS}">{rows}</smses>')
    here = ["--archive", str(folder / "archive")]
    assert main([*here, "source", "add", "phone", "sms_backup", "--set", f"path={folder / 'sms.xml'}"]) == 0
    assert main([*here, "collect", "phone"]) == 0
    return Archive(folder / "archive")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def archive(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """The same archive on either database."""
    url = request.getfixturevalue("new_postgres")() if request.param == "postgresql" else None
    opened = collected(tmp_path_factory.mktemp(request.param), url)
    yield opened
    opened.close()


class Raw:
    """Raw SQL in a transaction that is never committed."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.dialect = connection.dialect.name
        self.record: int = self.one("SELECT min(id) FROM record")
        self.source: int = self.one("SELECT source_id FROM record WHERE id = :r", r=self.record)
        self.sent: int = self.one("SELECT sent_at FROM record WHERE id = :r", r=self.record)

    def one(self, sql: str, **values: Any) -> Any:
        """One value."""
        return self.connection.execute(text(sql), values).scalar()

    def run(self, sql: str, **values: Any) -> int:
        """A statement that must pass; returns how many rows it touched."""
        return int(self.connection.execute(text(sql), values).rowcount)

    def refused(self, sql: str, message: str = "", **values: Any) -> None:
        """A statement that a guard must refuse, and that the command line shows as a refusal."""
        with pytest.raises(DBAPIError, match=f"guard: .*{message}") as caught, self.connection.begin_nested():
            self.connection.execute(text(sql), values)
        assert isinstance(known_trouble(caught.value), Refused)

    def hold(self, **columns: Any) -> int:
        """Place a hold; columns override an active hold of members."""
        given = {"scope": "members", "state": "active", "since": None, "until": None, "evaluated": None, **columns}
        return int(
            self.one(
                "INSERT INTO hold"
                " (kind, scope, state, matter, placed_at, placed_by, sent_since, sent_until, evaluated_to)"
                " VALUES ('litigation', :scope, :state, 'm', 1, 1, :since, :until, :evaluated) RETURNING id",
                **given,
            )
        )

    def member(self, hold: int) -> None:
        """Make the record a member of a hold."""
        self.run("INSERT INTO hold_member (hold_id, record_id, added_at) VALUES (:h, :r, 1)", h=hold, r=self.record)

    def disposition(self, state: str = "executing", *, kind: str = "destroy") -> int:
        """Put the record, which becomes due, into a disposition; returns its id."""
        return disposals.disposition(self.connection, [self.record], until=state, kind=kind)

    def destructions(self) -> list[str]:
        """What destroys the record's content."""
        return [
            f"DELETE FROM owner_key WHERE owner_kind = 'record' AND owner_id = {self.record}",
            f"DELETE FROM payload WHERE owner_kind = 'record' AND owner_id = {self.record}",
        ]

    def kept(self) -> None:
        """Neither key nor content can be destroyed."""
        for sql in self.destructions():
            self.refused(sql, "record that is held or not in an approved batch")

    def destroyed(self) -> None:
        """Key and content can be destroyed."""
        payloads, key = self.destructions()[::-1]
        assert self.run(payloads) > 0 and self.run(key) == 1


@pytest.fixture
def raw(archive: Archive) -> Iterator[Raw]:
    """A transaction that is rolled back."""
    engine = archive.database.engine.execution_options(writing=True)
    with engine.connect() as connection:
        yield Raw(connection)
        connection.rollback()


@pytest.mark.parametrize(
    "table",
    ["audit_event", "audit_head", "record", "version", "tombstone", "hold", "hold_member", "owner_key", "payload"],
)
def test_rows_that_are_never_deleted(raw: Raw, table: str) -> None:
    """DELETE is refused, whatever rows are named."""
    raw.member(raw.hold())
    raw.run(
        "INSERT INTO tombstone (record_id, native_key, series_id, digest, captured_at, destroyed_at)"
        " SELECT id, native_key, (SELECT min(id) FROM series), native_key, 1, 1 FROM record WHERE id = :r",
        r=raw.record,
    )
    raw.refused(f"DELETE FROM {table}")


@pytest.mark.parametrize(
    "change",
    [
        "audit_event SET act = 'other'",
        "audit_event SET facts = '{}'",
        "audit_event SET actor_id = NULL",
        "audit_event SET at = at + 1",
        "audit_event SET leaf = text_digest, text_digest = leaf",
        "audit_event SET position = position + 1000",
        "audit_event SET position = NULL",
        "audit_head SET signed_at = 0",
        "record SET native_key = (SELECT leaf FROM audit_event LIMIT 1)",
        "record SET id = id + 1000",
        "record SET source_id = source_id + 1",
        "owner_key SET wrapped = (SELECT leaf FROM audit_event LIMIT 1)",
        "owner_key SET owner_id = owner_id + 1000",
        "owner_key SET owner_kind = 'batch'",
        "payload SET sealed = (SELECT leaf FROM audit_event LIMIT 1)",
        "payload SET owner_kind = 'batch'",
        "payload SET object_name = 'x'",
        "hold_member SET record_id = record_id + 1",
        "hold_member SET hold_id = hold_id + 1",
    ],
)
def test_rows_that_are_never_changed(raw: Raw, change: str) -> None:
    """UPDATE is refused where it would rewrite the log, a record's identity, sealed content, keys or members."""
    raw.member(raw.hold())
    raw.refused(f"UPDATE {change}")


def test_replace_does_not_pass(raw: Raw) -> None:
    """INSERT OR REPLACE (SQLite) and ON CONFLICT DO UPDATE (PostgreSQL) are changes like others."""
    raw.member(raw.hold())
    for table, keys in (
        ("audit_event", "id"), ("audit_head", "size"), ("record", "id"), ("version", "id"), ("payload", "id"),
        ("hold", "id"), ("hold_member", "hold_id, record_id"), ("owner_key", "owner_kind, owner_id, master_id"),
    ):  # fmt: skip
        if raw.dialect == "sqlite":
            raw.refused(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} LIMIT 1")
        elif table not in ("record", "version", "hold"):  # there only certain changes are refused, tested above
            column = keys.split(", ")[-1]
            raw.refused(
                f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1"
                f" ON CONFLICT ({keys}) DO UPDATE SET {column} = excluded.{column}"
            )


def test_truncate(raw: Raw) -> None:
    """PostgreSQL empties no table that a guard protects, nor one that drags such a table along."""
    if raw.dialect == "sqlite":
        raw.refused("DELETE FROM payload")  # SQLite has no TRUNCATE; its fast path for DELETE yields to triggers
        return
    for table in (
        "audit_event", "audit_head", "record", "version", "component", "tombstone", "owner_key", "payload", "hold",
        "hold_source", "hold_member", "disposition_record", "capture", "source",
    ):  # fmt: skip
        raw.refused(f"TRUNCATE {table} CASCADE", "never emptied")


def test_position_is_given_once(raw: Raw) -> None:
    """The only change of an audit event is that it gets its place in the tree, and nothing else with it."""
    new = raw.one(
        "INSERT INTO audit_event (at, act, object_kind, outcome, facts, leaf)"
        " SELECT 1, 'x', 'y', 'ok', '{}', leaf FROM audit_event LIMIT 1 RETURNING id"
    )
    raw.refused("UPDATE audit_event SET position = 9000, act = 'z' WHERE id = :i", i=new)
    assert raw.run("UPDATE audit_event SET position = 9000 WHERE id = :i", i=new) == 1
    raw.refused("UPDATE audit_event SET position = 9001 WHERE id = :i", i=new)


def test_destruction_needs_an_executing_disposition(raw: Raw) -> None:
    """A record in no batch, or in one that is only proposed, answered or approved, keeps key and content."""
    raw.kept()
    for state in ("proposed", "approved"):
        raw.disposition(state)
        raw.kept()
    raw.disposition()
    raw.destroyed()


@pytest.mark.parametrize("kind", ["system", "request", "declaration", "event", "hold"])
def test_keys_of_other_owners_stay(raw: Raw, kind: str) -> None:
    """Keys of requests, declarations, events and the archive's own secrets are not destroyed at all."""
    raw.disposition()
    raw.run(
        "INSERT INTO owner_key (owner_kind, owner_id, master_id, wrapped)"
        " SELECT :kind, 900, master_id, wrapped FROM owner_key LIMIT 1",
        kind=kind,
    )
    raw.refused("DELETE FROM owner_key WHERE owner_kind = :kind AND owner_id = 900", kind=kind)
