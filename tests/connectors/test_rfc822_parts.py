"""Parts, attachments and large bodies of mails."""

import email.policy
import io
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.conformance import MemorySink
from connectors.contract import INLINE_LIMIT
from connectors.errors import Retry
from connectors.rfc822 import mail_item
from connectors.rfc822_headers import base_subject, identity
from connectors.rfc822_parts import Reader, parse_fields, walk
from schema.item import Blob, Item, Unreadable
from tests.connectors.test_rfc822_mails import PLACE, REPO, mail, read, values


def test_a_mail_of_endless_parts_is_read_up_to_a_limit() -> None:
    """Beyond 10,000 parts the rest stays in the raw bytes, and the item says so."""
    raw = mail("From: a@b.test\nContent-Type: multipart/mixed; boundary=b", "--b\n\nx\n" * 12_000)
    assert any("too many parts" in note for note in values(read(raw), "defect"))


def test_subjects_lose_reply_marks_of_many_languages() -> None:
    """The thread's title is what the first mail said."""
    for written in ("Re: Fwd: x", "AW: WG: x", "RE[2]: x", "SV: VS: x", "回复：x", " re :x"):
        assert base_subject(written) == "x"
    assert base_subject("Reply to me") == "Reply to me"


def test_identity_tells_deliveries_apart_and_survives_flags() -> None:
    """Another Received is another delivery; Status lines and folding do not matter."""
    one = parse_fields(b"Received: from a\r\nMessage-ID: <1@x>\r\nStatus: RO\r\n\r\n")[0]
    same = parse_fields(b"Message-ID:\r\n <1@x>\r\nReceived: from\r\n\ta\r\nX-UID: 5\r\n\r\n")[0]
    other = parse_fields(b"Received: from b\r\nMessage-ID: <1@x>\r\n\r\n")[0]
    assert identity(one) == identity(same)
    assert identity(one) != identity(other)


def test_a_broken_line_does_not_hide_the_rest_of_the_header() -> None:
    """A fold that lost its blank costs a note, not the subject."""
    item = read(b"Received: from a\nby b\nFrom: a@b.test\nSubject: x\n\nbody\n")
    assert (item.title, item.text, len(values(item, "defect"))) == ("x", "body", 1)
    assert read(b"From: a@b.test\nHello there\n\nSubject: y\n").text == "Hello there\n\nSubject: y"


def test_bytes_without_a_header_are_unreadable() -> None:
    """What does not begin with a header field is no mail, and is handed over raw."""
    found = mail_item(b"\x89PNG\r\n", native_id="n", provenance=PLACE, sink=MemorySink())
    assert isinstance(found, Unreadable)
    assert found.raw == b"\x89PNG\r\n"


@given(st.binary(max_size=2000))
def test_no_bytes_raise(data: bytes) -> None:
    """Whatever follows a header, and whatever stands in it, is read or noted."""
    for raw in (data, b"From: a@b.test\n" + data, b"Content-Type: multipart/mixed; boundary=x\n\n--x\n" + data):
        found = mail_item(raw, native_id="n", provenance=PLACE, sink=MemorySink())
        assert found.raw == raw
        if isinstance(found, Item):
            found.text.encode()


PIECES = st.lists(
    st.sampled_from(
        [
            b"--x\r\n",
            b"--x--\r\n",
            b"--y\n",
            b"--y--\n",
            b"\r\n",
            b"\n",
            b"--",
            b"-",
            b"text",
            b"\r",
            b"aGk=\r\n",
            b" ",
            b"--x ",
            b"Content-Type: multipart/mixed; boundary=y\r\n\r\n",
            b"Content-Transfer-Encoding: base64\r\n\r\n",
        ]
    ),
    max_size=40,
)


@given(PIECES, st.integers(1, 9))
def test_chunking_never_matters(pieces: list[bytes], step: int) -> None:
    """A mail that comes in pieces of any size is split as if it came whole."""
    raw = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"".join(pieces)

    def parts(chunks: Iterator[bytes]) -> tuple[list[tuple[str, bytes]], list[str]]:
        defects: list[str] = []
        return [(p.media_type, b"".join(p.chunks)) for _, p in walk(Reader(chunks), defects) if p], defects

    assert parts(iter([raw])) == parts(iter([raw[at : at + step] for at in range(0, len(raw), step)]))


@given(st.lists(st.tuples(st.sampled_from(["text", "bytes", "mail"]), st.binary(max_size=400)), min_size=1, max_size=5))
def test_what_the_standard_library_writes_is_read_back(wanted: list[tuple[str, bytes]]) -> None:
    """Attachments come back byte for byte from mails that another writer built."""
    message = EmailMessage()
    message["From"] = "a@b.test"
    message.set_content("body\n")
    for number, (kind, data) in enumerate(wanted):
        if kind == "mail":
            nested = EmailMessage()
            nested["Subject"] = "inner"
            nested.set_content(data.hex() + "\n")
            message.add_attachment(nested)
        else:
            subtype = "octet-stream" if kind == "bytes" else "pdf"
            message.add_attachment(data, maintype="application", subtype=subtype, filename=f"ä {number}.bin")
    item = read(message.as_bytes(policy=email.policy.SMTP))
    assert item.text == "body"
    got = [part.content for part in item.attachments if part.media_type != "message/rfc822"]
    assert got == [data for kind, data in wanted if kind != "mail"]


def shared_mails() -> dict[str, bytes]:
    shared = Path(os.environ.get("ARCHIVER_SHARED", REPO.parent / "shared"))
    folder = shared / "data" / "mail"
    if not folder.is_dir():
        pytest.skip(f"the shared sample mails are not at {folder}")
    found = {path.name: path.read_bytes() for path in [*folder.glob("mail_test_*"), *folder.rglob("*.eml")]}
    with zipfile.ZipFile(folder / "libratom-emails.zip") as archive:
        found.update({name: archive.read(name) for name in archive.namelist() if name.endswith(".eml")})
    return found


def test_real_mails_split_as_the_standard_library_splits_them() -> None:
    """Of 119 real mails all parts are the same bytes, but for six where the library rewrites what is broken."""
    odd = []
    mails = shared_mails()
    for name, raw in mails.items():
        parsed = BytesParser(policy=email.policy.compat32).parsebytes(raw)
        theirs = [part.get_payload(decode=True) for part in parsed.walk() if not part.is_multipart()]
        if any(part.get_content_maintype() == "message" for part in parsed.walk()):
            continue
        ours = [b"".join(part.chunks) for _, part in walk(Reader(iter([raw])), []) if part]
        if ours != theirs:
            odd.append(name.rpartition("/")[2])
    assert len(mails) == 119
    assert sorted(odd) == ["example13.eml", "raw_email4.eml", "raw_email_incorrect_header.eml"]


def test_real_mails_give_items() -> None:
    """Every sample mail becomes an item with an author or a subject, and no decoding error shows."""
    for name, raw in shared_mails().items():
        item = read(raw)
        assert item.parties or item.title or "bad" in name, name
        assert "=?utf-8?" not in (item.title or "").lower(), name


def test_an_attachment_above_the_limit_is_a_blob() -> None:
    """A file over 1 MiB is spooled, and so is the raw mail."""
    content = os.urandom(INLINE_LIMIT + 1)
    message = EmailMessage()
    message["From"] = "a@b.test"
    message.set_content("see file")
    message.add_attachment(content, maintype="application", subtype="x-big", filename="big.dat")
    sink, raw = MemorySink(), message.as_bytes(policy=email.policy.SMTP)
    item = mail_item(raw, native_id="n", provenance=PLACE, sink=sink)
    assert isinstance(item, Item)
    blob = item.attachments[0].content
    assert isinstance(blob, Blob)
    assert sink.contents[blob.ref] == content
    assert isinstance(item.raw, Blob)
    assert sink.contents[item.raw.ref] == raw


def test_a_streamed_mail_that_changes_between_its_two_passes_is_not_accepted() -> None:
    """Raw bytes and parts always belong together."""
    streams = iter([b"From: a@b.test\n\n" + b"a" * INLINE_LIMIT, b"From: a@b.test\n\n" + b"b" * INLINE_LIMIT])
    with pytest.raises(Retry, match="changed"):
        mail_item(lambda: io.BytesIO(next(streams)), native_id="n", provenance=PLACE, sink=MemorySink())


FLAT = """
import base64, hashlib, resource, sys
from connectors.rfc822 import mail_item
from schema.item import Blob, Item, Provenance
SIZE = int(sys.argv[1])
block = bytes(range(256)) * 3 * 76
line = base64.encodebytes(block)
def source():
    yield b"From: a@b.test\\r\\nContent-Type: multipart/mixed; boundary=b\\r\\n\\r\\n--b\\r\\n\\r\\nhi\\r\\n--b\\r\\n"
    yield b"Content-Type: application/x; name=f\\r\\nContent-Transfer-Encoding: base64\\r\\n\\r\\n"
    for _ in range(SIZE // len(block)):
        yield line
    yield b"--b--\\r\\n"
class Sink:
    def spool(self, chunks):
        digest, size = hashlib.sha256(), 0
        for chunk in chunks:
            digest.update(chunk); size += len(chunk)
        return Blob("x", size, digest.digest())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
item = mail_item(source, native_id="n", provenance=Provenance(1), sink=Sink())
assert item.text == "hi" and item.attachments[0].content.size == SIZE // len(block) * len(block)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_mail_of_200_megabytes_takes_flat_memory() -> None:
    """A 200 MB attachment is split, decoded and spooled with less than 16 MB more than before."""
    child = subprocess.run(
        [sys.executable, "-c", FLAT, str(200 << 20)], cwd=REPO, capture_output=True, text=True, timeout=120
    )
    assert child.returncode == 0, child.stderr
    assert int(child.stdout) < 16 << 10


@pytest.mark.bench
def test_short_mails_are_read_at_3000_a_second() -> None:
    """One core reads at least 3,000 short mails a second."""
    raw = mail(
        "Message-ID: <1@x>\nDate: Mon, 5 Jan 2026 10:00:00 -0600\nFrom: a@b.test\nTo: c@d.test\nSubject: x",
        "word " * 150,
    )
    began = time.perf_counter()
    for _ in range(3000):
        read(raw)
    assert time.perf_counter() - began < 1
