"""The feed connector against a server of feeds: conditional requests, moves, ends, broken documents."""

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.conformance import Scenario, check_connector, make_context
from connectors.contract import Cursor, Page, Window
from connectors.errors import ConnectorError, Misconfigured, Retry, SourceGone
from connectors.feed.connector import CONNECTOR
from schema.item import Item, Moment
from schema.vocab import AddressKind, Direction, Kind, PartyRole, Precision, Visibility
from tests.fixtures.http_server import Reply, Script, redirect, serve, text_reply

ENTRY = """<entry>
  <id>tag:city.example,2026:7</id><title type="html">Snow &lt;b&gt;emergency&lt;/b&gt;</title>
  <link href="/news/7"/><link rel="enclosure" href="/map.pdf" type="application/pdf"/>
  <published>2026-01-05T06:30:00-06:00</published><updated>2026-01-05T07:00:00-06:00</updated>
  <author><name>Public Works</name><email>works@city.example</email></author><category term="snow"/>
  <content type="html">&lt;p&gt;Move your cars.&lt;/p&gt;&lt;script&gt;x()&lt;/script&gt;
  &lt;ul&gt;&lt;li&gt;now</content>
</entry>"""
ATOM = f"""<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>City</title><id>x</id>
{ENTRY}
</feed>"""


def rss(*items: str) -> str:
    """Write an RSS document."""
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>{"".join(items)}</channel></rss>'


def item(number: int, text: str = "text") -> str:
    """Write an RSS item with a guid and a day."""
    return (
        f"<item><guid>g{number}</guid><title>T{number}</title><description>{text}</description>"
        f"<pubDate>Mon, {number:02} Jan 2026 08:00 CST</pubDate></item>"
    )


def feed_reply(text: str | bytes, **headers: str) -> Reply:
    """Answer with a feed."""
    return text_reply(text, "application/rss+xml", **headers)


@pytest.fixture
def server() -> Iterator[Script]:
    """A scripted server."""
    with serve() as script:
        yield script


def pull(server: Script, settings: dict[str, Any], cursor: Cursor | None = None, **options: Any) -> list[Page]:
    """Pull to the end."""
    context = make_context(settings, private_hosts=frozenset({server.host}), **options)
    return list(CONNECTOR().pull(context, cursor, Window()))


def found(pages: list[Page]) -> list[Item]:
    """All items of some pages, in order."""
    return [one for page in pages for one in page.items if isinstance(one, Item)]


def said(pages: list[Page]) -> str:
    """All warnings of some pages."""
    return " ".join(warning for page in pages for warning in page.warnings)


def test_it_conforms(server: Script) -> None:
    """The connector keeps the contract for a feed that stands still."""
    server.on("/feed", feed_reply(rss(*(item(number) for number in range(1, 29)))))
    scenario = Scenario({"url": server.url("/feed")}, private_hosts=frozenset({server.host}), least_items=28)
    assert check_connector(CONNECTOR, scenario) == []


def test_a_long_feed_conforms_page_by_page(server: Script) -> None:
    """Thousands of entries come in pages, and going on in between loses none."""
    entries = [f"<item><guid>{number}</guid><title>t</title></item>" for number in range(1234)]
    whole = feed_reply(rss(*entries), etag='"1"')
    server.on("/feed", lambda request: Reply(304) if request.headers.get("if-none-match") else whole)
    scenario = Scenario({"url": server.url("/feed")}, private_hosts=frozenset({server.host}), least_items=1234)
    assert check_connector(CONNECTOR, scenario) == []


def test_an_entry_becomes_an_article_with_its_own_bytes(server: Script) -> None:
    """All that an Atom entry says, as a reader sees it, with the exact bytes of the entry as evidence."""
    server.on("/a", text_reply(ATOM, "application/atom+xml; charset=utf-8", x_request_id="r1"))
    (one,) = found(pull(server, {"url": server.url("/a")}))
    assert one.native_id == server.url("/a") + "#tag:city.example,2026:7"
    assert (one.kind, one.visibility, one.direction) == (Kind.ARTICLE, Visibility.PUBLIC, Direction.SENT)
    assert (one.title, one.text, one.url) == ("Snow emergency", "Move your cars.\n\nnow", server.url("/news/7"))
    assert one.raw == ENTRY.encode()
    assert one.sent == Moment(1767616200000, -360, Precision.SECOND)
    assert one.edited == Moment(1767618000000, -360, Precision.SECOND)
    (author,) = one.parties
    assert (author.role, author.kind) == (PartyRole.AUTHOR, AddressKind.EMAIL)
    assert (author.address, author.name) == ("works@city.example", "Public Works")
    assert one.attributes == (("category", "snow"), ("enclosure", server.url("/map.pdf")))
    assert (one.provenance.url, one.provenance.status, one.provenance.request_id) == (server.url("/a"), 200, "r1")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Mon, 05 Jan 2026 08:00:30 -0600", Moment(1767621630000, -360, Precision.SECOND)),
        ("Mon, 05 Jan 2026 08:00:30 -0000", Moment(1767600030000, None, Precision.SECOND)),
        ("Mon, 05 Jan 2026 08:00 CST", Moment(1767621600000, -360, Precision.MINUTE)),
        ("Mon, 05 Jan 2026 08:00:00 GMT", Moment(1767600000000, 0, Precision.SECOND)),
        ("2026-01-05T08:00:00Z", Moment(1767600000000, 0, Precision.SECOND)),
        ("2026-01-05T08:00+05:30", Moment(1767580200000, 330, Precision.MINUTE)),
        ("2026-01-05", Moment(1767571200000, None, Precision.DAY)),
        ("Mon, 05 Jan 2026", Moment(1767571200000, None, Precision.DAY)),
        ("2026-01", Moment(1767225600000, None, Precision.UNKNOWN)),
        ("next Tuesday", None),
    ],
)
def test_a_date_keeps_its_offset_and_exactness(server: Script, text: str, moment: Moment | None) -> None:
    """What the feed does not say is not made up: no second, no zone."""
    server.on("/a", feed_reply(rss(f"<item><guid>1</guid><pubDate>{text}</pubDate></item>")))
    (one,) = found(pull(server, {"url": server.url("/a")}))
    assert one.sent == moment


def test_an_unchanged_feed_is_asked_for_conditionally(server: Script) -> None:
    """ETag and Last-Modified go back to the server; 304 hands over nothing and loses nothing."""
    server.on("/a", feed_reply(rss(item(1)), etag='"e1"', last_modified="Mon, 05 Jan 2026 08:00:00 GMT"))
    first = pull(server, {"url": server.url("/a")})
    server.on("/a", Reply(304))
    second = pull(server, {"url": server.url("/a")}, first[-1].next_cursor)
    assert server.requests[-1].headers["if-none-match"] == '"e1"'
    assert server.requests[-1].headers["if-modified-since"] == "Mon, 05 Jan 2026 08:00:00 GMT"
    assert found(second) == []
    assert said(second) == ""
    server.on("/a", feed_reply(rss(item(2), item(1))))
    third = pull(server, {"url": server.url("/a")}, second[-1].next_cursor)
    assert server.requests[-1].headers["if-none-match"] == '"e1"'
    assert [one.title for one in found(third)] == ["T2", "T1"]
    assert all(page.complete is None and page.gone == () for page in first + second + third)


def test_a_changed_entry_is_the_same_record(server: Script) -> None:
    """The id stays, the content differs; accession makes a version of it."""
    server.on("/a", feed_reply(rss(item(1, "before"))))
    first = pull(server, {"url": server.url("/a")})
    server.on("/a", feed_reply(rss(item(1, "after"))))
    second = pull(server, {"url": server.url("/a")}, first[-1].next_cursor)
    assert [one.native_id for one in found(first)] == [one.native_id for one in found(second)]
    assert [one.text for one in found(first) + found(second)] == ["before", "after"]


def test_a_feed_that_moved_for_good_keeps_its_ids(server: Script) -> None:
    """301 is a warning once; the next run asks the new address, and entries keep the ids of the old one."""
    server.on("/old", redirect("/new", 301))
    server.on("/new", feed_reply(rss(item(1), "<item><guid isPermaLink='false'>rel/2</guid></item>")))
    first = pull(server, {"url": server.url("/old")})
    assert "moved for good" in said(first)
    assert all(one.native_id.startswith(server.url("/old") + "#") for one in found(first))
    server.requests.clear()
    second = pull(server, {"url": server.url("/old")}, first[-1].next_cursor)
    assert [request.path for request in server.requests] == ["/new"]
    assert said(second) == ""
    assert [one.native_id for one in found(first)] == [one.native_id for one in found(second)]


def test_a_temporary_redirect_is_not_remembered(server: Script) -> None:
    """302 leaves the address as it is."""
    server.on("/old", redirect("/new", 302))
    server.on("/new", feed_reply(rss(item(1))))
    first = pull(server, {"url": server.url("/old")})
    server.requests.clear()
    pull(server, {"url": server.url("/old")}, first[-1].next_cursor)
    assert [request.path for request in server.requests] == ["/old", "/new"]


@pytest.mark.parametrize(
    ("reply", "error"),
    [(Reply(410), SourceGone), (Reply(404), Misconfigured), (Reply(500), Retry), (Reply(200, b"x" * 99, cut=5), Retry)],
)
def test_a_feed_that_cannot_be_read_raises_what_to_do(server: Script, reply: Reply, error: type[Exception]) -> None:
    """Gone is gone, not found is a setting, a broken server is a reason to come back."""
    server.on("/a", reply)
    with pytest.raises(error):
        pull(server, {"url": server.url("/a")})


def test_one_broken_feed_does_not_stop_the_others(server: Script) -> None:
    """Of several addresses those that work are read; the others are warnings, with what to do."""
    server.on("/a", Reply(410))
    server.on("/b", feed_reply(rss(item(1))))
    pages = pull(server, {"url": f"{server.url('/a')} {server.url('/b')}\n{server.url('/c')}"})
    assert [one.native_id for one in found(pages)] == [server.url("/b") + "#g1"]
    assert "410" in said(pages)
    assert "404" in said(pages)
    with pytest.raises(ConnectorError):
        pull(server, {"url": f"{server.url('/a')} {server.url('/c')}"})


def test_the_same_guid_in_two_feeds_is_two_records(server: Script) -> None:
    """A guid is unique in its feed only."""
    server.fallback = feed_reply(rss("<item><guid>1</guid><title>one</title></item>"))
    pages = pull(server, {"url": f"{server.url('/a')} {server.url('/b')}"})
    assert len({one.native_id for one in found(pages)}) == 2


def test_entries_without_id_and_date_have_stable_ids(server: Script) -> None:
    """Link, else title, else text name an entry; a newer entry above it changes nothing."""
    bare = ["<item><title>A</title></item>", "<item><description>only text</description></item>", "<item/>"]
    linked = "<item><link>http://city.example/1</link><title>A</title></item>"
    server.on("/a", feed_reply(rss(*bare, linked)))
    first = found(pull(server, {"url": server.url("/a")}))
    server.on("/a", feed_reply(rss("<item><title>New</title></item>", *bare, linked)))
    second = found(pull(server, {"url": server.url("/a")}))
    assert len({one.native_id for one in first}) == 4
    assert [one.native_id for one in second][1:] == [one.native_id for one in first]
    assert first[3].native_id.endswith("#http://city.example/1")
    assert all(one.raw for one in first)
