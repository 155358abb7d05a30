"""The connector for mail that lies in files."""

from collections.abc import Iterator

from connectors.contract import ConfigField, ConnectorInfo, Context, Cursor, Page, Window
from connectors.errors import Misconfigured
from connectors.mail_files.client import list_tree
from connectors.mail_files.run import root, start
from schema.vocab import Platform


class MailFiles:
    """Reads mbox files, maildirs, .eml files and zip archives of them below one path."""

    info = ConnectorInfo(
        name="mail_files",
        platform=Platform.EMAIL,
        title="Mail in files (mbox, maildir, .eml, zip)",
        sees=(
            "every mail in mbox files, maildirs, .eml files and zip archives below the path",
            "attachments, embedded mails and the mail exactly as stored",
            "mails that were removed from the folder since the last complete run, as missing",
        ),
        cannot_see=(
            "Outlook .pst and .msg files, encrypted zip members and the content of encrypted mails",
            "when a mail was removed, and mails that came and went between two runs",
            "whether a mail was read, flagged or answered",
        ),
        config=(
            ConfigField(
                "path", "The file or folder that holds the mail; a folder is read with all below it.", required=True
            ),
            ConfigField(
                "address", "The mailbox owner's e-mail addresses, by commas: they tell sent from received mail."
            ),
        ),
    )

    def check(self, context: Context) -> list[str]:
        """List the path; raises Misconfigured where there is nothing to read."""
        listing = list_tree(root(context))
        if not listing.files and not listing.complete:
            raise Misconfigured(f"path: {listing.warnings[0]}")
        return [f"{len(listing.files)} files found.", *listing.warnings[:10]]

    def pull(self, context: Context, cursor: Cursor | None, window: Window) -> Iterator[Page]:
        """Read what is new or changed since the cursor; raises Misconfigured when the path is not there."""
        yield from start(context, cursor, window).pages()


CONNECTOR = MailFiles
