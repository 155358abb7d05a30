"""The conformance suite passes a good connector and names each way of being a bad one."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from connectors.conformance import MemorySink, Scenario, check_connector, make_context
from connectors.contract import ConfigField, ConnectorInfo, Context, Cursor, Page, Window
from connectors.errors import Misconfigured
from schema.item import Attachment, Gone, Item, Provenance
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


def test_memory_sink_keeps_content_by_digest() -> None:
    """Equal streams get equal handles, so that two pulls can be compared."""
    sink = MemorySink()
    first, second = sink.spool([b"a", b"b"]), sink.spool([b"ab"])
    assert first == second
    assert sink.contents[first.ref] == b"ab"
