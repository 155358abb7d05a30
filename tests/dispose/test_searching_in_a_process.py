"""Searching the database's own files leaves its locks alone: another process that closes it does not end its log."""

import subprocess
import sys
from pathlib import Path

import pytest

from archiver.dispose.residue import Needles, facts_files, search_files
from tests.fixtures.city import Town

_OPENED_AND_CLOSED = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("SELECT count(*) FROM sqlite_master").fetchone()
db.close()
"""


def closed_elsewhere(facts: Path) -> None:
    """Another process opens the database, reads, and closes it."""
    subprocess.run([sys.executable, "-c", _OPENED_AND_CLOSED, str(facts)], check=True)


def test_a_search_drops_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log stays while this process has the database open, although its files were read and closed meanwhile."""
    town = Town(tmp_path, monkeypatch)
    with town.opened() as archive:
        facts, log, _index = facts_files(archive)
        with archive.reading() as session:
            session.connection().exec_driver_sql("SELECT count(*) FROM record")
            found = search_files(facts_files(archive), Needles(["zqnowhere", "retention_tag"], []))
            assert set(found.hits) == {"retention_tag"} and found.files == 3 and found.size > 100_000
            closed_elsewhere(facts)
            assert log.exists(), "that process took itself for the last one"
        with archive.unit() as session:
            session.connection().exec_driver_sql("UPDATE person SET name = 'Still here'")
    assert town.rows("SELECT name FROM person") == [("Still here",)]


def test_a_file_that_cannot_be_read_is_no_clean_file(tmp_path: Path) -> None:
    """A folder in a file's place is an error, and a file that is gone by then is passed."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "plain").write_bytes(b"some WORDS here")
    assert search_files([tmp_path / "gone", tmp_path / "plain"], Needles(["words"], [b"here"])).hits == {
        "words": "plain",
        b"here": "plain",
    }
    with pytest.raises(IsADirectoryError):
        search_files([tmp_path / "folder"], Needles(["words"], []))
