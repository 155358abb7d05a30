"""The command line contract: exit codes, the failure object, where the archive is found (design section 9)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from archiver.cli.main import COMMANDS, main
from tests.fixtures.city import Town

ROOT = Path(__file__).resolve().parents[2]


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """--help names each command of the contract with one line, and no module of a command is imported for it."""
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name, (_module, text) in COMMANDS.items():
        assert name in shown and text.split(",")[0].split()[0] in shown, name


def test_a_failure_is_one_line_and_one_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """stderr: what happened and what to do, on one line; stdout with --json: code, message, hint, where."""
    town = Town(tmp_path, monkeypatch)
    said = town.run("source", "show", "nothing", "--json")
    assert said.code == 2 and said.err.count("\n") == 1 and said.err.startswith("archiver: There is no source nothing.")
    assert list(said.data) == ["schema", "outcome", "error"]
    assert said.data["outcome"] == "failed" and set(said.data["error"]) == {"code", "message", "hint", "where"}
    assert said.data["error"]["code"] == "not_found"
    plain = town.run("source", "show", "nothing")
    assert plain.out == "" and plain.err == said.err


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["source"], ["source", "nonsense"], ["source", "add"], ["collect", "--nonsense"], ["collect"]],
)
def test_a_misused_command_exits_with_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """Unknown commands and options, missing arguments: usage, without a traceback."""
    said = Town(tmp_path, monkeypatch).run(*arguments)
    assert said.code == 2 and "Traceback" not in said.err


def test_without_an_archive_the_exit_code_is_ten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing named, nothing above, or a folder that holds none."""
    monkeypatch.delenv("ARCHIVER_ARCHIVE", raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["source", "list"]) == 10
    assert main(["--archive", str(tmp_path), "source", "list", "--json"]) == 10
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "no_archive"


def test_the_archive_is_found_by_flag_then_variable_then_upwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flag wins over ARCHIVER_ARCHIVE, and that over the folders above the current one."""
    town = Town(tmp_path, monkeypatch)
    below = town.folder / "objects" / "deep"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    monkeypatch.delenv("ARCHIVER_ARCHIVE")
    assert town.run("source", "list").code == 0
    monkeypatch.setenv("ARCHIVER_ARCHIVE", str(tmp_path / "elsewhere"))
    assert town.run("source", "list").code == 10
    assert town.run("--archive", str(town.folder), "source", "list").code == 0


def test_a_wrong_or_lost_key_exits_with_twelve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another key, a file that is no key, and no file at all."""
    town = Town(tmp_path, monkeypatch)
    key = town.folder / "keys" / "master.key"
    right = key.read_text()
    for content in ("00" * 32, "no hexadecimal", "abcd"):
        key.write_text(content)
        said = town.run("source", "list")
        assert said.code == 12 and right.strip() not in said.err
    key.unlink()
    assert town.run("source", "list").code == 12


def test_a_mistake_in_config_is_named_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown key is refused with file and line, and the known ones are listed."""
    town = Town(tmp_path, monkeypatch)
    config = town.folder / "config.toml"
    lines = config.read_text().rstrip().splitlines()
    config.write_text("\n".join([*lines, "[collect]", "time_out = 5", ""]))
    said = town.run("source", "list", "--json")
    assert said.code == 2 and said.data["error"]["where"].endswith(f"config.toml:{len(lines) + 2}")
    assert "time_out" in said.err and "timeout" in said.err


def test_an_archive_in_use_is_locked_for_maintenance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one command has the archive exclusively, another one ends with eleven and says who."""
    town = Town(tmp_path, monkeypatch)
    with town.opened() as archive, archive.database.exclusive("restore"):
        said = town.run("source", "list")
        assert said.code == 11 and "restore" in said.err
    assert town.run("source", "list").code == 0


def test_a_real_archive_keeps_real_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ARCHIVER_TEST_NOW is refused by an archive that was not made for tests."""
    monkeypatch.delenv("ARCHIVER_TEST_NOW", raising=False)
    assert main(["init", str(tmp_path / "real")]) == 0
    monkeypatch.setenv("ARCHIVER_TEST_NOW", "2030-01-01T00:00:00Z")
    assert main(["--archive", str(tmp_path / "real"), "source", "list"]) == 4


def test_a_login_without_a_person_may_do_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Acts are a person's: an operating system's login that nobody is bound to is refused."""
    town = Town(tmp_path, monkeypatch)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "stranger")
    said = town.run("custodian", "add", "Pat Doe")
    assert said.code == 4 and "stranger" in said.err and "--os-login" in said.err
    assert town.rows("SELECT count(*) FROM custodian") == [(0,)]


def test_the_module_runs_as_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m archiver` is the same command line; a closed pipe is no error."""
    town = Town(tmp_path, monkeypatch)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "archiver", "source", "list", "--json"]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and json.loads(done.stdout) == {"schema": "sources/1", "sources": []}
    assert town.folder.exists() and done.stderr == ""
