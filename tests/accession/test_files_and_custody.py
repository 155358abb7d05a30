"""Bytes as received: small in rows, large as sealed objects, exact to the byte; and the chain that led to them."""

import random
from hashlib import sha256
from pathlib import Path

import pytest

from connectors.contract import Context, Page
from schema.item import Attachment
from tests.fixtures.city import Town
from tests.fixtures.replay import post

NOISE = random.Random(9)


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 1_048_576, 1_048_577, 3_500_000])
def test_an_attachment_of_any_size_comes_back_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Around 64 KiB (row or object) and 1 MiB (segments, spooled): digest and size are those of the bytes."""
    town = Town(tmp_path, monkeypatch)
    content = b"\0\0\0\x18ftypmp42"[:size] + NOISE.randbytes(max(0, size - 12))

    def page(context: Context) -> Page:
        kept = content if size <= 1 << 20 else context.sink.spool([content[:700_000], content[700_000:]])
        return Page(items=(post("a", "see file", attachments=(Attachment("clip.mp4", "video/mp4", kept),)),))

    town.source("web", page)
    assert town.collect("web")["new_records"] == 1
    custody = town.ok("record", "show", "R1", "--custody")
    parts = {one["role"]: one for one in custody["versions"][0]["components"]}
    assert parts["attachment"]["size"] == size and parts["attachment"]["name"] == "clip.mp4"
    assert parts["attachment"]["sha256"] == sha256(content).hexdigest()
    objects = town.rows("SELECT count(*) FROM payload WHERE form = 'object'")
    assert objects == [(1 if size > 65_536 else 0,)]
    if size > 65_536:
        assert not [
            one
            for one in (town.folder / "objects").rglob("*")
            if one.is_file() and content[100:164] in one.read_bytes()
        ]
    assert town.collect("web")["unchanged"] == 1


def test_the_original_bytes_come_out_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--raw writes what was received, byte for byte, to stdout or to a new file, never over an existing one."""
    town = Town(tmp_path, monkeypatch)
    raw = bytes(range(256)) * 300 + b"\r\n\x00\xff"
    town.source("web", Page(items=(post("a", "x", raw=raw),)))
    town.collect("web")
    assert town.run("record", "show", "R1", "--raw").raw == raw
    out = tmp_path / "original.bin"
    assert town.run("record", "show", "R1", "--raw", "--out", str(out)).code == 0
    assert out.read_bytes() == raw
    out.write_bytes(b"mine")
    assert town.run("record", "show", "R1", "--raw", "--out", str(out)).code == 2
    assert out.read_bytes() == b"mine"


def test_custody_names_every_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Source, account and whose it is, declaration with who declared and approved, capture, address, status, times."""
    town = Town(tmp_path, monkeypatch)
    number = town.declared('{"kinds": ["post"]}')
    item = post("a", "plows are out")
    town.source("pat", Page(items=(item,)), options=("--declaration", str(number)))
    town.collect("pat")
    town.ok("declaration", "withdraw", str(number), "--reason", "left office")
    found = town.ok("record", "show", "R1", "--custody")
    source = found["source"]
    assert source["account"] == {"name": "pats", "ownership": "merged"} and source["custodian"] == "Pat Doe"
    assert source["declaration"]["approved_by"] == "Bea" and source["declaration"]["state"] == "withdrawn"
    (version,) = found["versions"]
    assert version["provenance"]["url"] == "https://city.example/a" and version["provenance"]["status"] == 200
    assert version["provenance"]["request_id"] == "req-1"
    assert version["capture"]["outcome"] == "ok" and version["capture"]["connector_version"]
    raw = next(one for one in version["components"] if one["role"] == "raw")
    assert raw["sha256"] == sha256(item.raw if isinstance(item.raw, bytes) else b"").hexdigest()
    said = town.run("record", "show", "R1", "--custody").out
    for part in (
        "https://city.example/a",
        "req-1",
        "merged",
        "2026-03-10 12:00:00 -0500 (America/Chicago)",
        raw["sha256"],
    ):
        assert part in said, part


def test_differences_between_versions_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unified diff of what a reader sees: changed lines and files, with the time of each version."""
    town = Town(tmp_path, monkeypatch)
    town.source("web", Page(items=(post("a", "Hearing\nat 7 pm"),)))
    town.collect("web")
    files = (Attachment("plan.txt", "text/plain", b"plan"),)
    town.script("web", Page(items=(post("a", "Hearing\nat 8 pm", attachments=files),)))
    town.collect("web")
    first, second = town.ok("record", "show", "R1", "--versions")["versions"]
    assert first["changes"] == []
    changed = [line for line in second["changes"] if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    assert changed == ["-at 7 pm", "+at 8 pm", "+file: plan.txt (4 bytes, text/plain)"]
    assert "+at 8 pm" in town.run("record", "show", "R1", "--versions").out


def test_sealed_content_that_was_moved_or_changed_does_not_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed segment of an object is a failed verification, never other bytes and never a traceback."""
    town = Town(tmp_path, monkeypatch)
    town.source("web", Page(items=(post("a", "x", raw=b"r" * 100_000),)))
    town.collect("web")
    (stored,) = [one for one in (town.folder / "objects").rglob("*") if one.is_file()]
    data = bytearray(stored.read_bytes())
    data[50_000] ^= 1
    stored.chmod(0o600)
    stored.write_bytes(data)
    said = town.run("record", "show", "R1", "--raw")
    assert said.code == 5 and said.raw == b"" and "R1" in said.err
    assert town.run("record", "show", "R1", "--custody").code == 5
    stored.unlink()
    assert town.run("record", "show", "R1", "--raw").code == 5
