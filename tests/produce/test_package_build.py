"""A package is complete or not there, the same from the same entries, and says all that it was given."""

import hashlib
import hmac
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from archiver.errors import DiskTrouble, Refused, VerificationFailed
from archiver.produce.check import verify_package
from archiver.produce.entry import Entry, EntryFile
from archiver.produce.package import BadNumbering, Package, build
from archiver.produce.writers import volumes
from archiver.produce.writers.folder import MARK
from archiver.produce.writers.volumes import VolumeFailed
from schema.vocab import Outcome
from schema.wire.manifest import Manifest, ManifestSignature, ProducedRecord
from schema.wire.shape import json_schema

Make = Callable[..., Any]


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_same_entries_same_bytes(tmp_path: Path, new_plan: Make, some_entries: list[Entry]) -> None:
    """Two builds, signed at different times, differ in manifest.sig.json only."""
    first = build(tmp_path / "first", new_plan(), some_entries)
    second = build(tmp_path / "second", new_plan(signed_at=1999999999999), some_entries)
    one, other = _digests(tmp_path / "first"), _digests(tmp_path / "second")

    assert first == second
    assert {name for name in one if one[name] != other[name]} == {"manifest.sig.json"}
    assert one.keys() == other.keys()


def test_another_seed_another_root(tmp_path: Path, new_plan: Make, some_entries: list[Entry]) -> None:
    """File ids come from the seed, which the reader does not know; the root also binds key and number."""
    plans = [new_plan(), new_plan(seed=b"t" * 32), new_plan(number="P2026-14-3"), new_plan(public_key=b"\x05" * 32)]
    roots = [build(tmp_path / str(n), plan, some_entries).root for n, plan in enumerate(plans)]

    assert len(set(roots)) == 4
    for n, seed in ((0, b"s" * 32), (1, b"t" * 32)):
        for file in json.loads((tmp_path / str(n) / "manifest.json").read_bytes())["files"]:
            assert file["id"] == hmac.new(seed, b"file\0" + file["path"].encode(), "sha256").hexdigest()[:32]


def test_layout_and_shapes(package: Path, root: str, some_entries: list[Entry]) -> None:
    """Every file is where the README says, and manifest, signature and lines fit their JSON Schemas."""
    manifest = json.loads((package / "manifest.json").read_bytes())
    signature = json.loads((package / "manifest.sig.json").read_bytes())
    lines = [json.loads(line) for line in (package / "records.jsonl").read_text(encoding="utf-8").splitlines()]
    for value, shape in (
        (manifest, Manifest),
        (signature, ManifestSignature),
        *((line, ProducedRecord) for line in lines),
    ):
        jsonschema.validate(value, json_schema(shape))

    assert {file["path"] for file in manifest["files"]} == {
        "README.txt",
        "originals/A000001/message.xml",
        "originals/A000001/photo (2).jpg",
        "originals/A000001/photo.jpg",
        "pdf/volume-0001.pdf",
        "records.jsonl",
        "records.xlsx",
        "sha256sums.txt",
        "text/A000002.txt",
        "verify.py",
    }
    assert manifest["root"] == signature["root"] == root
    assert "signed_at" not in manifest
    assert [line["number"] for line in lines] == [entry.number for entry in some_entries]
    assert lines[1]["text"] == some_entries[1].text
    assert [file["role"] for file in lines[0]["files"]] == ["attachment", "attachment", "raw"]
    assert list(lines[0]) == sorted(lines[0])
    ids = {file["id"]: file["path"] for file in manifest["files"]}
    assert [ids[i] for i in manifest["records"][1]["files"]] == ["text/A000002.txt"]
    assert root not in (package / "README.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("fault", ["entry", "file", "short", "interrupt", "numbering", "bad number"])
def test_aborted_leaves_nothing(
    tmp_path: Path, new_plan: Make, new_entry: Make, new_file: Callable[..., EntryFile], fault: str
) -> None:
    """Whatever fails while building, neither the package nor its partial folder stays, and no process runs on."""
    expected: type[BaseException] = {
        "entry": ZeroDivisionError,
        "file": DiskTrouble,
        "short": VerificationFailed,
        "interrupt": KeyboardInterrupt,
    }.get(fault, BadNumbering)

    def broken() -> Iterator[bytes]:
        yield b"x"
        raise OSError(28, "No space left on device")

    def entries() -> Iterator[Entry]:
        for place in range(1, 503):
            yield new_entry(place)
        if fault == "entry":
            raise ZeroDivisionError
        if fault == "interrupt":
            raise KeyboardInterrupt
        if fault == "file":
            yield new_entry(503, files=(EntryFile("x", "", 10, broken),))
        if fault == "short":
            yield new_entry(503, files=(replace(new_file("x", b"12345"), size=6),))
        yield new_entry(502 if fault == "numbering" else 503, **({"number": "../x"} if fault == "bad number" else {}))

    with pytest.raises(expected):
        build(tmp_path / "package", new_plan(), entries())

    assert list(tmp_path.iterdir()) == []


def test_leaving_without_finish(tmp_path: Path, new_plan: Make, new_entry: Make) -> None:
    """A package that is never finished is removed; while it is built it is called partial and marked."""
    with Package(tmp_path / "package", new_plan()) as package:
        package.add(new_entry())
        assert {path.name for path in tmp_path.iterdir()} == {"package.partial"}
        assert (tmp_path / "package.partial" / MARK).is_file()

    assert list(tmp_path.iterdir()) == []


def test_killed_build_does_not_look_complete(tmp_path: Path, new_plan: Make, some_entries: list[Entry]) -> None:
    """What a killed process leaves is marked, has no manifest, and the next build replaces it."""
    script = f"""
import os, sys
sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}
import conftest
from pathlib import Path
from archiver.produce.package import Package
package = Package(Path({str(tmp_path / "package")!r}), conftest._plan()).__enter__()
package.add(conftest._entry())
os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 9
    left = tmp_path / "package.partial"
    assert (left / MARK).exists() and not (left / "manifest.json").exists()
    assert verify_package(left).outcome is Outcome.FAILED

    build(tmp_path / "package", new_plan(), some_entries)
    assert verify_package(tmp_path / "package").outcome is Outcome.OK
    assert not left.exists()


def test_folder_in_use(tmp_path: Path, new_plan: Make, some_entries: list[Entry]) -> None:
    """A folder with content, a link and somebody else's .partial are refused untouched; an empty folder is used."""
    target = tmp_path / "package"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    with pytest.raises(Refused, match="not empty"):
        build(target, new_plan(), some_entries)
    assert [path.name for path in target.iterdir()] == ["mine.txt"]

    (target / "mine.txt").unlink()
    (tmp_path / "package.partial").mkdir()
    (tmp_path / "package.partial" / "mine.txt").write_text("mine")
    with pytest.raises(Refused, match="in the way"):
        build(target, new_plan(), some_entries)
    assert (tmp_path / "package.partial" / "mine.txt").read_text() == "mine"

    os.rename(tmp_path / "package.partial", tmp_path / "elsewhere")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused):
        build(tmp_path / "link", new_plan(), some_entries)

    assert build(target, new_plan(), some_entries).records == 3


def test_failing_volume(
    tmp_path: Path, new_plan: Make, some_entries: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A volume whose process ends badly or takes too long fails the build with its number, and leaves nothing."""
    monkeypatch.setattr(volumes, "_SECONDS", 0.01)
    with pytest.raises(VolumeFailed, match=r"PDF volume 1 .* longer than"):
        build(tmp_path / "package", new_plan(), some_entries)
    monkeypatch.undo()

    def entries() -> Iterator[Entry]:
        (tmp_path / "package.partial/.work/fonts.json").write_text("[]")
        yield some_entries[0]

    with pytest.raises(VolumeFailed, match="PDF volume 1"):
        build(tmp_path / "package", new_plan(), entries())

    assert list(tmp_path.iterdir()) == []


def test_no_secret_reaches_the_volumes(
    tmp_path: Path, new_plan: Make, some_entries: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that sets strangers' text gets no variable that could hold a secret."""
    seen = []
    real = volumes.subprocess.Popen

    def watched(*arguments: Any, **named: Any) -> Any:
        seen.append(named["env"])
        return real(*arguments, **named)

    monkeypatch.setenv("ARCHIVER__KEYS__MASTER", "canary")
    monkeypatch.setattr(volumes.subprocess, "Popen", watched)
    build(tmp_path / "package", new_plan(), some_entries)

    assert len(seen) == 1
    assert "canary" not in str(seen[0])


def test_no_entries(tmp_path: Path, new_plan: Make) -> None:
    """A production without entries is a valid package without volumes."""
    built = build(tmp_path / "package", new_plan(), [])

    assert (built.records, built.volumes) == (0, 0)
    assert verify_package(tmp_path / "package", built.root).outcome is Outcome.OK


def test_awkward_names_and_texts(tmp_path: Path, new_plan: Make, new_entry: Make, new_file: Make) -> None:
    """Hostile file names stay in their folder and in the lines; lone surrogates survive in the lines."""
    names = ("../../x", "CON", "a/b", "A_b", "\ud800", "", "verify.py")
    files = tuple(new_file(name, name.encode("utf-8", "replace")) for name in names)
    entry = new_entry(files=files, text="half \ud83d!", title="a\u2028b\x85c")
    built = build(tmp_path / "package", new_plan(), [entry])
    [line] = (tmp_path / "package/records.jsonl").read_text(encoding="utf-8").splitlines()

    assert verify_package(tmp_path / "package", built.root).outcome is Outcome.OK
    assert [file["name"] for file in json.loads(line)["files"]] == list(names)
    assert (json.loads(line)["text"], json.loads(line)["title"]) == ("half \ud83d!", "a\u2028b\x85c")
    assert len(list((tmp_path / "package/originals/A000001").iterdir())) == len(names)
    assert [path.name for path in tmp_path.iterdir()] == ["package"]
