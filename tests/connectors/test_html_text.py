"""Plain text of HTML: what a reader sees, also of hostile markup."""

import time

import pytest

from connectors.html_text import plain_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("plain  text\n", "plain text"),
        ("a < b", "a < b"),
        ("<p>One<br>two</p><p>Three</p>", "One\ntwo\n\nThree"),
        ("wo<b>rd</b> &amp; &lt;b&gt;", "word & <b>"),
        ("<script>x()</script><style>p{}</style>seen", "seen"),
        ("<ul><li>a</li><li>b</li></ul>", "a\n\nb"),
        ('<img src="http://x/" alt="A plow"> road', "A plow road"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
        ("<!-- no --><p>yes", "yes"),
        ("a<![CDATA[b]]>c", "ac"),
        ('<a title="x<y">z</a>', "z"),
        ("1 < 2 <p>and 3 > 2", "1 < 2\nand 3 > 2"),
    ],
)
def test_a_reader_sees_lines(html: str, text: str) -> None:
    """Blocks and breaks are lines, inline tags join, what is not shown is not text."""
    assert plain_text(html) == text


@pytest.mark.parametrize(
    "html",
    ["<div>" * 20_000 + "x", "<" * 50_000, "&" * 50_000, "<p " * 20_000, "<![CDATA[x>" * 20_000, "<!--x>" * 100_000],
)
def test_hostile_markup_ends(html: str) -> None:
    """Depth and repetition cost time in proportion, and raise nothing."""
    start = time.monotonic()
    plain_text(html)
    assert time.monotonic() - start < 10
