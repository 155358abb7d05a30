"""Story 2: a council member's own account, declared because the city's business is done there."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.connectors.mastodon_account.test_mastodon_connector import Mastodon, account
from tests.fixtures.city import Town
from tests.fixtures.http_server import serve

RULES = (
    '{"kinds": ["post", "reply", "repost"], "words": ["plow", "snow emergency", "road closed"]}',
    '{"kinds": ["comment"], "words": ["plow", "snow emergency"]}',
)
OUT = ("zqbirthdayzq", "zqfriendszq", "zqdirectzq", "zqearlyzq", "zqneighbourzq", "zqfollowerzq")


def _at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def _posts(server: Mastodon) -> None:
    """What Pat's account shows on 15 March 2026."""
    me = server.who

    def add(number: int, at: str, text: str, **more: object) -> None:
        server.posts[str(number)] = server.status(str(number), _at(at), text, me, **more)

    add(1, "2026-02-20T12:00:00", "zqearlyzq the plow is a fine machine")
    add(2, "2026-03-02T12:00:00", "Snow emergency tonight, plows leave at 9 pm. zqkeptzq", replies_count=2)
    add(3, "2026-03-03T12:00:00", "zqbirthdayzq cake for my daughter")
    add(4, "2026-03-04T12:00:00", "zqfriendszq the plow hit my own mailbox", visibility="private")
    add(5, "2026-03-05T12:00:00", "zqdirectzq about the plow, between us", visibility="direct")
    county = {**account("9", "county@county.example"), "url": "https://county.example/@county"}
    closed = server.status("70", _at("2026-03-06T10:00:00"), "Road closed: County 19", county)
    add(6, "2026-03-06T12:00:00", "", reblog=closed)
    ann = account("2", "ann@home.example")
    server.contexts["2"] = [
        server.status("80", _at("2026-03-02T13:00:00"), "Will the plow do Lake Street? zqanswerzq", ann),
        server.status("81", _at("2026-03-02T14:00:00"), "zqneighbourzq see you at the party", ann),
    ]


def test_a_merged_account_from_declaration_to_the_end_of_office(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Declared on 1 March: the city's posts, reposts and answers are kept, everything else stays with Pat."""
    town = Town(tmp_path, monkeypatch, at="2026-03-15T12:00:00+00:00")
    town.second_administrator()
    with serve() as script:
        server = Mastodon(script, who={**account("1000", "pat"), "followers_count": 3, "statuses_count": 6})
        _posts(server)

        # Pat declares the account; before an administrator approves it nothing is read, not even its name.
        town.ok("custodian", "add", "Pat Doe", "--kind", "elected", "--title", "Council member")
        merged = ("--platform", "mastodon", "--ownership", "merged", "--custodian", "Pat Doe", "--handle", "@pat")
        town.ok("account", "add", "pat-mastodon", *merged)
        rules = [part for rule in RULES for part in ("--rule", rule)]
        statement = "People rely on my account for snow emergencies."
        common = ("--account", "pat-mastodon", "--from", "2026-03-01", "--statement", statement)
        number = str(town.ok("declaration", "add", *common, *rules)["id"])
        connector = ("mastodon_account", "--set", f"server={script.base}", "--set", "account=pat")
        town.ok("source", "add", "pat", *connector, "--set", "access_token=t0ken", "--declaration", number)
        assert town.collect("pat")["exit"] == 4 and script.requests == []
        assert town.with_password("declaration", "approve", number, "--as", "bea").code == 0

        # The first night: two posts of the city's and one resident's answer; five things stay out.
        receipt = town.collect("pat")
        assert receipt["exit"] == 0, receipt
        assert (receipt["new_records"], receipt["out_of_scope"]) == (3, 5)
        kinds = town.rows("SELECT kind, count(*) FROM record GROUP BY kind ORDER BY kind")
        assert kinds == [("comment", 1), ("post", 1), ("repost", 1)]
        assert town.ok("search", "kind:repost closed")["count"] == 1
        assert town.files_with("zqkeptzq") and town.files_with("zqanswerzq")
        for marker in OUT:
            assert town.files_with(marker) == [], marker

        # The next night: the post was edited; nothing else is new, and what stays out is not read as missing.
        town.at("2026-03-16T12:00:00+00:00")
        server.edit("2", _at("2026-03-15T20:00:00"), "Snow emergency tonight, plows leave at 10 pm. zqkeptzq")
        receipt = town.collect("pat")
        assert (receipt["new_records"], receipt["new_versions"], receipt["missing"]) == (0, 1, 0)
        record = town.ok("search", "kind:post emergency")["hits"][0]["id"]
        versions = town.ok("record", "show", record, "--versions")["versions"]
        assert ["at 9 pm" in versions[0]["text"], "at 10 pm" in versions[1]["text"], len(versions)] == [True, True, 2]

        # Then it is deleted: the server says 404, the archive keeps it and says gone, with its evidence.
        town.at("2026-03-17T12:00:00+00:00")
        del server.posts["2"], server.contexts["2"]
        town.collect("pat")
        shown = town.ok("record", "show", record)
        assert shown["observations"][-1]["kind"] == "gone" and "404" in shown["observations"][-1]["evidence"]
        assert "plows leave at 10 pm." in shown["text"]

        # Pat leaves office: the declaration is withdrawn, nothing more is read, every record stays.
        town.ok("declaration", "withdraw", number, "--reason", "left office on 18 March")
        asked = len(script.requests)
        assert town.collect("pat")["exit"] == 4 and len(script.requests) == asked
        assert town.rows("SELECT count(*) FROM record") == [(3,)]

        # Followers were never asked for; the chain of custody names declaration, approver and address.
        assert not [one.path for one in script.requests if "follow" in one.path or "favourited_by" in one.path]
    custody = town.ok("record", "show", record, "--custody")
    assert custody["source"]["declaration"]["approved_by"] == "Bea"
    assert custody["source"]["account"]["ownership"] == "merged"
    assert custody["versions"][0]["provenance"]["url"].startswith(script.base)
    assert "followers_count" not in json.dumps(custody)
