"""The Mastodon connector against a server that behaves as the documentation and the recordings say."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.conformance import Scenario, check_connector, make_context
from connectors.contract import Cursor, Enumeration, Page, Window
from connectors.mastodon_account.connector import CONNECTOR
from schema.canonical import match_bytes
from schema.item import Item
from schema.vocab import Direction, Kind, PartyRole, Visibility
from tests.fixtures.http_server import Reply, Request, Script, json_reply, serve

DAY = 86_400_000
NOW = 1_773_576_000_000
ME = "1000"
HOST = "https://city.example"


def iso(at: int) -> str:
    """Write a time as Mastodon does."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at % 1000:03}Z"


def account(account_id: str = ME, acct: str = "publicworks") -> dict[str, Any]:
    """An account, with counters that change."""
    return {"id": account_id, "acct": acct, "username": acct, "display_name": acct.title(), "url": f"{HOST}/@{acct}"}


@dataclass
class Mastodon:
    """A small Mastodon server: statuses of one account, newest first by id, with history and replies."""

    script: Script
    posts: dict[str, dict[str, Any]] = field(default_factory=dict)
    histories: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    contexts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    who: dict[str, Any] = field(default_factory=account)
    shared_link: str | None = None

    def __post_init__(self) -> None:
        """Answer every request from here."""
        self.script.fallback = self.answer

    def post(self, number: int, age_days: float, text: str = "", **more: Any) -> dict[str, Any]:
        """Add a status of the account."""
        made = self.status(str(number), NOW - int(age_days * DAY), text or f"Post {number}", self.who, **more)
        self.posts[made["id"]] = made
        return made

    def status(self, status_id: str, at: int, text: str, who: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Make a status."""
        empty = {
            "in_reply_to_id": None,
            "in_reply_to_account_id": None,
            "reblog": None,
            "edited_at": None,
            "poll": None,
        }
        made = {"id": status_id, "created_at": iso(at), "account": who, "content": f"<p>{text}</p>", "spoiler_text": ""}
        counts = {"replies_count": 0, "favourites_count": 3, "reblogs_count": 1}
        link = {"url": f"{who['url']}/{status_id}", "uri": f"{who['url']}/s/{status_id}", "media_attachments": []}
        return {**empty, **made, **counts, **link, "visibility": "public", "sensitive": False, **more}

    def edit(self, status_id: str, at: int, text: str) -> None:
        """Edit a status as the server does: the history has all states, the first with the time of the post."""
        post = self.posts[status_id]
        states = self.histories.setdefault(status_id, [self.state(post, post["created_at"])])
        post.update(content=f"<p>{text}</p>", edited_at=iso(at))
        states.append(self.state(post, iso(at)))

    def state(self, post: dict[str, Any], at: str) -> dict[str, Any]:
        """One entry of an edit history."""
        kept = {name: post[name] for name in ("content", "spoiler_text", "sensitive", "media_attachments", "account")}
        return {**kept, "created_at": at}

    def answer(self, request: Request) -> Reply:
        """Answer as the API does."""
        parts = request.path.removeprefix("/api/v1/").split("/")
        if parts == ["accounts", "lookup"]:
            return (
                json_reply(self.who) if request.query["acct"] == self.who["acct"] else json_reply({"error": "no"}, 404)
            )
        if parts[0] == "accounts" and parts[2] == "statuses":
            return self.listing(request)
        if parts[0] == "statuses" and len(parts) == 3:
            found = self.histories.get(parts[1]) if parts[2] == "history" else None
            return json_reply(found or {"ancestors": [], "descendants": self.contexts.get(parts[1], [])})
        if parts[0] == "statuses":
            known = {**self.posts, **{one["id"]: one for below in self.contexts.values() for one in below}}
            return json_reply(known[parts[1]]) if parts[1] in known else json_reply({"error": "Record not found"}, 404)
        return Reply(404)

    def listing(self, request: Request) -> Reply:
        """One page, newest first, with a Link header."""
        shown = sorted(self.posts.values(), key=lambda one: int(one["id"]), reverse=True)
        if "authorization" not in request.headers:
            shown = [one for one in shown if one["visibility"] in ("public", "unlisted")]
        if "max_id" in request.query:
            shown = [one for one in shown if int(one["id"]) < int(request.query["max_id"])]
        page = shown[: int(request.query["limit"])]
        if not page:
            return json_reply([])
        following = self.shared_link or page[-1]["id"]
        here = self.script.url(request.path)
        link = f'<{here}?limit=40&max_id={following}>; rel="next", <{here}?limit=40&min_id={page[0]["id"]}>; rel="prev"'
        return json_reply(page, headers={"Link": link, "X-Request-Id": "req-1"})


@pytest.fixture
def server() -> Iterator[Mastodon]:
    """A server whose account has posted nothing yet."""
    with serve() as script:
        yield Mastodon(script)


def settings(server: Mastodon, /, **more: Any) -> dict[str, Any]:
    """The settings of the source."""
    return {"server": server.script.base, "account": "@publicworks", **more}


def pull(server: Mastodon, cursor: Cursor | None = None, window: Window | None = None, **options: Any) -> list[Page]:
    """Pull to the end; settings of the source are given as `more`."""
    more, now = options.pop("more", {}), options.pop("now", NOW)
    hosts = frozenset({server.script.host})
    context = make_context(settings(server, **more), private_hosts=hosts, now=now, **options)
    saved = None if cursor is None else json.loads(json.dumps(cursor))
    return list(CONNECTOR().pull(context, saved, window or Window()))


def items(pages: list[Page]) -> list[Item]:
    """All items, in order."""
    return [one for page in pages for one in page.items if isinstance(one, Item)]


def ids(pages: list[Page]) -> list[str]:
    """The native ids handed over, in order."""
    return [one.native_id for one in items(pages)]


def still(pages: list[Page]) -> set[str]:
    """What was listed unchanged."""
    return {name for page in pages for name in page.still_there}


def gone(pages: list[Page]) -> dict[str, str]:
    """What is gone, with its evidence."""
    return {one.native_id: one.evidence for page in pages for one in page.gone}


def complete(pages: list[Page]) -> list[Enumeration]:
    """What was said to be complete."""
    return [page.complete for page in pages if page.complete]


def test_it_conforms(server: Mastodon) -> None:
    """Paging, edits, replies and media keep the contract."""
    for number in range(1, 131):
        server.post(number, age_days=140 - number)
    server.edit("125", NOW - DAY, "Corrected")
    server.posts["128"]["replies_count"] = 1
    server.contexts["128"] = [server.status("900", NOW - DAY, "Thanks", account("2", "ann@other.example"))]
    hosts = frozenset({server.script.host})
    scenario = Scenario(settings(server), {"access_token": "t0ken"}, hosts, now=NOW, least_items=131)
    assert check_connector(CONNECTOR, scenario) == []


def test_a_post_is_handed_over_with_all_it_says(server: Mastodon) -> None:
    """Text as a reader sees it, parties, time, address; counters stay in the raw bytes."""
    mention = (
        '<span class="h-card"><a href="https://other.example/@ann" class="u-url mention">@<span>ann</span></a></span>'
    )
    server.post(
        7,
        1,
        f"Hello {mention}<br>Line &amp; two",
        spoiler_text="Snow",
        sensitive=True,
        poll={"options": [{"title": "A"}]},
    )
    pages = pull(server)
    (one,) = items(pages)
    assert (one.native_id, one.kind, one.direction) == ("status/7", Kind.POST, Direction.SENT)
    assert (one.title, one.text) == ("Snow", "Hello @ann\nLine & two")
    assert [(party.role, party.address, party.name) for party in one.parties] == [
        (PartyRole.AUTHOR, "@publicworks@city.example", "Publicworks"),
        (PartyRole.MENTIONED, "@ann@other.example", None),
    ]
    assert one.sent is not None
    assert one.sent.at == NOW - DAY
    assert (one.visibility, one.url, one.thread_id) == (Visibility.PUBLIC, f"{HOST}/@publicworks/7", "status/7")
    assert one.attributes == (("sensitive", "yes"), ("poll_option", "A"))
    assert (one.version_id, one.edited) == (iso(NOW - DAY), None)
    assert isinstance(one.raw, bytes)
    assert json.loads(one.raw)["favourites_count"] == 3
    assert (one.provenance.status, one.provenance.request_id) == (200, "req-1")
    assert complete(pages) == [Enumeration(None, None, "status/")]


def test_counters_make_no_versions(server: Mastodon) -> None:
    """Likes, boosts, replies and the author's display name may change without a new state."""
    post = server.post(1, 1)
    (before,) = items(pull(server))
    post.update(favourites_count=99, reblogs_count=5, account={**account(), "display_name": "New name"})
    (after,) = items(pull(server))
    assert match_bytes(before) == match_bytes(after)


@pytest.mark.parametrize(
    ("written", "mapped"),
    [
        ("public", Visibility.PUBLIC),
        ("unlisted", Visibility.UNLISTED),
        ("private", Visibility.FOLLOWERS),
        ("direct", Visibility.DIRECT),
        ("novel", Visibility.UNKNOWN),
    ],
)
def test_visibility_is_mapped_so_that_the_scope_gate_can_drop(
    server: Mastodon, written: str, mapped: Visibility
) -> None:
    """With a token private posts are listed; each says who could see it."""
    server.post(1, 1, visibility=written)
    (one,) = items(pull(server, secrets={"access_token": "t"}))
    assert one.visibility == mapped
    assert server.script.requests[-1].headers["authorization"] == "Bearer t"


def test_replies_and_reposts_are_kinds_of_their_own(server: Mastodon) -> None:
    """A reply says to what; a repost is an act that keeps whom and what."""
    other = account("2", "ann@other.example")
    theirs = server.status("55", NOW - 9 * DAY, "Road is open", other)
    server.post(1, 3, in_reply_to_id="55", in_reply_to_account_id="2")
    server.post(2, 2, in_reply_to_id="1", in_reply_to_account_id=ME)
    server.post(3, 1, reblog=theirs)
    repost, own, reply = items(pull(server))
    assert (reply.kind, reply.in_reply_to, reply.thread_id) == (Kind.REPLY, "comment/55", "comment/55")
    assert (own.kind, own.in_reply_to) == (Kind.REPLY, "status/1")
    assert (repost.kind, repost.native_id, repost.text) == (Kind.REPOST, "status/3", "Road is open")
    assert [party.address for party in repost.parties] == ["@publicworks@city.example", "@ann@other.example"]
    assert repost.attributes == (("repost_of", theirs["uri"]),)
    assert repost.sent is not None
    assert repost.sent.at == NOW - DAY


def test_every_earlier_state_of_an_edited_post_comes_oldest_first(server: Mastodon) -> None:
    """History gives one Item per state under one native id; the last one is what is listed now."""
    server.post(1, 5, "first")
    server.edit("1", NOW - 4 * DAY, "second")
    server.edit("1", NOW - 3 * DAY, "third")
    found = items(pull(server))
    assert [(one.native_id, one.text) for one in found] == [("status/1", text) for text in ("first", "second", "third")]
    assert [one.version_id for one in found] == [iso(NOW - days * DAY) for days in (5, 4, 3)]
    assert [one.edited.at if one.edited else None for one in found] == [None, NOW - 4 * DAY, NOW - 3 * DAY]


def test_an_edit_after_collection_adds_only_what_is_new(server: Mastodon) -> None:
    """The state that was collected is not handed over again, and is the same state as the history's."""
    server.post(1, 5, "first")
    first = pull(server)
    server.edit("1", NOW - 2 * DAY, "second")
    server.edit("1", NOW - DAY, "third")
    second = pull(server, first[-1].next_cursor)
    assert [one.text for one in items(second)] == ["second", "third"]
    fresh = items(pull(server))
    assert match_bytes(fresh[0]) == match_bytes(items(first)[0])
    assert match_bytes(fresh[2]) == match_bytes(items(second)[1])
    third = pull(server, second[-1].next_cursor)
    assert items(third) == []
    assert still(third) == {"status/1"}


def test_a_server_without_history_still_gives_the_edited_post(server: Mastodon) -> None:
    """Where the history answers 404, the present state is kept."""
    server.post(1, 5, "first")
    server.edit("1", NOW - DAY, "second")
    server.script.on("/api/v1/statuses/1/history", Reply(404))
    assert [one.text for one in items(pull(server))] == ["second"]


def test_a_deleted_post_is_gone_by_its_404(server: Mastodon) -> None:
    """Known ids that are not listed any more are asked for; 404 is evidence, a listing that omits is not."""
    for number in range(1, 6):
        server.post(number, 6 - number)
    first = pull(server)
    del server.posts["3"]
    second = pull(server, first[-1].next_cursor)
    assert gone(second) == {"status/3": "GET /api/v1/statuses/3 answered 404"}
    assert still(second) == {"status/1", "status/2", "status/4", "status/5"}
    assert gone(pull(server, second[-1].next_cursor)) == {}
    hidden = server.posts.pop("4")
    server.contexts["x"] = [hidden]
    assert gone(pull(server, second[-1].next_cursor)) == {}


def test_only_the_window_is_read_again(server: Mastodon) -> None:
    """The second run stops at 30 days, says so, and asks for no post that is merely old."""
    for number in range(1, 201):
        server.post(number, 201 - number)
    first = pull(server)
    assert len(items(first)) == 200
    server.script.requests.clear()
    second = pull(server, first[-1].next_cursor)
    assert complete(second) == [Enumeration(NOW - 30 * DAY, None, "status/")]
    assert len(still(second)) == 30
    assert len(server.script.requests) == 2
    third = pull(server, second[-1].next_cursor, now=NOW + 7 * DAY)
    assert gone(third) == {}
    assert len(still(third)) == 23


def test_a_long_pause_is_caught_up(server: Mastodon) -> None:
    """A reading goes back to the newest post of the last whole one, even if that is older than the window."""
    server.post(1, 100)
    first = pull(server, now=NOW - 99 * DAY)
    for number in range(2, 90):
        server.post(number, 100 - number)
    second = pull(server, first[-1].next_cursor)
    assert sorted(ids(second)) == sorted(f"status/{number}" for number in range(2, 90))
    assert still(second) == {"status/1"}


def test_an_interrupted_first_reading_goes_on_and_loses_nothing(server: Mastodon) -> None:
    """A break in the middle, new posts meanwhile: all come, and only the whole second walk is called complete."""
    for number in range(1, 151):
        server.post(number, 151 - number)
    hosts = frozenset({server.script.host})
    pages = iter(CONNECTOR().pull(make_context(settings(server), private_hosts=hosts, now=NOW), None, Window()))
    before = [next(pages), next(pages)]
    for number in (151, 152):
        server.post(number, 0.1)
    del server.posts["60"]
    after = pull(server, before[-1].next_cursor)
    assert {*ids(before), *ids(after)} == {f"status/{number}" for number in range(1, 153) if number != 60}
    assert complete(before) == []
    assert complete(after) == [Enumeration(NOW - 30 * DAY, None, "status/")]
