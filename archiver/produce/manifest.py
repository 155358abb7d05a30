"""Writes the manifest and its signature: what the package holds, and a root that binds all of it."""

from collections.abc import Callable, Iterator
from typing import IO, Any

from archiver.produce.merkle_set import set_root
from schema.canonical import canonical_json
from schema.wire.manifest import Manifest, ManifestCounts, ManifestFile, ManifestRecord, ManifestSignature
from schema.wire.shape import as_json

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig.json"
_LISTS = ("records", "files", "root")


def write_manifest(
    out: IO[bytes],
    *,
    production: str,
    request: str,
    public_key: bytes,
    counts: ManifestCounts,
    records: list[ManifestRecord],
    files: list[ManifestFile],
) -> bytes:
    """Write manifest.json, one record and one file to a line; returns the root (32 bytes)."""
    empty = as_json(Manifest(production, request, public_key.hex(), counts, (), (), ""))
    head = {name: value for name, value in empty.items() if name not in _LISTS}
    root = set_root(_lines(head, records, files))
    out.write(b"{\n")
    for name, value in head.items():
        out.write(canonical_json(name) + b": " + canonical_json(value) + b",\n")
    out.write(b'"root": "' + root.hex().encode() + b'",\n')
    _write_list(out, "records", records)
    out.write(b",\n")
    _write_list(out, "files", files)
    out.write(b"\n}\n")
    return root


def _lines(head: dict[str, Any], records: list[ManifestRecord], files: list[ManifestFile]) -> Iterator[bytes]:
    yield b"production " + canonical_json(head)
    for record in records:
        yield b"record " + canonical_json(as_json(record))
    for file in files:
        yield b"file " + canonical_json(as_json(file))


def _write_list(out: IO[bytes], name: str, parts: list[ManifestRecord] | list[ManifestFile]) -> None:
    out.write(canonical_json(name) + b": [")
    for place, part in enumerate(parts):
        out.write((b",\n" if place else b"\n") + canonical_json(as_json(part)))
    out.write(b"\n]")


def signed_root(
    *, production: str, public_key: bytes, root: bytes, signed_at: int, sign: Callable[[bytes], bytes]
) -> bytes:
    """The content of manifest.sig.json; sign makes an Ed25519 signature, signed_at is milliseconds UTC."""
    unsigned = ManifestSignature("Ed25519", production, public_key.hex(), root.hex(), signed_at, "")
    fields: dict[str, Any] = as_json(unsigned)
    del fields["signature"]
    fields["signature"] = sign(b"manifest-signature/1\n" + canonical_json(fields)).hex()
    return canonical_json(fields) + b"\n"
