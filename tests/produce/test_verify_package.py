"""The stand-alone verifier finds every change, and says so without a traceback."""

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.produce.check import verify_package
from archiver.produce.entry import Entry
from archiver.produce.package import Plan, build
from archiver.produce.verifier import verify
from schema.vocab import Outcome

VECTORS = [  # RFC 8032, 7.1: tests 1, 2, 3 (secret key, public key, message, signature)
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
        "655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
        "b00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
        "c027beceea1ec40a",
    ),
]
KINDS = [
    "README.txt",
    "verify.py",
    "records.jsonl",
    "records.xlsx",
    "sha256sums.txt",
    "pdf/volume-0001.pdf",
    "originals/A000001/photo.jpg",
    "originals/A000001/message.xml",
    "text/A000002.txt",
]


def _run(package: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-I", str(package / "verify.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=60)


def _manifest(package: Path) -> Any:
    return json.loads((package / "manifest.json").read_bytes())


def _resealed(package: Path, manifest: Any, key: Ed25519PrivateKey, *, recount: bool = True) -> None:
    """What a forger without the city's key can do: a consistent manifest, signed with a key of his own."""
    manifest["public_key"] = key.public_key().public_bytes_raw().hex()
    if recount:
        manifest["counts"] |= {"files": len(manifest["files"]), "records": len(manifest["records"])}
    manifest["root"] = verify.merkle_root(verify.lines_of(manifest)).hex()
    (package / "manifest.json").write_text(json.dumps(manifest))
    signed = json.loads((package / "manifest.sig.json").read_bytes())
    signed |= {"public_key": manifest["public_key"], "root": manifest["root"]}
    del signed["signature"]
    signed["signature"] = key.sign(b"manifest-signature/1\n" + verify.canonical(signed)).hex()
    (package / "manifest.sig.json").write_text(json.dumps(signed))


def _failed(package: Path, root: str | None = None) -> str:
    found = verify_package(package, root)
    assert found.outcome is Outcome.FAILED
    assert all("\n" not in problem and "Traceback" not in problem for problem in found.problems)
    return "\n".join(found.problems)


@pytest.mark.parametrize(("secret", "public", "message", "signature"), VECTORS)
def test_rfc_8032_vectors(secret: str, public: str, message: str, signature: str) -> None:
    """The verifier's own Ed25519 accepts the RFC's vectors and none of them with one bit changed."""
    key, text, signed = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)

    assert Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret)).sign(text) == signed
    assert verify.signature_is_valid(key, text, signed)
    assert not verify.signature_is_valid(key, text + b"x", signed)
    for place in (0, 31, 32, 63):
        changed = bytearray(signed)
        changed[place] ^= 1
        assert not verify.signature_is_valid(key, text, bytes(changed))


@settings(max_examples=25, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_signatures_of_another_library(secret: bytes, message: bytes) -> None:
    """Signatures made by another library are valid, and not for another key; a scalar beyond the order is refused."""
    key = Ed25519PrivateKey.from_private_bytes(secret)
    signature, public = key.sign(message), key.public_key().public_bytes_raw()
    higher = int.from_bytes(signature[32:], "little") + 2**252 + 27742317777372353535851937790883648493
    malleable = signature[:32] + higher.to_bytes(33, "little")[:32]

    assert verify.signature_is_valid(public, message, signature)
    assert not verify.signature_is_valid(public, message, malleable)
    assert not verify.signature_is_valid(bytes(31) + b"\x7f", message, signature)
    assert not verify.signature_is_valid(b"\xff" * 32, message, signature)
    assert not verify.signature_is_valid(public[:-1], message, signature)


def test_old_python_reads_the_script() -> None:
    """The script's syntax is that of Python 3.8, and it imports the standard library only."""
    tree = ast.parse(Path(verify.__file__).read_text(encoding="utf-8"), feature_version=(3, 8))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert imported <= set(sys.stdlib_module_names)


def test_untouched_package(package: Path, root: str) -> None:
    """An untouched package ends with OK and exit code 0, with and without the root, and says what it cannot detect."""
    plain, rooted = _run(package), _run(package, "--root", root.upper()[:32] + " " + root[32:])
    machine = json.loads(_run(package, "--json").stdout)

    assert (plain.returncode, plain.stdout.splitlines()[-1], plain.stderr) == (0, "OK", "")
    assert "replaced as a whole cannot be detected" in plain.stdout
    assert (rooted.returncode, rooted.stdout.splitlines()[-1]) == (0, "OK")
    assert "cannot be detected" not in rooted.stdout
    assert machine == {
        "schema": "verify/1",
        "outcome": "ok",
        "checked": len(_manifest(package)["files"]),
        "root": root,
        "problems": [],
    }
    assert verify_package(package, root).outcome is Outcome.OK
    assert verify_package(package).notes


def test_sha256sum_agrees(package: Path) -> None:
    """The digests can be checked with the tool that every Unix has."""
    done = subprocess.run(["sha256sum", "--check", "--strict", "sha256sums.txt"], cwd=package, capture_output=True)

    assert done.returncode == 0


@pytest.mark.parametrize("kind", KINDS)
def test_one_byte_changed(package: Path, kind: str) -> None:
    """One changed byte in a file of any kind is found and named."""
    path = package / kind
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-I", verify.__file__, str(package)], capture_output=True, text=True, timeout=60
    )

    assert f"{kind}: its content was changed" in _failed(package)
    assert (done.returncode, done.stdout.splitlines()[-1], done.stderr) == (5, "FAILED", "")


@pytest.mark.parametrize("kind", KINDS)
def test_file_removed_or_cut(package: Path, kind: str) -> None:
    """A file cut short and a file removed are found and named."""
    path = package / kind
    path.write_bytes(path.read_bytes()[:-1])
    assert f"{kind}: has " in _failed(package)

    path.unlink()
    assert f"{kind}: is missing" in _failed(package)


def test_file_removed_with_its_line(package: Path, root: str) -> None:
    """A file that vanished together with its manifest line breaks the root, and a recomputed root the signature."""
    manifest = _manifest(package)
    manifest["files"] = [file for file in manifest["files"] if file["path"] != "text/A000002.txt"]
    manifest["counts"]["files"] -= 1
    (package / "text/A000002.txt").unlink()
    (package / "manifest.json").write_text(json.dumps(manifest))
    assert "another root" in _failed(package)

    manifest["root"] = verify.merkle_root(verify.lines_of(manifest)).hex()
    (package / "manifest.json").write_text(json.dumps(manifest))
    assert "its root is not that of" in _failed(package)
    assert "differs from --root" in _failed(package, root)


def test_record_removed_everywhere(package: Path, root: str) -> None:
    """A record removed with its lines and files, re-signed with a foreign key, is found with the printed root only."""
    manifest = _manifest(package)
    gone = next(record for record in manifest["records"] if record["number"] == "A000001")
    manifest["records"].remove(gone)
    for file in [file for file in manifest["files"] if file["id"] in gone["files"]]:
        manifest["files"].remove(file)
        (package / file["path"]).unlink()
    _resealed(package, manifest, Ed25519PrivateKey.from_private_bytes(b"f" * 32))

    assert verify_package(package).outcome is Outcome.OK
    assert "not the package that the letter describes" in _failed(package, root)


def test_signed_with_another_key(package: Path, root: str) -> None:
    """A signature of another key is found, also where the forger puts his key into the manifest."""
    forger = Ed25519PrivateKey.from_private_bytes(b"f" * 32)
    genuine = (package / "manifest.json").read_bytes()
    _resealed(package, _manifest(package), forger)
    assert "differs from --root" in _failed(package, root)

    (package / "manifest.json").write_bytes(genuine)
    assert "its public_key is not that of manifest.json" in _failed(package)


def test_whole_package_replaced(
    package: Path, root: str, new_plan: Callable[..., Plan], some_entries: list[Entry]
) -> None:
    """Another complete package passes without --root and fails with it."""
    forger = Ed25519PrivateKey.from_private_bytes(b"f" * 32)
    other = package.with_name("other")
    plan = new_plan(public_key=forger.public_key().public_bytes_raw(), sign=forger.sign)
    build(other, plan, some_entries[:2])

    assert _run(other).returncode == 0
    done = _run(other, "--root", root)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (5, "FAILED")
