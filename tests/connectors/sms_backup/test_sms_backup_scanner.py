"""Rows are found in any bytes, whatever the chunks they come in."""

import base64
from collections.abc import Iterator
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sms_backup.markup import Malformed, decoded, tags
from connectors.sms_backup.scanner import Scanner, Stretch

GOOD = b"""<?xml version='1.0'?>
<!-- not <sms body="this" /> -->
<smses count="4">
  <sms address="1" body='say "hi" > bye' />
  <mms a="1"><parts><part ct="x" data="QUJDREVGR0g=" text="it's"/>
    <part text='"' data='SUo='/></parts>
    <addrs><addr address="2"/></addrs></mms>
  <call number="3"></call><mms b="2"/>
</smses>
"""
DAMAGED = (
    b'<smses count="9"><sms a="1"/> lost text <sms a="2"/><sms a="3 <sms a="4"/><mms><parts>'
    b'<mms a="5"><parts><part data="QQ=="/></parts></mms>'
    b'<foo x="<sms a="6"/></bar><!-- <sms a="7"/>\n\x00\xff<![CDATA[ < ]]>'
    b'<call a="8"/><sms a="9"></mms><sms a="10"/></smses> tail <sms a="11"/>'
)


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    """Cut bytes into chunks of one size."""
    return (content[at : at + size] for at in range(0, len(content), size))


def scan(content: bytes, size: int = 1 << 20, large: int = 4 << 20, fill: int = 1) -> list[Stretch]:
    """Scan bytes in chunks."""
    return list(Scanner(pieces(content, size), fill=fill, large=large))


def restored(content: bytes, stretch: Stretch) -> list[tuple[str, dict[str, str]]]:
    """Return a row's tags with the values that were left in the file."""
    found, _ = tags(stretch.body)
    for (number, name), (start, end) in stretch.cuts.items():
        found[number][1][name] = content[start:end].decode()
    return found


def test_rows_and_their_bytes() -> None:
    """Quotes, ">" in values, comments, both forms of an end: each row has exactly its own bytes and its line."""
    found = scan(GOOD)
    assert [row.tag for row in found] == ["sms", "mms", "call", "mms"]
    assert [row.line for row in found] == [4, 5, 8, 8]
    assert all(row.body == GOOD[row.start : row.end] for row in found)
    assert found[0].body == b"""<sms address="1" body='say "hi" > bye' />"""
    assert found[1].body.endswith(b"</mms>")
    assert found[2].body == b'<call number="3"></call>'


def test_damage_is_passed_over_to_the_next_row() -> None:
    """Lost quotes, missing ends, foreign elements and text become stretches; the rows between them are all found."""
    found = scan(DAMAGED)
    rows = [tags(row.body)[0][0][1]["a"] for row in found if row.tag]
    assert rows == ["1", "2", "4", "5", "6", "7", "8", "10", "11"]
    broken = [row for row in found if not row.tag]
    assert [DAMAGED[row.start : row.end].strip() for row in broken] == [
        b"lost text",
        b'<sms a="3',
        b"<mms><parts>",
        b'<foo x="',
        b"</bar><!--",
        b"\x00\xff<![CDATA[ < ]]>",
        b'<sms a="9"></mms>',
        b"tail",
    ]
    assert all(row.reason for row in broken)
    assert [row.start for row in found] == sorted(row.start for row in found)


@pytest.mark.parametrize("content", [GOOD, DAMAGED, b"", b"\n", b"\xef\xbb\xbf<smses/>", b"<", b"<sms", GOOD + DAMAGED])
def test_chunk_borders_do_not_matter(content: bytes) -> None:
    """The same stretches come out for every chunk size."""
    whole = scan(content)
    for size in range(1, min(len(content), 90) + 1):
        assert scan(content, size) == whole


def test_large_rows_leave_their_media_in_the_file() -> None:
    """With a tiny buffer the same rows are found, each value of `data` as a range; chunk borders do not matter."""
    for content in (GOOD, DAMAGED):
        whole = [row for row in scan(content) if row.tag]
        for large in (1, 10, 40):
            first = scan(content, large=large)
            rows = [row for row in first if row.tag]
            assert [(row.tag, row.start, row.end, row.line, row.end_line) for row in rows] == [
                (row.tag, row.start, row.end, row.line, row.end_line) for row in whole
            ]
            assert [restored(content, row) for row in rows] == [restored(content, row) for row in whole]
            for size in range(1, 60):
                assert scan(content, size, large=large) == first
    assert scan(GOOD, large=40)[1].cuts.keys() == {(2, "data"), (3, "data")}


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_a_large_row_without_its_end_does_not_swallow_the_next(size: int) -> None:
    """A value of `data` that was cut off ends at the next row, also when it is too large for the buffer."""
    content = b"""<smses><mms a="1"><parts><part data="QUJD\n<sms a='2'/><sms a="3"/></smses>"""
    found = scan(content, size, large=10)
    assert [(row.tag, row.line) for row in found] == [("", 1), ("sms", 2), ("sms", 2)]
    assert content[found[0].start : found[0].end] == content[7 : found[1].start]


def test_going_on_at_a_row() -> None:
    """A scan that goes on at the end of any stretch finds the rest, with the right lines."""
    for content in (GOOD, DAMAGED):
        found = scan(content)
        for number, row in enumerate(found):
            rest = Scanner(pieces(content[row.end :], 7), row.end, row.end_line)
            assert list(rest) == found[number + 1 :]


def test_truncated_anywhere() -> None:
    """Cut at every byte: no exception, and every row that is complete comes out."""
    content = GOOD.replace(b"<sms body", b"sms body")  # an unfinished comment is passed over only up to the next row
    ends = [row.end for row in scan(content)]
    for length in range(len(content) + 1):
        found = scan(content[:length])
        assert len([row for row in found if row.tag]) == sum(end <= length for end in ends)
        assert sum(not row.tag for row in found) <= 1


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 40), st.integers(0, len(GOOD)))
def test_any_noise(noise: bytes, size: int, at: int) -> None:
    """Whatever bytes are put into a file, nothing is read twice and chunk borders do not matter."""
    content = GOOD[:at] + noise + GOOD[at:]
    whole = scan(content)
    assert scan(content, size) == whole
    edge = 0
    for row in whole:
        assert edge <= row.start < row.end <= len(content)
        edge = row.end


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                b"<sms a='",
                b"'/>",
                b'"',
                b"<mms>",
                b"</mms>",
                b"<!--",
                b"-->",
                b"<part data='",
                b"x",
                b"<call/>",
                b"</smses>",
                b"<smses>",
                b"\n",
            ]
        ),
        max_size=24,
    ),
    st.integers(1, 9),
    st.sampled_from([1, 12, 30, 1 << 20]),
)
def test_any_markup(parts: list[bytes], size: int, large: int) -> None:
    """Rows come out of every jumble of tags, quotes and comments the same way for every chunk size and buffer."""
    content = b"".join(parts)
    whole = scan(content, large=large)
    assert scan(content, size, large=large) == whole
    plain = [(row.start, row.end) for row in scan(content) if row.tag]
    parsed = [(row.start, row.end) for row in whole if row.tag]
    assert set(parsed) <= set(plain)


def encode(text: str, style: int) -> str:
    """Write an attribute's value as exporters do: escaped, or with references to (halves of) characters."""
    if style == 0:
        return quoteattr(text, {"\r": "&#13;"})
    units = text.encode("utf-16-be")
    numbers = [int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2)]
    return '"' + "".join(f"&#{number};" if style == 1 else f"&#x{number:X};" for number in numbers) + '"'


XML_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]).filter(lambda c: c not in "\ufffe\uffff")
    | st.sampled_from("\n\r\t😀&<>\"'")
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(XML_TEXT, XML_TEXT, st.integers(0, 2)), max_size=8), st.integers(1, 50))
def test_any_text_comes_back(messages: list[tuple[str, str, int]], size: int) -> None:
    """Random text written as such XML, with escapes and surrogate pairs, comes back exactly."""
    rows = "".join(f"<sms address={encode(who, 0)} body={encode(body, style)}/>\n" for who, body, style in messages)
    found = scan(f"<smses>{rows}</smses>".encode(), size)
    parsed = [tags(row.body) for row in found]
    assert [(row[0][0][1]["address"], row[0][0][1]["body"]) for row in parsed] == [m[:2] for m in messages]
    assert sum(row[1] for row in parsed) == 0


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(1, 30))
def test_base64_in_any_chunks(content: bytes, size: int) -> None:
    """Base64 with line breaks and their references decodes the same in any chunks."""
    written = base64.encodebytes(content)
    for text in (written, written.replace(b"\n", b"&#10;\r\n&#xA;"), written.strip().rstrip(b"=")):
        assert b"".join(decoded(pieces(text, size))) == content


@pytest.mark.parametrize("written", [b"QQ==QQ==", b"Q", b"@@@@", b"QUJD&amp;", b"QUJD&" + b"1" * 40])
def test_what_is_no_base64(written: bytes) -> None:
    """Wrong base64 is refused for every chunk size, never decoded in part."""
    for size in range(1, len(written) + 1):
        with pytest.raises(Malformed):
            list(decoded(pieces(written, size)))
