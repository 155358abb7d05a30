"""Cities on SQLite and on PostgreSQL."""

from pathlib import Path

import pytest

from tests.fixtures.city import Town


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city on SQLite."""
    return Town(tmp_path, monkeypatch)


@pytest.fixture(params=["sqlite", "postgresql"])
def both(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """The same test in a city on SQLite and in one on PostgreSQL."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    return Town(tmp_path, monkeypatch, database=url)
