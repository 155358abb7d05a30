"""The package that a requester gets and checks, and what two people who build at once get (story 12)."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from archiver.access import current_actor
from archiver.errors import Locked
from archiver.produce.building import build_production
from connectors.contract import Page
from tests.fixtures.city import Town
from tests.fixtures.replay import post
from tests.stories.foundation_town import PHOTO, built, frozen, lines, opened, own_check, snowy_town

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city that collected five posts on snow and one on the library."""
    return snowy_town(tmp_path, monkeypatch)


# ---- request files and the package ---------------------------------------------------------------------------------


def test_what_the_requester_gets(town: Town, tmp_path: Path) -> None:
    """Records and files found elsewhere, numbered without a gap, each byte as it was; his own Python agrees."""
    number = frozen(town)
    small, large = tmp_path / "report.txt", tmp_path / "scan.pdf"
    small.write_bytes(b"Police report 26-117")
    large.write_bytes(os.urandom(3 << 20))
    added = [town.ok("request", "file", number, str(path)) for path in (small, large)]
    assert [one["id"] for one in added] == ["F1", "F2"]
    folder = tmp_path / "package"
    said = town.ok("produce", "build", number, "--out", str(folder))
    assert list(said)[:5] == ["schema", "production", "request", "folder", "root"]
    assert (said["production"], said["request"], said["records"]) == ("P2026-1-1", "Q2026-1", 7)
    got = lines(folder)
    assert [(one["number"], one["record"]) for one in got] == [
        ("A000001", "R1"), ("A000002", "R2"), ("A000003", "R3"), ("A000004", "R4"), ("A000005", "R5"),
        ("A000006", "F1"), ("A000007", "F2"),
    ]  # fmt: skip
    originals = {
        (one["number"], file["role"]): (folder / file["path"]).read_bytes() for one in got for file in one["files"]
    }
    assert originals["A000003", "attachment"] == PHOTO
    assert originals["A000003", "raw"] == b"p2: Snow emergency 2, see the photo"
    assert originals["A000006", "attachment"] == small.read_bytes()
    assert originals["A000007", "attachment"] == large.read_bytes()

    checked = town.ok("produce", "verify", str(folder), "--root", said["root"])
    assert (checked["outcome"], checked["problems"], checked["root"]) == ("ok", [], said["root"])
    own = own_check(folder, "--root", said["root"])
    assert own.returncode == 0, own.stdout
    plain = own_check(folder)
    assert plain.returncode == 0
    assert "replaced as a whole cannot be detected" in plain.stdout
    acts = town.rows("SELECT act FROM audit_event WHERE act LIKE 'produce%'")
    assert acts == [("produce.build",)]


def test_any_change_is_seen(town: Town, tmp_path: Path) -> None:
    """One byte changed, or one file gone, in each file of the package: both checks fail and name the file."""
    folder, root = built(town, frozen(town), "package")
    script = tmp_path / "verify.py"
    shutil.copy(folder / "verify.py", script)
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    kinds = {name.split("/")[0] for name in names}
    assert kinds == {
        "README.txt", "manifest.json", "manifest.sig.json", "originals", "pdf", "records.jsonl", "records.xlsx",
        "sha256sums.txt", "verify.py",
    }  # fmt: skip
    tried: set[str] = set()
    for name in names:
        if name.split("/")[0] in tried:
            continue
        tried.add(name.split("/")[0])
        path = folder / name
        before = path.read_bytes()
        place = before.index(b'"root"') + 3 if name.endswith(".json") else len(before) // 2
        path.write_bytes(before[:place] + bytes([before[place] ^ 1]) + before[place + 1 :])
        _fails(town, folder, script, name)
        path.unlink()
        _fails(town, folder, script, name)
        path.write_bytes(before)
    assert own_check(folder, "--root", root).returncode == 0


def _fails(town: Town, folder: Path, script: Path, name: str) -> None:
    ours, own = town.run("produce", "verify", str(folder), "--json"), own_check(folder, script=script)
    assert ours.code == 5, name
    assert any(name in problem for problem in ours.data["problems"]), ours.data["problems"]
    assert (own.returncode, "Traceback" in own.stderr, name in own.stdout) == (5, False, True)


def test_a_file_removed_with_its_line(town: Town) -> None:
    """Leaving out an attachment together with its line in the manifest changes the root and breaks the signature."""
    folder, _root = built(town, frozen(town), "package")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    gone = next(file for file in manifest["files"] if file["path"].endswith(".jpg"))
    manifest["files"].remove(gone)
    manifest["counts"] |= {"files": len(manifest["files"]), "bytes": manifest["counts"]["bytes"] - gone["size"]}
    for record in manifest["records"]:
        record["files"] = [one for one in record["files"] if one != gone["id"]]
    (folder / gone["path"]).unlink()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    said = town.run("produce", "verify", str(folder), "--json")
    assert said.code == 5
    assert any("root" in problem for problem in said.data["problems"])
    assert own_check(folder).returncode == 5


def test_a_replaced_package(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole package from another archive is found with the printed root; without it, both say what they miss."""
    _folder, root = built(town, frozen(town), "package")
    other = Town(tmp_path / "other", monkeypatch)
    other.source("works", Page(items=(post("p1", "Snow emergency, softened"),)))
    other.collect()
    fake, other_root = built(other, frozen(other), "fake")
    assert other_root != root
    with_root = town.run("produce", "verify", str(fake), "--root", root, "--json")
    assert with_root.code == 5
    assert with_root.data["problems"] == [
        "this is not the package that the letter describes: its root differs from --root"
    ]
    assert own_check(fake, "--root", root).returncode == 5
    without = town.run("produce", "verify", str(fake))
    assert without.code == 0
    assert "cannot be detected" in without.err
    assert town.run("produce", "verify", str(fake), "--root", "abc").code == 2


def test_a_folder_in_use(town: Town) -> None:
    """A folder with something in it is refused and stays as it is; nothing is registered."""
    number = frozen(town)
    folder = town.folder.parent / "used"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    said = town.run("produce", "build", number, "--out", str(folder), "--json")
    assert (said.code, said.data["error"]["code"]) == (4, "refused")
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]
    assert town.rows("SELECT * FROM production") == []
    empty = town.run("produce", "build", opened(town), "--out", str(folder.with_name("new")), "--json")
    assert empty.code == 4
    assert "no candidates" in empty.err


# ---- two people press the button -----------------------------------------------------------------------------------


def test_two_builds_at_once(town: Town) -> None:
    """Two processes build the same request: one after the other, or one is told that the other is at work (11)."""
    number = frozen(town)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(town.installed)))}
    running = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "archiver",
                "produce",
                "build",
                number,
                "--out",
                str(town.folder.parent / name),
                "--json",
            ],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    answers = [(json.loads(process.communicate(timeout=120)[0]), process.returncode) for process in running]
    assert {code for _said, code in answers} <= {0, 11}
    good = [said for said, code in answers if code == 0]
    assert len({said["production"] for said in good}) == len(good) >= 1
    assert [row[0] for row in town.rows("SELECT number FROM production ORDER BY id")] == [
        f"P2026-1-{place}" for place in range(1, len(good) + 1)
    ]
    for said in good:
        assert town.ok("produce", "verify", said["folder"], "--root", said["root"])["outcome"] == "ok"


def test_a_build_at_work_elsewhere(town: Town) -> None:
    """While another living process has the request's lease, a build is refused with exit 11 and writes nothing."""
    number = frozen(town)
    holder = f"elsewhere:{os.getpid()}"
    with town.opened() as archive:
        until = archive.now() + 60_000
    town.act(f"INSERT INTO lease (name, holder, until) VALUES ('production:{number}', '{holder}', {until})")
    said = town.run("produce", "build", number, "--out", str(town.folder.parent / "out"), "--json")
    assert (said.code, said.data["error"]["code"]) == (11, "locked")
    assert holder in said.err
    assert not (town.folder.parent / "out").exists()


def test_a_build_that_slept(town: Town) -> None:
    """A build whose lease was taken over while it slept registers nothing and leaves no package of the same number."""
    number = frozen(town)
    slow, quick = town.folder.parent / "slow", town.folder.parent / "quick"
    with town.opened() as archive:
        with archive.reading() as session:
            actor = current_actor(session)
        sleeping = build_production(archive, actor, number, slow)
        next(sleeping)
        town.act("DELETE FROM lease")  # as if a minute had passed without a heartbeat
        child = [sys.executable, "-m", "archiver", "--archive", str(town.folder), "produce", "build", number]
        subprocess.run([*child, "--out", str(quick)], check=True, capture_output=True)
        with pytest.raises(Locked):
            list(sleeping)
    assert (slow.exists(), quick.exists()) == (False, True)
    assert not slow.with_name("slow.partial").exists()
    assert town.rows("SELECT number FROM production") == [("P2026-1-1",)]
