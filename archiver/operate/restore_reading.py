"""What of a backup is given back: everything in it but what was destroyed since, as its own and newer lists say.

What may not come back is left out while the files are read, so that no byte of it ever reaches the new archive.
"""

# ruff: noqa: S608  (queries are put together from our own names, never from what a person wrote)

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archiver.operate.backup_facts import KEY_TABLE, SEQUENCES, opened_facts
from archiver.operate.backup_folder import FACTS, KEYS
from archiver.operate.backup_list import EXPUNGED, HOLD, MEMBERS, TOMBSTONE
from schema.vocab import OwnerKind
from schema.wire.backup import BackupList

_OWNED_BY = {
    OwnerKind.RECORD: "record",
    OwnerKind.REQUEST: "data_request",
    OwnerKind.DECLARATION: "declaration",
    OwnerKind.CREDENTIAL: "credential",
    OwnerKind.HOLD: "hold",
    OwnerKind.PRODUCTION: "production",
    OwnerKind.DISPOSITION: "disposition",
    OwnerKind.CERTIFICATE: "certificate",
    OwnerKind.RESTORE: "restore",
}
"""Owners that may have a key and no content yet; the others are known by their content."""

_TEMPORARY = """
CREATE TEMP TABLE buried (record_id INTEGER PRIMARY KEY, native_key, series, digest, sent_at, captured_at,
    destroyed_at, certificate, source_id, kind);
CREATE TEMP TABLE expunged (component_id INTEGER PRIMARY KEY, record_id, expunged_at, disposition);
CREATE TEMP TABLE held (id INTEGER PRIMARY KEY, said TEXT);
CREATE TEMP TABLE living (id INTEGER PRIMARY KEY);
CREATE TEMP TABLE member (hold_id, record_id, added_at, PRIMARY KEY (hold_id, record_id));
CREATE TEMP TABLE number (name TEXT PRIMARY KEY, value INTEGER);
CREATE TEMP TABLE gone (record_id INTEGER PRIMARY KEY, destroyed_at);
CREATE TEMP TABLE gone_component (component_id INTEGER PRIMARY KEY);
CREATE TEMP TABLE gone_payload (payload_id INTEGER PRIMARY KEY);
CREATE TEMP TABLE owner (kind, id, PRIMARY KEY (kind, id)) WITHOUT ROWID;
"""

_GONE = """
INSERT INTO gone SELECT b.record_id, b.destroyed_at FROM buried b JOIN record r ON r.id = b.record_id
    WHERE r.destroyed_at IS NULL;
INSERT INTO gone_component SELECT component_id FROM expunged
    WHERE component_id NOT IN (SELECT component_id FROM main.expunged_component);
INSERT INTO gone_payload SELECT payload_id FROM component WHERE id IN (SELECT component_id FROM gone_component);
INSERT OR IGNORE INTO gone_payload SELECT payload_id FROM derivation
    WHERE component_id IN (SELECT component_id FROM gone_component);
INSERT INTO owner SELECT DISTINCT owner_kind, owner_id FROM payload;
"""

_OF_GONE = "owner_kind = 'record' AND owner_id IN (SELECT record_id FROM gone)"
_LEFT_OUT = {
    "payload": f"({_OF_GONE}) OR id IN (SELECT payload_id FROM gone_payload)",
    "derivation": f"({_OF_GONE}) OR payload_id IN (SELECT payload_id FROM gone_payload)",
    "record_party": "record_id IN (SELECT record_id FROM gone)",
    "extraction": "record_id IN (SELECT record_id FROM gone)"
    " OR component_id IN (SELECT component_id FROM gone_component)",
    "lease": "TRUE",  # of processes that are no more
    KEY_TABLE: f"({_OF_GONE}) OR (owner_kind, owner_id) NOT IN (SELECT kind, id FROM owner)",
}
"""Rows that are not given back; of keys also those of owners that came after the facts."""

_COUNTER = "SELECT name, year, last FROM counter"
_NULL_WHEN_GONE = {"record": ("id", ("thread_id", "message_key")), "version": ("record_id", ("match", "mark"))}


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold of a list.

    said: its row as the list gives it.  known: it is in the backup's facts.  asks: it has a question, which no list
    has.
    """

    id: int
    said: Mapping[str, Any]
    known: bool
    asks: bool


class Given:
    """An opened backup, and what lists say of it."""

    def __init__(self, facts: sqlite3.Connection) -> None:
        self._facts = facts
        facts.executescript(_TEMPORARY)

    def next_list(self) -> None:
        """A list follows, newer than those before it."""
        self._facts.execute("DELETE FROM living")

    def note(self, kind: str, values: Sequence[Any]) -> None:
        """Take in an entry of a list."""
        if kind == TOMBSTONE:
            record_id, native_key, series, digest, *rest = values
            row = (record_id, bytes.fromhex(native_key), series, bytes.fromhex(digest), *rest)
            self._facts.execute(f"INSERT OR REPLACE INTO buried VALUES ({', '.join('?' * len(row))})", row)
        elif kind == EXPUNGED:
            row = (*values[:3], json.dumps(values[3]))
            self._facts.execute("INSERT OR REPLACE INTO expunged VALUES (?, ?, ?, ?)", row)
        elif kind == HOLD:
            row = (values[0]["id"], json.dumps(values[0]))
            self._facts.execute("INSERT OR REPLACE INTO held VALUES (?, ?)", row)
            self._facts.execute("INSERT OR REPLACE INTO living VALUES (?)", row[:1])
        elif kind == MEMBERS:
            rows = ((values[0], record_id, added_at) for record_id, added_at in values[1])
            self._facts.executemany("INSERT OR REPLACE INTO member VALUES (?, ?, ?)", rows)

    def note_numbers(self, head: BackupList) -> None:
        """Take in the last numbers of a list."""
        change = "INSERT INTO number VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)"
        self._facts.executemany(change, head.numbers.items())

    def settle(self) -> None:
        """Work out what is gone, once every list is taken in."""
        self._facts.executescript(_GONE)
        there = set(self.tables())
        for kind, table in _OWNED_BY.items():
            if table in there:
                self._facts.execute(f"INSERT OR IGNORE INTO owner SELECT '{kind.value}', id FROM {table}")

    def tables(self) -> list[str]:
        """The tables of the backup."""
        rows = self._facts.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")
        return [name for (name,) in rows if not name.startswith("sqlite_") and name != SEQUENCES]

    def rows(self, table: str) -> Iterator[sqlite3.Row]:
        """The rows of a table that are given back, as they are given back."""
        place = f'keys."{table}"' if table == KEY_TABLE else f'main."{table}"'
        key, nulls = _NULL_WHEN_GONE.get(table, ("", ()))
        schema = "keys" if table == KEY_TABLE else "main"
        columns = []
        for _number, name, *_rest in self._facts.execute(f"PRAGMA {schema}.table_info('{table}')").fetchall():
            said = f't."{name}"'
            if table == "record" and name == "destroyed_at":
                said = f"coalesce({said}, (SELECT g.destroyed_at FROM gone g WHERE g.record_id = t.id))"
            elif name in nulls:
                said = f"CASE WHEN t.{key} IN (SELECT record_id FROM gone) THEN NULL ELSE {said} END"
            elif table == "id_block" and name == "next":
                number = "(SELECT value FROM number WHERE name = 'id_block:' || t.name)"
                said = f"max({said}, coalesce({number}, 0))"
            columns.append(f'{said} AS "{name}"')
        left_out = _LEFT_OUT.get(table)
        query = f"SELECT {', '.join(columns)} FROM {place} t" + (f" WHERE NOT ({left_out})" if left_out else "")
        yield from self._facts.execute(query)

    def object_names(self) -> Iterator[str]:
        """The objects that are given back, by name."""
        query = f"SELECT object_name FROM payload WHERE object_name IS NOT NULL AND NOT ({_LEFT_OUT['payload']})"
        yield from (str(name) for (name,) in self._facts.execute(f"{query} ORDER BY object_name"))

    def numbers(self) -> tuple[dict[str, int], dict[tuple[str, int], int]]:
        """The last id that each table, and the last number that each (series, year), ever gave."""
        ids = {str(name): int(last) for name, last in self._facts.execute(f"SELECT name, last FROM {SEQUENCES}")}
        given = {(str(name), int(year)): int(last) for name, year, last in self._facts.execute(_COUNTER)}
        for name, value in self._facts.execute("SELECT name, value FROM number"):
            kind, _, rest = name.partition(":")
            if kind == "sequence":
                ids[rest] = max(ids.get(rest, 0), value)
            elif kind == "counter":
                series, _, year = rest.rpartition(":")
                given[series, int(year)] = max(given.get((series, int(year)), 0), value)
        return ids, given

    def lost_numbers(self) -> dict[str, list[int]]:
        """Numbers of gapless series (name:year) that were given after the backup: the first and the last of them."""
        _ids, given_at_last = self.numbers()
        rows = self._facts.execute(_COUNTER)
        before = {(str(name), int(year)): int(last) for name, year, last in rows}
        return {
            f"{name}:{year}": [before.get((name, year), 0) + 1, last]
            for (name, year), last in sorted(given_at_last.items())
            if last > before.get((name, year), 0)
        }

    def new_tombstones(self) -> Iterator[dict[str, Any]]:
        """Tombstones of the lists that the backup's facts do not have."""
        query = "SELECT * FROM buried WHERE record_id NOT IN (SELECT record_id FROM tombstone) ORDER BY record_id"
        yield from map(dict, self._facts.execute(query))

    def new_expunged(self) -> Iterator[dict[str, Any]]:
        """Expunged parts of the lists, of records in the backup, that its facts do not know as expunged."""
        query = """SELECT e.* FROM expunged e JOIN component c ON c.id = e.component_id
            WHERE e.component_id IN (SELECT component_id FROM gone_component) ORDER BY e.component_id"""
        yield from map(dict, self._facts.execute(query))

    def holds(self) -> list[Hold]:
        """Live holds of the lists."""
        rows = self._facts.execute(
            "SELECT id, said, id IN (SELECT id FROM hold) AS known FROM held ORDER BY id"
        ).fetchall()
        found = []
        for hold_id, text, known in rows:
            said = json.loads(text)
            found.append(Hold(hold_id, said, bool(known), asks=said.pop("asks")))
        return found

    def lifted_since(self) -> tuple[int, ...]:
        """Holds in force in the backup that are not on the newest list."""
        query = "SELECT id FROM hold WHERE state <> 'lifted' AND id NOT IN (SELECT id FROM living) ORDER BY id"
        return tuple(int(one) for (one,) in self._facts.execute(query))

    def new_members(self, hold_id: int) -> Iterator[dict[str, Any]]:
        """Members of a hold that the lists name and the backup's facts do not, of records that it has."""
        yield from map(
            dict,
            self._facts.execute(
                """SELECT m.hold_id, m.record_id, m.added_at FROM member m JOIN record r ON r.id = m.record_id
                WHERE m.hold_id = ? AND NOT EXISTS (SELECT 1 FROM hold_member f
                    WHERE f.hold_id = m.hold_id AND f.record_id = m.record_id) ORDER BY m.record_id""",
                (hold_id,),
            ),
        )

    def lost_members(self, hold_id: int) -> int:
        """How many members of a hold the lists name that the backup does not have."""
        query = "SELECT count(*) FROM member WHERE hold_id = ? AND record_id NOT IN (SELECT id FROM record)"
        return int(self._facts.execute(query, (hold_id,)).fetchone()[0])


@contextmanager
def given(backup: Path, keys: Path) -> Iterator[Given]:
    """Open a backup, facts and keys, for giving it back."""
    with opened_facts(backup / FACTS) as facts:
        facts.execute("ATTACH ? AS keys", (f"{(keys / KEYS).absolute().as_uri()}?mode=ro&immutable=1",))
        yield Given(facts)
