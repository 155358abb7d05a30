"""Getting feed documents: conditional requests, moved addresses, folder listings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup

from connectors.errors import Misconfigured, Retry, SourceGone
from connectors.http import HttpClient, Response
from connectors.http_reading import shown
from connectors.paging import PageTurner

MAX_DOCUMENT = 32 << 20
MAX_LISTINGS = 500
MAX_FEEDS = 5_000
MAX_DEPTH = 6
_ACCEPT = "application/atom+xml, application/rss+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5"
_FEED_NAME = re.compile(r"\.(xml|rss|atom|rdf|cdf)$", re.IGNORECASE)
_LISTING_TITLE = re.compile(r"^\s*(Directory listing for|Index of)\s", re.IGNORECASE)
_FEED_TYPES = ("application/rss+xml", "application/atom+xml")


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server gave us to ask "has it changed?" (RFC 9110 section 8.8)."""

    etag: str = ""
    modified: str = ""

    def headers(self) -> dict[str, str]:
        """Return the headers of a conditional request."""
        found = {"Accept": _ACCEPT}
        if self.etag:
            found["If-None-Match"] = self.etag
        if self.modified:
            found["If-Modified-Since"] = self.modified
        return found


def fetch(http: HttpClient, url: str, validators: Validators) -> Response:
    """Read one document; 304 comes back as such.  Raises SourceGone (410), Misconfigured (404), Reauthorize, Retry."""
    answer = http.get(url, validators.headers(), max_bytes=MAX_DOCUMENT)
    if answer.status == 410:
        raise SourceGone(f"{shown(url)} answered 410, the feed was ended by its owner", where=shown(url))
    if answer.status == 404:
        raise Misconfigured(f"{shown(url)} answered 404, there is nothing at this address", where=shown(url))
    return answer.or_raise()


def is_html(answer: Response) -> bool:
    """Tell whether an answer is a web page, not a feed."""
    head = answer.body[:1024].lstrip().lower()
    return head.startswith((b"<!doctype html", b"<html")) or (
        "html" in answer.headers.get("content-type", "") and not head.startswith(b"<?xml")
    )


def is_listing(answer: Response) -> bool:
    """Tell whether a web page is a server's listing of a folder (Python, Apache, nginx, lighttpd write such titles)."""
    if not is_html(answer):
        return False
    title = BeautifulSoup(answer.body[:4096], "html.parser").title
    return bool(title and _LISTING_TITLE.match(title.get_text()))


def advertised_feeds(answer: Response) -> list[str]:
    """Return the feeds that a web page names in its head."""
    soup = BeautifulSoup(answer.body, "html.parser")
    tags = soup.find_all("link", rel="alternate", type=_FEED_TYPES, href=True)
    return [urljoin(answer.url, cast(str, tag["href"])) for tag in tags]


def walk_listing(http: HttpClient, first: Response) -> Iterator[str]:
    """Yield the addresses of feed files below a folder listing, depth first in the listing's order.

    Only addresses below the first listing are followed.  Raises Misconfigured for a tree that is too large or deep.
    """
    root, turner = first.url.partition("?")[0], PageTurner(MAX_LISTINGS)
    turner.turn(root)
    found = 0
    stack: list[tuple[int, list[str]]] = [(1, _children(first, root)[::-1])]
    while stack:
        depth, waiting = stack[-1]
        if not waiting:
            stack.pop()
            continue
        url = waiting.pop()
        if not url.endswith("/"):
            found += 1
            if found > MAX_FEEDS:
                raise Misconfigured(f"{shown(root)} lists more than {MAX_FEEDS:,} feeds")
            yield url
        elif depth < MAX_DEPTH:
            listing = http.get(turner.turn(url)).or_raise()
            if is_listing(listing) and listing.url.startswith(root):
                stack.append((depth + 1, _children(listing, root)[::-1]))


def _children(listing: Response, root: str) -> list[str]:
    """Return sub-folders and feed files that a listing links to, below the root and below the listing itself."""
    here = listing.url.partition("?")[0]
    found: dict[str, None] = {}
    for tag in BeautifulSoup(listing.body, "html.parser").find_all("a", href=True):
        try:
            url = urljoin(here, cast(str, tag["href"]))
            path = urlsplit(url).path
        except ValueError:
            continue
        below = url.startswith(root) and url.startswith(here) and url != here
        if below and "?" not in url and "#" not in url and (path.endswith("/") or _FEED_NAME.search(path)):
            found[url] = None
    return list(found)


def first_error(errors: list[Exception]) -> Exception:
    """Choose the error to raise when every address of a source failed: a lasting one before a passing one."""
    return next((error for error in errors if not isinstance(error, Retry)), errors[0])
