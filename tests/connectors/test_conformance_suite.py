"""The conformance suite passes a good connector and names each way of being a bad one."""

import base64
import hashlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from connectors.conformance import MemorySink, Scenario, check_connector, make_context
from connectors.contract import ConfigField, ConnectorInfo, Context, Cursor, Page, Window
from connectors.errors import Misconfigured
from schema.item import Attachment, Gone, Item, Moment, Provenance
from schema.vocab import Kind, Platform

INFO = ConnectorInfo(
    "good",
    Platform.OTHER,
    "Good",
    ("all",),
    ("nothing",),
    (
        ConfigField("place", "Where the things lie.", required=True),
        ConfigField("key", "The key to the place.", secret=True),
    ),
)
COUNT = 7


def thing(number: int) -> Item:
    """One item of the imaginary source."""
    return Item(f"n{number}", Kind.FILE, b"raw", "text/plain", Provenance(5, position=f"{number}"))


class Good:
    """Hands three items over per page; subclasses of the tests break one rule each."""

    info = INFO

    def check(self, context: Context) -> list[str]:
        """Name the place."""
        if not context.settings.get("place"):
            raise Misconfigured("the setting place is empty")
        return ["It is there."]

    def pull(self, context: Context, cursor: Cursor | None, window: Window) -> Iterator[Page]:
        """Go on from the number in the cursor."""
        at = (cursor or {"at": 0})["at"]
        while at < COUNT:
            upto = min(at + 3, COUNT)
            yield Page(tuple(thing(number) for number in range(at, upto)), next_cursor={"at": upto})
            at = upto
            if context.stopped():
                return
        yield Page(next_cursor={"at": COUNT})


SCENARIO = Scenario({"place": "here"}, {"key": "s3cret"}, least_items=COUNT)


def changed(change: Callable[[Page, int], Page]) -> type[Good]:
    """Make a connector whose pages are changed on their way out; the count goes up over all runs."""
    calls = [0]

    class Changed(Good):
        def pull(self, context: Context, cursor: Cursor | None, window: Window) -> Iterator[Page]:
            for page in super().pull(context, cursor, window):
                calls[0] += 1
                yield change(page, calls[0])

    return Changed


def each(**changes: Any) -> Callable[[Page, int], Page]:
    """Change every item of every page."""
    return lambda page, call: replace(page, items=tuple(replace(item, **changes) for item in page.items))


def test_a_good_connector_has_no_problems() -> None:
    """The suite demands nothing that the contract does not."""
    assert check_connector(Good, SCENARIO) == []


BIG = Attachment("a", "x/y", b"x" * ((1 << 20) + 1))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (each(raw=b""), "no raw bytes"),
        (each(raw_type=""), "raw_type"),
        (each(native_id=""), "native id is empty"),
        (each(provenance=Provenance(0)), "provenance does not say"),
        (each(provenance=Provenance(1, url="http://x/?key=s3cret")), "provenance contains a secret"),
        (each(attachments=(BIG,)), "is inline at"),
        (each(raw=b"x" * ((1 << 20) + 1)), "not a Blob"),
        (
            lambda page, call: replace(page, next_cursor={**(page.next_cursor or {}), "k": "s3cret"}),
            "contains a secret",
        ),
        (lambda page, call: replace(page, next_cursor={**(page.next_cursor or {}), "k": "x" * 70000}), "the limit is"),
        (lambda page, call: replace(page, next_cursor={**(page.next_cursor or {}), "k": (1, 2)}), "changes on its way"),
        (lambda page, call: replace(page, next_cursor={**(page.next_cursor or {}), "k": float("inf")}), "not JSON"),
        (lambda page, call: replace(page, next_cursor=None), "no cursor"),
        (lambda page, call: replace(page, next_cursor={"at": COUNT}), "loses"),
        (lambda page, call: replace(page, next_cursor={"at": 0}), None),
        (lambda page, call: each(native_id=f"n{call}")(page, call), "other native ids"),
        (lambda page, call: each(text=f"{call}")(page, call), "other content"),
        (lambda page, call: replace(page, gone=(Gone("n1", "404"),)), "called gone"),
        (lambda page, call: replace(page, items=page.items * 400), "more than 1000"),
        (lambda page, call: replace(page, items=()), "were expected"),
    ],
)
def test_each_breach_is_named(change: Callable[[Page, int], Page], problem: str | None) -> None:
    """Every rule of the suite can fail; handing old items over again is allowed."""
    found = check_connector(changed(change), SCENARIO)
    assert (problem is None and found == []) or any(problem in line for line in found if problem)


@pytest.mark.parametrize(
    ("info", "problem"),
    [
        (replace(INFO, name="Bad Name"), "lower-case"),
        (replace(INFO, sees=()), "info.sees"),
        (replace(INFO, cannot_see=()), "info.cannot_see"),
        (replace(INFO, config=(*INFO.config, ConfigField("x", "?"))), "'x' has no help"),
        (replace(INFO, config=(ConfigField("place", "Where the things lie."),)), "does not declare"),
    ],
)
def test_incomplete_info_is_named(info: ConnectorInfo, problem: str) -> None:
    """A form is made of info, so it must be whole."""
    found = check_connector(type("Bad", (Good,), {"info": info}), SCENARIO)
    assert any(problem in line for line in found)


def test_a_check_that_checks_nothing_is_named() -> None:
    """Without its required settings a connector must say Misconfigured."""
    found = check_connector(type("Bad", (Good,), {"check": lambda self, context: ["fine"]}), SCENARIO)
    assert found == ["check() without the required settings does not raise Misconfigured"]


def test_a_connector_that_does_not_stop_is_named() -> None:
    """The stop button works within a page."""

    class Deaf(Good):
        def pull(self, context: Context, cursor: Cursor | None, window: Window) -> Iterator[Page]:
            yield from super().pull(make_context({"place": "x"}), cursor, window)

    assert check_connector(Deaf, SCENARIO) == ["pull() goes on for more than one page after stopped() is true"]


def remembering(memory: Callable[[Item], Any], *, only_kept: bool = False) -> type[Good]:
    """Make a connector whose cursor has something of every item, or of every item in scope."""

    class Remembering(Good):
        def pull(self, context: Context, cursor: Cursor | None, window: Window) -> Iterator[Page]:
            known = list((cursor or {}).get("known", []))
            for page in super().pull(context, cursor, window):
                items = [
                    replace(
                        item,
                        native_id=f"post/{item.native_id}-{hashlib.sha256(item.native_id.encode()).hexdigest()[:16]}",
                        sent=Moment(1_772_000_000_000 + int(item.native_id[1:])),
                        version_id=f"2026-02-25T06:13:20.00{item.native_id[1:]}Z",
                    )
                    for item in page.items
                    if isinstance(item, Item)
                ]
                known += [memory(item) for item in items if context.in_scope(item) or not only_kept]
                yield replace(page, items=tuple(items), next_cursor={**(page.next_cursor or {}), "known": known})

    return Remembering


def _tail(item: Item) -> bytes:
    return bytes.fromhex(item.native_id.rpartition("-")[2])


MEMORIES: list[Callable[[Item], Any]] = [
    lambda item: item.native_id,
    lambda item: {item.native_id.partition("/")[2]: 1},
    lambda item: hashlib.sha256(item.native_id.encode()).hexdigest()[:8],
    lambda item: hashlib.blake2b(item.native_id.encode()).hexdigest(),
    lambda item: item.sent.at if item.sent else None,
    lambda item: f"at {item.sent.at if item.sent else None}",
    lambda item: item.version_id,
    lambda item: base64.b64encode(item.native_id.encode()).decode(),
    lambda item: base64.b64encode(zlib.compress(hashlib.sha256(item.native_id.encode()).digest())).decode(),
]


@pytest.mark.parametrize("memory", MEMORIES, ids=range(len(MEMORIES)))
def test_a_cursor_that_tells_of_items_out_of_scope_is_named(memory: Callable[[Item], Any]) -> None:
    """Ids, their parts, digests and times, plain or packed, are found; of items in scope they may be remembered."""
    found = check_connector(remembering(memory), SCENARIO)
    assert len(found) == 2
    assert found[0].startswith("with everything out of scope, a cursor tells of 7 items")
    assert found[1].startswith("with half out of scope, a cursor tells of")
    assert check_connector(remembering(memory, only_kept=True), SCENARIO) == []


def test_a_cursor_that_remembers_the_last_item_only_is_named() -> None:
    """A high-water mark that is the time or id of one item out of scope is found, one of the clock is none."""

    class Marked(remembering(lambda item: None)):  # type: ignore[misc]  # a class made by a function
        def pull(self, context: Context, cursor: Cursor | None, window: Window) -> Iterator[Page]:
            for page in super().pull(context, cursor, window):
                newest = [item.sent.at for item in page.items if isinstance(item, Item) and item.sent]
                yield replace(
                    page, next_cursor={**(page.next_cursor or {}), "read": context.now(), "high": newest[-1:]}
                )

    now = 1_772_000_000_003
    found = check_connector(Marked, replace(SCENARIO, now=now))
    assert ["1772000000003" in line for line in found] == [False, False]
    assert "1772000000006" in found[0]


def test_losing_what_is_in_scope_beside_what_is_not_is_named() -> None:
    """A page with an item out of scope still has the others."""

    class Hasty(Good):
        def pull(self, context: Context, cursor: Cursor | None, window: Window) -> Iterator[Page]:
            for page in super().pull(context, cursor, window):
                whole = all(context.in_scope(item) for item in page.items if isinstance(item, Item))
                yield page if whole else replace(page, items=())

    assert any("with half out of scope, items in scope are lost" in line for line in check_connector(Hasty, SCENARIO))


def test_memory_sink_keeps_content_by_digest() -> None:
    """Equal streams get equal handles, so that two pulls can be compared."""
    sink = MemorySink()
    first, second = sink.spool([b"a", b"b"]), sink.spool([b"ab"])
    assert first == second
    assert sink.contents[first.ref] == b"ab"
