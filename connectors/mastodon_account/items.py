"""From Mastodon's statuses to Items; counters (likes, boosts) stay in the raw bytes, they are not edits."""

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from bs4 import BeautifulSoup

from connectors.html_text import plain_text
from connectors.mastodon_account.client import Listed
from schema.item import Item, Moment, Party, Provenance
from schema.vocab import AddressKind, Direction, Kind, PartyRole, Visibility

_VISIBILITY = {
    "public": Visibility.PUBLIC,
    "unlisted": Visibility.UNLISTED,
    "private": Visibility.FOLLOWERS,
    "direct": Visibility.DIRECT,
    "limited": Visibility.FOLLOWERS,
}


def is_status(value: dict[str, Any]) -> bool:
    """Tell whether a JSON value has what every status has: id, author, a time that can be read."""
    return bool(value.get("id") and isinstance(value.get("account"), dict) and instant(value.get("created_at")))


def instant(text: Any) -> int | None:
    """Read an ISO-8601 time as milliseconds UTC (without an offset it is UTC), None when it is not one."""
    try:
        found = datetime.fromisoformat(str(text))
        return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def mark(value: dict[str, Any]) -> str:
    """Return what changes when a status is edited: its edit time, else its time; of a repost, the reposted status's."""
    inner = value.get("reblog") or {}
    return str(value.get("edited_at") or inner.get("edited_at") or value.get("created_at") or "")


def native_id(status_id: Any, account_id: Any, me: str) -> str:
    """Return the native id of a status: the account's own and those of others are told apart by their prefix.

    account_id: who wrote it.  me: the id of the account that is read.
    """
    return f"{'status' if str(account_id) == me else 'comment'}/{status_id}"


def earlier_state(status: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    """Put one entry of the edit history into the place of a status's changeable parts (StatusEdit has only those)."""
    kept = {name: state.get(name) for name in ("content", "spoiler_text", "sensitive", "poll")}
    return {**status, **kept, "media_attachments": state.get("media_attachments") or []}


def make_item(
    value: dict[str, Any],
    listed: Listed,
    version: str,
    *,
    me: str,
    root: str | None = None,
) -> Item:
    """Make the Item of one state of a status.

    version: the time of this state, as the server writes it.  me: id of the account that is read.
    root: native id of the post that began the conversation, where known.
    """
    inner = value.get("reblog") or value
    sent, created = instant(value["created_at"]), str(value["created_at"])
    edited = instant(version) if version != created else None
    author = str(value["account"].get("id"))
    own, name = author == me, native_id(value["id"], author, me)
    reply_to = value.get("in_reply_to_id")
    parent = native_id(reply_to, value.get("in_reply_to_account_id"), me) if reply_to else None
    answer = listed.answer
    return Item(
        native_id=name,
        kind=_kind(value, own),
        raw=listed.raw,
        raw_type="application/json",
        provenance=Provenance(answer.retrieved_at, answer.url, answer.status, answer.request_id),
        sent=Moment(sent) if sent is not None else None,
        parties=tuple(_parties(value)),
        direction=Direction.SENT if own else Direction.RECEIVED,
        visibility=_VISIBILITY.get(str(value.get("visibility")), Visibility.UNKNOWN),
        title=str(inner.get("spoiler_text") or "") or None,
        text=plain_text(str(inner.get("content") or "")),
        thread_id=root or parent or name,
        in_reply_to=parent,
        url=value.get("url") or inner.get("url"),
        version_id=version,
        edited=Moment(edited) if edited is not None else None,
        attributes=tuple(_facts(value, inner)),
    )


def _kind(value: dict[str, Any], own: bool) -> Kind:
    if value.get("reblog"):
        return Kind.REPOST
    if not own:
        return Kind.COMMENT
    return Kind.REPLY if value.get("in_reply_to_id") else Kind.POST


def handle(account: dict[str, Any]) -> str:
    """Return "@user@host" of an account; the server leaves the host out for its own accounts."""
    acct = str(account.get("acct") or account.get("username") or "")
    host = urlsplit(str(account.get("url") or "")).netloc
    return f"@{acct}" if "@" in acct or not host else f"@{acct}@{host}"


def _parties(value: dict[str, Any]) -> list[Party]:
    account, inner = value["account"], value.get("reblog")
    found = [Party(PartyRole.AUTHOR, handle(account), AddressKind.HANDLE, account.get("display_name") or None)]
    if inner and isinstance(inner.get("account"), dict):
        other = inner["account"]
        found.append(Party(PartyRole.PARTICIPANT, handle(other), AddressKind.HANDLE, other.get("display_name") or None))
    # Taken from the text, not from `mentions`: the edit history has no mentions, and both must give the same parties.
    names = dict.fromkeys(_mentions(str((inner or value).get("content") or "")))
    return found + [Party(PartyRole.MENTIONED, name, AddressKind.HANDLE) for name in names]


def _mentions(html: str) -> list[str]:
    if "mention" not in html:
        return []
    found = []
    for tag in BeautifulSoup(html, "html.parser").find_all("a", class_="mention", href=True):
        text = tag.get_text().strip()
        if text.startswith("@"):
            name, _, domain = text[1:].partition("@")
            found.append(f"@{name}@{domain or urlsplit(str(tag['href'])).netloc}")
    return found


def _facts(value: dict[str, Any], inner: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    if inner is not value:
        found.append(("repost_of", str(inner.get("uri") or inner.get("url") or inner.get("id"))))
    if inner.get("sensitive"):
        found.append(("sensitive", "yes"))
    options = (inner.get("poll") or {}).get("options") or []
    found += [("poll_option", str(option.get("title"))) for option in options if isinstance(option, dict)]
    return found


def media_of(value: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    """Return (name, address, description) of each file; names come from ids, for addresses move between hosts."""
    found = []
    for media in (value.get("reblog") or value).get("media_attachments") or []:
        url = media.get("url") or media.get("remote_url")
        if url:
            ending = re.search(r"\.\w{1,5}$", urlsplit(url).path)
            found.append(
                (f"{media.get('id')}{ending[0] if ending else ''}", str(url), media.get("description") or None)
            )
    return found
