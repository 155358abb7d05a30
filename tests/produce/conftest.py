"""Entries, plans and one small package for the tests of productions."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from archiver.produce.entry import Entry, EntryFile
from archiver.produce.package import Built, Plan, build
from schema.item import Moment

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)


def _file(name: str, content: bytes, media_type: str = "application/octet-stream") -> EntryFile:
    def chunks() -> Iterator[bytes]:
        for start in range(0, len(content), 1000):
            yield content[start : start + 1000]

    return EntryFile(name, media_type, len(content), chunks)


def _entry(place: int = 1, **changes: Any) -> Entry:
    values: dict[str, Any] = {
        "number": f"A{place:06}",
        "record_id": f"R{place}",
        "version": 1,
        "sent": Moment(1767643402000, -360),
        "platform": "sms",
        "kind": "message",
        "source": "Mayor's phone",
        "custodian": "Pat Doe",
        "series": "Correspondence",
        "author": "Pat Doe <+16125550100>",
        "recipients": ("Al Roe <+16125550101>", "Bo Poe <+16125550102>"),
        "thread": "Park plans",
        "title": f"Re: park {place}",
        "text": f"Text of record {place}.\nSecond line.",
        "files": (),
        "raw": None,
        "url": "",
        "edited": False,
        "note": "",
        "digest": "ab" * 32,
    }
    return Entry(**(values | changes))


def _plan(**changes: Any) -> Plan:
    values: dict[str, Any] = {
        "number": "P2026-14-2",
        "request": "Q2026-14",
        "city": "City of Example",
        "zone": "America/Chicago",
        "seed": b"s" * 32,
        "public_key": KEY.public_key().public_bytes_raw(),
        "sign": KEY.sign,
        "signed_at": 1767700000000,
    }
    return Plan(**(values | changes))


@pytest.fixture(scope="session")
def new_file() -> Callable[..., EntryFile]:
    """Makes an EntryFile from name and bytes."""
    return _file


@pytest.fixture(scope="session")
def new_entry() -> Callable[..., Entry]:
    """Makes an Entry from its place and what shall differ."""
    return _entry


@pytest.fixture(scope="session")
def new_plan() -> Callable[..., Plan]:
    """Makes a Plan from what shall differ."""
    return _plan


@pytest.fixture(scope="session")
def some_entries() -> list[Entry]:
    """Three entries with attachments, raw bytes and a text too long for a cell."""
    photo = _file("photo.jpg", b"\xff\xd8photo" * 500, "image/jpeg")
    return [
        _entry(1, files=(photo, photo), raw=_file("message.xml", b"<sms/>", "text/xml")),
        _entry(2, text="word " * 8000, edited=True, note="edited at the source; version 2 of 2", version=2),
        _entry(3, sent=None, text='=HYPERLINK("http://example.org")', url="https://example.org/post/3"),
    ]


@pytest.fixture(scope="session")
def _built(tmp_path_factory: pytest.TempPathFactory, some_entries: list[Entry]) -> tuple[Path, Built]:
    folder = tmp_path_factory.mktemp("built") / "package"
    return folder, build(folder, _plan(), iter(some_entries))


@pytest.fixture
def package(_built: tuple[Path, Built], tmp_path: Path) -> Path:
    """A finished package that a test may damage."""
    copy = tmp_path / "package"
    shutil.copytree(_built[0], copy)
    return copy


@pytest.fixture
def root(_built: tuple[Path, Built]) -> str:
    """The root of `package`, as the letter prints it."""
    return _built[1].root
