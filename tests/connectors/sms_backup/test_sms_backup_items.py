"""What rows of a backup become: every trap of the format, one by one."""

import base64
import os
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest

from connectors.conformance import MemorySink, make_context
from connectors.contract import Page, Window
from connectors.sms_backup.connector import CONNECTOR
from schema.item import Blob, Item, Moment, Unreadable
from schema.vocab import AddressKind, Direction, Kind, PartyRole

LATER = 1_900_000_000_000
FORMER = 1_600_000_000


def row(tag: str = "sms", **attributes: object) -> str:
    """Write one element; a key ending in _ is stripped of it."""
    given = {"address": "+16125550123", "date": "1609459200000", "type": "1", "body": "Hello"} if tag == "sms" else {}
    given |= {key.rstrip("_"): str(value) for key, value in attributes.items()}
    return f"<{tag} " + " ".join(f"{key}={quoteattr(text)}" for key, text in given.items()) + " />"


def mms(parts: str = "", addrs: str = "", **attributes: object) -> str:
    """Write one multimedia message."""
    given = {"address": "+16125550123", "date": "1609459200000", "msg_box": "1"}
    return row("mms", **(given | attributes))[:-2] + f"><parts>{parts}</parts><addrs>{addrs}</addrs></mms>"


def write(path: Path, content: str | bytes) -> Path:
    """Write a file that was finished long ago."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.utime(path, (FORMER, FORMER))
    return path


def backup(*rows: str) -> str:
    """Write a backup as the app does."""
    head = "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>\n<!--File Created By SMS Backup & Restore-->\n"
    return head + f'<smses count="{len(rows)}">\n  ' + "\n  ".join(rows) + "\n</smses>"


def pages(path: Path, settings: dict[str, str] | None = None, sink: MemorySink | None = None) -> list[Page]:
    """Read a path from the start."""
    context = make_context({"path": str(path)} | (settings or {}), now=LATER, sink=sink)
    return list(CONNECTOR().pull(context, None, Window()))


def read(folder: Path, *rows: str, sink: MemorySink | None = None, **settings: str) -> list[Item]:
    """Read rows, none of which is unreadable."""
    found = pages(write(folder / "sms.xml", backup(*rows)), settings, sink)
    items = [item for page in found for item in page.items]
    assert all(isinstance(item, Item) for item in items)
    return [item for item in items if isinstance(item, Item)]


def one(folder: Path, text: str, **settings: str) -> Item:
    """Read one row."""
    (found,) = pages(write(folder / "sms.xml", backup(text)), settings)
    (item,) = found.items
    assert isinstance(item, Item)
    return item


@pytest.mark.parametrize(
    ("written", "direction", "state"),
    [
        ("1", Direction.RECEIVED, None),
        ("2", Direction.SENT, None),
        ("3", Direction.SENT, "draft"),
        ("4", Direction.SENT, "outbox"),
        ("5", Direction.SENT, "failed"),
        ("6", Direction.SENT, "queued"),
        ("9", Direction.UNKNOWN, "9"),
        ("null", Direction.UNKNOWN, None),
    ],
)
def test_type_gives_direction_and_state(tmp_path: Path, written: str, direction: Direction, state: str | None) -> None:
    """The box of a text or multimedia message says who sent it; drafts and failed ones are kept and say so."""
    for text in (row(type=written), mms(msg_box=written)):
        item = one(tmp_path, text)
        assert item.kind is Kind.MESSAGE
        assert item.direction is direction
        assert dict(item.attributes).get("state") == state


def test_null_means_absent_and_raw_is_the_element(tmp_path: Path) -> None:
    """The word null is no content; each item carries exactly its own bytes, with its line."""
    text = row(body="null", subject="null", contact_name="null", date_sent="0")
    item = one(tmp_path, text)
    assert (item.text, item.title, item.parties[0].name, item.attributes) == ("", None, None, ())
    assert item.raw == text.encode()
    assert item.provenance.position == "sms.xml:4"


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("1609459200123", 1609459200123),
        ("1609459200", 1609459200000),
        ("0", None),
        ("null", None),
        ("soon", None),
        ("-5", None),
        ("9" * 30, None),
        ("9" * 5000, None),
    ],
)
def test_times_in_ms_or_seconds(tmp_path: Path, written: str, at: int | None) -> None:
    """Times are ms, in some fields and exports seconds; a missing one is unknown, never 1970."""
    item = one(tmp_path, row(date=written, date_sent="1609459190"))
    assert item.sent == (None if at is None else Moment(at))
    assert dict(item.attributes)["date_sent"] == "1609459190000"


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("+1 (612) 555-0123", AddressKind.PHONE),
        ("(612) 555-0123", AddressKind.PHONE),
        ("40404", AddressKind.PHONE),
        ("*86", AddressKind.PHONE),
        ("clerk@city.example", AddressKind.EMAIL),
        ("CityWater", AddressKind.HANDLE),
    ],
)
def test_kinds_of_addresses(tmp_path: Path, address: str, kind: AddressKind) -> None:
    """Short codes are numbers, companies send under names, and some messages come from e-mail addresses."""
    (party,) = one(tmp_path, row(address=address, contact_name="(Unknown)")).parties
    assert (party.role, party.address, party.kind, party.name) == (PartyRole.AUTHOR, address, kind, None)


def test_own_number_is_the_other_side(tmp_path: Path) -> None:
    """With its number given, this phone is named as sender or recipient."""
    sent = one(tmp_path, row(type="2", contact_name="Ann"), own_number="(612) 555-0100")
    assert [(party.role, party.address, party.name) for party in sent.parties] == [
        (PartyRole.AUTHOR, "+16125550100", None),
        (PartyRole.TO, "+16125550123", "Ann"),
    ]


def test_surrogates_and_illegal_references(tmp_path: Path) -> None:
    """Surrogate pairs become their character; lone halves, &#0; and bare ampersands are repaired and counted."""
    bodies = [
        "&#55357;&#56832; ok &#xD83D;&#xde00;&#10;next",
        "lone &#55357; half",
        "low &#xDE00;&#xD83D; swapped",
        "zero &#0; and &#x1F; and &#65534; and &#99999999999;",
        "high then zero &#xD83D;&#0;",
        "R & D &unknown; &amp; more",
        "raw \x07 bell",
    ]
    rows = [row(body="@").replace("@", body) for body in bodies]
    (page,) = pages(write(tmp_path / "sms.xml", backup(*rows)))
    assert [item.text for item in page.items if isinstance(item, Item)] == [
        "😀 ok 😀\nnext",
        "lone \ufffd half",
        "low \ufffd\ufffd swapped",
        "zero \ufffd and \ufffd and \ufffd and \ufffd",
        "high then zero \ufffd\ufffd",
        "R & D &unknown; & more",
        "raw \ufffd bell",
    ]
    assert [item.raw for item in page.items] == [text.encode() for text in rows]
    assert page.warnings == ("sms.xml: 12 characters that XML forbids were replaced by U+FFFD or taken literally",)


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    """Wrong bytes lose themselves only; surrogates written as three bytes each are joined."""
    content = backup(row(body="caf@ ~")).encode().replace(b"@", b"\xe9").replace(b"~", b"\xed\xa0\xbd\xed\xb8\x80")
    (page,) = pages(write(tmp_path / "sms.xml", content))
    assert [item.text for item in page.items if isinstance(item, Item)] == ["caf\ufffd 😀"]
    assert "1 characters" in page.warnings[0]


def test_mms_parts(tmp_path: Path) -> None:
    """Layout is no attachment, plain parts are the text, everything else is attached under its best name."""
    data = base64.b64encode(b"\xff\xd8picture").decode()
    parts = (
        row("part", seq="0", ct="application/smil", cl="smil.xml", text="<smil/>")
        + row("part", seq="1", ct="text/plain", cl="t.txt", text="First")
        + row(
            "part", seq="2", ct="text/plain; charset=utf-8", text="null", data=base64.b64encode("é".encode()).decode()
        )
        + row("part", seq="3", ct="image/jpeg", cl="null", name="null", fn="a.jpg", text="null", data=data)
        + row("part", seq="4", ct="text/x-vCard", cl="c.vcf", text="BEGIN:VCARD")
        + row("part", seq="5", ct="null", cl="null", data="QQ=\n=")
    )
    item = one(tmp_path, mms(parts, sub="Plans", m_id="abc@mms"))
    assert (item.text, item.title, item.message_id) == ("First\né", "Plans", "abc@mms")
    assert [(file.name, file.media_type, file.content) for file in item.attachments] == [
        ("a.jpg", "image/jpeg", b"\xff\xd8picture"),
        ("c.vcf", "text/x-vcard", b"BEGIN:VCARD"),
        ("part 5", "application/octet-stream", b"A"),
    ]


def test_media_left_out_or_damaged(tmp_path: Path) -> None:
    """A part without content is named, one that is no base64 is kept as written, and both are said."""
    parts = row("part", ct="image/png", cl="a.png", text="null") + row(
        "part", ct="image/png", cl="b.png", data="QQ==QQ=="
    )
    (page,) = pages(write(tmp_path / "sms.xml", backup(mms(parts))))
    (item,) = page.items
    assert isinstance(item, Item)
    assert item.attributes == (("missing_attachment", "a.png"),)
    assert [file.content for file in item.attachments] == [b"QQ==QQ=="]
    assert [warning.split(": ")[1][:14] for warning in page.warnings] == ["1 attachments ", "1 attachments "]


def test_large_media_are_spooled(tmp_path: Path) -> None:
    """A part above 1 MiB becomes a Blob, and so do the raw bytes of its message, whether or not it fits the buffer."""
    for size in (1_500_000, 9_000_000):
        sink = MemorySink()
        content = os.urandom(size)
        data = base64.b64encode(content).decode()
        parts = row("part", ct="video/mp4", cl="v.mp4", data=data) + row("part", ct="text/plain", text="it's here")
        text = mms(parts)
        before, item, after = read(tmp_path, row(body="a"), text, row(body="b"), sink=sink)
        assert (before.text, item.text, after.text) == ("a", "it's here", "b")
        media = item.attachments[0].content
        assert isinstance(media, Blob)
        assert sink.contents[media.ref] == content
        assert isinstance(item.raw, Blob)
        assert sink.contents[item.raw.ref] == text.encode()


def test_group_messages(tmp_path: Path) -> None:
    """A group has one thread whoever writes; the token stands for this phone; roles come from the addresses' types."""
    received = mms(
        addrs=row("addr", address="+16125550111", type="137")
        + row("addr", address="insert-address-token", type="151")
        + row("addr", address="612-555-0122", type="151")
        + row("addr", address="x@city.example", type="130")
        + row("addr", address="+16125550133", type="129"),
        address="+16125550111~(612) 555-0122",
        contact_name="Ann, Bob",
    )
    sent = mms(msg_box="2", address="+1 612 555 0122~6125550111", date="1609459300000")
    first, second = read(tmp_path, received, sent, own_number="+16125550100")
    assert first.thread_id == second.thread_id == "+16125550111~+16125550122"
    assert [(party.role, party.address, party.name) for party in first.parties] == [
        (PartyRole.AUTHOR, "+16125550111", None),
        (PartyRole.TO, "+16125550100", None),
        (PartyRole.TO, "612-555-0122", None),
        (PartyRole.CC, "x@city.example", None),
        (PartyRole.BCC, "+16125550133", None),
    ]
    assert [party.role for party in second.parties] == [PartyRole.AUTHOR, PartyRole.TO, PartyRole.TO]
    listed = one(tmp_path, mms(address="6125550111~6125550100~6125550122"), own_number="+16125550100")
    assert listed.thread_id == first.thread_id
    alone = one(tmp_path, row(address="(612) 555-0122"))
    assert alone.thread_id == "+16125550122"


@pytest.mark.parametrize(
    ("written", "direction", "call_type"),
    [
        ("1", Direction.RECEIVED, "incoming"),
        ("2", Direction.SENT, "outgoing"),
        ("3", Direction.RECEIVED, "missed"),
        ("4", Direction.RECEIVED, "voicemail"),
        ("5", Direction.RECEIVED, "rejected"),
        ("6", Direction.RECEIVED, "blocked"),
        ("42", Direction.UNKNOWN, "42"),
    ],
)
def test_calls(tmp_path: Path, written: str, direction: Direction, call_type: str) -> None:
    """Calls have a type, a duration and whether the caller showed the number; a withheld number is no party."""
    text = row("call", number="-2", duration="125", date="1609632000000", type=written, presentation="2")
    item = one(tmp_path, text)
    assert (item.kind, item.direction, item.text, item.parties) == (Kind.CALL, direction, "", ())
    expected = {"duration_s": "125", "call_type": call_type, "presentation": "restricted"}
    assert dict(item.attributes) == expected


def test_same_messages_in_a_later_backup_have_the_same_ids(tmp_path: Path) -> None:
    """Locale, renamed contacts, read marks, delivery, spelling of the number and position do not change an id."""
    picture = row("part", ct="image/png", cl="a.png", data="QUJD")
    old = [
        row(body="one", contact_name="Ann", readable_date="Jan 1, 2021", read="0", type="4"),
        row("call", number="6125550123", date="1609632000000", type="1", duration="3", contact_name="Ann"),
        mms(picture, date="1609632000000", tr_id="t1", seen="0"),
        mms(picture, date="1609632000000", m_id="m1", tr_id="t1"),
    ]
    new = [
        row(body="newer", date="1700000000000"),
        row(body="one", contact_name="Dr. Ann", readable_date="1.1.2021", read="1", type="2", address="(612) 555-0123"),
        row("call", number="+16125550123", date="1609632000000", type="1", duration="3", contact_name="(Unknown)"),
        mms(picture, date="1609632000000", tr_id="t1", seen="1"),
        mms(row("part", ct="image/png", cl="a.png"), date="1609632000000", m_id="m1", tr_id="t1"),
    ]
    first, second = read(tmp_path, *old), read(tmp_path, *new, own_number="+16125550100", default_region="GB")
    assert [item.native_id for item in first] == [item.native_id for item in second[1:]]
    assert len({item.native_id for item in second}) == 5


def test_different_messages_have_different_ids(tmp_path: Path) -> None:
    """Each of time, direction, address, text, media and carrier id tells two messages apart."""
    picture, other = (row("part", ct="image/png", data=data) for data in ("QUJD", "QUJE"))
    items = read(
        tmp_path,
        row(),
        row(date="1609459200001"),
        row(type="2"),
        row(address="+16125550124"),
        row(body="Hello."),
        mms(),
        mms(picture),
        mms(other),
        mms(other, tr_id="t"),
        mms(other, m_id="m"),
        row("call", number="+16125550123", date="1609459200000", type="1"),
    )
    assert len({item.native_id for item in items}) == len(items)


def test_equal_rows_are_numbered(tmp_path: Path) -> None:
    """True duplicates within one file are two items, with the same ids each time the file is read."""
    items = read(tmp_path, row(), row(body="x"), row(), row(), row(date="1609459200001"))
    ids = [item.native_id for item in items]
    assert len(set(ids)) == 5
    assert (ids[2], ids[3]) == (f"{ids[0]}:2", f"{ids[0]}:3")


def test_unreadable_rows_are_kept_raw(tmp_path: Path) -> None:
    """A row that is no XML even after repair becomes an Unreadable with its bytes and position."""
    bad = '<sms address="1" address="2" />'
    (page,) = pages(write(tmp_path / "sms.xml", backup(row(body="a"), bad, row(body="b"))))
    first, broken, last = page.items
    assert isinstance(broken, Unreadable)
    assert isinstance(first, Item)
    assert isinstance(last, Item)
    assert (first.text, last.text, broken.raw) == ("a", "b", bad.encode())
    assert broken.position.startswith("sms.xml:5, byte ")
    assert "duplicate attribute" in broken.reason
    assert page.warnings == (f"sms.xml: 1 stretches could not be read, the first at {broken.position}",)
