"""What `verify` says when content, keys, tags, holds or numbers are not as they were written."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from connectors.contract import Page
from schema.item import Attachment
from tests.fixtures.city import Said, Town
from tests.fixtures.replay import post


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city with five posts, of which one has a large attachment."""
    town = Town(tmp_path, monkeypatch)
    large = Attachment("plan.bin", "application/octet-stream", os.urandom(200_000))
    posts = [post(f"p{number}", f"plowing {number}") for number in range(4)]
    town.source("wire", Page((*posts, post("p9", "the plan", attachments=(large,))), next_cursor={"at": 9}))
    town.collect()
    return town


def sql(town: Town, *statements: str) -> None:
    """Write past every guard."""
    with closing(sqlite3.connect(town.folder / "archive.db")) as database:
        guards = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _statement in guards:
            database.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            database.execute(statement)
        for _name, statement in guards:
            database.execute(statement)
        database.commit()


def problems(said: Said) -> set[tuple[str, str]]:
    """(check, object) of each problem."""
    return {(one["check"], one["object"]) for one in said.data["problems"]}


def test_a_whole_archive_passes(town: Town) -> None:
    """Every check passed or had nothing to check, and says how much it looked at."""
    said = town.run("verify", "--json")
    assert said.code == 0
    assert said.data["outcome"] == "ok"
    outcomes = {one["name"]: (one["outcome"], one["count"]) for one in said.data["checked"]}
    assert outcomes["holds"] == ("nothing to check", 0)
    assert outcomes["tags"] == outcomes["keys"] == outcomes["index"] == ("passed", 5)
    assert outcomes["content"][0] == "passed"
    assert outcomes["content"][1] >= 11


CASES = {
    "a row of the wrong type": (
        "UPDATE payload SET sealed = x'ff' || 'text' WHERE owner_id = 2",
        {("content", "R1 to R199")},
    ),
    "a flipped bit": (
        "UPDATE payload SET sealed = CAST(x'00' || substr(sealed, 2) AS BLOB) WHERE owner_id = 2",
        {("content", "R2")},
    ),
    "a lost payload": (
        "DELETE FROM payload WHERE id = (SELECT payload_id FROM component WHERE record_id = 2 AND role = 'raw')",
        {("content", "R2")},
    ),
    "a lost key": (
        "DELETE FROM owner_key WHERE owner_kind = 'record' AND owner_id = 3",
        {("keys", "R3"), ("content", "R3")},
    ),
    "exchanged keys": (
        "UPDATE owner_key SET wrapped = (SELECT wrapped FROM owner_key WHERE owner_kind = 'record' AND owner_id = 1)"
        " WHERE owner_kind = 'record' AND owner_id = 4",
        {("content", "R4")},
    ),
    "a changed digest": (
        "UPDATE component SET digest = zeroblob(32) WHERE record_id = 1 AND role = 'body'",
        {("content", "R1")},
    ),
    "exchanged components": (
        "UPDATE component SET payload_id = (SELECT sum(payload_id) FROM component WHERE record_id = 1) - payload_id"
        " WHERE record_id = 1",
        {("content", "R1")},
    ),
    "a changed version": ("UPDATE version SET digest = zeroblob(32) WHERE record_id = 1", {("content", "R1")}),
    "a lost version": ("UPDATE record SET versions = 2 WHERE id = 1", {("content", "R1")}),
    "a false destruction": ("UPDATE record SET destroyed_at = 1 WHERE id = 1", {("content", "R1")}),
    "row called object": ("UPDATE payload SET form = 'object' WHERE owner_id = 2", {("content", "R2")}),
    "object called row": (
        "UPDATE payload SET form = 'row' WHERE object_name IS NOT NULL",
        {("content", "R5")},
    ),
    "an exchanged object name": (
        "UPDATE payload SET object_name = 'x' WHERE object_name IS NOT NULL",
        {("content", "R5")},
    ),
    "no tag": ("DELETE FROM retention_tag WHERE record_id = 2", {("tags", "R2")}),
    "a lost cursor": ("UPDATE cursor SET value = '{' WHERE source_id = 1", {("cursors", "source 1")}),
    "a strange member": (
        "INSERT INTO hold (kind, scope, state, matter, placed_at, placed_by)"
        " VALUES ('litigation', 'members', 'active', 'm', 1, 1); INSERT INTO hold_member VALUES (1, 999, 1)",
        {("holds", "H1")},
    ),
    "a member destroyed": (
        "INSERT INTO hold (kind, scope, state, matter, placed_at, placed_by)"
        " VALUES ('litigation', 'members', 'active', 'm', 1, 1); INSERT INTO hold_member VALUES (1, 1, 1);"
        " INSERT INTO tombstone (record_id, native_key, series_id, digest, captured_at, destroyed_at)"
        " VALUES (1, zeroblob(32), 1, zeroblob(32), 1, 2)",
        {("holds", "H1")},
    ),
    "a number left out": (
        "INSERT INTO counter (name, year, last) VALUES ('request', 2026, 1)",
        {("requests", "Q2026-1")},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_damage_is_found_and_named(town: Town, case: str) -> None:
    """Exit code 5, and exactly the damaged object is named, by its number, without content."""
    statement, expected = CASES[case]
    sql(town, *statement.split("; "))
    said = town.run("verify", "--json")
    assert said.code == 5
    assert problems(said) == expected
    assert "plowing" not in said.out


def test_a_dropped_guard_is_found(town: Town) -> None:
    """Without its guards the database could destroy what is held."""
    with closing(sqlite3.connect(town.folder / "archive.db")) as database:
        database.execute("DROP TRIGGER guard_key_delete")
        database.commit()
    assert problems(town.run("verify", "--json")) == {("guards", "database")}


@pytest.mark.parametrize("damage", ["remove", "flip", "cut"])
def test_a_damaged_object_is_found(town: Town, damage: str) -> None:
    """A missing, changed or cut object names its record; the object file by its random name."""
    (path,) = (town.folder / "objects").glob("??/*")
    data = path.read_bytes()
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes(data[:-1] if damage == "cut" else data[:500] + bytes([data[500] ^ 1]) + data[501:])
    said = town.run("verify", "--json")
    assert problems(said) == {("content", "R5")}
    assert path.name in said.data["problems"][0]["message"]


def test_orphans_and_an_index_behind_are_no_problems(town: Town) -> None:
    """An object without a record is counted apart; what the index has not done yet is a warning."""
    with town.opened() as archive:
        archive.vault.objects.write([b"lost"])
    sql(town, "INSERT INTO outbox (kind, records, written_at) VALUES ('index', '[[1,1]]', 1)")
    said = town.run("verify", "--json")
    assert said.code == 0
    assert said.data["orphans"] == 1
    assert [one["check"] for one in said.data["warnings"]] == ["index"]


def test_the_parts_together_check_everything_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven sevenths look at as many contents as the whole, and a damage is found in exactly one of them."""
    town = Town(tmp_path, monkeypatch)
    town.source("wire", Page(tuple(post(f"p{number}", f"text {number}") for number in range(900))))
    town.collect()
    sql(town, "UPDATE payload SET sealed = zeroblob(100) WHERE owner_kind = 'record' AND owner_id = 555")

    def content(*options: str) -> tuple[int, int]:
        said = town.run("verify", *options, "--json")
        return next(one["count"] for one in said.data["checked"] if one["name"] == "content"), said.code

    whole, code = content()
    assert code == 5
    parts = [content("--part", f"{number}/7") for number in range(1, 8)]
    assert sum(count for count, _code in parts) == whole
    assert sorted(code for _count, code in parts) == [0] * 6 + [5]
    for wrong in ("0/7", "8/7", "x", "1/0"):
        assert town.run("verify", "--part", wrong).code == 2


def test_verifying_is_itself_in_the_audit_log(town: Town) -> None:
    """Who verified, and with what outcome, stays on record."""
    town.run("verify")
    sql(town, "DELETE FROM retention_tag WHERE record_id = 2")
    town.run("verify")
    found = town.rows("SELECT outcome, facts, actor_id FROM audit_event WHERE act = 'verify' ORDER BY id")
    assert [row[0] for row in found] == ["ok", "failed"]
    assert '"failed":["tags"]' in found[1][1]
    assert found[0][2] == 1


def test_a_database_file_that_is_damaged_is_a_problem_like_any_other(town: Town) -> None:
    """Overwritten pages end no check with a traceback; the other checks go on."""
    town.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    path = town.folder / "archive.db"
    with closing(sqlite3.connect(path)) as database:
        (root,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'cursor'").fetchone()
        (page,) = database.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((root - 1) * page)
        file.write(b"\xff" * page)
    said = town.run("verify", "--json")
    assert said.code == 5
    assert ("cursors", "database") in problems(said)
    assert len(said.data["checked"]) == 9
