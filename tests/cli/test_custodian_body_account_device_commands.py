"""`custodian`, `body`, `account` and `device`: lists for people and scripts, each addition an event."""

from pathlib import Path

import pytest

from tests.fixtures.city import Town


def test_what_is_added_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As tab-separated lines into a pipe, and as one object with --json."""
    town = Town(tmp_path, monkeypatch)
    pat = ("--kind", "elected", "--title", "Mayor", "--department", "Council", "--since", "2025-01-06")
    town.ok("custodian", "add", "Pat Doe", *pat)
    town.ok("body", "add", "City Council", "--majority", "3")
    town.ok("body", "member", "City Council", "Pat Doe", "--since", "2025-01-06", "--until", "2029-01-08")
    town.ok(
        "account",
        "add",
        "pats",
        "--platform",
        "x",
        "--ownership",
        "merged",
        "--custodian",
        "Pat Doe",
        "--handle",
        "@pat",
    )
    town.ok("device", "add", "van-camera", "--kind", "camera", "--ownership", "city", "--number", "INV-7")
    (custodian,) = town.ok("custodian", "list")["custodians"]
    assert (custodian["name"], custodian["kind"], custodian["started_on"]) == ("Pat Doe", "elected", "2025-01-06")
    (body,) = town.ok("body", "list")["bodies"]
    assert body["majority"] == 3
    assert body["members"] == [{"custodian": "Pat Doe", "since": "2025-01-06", "until": "2029-01-08"}]
    (account,) = town.ok("account", "list")["accounts"]
    assert (account["ownership"], account["custodian"], account["handle"]) == ("merged", "Pat Doe", "@pat")
    (device,) = town.ok("device", "list")["devices"]
    assert (device["kind"], device["number"], device["custodian"]) == ("camera", "INV-7", None)
    for noun in ("custodian", "account", "device"):
        first, second = town.run(noun, "list").out.splitlines()
        assert first.count("\t") == second.count("\t") > 2
    assert "2025-01-06 to 2029-01-08" in town.run("body", "list").out


def test_each_addition_names_its_actor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log has one event per act, with the person."""
    town = Town(tmp_path, monkeypatch)
    town.ok("custodian", "add", "Pat Doe")
    town.ok("body", "add", "City Council", "--majority", "3")
    town.ok("body", "member", "City Council", "Pat Doe", "--since", "2025-01-06")
    town.ok("account", "add", "ours", "--platform", "x", "--ownership", "city")
    town.ok("device", "add", "phone", "--kind", "phone", "--ownership", "city")
    acts = town.rows("SELECT act, actor_id FROM audit_event ORDER BY id DESC LIMIT 5")
    added = ["custodian.add", "body.add", "membership.add", "account.add", "device.add"]
    assert acts == [(act, 1) for act in reversed(added)]


@pytest.mark.parametrize(
    "arguments",
    [
        ("custodian", "add", "X", "--kind", "wizard"),
        ("custodian", "add", "X", "--since", "yesterday"),
        ("body", "add", "X", "--majority", "0"),
        ("account", "add", "X", "--platform", "myspace", "--ownership", "city"),
        ("account", "add", "X", "--platform", "x", "--ownership", "borrowed"),
        ("device", "add", "X", "--kind", "toaster", "--ownership", "city"),
    ],
)
def test_a_word_that_is_not_in_the_vocabulary_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """Exit 2, and the message lists what there is or how it is written."""
    said = Town(tmp_path, monkeypatch).run(*arguments)
    assert said.code == 2 and said.err.startswith("archiver: ")
