"""Request files: what is no file, names that are no text, a full disk, a closed request."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from archiver.access import Actor, current_actor
from archiver.archive import Archive
from archiver.data_requests.candidates import list_candidates
from archiver.data_requests.files import add_file, check_may_add, spool
from archiver.data_requests.register import close
from archiver.errors import FileTrouble, Refused, UsageError
from tests.fixtures.city import Town


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city with an open request."""
    town = Town(tmp_path, monkeypatch)
    town.ok("request", "open", "--summary", "snow")
    return town


@pytest.fixture
def archive(town: Town) -> Iterator[Archive]:
    """Its archive."""
    with town.opened() as opened:
        yield opened


@pytest.fixture
def clerk(archive: Archive) -> Actor:
    """The person who made it."""
    with archive.reading() as session:
        return current_actor(session)


@pytest.mark.parametrize("wrong", ["folder", "missing", "pipe"])
def test_what_is_no_file(archive: Archive, tmp_path: Path, wrong: str) -> None:
    """A folder, a name without a file, a pipe that would never end: refused in one line that names it."""
    path = tmp_path / wrong
    if wrong == "folder":
        path.mkdir()
    elif wrong == "pipe":
        os.mkfifo(path)
    with pytest.raises(UsageError, match=wrong):
        spool(archive, path)


def test_a_name_that_is_no_text(town: Town, archive: Archive, clerk: Actor, tmp_path: Path) -> None:
    """A file whose name is not UTF-8 is added; what cannot be shown of the name is replaced."""
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    path.write_bytes(b"menu")
    content = spool(archive, path)
    with archive.unit() as session:
        assert add_file(archive, session, clerk, "1", path.name, content) == 1
        files = list_candidates(archive, session, "1")["files"]
    assert files == [{"id": "F1", "name": "caf\ufffd.txt", "size": 4}]
    assert town.rows("SELECT media_type FROM request_file") == [("text/plain",)]


def test_a_full_disk(archive: Archive, tmp_path: Path, town: Town) -> None:
    """When the archive's disk takes no more, the command says what the system said, and keeps nothing."""
    path = tmp_path / "scan.pdf"
    path.write_bytes(os.urandom(200_000))
    objects = archive.vault.objects.folder
    if objects.exists():
        objects.rename(objects.with_name("away"))
    objects.write_bytes(b"")  # no folder any more, so every write below it fails
    said = town.run("request", "file", "1", str(path), "--json")
    assert (said.code, said.data["error"]["code"]) == (FileTrouble.exit_code, "file")
    assert "Traceback" not in said.err
    assert town.rows("SELECT * FROM request_file") == []


def test_a_closed_request_takes_no_file(town: Town, archive: Archive, clerk: Actor, tmp_path: Path) -> None:
    """It is refused before a large file is read, so nothing of it stays in the store."""
    with archive.unit() as session:
        close(archive, session, clerk, "1", "answered")
    with archive.reading() as session, pytest.raises(Refused):
        check_may_add(session, clerk, "1")
    path = tmp_path / "scan.pdf"
    path.write_bytes(os.urandom(200_000))
    before = list(archive.vault.objects.names())
    assert town.run("request", "file", "1", str(path)).code == 4
    assert list(archive.vault.objects.names()) == before
