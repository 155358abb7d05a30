"""The city's website and two Mastodon accounts, on a local server that lives as long as the demo collects."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import formatdate
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from archiver.demo.city import Calendar, content, routine
from archiver.demo.papers import media_type, paper

TOKEN = "demo-token-of-teddy"  # noqa: S105  (opens only the demo's own server)
ACCOUNTS = ("city", "plow")
HOME = "https://social.lakewoodfalls.example.org"
"""What posts and profiles call their server; the demo serves it from this computer."""


class Online:
    """What the server shows now; `second_night` changes it as people change things."""

    def __init__(self, calendar: Calendar) -> None:
        self.base = ""
        self._calendar = calendar
        self._articles = [dict(one) for one in content("posts")["article"]]
        self._statuses: dict[str, dict[str, Any]] = {}
        self._history: dict[str, list[dict[str, Any]]] = {}
        self._replies: dict[str, list[str]] = {}
        self._named: dict[str, str] = {}

    def fill(self) -> None:
        """Write every post; the server's address must be known, since posts link to their pictures."""
        for account in ACCOUNTS:
            entry = content("posts")[account]
            posts = [(one["days"], f"{7 + n % 12:02}:{n * 13 % 60:02}", one) for n, one in enumerate(entry["post"])]
            series = entry.get("routine")
            for days, words in routine(series) if series else ():
                posts.append((days, "12:00", {"text": words["texts"].format(**words)}))
            for days, at, post in sorted(posts, key=lambda one: (-one[0], one[1])):
                self._post(account, self._calendar.moment(days, at), post)

    def second_night(self) -> None:
        """A post is corrected, one is deleted, a reply comes, an article changes and another appears."""
        typo, now = self._named["typo"], self._calendar.now - 30_000
        before = dict(self._statuses[typo])
        self._history[typo] = [self._state(before, str(before["created_at"]))]
        self._statuses[typo] |= {"content": before["content"].replace("propossed", "proposed"), "edited_at": _iso(now)}
        self._history[typo].append(self._state(self._statuses[typo], _iso(now)))
        del self._statuses[self._named["mistake"]]
        thanks = {"from": "湖畔日本語会", "acct": "kohan", "text": "除雪のお知らせ、ありがとうございます！"}
        self._reply(self._named["emergency"], thanks, now)
        changed = next(one for one in self._articles if one.get("id") == "parking")
        changed["text"] += " Downtown lots are open to residents at night."
        minutes = {"days": 0, "title": "Minutes: variance V-07", "text": "The minutes of the hearing are here."}
        self._articles.insert(0, minutes)

    def answer(self, path: str, query: dict[str, str], token: str | None) -> tuple[int, str, bytes, dict[str, str]]:
        """Status, media type, body and headers of one request (https://docs.joinmastodon.org/methods/)."""
        if path == "/news.xml":
            return 200, "application/rss+xml", self._feed(), {}
        if path.startswith("/media/"):
            return 200, media_type(path), paper(path.rpartition("/")[2]), {}
        found, headers = self._mastodon(path.removeprefix("/api/v1/").split("/"), query, token)
        body = json.dumps({"error": "Record not found"} if found is None else found, ensure_ascii=False).encode()
        return 404 if found is None else 200, "application/json", body, headers

    def _mastodon(self, parts: list[str], query: dict[str, str], token: str | None) -> tuple[Any, dict[str, str]]:
        match parts:
            case ["accounts", "lookup"]:
                known = {content("posts")[one]["acct"]: one for one in ACCOUNTS}
                return (self._account(known[query["acct"]]) if query.get("acct") in known else None), {}
            case ["accounts", account_id, "statuses"]:
                return self._listed(account_id, query, signed=token == TOKEN)
            case ["statuses", one] if one in self._statuses:
                return self._statuses[one], {}
            case ["statuses", one, "history"] if one in self._statuses:
                return self._history.get(one, []), {}
            case ["statuses", one, "context"] if one in self._statuses:
                below = [self._statuses[reply] for reply in self._replies.get(one, ())]
                return {"ancestors": [], "descendants": below}, {}
        return None, {}

    def _listed(self, account_id: str, query: dict[str, str], *, signed: bool) -> tuple[Any, dict[str, str]]:
        limit, below = int(query.get("limit", "20")), int(query.get("max_id", "0") or 0)
        mine = [one for one in self._statuses.values() if one["account"]["id"] == account_id]
        shown = [one for one in mine if signed or one["visibility"] == "public"]
        shown = sorted((one for one in shown if not below or int(one["id"]) < below), key=lambda one: -int(one["id"]))
        page, headers = shown[:limit], {}
        if len(shown) > limit:
            following = f"{self.base}/api/v1/accounts/{account_id}/statuses?limit={limit}&max_id={page[-1]['id']}"
            headers["Link"] = f'<{following}>; rel="next"'
        return page, headers

    def _account(self, key: str) -> dict[str, Any]:
        entry = content("posts")[key]
        number = str(ACCOUNTS.index(key) + 1)
        mine = [one for one in self._statuses.values() if one["account"]["id"] == number]
        shown = {"id": number, "username": entry["acct"], "acct": entry["acct"], "display_name": entry["name"]}
        return {**shown, "url": f"{HOME}/@{entry['acct']}", "statuses_count": len(mine)}

    def _post(self, account: str, at: int, post: dict[str, Any]) -> None:
        status = self._status(self._author(account), at, post.get("text", ""), post.get("visibility", "public"))
        if "repost" in post:
            status["reblog"] = self._statuses[self._named[post["repost"]]]
        if picture := post.get("picture"):
            media = {"id": f"m{status['id']}", "type": "image", "url": f"{self.base}/media/{picture}"}
            status["media_attachments"] = [{**media, "description": "a plow at dawn"}]
        if "id" in post:
            self._named[post["id"]] = status["id"]
        for number, reply in enumerate(post.get("replies", ()), 1):
            self._reply(status["id"], reply, at + number * 240_000)

    def _reply(self, to: str, reply: dict[str, str], at: int) -> None:
        acct = f"{reply['acct']}@social.example.org"
        author = {"id": f"other-{acct}", "acct": acct, "display_name": reply["from"]}
        status = self._status({**author, "url": f"{HOME}/@{author['acct']}"}, at, reply["text"], "public")
        status |= {"in_reply_to_id": to, "in_reply_to_account_id": self._statuses[to]["account"]["id"]}
        self._replies.setdefault(to, []).append(status["id"])
        self._statuses[to]["replies_count"] += 1

    def _author(self, key: str) -> dict[str, Any]:
        return {name: value for name, value in self._account(key).items() if name != "statuses_count"}

    def _status(self, author: dict[str, Any], at: int, text: str, visibility: str) -> dict[str, Any]:
        number = str(at * 100 + len(self._statuses) % 100)
        status: dict[str, Any] = {
            "id": number,
            "created_at": _iso(at),
            "edited_at": None,
            "visibility": visibility,
            "account": author,
            "content": f"<p>{escape(text)}</p>",
            "spoiler_text": "",
            "sensitive": False,
            "replies_count": 0,
            "reblog": None,
            "in_reply_to_id": None,
            "media_attachments": [],
            "url": f"{HOME}/@{author['acct']}/{number}",
        }
        self._statuses[number] = status
        return status

    @staticmethod
    def _state(status: dict[str, Any], at: str) -> dict[str, Any]:
        kept = {name: status[name] for name in ("content", "spoiler_text", "sensitive", "account", "media_attachments")}
        return {**kept, "created_at": at}

    def _feed(self) -> bytes:
        entries = []
        for one in self._articles:
            at = formatdate(self._calendar.moment(one["days"], "09:00") / 1000, usegmt=True)
            link = f"{self.base}/news/{hashlib.sha256(one['title'].encode()).hexdigest()[:12]}"
            title, text = escape(one["title"]), escape(one["text"])
            entries.append(
                f"<item><title>{title}</title><link>{link}</link><guid>{link}</guid><pubDate>{at}</pubDate>"
                f"<description>{text}</description></item>\n"
            )
        head = f"<title>City of Lakewood Falls: news</title><link>{self.base}/</link><description>News</description>"
        channel = f"<channel>{head}\n{''.join(entries)}</channel>"
        return f'<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0">{channel}</rss>'.encode()


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at % 1000:03}Z"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    online: Online

    def do_GET(self) -> None:
        """Answer one request."""
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        token = str(self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        status, kind, body, headers = self.online.answer(address.path, query, token)
        self.send_response_only(status)
        for name, value in {**headers, "Content-Type": kind, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the library's name)
        """Keep the demo's output for its story."""


@contextmanager
def online(calendar: Calendar) -> Iterator[Online]:
    """Serve the website and the accounts on a free port of this computer while the block runs."""
    site = Online(calendar)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"online": site}))
    server.daemon_threads = True
    site.base = f"http://127.0.0.1:{server.server_port}"
    site.fill()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
