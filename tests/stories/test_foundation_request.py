"""A data request from the phone call to the closed hold (stories 4 and 6)."""

import re
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from connectors.contract import Page
from tests.fixtures.city import Town
from tests.fixtures.replay import DAY, NOON, post
from tests.stories.foundation_town import built, destroyed, frozen, lines, opened, own_check, snowy_town


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city that collected five posts on snow and one on the library."""
    return snowy_town(tmp_path, monkeypatch)


# ---- opening and holding -------------------------------------------------------------------------------------------


def test_a_phoned_request(town: Town) -> None:
    """Nobody has to give a name; number, date, nature, explanation and hold are said at once, and it is all logged."""
    said = town.ok("request", "open", "--summary", "All about snow emergencies")
    assert list(said) == ["schema", "id", "date", "nature", "explanation", "hold"]
    assert (said["schema"], said["id"], said["nature"], said["hold"]) == ("request/1", "Q2026-1", "city_target", "H1")
    assert said["date"] == "2026-03-24"
    assert "10 business days" in said["explanation"]
    assert "Set by the city" in said["explanation"]
    shown = town.ok("request", "show", "q2026-1")
    assert (shown["requester"], shown["summary"], shown["hold"]) == (None, "All about snow emergencies", "H1")
    assert town.rows("SELECT scope, state, kind FROM hold") == [("preliminary", "active", "request")]
    acts = [row[0] for row in town.rows("SELECT act FROM audit_event ORDER BY id DESC LIMIT 3")]
    assert acts == ["request.view", "request.open", "hold.place"]
    assert opened(town) == "Q2026-2"


def test_the_archive_is_not_involved(town: Town) -> None:
    """`--archive no` needs a reason, which is kept, and places no hold."""
    for reason in ((), ("--reason", "  ")):
        refused = town.run("request", "open", "--summary", "a permit", "--archive", "no", *reason)
        assert refused.code == 2
        assert "--reason" in refused.err
    said = town.ok("request", "open", "--summary", "a permit", "--archive", "no", "--reason", "paper file only")
    assert said["id"] == "Q2026-1"
    assert said["hold"] is None
    assert town.rows("SELECT * FROM hold") == []


def test_held_from_receipt(town: Town) -> None:
    """From the opening on, the database refuses to destroy any record, in whatever batch it is."""
    opened(town)
    for record in range(1, 7):
        with pytest.raises(IntegrityError, match="held"):
            destroyed(town, record)
    assert town.rows("SELECT count(*) FROM owner_key WHERE owner_kind = 'record'") == [(6,)]


def test_a_narrowed_hold(town: Town) -> None:
    """Narrowed to days and a source, it holds what was sent then and what does not say when, and lets the rest go."""
    opened(town, "--source", "works", "--since", "2026-03-04", "--until", "2026-03-06")
    for record in (2, 3, 5):  # two days, and the post of unknown time
        with pytest.raises(IntegrityError, match="held"):
            destroyed(town, record)
    for record in (1, 4, 6):
        destroyed(town, record)
    assert town.run("request", "open", "--summary", "x", "--source", "nowhere").code == 2
    backwards = town.run("request", "open", "--summary", "x", "--since", "2026-03-06", "--until", "2026-03-04")
    assert backwards.code == 2
    assert "--until" in backwards.err


def test_frozen_candidates(town: Town) -> None:
    """Freezing makes the hold one of its candidates; what is captured later is neither held nor a candidate."""
    number = opened(town)
    looked = town.ok("request", "candidates", number, "--query", "snow")
    assert (looked["count"], looked["frozen"]) == (5, False)
    assert town.rows("SELECT count(*) FROM candidate") == [(0,)]
    said = town.ok("request", "candidates", number, "--query", "snow", "--freeze")
    assert (said["count"], said["added"], said["hold"]) == (5, 5, "H1")
    assert town.rows("SELECT scope FROM hold") == [("members",)]
    assert town.ok("search", "is:held", "--count")["count"] == 5

    town.script("works", Page(items=(post("late", "Snow again", at=NOON + 5 * DAY),)))
    assert town.collect()["new_records"] == 1
    listed = town.ok("request", "candidates", number)
    assert listed["records"] == ["R1", "R2", "R3", "R4", "R5"]
    assert listed["searches"][0]["interpreted"] == looked["interpreted"]
    assert listed["searches"][0]["coverage"][0]["source"] == "works"
    for record in (6, 7):
        destroyed(town, record)
    with pytest.raises(IntegrityError, match="held"):
        destroyed(town, 1)


def test_a_mistyped_question_ends_no_hold(town: Town) -> None:
    """While a request has no candidate its preliminary hold stays, and the clerk is told so."""
    number = opened(town)
    said = town.run("request", "candidates", number, "--query", "snwo", "--freeze")
    assert said.code == 0
    assert "Found 0" in said.out
    assert "H1 still protects all that the request may touch" in said.out
    assert town.rows("SELECT scope FROM hold") == [("preliminary",)]
    assert town.run("request", "candidates", number, "--freeze").code == 2


# ---- closing, later productions ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "until", "nature", "words"),
    [("--withheld", "2028-03-10", "law", "13.085"), ("--nothing-withheld", "2026-03-10", "city_target", "no policy")],
)
def test_closing(town: Town, option: str, until: str, nature: str, words: str) -> None:
    """The hold becomes a closed-request hold with a date that says whose it is; the request then takes nothing more."""
    number = frozen(town)
    closed = town.ok("request", "close", number.lower(), "--reason", "answered by letter", option)
    assert list(closed) == ["schema", "id", "state", "hold", "held_until", "nature", "explanation"]
    assert (closed["id"], closed["state"], closed["hold"]) == (number, "closed", "H1")
    assert (closed["held_until"], closed["nature"]) == (until, nature)
    assert words in closed["explanation"]
    assert town.rows("SELECT kind, scope, state, until_on FROM hold") == [
        ("closed_request", "members", "active", until)
    ]
    with pytest.raises(IntegrityError, match="held"):
        destroyed(town, 1)
    for again in (
        ("request", "close", number, "--reason", "again"),
        ("request", "candidates", number, "--query", "library", "--freeze"),
        ("request", "assign", number, "clerk"),
        ("request", "file", number, str(town.folder / "config.toml")),
    ):
        assert town.run(*again).code == 4, again
    assert town.run("request", "close", opened(town), "--reason", " ").code == 2


def test_numbers_stay(town: Town) -> None:
    """What was produced keeps its number in every later production; what is new follows, whenever it was sent."""
    number = frozen(town, "emergency", "--keep-preliminary")
    first, root = built(town, number, "first")
    town.ok("request", "candidates", number, "--query", "library", "--freeze")  # sent before the others
    second, _root = built(town, number, "second")
    before = {one["record"]: one["number"] for one in lines(first)}
    after = {one["record"]: one["number"] for one in lines(second)}
    assert {record: after[record] for record in before} == before
    assert (len(before), after["R6"]) == (4, "A000005")
    assert town.rows("SELECT number, entries FROM production ORDER BY id") == [("P2026-1-1", 4), ("P2026-1-2", 5)]
    town.ok("request", "close", number, "--reason", "answered")
    third, _root = built(town, number, "third")
    assert {one["record"]: one["number"] for one in lines(third)} == after
    assert town.ok("produce", "verify", str(first), "--root", root)["outcome"] == "ok"


def test_the_frozen_version_is_produced(town: Town) -> None:
    """An edit after the freezing changes nothing in the package: the version that was found is the one delivered."""
    number = frozen(town, "emergency")
    town.script("works", Page(items=(post("p1", "Snow emergency never happened", at=NOON + DAY),)))
    assert town.collect()["new_versions"] == 1
    folder, _root = built(town, number, "package")
    one = next(one for one in lines(folder) if one["record"] == "R2")
    assert (one["version"], one["text"], one["edited"]) == (1, "Snow emergency 1", True)
    assert one["note"] == "edited at the source; version 1 of 2"
    assert town.ok("search", "never happened", "--count")["count"] == 1


def test_a_destroyed_candidate(town: Town) -> None:
    """Destroyed after the hold ended, it keeps its number, and the package says when it was destroyed."""
    number = frozen(town)
    town.ok("request", "close", number, "--reason", "answered", "--nothing-withheld")
    town.ok("hold", "lift", "H1", "--reason", "the day has passed")
    destroyed(town, 3)
    folder, root = built(town, number, "package")
    got = lines(folder)
    assert [one["number"] for one in got] == [f"A{place:06}" for place in range(1, 6)]
    assert got[2]["note"] == (
        "destroyed on 2026-03-12 under the retention schedule; no content is left (certificate C2026-1)"
    )
    assert (got[2]["text"], got[2]["files"], got[2]["record"]) == ("", [], "R3")
    assert b"photo" not in (folder / "records.jsonl").read_bytes()
    assert own_check(folder, "--root", root).returncode == 0

    destroyed(town, 4, tombstone=False)
    lost = town.run("produce", "build", number, "--out", str(folder.with_name("lost")), "--json")
    assert (lost.code, lost.data["error"]["code"]) == (5, "verification_failed")
    assert "R4 (A000004) is missing" in lost.err
    assert not folder.with_name("lost").exists()


# ---- words ---------------------------------------------------------------------------------------------------------


def test_a_city_target_is_never_due(town: Town) -> None:
    """Where the city set the date, no command calls it due or overdue, also when the day has passed."""
    number = frozen(town)
    town.at("2026-05-10T12:00:00-05:00")
    commands = (
        ("request", "list"), ("request", "show", number), ("request", "candidates", number),
        ("request", "list", "--json"),
        ("request", "show", number, "--json"), ("request", "open", "--summary", "x", "--received", "2026-03-01"),
        ("request", "close", number, "--reason", "x", "--nothing-withheld"), ("request", "list", "--closed"),
    )  # fmt: skip
    for command in commands:
        said = town.run(*command)
        assert said.code == 0, said.err
        assert not re.search(r"(?i)\b(over)?due\b", said.out + said.err), command
        assert "None" not in said.out, command
    assert town.ok("request", "list")["requests"][0]["nature"] == "city_target"
    assert "city target" in town.run("request", "list").out


def test_a_custodian_sees_no_request(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has no role but custodian is refused, with exit 4 and without a word of the content."""
    number = frozen(town)
    town.ok("person", "add", "Kim", "--login", "kim", "--os-login", "kim", "--role", "custodian")
    monkeypatch.setattr("getpass.getuser", lambda: "kim")
    commands: tuple[tuple[str, ...], ...] = (
        ("search", "snow"), ("search", "snow", "--ids"), ("search", "snow", "--count"), ("request", "list"),
        ("request", "open", "--summary", "x"), ("request", "show", number), ("request", "note", number, "x"),
        ("request", "search", number, "--query", "snow"), ("request", "candidates", number),
        ("request", "candidates", number, "--query", "snow"),
        ("request", "candidates", number, "--query", "snow", "--freeze"), ("request", "assign", number, "kim"),
        ("request", "file", number, str(town.folder / "config.toml")), ("request", "close", number, "--reason", "x"),
        ("produce", "build", number, "--out", str(town.folder.parent / "out")),
    )  # fmt: skip
    for command in commands:
        said = town.run(*command)
        assert said.code == 4, (command, said.out, said.err)
        assert (said.out, "now" in said.out) == ("", False)
    assert town.run("request", "note", number, "x", "--json").data["error"]["code"] == "refused"


def test_nothing_answers_a_request(town: Town, tmp_path: Path) -> None:
    """A search without result says what was searched and how far it reached, and that answer is kept (story 6)."""
    town.script("works", Page(items=()))
    number = opened(town)
    said = town.run("request", "search", number, "--query", "zamboni")
    assert "Found 0" in said.out
    assert "Indexed 6 of 6 records." in said.err
    assert "works: captured through 2026-03-10" in said.err
    assert "1 attachment without searchable text" in said.err
    kept = town.ok("request", "candidates", number)["searches"][0]
    assert (kept["query"], kept["count"], kept["frozen"]) == ("zamboni", 0, False)
    assert kept["coverage"][0]["without_text"] == 1
