"""Feeds that move, end, break or answer oddly."""

import pytest

from connectors.conformance import MemorySink, make_context
from connectors.errors import Misconfigured
from connectors.feed.connector import CONNECTOR
from schema.item import Blob, Unreadable
from tests.connectors.feed.test_feed_connector import (
    ATOM,
    feed_reply,
    found,
    item,
    pull,
    rss,
    said,
    server,  # noqa: F401  (a fixture)
)
from tests.fixtures.http_server import Reply, Script, text_reply


def test_entries_that_share_an_id_do_not_become_versions_of_each_other(server: Script) -> None:
    """A careless feed uses one guid for all its entries; each stays a record of its own, twins are one."""
    same = [f"<item><guid>x</guid><title>{title}</title></item>" for title in ("A", "B", "C", "C")]
    server.on("/a", feed_reply(rss(*same)))
    one = found(pull(server, {"url": server.url("/a")}))
    assert [entry.title for entry in one] == ["A", "B", "C"]
    assert len({entry.native_id for entry in one}) == 3


def test_a_document_that_is_no_feed_is_kept_whole(server: Script) -> None:
    """It is one Unreadable with all its bytes, and it is read again next time even if the server says unchanged."""
    server.on("/a", text_reply(b"\x00\x01 nonsense", "application/xml", etag='"1"'))
    pages = pull(server, {"url": server.url("/a")})
    (broken,) = [one for page in pages for one in page.items]
    assert isinstance(broken, Unreadable)
    assert broken.raw == b"\x00\x01 nonsense"
    pull(server, {"url": server.url("/a")}, pages[-1].next_cursor)
    assert "if-none-match" not in server.requests[-1].headers


@pytest.mark.parametrize(
    "end", ["<item><guid>2</guid><title>cut off", "<item><guid>2</guid>&nbsp;</item></channel></rss>"]
)
def test_a_document_that_is_not_well_formed_keeps_its_entries(server: Script, end: str) -> None:
    """What can be read is kept, with a warning."""
    server.on("/a", feed_reply(rss(item(1)).replace("</channel></rss>", "") + end))
    pages = pull(server, {"url": server.url("/a")})
    assert found(pages)[0].native_id == server.url("/a") + "#g1"
    assert all(one.raw for one in found(pages))
    assert "not well-formed" in said(pages)


def test_bytes_are_cut_out_even_where_the_document_is_damaged(server: Script) -> None:
    """An HTML entity in XML is common; the entry's own bytes are still found."""
    broken = "<item><guid>2</guid><title>a&nbsp;b</title></item>"
    server.on("/a", feed_reply(rss(item(1), broken)))
    one = found(pull(server, {"url": server.url("/a")}))
    assert [entry.raw for entry in one] == [item(1).encode(), broken.encode()]


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "utf-16", "windows-1252"])
def test_encodings_are_understood(server: Script, encoding: str) -> None:
    """Text is right in every encoding; raw bytes are the entry's own where they can be cut, else its parsed form."""
    body = (
        rss("<item><guid>1</guid><title>Café</title></item>")
        .replace("?>", f' encoding="{encoding}"?>', 1)
        .encode(encoding)
    )
    server.on("/a", feed_reply(body))
    (one,) = found(pull(server, {"url": server.url("/a")}))
    assert one.title == "Café"
    assert one.raw_type == ("application/json" if encoding == "utf-16" else "application/xml")


def test_entities_of_strangers_do_not_grow(server: Script) -> None:
    """A billion laughs stays small, an external entity is not read; the entry's bytes are kept as they came."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE rss [<!ENTITY l0 "haha">{laughs}<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    entry = "<item><guid>1</guid><title>&l9;&x;</title></item>"
    server.on("/a", feed_reply(rss(entry).replace("?>", "?>" + bomb, 1)))
    (one,) = found(pull(server, {"url": server.url("/a")}))
    assert one.raw == entry.encode()
    assert "root:" not in str(one)
    assert len(one.title or "") < 1000


def test_enclosures_are_kept_when_asked_for(server: Script) -> None:
    """Files come in the same run, large ones as Blobs; one that is gone is a warning and loses nothing else."""
    server.on("/map.pdf", text_reply(b"%PDF" + b"x" * 2_000_000, "application/pdf"))
    server.on("/a", text_reply(ATOM, etag='"1"'))
    sink = MemorySink()
    (one,) = found(pull(server, {"url": server.url("/a"), "enclosures": "yes"}, sink=sink))
    (kept,) = one.attachments
    assert (kept.name, kept.media_type) == ("map.pdf", "application/pdf")
    assert isinstance(kept.content, Blob)
    assert len(sink.contents[kept.content.ref]) == 2_000_004
    server.on("/map.pdf", Reply(404))
    pages = pull(server, {"url": server.url("/a"), "enclosures": "yes"})
    assert found(pages)[0].attachments == ()
    assert "enclosed file" in said(pages)
    server.on("/map.pdf", Reply(503))
    pages = pull(server, {"url": server.url("/a"), "enclosures": "yes"})
    pull(server, {"url": server.url("/a"), "enclosures": "yes"}, pages[-1].next_cursor)
    asked = [request for request in server.requests if request.path == "/a"][-1]
    assert "if-none-match" not in asked.headers


def test_a_gap_is_stated_when_two_readings_do_not_overlap(server: Script) -> None:
    """If nothing of the last reading is listed any more, entries may have come and gone unseen."""
    server.on("/a", feed_reply(rss(item(3), item(2))))
    first = pull(server, {"url": server.url("/a")}, now=1_000_000)
    server.on("/a", feed_reply(rss(item(4), item(3))))
    second = pull(server, {"url": server.url("/a")}, first[-1].next_cursor, now=2_000_000)
    server.on("/a", feed_reply(rss(item(9), item(8))))
    third = pull(server, {"url": server.url("/a")}, second[-1].next_cursor, now=3_000_000)
    assert [gap for page in first + second for gap in page.gaps] == []
    ((gap,),) = [page.gaps for page in third if page.gaps]
    assert (gap.since, gap.until) == (2_000_000, 3_000_000)


LISTING = '<!DOCTYPE HTML><html><title>Directory listing for /</title><a href="{}">x</a></html>'


def listing(*names: str) -> Reply:
    """Answer as `python -m http.server` lists a folder."""
    rows = "".join(f'<li><a href="{name}">{name}</a></li>' for name in names)
    return text_reply(
        f'<!DOCTYPE HTML><html lang="en"><head><title>Directory listing for /x/</title></head><ul>{rows}</ul></html>'
    )


def test_a_folder_listing_stands_for_the_feeds_below_it(server: Script) -> None:
    """Sub-folders are followed, other files and other places are not; each feed is remembered by itself."""
    server.on(
        "/x/", listing("../", "b/", "a.xml", "notes.txt", "?C=N;O=D", "http://elsewhere.example/c.xml", "/up.xml")
    )
    server.on("/x/b/", listing("deep%20one.rss", "../b/", "../../x/", "c/"))
    server.on("/x/b/c/", listing("last.atom", "broken.xml", "gone.xml"))
    for path in ("/x/a.xml", "/x/b/deep%20one.rss", "/x/b/c/last.atom"):
        server.on(path, feed_reply(rss(item(1)), last_modified="Mon, 05 Jan 2026 08:00:00 GMT"))
    server.on("/x/b/c/broken.xml", text_reply("nonsense", "text/xml"))
    pages = pull(server, {"url": server.url("/x/")})
    assert {one.native_id for one in found(pages)} == {
        server.url(path) + "#g1" for path in ("/x/a.xml", "/x/b/deep%20one.rss", "/x/b/c/last.atom")
    }
    assert "404" in said(pages)
    server.requests.clear()
    pull(server, {"url": server.url("/x/")}, pages[-1].next_cursor)
    assert len([request for request in server.requests if "if-modified-since" in request.headers]) == 3
    assert "up.xml" not in str(server.requests)


def test_a_folder_listing_can_be_switched_off(server: Script) -> None:
    """Without folder_index a listing is a web page, which is no feed."""
    server.on("/x/", listing("a.xml"))
    (broken,) = [one for page in pull(server, {"url": server.url("/x/"), "folder_index": "no"}) for one in page.items]
    assert isinstance(broken, Unreadable)


def test_a_web_page_is_answered_with_its_feeds(server: Script) -> None:
    """Whoever gives the home page learns the feed's address."""
    server.on("/", text_reply('<html><link rel="alternate" type="application/atom+xml" href="/feed.atom"></html>'))
    with pytest.raises(Misconfigured, match=r"/feed\.atom"):
        pull(server, {"url": server.url("/")})
    with pytest.raises(Misconfigured, match=r"/feed\.atom"):
        CONNECTOR().check(make_context({"url": server.url("/")}, private_hosts=frozenset({server.host})))


@pytest.mark.parametrize("url", ["", "   ", "city.example/feed", "file:///etc/passwd"])
def test_a_bad_address_is_named(url: str) -> None:
    """The setting is checked before anything is opened."""
    with pytest.raises(Misconfigured, match="url"):
        CONNECTOR().check(make_context({"url": url}))


def test_the_cursor_stays_small_for_many_feeds(server: Script) -> None:
    """A thousand feeds with long marks do not outgrow the cursor; what falls out is read again."""
    server.on("/x/", listing(*(f"{number}.xml" for number in range(1000))))
    server.fallback = feed_reply(rss(item(1)), etag='"' + "e" * 60 + '"', last_modified="Mon, 05 Jan 2026 08:00:00 GMT")
    pages = pull(server, {"url": server.url("/x/")})
    assert len(found(pages)) == 1000
    assert max(len(str(page.next_cursor)) for page in pages) < 64 << 10


def test_a_hostile_document_costs_no_more_than_its_length(server: Script) -> None:
    """Hundreds of thousands of tags that never close are gone through once."""
    server.on("/a", feed_reply("<rss><channel>" + "<item>" * 20_000))
    pull(server, {"url": server.url("/a")})


def test_validators_are_kept_only_where_every_entry_is_in_scope(server: Script) -> None:
    """An ETag or Last-Modified can be the newest entry's id or time: with one out of scope the feed is read whole."""
    whole = feed_reply(rss(item(1, "plow"), item(2, "zqcakezq")), etag='"zq2zq"')
    server.on("/a", lambda request: Reply(304) if request.headers.get("if-none-match") else whole)
    settings = {"url": server.url("/a")}
    first = pull(server, settings, in_scope=lambda one: "plow" in one.text)
    assert "zq2zq" not in str(first[-1].next_cursor)
    second = pull(server, settings, first[-1].next_cursor, in_scope=lambda one: "plow" in one.text)
    assert (len(found(second)), [page.gaps for page in second if page.gaps]) == (2, [])
    assert "zq2zq" in str(pull(server, settings)[-1].next_cursor)


def test_enclosures_of_entries_out_of_scope_are_not_fetched(server: Script) -> None:
    """What would be dropped with its entry is not asked for."""
    entry = f'<item><guid>1</guid><title>t</title><enclosure url="{server.url("/f")}" type="a/b"/></item>'
    server.on("/a", feed_reply(rss(entry)))
    settings = {"url": server.url("/a"), "enclosures": "yes"}
    assert len(found(pull(server, settings, in_scope=lambda one: False))) == 1
    assert server.seen("/f") == []
