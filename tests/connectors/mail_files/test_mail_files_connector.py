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

from connectors.conformance import CURSOR_LIMIT, MemorySink, Scenario, check_connector, make_context
from connectors.contract import Cursor, Page, Window
from connectors.errors import Misconfigured
from connectors.mail_files import run as files_run
from connectors.mail_files.connector import MailFiles
from connectors.mail_files.mbox import split
from schema.item import Item, Unreadable
from schema.vocab import Direction

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


def test_file_names_beyond_unicode_are_read(tmp_path: Path) -> None:
    """A name that is no valid text gives an id that is."""
    path = os.path.join(os.fsencode(tmp_path), b"\xff\xe4.eml")
    try:
        with open(path, "wb") as handle:
            handle.write(mail(1))
    except OSError:
        pytest.skip("this file system takes only valid names")
    [native_id] = ids(pull(tmp_path))
    assert native_id.encode() == b"file://\\xff\\xe4.eml"


def test_a_removed_mbox_leaves_its_mails_missing(tmp_path: Path) -> None:
    """When a box is no longer there, a complete listing of it without mails says so."""
    put(tmp_path / "a.eml", mail(9))
    path = put(tmp_path / "box", mbox_of(mail(1), mail(2)))
    first = pull(tmp_path)
    path.unlink()
    second = pull(tmp_path, last(first))
    assert missing(first, second) == {one for one in ids(first) if one.startswith("box:")}


def test_a_truncated_mbox_gives_its_last_mail(tmp_path: Path) -> None:
    """A file that ends within a mail still gives that mail."""
    put(tmp_path / "box", mbox_of(mail(1), mail(2))[:-6])
    assert [item.title for item in items(pull(tmp_path))] == ["mail 1", "mail 2"]


def test_mail_in_a_zip_with_its_faults(tmp_path: Path) -> None:
    """Mails, boxes and inner archives in a zip are read; a damaged archive costs a warning, not the run."""
    inner = tmp_path / "inner.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("deep.eml", mail(3))
    with zipfile.ZipFile(tmp_path / "good.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Takeout/All mail.mbox", mbox_of(mail(1), mail(2)))
        archive.write(inner, "inner.zip")
        archive.writestr("photo.jpg", b"\xff\xd8\xff")
    inner.unlink()
    put(tmp_path / "broken.zip", b"PK\x03\x04 and nothing more")
    put(tmp_path / "z.eml", mail(4))
    pages = pull(tmp_path)
    assert sorted(item.title or "" for item in items(pages)) == ["mail 1", "mail 2", "mail 3", "mail 4"]
    assert any("broken.zip" in warning for warning in warnings(pages))
    assert "box:broken.zip//" not in covered(pages)
    assert any("photo.jpg" in warning for warning in warnings(pages))


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_told_and_tried_again(tmp_path: Path) -> None:
    """A file without permission is one warning; it is not missing, and read once it may be."""
    path = put(tmp_path / "a.eml", mail(1))
    put(tmp_path / "b.eml", mail(2))
    path.chmod(0)
    first = pull(tmp_path)
    assert ids(first) == ["file://b.eml"]
    assert "file://a.eml" in known(first)
    assert any("a.eml" in warning for warning in warnings(first))
    path.chmod(0o600)
    assert "file://a.eml" in ids(pull(tmp_path, last(first)))


def test_links_are_named_and_not_followed(tmp_path: Path) -> None:
    """A broken link and a link that leads out are a warning each; the rest is read."""
    outside = put(tmp_path / "outside/secret.eml", mail(1))
    folder = tmp_path / "in"
    put(folder / "a.eml", mail(2))
    (folder / "broken.eml").symlink_to(tmp_path / "nowhere")
    (folder / "out.eml").symlink_to(outside)
    pages = pull(folder)
    assert ids(pages) == ["file://a.eml"]
    assert sum("broken.eml" in warning for warning in warnings(pages)) == 1
    assert sum("out.eml" in warning for warning in warnings(pages)) == 1


def test_a_file_that_changes_while_it_is_read_waits_for_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing half-written is handed over; the next run reads it."""
    path = put(tmp_path / "a.eml", mail(1))
    real: Callable[..., Any] = files_run.Reading.make

    def slow(self: Any, *arguments: Any) -> Any:
        with path.open("ab") as handle:
            handle.write(b"more")
        return real(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(files_run.Reading, "make", slow)
        first = pull(tmp_path)
    assert not ids(first)
    assert any("changed while it was being read" in warning for warning in warnings(first))
    assert ids(pull(tmp_path, last(first))) == ["file://a.eml"]


def test_a_window_leaves_out_and_a_wider_one_reads(tmp_path: Path) -> None:
    """Mail outside of the window is still there; a later run with a wider window hands it over."""
    put(tmp_path / "a.eml", mail(1))
    put(tmp_path / "undated.eml", b"From: a@city.test\n\nx\n")
    first = pull(tmp_path, window=Window(since=NOW))
    assert ids(first) == ["file://undated.eml"]
    assert not missing(first, first)
    assert "file://a.eml" in ids(pull(tmp_path, last(first)))


def test_the_owner_s_address_tells_the_direction(tmp_path: Path) -> None:
    """Mail written by the owner was sent, other mail received; without the setting nobody knows."""
    put(tmp_path / "a.eml", mail(1))
    assert items(pull(tmp_path))[0].direction is Direction.UNKNOWN
    assert items(pull(tmp_path, address="JANE@city.test, j@home.test"))[0].direction is Direction.SENT
    assert items(pull(tmp_path, address="clerk@city.test"))[0].direction is Direction.RECEIVED


def test_the_cursor_stays_small(tmp_path: Path) -> None:
    """400 boxes and 2,000 files leave a cursor below 64 KiB, and the next run reads next to nothing."""
    for n in range(400):
        put(tmp_path / f"some-folder-with-a-long-name-{n}/box-with-a-long-name-too", mbox_of(mail(n)))
    for n in range(2000):
        put(tmp_path / f"m/{n}.eml", mail(n))
    first = pull(tmp_path)
    assert len(ids(first)) == 2400
    assert max(len(json.dumps(page.next_cursor)) for page in first) < CURSOR_LIMIT
    assert pull(tmp_path, last(first))[0].items == ()


def test_a_path_that_is_not_there_is_a_setting_to_correct(tmp_path: Path) -> None:
    """No folder, no guess."""
    with pytest.raises(Misconfigured, match="path"):
        pull(tmp_path / "nowhere")


def shared_mail() -> Path:
    shared = Path(os.environ.get("ARCHIVER_SHARED", Path(__file__).resolve().parents[4] / "shared"))
    folder = shared / "data" / "mail"
    if not folder.is_dir():
        pytest.skip(f"the shared sample mails are not at {folder}")
    return folder


def test_every_shared_sample_is_what_it_is() -> None:
    """Of the sample folder, exactly these are mails: 100 in the archive, 6 real ones, 13 .eml and 2 bare ones."""
    pages = pull(shared_mail())
    found = ids(pages)
    single = {one.removeprefix("file:") for one in found if one.startswith("file:")}
    replies = "android aol apple_mail apple_mail_2 comcast gmail hotmail iphone outlook sparrow thunderbird yahoo"
    assert sum(one.startswith("box:libratom-emails.zip//") for one in found) == 100
    assert single == {
        *(f"//mail_test_{n}" for n in (2, 3, 5, 6, 7, 8)),
        *(f"talon/standard_replies//{name}.eml" for name in replies.split()),
        "talon//reply-quotations-share-block.eml",
        "talon/signature/emails/P//unicode_msg",
        "talon/signature/emails/P//102682_R_S",
    }
    assert len(found) == len(set(found)) == 121
    assert not [item for page in pages for item in page.items if isinstance(item, Unreadable)]
    assert [warning for warning in warnings(pages) if not warning.startswith("36 files are no mail")] == []


def test_every_shared_sample_survives_being_in_an_mbox(tmp_path: Path) -> None:
    """The 100 sample mails, written to an mbox by the standard library, read the same as alone."""
    with zipfile.ZipFile(shared_mail() / "libratom-emails.zip") as archive:
        raws = [archive.read(name).replace(b"\r\n", b"\n") for name in archive.namelist() if name.endswith(".eml")]
    raws = [raw for raw in raws if not raw.startswith(b"From ")]
    box = mailbox.mbox(tmp_path / "box")
    for n, raw in enumerate(raws):
        put(tmp_path / f"alone/{n:03}.eml", raw)
        box.add(raw)
    box.close()
    os.utime(tmp_path / "box", (OLD, OLD))
    boxed = items(pull(tmp_path / "box"))
    alone = sorted(items(pull(tmp_path / "alone")), key=lambda item: item.native_id)
    assert len(boxed) == len(alone) == len(raws)
    for one, other in zip(boxed, alone, strict=True):
        assert (one.title, one.parties, one.sent, one.text.strip()) == (
            other.title, other.parties, other.sent, other.text.strip(),
        )  # fmt: skip
        assert [part.name for part in one.attachments] == [part.name for part in other.attachments]


def test_memory_sink_is_not_needed_for_small_mail(tmp_path: Path) -> None:
    """Small mails are handed over as bytes, nothing is spooled."""
    put(tmp_path / "a.eml", mail(1))
    sink = MemorySink()
    list(MailFiles().pull(make_context({"path": str(tmp_path)}, now=NOW, sink=sink), None, Window()))
    assert not sink.contents


def scoped(path: Path, cursor: Cursor | None = None) -> list[Page]:
    """Pull under a scope of one word."""
    saved = json.loads(json.dumps(cursor)) if cursor else None
    context = make_context({"path": str(path)}, now=NOW, in_scope=lambda item: "plow" in item.text)
    return list(MailFiles().pull(context, saved, Window()))


def test_a_box_with_mail_out_of_scope_is_read_whole_when_it_grows(tmp_path: Path) -> None:
    """The cursor holds no digest of its bytes; ids stay, nothing in scope is lost, nothing is read while it stands."""
    box = put(tmp_path / "box", mbox_of(mail(1, "plow"), mail(2, "cake")))
    first = scoped(tmp_path)
    assert last(first)["boxes"]["box"]["digest"] == ""
    assert items(scoped(tmp_path, last(first))) == []
    put(box, mbox_of(mail(1, "plow"), mail(2, "cake"), mail(3, "plow")), age=5)
    second = scoped(tmp_path, last(first))
    assert ids(second)[:2] == ids(first) and len(ids(second)) == 3
    put(box, mbox_of(mail(1, "plow"), mail(3, "plow")), age=9)
    assert missing(second, scoped(tmp_path, last(second))) == {ids(first)[1]}


def test_a_box_of_which_nothing_is_in_scope_is_named_by_a_digest(tmp_path: Path) -> None:
    """Its name is part of its mails' ids; it is still not read again, and its removal says nothing of any record."""
    put(tmp_path / "zqfamilyzq", mbox_of(mail(1, "cake"), mail(2, "supper")))
    put(tmp_path / "box", mbox_of(mail(3, "plow")))
    first = scoped(tmp_path)
    assert "zqfamilyzq" not in str(last(first)) and list(last(first)["boxes"]) == ["box"]
    put(tmp_path / "a.eml", mail(4, "plow"))
    second = scoped(tmp_path, last(first))
    assert len(items(second)) == 1
    (tmp_path / "zqfamilyzq").unlink()
    (tmp_path / "box").unlink()
    assert "box:box//" in covered(third := scoped(tmp_path, last(second)))
    assert "zqfamilyzq" not in str([page.next_cursor for page in third])
