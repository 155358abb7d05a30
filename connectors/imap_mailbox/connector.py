"""The connector for a mailbox on an IMAP server."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from connectors.contract import ConfigField, ConnectorInfo, Context, Cursor, Page, Window
from connectors.errors import Misconfigured
from connectors.imap_mailbox import cursor as bookmark
from connectors.imap_mailbox.client import Folder, ImapClient
from connectors.imap_mailbox.run import Run
from connectors.rfc822 import covers
from schema.vocab import Platform

_USUAL_NAMES = {
    "junk": frozenset({"junk", "spam", "junk e-mail", "junk email", "bulk mail"}),
    "trash": frozenset({"trash", "deleted items", "deleted messages", "bin"}),
    "drafts": frozenset({"drafts", "draft"}),
    "flagged": frozenset({"starred"}),
}


class ImapMailbox:
    """Reads all folders of one mailbox, and changes nothing in it, not even the mark that a mail was read."""

    info = ConnectorInfo(
        name="imap_mailbox",
        platform=Platform.EMAIL,
        title="Mailbox on an IMAP server",
        sees=(
            "every mail in every folder but those excluded, with attachments and exactly as stored",
            "mails expunged between two runs: as gone where the server keeps QRESYNC, elsewhere as missing",
        ),
        cannot_see=(
            "mails that came and were expunged between two runs (use a journal mailbox on the server against that)",
            "whether a mail was read, flagged or answered",
            "mailboxes that only accept OAuth sign-in, as Microsoft 365 and Gmail without an app password do",
        ),
        config=(
            ConfigField("host", "Name or address of the IMAP server.", required=True),
            ConfigField("user", "User name of the mailbox.", required=True),
            ConfigField("password", "Password of the mailbox, or an app password.", required=True, secret=True),
            ConfigField("tls", "Encryption: ssl, starttls, or none (only on the same machine).", default="ssl"),
            ConfigField("port", "Port of the server; usually 993 with ssl, else 143."),
            ConfigField(
                "ca_file", "File with the certificate authority of a server that public ones do not vouch for."
            ),
            ConfigField("folders", "Folders to read, by commas, * for any characters; empty: all."),
            ConfigField(
                "exclude",
                "Folders to leave out, by commas: names, or the uses junk, trash, drafts, sent, archive, all, flagged.",
                default="junk,flagged",
            ),
            ConfigField(
                "address", "The mailbox owner's e-mail addresses, by commas: they tell sent from received mail."
            ),
        ),
    )

    def check(self, context: Context) -> list[str]:
        """Sign in and list the folders; raises Misconfigured, Reauthorize or Retry."""
        with _client(context) as client:
            wanted = _wanted(context, client.folders())
            if not wanted:
                raise Misconfigured("folders: none of the mailbox's folders is wanted")
            findings = [f"{len(wanted)} folders will be read: {', '.join(folder.name for folder in wanted)[:400]}"]
            if not client.qresync:
                findings.append("The server does not tell what was expunged; expunged mails are reported as missing.")
            if context.settings.get("tls") == "none":
                findings.append("The password and the mail travel unencrypted; set tls to ssl or starttls.")
        return findings

    def pull(self, context: Context, cursor: Cursor | None, window: Window) -> Iterator[Page]:
        """Read what came and what went since the cursor; raises Misconfigured, Reauthorize or Retry."""
        usable = (
            cursor
            if cursor and cursor.get("version") == bookmark.VERSION and covers(cursor.get("window"), window)
            else None
        )
        with _client(context) as client:
            folders = client.folders()
            run = Run(context, window, client, bookmark.read(usable, [one.name for one in folders]))
            yield from run.pages(folders, _wanted(context, folders))


def _client(context: Context) -> ImapClient:
    return ImapClient(context.settings, context.secrets.get("password", ""))


def _listed(setting: object) -> list[str]:
    return [part.strip() for part in str(setting or "").split(",") if part.strip()]


def _wanted(context: Context, folders: list[Folder]) -> list[Folder]:
    """Choose the folders by the settings `folders` and `exclude`."""
    names = _listed(context.settings.get("folders"))
    left_out = _listed(context.settings.get("exclude", "junk,flagged"))
    chosen = [one for one in folders if not names or any(fnmatchcase(one.name, name) for name in names)]
    return [one for one in chosen if not any(_is(one, rule) for rule in left_out)]


def _is(folder: Folder, rule: str) -> bool:
    """Tell whether a folder has a use (RFC 6154, else by its usual name) or a name."""
    use = rule.lower()
    usual = folder.name.lower() in _USUAL_NAMES.get(use, frozenset())
    return f"\\{use}" in folder.flags or usual or fnmatchcase(folder.name, rule)


CONNECTOR = ImapMailbox
