#!/usr/bin/env python3
"""Checks that a delivered package is complete and unchanged. It needs Python 3.8 or newer and nothing else.

    python verify.py [DIR] [--root HEX] [--json]

DIR is the package (default: the folder of this script). HEX is the root printed in the city's letter. Without --root
this script finds every change inside the package, but it cannot notice that somebody replaced the whole package.
Ends with 0 when all is well, 5 when something is wrong, 2 when it was called wrongly.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import stat
import sys
from typing import Any, Tuple  # noqa: UP035  (Python 3.8 has no tuple[...] at run time)

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig.json"
UNLISTED = (MANIFEST, SIGNATURE)
BIGGEST = 1 << 30  # bytes of a manifest: about four million lines
WITHOUT_ROOT = (
    "Note: no --root was given. Changes inside the package would be found, but a package that was replaced as a whole"
    " cannot be detected. Run again with --root and the root printed in the city's letter."
)
_HEX64 = re.compile(r"[0-9a-f]{64}\Z")


class PackageError(Exception):
    """The package cannot be read: the message says what is wrong with it."""


# ---- Ed25519 (RFC 8032, 5.1; verification only, so nothing here is secret) -----------------------------------------

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_I = pow(2, (_P - 1) // 4, _P)
_Point = Tuple[int, int, int, int]  # noqa: UP006  (as above); extended homogeneous coordinates (5.1.4)


def _add(a: _Point, b: _Point) -> _Point:
    x = (a[1] - a[0]) * (b[1] - b[0]) % _P
    y = (a[1] + a[0]) * (b[1] + b[0]) % _P
    t, z = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    e, f, g, h = y - x, z - t, z + t, y + x
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _times(factor: int, point: _Point) -> _Point:
    result = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            result = _add(result, point)
        point = _add(point, point)
        factor >>= 1
    return result


def _point(encoded: bytes) -> _Point | None:
    """Decode a point (RFC 8032, 5.1.3); None where the bytes are none."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & (1 << 255) - 1
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _I % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return (x, y, 1, x * y % _P)


_BASE_Y = 4 * pow(5, _P - 2, _P) % _P
_BASE = _point(_BASE_Y.to_bytes(32, "little")) or (0, 1, 1, 0)


def signature_is_valid(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the Ed25519 signature (64 bytes) of the message was made with the key (32 bytes)."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    key, commitment = _point(public_key), _point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or scalar >= _L:
        return False
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    left = _times(scalar, _BASE)
    right = _add(commitment, _times(int.from_bytes(digest, "little") % _L, key))
    return (left[0] * right[2] - right[0] * left[2]) % _P == 0 and (left[1] * right[2] - right[1] * left[2]) % _P == 0


# ---- the root ------------------------------------------------------------------------------------------------------


def canonical(value: object) -> bytes:
    """JSON with sorted keys and no spaces, UTF-8: one byte string for one meaning."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def lines_of(manifest: dict[str, Any]) -> list[bytes]:
    """The lines that the root covers: the production itself, each record, each file; sorted by bytes."""
    head = {key: manifest[key] for key in manifest if key not in ("records", "files", "root")}
    lines = [b"production " + canonical(head)]
    lines += [b"record " + canonical(record) for record in manifest["records"]]
    lines += [b"file " + canonical(file) for file in manifest["files"]]
    return sorted(lines)


def merkle_root(lines: list[bytes]) -> bytes:
    """The Merkle tree hash of RFC 9162, 2.1.1: SHA-256, 0x00 before a leaf, 0x01 before a pair."""
    level = [hashlib.sha256(b"\0" + line).digest() for line in lines]
    if not level:
        return hashlib.sha256(b"").digest()
    while len(level) > 1:  # pairing neighbours and carrying the odd one up gives the RFC's tree
        pairs = [hashlib.sha256(b"\1" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]


# ---- reading what a stranger may have written ----------------------------------------------------------------------


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name occurs twice")
    return result


def _read_json(folder: str, name: str) -> dict[str, Any]:
    path = os.path.join(folder, name)
    try:
        information = os.lstat(path)
        if not stat.S_ISREG(information.st_mode):
            raise PackageError(f"{name} is not a regular file")
        if information.st_size > BIGGEST:
            raise PackageError(f"{name} is larger than {BIGGEST} bytes")
        with open(path, "rb") as file:
            value = json.loads(file.read().decode("utf-8"), object_pairs_hook=_unique)
    except FileNotFoundError:
        raise PackageError(f"{name} is missing") from None
    except OSError as error:
        raise PackageError(f"{name} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise PackageError(f"{name} is damaged: it is not the JSON that was delivered") from None
    if not isinstance(value, dict):
        raise PackageError(f"{name} is damaged: it is not a JSON object")
    return value


def path_is_safe(path: object) -> bool:
    """Whether a listed path stays inside the package on every operating system."""
    if not isinstance(path, str) or not path or path in UNLISTED:
        return False
    if any(ord(c) < 32 or c in '\\:*?"<>|\x7f' or 0xD800 <= ord(c) < 0xE000 for c in path):
        return False
    return all(part not in ("", ".", "..") and part[-1] not in " ." for part in path.split("/"))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_hex64(value: object) -> bool:
    return isinstance(value, str) and bool(_HEX64.match(value))


def read_manifest(folder: str) -> dict[str, Any]:
    """The manifest, once its shape is the one that this script knows; raises PackageError."""
    manifest = _read_json(folder, MANIFEST)
    if manifest.get("schema") != "manifest/1":
        raise PackageError(f"{MANIFEST} is damaged or of another kind: this script reads manifest/1")
    good = isinstance(manifest.get("records"), list) and isinstance(manifest.get("files"), list)
    good = good and isinstance(manifest.get("production"), str) and isinstance(manifest.get("counts"), dict)
    if not good or not _is_hex64(manifest.get("public_key")) or not _is_hex64(manifest.get("root")):
        raise PackageError(f"{MANIFEST} is damaged: a part of it is missing")
    for file in manifest["files"]:
        if not isinstance(file, dict) or not isinstance(file.get("id"), str):
            raise PackageError(f"{MANIFEST} is damaged: a file line is not readable")
        if not path_is_safe(file.get("path")):
            raise PackageError(f"{MANIFEST} names a path outside the package or not allowed: {shown(file.get('path'))}")
        if not _is_count(file.get("size")) or not _is_hex64(file.get("sha256")):
            raise PackageError(f"{MANIFEST} is damaged: the line of {shown(file['path'])} has no size or digest")
    for record in manifest["records"]:
        good = isinstance(record, dict) and isinstance(record.get("number"), str)
        good = good and isinstance(record.get("files"), list) and all(isinstance(f, str) for f in record["files"])
        if not good:
            raise PackageError(f"{MANIFEST} is damaged: a record line is not readable")
    return manifest


def shown(value: object) -> str:
    """A stranger's text on one line of plain ASCII."""
    text = value if isinstance(value, str) else repr(value)
    return ascii(text[:200])[1:-1]


# ---- the checks ----------------------------------------------------------------------------------------------------


def _check_lists(manifest: dict[str, Any]) -> list[str]:
    problems = []
    paths = [file["path"] for file in manifest["files"]]
    ids = [file["id"] for file in manifest["files"]]
    numbers = [record["number"] for record in manifest["records"]]
    for what, values in (("path", paths), ("file id", ids), ("record number", numbers)):
        if len(set(values)) != len(values):
            problems.append(f"{MANIFEST}: a {what} is listed twice")
    known = set(ids)
    for record in manifest["records"]:
        if not known.issuperset(record["files"]):
            problems.append(f"{shown(record['number'])}: a file that belongs to this record is not in the manifest")
    counts = manifest["counts"]
    for name, found in (("records", len(numbers)), ("files", len(paths))):
        if counts.get(name) != found:
            problems.append(f"{MANIFEST}: it counts {shown(counts.get(name))} {name}, but lists {found}")
    return problems


def _check_file(folder: str, file: dict[str, Any]) -> str | None:
    path, name = os.path.join(folder, *file["path"].split("/")), shown(file["path"])
    try:
        information = os.lstat(path)
        if not stat.S_ISREG(information.st_mode):
            return f"{name}: is a link or a special file, not the file that was delivered"
        if information.st_size != file["size"]:
            return f"{name}: has {information.st_size} bytes instead of {file['size']}"
        digest = hashlib.sha256()
        with open(path, "rb") as opened:
            for chunk in iter(lambda: opened.read(1 << 20), b""):
                digest.update(chunk)
    except (FileNotFoundError, NotADirectoryError):
        return f"{name}: is missing"
    except (OSError, ValueError) as error:
        return f"{name}: cannot be read: {shown(getattr(error, 'strerror', None) or str(error))}"
    return None if digest.hexdigest() == file["sha256"] else f"{name}: its content was changed (SHA-256 differs)"


def _check_extra(folder: str, listed: set[str]) -> list[str]:
    problems = []
    for where, folders, files in os.walk(folder, onerror=lambda error: problems.append(f"cannot be read: {error}")):
        folders.sort()
        for name in sorted(files) + folders:
            path = os.path.join(where, name)
            relative = os.path.relpath(path, folder).replace(os.sep, "/")
            if os.path.islink(path):
                problems.append(f"{shown(relative)}: is a link; a package has none")
            elif name in files and relative not in listed and relative not in UNLISTED:
                problems.append(f"{shown(relative)}: was added; it is not in the manifest")
    return problems


def _check_signature(folder: str, manifest: dict[str, Any]) -> list[str]:
    signed = _read_json(folder, SIGNATURE)
    signature, key = signed.get("signature"), signed.get("public_key")
    if signed.get("schema") != "manifest-signature/1" or not isinstance(signature, str) or not _is_hex64(key):
        return [f"{SIGNATURE} is damaged or of another kind"]
    problems = []
    for name in ("root", "public_key", "production"):
        if signed.get(name) != manifest[name]:
            problems.append(f"{SIGNATURE}: its {name} is not that of {MANIFEST}")
    unsigned = {name: signed[name] for name in signed if name != "signature"}
    message = b"manifest-signature/1\n" + canonical(unsigned)
    if not re.match(r"[0-9a-f]{128}\Z", signature) or not signature_is_valid(
        bytes.fromhex(str(key)), message, bytes.fromhex(signature)
    ):
        problems.append(f"{SIGNATURE}: the signature is not valid")
    return problems


def check(folder: str, root: str | None = None) -> dict[str, Any]:
    """Check the package; root is the printed one as 64 hex digits.

    Answers {"schema", "outcome": "ok" or "failed", "checked": number of files, "root", "problems": [one line each]}.
    """
    problems: list[str] = []
    result = {"schema": "verify/1", "outcome": "failed", "checked": 0, "root": None, "problems": problems}
    try:
        if not os.path.isdir(folder):
            raise PackageError(f"{shown(folder)} is not a folder")
        manifest = read_manifest(folder)
        result["checked"] = len(manifest["files"])
        problems += _check_lists(manifest)
        problems += [problem for problem in (_check_file(folder, file) for file in manifest["files"]) if problem]
        problems += _check_extra(folder, {file["path"] for file in manifest["files"]})
        result["root"] = found = merkle_root(lines_of(manifest)).hex()
        if found != manifest["root"]:
            problems.append(f"{MANIFEST}: was changed; its lines give another root than the one it states")
        if root is not None and found != root:
            problems.append("this is not the package that the letter describes: its root differs from --root")
        problems += _check_signature(folder, manifest)
    except PackageError as error:
        problems.append(str(error))
    except RecursionError:
        problems.append(f"{MANIFEST} is damaged: it is nested too deeply")
    result["outcome"] = "failed" if problems else "ok"
    return result


def root_from(text: str) -> str:
    """The root as somebody typed it from a letter: spaces, dashes and capitals do not matter."""
    root = re.sub(r"[\s:-]", "", text).lower()
    if not _HEX64.match(root):
        raise argparse.ArgumentTypeError("the root has 64 digits and letters a to f; copy it from the letter")
    return root


def main(arguments: list[str]) -> int:
    """Run from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Checks that a delivered package is complete and unchanged.")
    parser.add_argument("folder", nargs="?", default=os.path.dirname(os.path.abspath(__file__)), metavar="DIR")
    parser.add_argument("--root", type=root_from, metavar="HEX", help="the root printed in the city's letter")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    result = check(chosen.folder, chosen.root)
    if chosen.json:
        sys.stdout.write(json.dumps(result) + "\n")
    else:
        for problem in result["problems"]:
            sys.stdout.write(f"Problem: {problem}\n")
        sys.stdout.write(f"{result['checked']} files, root {result['root']}\n")
        if chosen.root is None:
            sys.stdout.write(WITHOUT_ROOT + "\n")
        sys.stdout.write("OK\n" if result["outcome"] == "ok" else "FAILED\n")
    return 0 if result["outcome"] == "ok" else 5


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
