"""Errors of connectors, by what the caller shall do; each docstring is the message."""


class ConnectorError(Exception):
    """The source could not be read: {detail}"""

    action = "Read the message and run the collection again."

    def __init__(self, detail: str, *, action: str | None = None, where: str | None = None) -> None:
        """detail: what happened, one line.  action: what the person shall do now.  where: file, position or address."""
        self.detail = detail
        self.where = where
        if action is not None:
            self.action = action
        super().__init__((type(self).__doc__ or "{detail}").format(detail=detail))


class Retry(ConnectorError):
    """The source asks us to come back later: {detail}"""

    action = "Wait: the next run goes on where this one stopped. If it stays so, check the address and the network."

    def __init__(self, detail: str, *, after: float | None = None, where: str | None = None) -> None:
        """after: seconds to wait before the next attempt, None where the source does not say."""
        self.after = after
        super().__init__(detail, where=where)


class Reauthorize(ConnectorError):
    """The source no longer accepts our credentials: {detail}"""

    action = "Ask the account's owner to sign in again, then set the new credential on the source."


class Misconfigured(ConnectorError):
    """The source's settings are wrong: {detail}"""

    action = "Correct the setting named above with `archiver source add` or in the source's settings."


class SkipItem(ConnectorError):
    """One item could not be read: {detail}"""

    action = "Nothing to do: the item is counted, the rest is read."


class SourceGone(ConnectorError):
    """The source no longer exists: {detail}"""

    action = "Check the account; if it was closed on purpose, remove the source. Its records stay."
