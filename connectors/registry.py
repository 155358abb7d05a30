"""Which connectors there are: the built-in ones, and those that installed packages offer."""

from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from connectors.contract import Connector, ConnectorInfo
from connectors.errors import Misconfigured

GROUP = "archiver.connectors"
BUILT_IN = ("feed", "imap_mailbox", "mail_files", "mastodon_account", "sms_backup")


def _offered() -> dict[str, EntryPoint]:
    """Return what installed packages offer, by name."""
    return {point.name: point for point in entry_points(group=GROUP)}


def names() -> list[str]:
    """Return the names of all connectors, sorted, without importing any."""
    return sorted({*BUILT_IN, *_offered()})


def get(name: str) -> type[Connector]:
    """Import one connector's class; raises Misconfigured for an unknown name or one that does not load.

    Built-in names are looked up here only: no package can take one over, and its secrets with it.
    """
    offered = {} if name in BUILT_IN else _offered()
    if name not in BUILT_IN and name not in offered:
        raise Misconfigured(f"there is no connector {name!r}; there are: {', '.join(names())}")
    try:
        found = offered[name].load() if name in offered else import_module(f"connectors.{name}.connector").CONNECTOR
    except Exception as error:  # a stranger's module may raise anything while it is imported
        raise Misconfigured(f"the connector {name!r} does not load: {type(error).__name__}: {error}") from error
    if not isinstance(found, type) or not all(hasattr(found, part) for part in ("info", "check", "pull")):
        raise Misconfigured(f"the connector {name!r} is not a connector class with info, check and pull")
    return found


def infos() -> Iterator[ConnectorInfo]:
    """Yield what every connector that loads says about itself, by name; one that does not load is passed over."""
    for name in names():
        try:
            yield get(name).info
        except Misconfigured:
            continue
