"""The fingerprint: equal for equal content however it was collected, different for any difference."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from archiver.operate.fingerprint import fingerprint
from connectors.contract import Page
from schema.item import Attachment, Item
from tests.fixtures.city import Town
from tests.fixtures.replay import NOON, post

ITEMS = tuple(post(f"p{number}", f"text {number}") for number in range(6))


@pytest.fixture
def collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Makes an archive that collects pages one run after the other, and gives its fingerprint."""
    count = iter(range(100))

    def make(*runs: tuple[Item, ...], name: str = "wire", at: str = "2026-03-10T12:00:00-05:00") -> str:
        folder = tmp_path / str(next(count))
        folder.mkdir()
        town = Town(folder, monkeypatch, at=at)
        town.source(name, Page(()))
        for items in runs:
            town.script(name, *(Page((item,)) for item in items))
            town.collect()
        with town.opened() as archive:
            return fingerprint(archive)

    return make


def test_order_time_and_portions_do_not_matter(collected: Callable[..., str]) -> None:
    """The same items backwards, in several runs, later, and with other provenance: the same fingerprint."""
    first = collected(ITEMS)
    assert collected(ITEMS[::-1]) == first
    assert collected(ITEMS[:2], ITEMS[2:], ITEMS, at="2027-01-01T00:00:00Z") == first
    elsewhere = tuple(replace(one, provenance=replace(one.provenance, request_id="other", status=304)) for one in ITEMS)
    assert collected(elsewhere) == first


def test_every_difference_matters(collected: Callable[..., str]) -> None:
    """An item less, another text, raw, time, attachment or source, a version or an observation more: another one."""
    changed = replace(ITEMS[0], text="other")
    seen = [
        collected(ITEMS),
        collected(ITEMS[1:]),
        collected((changed, *ITEMS[1:])),
        collected((replace(ITEMS[0], raw=b"other"), *ITEMS[1:])),
        collected((post("p0", "text 0", at=NOON + 1), *ITEMS[1:])),
        collected((replace(ITEMS[0], attachments=(Attachment("a", "text/plain", b"a"),)), *ITEMS[1:])),
        collected((replace(ITEMS[0], attachments=(Attachment("a", "text/plain", b"b"),)), *ITEMS[1:])),
        collected((replace(ITEMS[0], hidden=True), *ITEMS[1:])),
        collected(ITEMS, name="other"),
        collected(ITEMS, (changed,)),
        collected(ITEMS, (changed,), (ITEMS[0],)),
        collected(),
    ]
    assert len(set(seen)) == len(seen)
