"""The IMAP connector against a real Dovecot."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from connectors.conformance import CURSOR_LIMIT, NOON, MemorySink, Scenario, check_connector, make_context
from connectors.contract import Context, Cursor, Page, Window
from connectors.errors import Misconfigured, Reauthorize, Retry
from connectors.imap_mailbox import cursor as bookmark
from connectors.imap_mailbox import run as imap_run
from connectors.imap_mailbox.connector import ImapMailbox
from schema.item import Blob, Item
from schema.vocab import Direction
from tests.fixtures.dovecot import PASSWORD, Dovecot, dovecot, start

__all__ = ["dovecot"]
_COUNT = iter(range(1_000_000))


def mail(number: int, text: str = "hello", message_id: str | None = None) -> bytes:
    message_id = message_id if message_id is not None else f"<m{number}@city.test>"
    lines = [
        f"Message-ID: {message_id}",
        f"Date: Mon, 5 Jan 2026 10:{number % 60:02}:00 -0600",
        "From: Jane <jane@city.test>",
        "To: clerk@city.test",
        f"Subject: mail {number}",
        "",
        f"{text} {number}",
        "",
    ]
    return "\r\n".join(lines).encode()


class Box:
    """One mailbox of the server, and the connector's view of it."""

    def __init__(self, server: Dovecot) -> None:
        self.server = server
        self.login = f"u{next(_COUNT)}@city.test"
        self.sink = MemorySink()

    def settings(self, **more: Any) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.server.port, "user": self.login, "tls": "none", **more}

    def context(self, **more: Any) -> Context:
        return make_context(self.settings(**more), secrets={"password": PASSWORD}, sink=self.sink)

    def append(self, *mails: bytes, folder: str = "INBOX") -> None:
        with self.server.box(self.login) as box:
            for one in mails:
                assert box.append(folder, None, None, one)[0] == "OK"

    def make(self, folder: str) -> None:
        with self.server.box(self.login) as box:
            assert box.create(f'"{folder}"')[0] == "OK"

    def expunge(self, *uids: int, folder: str = "INBOX") -> None:
        with self.server.box(self.login) as box:
            box.select(folder)
            for uid in uids:
                box.uid("STORE", str(uid), "+FLAGS", "(\\Deleted)")
            assert box.expunge()[0] == "OK"

    def pull(self, cursor: Cursor | None = None, window: Window | None = None, **more: Any) -> list[Page]:
        saved = json.loads(json.dumps(cursor)) if cursor else None
        return list(ImapMailbox().pull(self.context(**more), saved, window or Window()))


@pytest.fixture
def box(dovecot: Dovecot) -> Box:
    """A fresh mailbox."""
    return Box(dovecot)


def items(pages: list[Page]) -> list[Item]:
    return [item for page in pages for item in page.items if isinstance(item, Item)]


def ids(pages: list[Page]) -> list[str]:
    return [item.native_id for item in items(pages)]


def gone(pages: list[Page]) -> list[str]:
    return [one.native_id for page in pages for one in page.gone]


def known(pages: list[Page]) -> set[str]:
    return {one for page in pages for one in page.still_there}


def covered(pages: list[Page]) -> list[str]:
    return [page.complete.prefix for page in pages if page.complete]


def last(pages: list[Page]) -> Cursor:
    cursor = pages[-1].next_cursor
    assert cursor is not None
    return cursor


def test_it_conforms_to_the_contract(box: Box) -> None:
    """The connector passes the conformance suite against a real server."""
    box.make("Projects/Bridge")
    box.append(*[mail(n) for n in range(7)])
    box.append(mail(20), folder='"Projects/Bridge"')
    scenario = Scenario(box.settings(), {"password": PASSWORD}, least_items=8)
    assert check_connector(ImapMailbox, scenario) == []


def test_new_mail_is_read_once_with_its_content(box: Box) -> None:
    """A second run hands over only what came since; raw bytes are exactly those of the server."""
    box.append(mail(1), mail(2))
    first = box.pull(address="Clerk@city.test")
    assert [item.title for item in items(first)] == ["mail 1", "mail 2"]
    assert items(first)[0].raw == mail(1)
    assert items(first)[0].direction is Direction.RECEIVED
    assert covered(first) == ["INBOX/"]
    box.append(mail(3))
    second = box.pull(last(first))
    assert [item.title for item in items(second)] == ["mail 3"]
    assert not gone(second)
    assert not known(second)
    assert not items(box.pull(last(second)))


def test_reading_leaves_mail_unread(box: Box) -> None:
    """No mail is marked as seen by being collected."""
    box.append(mail(1))
    box.pull()
    with box.server.box(box.login) as connection:
        connection.select("INBOX", readonly=True)
        assert connection.search(None, "UNSEEN")[1] == [b"1"]


def test_an_expunged_mail_is_gone_with_evidence(box: Box) -> None:
    """VANISHED (EARLIER) names the expunged mail, and only that one."""
    box.append(*[mail(n) for n in range(1, 5)])
    first = box.pull()
    box.expunge(2)
    second = box.pull(last(first))
    assert gone(second) == [ids(first)[1]]
    assert "UID 2 of UIDVALIDITY" in next(one.evidence for page in second for one in page.gone)
    assert not gone(box.pull(last(second)))


def test_flags_are_not_content(box: Box) -> None:
    """Marking mail as read, flagged or answered hands over nothing."""
    box.append(mail(1), mail(2))
    first = box.pull()
    with box.server.box(box.login) as connection:
        connection.select("INBOX")
        connection.uid("STORE", "1:2", "+FLAGS", "(\\Seen \\Flagged)")
    second = box.pull(last(first))
    assert (items(second), gone(second), known(second), covered(second)) == ([], [], set(), [])


def test_a_folder_made_anew_gives_no_duplicates_and_no_false_missing(box: Box) -> None:
    """UIDVALIDITY changes: the same mails keep their ids, the one that is not there any more is missing, not gone."""
    box.make("Permits")
    box.append(mail(1), mail(2), mail(3), folder="Permits")
    first = box.pull()
    with box.server.box(box.login) as connection:
        connection.delete("Permits")
        connection.create("Permits")
    box.append(mail(3), mail(1), mail(4), folder="Permits")
    second = box.pull(last(first))
    before, after = ids(first), ids(second)
    assert len(set(after)) == 3
    assert set(before) & set(after) == {before[0], before[2]}
    assert covered(second) == ["Permits/"]
    assert not gone(second)


def test_a_resync_that_was_interrupted_still_ends_with_a_complete_listing(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After UIDVALIDITY changed, a run that stops half-way is completed by the next one from a listing of headers."""
    monkeypatch.setattr(imap_run, "PAGE_ITEMS", 2)
    box.append(*[mail(n) for n in range(1, 6)], mail(9, message_id=""))
    whole = set(ids(box.pull()))
    context = box.context()
    half: list[Page] = []
    for page in ImapMailbox().pull(context, None, Window()):
        half.append(page)
        break
    rest = box.pull(last(half))
    assert set(ids(half)) | set(ids(rest)) == whole
    assert not set(ids(half)) & set(ids(rest))
    assert known(rest) == whole
    assert covered(rest) == ["INBOX/"]


def test_a_deleted_folder_is_told(box: Box) -> None:
    """A folder that is not listed any more gives a warning, and its mails are missing."""
    box.make("Old")
    box.append(mail(1), folder="Old")
    first = box.pull()
    with box.server.box(box.login) as connection:
        connection.delete("Old")
    second = box.pull(last(first))
    assert covered(second) == ["Old/"]
    assert any("Old is no longer on the server" in warning for page in second for warning in page.warnings)
    assert not covered(box.pull(last(second)))


def test_copies_in_one_folder_are_records_of_their_own(box: Box) -> None:
    """Three identical mails have three ids; when one is expunged, one id is gone and the others stay."""
    box.append(mail(1), mail(1), mail(1), mail(2))
    first = box.pull()
    assert len(set(ids(first))) == 4
    box.expunge(1)
    second = box.pull(last(first))
    assert gone(second) == [ids(first)[0]]
    box.append(mail(1))
    assert ids(box.pull(last(second))) == [ids(first)[0]]


def test_a_mail_that_was_moved_out_and_back_is_not_gone(box: Box) -> None:
    """Expunge and arrival of the same mail between two runs leave its record where it is."""
    box.append(mail(1), mail(2))
    first = box.pull()
    box.expunge(1)
    box.append(mail(1))
    second = box.pull(last(first))
    assert ids(second) == [ids(first)[0]]
    assert not gone(second)


def test_expunges_of_mails_that_the_cursor_forgot_are_missing(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the bounded cursor no longer knows a UID's id, a complete listing shows what is missing."""
    monkeypatch.setattr("connectors.imap_mailbox.cursor._ENTRIES", 2)
    box.append(*[mail(n) for n in range(1, 6)])
    first = box.pull()
    box.expunge(1, 5)
    second = box.pull(last(first))
    assert gone(second) == [ids(first)[4]]
    assert known(second) == set(ids(first)[1:4])
    assert covered(second) == ["INBOX/"]


def test_without_qresync_an_expunge_is_missing(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not tell of expunges is listed in full when its count shows one."""
    monkeypatch.setattr("connectors.imap_mailbox.client.ImapClient._enable", lambda self: False)
    box.append(*[mail(n) for n in range(1, 5)])
    first = box.pull()
    box.expunge(3)
    box.append(mail(7))
    second = box.pull(last(first))
    assert not gone(second)
    assert known(second) | set(ids(second)) == {*ids(first)[:2], ids(first)[3], *ids(second)}
    assert covered(second) == ["INBOX/"]


def test_junk_is_left_out_by_default_and_named_folders_are_chosen(box: Box) -> None:
    """Spam is excluded by its use, other folders by name; patterns choose folders, also ones beyond ASCII."""
    for folder in ("Spam", "Drafts", "B&APw-ro", "B&APw-ro/2026 & more".replace(" & ", " &- ")):
        box.make(folder)
    box.append(mail(1), folder="Spam")
    box.append(mail(2), folder="Drafts")
    box.append(mail(3), folder='"B&APw-ro/2026 &- more"')
    by_default = box.pull()
    assert sorted(item.title or "" for item in items(by_default)) == ["mail 2", "mail 3"]
    assert dict(items(box.pull(folders="Büro*"))[0].attributes)["folder"] == "Büro/2026 & more"
    assert [item.title for item in items(box.pull(exclude="drafts, Büro*"))] == ["mail 1"]


def test_a_wrong_password_asks_for_a_new_one(box: Box) -> None:
    """Refused credentials are Reauthorize, not Retry; the password never shows."""
    context = make_context(box.settings(), secrets={"password": "not this one"})
    with pytest.raises(Reauthorize) as caught:
        list(ImapMailbox().pull(context, None, Window()))
    assert "not this one" not in str(caught.value)


def test_no_server_is_retry_and_bad_settings_are_misconfigured(box: Box) -> None:
    """A refused connection means coming back later; an unknown tls mode is a setting."""
    with pytest.raises(Retry):
        box.pull(port=1)
    with pytest.raises(Misconfigured):
        box.pull(tls="maybe")


def test_a_server_that_stops_in_the_middle_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run ends with Retry; the cursor of the last page goes on where it stopped, once the server is back."""
    monkeypatch.setattr(imap_run, "PAGE_ITEMS", 2)
    server = start()
    try:
        box = Box(server)
        box.append(*[mail(n) for n in range(1, 8)])
        steps = ImapMailbox().pull(box.context(), None, Window())
        pages = [next(steps)]
        server.stop()
        with pytest.raises(Retry):
            pages.extend(steps)
        assert 0 < len(items(pages)) < 7
        server.restart()
        rest = box.pull(last(pages))
        assert sorted(ids(pages) + ids(rest)) == sorted(set(ids(box.pull())))
    finally:
        server.remove()


def test_a_narrower_window_never_hides_mail_from_a_wider_one(box: Box) -> None:
    """What a window left out is read when a later run asks for more."""
    box.append(mail(1), mail(2))
    none = box.pull(window=Window(since=NOON))
    assert not items(none)
    assert known(none)
    assert len(items(box.pull(last(none)))) == 2


def test_the_cursor_stays_small_for_a_large_mailbox(box: Box) -> None:
    """6,000 mails leave a cursor below the limit, and a run without changes does not list them."""
    box.append(mail(0))
    raw = mail(0)
    folder = next((box.server.folder / "mail").glob(f"{box.login}*"))
    script = (
        "import sys, pathlib\n"
        "target, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])\n"
        "raw = sys.stdin.buffer.read()\n"
        "for n in range(1, count):\n"
        "    one = raw.replace(b'm0@', b'm%d@' % n).replace(b'mail 0', b'mail %d' % n)\n"
        "    (target / f'17000{n:05}.M1P1.host').write_bytes(one)\n"
    )
    command = [sys.executable, "-c", script, str(folder / "new"), "6000"]
    subprocess.run(command, input=raw, check=True)
    if os.getuid() == 0:
        owner = folder.stat()
        for path in (folder / "new").iterdir():
            os.chown(path, owner.st_uid, owner.st_gid)
    first = box.pull()
    assert len(set(ids(first))) == 6000
    assert max(len(json.dumps(page.next_cursor)) for page in first) < CURSOR_LIMIT
    second = box.pull(last(first))
    assert (len(second), items(second), known(second)) == (1, [], set())


def test_a_large_mail_is_streamed(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail over the memory limit is fetched in pieces; raw and attachment arrive whole as blobs."""
    monkeypatch.setattr(imap_run, "MEMORY_LIMIT", 3 << 20)
    content = os.urandom(1 << 16).hex().encode() * 40
    head = b"Message-ID: <big@city.test>\r\nFrom: a@city.test\r\nSubject: big\r\nMIME-Version: 1.0\r\n"
    head += b"Content-Type: multipart/mixed; boundary=b1\r\n\r\n--b1\r\n\r\nsee file\r\n--b1\r\n"
    head += b'Content-Type: application/x-big; name="big.dat"\r\n\r\n'
    raw = head + content + b"\r\n--b1--\r\n"
    box.append(mail(1), raw, mail(2))
    found = items(box.pull())
    assert [item.title for item in found] == ["mail 1", "big", "mail 2"]
    assert isinstance(found[1].raw, Blob)
    assert box.sink.contents[found[1].raw.ref] == raw
    blob = found[1].attachments[0].content
    assert isinstance(blob, Blob)
    assert box.sink.contents[blob.ref] == content
    assert found[1].text == "see file"


def test_only_mail_in_scope_is_remembered_and_its_end_is_still_evidence(box: Box) -> None:
    """Of mails out of scope no identity or UID is kept; expunged ones in scope are gone, the others say nothing."""
    box.make("Zqfamilyzq")
    box.append(mail(1, "plow"), mail(2, "cake"), mail(3, "plow"), mail(4, "cake"))
    box.append(mail(5, "cake"), folder="Zqfamilyzq")

    def pull(cursor: Cursor | None = None) -> list[Page]:
        context = make_context(
            box.settings(), secrets={"password": PASSWORD}, in_scope=lambda item: "plow" in item.text
        )
        return list(ImapMailbox().pull(context, json.loads(json.dumps(cursor)), Window()))

    first = pull()
    marks = bookmark.read(last(first), ["INBOX", "Zqfamilyzq"])
    assert [sorted(marks[name].ids) for name in ("INBOX", "Zqfamilyzq")] == [[1, 3], []]
    assert "Zqfamilyzq" not in json.dumps(last(first))
    assert items(pull(last(first))) == []
    box.expunge(2, 3)
    second = pull(last(first))
    assert gone(second) == [ids(first)[2]]
    assert ids(first)[0] in known(second) and not {ids(first)[1], ids(first)[2]} & known(second)
    with box.server.box(box.login) as connection:
        assert connection.delete("Zqfamilyzq")[0] == "OK"
    third = pull(last(second))
    assert (items(third), covered(third)) == ([], [])
