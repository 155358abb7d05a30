"""The few calls of Mastodon's REST API that reading an account needs (https://docs.joinmastodon.org/methods/)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from connectors.errors import ConnectorError, Misconfigured, Reauthorize, Retry, SourceGone
from connectors.http import HttpClient, Response
from connectors.http_reading import shown
from connectors.paging import next_link

LIMIT = 40
"""Statuses per page, the server's maximum."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One element of a JSON answer with its own bytes as they came, and the answer it came in."""

    value: dict[str, Any]
    raw: bytes
    answer: Response


class Client:
    """Calls one server, with or without an access token; the token goes to that server only."""

    def __init__(self, http: HttpClient, server: str, token: str | None) -> None:
        self._http, self._server = http, server.rstrip("/")
        self._headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self.signed = bool(token)

    def account(self, acct: str) -> dict[str, Any]:
        """Look an account up by name; raises SourceGone (404, 410, suspended), Reauthorize, Misconfigured, Retry."""
        answer = self._get("/api/v1/accounts/lookup", {"acct": acct})
        if answer.status in (404, 410):
            raise SourceGone(f"{self._server} knows no account {acct!r}", where=shown(answer.url))
        found = _json(self._usable(answer))
        if not isinstance(found, dict) or not found.get("id"):
            raise Retry("the server's answer about the account has no id", where=shown(answer.url))
        if found.get("suspended"):
            # A suspended account lists nothing, which must not look like the deletion of everything.
            raise SourceGone(f"the account {acct!r} is suspended by its server", where=shown(answer.url))
        return found

    def statuses(self, account_id: str, max_id: str | None, limit: int = LIMIT) -> tuple[list[Listed], str | None]:
        """Return a page of an account's statuses, newest first, and the next page's max_id (Link header)."""
        params = {"limit": str(limit)} | ({"max_id": max_id} if max_id else {})
        answer = self._usable(self._get(f"/api/v1/accounts/{account_id}/statuses", params))
        following = next_link(answer.headers, answer.url)
        return _elements(answer), _query_value(following, "max_id") if following else None

    def history(self, status_id: str) -> list[Listed]:
        """Return all states of a status, oldest first; [] where the server keeps or shows no history."""
        answer = self._get(f"/api/v1/statuses/{status_id}/history")
        return [] if answer.status in (401, 403, 404, 410) else _elements(self._usable(answer))

    def replies(self, status_id: str) -> list[Listed]:
        """Return the replies below a status that this server knows; [] when the status is gone."""
        answer = self._get(f"/api/v1/statuses/{status_id}/context")
        if answer.status in (401, 403, 404, 410):
            return []
        found = _json(self._usable(answer))
        below = found.get("descendants") if isinstance(found, dict) else None
        if not isinstance(below, list):
            raise Retry("the server's answer about a conversation has no descendants", where=shown(answer.url))
        return [_again(value, answer) for value in below]

    def status(self, status_id: str) -> tuple[Listed | None, int]:
        """Ask for one status; returns it where it can be read, and the HTTP status (404, 410: it is gone)."""
        answer = self._get(f"/api/v1/statuses/{status_id}")
        if answer.status in (401, 403, 404, 410):
            return None, answer.status
        value = _json(self._usable(answer))
        return Listed(value if isinstance(value, dict) else {}, answer.body, answer), answer.status

    def _get(self, path: str, params: Mapping[str, str] | None = None) -> Response:
        return self._http.get(self._server + path, self._headers, params)

    def _usable(self, answer: Response) -> Response:
        if answer.status == 401:
            action = None if self.signed else "Set an access token; this server shows posts to signed-in readers only."
            raise Reauthorize(f"{self._server} answered 401", action=action, where=shown(answer.url))
        if answer.status == 403:
            raise Reauthorize(f"{self._server} refuses this ({answer.status})", where=shown(answer.url))
        if answer.status >= 400:
            raise Misconfigured(f"{self._server} answered {answer.status}", where=shown(answer.url))
        return answer


def _json(answer: Response) -> Any:
    """Read JSON; anything else (a maintenance page with status 200) is a reason to come back, never an empty list."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise Retry(f"{shown(answer.url)} answered something that is not JSON", where=shown(answer.url)) from error


def _elements(answer: Response) -> list[Listed]:
    """Split a JSON array into its elements, each with exactly the bytes it had."""
    if not isinstance(_json(answer), list):
        raise Retry(f"{shown(answer.url)} answered something that is not a list", where=shown(answer.url))
    found: list[Listed] = []
    text, decoder = answer.body.decode("utf-8-sig"), json.JSONDecoder()
    at = text.index("[") + 1
    while True:
        while text[at] in " \t\r\n,":
            at += 1
        if text[at] == "]":
            return found
        value, end = decoder.raw_decode(text, at)
        found.append(Listed(value if isinstance(value, dict) else {}, text[at:end].encode(), answer))
        at = end


def _again(value: Any, answer: Response) -> Listed:
    raw = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return Listed(value if isinstance(value, dict) else {}, raw, answer)


def _query_value(url: str, name: str) -> str:
    values = parse_qs(urlsplit(url).query).get(name)
    if not values:
        raise ConnectorError(f"the server's link to the next page has no {name}", where=shown(url))
    return values[0]
