"""Rotating the master key: at every moment one key file opens the archive, and a stopped rotation goes on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from archiver.access import current_actor
from archiver.operate.fingerprint import fingerprint
from archiver.operate.rotation import point_config, rotate_master
from archiver.vault import rotate as keys
from connectors.contract import Page
from tests.fixtures.city import Town
from tests.fixtures.replay import post

STAGES = 12
"""More steps than a rotation of this archive has, with batches of three keys."""


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city with seven posts, whose keys are wrapped three at a time."""
    monkeypatch.setattr(keys, "BATCH", 3)
    town = Town(tmp_path, monkeypatch)
    town.source("wire", Page(tuple(post(f"p{number}", f"text {number}") for number in range(7))))
    town.collect()
    return town


def print_of(town: Town) -> str:
    """The fingerprint of what the archive holds, which needs every key."""
    with town.opened() as archive:
        return fingerprint(archive)


def masters(town: Town) -> dict[int, int]:
    """How many data keys are wrapped under each master."""
    return dict(town.rows("SELECT master_id, count(*) FROM owner_key GROUP BY master_id"))


def test_a_rotation_leaves_one_key_in_force(town: Town) -> None:
    """The new key opens everything; the old one nothing, its wrapped copies are gone; its file stays and is named."""
    before, old = print_of(town), (town.folder / "keys" / "master.key").read_bytes()
    said = town.run("key", "rotate")
    assert said.code == 0, said.err
    new = town.folder / "keys" / "master-2.key"
    assert str(new) in said.out
    assert "file:keys/master.key" in said.err
    assert "backups" in said.err
    assert new.stat().st_mode & 0o777 == 0o600
    assert 'master = "file:keys/master-2.key"' in (town.folder / "config.toml").read_text()
    assert list(masters(town)) == [2]
    assert print_of(town) == before
    assert town.run("verify").code == 0
    (town.folder / "keys" / "master-2.key").write_bytes(old)
    assert town.run("source", "list").code == 12


def test_a_rotation_writes_where_it_was_told_and_says_so(town: Town, tmp_path: Path) -> None:
    """--to another folder: config.toml names the file with its whole path."""
    target = tmp_path / "elsewhere" / "city.key"
    data = town.ok("key", "rotate", "--to", str(target))
    assert data["key"] == str(target)
    assert data["old"] == "file:keys/master.key"
    assert f'master = "file:{target}"' in (town.folder / "config.toml").read_text()
    assert town.run("verify").code == 0


@pytest.mark.parametrize("stop", range(STAGES))
def test_a_rotation_that_is_stopped_after_any_step_goes_on(town: Town, stop: int) -> None:
    """Stopped between any two transactions: the key in config.toml opens everything, and running again finishes it."""
    before = print_of(town)
    with town.opened() as archive:
        with archive.reading() as session:
            actor = current_actor(session)
        steps = rotate_master(archive, actor)
        for _ in range(stop):
            next(steps, None)
        steps.close()
    assert print_of(town) == before
    town.source("later", Page((post("later", "written between"),)))
    town.collect("later")
    between = print_of(town)
    assert town.run("verify").code == 0
    said = town.run("key", "rotate")
    assert said.code == 0, said.err
    assert print_of(town) == between
    assert len(masters(town)) == 1
    assert town.rows("SELECT count(*) FROM master WHERE until IS NULL") == [(1,)]
    assert town.run("verify").code == 0


def test_the_new_key_opens_nothing_until_every_key_is_wrapped_anew(town: Town) -> None:
    """Before that, a program with the new key would take the others for destroyed."""
    with town.opened() as archive:
        with archive.reading() as session:
            actor = current_actor(session)
        steps = rotate_master(archive, actor)
        assert [next(steps).stage for _ in range(3)][-1] == "wrapping keys anew"
        steps.close()
    config = town.folder / "config.toml"
    config.write_text(config.read_text().replace("master.key", "master-2.key"))
    assert town.run("source", "list").code == 12


def test_a_key_that_was_used_before_is_refused(town: Town) -> None:
    """A rotation never goes back to an earlier key, nor onto the present one."""
    assert town.run("key", "rotate", "--to", str(town.folder / "keys" / "master.key")).code == 4
    assert town.run("key", "rotate").code == 0
    said = town.run("key", "rotate", "--to", str(town.folder / "keys" / "master.key"))
    assert said.code == 4
    assert "already used" in said.err
    assert town.run("verify").code == 0


def test_a_rotation_waits_for_no_one_and_lets_no_one_in(town: Town) -> None:
    """While another command runs, rotating is refused (11): it would go on writing under the old key."""
    with town.opened() as archive, archive.database.shared():
        said = town.run("key", "rotate")
    assert said.code == 11
    with town.opened() as archive, archive.database.exclusive("key rotate"):
        assert town.run("source", "list").code == 11


def test_only_an_administrator_rotates(town: Town) -> None:
    """Whoever lacks the role is refused, and nothing is written."""
    town.act("UPDATE person_role SET ended_at = 1 WHERE role = 'administrator'")
    assert town.run("key", "rotate").code == 4
    assert list((town.folder / "keys").iterdir()) == [town.folder / "keys" / "master.key"]


def test_a_key_named_by_the_environment_must_first_be_named_in_the_config(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the variable would go on naming a key that no longer opens anything."""
    monkeypatch.setenv("ARCHIVER__KEYS__MASTER", "file:keys/master.key")
    said = town.run("key", "rotate")
    assert said.code == 4
    assert "ARCHIVER__KEYS__MASTER" in said.err


@pytest.mark.parametrize(
    "text", ["", "[keys]\n", "# a\n[archive]\nindex = 'i'\n", "[keys]\nmaster='file:x' # old\n[archive]\nindex = 'i'\n"]
)
def test_config_toml_keeps_everything_but_the_key(tmp_path: Path, text: str) -> None:
    """Whether the line or section was there or not, config.toml names the new key and keeps the rest."""
    from archiver import config

    path = tmp_path / "config.toml"
    path.write_text(text)
    path.chmod(0o600)
    before = config.load(path)
    point_config(tmp_path, tmp_path / 'a "b".key')
    after = config.load(path)
    assert after.keys.master == 'file:a "b".key'
    assert after.archive == before.archive
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(one.name for one in tmp_path.iterdir()) == ["config.toml"]


def test_a_rotation_killed_at_any_moment_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight times killed with SIGKILL at growing delays: what config.toml names opens everything each time."""
    town = Town(tmp_path, monkeypatch)
    town.source("wire", Page(tuple(post(f"p{number}", f"text {number}") for number in range(400))))
    town.collect()
    before = print_of(town)
    program = "from archiver.vault import rotate; rotate.BATCH = 4\nfrom archiver.cli.main import run; run()"
    rotations = 0
    for number in range(8):
        child = subprocess.Popen(
            [sys.executable, "-c", program, "key", "rotate"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            rotations += child.wait(timeout=0.55 + 0.12 * number) == 0
        except subprocess.TimeoutExpired:
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
        assert print_of(town) == before
    assert town.run("key", "rotate").code == 0
    assert len(masters(town)) == 1
    assert town.run("verify").code == 0
    print(f"{rotations} of 8 rotations finished before the kill")


def test_old_wrapped_keys_leave_no_bytes_behind(town: Town) -> None:
    """After the rotation neither database nor WAL holds a wrapped copy that the old master opens."""
    wrapped = [bytes(row[0]) for row in town.rows("SELECT wrapped FROM owner_key")]
    assert town.run("key", "rotate").code == 0
    for name in ("archive.db", "archive.db-wal"):
        path = town.folder / name
        data = path.read_bytes() if path.exists() else b""
        assert not any(one in data for one in wrapped), name
