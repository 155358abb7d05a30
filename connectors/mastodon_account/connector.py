"""The Mastodon connector: posts, replies, reposts and edits of one account, and the replies to it."""

from collections.abc import Iterator

from connectors.contract import ConfigField, ConnectorInfo, Context, Cursor, Page, Window
from connectors.errors import Misconfigured, SourceGone
from connectors.mastodon_account.client import Client
from connectors.mastodon_account.reading import Reading, State
from schema.vocab import Platform

DAY = 86_400_000


class CONNECTOR:
    """Reads an account newest first, back to what the last whole reading covered, and at least the re-check window."""

    info = ConnectorInfo(
        name="mastodon_account",
        platform=Platform.MASTODON,
        title="Mastodon account",
        sees=(
            "posts, replies and reposts of the account, with pictures and other media",
            "every earlier state of an edited post that the server's history still has",
            "deletions within the re-check window, as a 404 for a post that was there",
            "replies of others to the account's posts, as far as this server knows them",
        ),
        cannot_see=(
            "what was posted and deleted between two collections",
            "posts for followers and direct messages, without an access token of the account",
            "replies on other servers that never reached this one",
            "edits and deletions of posts older than the re-check window",
            "who liked or followed",
        ),
        config=(
            ConfigField("server", "Address of the server, for example https://mastodon.example.", required=True),
            ConfigField("account", "Name of the account on that server, with or without @.", required=True),
            ConfigField(
                "access_token", "Token of the account with the scope read; shows posts for followers.", secret=True
            ),
            ConfigField("replies", "yes: also read what others reply to the account's posts.", default="yes"),
            ConfigField("media", "yes: also keep pictures, sound and video of the posts.", default="yes"),
            ConfigField("recheck_days", "Days that are read again each time for edits and deletions.", default=30),
        ),
    )

    def check(self, context: Context) -> list[str]:
        """Look the account up and read one post; raises ConnectorError where that cannot work."""
        client, acct = _client(context), _setting(context, "account")
        account = client.account(acct)
        listed, _ = client.statuses(str(account["id"]), None, limit=1)
        found = [
            f"The account {account.get('acct')} was found; the server counts {account.get('statuses_count')} posts."
        ]
        if account.get("statuses_count") and not listed:
            found.append("The server shows none of its posts; an access token may be needed.")
        if account.get("moved"):
            found.append(f"The account has moved to {account['moved'].get('url')}; add that one as a source too.")
        if "@" in str(account.get("acct")):
            found.append("The account belongs to another server; this one knows only a part of its posts.")
        if client.signed is False:
            found.append("Without an access token only public and unlisted posts are seen.")
        return found

    def pull(self, context: Context, cursor: Cursor | None, window: Window) -> Iterator[Page]:
        """Finish a reading that was cut short, then read from the newest post back; see the class for how far."""
        client = _client(context)
        account = client.account(_setting(context, "account"))
        state = State.load(cursor)
        if state.account_id not in (None, str(account["id"])):
            raise SourceGone("another account now has this name", where=_setting(context, "account"))
        state.account_id = str(account["id"])
        state.signed_once = state.signed_once or client.signed
        reading = Reading(context, client, account, state, window)
        reading.with_replies, reading.with_media = _yes(context, "replies"), _yes(context, "media")
        reading.recheck_ms = _days(context) * DAY
        done = 0
        for page in reading.pages():
            yield page
            done += len(page.items) + len(page.still_there)
            context.progress(done, None, "posts")
            if context.stopped():
                return


def _client(context: Context) -> Client:
    server = _setting(context, "server")
    if not server.startswith(("http://", "https://")):
        server = f"https://{server}"
    return Client(context.http, server, context.secrets.get("access_token"))


def _setting(context: Context, name: str) -> str:
    value = str(context.settings.get(name) or "").strip().lstrip("@")
    if not value:
        raise Misconfigured(f"the setting {name} is empty")
    return value


def _yes(context: Context, name: str) -> bool:
    return str(context.settings.get(name, "yes")).strip().lower() in ("yes", "true", "1", "on")


def _days(context: Context) -> int:
    value = str(context.settings.get("recheck_days", 30))
    if not value.isdigit() or not 1 <= int(value) <= 3650:
        raise Misconfigured(f"the setting recheck_days is {value!r}; give a number of days from 1 to 3650")
    return int(value)
