"""The feed connector: one or several RSS or Atom feeds, or a served folder of them."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

from connectors.contract import ConfigField, ConnectorInfo, Context, Cursor, Page, Window
from connectors.errors import ConnectorError, Misconfigured, Retry
from connectors.feed.client import Validators, advertised_feeds, fetch, first_error, is_html, is_listing, walk_listing
from connectors.feed.items import Document, is_inline, items, parse
from connectors.files import spool_or_bytes
from connectors.http import Response
from connectors.http_reading import shown
from schema.item import Attachment, Gap, Item, Provenance, Unreadable
from schema.vocab import Platform

PAGE = 500
CURSOR_ROOM = 56 << 10
VERSION = 2
"""Of the cursor: the first one also named entries out of scope, and is not used."""
_NOTHING = Validators()


class CONNECTOR:
    """Reads feeds; the cursor keeps, per feed, what the server gave for "has it changed?" and the newest entries."""

    info = ConnectorInfo(
        name="feed",
        platform=Platform.FEED,
        title="RSS or Atom feed",
        sees=(
            "entries that the feed lists now, with text, times, author, link",
            "changed entries while they are listed",
        ),
        cannot_see=(
            "entries that left the feed before the first collection, or between two collections",
            "deletions: a feed is a window on the newest entries, so absence says nothing",
            "comments, and content that the feed only summarises",
        ),
        config=(
            ConfigField("url", "Address of the feed; several are separated by spaces.", required=True),
            ConfigField(
                "folder_index", "yes: an address that lists a folder stands for all feeds below it.", default="yes"
            ),
            ConfigField("enclosures", "yes: also keep the files (audio, PDF) that entries enclose.", default="no"),
        ),
    )

    def check(self, context: Context) -> list[str]:
        """Read each address once and say what is there; raises ConnectorError where one cannot work."""
        found = []
        for url in _urls(context):
            answer = fetch(context.http, url, _NOTHING)
            if answer.moved_to and not _same_place(url, answer.moved_to):
                found.append(f"{shown(url)} has moved for good to {shown(answer.moved_to)}.")
            if is_listing(answer) and _yes(context, "folder_index"):
                found.append(
                    f"{shown(url)} lists a folder with {sum(1 for _ in walk_listing(context.http, answer))} feeds."
                )
                continue
            _refuse_web_page(answer)
            document = parse(answer)
            if not document.readable:
                raise Misconfigured(f"{shown(url)} is not a feed", where=shown(url))
            found.append(f"{shown(url)} is a feed with {len(document.entries)} entries.")
            if document.damage:
                found.append(f"{shown(url)} is not well-formed ({document.damage}); its entries can be read.")
        return found

    def pull(self, context: Context, cursor: Cursor | None, window: Window) -> Iterator[Page]:
        """Yield the entries of every feed that changed; a feed cannot be asked for a window, so all it lists comes.

        With several feeds one that fails is a warning; when all fail, the error that tells the most is raised.
        """
        usable = cursor if cursor and cursor.get("version") == VERSION else {}
        run = _Run(context, dict(usable.get("feeds", {})))
        done = 0
        for url in _urls(context):
            for page in run.source(url):
                yield page
                done += len(page.items)
                context.progress(done, None, "entries")
                if context.stopped():
                    return
        if run.errors and not run.succeeded:
            raise first_error(run.errors)
        warnings = tuple(f"{error} {getattr(error, 'action', '')}" for error in run.errors)
        yield Page(next_cursor=run.cursor(), warnings=warnings)


class _Run:
    """One pull: what is known of each feed, and what went wrong so far."""

    def __init__(self, context: Context, known: dict[str, list[str]]) -> None:
        self.context, self.known = context, known
        self.errors: list[Exception] = []
        self.succeeded = 0

    def cursor(self) -> Cursor:
        """Return the bookmark; beyond its room the feeds read longest ago are forgotten, and simply read again."""
        while len(json.dumps(self.known)) > CURSOR_ROOM:
            for key in list(self.known)[: len(self.known) // 8 + 1]:
                del self.known[key]
        return {"version": VERSION, "feeds": dict(self.known)}

    def source(self, url: str) -> Iterator[Page]:
        """Yield the pages of one configured address: a feed, or all feeds of a folder."""
        try:
            answer = self._get(url)
            if not (is_listing(answer) and _yes(self.context, "folder_index")):
                yield from self._feed(url, answer)
                return
            failed = len(self.errors)
            for below in walk_listing(self.context.http, answer):
                try:
                    yield from self._feed(below, self._get(below))
                except ConnectorError as error:
                    self.errors.append(error)
            self.succeeded += len(self.errors) == failed
        except ConnectorError as error:
            self.errors.append(error)

    def _get(self, url: str) -> Response:
        etag, modified, _, moved, _ = self.known.get(_key(url), _UNKNOWN)
        return fetch(self.context.http, moved or url, Validators(etag, modified))

    def _feed(self, url: str, answer: Response) -> Iterator[Page]:
        old = self.known.get(_key(url), _UNKNOWN)
        warnings = []
        moved = old[3]
        if answer.moved_to and not _same_place(url, answer.moved_to) and len(answer.moved_to) < 500:
            moved = answer.moved_to
            warnings.append(
                f"The feed {shown(url)} has moved for good to {shown(moved)}; set that address on the source."
            )
        if is_html(answer):
            _refuse_web_page(answer)
        self.succeeded += 1
        if answer.status == 304:
            self._remember(url, [*old[:3], moved, old[4]])
            if warnings:
                yield Page(next_cursor=self.cursor(), warnings=tuple(warnings))
            return
        document = parse(answer)
        if not document.readable:
            yield self._unreadable(url, answer, document)
            return
        if document.damage and document.entries:
            warnings.append(f"The feed {shown(url)} is not well-formed ({document.damage}); its entries were kept.")
        read = [self._complete(item, files, warnings) for item, files in items(document, url, answer)]
        kept = [item for item, _ in read if self.context.in_scope(item)]
        gaps = self._gap(old, [item for item, _ in read], answer)
        for at in range(0, len(read), PAGE):
            last = at + PAGE >= len(read)
            if last:
                # A validator is often the time or the id of the newest entry, so it is kept only where all entries are.
                whole = all(done for _, done in read) and len(kept) == len(read)
                marks = _marks(answer) if whole else ["", ""]
                self._remember(url, [*marks, _heads(kept), moved, str(answer.retrieved_at)])
            yield Page(
                items=tuple(item for item, _ in read[at : at + PAGE]),
                next_cursor=self.cursor(),
                gaps=gaps if last else (),
                warnings=tuple(warnings) if last else (),
            )
        if not read:
            self._remember(url, [*_marks(answer), old[2], moved, str(answer.retrieved_at)])
            if warnings:
                yield Page(next_cursor=self.cursor(), warnings=tuple(warnings))

    def _remember(self, url: str, facts: list[str]) -> None:
        self.known.pop(_key(url), None)
        self.known[_key(url)] = facts

    def _gap(self, old: list[str], read: list[Item], answer: Response) -> tuple[Gap, ...]:
        """State a gap when no entry of the last reading is listed any more: others may have come and gone between."""
        if not old[2] or not old[4] or not read or {_short(item.native_id) for item in read} & set(old[2].split(",")):
            return ()
        reason = "The feed lists none of the entries seen last time; entries in between may have left it unseen."
        return (Gap(int(old[4]), answer.retrieved_at, reason),)

    def _unreadable(self, url: str, answer: Response, document: Document) -> Page:
        origin = Provenance(answer.retrieved_at, answer.url, answer.status, answer.request_id, "document")
        reason = f"The document is not a feed ({document.damage or 'no feed element'})."
        if not answer.body:
            return Page(next_cursor=self.cursor(), warnings=(f"The feed {shown(url)} is empty.",))
        raw = spool_or_bytes([answer.body], self.context.sink)
        kind = answer.headers.get("content-type", "").partition(";")[0].strip() or "application/octet-stream"
        broken = Unreadable(f"{url}#document", raw, kind, reason, shown(url), origin)
        return Page(items=(broken,), next_cursor=self.cursor(), warnings=(f"{shown(url)}: {reason}",))

    def _complete(self, item: Item, files: list[tuple[str, str]], warnings: list[str]) -> tuple[Item, bool]:
        """Add what may be large; False when a file is to be tried again in the next run."""
        if isinstance(item.raw, bytes) and not is_inline(item.raw):
            item = replace(item, raw=self.context.sink.spool([item.raw]))
        if not _yes(self.context, "enclosures") or not self.context.in_scope(item):
            return item, True
        kept, done = [], True
        for url, declared in files:
            try:
                kept.append(self._download(url, declared))
            except ConnectorError as error:
                done = done and not isinstance(error, Retry)
                warnings.append(f"An enclosed file was not kept: {error}")
        return replace(item, attachments=tuple(kept)), done

    def _download(self, url: str, declared: str) -> Attachment:
        with self.context.http.stream(url) as answer:
            if answer.status != 200:
                raise Misconfigured(f"{shown(url)} answered {answer.status}", where=shown(url))
            kind = declared or answer.headers.get("content-type", "application/octet-stream").partition(";")[0].strip()
            name = urlsplit(url).path.rpartition("/")[2] or "enclosure"
            return Attachment(name, kind, spool_or_bytes(answer, self.context.sink))


_UNKNOWN = ["", "", "", "", ""]


def _refuse_web_page(answer: Response) -> None:
    """Say which feeds a web page advertises, where the page itself was given as the feed."""
    if is_html(answer) and (named := advertised_feeds(answer)):
        raise Misconfigured(f"{shown(answer.url)} is a web page; its feeds are {', '.join(named[:5])}")


def _urls(context: Context) -> list[str]:
    found = str(context.settings.get("url") or "").split()
    if not found:
        raise Misconfigured("the setting url is empty; give the address of the feed")
    for url in found:
        if not url.startswith(("http://", "https://")):
            raise Misconfigured(f"the setting url has {url!r}, which does not begin with http:// or https://")
    return list(dict.fromkeys(found))


def _yes(context: Context, name: str) -> bool:
    default = next(setting.default for setting in CONNECTOR.info.config if setting.name == name)
    return str(context.settings.get(name, default)).strip().lower() in ("yes", "true", "1", "on")


def _same_place(first: str, second: str) -> bool:
    return first.rstrip("/") == second.rstrip("/")


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]


def _key(url: str) -> str:
    return hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()[:16]


def _marks(answer: Response) -> list[str]:
    """Return what to ask with next time; overlong ones are dropped, the feed is then read whole."""
    found = [answer.headers.get("etag", ""), answer.headers.get("last-modified", "")]
    return [mark if len(mark) <= 64 else "" for mark in found]


def _heads(read: list[Item]) -> str:
    """Name the three newest entries, to see next time whether the readings overlap."""
    newest = sorted(read, key=lambda item: item.sent.at if item.sent else 0, reverse=True)[:3]
    return ",".join(_short(item.native_id) for item in newest)
