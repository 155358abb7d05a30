"""What a connector gets of the world for one run."""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from archiver.archive import Archive
from archiver.collect.sink import ObjectSink
from archiver.scope import Scope, in_scope
from archiver.sources.registry import Source, credentials, set_credential
from connectors.contract import Context
from connectors.http import HttpClient
from schema.item import Item


def program_version() -> str:
    """Our version, for receipts and manifests."""
    try:
        return version("city-archiver")
    except PackageNotFoundError:
        return "source tree"


def context_for(
    archive: Archive,
    source: Source,
    sink: ObjectSink,
    *,
    progress: Callable[[int, int | None, str], None],
    stopped: Callable[[], bool],
    scope: Scope | None = None,
) -> Context:
    """The context of a run; private addresses are reachable only where the source's own settings name the host.

    scope: of the declaration, None for a city's own source, of which everything is kept.
    """
    with archive.reading() as session:
        secrets = credentials(archive, session, source.id)

    def save_secret(name: str, value: str) -> None:
        with archive.unit() as session:
            set_credential(archive, session, source.id, name, value)

    def kept(item: Item) -> bool:
        return scope is None or in_scope(item, scope)

    http = HttpClient(
        allow_private_hosts=_named_hosts(source),
        user_agent=f"city-archiver/{program_version()}",
        timeout=(10.0, float(archive.config.collect.timeout)),
        max_bytes=archive.config.collect.max_response << 20,
        now_ms=archive.now,
    )
    return Context(source.settings, secrets, http, sink, archive.now, progress, stopped, save_secret, kept)


def _named_hosts(source: Source) -> frozenset[str]:
    from urllib.parse import urlsplit

    hosts = set()
    for value in source.settings.values():
        for word in str(value).split():
            parts = urlsplit(word)
            if parts.scheme in ("http", "https") and parts.hostname:
                hosts.add(parts.netloc.rpartition("@")[2])
    return frozenset(hosts)
