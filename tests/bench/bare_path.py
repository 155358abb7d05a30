"""The bare write path: the least that a sealed, tagged, logged and searchable text message costs, on plain sqlite3.

Seal body and raw bytes (AES-256-GCM, fresh wrapped key), facts (record, version, two components, a party), tag, audit
leaf, an FTS5 row of our tokens and stems with the row that lists show: the rows that the archive writes, 1,000 a
commit, synchronous=FULL, without anything that decides, checks or explains. The yardstick of the collection
benchmarks: the same messages, in the same run, on the same disk.
"""

import hashlib
import hmac
import json
import os
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from archiver import tokens

TABLES = """
PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;
CREATE TABLE record (id INTEGER PRIMARY KEY, native BLOB UNIQUE, sent_at INTEGER, kind TEXT, thread INTEGER, t INTEGER);
CREATE TABLE version (id INTEGER PRIMARY KEY, record_id INTEGER, number INTEGER, match BLOB, digest BLOB);
CREATE TABLE component (id INTEGER PRIMARY KEY, record_id INTEGER, role TEXT, payload INTEGER, n INTEGER, digest BLOB);
CREATE TABLE party (record_id INTEGER, party_id INTEGER, role TEXT);
CREATE TABLE payload (id INTEGER PRIMARY KEY, record_id INTEGER, sealed BLOB);
CREATE TABLE data_key (record_id INTEGER PRIMARY KEY, wrapped BLOB);
CREATE TABLE tag (id INTEGER PRIMARY KEY, record_id INTEGER, series INTEGER, due TEXT);
CREATE TABLE audit (id INTEGER PRIMARY KEY, facts TEXT, leaf BLOB);
CREATE TABLE document (id INTEGER PRIMARY KEY, sent_at INTEGER, source TEXT, author TEXT, text TEXT);
CREATE INDEX document_sent ON document (sent_at, id);
CREATE VIRTUAL TABLE fts USING fts5(body, stems, tokenize="unicode61");
"""


def messages(count: int) -> Iterator[tuple[str, str, int]]:
    """Deterministic short messages: native id, text, milliseconds UTC."""
    words = [f"word{number * 7919 % 30_000}" for number in range(30_000)]
    for number in range(count):
        length = 5 + number * 31 % 35
        text = " ".join(words[(number * 17 + step * step * 13) % 30_000] for step in range(length))
        yield f"m{number}", text, 1_609_459_200_000 + number * 1000


def write(folder: Path, count: int, batch: int = 1_000) -> float:
    """Write messages on the bare path; returns records a second."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.executescript(TABLES)
    master = AESGCM(os.urandom(32))
    began = perf_counter()
    batch_rows: list[_Row] = []
    for number, (native, text, sent_at) in enumerate(messages(count), 1):
        batch_rows.append(_sealed(master, number, native, text, sent_at))
        if len(batch_rows) == batch or number == count:
            _commit(connection, batch_rows)
            batch_rows = []
    connection.close()
    return count / (perf_counter() - began)


class _Row(NamedTuple):
    number: int
    native: bytes
    match: bytes
    sent_at: int
    payloads: tuple[bytes, bytes]
    digests: tuple[bytes, bytes]
    wrapped: bytes
    text: str
    tokens: str
    stems: str


def _sealed(master: AESGCM, number: int, native: str, text: str, sent_at: int) -> _Row:
    key, nonce = os.urandom(32), os.urandom(12)
    cipher, place = AESGCM(key), native.encode()
    body = json.dumps(
        {"id": native, "text": text, "sent": sent_at, "parties": [["author", native]]}, sort_keys=True
    ).encode()
    raw = f'<sms address="{native}" date="{sent_at}" body="{text}" />'.encode()
    payloads = tuple(nonce + cipher.encrypt(os.urandom(12), zlib.compress(part, 1), place) for part in (body, raw))
    digests = tuple(hashlib.sha256(nonce + part).digest() for part in (body, raw))
    words = tokens.words(text)
    return _Row(
        number,
        hmac.digest(b"k" * 32, place, "sha256"),
        hmac.digest(b"k" * 32, body, "sha256"),
        sent_at,
        (payloads[0], payloads[1]),
        (digests[0], digests[1]),
        nonce + master.encrypt(nonce, key, place),
        text,
        " ".join(words),
        " ".join(map(tokens.stem, words)),
    )


def _commit(connection: sqlite3.Connection, rows: list[_Row]) -> None:
    many = connection.executemany
    connection.execute("BEGIN IMMEDIATE")
    many(
        "INSERT INTO record VALUES (?,?,?,'message',?,0)",
        [(r.number, r.native, r.sent_at, r.number % 300) for r in rows],
    )
    many("INSERT INTO version VALUES (?,?,1,?,?)", [(r.number, r.number, r.match, r.digests[0]) for r in rows])
    parts = [
        (2 * r.number + i, r.number, role, 2 * r.number + i, 100, r.digests[i])
        for r in rows
        for i, role in enumerate(("body", "raw"))
    ]
    many("INSERT INTO component VALUES (?,?,?,?,?,?)", parts)
    many("INSERT INTO party VALUES (?,?,'author')", [(r.number, r.number % 300) for r in rows])
    many(
        "INSERT INTO payload VALUES (?,?,?)",
        [(2 * r.number + i, r.number, r.payloads[i]) for r in rows for i in (0, 1)],
    )
    many("INSERT INTO data_key VALUES (?,?)", [(r.number, r.wrapped) for r in rows])
    many("INSERT INTO tag (record_id, series, due) VALUES (?,1,'2030-01-01')", [(r.number,) for r in rows])
    leaf = hashlib.sha256(b"".join(r.digests[0] for r in rows)).digest()
    connection.execute("INSERT INTO audit (facts, leaf) VALUES (?,?)", (json.dumps({"records": len(rows)}), leaf))
    many("INSERT INTO document VALUES (?,?,'s','a',?)", [(r.number, r.sent_at, r.text) for r in rows])
    many("INSERT INTO fts (rowid, body, stems) VALUES (?,?,?)", [(r.number, r.tokens, r.stems) for r in rows])
    connection.execute("COMMIT")
