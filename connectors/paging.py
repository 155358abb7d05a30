"""Page turning that ends: a listing that leads back to a page already read is an error, not an endless run."""

import re
from collections.abc import Mapping
from urllib.parse import urljoin

from connectors.errors import ConnectorError

MAX_PAGES = 10_000

# One link-value of RFC 8288 section 3: <target> and its parameters; no two parts can match the same characters, so that
# a hostile header costs no more than its length.
_PARAMETER = r';\s*([\w!#$&+\-.^`|~*]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*))\s*)?'
_LINK = re.compile(r"<([^<>]*)>\s*((?:" + _PARAMETER.replace("(", "(?:").replace("(?:?:", "(?:") + ")*)")
_PARAMETERS = re.compile(_PARAMETER)


class PagingLoop(ConnectorError):
    """The source's listing does not end: {detail}"""

    action = "Nothing was lost; what was read is kept. Run the collection again, and report it if it happens twice."


class PageTurner:
    """Remembers which page addresses or tokens a listing has used; made new for each listing.

    limit: pages after which a listing is taken to be endless.
    """

    def __init__(self, limit: int = MAX_PAGES) -> None:
        self._seen: set[str] = set()
        self._limit = limit

    def turn(self, token: str) -> str:
        """Return the token or address of the next page; raises PagingLoop when it was used before or pages run out."""
        if token in self._seen:
            raise PagingLoop(f"page {len(self._seen) + 1} leads back to one already read")
        if len(self._seen) >= self._limit:
            raise PagingLoop(f"more than {self._limit:,} pages")
        self._seen.add(token)
        return token


def links(headers: Mapping[str, str], base: str) -> dict[str, str]:
    """Return the targets of a Link header by relation, made absolute against the page's address (RFC 8288)."""
    found: dict[str, str] = {}
    for target, parameters in _LINK.findall(headers.get("link", "")):
        names = [quoted or bare for name, quoted, bare in _PARAMETERS.findall(parameters) if name.lower() == "rel"]
        for name in " ".join(names[:1]).lower().split():
            found.setdefault(name, urljoin(base, target))
    return found


def next_link(headers: Mapping[str, str], base: str) -> str | None:
    """Return the absolute address of the next page from a Link header, None on the last page."""
    return links(headers, base).get("next")
