"""The database's own refusals, through raw SQL, as somebody with the database's password would try (decision 8)."""

from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from archiver.access import current_actor
from archiver.archive import Archive, City
from archiver.cli.main import main
from archiver.cli.output import known_trouble
from archiver.errors import NotFound, Refused
from archiver.operate.initialise import initialise
from archiver.retain import holds
from schema.db import guards
from schema.vocab import HoldKind

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

    def disposition(self, state: str = "executing") -> None:
        """Put the record into a disposition."""
        series = self.one("SELECT min(id) FROM series")
        new = self.one(
            "INSERT INTO disposition (state, series_id, proposed_at, proposed_by)"
            " VALUES (:state, :series, 1, 1) RETURNING id",
            state=state,
            series=series,
        )
        self.run("INSERT INTO disposition_record (disposition_id, record_id) VALUES (:d, :r)", d=new, r=self.record)

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


def test_keys_of_the_machine_may_go(raw: Raw) -> None:
    """A credential's key goes when the credential is replaced."""
    raw.run(
        "INSERT INTO owner_key (owner_kind, owner_id, master_id, wrapped)"
        " SELECT 'credential', 900, master_id, wrapped FROM owner_key LIMIT 1"
    )
    assert raw.run("DELETE FROM owner_key WHERE owner_kind = 'credential' AND owner_id = 900") == 1


def test_members_of_a_hold(raw: Raw) -> None:
    """A member keeps key and content until every hold on it is lifted."""
    raw.disposition()
    first, second = raw.hold(), raw.hold()
    raw.member(first)
    raw.member(second)
    raw.kept()
    raw.run("UPDATE hold SET state = 'lifted', lifted_at = 2, lifted_by = 1 WHERE id = :h", h=first)
    raw.kept()
    raw.refused("DELETE FROM hold_member WHERE hold_id = :h", "only when the hold is lifted", h=second)
    raw.run("UPDATE hold SET state = 'lifted', lifted_at = 2, lifted_by = 1 WHERE id = :h", h=second)
    raw.destroyed()


def test_a_lifted_hold_is_not_lifted_back(raw: Raw) -> None:
    """A lifted hold is history; a hold in force is neither narrowed nor turned back."""
    lifted = raw.hold(state="lifted")
    raw.refused("UPDATE hold SET state = 'active' WHERE id = :h", h=lifted)
    active = raw.hold(scope="preliminary", since=1)
    for change in ("sent_since = 2", "sent_since = NULL", "sent_until = 5"):
        raw.refused(f"UPDATE hold SET {change} WHERE id = :h", "not narrowed", h=active)
    raw.refused("INSERT INTO hold_source (hold_id, source_id) VALUES (:h, 1)", "not narrowed", h=active)


def test_while_a_hold_is_placed_nothing_is_destroyed(raw: Raw) -> None:
    """One hold in the state `placing`, on whatever records, stops every destruction."""
    raw.disposition()
    raw.hold(state="placing")
    raw.kept()


@pytest.mark.parametrize(
    ("since", "until", "held"),
    [
        (None, None, True),
        (0, None, True),
        (1, None, False),
        (None, 0, False),
        (None, 1, True),
        (-5, 5, True),
        (1, 5, False),
    ],
)
def test_preliminary_hold_narrowed_by_dates(raw: Raw, since: int | None, until: int | None, held: bool) -> None:
    """Records sent in [since, until) are held, in milliseconds from the record's own time."""
    raw.disposition()
    limits = {name: None if value is None else raw.sent + value for name, value in (("since", since), ("until", until))}
    raw.hold(scope="preliminary", **limits)
    raw.kept() if held else raw.destroyed()


def test_preliminary_hold_and_a_record_of_unknown_time(raw: Raw) -> None:
    """A record of unknown time may be asked for by any dates."""
    raw.disposition()
    raw.run("UPDATE record SET sent_at = NULL WHERE id = :r", r=raw.record)
    raw.hold(scope="preliminary", since=1, until=2)
    raw.kept()


@pytest.mark.parametrize("same", [True, False])
def test_preliminary_hold_narrowed_by_sources(raw: Raw, same: bool) -> None:
    """Records of the sources named are held, others not."""
    raw.disposition()
    hold = raw.hold(scope="preliminary", state="placing")
    raw.run(
        "INSERT INTO hold_source (hold_id, source_id) VALUES (:h, :s)", h=hold, s=raw.source if same else raw.source + 1
    )
    raw.run("UPDATE hold SET state = 'active' WHERE id = :h", h=hold)
    raw.kept() if same else raw.destroyed()


@pytest.mark.parametrize(("before", "held"), [(1, True), (0, False), (-1, False)])
def test_changed_since_standing_holds_were_evaluated(raw: Raw, before: int, held: bool) -> None:
    """A record changed after `evaluated_to` may match a standing hold and stays until that is evaluated."""
    raw.disposition()
    changed = raw.one("SELECT changed_at FROM record WHERE id = :r", r=raw.record)
    raw.hold(evaluated=changed - before)
    raw.kept() if held else raw.destroyed()


def test_rotation_may_drop_the_older_wrapping(raw: Raw) -> None:
    """Where the key exists under a newer master, the older wrapping goes; the newest stays, and content with it."""
    old = raw.one("SELECT max(id) FROM master")
    new = raw.one('INSERT INTO master ("check", since) SELECT "check", 2 FROM master LIMIT 1 RETURNING id')
    raw.run("INSERT INTO owner_key SELECT owner_kind, owner_id, :new, wrapped FROM owner_key", new=new)
    raw.refused("DELETE FROM owner_key WHERE master_id = :m", m=new)
    assert raw.run("DELETE FROM owner_key WHERE master_id = :m", m=old) > RECORDS
    raw.refused(raw.destructions()[1])


TAMPERING = {
    "sqlite": (
        "DROP TRIGGER guard_key_delete",
        "CREATE TRIGGER guard_more BEFORE DELETE ON outbox BEGIN SELECT 1; END",
    ),
    "postgresql": (
        "DROP TRIGGER guard_key_delete ON owner_key",
        "ALTER TABLE owner_key DISABLE TRIGGER guard_key_delete",
        "CREATE OR REPLACE FUNCTION guard_key_delete() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
        "CREATE OR REPLACE TRIGGER guard_key_delete BEFORE DELETE ON owner_key FOR EACH ROW WHEN (FALSE)"
        " EXECUTE FUNCTION guard_key_delete()",
        "CREATE OR REPLACE TRIGGER guard_key_delete BEFORE UPDATE ON owner_key FOR EACH ROW"
        " EXECUTE FUNCTION guard_key_delete()",
        "DROP TRIGGER guard_owner_key_truncate ON owner_key",
        "DROP TRIGGER guard_hold_member_lock ON hold_member",
    ),
}


def test_tampering_with_guards_is_seen(archive: Archive) -> None:
    """A guard that was dropped, disabled, emptied, moved or added shows at once; installing them again heals it."""
    engine = archive.database.engine.execution_options(writing=True)
    assert archive.guards_intact
    for statement in TAMPERING[engine.dialect.name]:
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)
        assert not archive.guards_intact, statement
        with engine.begin() as connection:
            guards.remove(connection)
            guards.install(connection)
        assert archive.guards_intact


def test_altered_trigger_is_seen_on_sqlite(archive: Archive) -> None:
    """A guard of the right name that refuses nothing is not our guard."""
    engine = archive.database.engine.execution_options(writing=True)
    if engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL keeps the condition in a function; tested with the others")
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER guard_key_delete")
        connection.exec_driver_sql(
            guards.sqlite_statements()["guard_key_delete"].replace("ON owner_key WHEN", "ON owner_key WHEN FALSE AND")
        )
    assert not archive.guards_intact
    with engine.begin() as connection:
        guards.install(connection)
    assert archive.guards_intact


def test_hold_and_destruction_at_the_same_moment(archive: Archive) -> None:
    """Of two sessions, one placing a hold and one destroying the key, never both succeed: fifty times."""
    count = 50 if archive.database.engine.dialect.name == "postgresql" else 8
    with archive.reading() as session:
        actor = current_actor(session)
        chosen = session.execute(text("SELECT id FROM record ORDER BY id DESC LIMIT :n"), {"n": count})
        ids = list(chosen.scalars())
    with archive.unit() as session:
        raw = Raw(session.connection())
        for one in ids:
            raw.record = one
            raw.disposition()
    seen = set()
    for record_id in ids:
        barrier, done = Barrier(2), dict[str, bool]()

        def place(record_id: int = record_id, barrier: Barrier = barrier, done: dict[str, bool] = done) -> None:
            barrier.wait()
            try:
                with archive.unit() as session:
                    holds.place(
                        archive, session, actor, kind=HoldKind.COURT, matter="m", reason="r", records=[record_id]
                    )
            except NotFound:
                return
            done["held"] = True

        def destroy(record_id: int = record_id, barrier: Barrier = barrier, done: dict[str, bool] = done) -> None:
            barrier.wait()
            if record_id % 3:
                Event().wait(0.004)  # a hold's first statements take a little longer than a destruction's
            try:
                with archive.unit() as session:
                    session.execute(
                        text("DELETE FROM owner_key WHERE owner_kind = 'record' AND owner_id = :r"), {"r": record_id}
                    )
                    session.execute(text("UPDATE record SET destroyed_at = 1 WHERE id = :r"), {"r": record_id})
            except DBAPIError as error:
                done["refused"] = "guard: " in str(error.orig)
                return
            done["destroyed"] = True

        threads = [Thread(target=place), Thread(target=destroy)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert done in ({"held": True}, {"held": True, "refused": True}, {"destroyed": True}), (record_id, done)
        with archive.reading() as session:
            key = session.execute(
                text("SELECT count(*) FROM owner_key WHERE owner_kind = 'record' AND owner_id = :r"), {"r": record_id}
            ).scalar()
            member = session.execute(
                text("SELECT count(*) FROM hold_member WHERE record_id = :r"), {"r": record_id}
            ).scalar()
        assert (key, member) == ((1, 1) if "held" in done else (0, 0))
        seen |= set(done)
    assert seen >= {"held", "destroyed"}, "the race always ended the same way; it was not tried"
