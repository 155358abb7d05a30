"""The connector for mail files: what it reads, what it passes over, and what a second run does."""

import json
import mailbox
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.conformance import MemorySink, Scenario, check_connector, make_context
from connectors.contract import Cursor, Page, Window
from connectors.mail_files import run as files_run
from connectors.mail_files.connector import MailFiles
from connectors.mail_files.mbox import split
from schema.item import Item, Unreadable

OLD = 1_700_000_000
NOW = 1_773_576_000_000


def mail(number: int, text: str = "hello", more: str = "") -> bytes:
    return (
        f"Message-ID: <m{number}@city.test>\nDate: Mon, 5 Jan 2026 10:{number % 60:02}:00 -0600\n"
        f"From: Jane <jane@city.test>\nTo: clerk@city.test\nSubject: mail {number}\n{more}\n{text} {number}\n"
    ).encode()


def put(path: Path, content: bytes, age: int = 0) -> Path:
    """Write a file that was last changed long ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (OLD + age, OLD + age))
    return path


def mbox_of(*mails: bytes) -> bytes:
    return b"".join(b"From jane@city.test Mon Jan  5 10:00:00 2026\n" + one + b"\n" for one in mails)


def pull(path: Path, cursor: Cursor | None = None, window: Window | None = None, **settings: Any) -> list[Page]:
    saved = json.loads(json.dumps(cursor)) if cursor else None
    context = make_context({"path": str(path), **settings}, now=NOW)
    return list(MailFiles().pull(context, saved, window or Window()))


def items(pages: list[Page]) -> list[Item]:
    return [item for page in pages for item in page.items if isinstance(item, Item)]


def ids(pages: list[Page]) -> list[str]:
    return [item.native_id for page in pages for item in page.items]


def known(pages: list[Page]) -> set[str]:
    return {one for page in pages for one in page.still_there}


def covered(pages: list[Page]) -> list[str]:
    return [page.complete.prefix for page in pages if page.complete]


def warnings(pages: list[Page]) -> list[str]:
    return [warning for page in pages for warning in page.warnings]


def last(pages: list[Page]) -> Cursor:
    cursor = pages[-1].next_cursor
    assert cursor is not None
    return cursor


def missing(before: list[Page], after: list[Page]) -> set[str]:
    """Compute what accession would call missing after a run."""
    prefixes = tuple(covered(after))
    return {one for one in {*ids(before), *known(before)} if one.startswith(prefixes)} - set(ids(after)) - known(after)


def test_it_conforms_to_the_contract(tmp_path: Path) -> None:
    """The connector passes the conformance suite on every kind of file at once."""
    put(tmp_path / "a.eml", mail(1))
    put(tmp_path / "box", mbox_of(*[mail(n) for n in range(10, 14)]))
    put(tmp_path / "Mail/cur/1700.M1.host:2,S", mail(2))
    put(tmp_path / "Mail/new/1701.M2.host", mail(3))
    put(tmp_path / "bad.eml", b"no header here\n")
    with zipfile.ZipFile(tmp_path / "old.zip", "w") as archive:
        archive.writestr("in/b.eml", mail(4))
        archive.writestr("in/box.mbox", mbox_of(mail(5), mail(6)))
    assert check_connector(MailFiles, Scenario({"path": str(tmp_path)}, least_items=11)) == []


def test_conforms_with_pages_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopping and going on after every single mail loses nothing and repeats no box from its start."""
    monkeypatch.setattr(files_run, "PAGE_ITEMS", 1)
    put(tmp_path / "box", mbox_of(*[mail(n) for n in range(6)]))
    for n in range(5):
        put(tmp_path / f"{n}.eml", mail(20 + n))
    assert check_connector(MailFiles, Scenario({"path": str(tmp_path)}, least_items=11)) == []


def test_mails_without_extension_are_found_and_other_files_counted(tmp_path: Path) -> None:
    """A file is a mail by its first lines; others are counted in one warning that names the first few."""
    put(tmp_path / "1", mail(1))
    put(tmp_path / "README", b"Read this first.\n\nFrom: nobody\n")
    put(tmp_path / "page.html", b"<html>Date: today</html>")
    put(tmp_path / "notes", b"Title: x\nColour: red\n\nno mail\n")
    put(tmp_path / "photo.jpg", b"\xff\xd8\xff" + bytes(100))
    pages = pull(tmp_path)
    assert ids(pages) == ["file://1"]
    assert warnings(pages) == ["4 files are no mail and were passed over: " + warnings(pages)[0].split(": ")[1]]
    assert warnings(pages)[0].endswith(", ...")


def test_an_eml_without_header_is_unreadable_and_kept(tmp_path: Path) -> None:
    """What is called a mail but is none goes over raw with a reason."""
    put(tmp_path / "x.eml", b"\x00\x01 not a mail")
    page = pull(tmp_path)[-1]
    assert isinstance(page.items[0], Unreadable)
    assert page.items[0].raw == b"\x00\x01 not a mail"


def test_maildir_ids_survive_flags_and_moves(tmp_path: Path) -> None:
    """From new to cur, and with other flags, a mail keeps its id and is not read again."""
    put(tmp_path / "Box/new/17.M1.host,S=9", mail(1))
    put(tmp_path / "Box/cur/18.M2.host:2,", mail(2))
    put(tmp_path / "Box/tmp/19.M3.host", mail(3))
    first = pull(tmp_path)
    assert sorted(ids(first)) == ["file:Box//17.M1.host,S=9", "file:Box//18.M2.host"]
    (tmp_path / "Box/new/17.M1.host,S=9").rename(tmp_path / "Box/cur/17.M1.host,S=9:2,RS")
    (tmp_path / "Box/cur/18.M2.host:2,").rename(tmp_path / "Box/cur/18.M2.host:2,F")
    second = pull(tmp_path, last(first))
    assert (ids(second), known(second), covered(second)) == ([], set(), [])


def test_an_unchanged_folder_is_not_read_again_and_a_removed_file_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a change no file is opened; with one, only its few neighbours are, and removed files are missing."""
    for n in range(300):
        put(tmp_path / f"m/{n}.eml", mail(n))
    first = pull(tmp_path)
    assert len(set(ids(first))) == 300
    opened: list[str] = []
    real: Callable[..., Any] = files_run.open_file
    monkeypatch.setattr(files_run, "open_file", lambda file: opened.append(file.name) or real(file))
    assert pull(tmp_path, last(first))[0].items == ()
    assert not opened
    (tmp_path / "m/7.eml").unlink()
    put(tmp_path / "m/new.eml", mail(999), age=5)
    second = pull(tmp_path, last(first))
    assert "file:m//new.eml" in ids(second)
    assert len(opened) < 10
    assert missing(first, second) == {"file:m//7.eml"}


def test_an_old_file_that_is_moved_in_is_read(tmp_path: Path) -> None:
    """A file with an old date that appears after a run is not taken for one that was read."""
    put(tmp_path / "a.eml", mail(1), age=1000)
    first = pull(tmp_path)
    put(tmp_path / "b.eml", mail(2), age=-5000)
    assert "file://b.eml" in ids(pull(tmp_path, last(first)))


def test_a_changed_file_is_read_again_under_its_id(tmp_path: Path) -> None:
    """Other content in the same file is a later state of the same thing."""
    path = put(tmp_path / "a.eml", mail(1))
    first = pull(tmp_path)
    put(path, mail(1, text="other"), age=9)
    second = pull(tmp_path, last(first))
    assert ids(second) == ids(first)
    assert "other" in items(second)[0].text


def test_mbox_quoting_is_undone_for_reading_and_kept_in_raw(tmp_path: Path) -> None:
    """ ">From " lines read as they were written; raw keeps the file's bytes."""
    put(tmp_path / "box", mbox_of(mail(1, text=">From here\n>>From there\n> From you\n")))
    [item] = items(pull(tmp_path))
    assert item.text.startswith("From here\n>From there\n> From you\n")
    assert b"\n>From here" in item.raw if isinstance(item.raw, bytes) else False
    assert dict(item.attributes)["envelope"].startswith("From jane@city.test")


def test_mbox_is_split_as_the_standard_library_writes_it(tmp_path: Path) -> None:
    """Mails written by another program's mbox come out whole, also with lines that begin with From."""
    path = tmp_path / "std"
    box = mailbox.mbox(path)
    for n in range(20):
        box.add(mail(n, text="From time to time\n\nFrom the desk of Bob: x\nText: y\n"))
    box.close()
    os.utime(path, (OLD, OLD))
    found = items(pull(tmp_path))
    assert [item.title for item in found] == [f"mail {n}" for n in range(20)]
    assert all("From the desk of Bob: x" in item.text for item in found)


def test_an_mbox_keeps_its_ids_when_mails_are_removed_or_appended(tmp_path: Path) -> None:
    """Ids do not count positions; what was appended is all that is parsed; removed mails are missing."""
    same = mail(3)
    path = put(tmp_path / "box", mbox_of(mail(1), mail(2), same, same))
    first = pull(tmp_path)
    assert len(set(ids(first))) == 4
    put(path, mbox_of(mail(1), mail(2), same, same, mail(5)), age=5)
    second = pull(tmp_path, last(first))
    assert [item.title for item in items(second)] == ["mail 5"]
    assert known(second) == set(ids(first))
    assert not missing(first, second)
    put(path, mbox_of(mail(2), same, same, mail(5)), age=10)
    third = pull(tmp_path, last(second))
    assert set(ids(third)) == {*ids(first)[1:], *ids(second)}
    assert missing(first, third) == {ids(first)[0]}


def test_large_mails_in_an_mbox_are_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mails over the memory limit come out as blobs, whole, and what follows them is found."""
    monkeypatch.setattr("connectors.mail_files.mbox.MEMORY_LIMIT", 1_500_000)
    monkeypatch.setattr("connectors.mail_files.items.READ", 100_000)
    large = mail(2, text=">From here\n" + "x" * 70 * 40_000)
    lines = mail(3, text="line\n" * 400_000)
    put(tmp_path / "box", mbox_of(mail(1), large, lines, mail(4)))
    sink = MemorySink()
    context = make_context({"path": str(tmp_path)}, now=NOW, sink=sink)
    found = items(list(MailFiles().pull(context, None, Window())))
    assert [item.title for item in found] == [f"mail {n}" for n in (1, 2, 3, 4)]
    raws = [item.raw if isinstance(item.raw, bytes) else sink.contents[item.raw.ref] for item in found]
    assert [raw.rstrip(b"\n") for raw in raws] == [one.rstrip(b"\n") for one in (mail(1), large, lines, mail(4))]
    assert found[1].text.startswith("From here\n")


@given(
    st.lists(st.sampled_from(["From me\n", "\n", ">From x\n", "text\n", "a: b\n", "From x Jan 1\n", "Fro"])),
    st.integers(1, 30),
)
def test_mbox_splitting_does_not_hang_on_how_the_bytes_come(pieces: list[str], step: int) -> None:
    """The same mails come out of chunks of any size, and no byte of them is lost or doubled."""
    data = mbox_of(mail(1, text="".join(pieces)), mail(2))
    whole = list(split([data]))
    assert list(split(data[at : at + step] for at in range(0, len(data), step))) == whole
    assert [data[one.start : one.end].rstrip(b"\n") for one in whole] == [one.data.rstrip(b"\n") for one in whole]
    assert whole[-1].data.startswith(b"Message-ID: <m2@")
