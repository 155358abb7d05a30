"""Recordings of a real server go through the connector."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from connectors.conformance import Scenario, check_connector
from connectors.contract import Enumeration, Window
from connectors.mastodon_account.connector import CONNECTOR
from connectors.registry import get
from schema.item import Item
from tests.fixtures.http_server import Reply, Request, Script, json_reply, serve

SHARED = Path(os.environ.get("ARCHIVER_SHARED", Path(__file__).parents[4] / "shared"))
RECORDINGS = SHARED / "data" / "mastodon"
ORIGIN = "http://localhost:3000"

pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason=f"the recordings are not at {RECORDINGS}")


def recorded(name: str) -> list[dict[str, Any]]:
    """Read the interactions of one recording."""
    return list(yaml.safe_load((RECORDINGS / f"{name}.yaml").read_text())["interactions"])


def reply(interaction: dict[str, Any], base: str) -> Reply:
    """Answer as the real server did, with its address replaced by ours."""
    answer = interaction["response"]
    body = answer["body"]["string"]
    content = body.encode() if isinstance(body, str) else body
    kept = {name.lower(): values[0].replace(ORIGIN, base) for name, values in answer["headers"].items()}
    for name in ("content-length", "transfer-encoding", "content-encoding", "connection"):
        kept.pop(name, None)
    return Reply(answer["status"]["code"], content.replace(ORIGIN.encode(), base.encode()), tuple(kept.items()))


@pytest.fixture
def server() -> Iterator[Script]:
    """The server of the recordings: the account, and its statuses in pages of five as they were recorded."""
    with serve() as script:
        lookup = next(one for one in recorded("test_account_lookup") if "acct=mastodonpy_test" in one["request"]["uri"])
        listing = {
            urlsplit(one["request"]["uri"]).query: one
            for one in recorded("test_fetch_next_previous")
            if "/statuses?limit=5" in one["request"]["uri"] and "min_id" not in one["request"]["uri"]
        }

        def statuses(request: Request) -> Reply:
            key = f"limit=5&max_id={request.query['max_id']}" if "max_id" in request.query else "limit=5"
            return reply(listing[key], script.base) if key in listing else json_reply([])

        script.on("/api/v1/accounts/lookup", reply(lookup, script.base))
        script.fallback = lambda request: statuses(request) if request.path.endswith("/statuses") else Reply(404)
        yield script


def test_a_recorded_account_is_read_to_its_end(server: Script) -> None:
    """Real Link headers, ids and times: ten posts over two pages, then the end of the listing."""
    scenario = Scenario(
        {"server": server.base, "account": "mastodonpy_test"}, private_hosts=frozenset({server.host}), least_items=10
    )
    pages = list(CONNECTOR().pull(scenario.context(), None, Window()))
    items = [one for page in pages for one in page.items if isinstance(one, Item)]
    assert [one.text for one in items] == [f"Toot number {number}!" for number in reversed(range(10))]
    assert all(one.parties[0].address.startswith("@mastodonpy_test@") for one in items)
    assert all(one.sent and one.url and one.provenance.request_id for one in items)
    assert pages[-1].complete == Enumeration(None, None, "status/")
    assert check_connector(get("mastodon_account"), scenario) == []


def test_a_recorded_missing_account_is_gone() -> None:
    """The real 404 of a lookup."""
    missing = next(one for one in recorded("test_account_lookup") if one["response"]["status"]["code"] == 404)
    with serve() as server:
        server.on("/api/v1/accounts/lookup", reply(missing, server.base))
        scenario = Scenario({"server": server.base, "account": "nobody"}, private_hosts=frozenset({server.host}))
        with pytest.raises(Exception, match="knows no account"):
            CONNECTOR().check(scenario.context())
