"""Reading files of others: finished, inside the folder, and of bounded size."""

import io
import os
import stat
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.conformance import MemorySink
from connectors.contract import INLINE_LIMIT
from connectors.errors import ConnectorError, Misconfigured, SkipItem
from connectors.files import (
    ArchiveLimits,
    ArchiveRefused,
    inside,
    open_members,
    open_read,
    spool_or_bytes,
    stable_file,
)
from schema.item import Blob


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Make a zip file in memory."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


def read_all(path: Path, **options: object) -> dict[str, bytes]:
    """Read every member of an archive."""
    return {m.name: b"".join(m.open()) for m in open_members(path, **options)}  # type: ignore[arg-type]  # (test options)


@pytest.fixture
def archive(tmp_path: Path) -> Callable[[bytes], Path]:
    """Write an archive file."""

    def write(content: bytes) -> Path:
        (tmp_path / "a.zip").write_bytes(content)
        return tmp_path / "a.zip"

    return write


def test_members_are_streamed_with_name_and_size(archive: Callable[[bytes], Path]) -> None:
    """Ordinary archives come member by member, folders passed over, awkward names kept as labels only."""
    members = {"chat/a.txt": b"hello", "../../etc/x": b"up", "C:\\x\\con": b"dev", "/abs": b"abs", "empty": b""}
    path = archive(zipped({**members, "chat/": b""}))
    found = [(m.name, m.size, b"".join(m.open())) for m in open_members(path)]
    assert found == [(name, len(content), content) for name, content in members.items()]


def test_a_bomb_is_stopped_after_ten_megabytes(archive: Callable[[bytes], Path]) -> None:
    """A ratio above 200 is refused once 10 MB came out, without ever holding the content."""
    path = archive(zipped({"zeros": b"\0" * 300_000_000}))
    tracemalloc.start()
    try:
        came = 0
        chunks = (chunk for member in open_members(path) for chunk in member.open())
        with pytest.raises(ArchiveRefused, match="times its size"):  # noqa: PT012  (counts what came before the refusal)
            for chunk in chunks:
                came += len(chunk)
        assert 10_000_000 <= came < 80_000_000
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_small_text_may_compress_well(archive: Callable[[bytes], Path]) -> None:
    """Below 10 MB any ratio is ordinary text."""
    assert len(read_all(archive(zipped({"log": b"line\n" * 1_000_000})))["log"]) == 5_000_000


@pytest.mark.parametrize(
    ("limits", "members"),
    [
        (ArchiveLimits(total=1000), {"a": os.urandom(600), "b": os.urandom(600)}),
        (ArchiveLimits(entries=3), {str(n): b"x" for n in range(4)}),
        (ArchiveLimits(directory=100), {str(n): b"x" for n in range(10)}),
    ],
    ids=["total", "entries", "directory"],
)
def test_caps_are_kept(archive: Callable[[bytes], Path], limits: ArchiveLimits, members: dict[str, bytes]) -> None:
    """Total bytes, number of members and the table of contents are bounded."""
    with pytest.raises(ArchiveRefused):
        read_all(archive(zipped(members)), limits=limits)


def test_a_huge_table_of_contents_is_refused_before_it_is_loaded(archive: Callable[[bytes], Path]) -> None:
    """The size in the end record is judged first, also in its 64-bit form."""
    end_64 = b"PK\x06\x06" + (44).to_bytes(8, "little") + b"\0" * 28 + (1 << 32).to_bytes(8, "little") + b"\0" * 8
    locator = b"PK\x06\x07" + b"\0" * 16
    end = b"PK\x05\x06" + b"\0" * 8 + b"\xff\xff\xff\xff" + b"\xff\xff\xff\xff" + b"\0\0"
    with pytest.raises(ArchiveRefused, match="table of contents"):
        read_all(archive(end_64 + locator + end))


def test_nested_archives_share_one_budget_and_have_a_depth(archive: Callable[[bytes], Path]) -> None:
    """Inner archives are opened up to the depth, and what they unfold to counts for the outer one."""
    inner = zipped({"b.txt": b"deep"})
    path = archive(zipped({"x.zip": inner, "y.txt": b"flat"}))
    assert read_all(path, nested=True) == {"x.zip!/b.txt": b"deep", "y.txt": b"flat"}
    assert read_all(path)["x.zip"] == inner
    matryoshka = zipped({"1.zip": zipped({"2.zip": zipped({"3.zip": zipped({"4.txt": b"x"})})})})
    with pytest.raises(ArchiveRefused, match="too deep"):
        read_all(archive(matryoshka), nested=True)
    bomb = zipped({f"{n}.zip": zipped({"z": b"\0" * 5_000_000}) for n in range(20)})
    with pytest.raises(ArchiveRefused, match="times its size"):
        read_all(archive(bomb), nested=True)


def test_members_that_declare_a_false_size_are_damaged_not_trusted(archive: Callable[[bytes], Path]) -> None:
    """A member that was changed after packing is an item that cannot be read; the others still can."""
    content = bytearray(zipped({"bad": b"A" * 1000, "good": b"ok"}, zipfile.ZIP_STORED))
    content[content.index(b"AAAA") + 5] = 0
    results: dict[str, bytes | None] = {}
    for member in open_members(archive(bytes(content))):
        try:
            results[member.name] = b"".join(member.open())
        except SkipItem:
            results[member.name] = None
    assert results == {"bad": None, "good": b"ok"}


def test_encrypted_members_and_links_are_refused_in_words(archive: Callable[[bytes], Path]) -> None:
    """Each is named with its reason; ordinary members beside them are read."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as out:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        device = zipfile.ZipInfo("device")
        device.external_attr = (stat.S_IFCHR | 0o666) << 16
        out.writestr(link, "/etc/passwd")
        out.writestr(device, "")
        out.writestr("plain", b"ok")
        out.writestr("locked", b"secret")
    content = bytearray(made.getvalue())
    entry = content.index(b"locked", content.index(b"PK\x01\x02")) - 46
    content[entry + 8] |= 1
    problems = {m.name: m.problem for m in open_members(archive(bytes(content)))}
    assert problems["plain"] is None
    assert "symbolic link" in str(problems["link"])
    assert "special file" in str(problems["device"])
    assert "encrypted" in str(problems["locked"])
    for member in open_members(archive(bytes(content))):
        if member.problem:
            with pytest.raises(SkipItem, match=member.name):
                member.open()


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04" + b"\0" * 100, zipped({"a": b"x"})[:-30]])
def test_what_is_no_archive_is_refused_in_words(archive: Callable[[bytes], Path], content: bytes) -> None:
    """Damage never shows a traceback of the library."""
    with pytest.raises(ConnectorError):
        read_all(archive(content))


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    """A path that is not there is a ConnectorError like any other."""
    with pytest.raises(SkipItem, match=r"none\.zip"):
        read_all(tmp_path / "none.zip")


def test_random_damage_never_escapes_as_a_foreign_exception(archive: Callable[[bytes], Path]) -> None:
    """Each byte of a small archive is flipped in turn; whatever happens is a ConnectorError or content."""
    whole = zipped({"a.txt": b"hello world " * 20, "b.txt": b"x"})
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 0xFF
        try:
            for member in open_members(archive(bytes(damaged))):
                try:
                    b"".join(member.open())
                except SkipItem:
                    continue
        except ConnectorError:
            continue


def test_paths_that_lead_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    """Dots and links out of the configured folder are refused; links within it are followed."""
    folder, secret = tmp_path / "in", tmp_path / "secret.txt"
    folder.mkdir()
    secret.write_text("s")
    (folder / "a.txt").write_text("a")
    (folder / "near").symlink_to(folder / "a.txt")
    (folder / "far").symlink_to(secret)
    (folder / "up").symlink_to(tmp_path)
    with open_read(folder, folder / "near") as handle:
        assert handle.read() == b"a"
        with pytest.raises(io.UnsupportedOperation):
            handle.write(b"x")
    for path in ("far", "up/secret.txt", "../secret.txt"):
        with pytest.raises(Misconfigured, match="out of the folder"):
            inside(folder, folder / path)
        with pytest.raises(Misconfigured):
            open_read(folder, folder / path)


def test_pipes_and_folders_are_not_opened(tmp_path: Path) -> None:
    """A pipe would wait for ever; both are named as unreadable."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder", "missing"):
        with pytest.raises(SkipItem, match=name):
            open_read(tmp_path, tmp_path / name)


def test_a_file_that_grows_is_not_stable(tmp_path: Path) -> None:
    """Two looks, or age, tell whether a copy is finished."""
    path = tmp_path / "a"
    path.write_bytes(b"1")
    now = int(path.stat().st_mtime * 1000)

    def still(seconds: float) -> None:
        assert seconds == 3.0

    def grows(seconds: float) -> None:
        path.write_bytes(b"12")

    def vanishes(seconds: float) -> None:
        path.unlink()

    assert stable_file(path, now_ms=lambda: now + 1000, sleep=still, quiet=3.0)
    assert not stable_file(path, now_ms=lambda: now + 1000, sleep=grows)
    assert stable_file(path, now_ms=lambda: now + 3_600_000, sleep=grows)
    assert not stable_file(path, now_ms=lambda: now + 1000, sleep=vanishes)
    assert not stable_file(path, now_ms=lambda: now + 1000, sleep=still)


def test_bytes_stay_in_memory_up_to_the_limit_only() -> None:
    """At the limit they are bytes, one more makes a Blob of the same content."""
    sink = MemorySink()
    assert spool_or_bytes([b"x"] * 3, sink) == b"xxx"
    assert spool_or_bytes([], sink) == b""
    assert isinstance(spool_or_bytes([b"x" * INLINE_LIMIT], sink), bytes)
    found = spool_or_bytes(iter([b"x" * INLINE_LIMIT, b"y", b"z"]), sink)
    assert isinstance(found, Blob)
    assert sink.contents[found.ref] == b"x" * INLINE_LIMIT + b"yz"
    assert found.size == INLINE_LIMIT + 2
