"""Loading a backup into the tables of a new archive, before its guards are installed: the one place that may."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Boolean, Connection, MetaData, func, insert, select, text, update
from sqlalchemy.orm import Session

from archiver.accession.destroyed import sweep_parties
from archiver.database import insert_many
from archiver.operate.backup_list import HOLD_FIELDS
from archiver.operate.restore_reading import Given, Hold
from schema.db.capture import capture
from schema.db.city import counter
from schema.db.dispose import disposition
from schema.db.hold import hold, hold_member, hold_source
from schema.db.people import person
from schema.db.record import expunged_component, record, tombstone
from schema.db.requests import data_request
from schema.db.retain import series
from schema.db.sources import source
from schema.disposal_vocab import DispositionKind, DispositionState
from schema.vocab import Direction, HoldKind, HoldScope, HoldState, Precision, Visibility

_BATCH, _CHUNK = 5_000, 500
_TOMBSTONE = ("record_id", "native_key", "digest", "sent_at", "captured_at", "destroyed_at", "certificate")
_OURS = ("alembic_version",)


@dataclass(frozen=True, slots=True)
class Applied:
    """What lists changed about a backup.

    stay_destroyed: records that the backup holds and that were destroyed since.  expunged: parts of records likewise.
    lifted_since: holds of the backup that the newest list no longer has; they hold until a person lifts them again.
    holds: placed again, or with members again.  new_holds: of these, those that the backup does not have.
    asking: of these, those whose question is lost.  members_lost: held
    records that the backup does not have.
    """

    stay_destroyed: int
    expunged: int
    lifted_since: tuple[int, ...]
    holds: tuple[int, ...]
    new_holds: tuple[int, ...]
    asking: tuple[int, ...]
    members_lost: int


def load(connection: Connection, given: Given) -> Iterator[int]:
    """Write every row that is given back; the tables are there, empty, without guards.  Yields rows so far."""
    metadata = MetaData()
    metadata.reflect(connection)
    names, done = set(given.tables()), 0
    postgresql = connection.dialect.name == "postgresql"
    if postgresql:
        _defer_self_references(connection, "DEFERRABLE INITIALLY DEFERRED")
    session = Session(connection)
    for table in metadata.sorted_tables:
        if table.name in _OURS or (table.name not in names and table.name != "owner_key"):
            continue
        truths = [column.name for column in table.columns if isinstance(column.type, Boolean)] if postgresql else []
        for rows in _batches(given.rows(table.name), truths):
            insert_many(session, table, rows)
            done += len(rows)
            yield done
        if not postgresql:
            connection.commit()  # so that the WAL stays small; nothing counts before the folder has its name
    if postgresql:
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        _defer_self_references(connection, "NOT DEFERRABLE")
    _continue_numbers(connection, given, metadata)


def _batches(rows: Iterator[Any], truths: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for row in rows:
        one = dict(row)
        for name in truths:
            if one.get(name) is not None:
                one[name] = bool(one[name])
        batch.append(one)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _defer_self_references(connection: Connection, when: str) -> None:
    """A series may name its successor, which is loaded after it."""
    rows = connection.execute(
        text(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'f' AND conrelid = confrelid"
            " AND connamespace = current_schema()::regnamespace"
        )
    ).all()
    for table, name in rows:
        connection.exec_driver_sql(f'ALTER TABLE {table} ALTER CONSTRAINT "{name}" {when}')


def _continue_numbers(connection: Connection, given: Given, metadata: MetaData) -> None:
    """Give no id and no number a second time, also none that the lost archive gave after the backup."""
    ids, numbers = given.numbers()
    for name, last in ids.items():
        if name not in metadata.tables or last < 1:
            continue
        if connection.dialect.name == "sqlite":
            connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": name})
            connection.execute(text("INSERT INTO sqlite_sequence VALUES (:name, :last)"), {"name": name, "last": last})
        else:
            where = {"table": f'"{name}"', "last": last}
            connection.execute(text("SELECT setval(pg_get_serial_sequence(:table, 'id'), :last)"), where)
    known = {(row.name, row.year) for row in connection.execute(select(counter.c.name, counter.c.year))}
    for (name, year), last in numbers.items():
        if (name, year) in known:
            mine = (counter.c.name == name) & (counter.c.year == year)
            connection.execute(update(counter).where(mine).values(last=last))
        else:
            connection.execute(insert(counter).values(name=name, year=year, last=last))


def apply(session: Session, given: Given, now: int) -> Applied:
    """Bury again what lists name as destroyed, and place again the holds that they name as alive.

    The tables are those of this program, without guards.  now: milliseconds UTC.
    """
    known = _Known(session)
    buried = expunged = lost = 0
    for batch in _batches(given.new_tombstones(), ()):
        buried += known.bury(batch)
    for one in given.new_expunged():
        known.expunge(one)
        expunged += 1
    placed, asking = [], []
    for hold_ in given.holds():
        if not hold_.known:
            known.place(hold_)
        added = 0
        for batch in _batches(given.new_members(hold_.id), ()):
            insert_many(session, hold_member, batch)
            added += len(batch)
        lost += given.lost_members(hold_.id)
        placed += [hold_.id] if added or not hold_.known else []
        asking += [hold_.id] if hold_.asks and not hold_.known else []
    after: int | None = 0
    while buried and after is not None:
        after = sweep_parties(session, now, after)
    new = tuple(one.id for one in given.holds() if not one.known)
    return Applied(buried, expunged, given.lifted_since(), tuple(placed), new, tuple(asking), lost)


class _Known:
    """What the backup knows, so that rows of a newer list never refer to what it does not have."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._series = {str(key): int(one) for key, one in session.execute(select(series.c.key, series.c.id))}
        self._people = set(session.execute(select(person.c.id)).scalars())
        self._sources = set(session.execute(select(source.c.id)).scalars())
        self._requests = set(session.execute(select(data_request.c.id)).scalars())
        self._dispositions = set(session.execute(select(disposition.c.id)).scalars())
        rows = session.execute(select(capture.c.source_id, func.min(capture.c.id)).group_by(capture.c.source_id))
        self._captures = {int(source_id): int(first) for source_id, first in rows}

    def _of_series(self, key: str) -> int:
        return self._series.get(key, self._series["unscheduled"])

    def _of_person(self, person_id: int) -> int:
        return person_id if person_id in self._people else min(self._people)

    def bury(self, batch: Sequence[dict[str, Any]]) -> int:
        """Tombstones; a record that the backup never had gets a bare row, so that it is not collected again.

        Returns how many of the records the backup has.
        """
        session, ids = self._session, [one["record_id"] for one in batch]
        here: set[int] = set()
        for start in range(0, len(ids), _CHUNK):
            here.update(
                session.execute(select(record.c.id).where(record.c.id.in_(ids[start : start + _CHUNK]))).scalars()
            )
        bare = [
            self._bare(one)
            for one in batch
            if one["record_id"] not in here and one["source_id"] in self._sources and self._captures
        ]
        tombstones = [
            {name: one[name] for name in _TOMBSTONE} | {"series_id": self._of_series(one["series"])} for one in batch
        ]
        insert_many(session, record, bare)
        insert_many(session, tombstone, tombstones)
        return len(here)

    def _bare(self, one: dict[str, Any]) -> dict[str, Any]:
        seen = self._captures.get(one["source_id"], min(self._captures.values()))
        return {
            "id": one["record_id"],
            "source_id": one["source_id"],
            "native_key": one["native_key"],
            "kind": one["kind"],
            "precision": Precision.UNKNOWN.value,
            "direction": Direction.UNKNOWN.value,
            "visibility": Visibility.UNKNOWN.value,
            "versions": 0,
            "first_capture_id": seen,
            "captured_at": one["captured_at"],
            "changed_at": one["destroyed_at"],
            "seen_capture_id": seen,
            "seen_at": one["captured_at"],
            "destroyed_at": one["destroyed_at"],
        }

    def expunge(self, one: dict[str, Any]) -> None:
        """What stays of an expunged part, with the bare row of the order that it went by."""
        number, key, proposed_at, proposed_by, certificate = json.loads(one["disposition"])
        if number not in self._dispositions:
            self._dispositions.add(number)
            values = {
                "id": number,
                "kind": DispositionKind.EXPUNGE.value,
                "state": DispositionState.CERTIFIED.value,
                "series_id": self._of_series(key),
                "proposed_at": proposed_at,
                "proposed_by": self._of_person(proposed_by),
                "certificate": certificate,
            }
            self._session.execute(insert(disposition).values(values))
        row = {name: one[name] for name in ("component_id", "record_id", "expunged_at")}
        self._session.execute(insert(expunged_component).values(row | {"disposition_id": number}))

    def place(self, one: Hold) -> None:
        """A hold that the backup does not have; without its question and its request it is a hold of its members."""
        values = {name: one.said[name] for name in HOLD_FIELDS}
        values["until_on"] = date.fromisoformat(values["until_on"]) if values["until_on"] else None
        values["placed_by"] = self._of_person(values["placed_by"])
        if values["kind"] != HoldKind.HALT.value:
            values["state"] = HoldState.ACTIVE.value
        if values["scope"] != HoldScope.PRELIMINARY.value:
            values["scope"], values["evaluated_to"] = HoldScope.MEMBERS.value, None
        if values["request_id"] not in self._requests and values["request_id"] is not None:
            # its request is lost: as a closed request's hold without a date it stays until an officer lifts it
            values["request_id"], values["kind"], values["until_on"] = None, HoldKind.CLOSED_REQUEST.value, None
        self._session.execute(insert(hold).values(values))
        sources = [{"hold_id": one.id, "source_id": source_id} for source_id in one.said["sources"]]
        if sources:
            self._session.execute(insert(hold_source), sources)
