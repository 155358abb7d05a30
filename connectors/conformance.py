"""What every connector must do, as one check for its test: `assert check_connector(Connector, scenario) == []`."""

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.contract import INLINE_LIMIT, Connector, Context, Cursor, Page, Window
from connectors.errors import Misconfigured
from connectors.http import HttpClient
from schema.item import Blob, Item, Provenance, Unreadable

CURSOR_LIMIT = 64 << 10
"""Bytes of JSON: a cursor is written with each page."""

PAGE_LIMIT = 1000
"""Items: a page is one transaction."""

NOON = 1_773_576_000_000
"""Milliseconds UTC of 2026-03-15 12:00, the time of a scenario that names none."""

ALWAYS = Window()

_RESUMES = 12
_SHIFT = 7_919_000  # ms: what is in the cursors at two times is no time of the clock
_LONG = 6  # characters: a shorter part of an id, or a mere word, is only looked for as a whole string
_DIGESTS = ("md5", "sha1", "sha256", "blake2b")
_NO_PROVENANCE = Provenance(0)


class MemorySink:
    """A sink that keeps what it is given, for tests; `contents` maps a Blob's ref to its bytes."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}

    def spool(self, chunks: Iterable[bytes]) -> Blob:
        """Keep a stream in memory and return its handle; equal bytes get equal handles."""
        content = b"".join(chunks)
        digest = hashlib.sha256(content)
        self.contents[digest.hexdigest()] = content
        return Blob(digest.hexdigest(), len(content), digest.digest())


def make_context(
    settings: Mapping[str, Any] | None = None,
    *,
    secrets: Mapping[str, str] | None = None,
    private_hosts: frozenset[str] = frozenset(),
    now: int = NOON,
    sink: MemorySink | None = None,
    http: HttpClient | None = None,
    stopped: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], None] = lambda seconds: None,
    in_scope: Callable[[Item], bool] = lambda item: True,
) -> Context:
    """Make a context whose clock stands still at `now` (milliseconds UTC) and whose waits take no time."""
    http = http or HttpClient(
        allow_private_hosts=private_hosts, now_ms=lambda: now, sleep=sleep, interval=0.0, timeout=(2.0, 5.0), retries=2
    )
    return Context(
        settings or {}, secrets or {}, http, sink or MemorySink(), lambda: now, stopped=stopped, in_scope=in_scope
    )


@dataclass(frozen=True, slots=True)
class Scenario:
    """A source that stands still while it is read, and what the connector needs to read it.

    least_items: items that the source holds at least, so that reading nothing does not pass.
    """

    settings: Mapping[str, Any]
    secrets: Mapping[str, str] = field(default_factory=dict)
    private_hosts: frozenset[str] = frozenset()
    window: Window = ALWAYS
    now: int = NOON
    least_items: int = 1

    def context(self, **changes: Any) -> Context:
        """Make a fresh context of this scenario, as each run gets one."""
        return make_context(
            self.settings, secrets=self.secrets, private_hosts=self.private_hosts, now=self.now, **changes
        )


def check_connector(connector: type[Connector], scenario: Scenario) -> list[str]:
    """Run a connector against a standing source; returns every breach of the contract in words, [] when it conforms."""
    problems = list(_info_problems(connector, scenario))
    problems += _check_problems(connector, scenario)
    pages = _pull(connector, scenario, None)
    problems += _page_problems(pages, scenario)
    problems += _stability_problems(connector, scenario, pages)
    problems += _stop_problems(connector, scenario)
    problems += _scope_problems(connector, scenario, pages)
    return problems


def _info_problems(connector: type[Connector], scenario: Scenario) -> Iterator[str]:
    info = connector.info
    if not re.fullmatch(r"[a-z][a-z0-9_]*", info.name):
        yield f"info.name {info.name!r} is not a lower-case word"
    for name in ("title", "sees", "cannot_see", "config"):
        if not getattr(info, name):
            yield f"info.{name} is empty"
    for setting in info.config:
        if len(setting.help) < 10:
            yield f"the setting {setting.name!r} has no help"
        if setting.secret and setting.default is not None:
            yield f"the secret {setting.name!r} has a default"
    plain = {setting.name for setting in info.config if not setting.secret}
    secret = {setting.name for setting in info.config if setting.secret}
    for name in sorted((set(scenario.settings) - plain) | (set(scenario.secrets) - secret)):
        yield f"the scenario uses {name!r}, which info.config does not declare"


def _check_problems(connector: type[Connector], scenario: Scenario) -> Iterator[str]:
    found = connector().check(scenario.context())
    if not isinstance(found, list) or not all(isinstance(line, str) and line for line in found):
        yield "check() does not return a list of sentences"
    if any(setting.required for setting in connector.info.config):
        try:
            connector().check(make_context())
        except Misconfigured:
            return
        yield "check() without the required settings does not raise Misconfigured"


def _pull(connector: type[Connector], scenario: Scenario, cursor: Cursor | None, **changes: Any) -> list[Page]:
    """Pull to the end with a cursor that went through JSON, as a saved one does."""
    saved = None if cursor is None else json.loads(json.dumps(cursor))
    return list(connector().pull(scenario.context(**changes), saved, scenario.window))


def _things(pages: Iterable[Page]) -> list[Item | Unreadable]:
    return [item for page in pages for item in page.items]


def _ids(pages: Iterable[Page]) -> set[str]:
    return {item.native_id for item in _things(pages)} | {known for page in pages for known in page.still_there}


def _states(pages: Iterable[Page]) -> set[Item | Unreadable]:
    """Return what was handed over, without the facts of the moment of reading."""
    return {replace(item, provenance=_NO_PROVENANCE) for item in _things(pages)}


def _page_problems(pages: list[Page], scenario: Scenario) -> Iterator[str]:
    found = _things(pages)
    if len({item.native_id for item in found}) < scenario.least_items:
        yield f"{len({item.native_id for item in found})} items came, at least {scenario.least_items} were expected"
    for number, page in enumerate(pages, 1):
        if len(page.items) > PAGE_LIMIT:
            yield f"page {number} holds {len(page.items)} items, more than {PAGE_LIMIT}"
        if page.next_cursor is not None:
            yield from _cursor_problems(number, page.next_cursor, scenario)
    if pages and pages[-1].next_cursor is None:
        yield "the last page has no cursor"
    for item in found:
        yield from (f"{item.native_id!r}: {problem}" for problem in _item_problems(item, scenario))


def _cursor_problems(number: int, cursor: Cursor, scenario: Scenario) -> Iterator[str]:
    try:
        text = json.dumps(cursor, allow_nan=False)
    except (TypeError, ValueError) as error:
        yield f"the cursor of page {number} is not JSON ({error})"
        return
    if json.loads(text) != cursor:
        yield f"the cursor of page {number} changes on its way through JSON"
    if len(text.encode()) >= CURSOR_LIMIT:
        yield f"the cursor of page {number} is {len(text.encode()):,} bytes, the limit is {CURSOR_LIMIT:,}"
    if any(secret and secret in text for secret in scenario.secrets.values()):
        yield f"the cursor of page {number} contains a secret"


def _item_problems(item: Item | Unreadable, scenario: Scenario) -> Iterator[str]:
    if not item.native_id:
        yield "the native id is empty"
    if not item.raw:
        yield "there are no raw bytes"
    if not item.raw_type:
        yield "raw_type is empty"
    if isinstance(item.raw, bytes) and len(item.raw) > INLINE_LIMIT:
        yield f"{len(item.raw):,} raw bytes are inline, not a Blob"
    origin = item.provenance
    if origin.retrieved_at <= 0 or not (origin.url or origin.position):
        yield "provenance does not say when and where from"
    if any(secret and secret in str(origin) for secret in scenario.secrets.values()):
        yield "provenance contains a secret"
    if isinstance(item, Unreadable):
        if not item.reason or not item.position:
            yield "an unreadable item gives no reason or no position"
        return
    for attachment in item.attachments:
        if isinstance(attachment.content, bytes) and len(attachment.content) > INLINE_LIMIT:
            yield f"the attachment {attachment.name!r} is inline at {len(attachment.content):,} bytes, not a Blob"


def _stability_problems(connector: type[Connector], scenario: Scenario, pages: list[Page]) -> Iterator[str]:
    """Pull again from the start, from the cursors on the way, and from the end."""
    everything, states = _ids(pages), _states(pages)
    again = _pull(connector, scenario, None)
    if (found := _ids(again)) != everything:
        yield f"a second pull from the start gives other native ids: {sorted(found ^ everything)[:5]}"
    if changed := _states(again) ^ states:
        yield f"a second pull from the start gives other content: {sorted({item.native_id for item in changed})[:5]}"
    step = max(1, len(pages) // _RESUMES)
    for number in range(0, len(pages), step):
        cursor = next(
            (page.next_cursor for page in reversed(pages[: number + 1]) if page.next_cursor is not None), None
        )
        rest = _pull(connector, scenario, cursor)
        if lost := everything - _ids(pages[: number + 1]) - _ids(rest):
            yield f"going on after page {number + 1} loses {len(lost)} items: {sorted(lost)[:5]}"
    last = next((page.next_cursor for page in reversed(pages) if page.next_cursor is not None), None)
    later = _pull(connector, scenario, last)
    if new := _states(later) - states:
        yield f"a pull from the last cursor hands over new items: {sorted({item.native_id for item in new})[:5]}"
    if gone := [gone.native_id for page in [*again, *later] for gone in page.gone]:
        yield f"items of a standing source are called gone: {gone[:5]}"


def _stop_problems(connector: type[Connector], scenario: Scenario) -> Iterator[str]:
    stopping = False
    context = scenario.context(stopped=lambda: stopping)
    for number, _ in enumerate(connector().pull(context, None, scenario.window), 1):
        stopping = True
        if number > 2:
            yield "pull() goes on for more than one page after stopped() is true"
            return


def _scope_problems(connector: type[Connector], scenario: Scenario, pages: list[Page]) -> Iterator[str]:
    """Refuse everything, then half: no cursor may tell an id or time of what was refused, and nothing else is lost."""
    items = [item for item in _things(pages) if isinstance(item, Item)]
    for share, accepts in (("everything", _nothing), ("half", _half)):
        refused = [item for item in items if not accepts(item)]
        if not refused:
            continue
        wanted = {item.native_id for item in items if accepts(item)}
        traces = _traces(refused)
        for trace in _shared(items, scenario) | set(_traces([item for item in items if accepts(item)])):
            traces.pop(trace, None)
        told: set[str | int] | None = None
        for now in (scenario.now, scenario.now + _SHIFT):
            cursors, lost = _scoped_run(connector, replace(scenario, now=now), accepts, wanted)
            found = _told(cursors, traces)
            told = found if told is None else told & found
            if lost:
                yield f"with {share} out of scope, items in scope are lost: {sorted(lost)[:5]}"
        if told:
            named = sorted({traces[trace]: f"{traces[trace]!r} by {trace!r}" for trace in told}.items())
            some = ", ".join(words for _, words in named[:5])
            yield f"with {share} out of scope, a cursor tells of {len(named)} items that were refused: {some}"


def _nothing(item: Item) -> bool:
    return False


def _half(item: Item) -> bool:
    return hashlib.sha256(item.native_id.encode("utf-8", "replace")).digest()[0] % 2 == 0


def _scoped_run(
    connector: type[Connector], scenario: Scenario, accepts: Callable[[Item], bool], wanted: set[str]
) -> tuple[list[Cursor], set[str]]:
    """Pull under a scope, again from the middle and from the end; returns all cursors, and ids that did not come."""
    pages = _pull(connector, scenario, None, in_scope=accepts)
    saved = [page.next_cursor for page in pages]
    middle = next((cursor for cursor in reversed(saved[: len(saved) // 2 + 1]) if cursor is not None), None)
    last = next((cursor for cursor in reversed(saved) if cursor is not None), None)
    rest = _pull(connector, scenario, middle, in_scope=accepts)
    later = _pull(connector, scenario, last, in_scope=accepts)
    cursors = [page.next_cursor for page in [*pages, *rest, *later] if page.next_cursor is not None]
    lost = wanted - (_ids(pages) & (_ids(pages[: len(saved) // 2 + 1]) | _ids(rest)))
    return cursors, lost


def _traces(items: Iterable[Item]) -> dict[str | int, str]:
    """Return what would tell an item, with its id: ids, their parts and digests as text, times as integers."""
    found: dict[str | int, str] = {}
    for item in items:
        name = item.native_id
        parts = re.split(r"[/:#~]+", name)
        digests = [hashlib.new(kind, name.encode("utf-8", "replace")).hexdigest()[:8] for kind in _DIGESTS]
        texts = [name, *parts, *digests, item.version_id, item.message_id]
        times = [moment.at for moment in (item.sent, item.edited) if moment is not None]
        found |= {trace: name for trace in (*texts, *times) if trace}
    return found


def _shared(items: list[Item], scenario: Scenario) -> set[str | int]:
    """Return traces that tell no single item: what all ids have in common, settings, and the window's bounds."""
    common = set.intersection(*(set(re.split(r"[/:#~]+", item.native_id)) for item in items))
    given = {part for value in scenario.settings.values() for part in re.split(r"[/:#~]+", str(value))}
    bounds = {bound for bound in (scenario.window.since, scenario.window.until) if bound is not None}
    return {*common, *given, *bounds} if len(items) > 1 else {*given, *bounds}


def _told(cursors: Iterable[Cursor], traces: Mapping[str | int, str]) -> set[str | int]:
    """Return the traces that stand in cursors: in their strings and numbers, or in bytes packed into a string."""
    texts: set[str] = set()
    numbers: set[int] = set()
    for cursor in cursors:
        _gather(cursor, texts, numbers)
    whole = "\n".join(texts)
    packed = b"\n".join(form for text in texts for form in _unpacked(text))
    found: set[str | int] = set()
    for trace in traces:
        if isinstance(trace, int):
            hit = trace in numbers or str(trace) in whole
        elif len(trace) < _LONG or trace.isalpha():
            hit = trace in texts
        else:
            hit = trace in whole or trace.encode("utf-8", "replace") in packed or _as_bytes(trace) in packed
        if hit:
            found.add(trace)
    return found


def _gather(value: Any, texts: set[str], numbers: set[int]) -> None:
    if isinstance(value, dict):
        texts.update(value)
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            _gather(one, texts, numbers)
    elif isinstance(value, str):
        texts.add(value)
    elif isinstance(value, int):
        numbers.add(value)


def _unpacked(text: str) -> Iterator[bytes]:
    try:
        data = base64.b64decode(text, validate=True)
        yield data
        yield zlib.decompress(data)
    except (ValueError, zlib.error):
        return


def _as_bytes(trace: str) -> bytes:
    """Return the bytes of a digest in hexadecimal, which cursors pack; other text as it is."""
    if re.fullmatch(r"(?:[0-9a-f]{2}){4,}", trace):
        return bytes.fromhex(trace)
    return trace.encode("utf-8", "replace")
