"""Packages that were tampered with on purpose."""

import copy
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.errors import UsageError
from archiver.produce.check import verify_package
from archiver.produce.verifier import verify
from schema.vocab import Outcome
from tests.produce.test_verify_package import _failed, _manifest, _resealed, _run


def test_signature_altered(package: Path) -> None:
    """A changed signing time, a changed signature and no signature are all found."""
    path = package / "manifest.sig.json"
    signed = json.loads(path.read_bytes())
    for change in (
        {"signed_at": 1},
        {"signature": "00" * 64},
        {"signature": "zz"},
        {"root": "00" * 32},
        {"schema": "x"},
    ):
        path.write_text(json.dumps(signed | change))
        assert "manifest.sig.json" in _failed(package)
    path.unlink()
    assert "manifest.sig.json is missing" in _failed(package)


def test_extra_files_and_links(package: Path) -> None:
    """An added file, a link to a file and a link to a folder are found; nothing behind a link is read."""
    (package / "originals/A000001/extra.txt").write_text("added")
    (package / "folder").symlink_to("/")
    (package / "text/link.txt").symlink_to("/etc/passwd")
    problems = _failed(package)

    assert "originals/A000001/extra.txt: was added" in problems
    assert "folder: is a link" in problems
    assert "text/link.txt: is a link" in problems


def test_listed_file_replaced_by_link(package: Path) -> None:
    """A listed file that became a link to the same bytes, or a folder, is not accepted."""
    path = package / "records.jsonl"
    path.rename(package.with_name("moved"))
    path.symlink_to(package.with_name("moved"))
    assert "records.jsonl: is a link" in _failed(package)

    path.unlink()
    path.mkdir()
    assert "records.jsonl: is a link or a special file" in _failed(package)


@pytest.mark.skipif(os.name == "nt", reason="named pipes are files only on Unix")
def test_pipes_do_not_hang(package: Path) -> None:
    """A named pipe in place of a file or of the manifest is refused, not waited for."""
    (package / "README.txt").unlink()
    os.mkfifo(package / "README.txt")
    assert "README.txt: is a link or a special file" in _failed(package)

    (package / "manifest.json").unlink()
    os.mkfifo(package / "manifest.json")
    assert "manifest.json is not a regular file" in _failed(package)


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "/etc/passwd",
        "a/../../x",
        "a//b",
        "./a",
        "a/.",
        "C:x",
        "a\\b",
        "",
        "a\0b",
        "a\nb",
        "x /y",
        "manifest.json",
        7,
    ],
)
def test_hostile_paths(package: Path, path: object) -> None:
    """A manifest that names a path outside the package is refused before anything is opened, whatever its root."""
    manifest = _manifest(package)
    manifest["files"][0]["path"] = path
    _resealed(package, manifest, Ed25519PrivateKey.from_private_bytes(b"f" * 32))

    assert "names a path outside the package or not allowed" in _failed(package)


def test_lists_that_contradict_each_other(package: Path) -> None:
    """Double paths, ids or numbers, and a record's unlisted file are named even in a re-signed manifest."""
    key = Ed25519PrivateKey.from_private_bytes(b"f" * 32)
    manifest = _manifest(package)
    manifest["files"].append(manifest["files"][0])
    manifest["records"].append(manifest["records"][0])
    manifest["records"][1]["files"] = ["00" * 16]
    _resealed(package, manifest, key)
    problems = _failed(package)
    assert "a path is listed twice" in problems
    assert "a record number is listed twice" in problems
    assert "A000002: a file that belongs to this record is not in the manifest" in problems


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'{"schema": "manifest/2"}',
        b'{"schema": "manifest/1"}',
        b"[" * 100_000,
        b'{"schema": "manifest/1", "a": ' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"schema": "manifest/1", "schema": "manifest/1"}',
        b'{"n": ' + b"9" * 5000 + b"}",
    ],
)
def test_garbage_manifest(package: Path, content: bytes) -> None:
    """A manifest of garbage is answered with one clear line and exit code 5."""
    for name in ("manifest.json", "manifest.sig.json"):
        genuine = (package / name).read_bytes()
        (package / name).write_bytes(content)
        done = _run(package)
        assert (done.returncode, done.stdout.splitlines()[-1], done.stderr) == (5, "FAILED", "")
        assert f"Problem: {name} is damaged" in done.stdout
        (package / name).write_bytes(genuine)


def test_double_names_and_deep_nesting(package: Path) -> None:
    """A manifest that two readers could read differently, or that is nested too deeply to read, is refused."""
    path = package / "manifest.json"
    genuine = path.read_bytes()
    path.write_bytes(genuine.replace(b"{", b'{"request": "Q2026-15", ', 1))
    assert "manifest.json is damaged" in _failed(package)

    for depth in range(800, 1100, 7):
        path.write_bytes(genuine.replace(b"{", b'{"more": ' + b"[" * depth + b"]" * depth + b", ", 1))
        assert "manifest.json" in _failed(package)


def test_wrong_counts(package: Path) -> None:
    """Counts that are not those of the lists are named even in a re-signed manifest."""
    genuine = _manifest(package)
    for counts in ({"records": 4}, {"files": "many"}, {}):
        manifest = genuine | {"counts": genuine["counts"] | counts}
        key = Ed25519PrivateKey.from_private_bytes(b"f" * 32)
        _resealed(package, manifest, key, recount=False)
        if counts:
            assert "manifest.json: it counts" in _failed(package)
        else:
            assert verify_package(package).outcome is Outcome.OK


def test_every_truncation_of_the_manifest(package: Path) -> None:
    """A manifest cut anywhere is found, without a traceback."""
    content = (package / "manifest.json").read_bytes()
    for length in range(0, len(content) - 2, 61):
        (package / "manifest.json").write_bytes(content[:length])
        assert "manifest.json is damaged" in _failed(package)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory, _built: tuple[Path, object]) -> Path:
    """A copy of the package that many examples damage one after another."""
    folder = tmp_path_factory.mktemp("scratch") / "package"
    shutil.copytree(_built[0], folder)
    return folder


@pytest.fixture(scope="module")
def genuine(_built: tuple[Path, object]) -> Any:
    """The manifest as it was delivered."""
    return _manifest(_built[0])


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_mutated_manifest_lines(scratch: Path, genuine: Any, data: st.DataObject) -> None:
    """Whatever value of the manifest is replaced by whatever JSON, the check fails and never raises."""
    manifest = copy.deepcopy(genuine)
    where: Any = manifest
    while True:
        keys = list(where) if isinstance(where, dict) else list(range(len(where)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(where[key], dict | list) and where[key] and data.draw(st.booleans()):
            where = where[key]
            continue
        break
    json_values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=2),
    )
    where[key] = data.draw(json_values.filter(lambda new: new != where[key]))
    (scratch / "manifest.json").write_text(json.dumps(manifest))

    assert _failed(scratch)


def test_no_package(tmp_path: Path) -> None:
    """A folder that is none, or an empty one, is answered in words; a root that is none is a usage error."""
    assert "is not a folder" in _failed(tmp_path / "absent")
    assert "manifest.json is missing" in _failed(tmp_path)
    with pytest.raises(UsageError, match="copy it from the letter"):
        verify_package(tmp_path, "123")
    done = subprocess.run(
        [sys.executable, verify.__file__, str(tmp_path), "--root", "12"], capture_output=True, text=True
    )
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)


def test_root_of_rfc_example() -> None:
    """The tree is that of RFC 9162: no leaf, one, and three leaves hashed by hand."""

    def leaf(data: bytes) -> bytes:
        return hashlib.sha256(b"\0" + data).digest()

    def node(left: bytes, right: bytes) -> bytes:
        return hashlib.sha256(b"\1" + left + right).digest()

    assert verify.merkle_root([]) == hashlib.sha256(b"").digest()
    assert verify.merkle_root([b"a"]) == leaf(b"a")
    assert verify.merkle_root([b"a", b"b", b"c"]) == node(node(leaf(b"a"), leaf(b"b")), leaf(b"c"))
