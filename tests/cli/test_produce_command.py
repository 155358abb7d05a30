"""`archiver produce`: what it says, and packages that are none."""

import json
from pathlib import Path

import pytest

from tests.fixtures.city import Town
from tests.stories.foundation_town import built, frozen, snowy_town


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city with a request whose candidates are frozen."""
    town = snowy_town(tmp_path, monkeypatch)
    frozen(town)
    return town


def test_build_names_number_and_root(town: Town, tmp_path: Path) -> None:
    """The number, how much, where, and the root to print; the words name the request's own number."""
    said = town.run("produce", "build", "1", "--out", str(tmp_path / "out"))
    first, second = said.out.splitlines()
    assert first.startswith("P2026-1-1: 5 records, ")
    root = json.loads((tmp_path / "out" / "manifest.json").read_bytes())["root"]
    assert second == f"root {root}"
    assert "Print the root in the letter" in said.err
    again = town.ok("produce", "build", "q2026-1", "--out", str(tmp_path / "again"))
    assert (again["production"], again["request"]) == ("P2026-1-2", "Q2026-1")


def test_verify_needs_no_archive(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A requester's computer has no archive; the root may be typed as a letter prints it."""
    folder, root = built(town, "1", "package")
    monkeypatch.setenv("ARCHIVER_ARCHIVE", str(tmp_path / "nowhere"))
    spaced = " ".join(root[at : at + 8].upper() for at in range(0, 64, 8))
    said = town.run("produce", "verify", str(folder), "--root", spaced)
    assert said.code == 0
    assert said.out.splitlines()[-1].startswith("OK: ")
    assert said.err == ""
    assert "cannot be detected" in town.run("produce", "verify", str(folder)).err


@pytest.mark.parametrize("what", ["missing", "empty", "file", "nonsense"])
def test_what_is_no_package(town: Town, tmp_path: Path, what: str) -> None:
    """No folder, an empty one, a file, a manifest of nonsense: failed (5), with the reason and no traceback."""
    path = tmp_path / "thing"
    if what == "file":
        path.write_text("x")
    elif what != "missing":
        path.mkdir()
    if what == "nonsense":
        (path / "manifest.json").write_bytes(b'{"schema": "manifest/1", "records": [1], "files": [{}]}')
    said = town.run("produce", "verify", str(path), "--json")
    assert (said.code, said.data["outcome"]) == (5, "failed")
    assert said.data["problems"]
    assert "Traceback" not in said.err
