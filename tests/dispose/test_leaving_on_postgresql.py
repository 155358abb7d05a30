"""Transfer and expungement on PostgreSQL: the same steps, guards and ends as on SQLite."""

from collections.abc import Callable
from pathlib import Path

import bagit
import pytest
from sqlalchemy.exc import IntegrityError

from schema.item import Attachment
from tests.fixtures.due_town import LONG_AGO, DueTown
from tests.fixtures.replay import post


def _town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> DueTown:
    town = DueTown(tmp_path, monkeypatch, action="transfer_archives", database=url)
    files = (Attachment("report.txt", "text/plain", b"zqsuspectzq"), Attachment("map.bin", "x/y", b"m" * 100_000))
    town.items([post("a", "first", at=LONG_AGO, attachments=files)], options=("--class", "public"))
    return town


def test_a_transfer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_postgres: Callable[[], str]) -> None:
    """Approved, accepted, sent as a valid bag; without a receipt the database refuses; a kept copy is certified."""
    town = _town(tmp_path, monkeypatch, new_postgres())
    town.approved("--transfer")
    town.ok("dispose", "transfer", "D1", "--offer-to", "State Archives", "--keep-copy")
    town.ok("dispose", "transfer", "D1", "--accepted", "letter")
    town.ok("dispose", "transfer", "D1", "--out", str(tmp_path / "bag"))
    bagit.Bag(str(tmp_path / "bag")).validate()
    for statement in (
        "UPDATE disposition SET state = 'executing'",
        "UPDATE disposition SET state = 'proven'",
        "UPDATE transfer SET keeps_copy = FALSE",
        "DELETE FROM transfer",
        "TRUNCATE transfer",
    ):
        with pytest.raises(IntegrityError, match="guard"):
            town.act(statement)
    assert town.ok("dispose", "receipt", "D1", "--reference", "77")["certificate"] == "C2026-1"
    assert town.ok("record", "show", "R1")["text"] == "first"


def test_an_expungement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_postgres: Callable[[], str]) -> None:
    """The part goes and the rest opens under a new key; the certificate waits until the master key was rotated."""
    town = _town(tmp_path, monkeypatch, new_postgres())
    before = town.rows("SELECT wrapped FROM owner_key WHERE owner_kind = 'record' AND owner_id = 1")
    expunge = ("dispose", "expunge", "R1", "--component", "report.txt", "--order", "court", "--login", "bea", "--json")
    said = town.with_password(*expunge)
    assert said.code == 0 and "key rotate" in said.data["waits"] and said.data["certificate"] is None, said.err
    assert town.rows("SELECT wrapped FROM owner_key WHERE owner_kind = 'record' AND owner_id = 1") != before
    assert [one["expunged"] for one in town.ok("record", "show", "R1")["files"]] == [True, False]
    town.ok("key", "rotate", "--to", str(tmp_path / "new.key"))
    monkeypatch.setenv("ARCHIVER__KEYS__MASTER", f"file:{tmp_path / 'new.key'}")
    said = town.with_password(*expunge)
    assert said.code == 0 and said.data["certificate"] == "C2026-1", said.err
    assert town.run("verify").code == 0
