"""The root over a set of lines, computed twice by different means."""

import json
from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st

from archiver.produce.manifest import write_manifest
from archiver.produce.merkle_set import set_root
from archiver.produce.verifier import verify
from schema.wire.manifest import ManifestCounts, ManifestFile, ManifestRecord


def _reference(lines: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1, word for word."""
    from hashlib import sha256

    if not lines:
        return sha256(b"").digest()
    if len(lines) == 1:
        return sha256(b"\0" + lines[0]).digest()
    k = 1
    while k * 2 < len(lines):
        k *= 2
    return sha256(b"\1" + _reference(lines[:k]) + _reference(lines[k:])).digest()


@given(st.lists(st.binary(max_size=8), max_size=70))
def test_three_implementations_agree(lines: list[bytes]) -> None:
    """Writer, verifier and the RFC's own recursion give the same root, whatever the order of writing."""
    expected = _reference(sorted(lines))

    assert set_root(lines) == set_root(reversed(lines)) == expected
    assert verify.merkle_root(sorted(lines)) == expected


@given(st.text(st.characters()), st.text(st.characters()))
def test_verifier_reads_what_was_written(production: str, path: str) -> None:
    """The verifier computes the stated root from the written manifest, whatever characters stand in it."""
    out = BytesIO()
    root = write_manifest(
        out,
        production=production,
        request="Q1",
        public_key=bytes(32),
        counts=ManifestCounts(1, 1, 1, 0, 0),
        records=[ManifestRecord("A1", "R1", 1, "", ("0" * 32,))],
        files=[ManifestFile("0" * 32, path, "0" * 64, 1)],
    )
    manifest = json.loads(out.getvalue().decode("utf-8", "surrogatepass"))

    assert verify.merkle_root(verify.lines_of(manifest)) == root == bytes.fromhex(manifest["root"])
