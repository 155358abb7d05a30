"""A Mastodon account over several runs: edits, deletions, replies, limits and faults."""

import json
from typing import Any

import pytest

from connectors.conformance import MemorySink, make_context
from connectors.contract import Enumeration, Window
from connectors.errors import ConnectorError, Misconfigured, Reauthorize, Retry, SourceGone
from connectors.mastodon_account.connector import CONNECTOR
from schema.item import Blob, Item, Unreadable
from schema.vocab import Direction, Kind, Visibility
from tests.connectors.mastodon_account.test_mastodon_connector import (
    DAY,
    ME,
    NOW,
    Mastodon,
    account,
    complete,
    gone,
    ids,
    iso,
    items,
    pull,
    server,  # noqa: F401  (a fixture)
    settings,
    still,
)
from tests.fixtures.http_server import Reply, json_reply, text_reply, too_many


def test_the_window_of_a_declaration_is_kept_and_can_be_widened(server: Mastodon) -> None:
    """Posts before `since` and from `until` on are not handed over; an earlier `since` fetches what was left out."""
    for number in range(1, 101):
        server.post(number, 101 - number)
    window = Window(NOW - 50 * DAY, NOW - 10 * DAY)
    first = pull(server, window=window)
    assert set(ids(first)) == {f"status/{number}" for number in range(51, 91)}
    assert complete(first) == [Enumeration(NOW - 50 * DAY, NOW - 10 * DAY, "status/")]
    wider = pull(server, first[-1].next_cursor, Window(NOW - 80 * DAY))
    assert {*ids(first), *ids(wider)} == {f"status/{number}" for number in range(21, 101)}
    assert complete(wider) == [Enumeration(NOW - 80 * DAY, None, "status/")]


def test_replies_of_others_are_comments_in_the_posts_thread(server: Mastodon) -> None:
    """They are read for posts of the window, with edits and deletions, and the account's own are not doubled."""
    ann = account("2", "ann@other.example")
    server.post(1, 2, replies_count=2)
    server.post(2, 90, replies_count=5)
    mine = server.post(3, 1, in_reply_to_id="800", in_reply_to_account_id="2")
    first_reply = server.status("800", NOW - DAY, "When?", ann, in_reply_to_id="1", in_reply_to_account_id=ME)
    server.contexts["1"] = [first_reply, mine, server.status("801", NOW - DAY, "Psst", ann, visibility="direct")]
    first = pull(server)
    comments = {one.native_id: one for one in items(first) if one.kind == Kind.COMMENT}
    assert set(comments) == {"comment/800", "comment/801"}
    assert (comments["comment/800"].thread_id, comments["comment/800"].in_reply_to) == ("status/1", "status/1")
    assert comments["comment/800"].direction == Direction.RECEIVED
    assert comments["comment/801"].visibility == Visibility.DIRECT
    assert server.script.seen("/api/v1/statuses/2/context") == []
    server.contexts["1"].remove(first_reply)
    second = pull(server, first[-1].next_cursor)
    assert gone(second) == {"comment/800": "GET /api/v1/statuses/800 answered 404"}
    assert "comment/801" in still(second)
    assert ids(pull(server, more={"replies": "no"})) == ["status/3", "status/2", "status/1"]


def media(server: Mastodon, media_id: str, path: str) -> dict[str, Any]:
    """A media attachment."""
    return {"id": media_id, "url": server.script.url(path), "description": "A plow", "type": "image"}


def test_media_are_kept_in_the_same_run(server: Mastodon) -> None:
    """Pictures come with name, type and description, large ones as Blobs, without the token."""
    server.script.on("/m/a.jpg", text_reply(b"jpeg", "image/jpeg"))
    server.script.on("/m/b.mp4?x", Reply(404))
    server.script.on("/m/b.mp4", text_reply(b"v" * 2_000_000, "video/mp4"))
    server.post(1, 1, media_attachments=[media(server, "5", "/m/a.jpg"), media(server, "6", "/m/b.mp4")])
    sink = MemorySink()
    (one,) = items(pull(server, sink=sink, secrets={"access_token": "t"}))
    picture, video = one.attachments
    assert (picture.name, picture.media_type, picture.content, picture.description) == (
        "5.jpg",
        "image/jpeg",
        b"jpeg",
        "A plow",
    )
    assert isinstance(video.content, Blob)
    assert len(sink.contents[video.content.ref]) == 2_000_000
    assert "authorization" not in server.script.seen("/m/a.jpg")[0].headers
    assert items(pull(server, more={"media": "no"}))[0].attachments == ()


def test_a_file_that_fails_is_tried_again_in_later_runs(server: Mastodon) -> None:
    """The post is kept at once, its picture later; a picture that is gone for good is only a warning."""
    server.script.on("/m/a.jpg", Reply(503))
    server.script.on("/m/gone.jpg", Reply(404))
    server.post(1, 60, media_attachments=[media(server, "5", "/m/a.jpg")])
    server.post(2, 50, media_attachments=[media(server, "6", "/m/gone.jpg")])
    first = pull(server)
    assert ids(first) == ["status/2", "status/1"]
    assert len([warning for page in first for warning in page.warnings]) == 2
    server.script.on("/m/a.jpg", text_reply(b"jpeg", "image/jpeg"))
    second = pull(server, first[-1].next_cursor)
    assert [(one.native_id, len(one.attachments)) for one in items(second)] == [("status/1", 1)]
    assert items(pull(server, second[-1].next_cursor)) == []


def test_a_picture_cannot_lead_into_the_citys_network(server: Mastodon) -> None:
    """A media address of a stranger that is private is refused; the post is kept."""
    server.post(1, 1, media_attachments=[{"id": "5", "url": "http://169.254.169.254/latest/x.jpg"}])
    pages = pull(server)
    assert ids(pages) == ["status/1"]
    assert "169.254.169.254" in str([page.warnings for page in pages])


def test_a_rate_limit_is_waited_for_by_its_iso_reset(server: Mastodon) -> None:
    """x-ratelimit-reset is ISO-8601; five minutes are waited, an hour is left to the next run."""
    server.post(1, 1)
    slept: list[float] = []
    server.script.once("/api/v1/accounts/1000/statuses", too_many(x_ratelimit_reset=iso(NOW + 240_000)))
    assert ids(pull(server, sleep=slept.append)) == ["status/1"]
    assert slept == [240.0]
    server.script.on("/api/v1/accounts/1000/statuses", too_many(x_ratelimit_reset=iso(NOW + 3_600_000)))
    with pytest.raises(Retry) as caught:
        pull(server)
    assert caught.value.after == 3600.0


@pytest.mark.parametrize(
    "fault",
    [
        Reply(500),
        text_reply("<html>maintenance</html>"),
        text_reply('{"error": "x"}', "application/json"),
        text_reply("[{", "application/json"),
        text_reply("[" * 100_000, "application/json"),
        Reply(200, b"[]" + b" " * 5000, cut=2),
        Reply(200, b"x" * 99, reset=0),
    ],
    ids=["500", "html", "object", "cut", "deep", "short", "reset"],
)
def test_a_broken_answer_is_never_an_empty_list(server: Mastodon, fault: Reply) -> None:
    """The run stops with Retry; nothing is called gone or complete, and the next run goes on where it stopped."""
    for number in range(1, 100):
        server.post(number, 100 - number)
    hosts, pages = frozenset({server.script.host}), []
    path = "/api/v1/accounts/1000/statuses"
    first = pull(server)
    server.script.once(path, server.listing, *[fault] * 3)
    with pytest.raises(Retry):  # noqa: PT012  (what came before the break is the point)
        for page in CONNECTOR().pull(make_context(settings(server), private_hosts=hosts, now=NOW), None, Window()):
            pages.append(page)
    server.script.queued.clear()
    assert len(items(pages)) == 40
    assert complete(pages) == []
    assert {*ids(pages), *ids(pull(server, pages[-1].next_cursor))} == set(ids(first))
    server.script.once(path, *[fault] * 3)
    with pytest.raises(Retry):
        pull(server, first[-1].next_cursor)


def test_one_post_that_cannot_be_read_is_kept_raw(server: Mastodon) -> None:
    """It is handed over as it came, the others are read, and the listing is not called complete."""
    server.post(1, 2)
    server.posts["2"] = {"id": "2", "created_at": "yesterday", "visibility": "public"}
    pages = pull(server)
    (broken,) = [one for page in pages for one in page.items if isinstance(one, Unreadable)]
    assert (broken.native_id, json.loads(bytes(broken.raw))["id"]) == ("status/2", "2")  # type: ignore[arg-type]  # (bytes)
    assert ids(pages) == ["status/1"]
    assert complete(pages) == []


def test_a_listing_that_leads_in_a_circle_ends(server: Mastodon) -> None:
    """A next link that repeats raises instead of reading for ever."""
    for number in range(1, 100):
        server.post(number, 1)
    server.shared_link = "60"
    with pytest.raises(ConnectorError, match="does not end"):
        pull(server)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (json_reply({"error": "Record not found"}, 404), SourceGone),
        (Reply(410), SourceGone),
        (json_reply({**account(), "suspended": True}), SourceGone),
        (Reply(401), Reauthorize),
        (Reply(403), Reauthorize),
        (Reply(422), Misconfigured),
        (text_reply("<html>"), Retry),
        (json_reply({}), Retry),
    ],
)
def test_an_account_that_cannot_be_looked_up_raises_what_to_do(
    server: Mastodon, reply: Reply, error: type[Exception]
) -> None:
    """A closed or suspended account never looks like an account without posts."""
    server.script.on("/api/v1/accounts/lookup", reply)
    with pytest.raises(error):
        pull(server)
    with pytest.raises(error):
        CONNECTOR().check(make_context(settings(server), private_hosts=frozenset({server.script.host})))


def test_a_name_that_now_belongs_to_someone_else_stops_the_source(server: Mastodon) -> None:
    """A name can be registered again; the stranger's posts are not collected."""
    server.post(1, 1)
    first = pull(server)
    server.who = account("2000")
    with pytest.raises(SourceGone, match="another account"):
        pull(server, first[-1].next_cursor)


def test_without_its_token_a_source_calls_nothing_gone(server: Mastodon) -> None:
    """Posts for followers vanish for strangers; that is privacy, not deletion."""
    server.post(1, 2)
    server.post(2, 1, visibility="private")
    first = pull(server, secrets={"access_token": "t"})
    assert set(ids(first)) == {"status/1", "status/2"}
    second = pull(server, first[-1].next_cursor)
    assert (gone(second), complete(second)) == ({}, [])
    assert "token" in str([page.warnings for page in second])


def test_a_server_that_hides_its_posts_is_not_an_empty_account(server: Mastodon) -> None:
    """Posts are counted but none is listed: a warning, no complete listing."""
    server.who["statuses_count"] = 12
    pages = pull(server)
    assert complete(pages) == []
    assert "token" in str([page.warnings for page in pages])


def test_an_account_of_another_server_is_never_complete(server: Mastodon) -> None:
    """This server knows only a part of it; check says so."""
    server.who["acct"] = "publicworks@far.example"
    server.post(1, 1)
    more = {"account": "publicworks@far.example"}
    assert complete(pull(server, more=more)) == []
    context = make_context(settings(server, **more), private_hosts=frozenset({server.script.host}))
    assert "another server" in " ".join(CONNECTOR().check(context))


@pytest.mark.parametrize(
    "wrong", [{"server": ""}, {"account": ""}, {"server": "ftp://x"}, {"recheck_days": "soon"}, {"recheck_days": 0}]
)
def test_wrong_settings_are_named(server: Mastodon, wrong: dict[str, Any]) -> None:
    """Each says which setting is wrong before much is read."""
    with pytest.raises(ConnectorError):
        pull(server, more=wrong)


def test_the_cursor_stays_small(server: Mastodon) -> None:
    """Two thousand posts a month and long ids do not outgrow it."""
    for number in range(1, 1201):
        server.post(10**29 + number, 20 - number / 100, replies_count=1 if number == 1200 else 0)
    ann = account("2", "ann")
    newest = str(10**29 + 1200)
    server.contexts[newest] = [server.status(str(2 * 10**29 + n), NOW, "x", ann) for n in range(700)]
    first = pull(server)
    assert len(set(ids(first))) == 1900
    assert max(len(page.items) for page in first) <= 1000
    assert max(len(json.dumps(page.next_cursor)) for page in first) < 64 << 10
    second = pull(server, first[-1].next_cursor)
    assert len(still(second)) > 500
    assert gone(second) == {}


def plow(item: Item) -> bool:
    """The scope of a declaration that names one word."""
    return "plow" in item.text


def test_a_post_edited_out_of_scope_is_remembered_by_its_kept_state(server: Mastodon) -> None:
    """The later state is handed over, dropped, and nowhere in the cursor; that the post is gone is still noticed."""
    server.post(1, 5, "plow")
    first = pull(server, in_scope=plow)
    server.edit("1", NOW - DAY, "birthday")
    second = pull(server, first[-1].next_cursor, in_scope=plow)
    third = pull(server, second[-1].next_cursor, in_scope=plow)
    assert [one.text for one in items(second)] == [one.text for one in items(third)] == ["birthday"]
    assert iso(NOW - DAY) not in str([page.next_cursor for page in (*second, *third)])
    del server.posts["1"]
    assert set(gone(pull(server, third[-1].next_cursor, in_scope=plow))) == {"status/1"}


def test_a_walk_that_is_cut_short_goes_on_below_the_last_post_in_scope(server: Mastodon) -> None:
    """From the cursor of any page all posts and replies in scope come, and the cursor names no other post."""
    for number in range(1, 131):
        server.post(70_000 + number, 14 - number / 10, "plow" if number % 37 == 0 else "cake", replies_count=1)
        server.contexts[str(70_000 + number)] = [
            server.status(f"9{number:05}", NOW - DAY, "plow?" if number % 5 == 0 else "yum", account("2", "ann"))
        ]
    whole = pull(server, in_scope=plow)
    wanted = {one.native_id for one in items(whole) if plow(one)}
    assert len(wanted) == 3 + 26
    for number in range(0, len(whole), 9):
        before, cursor = whole[: number + 1], whole[number].next_cursor
        after = pull(server, cursor, in_scope=plow)
        assert wanted <= {*ids(before), *ids(after), *still(before), *still(after)}
    assert (whole[len(whole) // 2].next_cursor or {})["walk"]["max_id"] in {None, "70111", "70074", "70037"}
    assert not {one for one in items(pull(server, whole[-1].next_cursor, in_scope=plow)) if plow(one)}


def test_files_of_posts_out_of_scope_are_not_fetched(server: Mastodon) -> None:
    """A picture that would be dropped with its post is not asked for, and no warning names the post."""
    server.script.on("/m/a.jpg", Reply(503))
    server.post(1, 1, "cake", media_attachments=[media(server, "5", "/m/a.jpg")])
    pages = pull(server, in_scope=plow)
    assert ids(pages) == ["status/1"]
    assert server.script.seen("/m/a.jpg") == []
    assert [page.warnings for page in pages if page.warnings] == []


def test_a_cursor_of_the_first_form_is_not_taken_over(server: Mastodon) -> None:
    """It may name posts out of scope: only whose account it was is believed, and all is read again."""
    server.post(1, 90, "plow")
    old = {"account_id": ME, "signed_once": False, "posts": {"1": "x", "666": "x"}, "high": NOW - DAY, "covered": None}
    pages = pull(server, old, in_scope=plow)
    assert ids(pages) == ["status/1"]
    assert "666" not in str([page.next_cursor for page in pages])
    server.who = account("2000")
    with pytest.raises(SourceGone, match="another account"):
        pull(server, old)
