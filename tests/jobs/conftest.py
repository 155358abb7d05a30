"""Archives for tests of jobs, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from archiver.archive import Archive, City
from archiver.operate.initialise import initialise


@pytest.fixture(params=["sqlite", "postgresql"])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Archive]:
    """The same test on an archive in SQLite and on one in PostgreSQL; with the real clock."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    folder = tmp_path / "archive"
    initialise(folder, City("Test City", "us-mn", "America/Chicago", for_tests=True), database=url)
    archive = Archive(folder)
    yield archive
    archive.close()


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """An empty archive in SQLite, with the real clock."""
    folder = tmp_path / "archive"
    initialise(folder, City("Test City", "us-mn", "America/Chicago", for_tests=True))
    opened = Archive(folder)
    yield opened
    opened.close()
