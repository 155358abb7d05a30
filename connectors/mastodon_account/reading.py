"""One reading of an account: the walk from the newest post back, its replies, edits, and what is gone."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from connectors.contract import INLINE_LIMIT, Context, Cursor, Enumeration, Page, Window
from connectors.errors import ConnectorError, Misconfigured, Retry
from connectors.files import spool_or_bytes
from connectors.http_reading import shown
from connectors.mastodon_account.client import Client, Listed
from connectors.mastodon_account.items import earlier_state, instant, is_status, make_item, mark, media_of, native_id
from connectors.paging import PageTurner
from schema.item import Attachment, Gone, Item, Provenance, Unreadable

MAX_POSTS = 500
MAX_COMMENTS = 300
MAX_DUE = 200
MAX_TRIES = 5
CURSOR_ROOM = 60 << 10
CLOCKS_APART = 86_400_000
"""Milliseconds by which the server's clock may be behind ours without a post being passed over."""
RECHECKS_PER_PAGE = 40
COMMENTS_PER_PAGE = 200


@dataclass(slots=True)
class State:
    """The cursor; every status that it names is in scope, and its times are our clock's or a window's.

    posts, comments: status id -> mark of the last state in scope, bounded to the newest.  read_at: when the last whole
    reading began (milliseconds UTC).  covered: how far back a whole reading went (None: to the beginning).
    walk: a reading under way: the post in scope below which it goes on, when it began, its floor, whether it is to
    renew `covered`.
    recheck: native ids that were not listed any more and are to be asked for.
    files_due: status id -> times that one of its files could not be read.
    """

    account_id: str | None = None
    signed_once: bool = False
    posts: dict[str, str] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    read_at: int | None = None
    covered: int | None = None
    walk: dict[str, Any] | None = None
    recheck: list[str] = field(default_factory=list)
    files_due: dict[str, int] = field(default_factory=dict)

    @classmethod
    def load(cls, cursor: Cursor | None) -> "State":
        """Read a cursor; one without `read_at` also named what was out of scope, so only the account is taken of it."""
        known = cls.__slots__ if "read_at" in (cursor or {}) else ("account_id", "signed_once")
        kept = {name: value for name, value in (cursor or {}).items() if name in known}
        return cls(**json.loads(json.dumps(kept)))

    def save(self) -> Cursor:
        """Return the state as a cursor of bounded size; what does not fit is only read again."""
        saved: Cursor = {name: getattr(self, name) for name in self.__slots__}
        posts, comments = MAX_POSTS, MAX_COMMENTS
        while True:
            saved["posts"], saved["comments"] = _newest(self.posts, posts), _newest(self.comments, comments)
            text = json.dumps(saved)
            if len(text) <= CURSOR_ROOM or not posts:
                return dict(json.loads(text))
            posts, comments = posts // 2, comments // 2


def _newest(marks: dict[str, str], count: int) -> dict[str, str]:
    return dict(sorted(marks.items(), key=lambda pair: pair[1], reverse=True)[:count])


class Reading:
    """Turns the pages of an account into Pages; made new for each pull."""

    with_replies = True
    with_media = True
    recheck_ms = 0

    def __init__(self, context: Context, client: Client, account: dict[str, Any], state: State, window: Window) -> None:
        self._context, self._client, self._account = context, client, account
        self._state, self._window = state, window
        self._me = str(account["id"])
        self._seen: set[str] = set()
        self._clipped = False
        self._warnings: list[str] = []

    def pages(self) -> Iterator[Page]:
        """Yield what is left of an earlier reading, then a whole one, then the evidence of what is gone."""
        yield from self._rechecks()
        yield from self._due_files()
        if self._state.walk is not None:
            yield from self._walk()
            self._finish()
        floor, full = self._floor()
        self._seen, self._clipped = set(), False
        self._state.walk = {"max_id": None, "began": self._context.now(), "floor": floor, "full": full}
        yield from self._walk()
        self._finish()
        trusted = self._client.signed or not self._state.signed_once
        if trusted:
            self._collect_unseen()
            yield from self._rechecks()
        else:
            self._warnings.append(
                "Without the access token that was set before, deletions cannot be told from privacy."
            )
        hidden = bool(self._account.get("statuses_count")) and not self._seen and floor is None
        remote = "@" in str(self._account.get("acct"))
        complete = Enumeration(floor, self._window.until, "status/")
        if hidden:
            self._warnings.append("The server counts posts of this account but lists none; a token may be needed.")
        stated = complete if trusted and not (hidden or remote or self._clipped) else None
        yield self._page([], complete=stated)

    def _floor(self) -> tuple[int | None, bool]:
        """Decide how far back to read (milliseconds UTC, None: to the beginning), and whether that is all there is."""
        state, wanted = self._state, self._window.since
        if state.read_at is None or (state.covered is not None and (wanted is None or wanted < state.covered)):
            return wanted, True
        low = self._recent()
        if len(state.posts) >= MAX_POSTS:
            low = max([low, *sorted(at for at in map(instant, state.posts.values()) if at is not None)[:1]])
        low = min(low, state.read_at - CLOCKS_APART)
        return (low if wanted is None else max(low, wanted)), False

    def _recent(self) -> int:
        """Return the beginning of the re-check window, milliseconds UTC."""
        return self._context.now() - self.recheck_ms

    def _walk(self) -> Iterator[Page]:
        """Turn pages from where the walk stands until its floor; the replies of a page's posts come right after it.

        The cursor moves on only when a page's replies are read, and only to a post in scope: what a walk that was cut
        short had dropped below it is read and dropped again.
        """
        walk, turner = self._state.walk, PageTurner()
        assert walk is not None
        following, ended = walk["max_id"], False
        while not ended:
            if following is not None:
                turner.turn(str(following))
            listed, following = self._client.statuses(self._me, following)
            items: list[Item | Unreadable] = []
            still: list[str] = []
            answered: list[str] = []
            reached = [self._post(one, number, walk, items, still, answered) for number, one in enumerate(listed, 1)]
            ended = any(reached) or following is None
            kept = [name for one in listed if (name := str(one.value.get("id"))) in self._state.posts]
            if answered:
                yield self._page(items, still=still)
                items, still = [], []
                yield from self._replies(answered)
            walk["max_id"] = kept[-1] if kept else walk["max_id"]
            yield self._page(items, still=still)

    def _post(
        self,
        one: Listed,
        number: int,
        walk: dict[str, Any],
        items: list[Item | Unreadable],
        still: list[str],
        answered: list[str],
    ) -> bool:
        """Take one listed status; returns whether it lies below the floor."""
        value = one.value
        if not is_status(value):
            self._clipped = True
            items.append(self._unreadable(one, "status", number))
            return False
        created = instant(value["created_at"]) or 0
        if walk["floor"] is not None and created < walk["floor"]:
            return True
        if self._window.until is not None and created >= self._window.until:
            return False
        status_id = str(value["id"])
        self._seen.add(f"status/{status_id}")
        self._states(one, self._state.posts, items, still, None)
        if self.with_replies and value.get("replies_count") and not value.get("reblog") and created >= self._recent():
            answered.append(status_id)
        return False

    def _replies(self, posts: list[str]) -> Iterator[Page]:
        for post in posts:
            items: list[Item | Unreadable] = []
            still: list[str] = []
            for number, one in enumerate(self._client.replies(post), 1):
                if not is_status(one.value):
                    items.append(self._unreadable(one, "comment", number))
                elif str(one.value["account"].get("id")) != self._me:
                    self._seen.add(f"comment/{one.value['id']}")
                    self._states(one, self._state.comments, items, still, f"status/{post}")
                if len(items) >= COMMENTS_PER_PAGE:
                    yield self._page(items, still=still)
                    items, still = [], []
            if items or still:
                yield self._page(items, still=still)

    def _states(
        self, one: Listed, known: dict[str, str], items: list[Item | Unreadable], still: list[str], root: str | None
    ) -> None:
        """Add the states of a status that were not handed over yet, oldest first; or note that it is still there.

        Only states in scope are remembered; those after the last of them are handed over, and dropped, again.
        """
        value, status_id, now = one.value, str(one.value["id"]), mark(one.value)
        before = known.get(status_id)
        if before == now:
            still.append(native_id(status_id, value["account"].get("id"), self._me))
            return
        if value.get("edited_at"):
            done, current = instant(before), instant(now)
            for state in self._client.history(status_id):
                at = instant(state.value.get("created_at"))
                if at is None or at == current or (done is not None and at <= done):
                    continue
                earlier = replace(state, value=earlier_state(value, state.value))
                self._take(earlier, str(state.value["created_at"]), root, known, items)
        self._take(one, now, root, known, items)

    def _take(
        self, one: Listed, version: str, root: str | None, known: dict[str, str], items: list[Item | Unreadable]
    ) -> None:
        items.append(item := self._item(one, version, root))
        if self._context.in_scope(item):
            known[str(one.value["id"])] = version

    def _item(self, one: Listed, version: str, root: str | None) -> Item:
        """Make an Item with its files; one that cannot be read now is tried again in the next runs."""
        attachments, due, status_id = [], False, str(one.value["id"])
        item = make_item(one.value, one, version, me=self._me, root=root)
        wanted = self.with_media and self._context.in_scope(item)
        for name, url, description in media_of(one.value) if wanted else []:
            try:
                attachments.append(self._download(name, url, description))
            except ConnectorError as error:
                due = due or isinstance(error, Retry)
                self._warnings.append(f"A file of status {status_id} was not kept: {error}")
        if due and len(self._state.files_due) < MAX_DUE:
            self._state.files_due[status_id] = self._state.files_due.get(status_id, 0) + 1
        else:
            self._state.files_due.pop(status_id, None)
        raw = item.raw if len(one.raw) <= INLINE_LIMIT else self._context.sink.spool([one.raw])
        return replace(item, attachments=tuple(attachments), raw=raw)

    def _due_files(self) -> Iterator[Page]:
        """Hand statuses over again whose files could not be read in an earlier run."""
        state = self._state
        for status_id, tries in list(state.files_due.items()):
            one, _ = self._client.status(status_id)
            if one is None or not is_status(one.value) or tries >= MAX_TRIES:
                del state.files_due[status_id]
                continue
            yield self._page([self._item(one, mark(one.value), None)])

    def _download(self, name: str, url: str, description: str | None) -> Attachment:
        with self._context.http.stream(url) as answer:
            if answer.status != 200:
                raise Misconfigured(f"{shown(url)} answered {answer.status}", where=shown(url))
            kind = answer.headers.get("content-type", "application/octet-stream").partition(";")[0].strip()
            return Attachment(name, kind, spool_or_bytes(answer, self._context.sink), description)

    def _unreadable(self, one: Listed, prefix: str, number: int) -> Unreadable:
        name = one.value.get("id") or "unreadable-" + sha256(one.raw).hexdigest()[:32]
        answer = one.answer
        origin = Provenance(answer.retrieved_at, answer.url, answer.status, answer.request_id, f"element {number}")
        raw = one.raw if len(one.raw) <= INLINE_LIMIT else self._context.sink.spool([one.raw])
        reason = "A post has no id, author or time that can be read."
        return Unreadable(f"{prefix}/{name}", raw, "application/json", reason, f"element {number}", origin)

    def _finish(self) -> None:
        """Close a walk that reached its floor, and forget what is too old to be read again."""
        walk, state = self._state.walk, self._state
        assert walk is not None
        state.read_at = int(walk["began"])
        if walk["full"]:
            state.covered = walk["floor"]
        state.walk = None
        oldest = min(self._recent(), state.read_at - CLOCKS_APART)
        for known in (state.posts, state.comments):
            for status_id in [one for one, seen in known.items() if (instant(seen) or 0) < oldest]:
                del known[status_id]

    def _collect_unseen(self) -> None:
        """Queue what was listed before and is not listed now; it is deleted, hidden, or merely too old for the walk."""
        state = self._state
        for prefix, known in (("status", state.posts), ("comment", state.comments)):
            if prefix == "comment" and not self.with_replies:
                continue
            for status_id in [one for one in known if f"{prefix}/{one}" not in self._seen]:
                del known[status_id]
                state.recheck.append(f"{prefix}/{status_id}")

    def _rechecks(self) -> Iterator[Page]:
        """Ask for each queued status by its id: a 404 says that it is gone, absence from a list does not."""
        state = self._state
        while state.recheck:
            gone = []
            for name in state.recheck[:RECHECKS_PER_PAGE]:
                _, status = self._client.status(name.partition("/")[2])
                if status in (404, 410):
                    gone.append(Gone(name, f"GET /api/v1/statuses/{name.partition('/')[2]} answered {status}"))
            del state.recheck[:RECHECKS_PER_PAGE]
            yield replace(self._page([]), gone=tuple(gone))

    def _page(
        self, items: list[Item | Unreadable], *, still: list[str] | None = None, complete: Enumeration | None = None
    ) -> Page:
        warnings, self._warnings = tuple(self._warnings), []
        return Page(
            items=tuple(items),
            next_cursor=self._state.save(),
            complete=complete,
            still_there=tuple(still or ()),
            warnings=warnings,
        )
