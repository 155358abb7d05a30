"""A city in which it snowed, and what people do with it: the ground of the stories on requests and packages."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import Page
from schema.item import Attachment
from tests.fixtures.city import Town
from tests.fixtures.disposals import executing
from tests.fixtures.replay import DAY, NOON, post

PHOTO = bytes(range(256)) * 400
"""102,400 bytes: kept as an object, not as a row."""


def snowy_town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city that collected five posts on snow (R1 to R5, the last of unknown time) and one on the library (R6)."""
    town = Town(tmp_path, monkeypatch)
    posts = [post(f"p{number}", f"Snow emergency {number}", at=NOON + number * DAY) for number in range(4)]
    posts[2] = post(
        "p2",
        "Snow emergency 2, see the photo",
        at=NOON + 2 * DAY,
        attachments=(Attachment("plow & street.jpg", "image/jpeg", PHOTO),),
    )
    posts += [post("p4", "Snow of an unknown day", at=None), post("p5", "The library is open", at=NOON)]
    town.source("works", Page(items=tuple(posts)))
    assert town.collect()["new_records"] == 6
    return town


def opened(town: Town, *options: str) -> str:
    """Open a request; returns its number."""
    return str(town.ok("request", "open", "--summary", "snow emergencies", *options)["id"])


def frozen(town: Town, question: str = "snow", *options: str) -> str:
    """Open a request and freeze what a question finds."""
    number = opened(town)
    town.ok("request", "candidates", number, "--query", question, "--freeze", *options)
    return number


def built(town: Town, number: str, name: str) -> tuple[Path, str]:
    """Build a production; returns its folder and root."""
    folder = town.folder.parent / name
    return folder, str(town.ok("produce", "build", number, "--out", str(folder))["root"])


def lines(folder: Path) -> list[dict[str, Any]]:
    """The lines of a package's records.jsonl."""
    return [json.loads(line) for line in (folder / "records.jsonl").read_text(encoding="utf-8").splitlines()]


def destroyed(town: Town, record: int, *, tombstone: bool = True) -> None:
    """Destroy a record as a purge would, under the database's own guards."""
    statements = [
        f"DELETE FROM payload WHERE owner_kind = 'record' AND owner_id = {record}",
        f"DELETE FROM owner_key WHERE owner_kind = 'record' AND owner_id = {record}",
    ]
    if tombstone:
        at = NOON + 9 * DAY
        statements += [
            f"UPDATE record SET destroyed_at = {at} WHERE id = {record}",
            "INSERT INTO tombstone"
            " (record_id, native_key, series_id, digest, sent_at, captured_at, destroyed_at, certificate)"
            f" SELECT id, native_key, 1, x'{'ab' * 32}', sent_at, captured_at, {at}, 'C2026-1' FROM record"
            f" WHERE id = {record}",
        ]
    with town.opened() as archive, archive.unit() as session:
        executing(session, [record])
        for statement in statements:
            session.connection().exec_driver_sql(statement)


def own_check(folder: Path, *options: str, script: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The package's own verify.py, run by a requester: a bare Python, nothing of ours on its path."""
    command = [sys.executable, "-I", str(script or folder / "verify.py"), str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, env={"PATH": os.environ["PATH"]}, timeout=60)
