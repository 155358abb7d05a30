"""`config check`: the line of a mistake, and what to do."""

from pathlib import Path

import pytest

from tests.fixtures.city import Town


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    return Town(tmp_path, monkeypatch)


def test_a_good_file_is_ok_and_names_its_secrets(town: Town) -> None:
    """Each secret with the line that names it; none is shown."""
    said = town.run("config", "check")
    assert said.code == 0
    assert "config.toml:6" in said.out
    key = (town.folder / "keys" / "master.key").read_text().strip()
    assert key not in said.out + said.err
    assert town.ok("config", "check")["secrets"] == ["keys.master"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("[archive]\nindx = 'x'\n", ("config.toml:2", "indx", "index")),
        ("[collect]\n\ntimeout = 'soon'\n", ("config.toml:3", "timeout")),
        ("[jobs]\nnightly = '25:00'\n", ("config.toml:2", "nightly")),
        ("[colect]\n", ("config.toml:1", "colect")),
        ("[keys\n", ("config.toml", "line 1")),
    ],
)
def test_a_mistake_is_shown_with_its_line(town: Town, written: str, expected: tuple[str, ...]) -> None:
    """An unknown key, a wrong value, an unknown section and broken TOML: exit 2, one line."""
    (town.folder / "config.toml").write_text(written)
    said = town.run("config", "check")
    assert said.code == 2
    assert said.err.count("\n") == 1
    for word in expected:
        assert word in said.err


def test_a_secret_that_cannot_be_read_is_shown_with_its_line(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing file, an unset variable and a key that is none: exit 12 with the line or the variable to correct."""
    path = town.folder / "config.toml"
    for reference in ("file:keys/none.key", "env:NO_SUCH_VARIABLE", "file:config.toml"):
        path.write_text(f'[keys]\nmaster = "{reference}"\n')
        said = town.run("config", "check")
        assert said.code == 12
        assert "config.toml:2" in said.err
    monkeypatch.setenv("ARCHIVER__KEYS__MASTER", "file:none")
    assert "[ARCHIVER__KEYS__MASTER" in town.run("config", "check").err
