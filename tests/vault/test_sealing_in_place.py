"""Sealed content opens only in its place, under its owner's key, whole and unchanged."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.vault.objects import SEGMENT, ObjectStore
from archiver.vault.sealing import KEY, SALT, SealBroken, place, salted_digest, seal, unseal
from schema.vocab import OwnerKind
from tests.fixtures.city import Town
from tests.fixtures.replay import post

TAG = 16


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=3000), st.sampled_from(OwnerKind), st.integers(1, 2**60), st.integers(1, 2**60))
def test_content_opens_in_its_place_only(content: bytes, kind: OwnerKind, owner: int, payload: int) -> None:
    """What is sealed opens again, and not under another kind, owner or payload, nor another key."""
    key, here = os.urandom(KEY), place(kind, owner, payload)
    sealed, digest = seal(key, here, content)
    assert unseal(key, here, sealed) == (content, digest)
    other = OwnerKind.HOLD if kind is not OwnerKind.HOLD else OwnerKind.REQUEST
    for elsewhere in (place(other, owner, payload), place(kind, owner + 1, payload), place(kind, owner, payload + 1)):
        with pytest.raises(SealBroken):
            unseal(key, elsewhere, sealed)
    with pytest.raises(SealBroken):
        unseal(os.urandom(KEY), here, sealed)


@settings(max_examples=150, deadline=None)
@given(st.binary(min_size=1, max_size=300), st.data())
def test_every_changed_bit_is_noticed(content: bytes, data: st.DataObject) -> None:
    """A single changed bit, a byte more or less: the content does not open."""
    key, here = os.urandom(KEY), place(OwnerKind.RECORD, 1, 1)
    sealed, _digest = seal(key, here, content)
    at = data.draw(st.integers(0, len(sealed) * 8 - 1))
    flipped = bytearray(sealed)
    flipped[at // 8] ^= 1 << at % 8
    for changed in (bytes(flipped), sealed[:-1], sealed + b"\x00", sealed[1:], b""):
        with pytest.raises(SealBroken):
            unseal(key, here, changed)


def test_the_digest_of_a_short_text_says_nothing() -> None:
    """The digest is SHA-256 of a random salt and the content's digest: the same text never has the same one."""
    here = place(OwnerKind.RECORD, 1, 1)
    digests = {seal(os.urandom(KEY), here, b"yes")[1] for _ in range(50)}
    assert len(digests) == 50
    assert sha256(b"yes").digest() not in digests
    salt = bytes(SALT)
    assert salted_digest(salt, b"yes") == sha256(salt + sha256(b"yes").digest()).digest()


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "objects")


@pytest.mark.parametrize("size", [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 3 * SEGMENT + 5])
def test_an_object_is_read_as_it_was_written(store: ObjectStore, size: int) -> None:
    """Whatever its size relative to a segment, an object comes back whole, with its size and digest."""
    content = os.urandom(size)
    stored = store.write([content[:7], content[7:]])
    assert b"".join(store.read(stored.name, stored.key)) == content
    assert (stored.size, stored.sha256) == (size, sha256(content).digest())
    assert [name for name, _changed in store.names()] == [stored.name]


@pytest.mark.parametrize("damage", ["cut", "cut a segment", "swap", "repeat", "flip", "append", "empty", "remove"])
def test_a_damaged_object_is_noticed(store: ObjectStore, damage: str) -> None:
    """Segments that are cut off, swapped, repeated, changed or added, and a file that is gone, are noticed."""
    stored = store.write([os.urandom(3 * SEGMENT + 99)])
    path, step = store.path(stored.name), SEGMENT + TAG
    data = path.read_bytes()
    first, second, rest = data[:step], data[step : 2 * step], data[2 * step :]
    path.write_bytes(
        {
            "cut": data[:-1],
            "cut a segment": data[: 3 * step],
            "swap": second + first + rest,
            "repeat": first + first + rest,
            "flip": data[:step] + bytes([data[step] ^ 1]) + data[step + 1 :],
            "append": data + b"\x00" * 20,
            "empty": b"",
            "remove": b"",
        }[damage]
    )
    if damage == "remove":
        path.unlink()
    with pytest.raises(SealBroken):
        list(store.read(stored.name, stored.key))


def test_an_object_under_another_name_does_not_open(store: ObjectStore) -> None:
    """An object is bound to its name, so that two objects cannot be exchanged."""
    one, two = store.write([b"one"]), store.write([b"two"])
    store.path(one.name).rename(store.path(two.name))
    with pytest.raises(SealBroken):
        list(store.read(two.name, one.key))


def test_a_failed_write_leaves_nothing_behind(store: ObjectStore) -> None:
    """A stream that breaks off leaves neither object nor leftover."""

    def broken() -> Iterator[bytes]:
        yield b"x" * SEGMENT * 2
        raise ConnectionError

    with pytest.raises(ConnectionError):
        store.write(broken())
    assert list(store.names()) == []


def test_payloads_swapped_in_the_database_do_not_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever exchanges two records' sealed rows in the database is found, and both records are named."""
    town = Town(tmp_path, monkeypatch)
    from connectors.contract import Page

    town.source("wire", Page((post("a", "first"), post("b", "second"))))
    town.collect()
    with closing(sqlite3.connect(town.folder / "archive.db")) as database:
        database.execute("DROP TRIGGER guard_payload_update")
        (one, two) = database.execute("SELECT id, sealed FROM payload WHERE owner_kind = 'record' LIMIT 2").fetchall()
        database.execute("UPDATE payload SET sealed = ? WHERE id = ?", (one[1], two[0]))
        database.execute("UPDATE payload SET sealed = ? WHERE id = ?", (two[1], one[0]))
        database.commit()
    said = town.run("verify", "--json")
    assert said.code == 5
    broken = [one["message"] for one in said.data["problems"] if one["check"] == "content"]
    assert len(broken) == 2
    assert all("does not open" in one for one in broken)


def test_the_wrong_key_is_refused_with_code_12_and_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another key, a file that is no key and a missing file: exit code 12, one line, what to do."""
    town = Town(tmp_path, monkeypatch)
    key = town.folder / "keys" / "master.key"
    for content in (os.urandom(32).hex().encode(), b"not a key", b"\xff\xfe", b"", os.urandom(16).hex().encode(), None):
        key.unlink() if content is None else key.write_bytes(content)
        said = town.run("source", "list")
        assert said.code == 12, said.err
        assert said.err.count("\n") == 1
        assert "key" in said.err
        assert "config.toml" in said.err
