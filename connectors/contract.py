"""The contract between a connector and the framework that runs it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from schema.item import Blob, Gap, Gone, Item, Unreadable
from schema.vocab import Platform

if TYPE_CHECKING:
    from connectors.http import HttpClient

Cursor = dict[str, Any]
"""A connector's bookmark: JSON values only, never secret, nothing of a single item that is not kept (decision 0008)."""

INLINE_LIMIT = 1 << 20
"""Bytes: larger attachments and raw payloads go through `Sink.spool`."""


@dataclass(frozen=True, slots=True)
class ConfigField:
    """One setting of a connector; secret ones are given by reference and arrive in `Context.secrets`."""

    name: str
    help: str
    required: bool = False
    secret: bool = False
    default: str | int | bool | None = None


@dataclass(frozen=True, slots=True)
class ConnectorInfo:
    """What a connector is, and honestly what it can and cannot see."""

    name: str
    platform: Platform
    title: str
    sees: tuple[str, ...]
    cannot_see: tuple[str, ...]
    config: tuple[ConfigField, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """The stretch of item times to read (half-open, milliseconds UTC; None: no limit)."""

    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Enumeration:
    """A statement that this pull handed over everything that the source lists.

    Items sent in [since, until) (milliseconds UTC, None: no limit) whose native id begins with `prefix`
    and that the pull did not hand over are missing at the source. Never stated after an error, a clipped
    listing or a short page.
    """

    since: int | None = None
    until: int | None = None
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One step of a pull; the framework saves `next_cursor` in the transaction of the page's records.

    next_cursor: where to go on after this page; None leaves the saved cursor as it is.
    complete: on the page that ends a complete listing, what it covered.
    still_there: native ids listed at the source unchanged, without their content being read again.
    """

    items: tuple[Item | Unreadable, ...] = ()
    gone: tuple[Gone, ...] = ()
    next_cursor: Cursor | None = None
    complete: Enumeration | None = None
    still_there: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    warnings: tuple[str, ...] = ()


class Sink(Protocol):
    """Takes bytes too large for memory."""

    def spool(self, chunks: Iterable[bytes]) -> Blob:
        """Seal a stream of bytes as it comes and return its handle."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """All that a connector may use of the world.

    settings: values of the non-secret config fields (strings, ints, bools as declared).
    now: current time, milliseconds UTC.  progress(done, total or None, unit).
    stopped: True once the run shall end after the current page.
    save_secret(name, value): keep a refreshed token.
    in_scope: whether an item will be kept; a cursor may remember only what is kept.  It does not look at attachments,
    so those of an item out of scope need not be fetched.
    """

    settings: Mapping[str, Any]
    secrets: Mapping[str, str]
    http: "HttpClient"
    sink: Sink
    now: Callable[[], int]
    progress: Callable[[int, int | None, str], None] = field(default=lambda done, total, unit: None)
    stopped: Callable[[], bool] = field(default=lambda: False)
    save_secret: Callable[[str, str], None] = field(default=lambda name, value: None)
    in_scope: Callable[[Item], bool] = field(default=lambda item: True)


@runtime_checkable
class Connector(Protocol):
    """Reads one outside system; made new for each run, keeps no state between runs but the cursor."""

    info: ConnectorInfo

    def check(self, context: Context) -> list[str]:
        """Try the settings without collecting; returns findings in words, raises ConnectorError if it cannot work."""
        ...

    def pull(self, context: Context, cursor: Cursor | None, window: Window) -> Iterator[Page]:
        """Read on from the cursor, page by page; raises ConnectorError subclasses by what the caller shall do."""
        ...
