"""What the shared mail reader makes of mails, well-formed and otherwise."""

import time
from pathlib import Path

import pytest

from connectors.conformance import NOON, MemorySink
from connectors.rfc822 import mail_item
from connectors.rfc822_headers import addresses, moment
from connectors.rfc822_text import decode_bytes, decode_words, html_text, unflow
from schema.item import Item, Provenance
from schema.vocab import AddressKind, PartyRole, Precision

PLACE = Provenance(NOON, position="test")
REPO = Path(__file__).resolve().parents[2]


def read(raw: bytes, **more: object) -> Item:
    item = mail_item(raw, native_id="n1", provenance=PLACE, sink=MemorySink(), **more)  # type: ignore[arg-type]
    assert isinstance(item, Item)
    return item


def mail(head: str, body: str = "hello\n") -> bytes:
    return f"{head}\n\n{body}".replace("\n", "\r\n").encode()


def values(item: Item, name: str) -> list[str]:
    return [value for have, value in item.attributes if have == name]


def test_a_plain_mail_is_read_completely() -> None:
    """Parties, time with its offset, ids, thread, subject without reply marks, and the raw bytes."""
    raw = mail(
        "Received: from a by b; Wed, 4 Apr 2012 05:22:50 +0000\n"
        "Message-ID: <2@x>\nIn-Reply-To: <1@x>\nReferences: <0@x>\n <1@x>\n"
        "Date: Tue, 3 Apr 2012 22:22:42 -0700\nSubject: =?utf-8?q?Re=3A_Fwd=3A_Stra=C3=9Fe?=\n"
        'From: "Doe, Jane" <jane@city.test>, bob@city.test\nTo: A <a@x.test>, =?utf-8?b?w5xuw6Ru?= <u@x.test>\n'
        "Cc: c@x.test\nBcc: d@x.test"
    )
    item = read(raw)
    assert item.raw == raw
    assert item.sent is not None
    assert (item.sent.at, item.sent.offset_min) == (1333516962000, -420)
    assert (item.message_id, item.in_reply_to, item.thread_id) == ("2@x", "1@x", "0@x")
    assert (item.title, item.thread_title) == ("Re: Fwd: Straße", "Straße")
    assert [(one.role, one.name, one.address) for one in item.parties] == [
        (PartyRole.AUTHOR, "Doe, Jane", "jane@city.test"),
        (PartyRole.AUTHOR, None, "bob@city.test"),
        (PartyRole.TO, "A", "a@x.test"),
        (PartyRole.TO, "Ünän", "u@x.test"),
        (PartyRole.CC, None, "c@x.test"),
        (PartyRole.BCC, None, "d@x.test"),
    ]
    assert item.text == "hello"
    assert values(item, "received_at") == ["2012-04-04T05:22:50+00:00"]


@pytest.mark.parametrize(
    ("written", "at", "offset", "precision"),
    [
        ("Mon, 5 Jan 2026 10:00:00 -0000", 1767607200000, None, Precision.SECOND),
        ("Mon, 5 Jan 2026 10:00 GMT", 1767607200000, 0, Precision.MINUTE),
        ("5 Jan 2026 10:00:00 +0530 (IST)", 1767587400000, 330, Precision.SECOND),
        ("Mon, 5 Jan 2026 10:00:00 EST", 1767625200000, -300, Precision.SECOND),
        ("7 Apr 94 17:35:09 GMT", 765740109000, 0, Precision.SECOND),
        ("Mon, 5 Jan 2026 10:00:00 +9900", 1767607200000, None, Precision.SECOND),
        ("Mon, 5 Jan 2026 10:00:00", 1767607200000, None, Precision.SECOND),
    ],
)
def test_dates_keep_what_their_writer_knew(written: str, at: int, offset: int | None, precision: Precision) -> None:
    """The instant, the offset or that it is unknown, and how exact it is."""
    found = moment(written, NOON)
    assert found is not None
    assert (found.at, found.offset_min, found.precision) == (at, offset, precision)


@pytest.mark.parametrize(
    "written",
    ["", "yesterday", "Mon, 31 Feb 2026 10:00:00 +0000", "Thu, 1 Jan 1970 00:00:00 +0000", "1 Jan 3609 1:00 GMT"],
)
def test_absurd_dates_are_unknown_and_kept_as_written(written: str) -> None:
    """A date that cannot be true gives no time; what was written stays visible."""
    item = read(mail(f"From: a@b.test\nDate: {written}"))
    assert item.sent is None
    assert values(item, "date_as_written") == ([written] if written else [])


def test_threads_fall_back_step_by_step() -> None:
    """References, else In-Reply-To, else the mail's own id, else the native id."""
    assert read(mail("From: a@b.test\nReferences: <r@x> <s@x>\nIn-Reply-To: <s@x>")).thread_id == "r@x"
    assert read(mail("From: a@b.test\nIn-Reply-To: <s@x>\nMessage-ID: <t@x>")).thread_id == "s@x"
    assert read(mail("From: a@b.test\nMessage-ID: <t@x>")).thread_id == "t@x"
    assert read(mail("From: a@b.test")).thread_id == "n1"


def test_attachments_of_every_kind() -> None:
    """Encoded names, inline images, nested mails byte for byte, TNEF as a file; none of them in the text."""
    inner = b"Subject: inner\r\nFrom: x@y.test\r\n\r\n>From the inside  \r\n"
    raw = (
        b'From: a@b.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="o"\r\n\r\npreamble\r\n'
        b"--o\r\nContent-Type: multipart/related; boundary=i\r\n\r\n"
        b"--i\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Hi <b>all</b></p><img src=cid:1 alt='logo'>\r\n"
        b"--i\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n"
        b"--i--\r\n"
        b"--o\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"\r\n"
        b"--o\r\nContent-Type: application/pdf; name*0*=utf-8'de'B%C3%BC; name*1=cher.pdf\r\n\r\n%PDF\r\n"
        b'--o\r\nContent-Disposition: attachment; filename="=?utf-8?b?w6QudHh0?="\r\n\r\nnot body\r\n'
        b"--o\r\nContent-Transfer-Encoding: base64\r\nContent-Type: application/ms-tnef; name=a.dat\r\n\r\neJ8+\r\n"
        b"--o--\r\nepilogue"
    )
    item = read(raw)
    assert item.text == "Hi all\nlogo"
    assert [(part.name, part.media_type, part.content) for part in item.attachments] == [
        ("part-2.png", "image/png", b"\x89PNG\r\n\x1a\n"),
        ("inner.eml", "message/rfc822", inner),
        ("Bücher.pdf", "application/pdf", b"%PDF"),
        ("ä.txt", "text/plain", b"not body"),
        ("a.dat", "application/ms-tnef", b"x\x9f>"),
    ]
    assert not values(item, "defect")


def test_of_an_alternative_the_plain_text_is_shown_unless_it_is_only_a_notice() -> None:
    """The plain twin is the text; a bare notice does not hide what the HTML says."""
    head = "From: a@b.test\nContent-Type: multipart/alternative; boundary=b"
    both = "--b\nContent-Type: text/plain\n\n{}\n--b\nContent-Type: text/html\n\n<p>{}</p>\n--b--\n"
    assert read(mail(head, both.format("plain words", "rich words"))).text == "plain words"
    item = read(mail(head, both.format("Your program cannot show this.", "The levee report. " * 40)))
    assert "cannot show this" in item.text
    assert "levee report" in item.text


def test_text_beside_an_alternative_is_kept() -> None:
    """What follows a signature or list footer part is text too."""
    body = (
        "--o\nContent-Type: text/plain\n\nfirst\n--o\nContent-Type: text/html\n\n<div>second</div>\n"
        "--o\nContent-Type: text/plain\n\nthird\n--o--\n"
    )
    assert read(mail("From: a@b.test\nContent-Type: multipart/mixed; boundary=o", body)).text == "first\nsecond\nthird"


@pytest.mark.parametrize(
    ("charset", "data", "text", "problem"),
    [
        ("utf-8", "ä".encode(), "ä", False),
        ("iso-8859-1", b"\x93q\x94", "“q”", False),
        ("gb2312", "镕".encode("gb18030"), "镕", False),
        ("us-ascii", "ä".encode(), "ä", True),
        ("no-such-charset", b"\xe4", "ä", True),
        ("zip", b"plain", "plain", True),
        ("unicode_escape", b"\\x41", "\\x41", True),
        ("idna", b"xn--a", "xn--a", True),
        ("utf-8", b"\xe4", "ä", True),
        ("utf-7", b"+2AA-", "?", False),
    ],
)
def test_charsets_are_read_as_senders_meant_them(charset: str, data: bytes, text: str, problem: bool) -> None:
    """Wrong or unknown character sets cost a note, never the text; names of transformations are no character sets."""
    found, note = decode_bytes(data, charset)
    assert found == text
    assert bool(note) is problem


def test_encoded_words_split_inside_a_character_are_joined() -> None:
    """Mailers that split a character between two words are common."""
    assert decode_words("=?utf-8?b?w6TD?= =?utf-8?b?tg==?= x =?iso-8859-1?q?=E4_b?=") == "äö x ä b"
    assert decode_words("=?utf-8?b?broken") == "=?utf-8?b?broken"
    assert decode_words("a =?x-unknown*en?q?b=2?= c") == "a b=2 c"


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("Jane <j@x.test>, b@x.test", [("Jane", "j@x.test"), (None, "b@x.test")]),
        ('"Doe, J." <j@x.test>', [("Doe, J.", "j@x.test")]),
        ("j@x.test (Jane Doe)", [("Jane Doe", "j@x.test")]),
        ("Friends: a@x.test, B <b@x.test>;", [(None, "a@x.test"), ("B", "b@x.test")]),
        ("undisclosed-recipients:;", []),
        ("broken <a@x.test", [("broken", "a@x.test")]),
        ("((((" * 5000 + " a@x.test", [(None, "a@x.test")]),
    ],
)
def test_addresses_in_every_way_they_are_written(written: str, found: list[tuple[str | None, str]]) -> None:
    """Names, comments, groups, broken ones."""
    got = [
        (name, address)
        for name, address, _ in addresses(written[:3000] + written[-9:] if len(written) > 9000 else written)
    ]
    assert got == found


def test_an_author_without_address_is_a_name() -> None:
    """A From that holds only words still names the author."""
    [party] = read("From: Сергей Обухов\nДобрый день.\n".encode()).parties
    assert (party.address, party.kind) == ("Сергей Обухов", AddressKind.NAME)


def test_flowed_lines_are_joined_and_quotes_kept() -> None:
    """RFC 3676: soft breaks join, quote depth and the signature separator stay."""
    text = "one \ntwo\n> quoted \n> more\n-- \nme"
    assert unflow(text, delsp=False) == "one two\n> quoted more\n-- \nme"
    item = read(mail("From: a@b.test\nContent-Type: text/plain; format=flowed; delsp=yes", "so \nft\n> q\n"))
    assert item.text == "soft\n> q"


def test_html_becomes_lines_without_scripts() -> None:
    """Blocks become lines; scripts, styles and comments vanish; broken markup loses no words."""
    page = (
        "<style>p{}</style><!-- x --><h1>A &amp; B</h1><p>one\n two<br>three<script>bad()</script></p><pre>x\n y</pre>"
    )
    assert html_text(page) == "A & B\n\none two\nthree\n\nx\ny"
    assert "kept" in html_text("<p title='a > b'>kept <b")
    assert "words" in html_text('<a href="never closed>words</a> more')


@pytest.mark.parametrize("piece", ["<pre>", "<!--", "<script", "<a '", '<a "', "</", "< ", "&#", "<img alt"])
def test_hostile_html_takes_linear_time(piece: str) -> None:
    """Half a megabyte of openings without an end is read at once."""
    began = time.perf_counter()
    html_text(piece * (500_000 // len(piece)))
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    "head",
    [
        "From: " + "a" * 300_000,
        "From: " + "(" * 20_000,
        "From: " + "a " * 100_000 + "<",
        "Subject: re" + " " * 300_000 + "x\nFrom: a@b.test",
        "Subject: " + "=?utf-8?q?a?= " * 20_000 + "\nFrom: a@b.test",
        "From: a@b.test\nContent-Type: text/plain; " + 'a="' * 50_000,
        "From: a@b.test\nContent-Disposition: attachment; filename*" + "9" * 5000 + "=x",
        "From: a@b.test\nDate: " + "1 " * 100_000,
        "From: a@b.test\nReferences: " + "<" * 300_000,
    ],
    ids=["name", "comments", "spaces", "subject", "words", "quotes", "number", "date", "references"],
)
def test_hostile_headers_take_linear_time(head: str) -> None:
    """No header makes the reader search for long, or raise."""
    began = time.perf_counter()
    read(mail(head))
    assert time.perf_counter() - began < 3
