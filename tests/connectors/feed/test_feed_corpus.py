"""200 feeds that nobody here wrote go through the connector, served as a folder."""

import functools
import http.server
import os
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.conformance import Scenario, check_connector
from connectors.contract import Window
from connectors.feed.connector import CONNECTOR
from connectors.feed.items import parse
from connectors.http import Response
from schema.item import Item

SHARED = Path(os.environ.get("ARCHIVER_SHARED", Path(__file__).parents[4] / "shared"))
FEEDS = SHARED / "data" / "feeds"

pytestmark = pytest.mark.skipif(not FEEDS.is_dir(), reason=f"the sample feeds are not at {FEEDS}")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the library's name)
        """Keep test output quiet."""


@pytest.fixture(scope="module")
def folder() -> Iterator[Scenario]:
    """The sample folder, served as `python -m http.server` does."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(FEEDS)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    host = f"127.0.0.1:{server.server_port}"
    yield Scenario({"url": f"http://{host}/"}, private_hosts=frozenset({host}), least_items=120)
    server.shutdown()
    server.server_close()
    thread.join()


def test_every_file_of_the_corpus_is_read(folder: Scenario) -> None:
    """No exception, no unreadable document, every entry with its own bytes cut from the file it is in."""
    pages = list(CONNECTOR().pull(folder.context(), None, Window()))
    items = [one for page in pages for one in page.items]
    assert CONNECTOR().check(folder.context()) == [f"{folder.settings['url']} lists a folder with 200 feeds."]
    assert Counter(type(one).__name__ for one in items) == {"Item": 122}
    assert [warning for page in pages for warning in page.warnings] == []
    for one in items:
        assert isinstance(one, Item)
        assert isinstance(one.raw, bytes)
        path = FEEDS / one.native_id.partition("#")[0].removeprefix(str(folder.settings["url"]))
        assert one.raw in path.read_bytes()
    assert len({one.native_id for one in items}) == len(items)


def test_the_corpus_conforms(folder: Scenario) -> None:
    """Stable ids, resumable from every page, nothing new the second time."""
    assert check_connector(CONNECTOR, folder) == []


@pytest.mark.parametrize("path", sorted(FEEDS.rglob("*.xml")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_file_parses_cut_off_anywhere(path: Path) -> None:
    """A document that ends early, at any of four places, is read as far as it goes and never raises."""
    whole = path.read_bytes()
    for part in range(4):
        body = whole[: len(whole) * part // 4]
        document = parse(Response(200, {}, body, "http://x.example/", None, 1))
        assert all(raw for _, raw, _ in document.entries)
