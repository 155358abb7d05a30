"""Mail in files over several runs: what changed, what went, what cannot be read."""

import json
import mailbox
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.conformance import CURSOR_LIMIT, MemorySink, make_context
from connectors.contract import Cursor, Page, Window
from connectors.errors import Misconfigured
from connectors.mail_files import run as files_run
from connectors.mail_files.connector import MailFiles
from schema.item import Unreadable
from schema.vocab import Direction
from tests.connectors.mail_files.test_mail_files_connector import (
    NOW,
    OLD,
    covered,
    ids,
    items,
    known,
    last,
    mail,
    mbox_of,
    missing,
    pull,
    put,
    warnings,
)


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
