"""`archiver record show`: what a person sees, and that seeing it is an act (promise 12)."""

import json
from pathlib import Path

import pytest

from connectors.contract import Page
from schema.item import Attachment
from tests.fixtures.city import Town
from tests.fixtures.replay import post


def _town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    town = Town(tmp_path, monkeypatch)
    town.source(
        "web", Page(items=(post("a", "Plows are out", title="Snow", thread_id="t"), post("b", "Thanks", thread_id="t")))
    )
    town.collect("web")
    return town


def test_a_record_is_shown_with_its_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Times with zone and offset, parties, text, series with its explanation."""
    town = _town(tmp_path, monkeypatch)
    shown = town.ok("record", "show", "R1")
    assert list(shown)[:2] == ["schema", "id"] and shown["schema"] == "record/1"
    assert (shown["id"], shown["source"], shown["kind"], shown["text"]) == ("R1", "web", "post", "Plows are out")
    assert shown["sent_at"] == "2026-03-03T18:00:00Z" and shown["offset_min"] == -360
    assert shown["parties"] == [
        {"role": "author", "kind": "handle", "address": "@Works@city.example", "name": "Public Works"}
    ]
    assert shown["retention"]["series"] == "unscheduled" and shown["holds"] == []
    said = town.run("record", "show", "r1")
    for part in (
        "Public Works <@Works@city.example>",
        "2026-03-03 12:00:00 -0600",
        "(America/Chicago)",
        "Plows are out",
    ):
        assert part in said.out, part


@pytest.mark.parametrize("view", [(), ("--thread",), ("--versions",), ("--custody",), ("--raw",)])
def test_each_look_is_one_event_that_lists_what_was_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, view: tuple[str, ...]
) -> None:
    """One event per command, with the ids, by the person at the terminal."""
    town = _town(tmp_path, monkeypatch)
    assert town.run("record", "show", "R2", *view).code == 0
    ((actor, record, facts),) = town.rows(
        "SELECT actor_id, object_id, facts FROM audit_event WHERE act = 'record.view'"
    )
    assert (actor, record) == (1, 2)
    found = json.loads(facts)
    assert found["records"] == ([1, 2] if view == ("--thread",) else [2])
    assert found["view"] == (view[0][2:] if view else "record")


def test_a_custodian_alone_may_not_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a role that reads, nothing is shown and no event pretends that it was."""
    town = _town(tmp_path, monkeypatch)
    town.second_administrator()
    me = town.ok("person", "list")["persons"][0]["login"]
    for role in ("clerk", "records_officer"):
        town.ok("person", "role", me, role, "--end")
    town.ok("person", "role", me, "custodian")
    town.ok("person", "role", me, "administrator", "--end")
    said = town.run("record", "show", "R1")
    assert said.code == 4 and "Plows" not in said.out
    assert town.rows("SELECT count(*) FROM audit_event WHERE act = 'record.view'") == [(0,)]


def test_the_event_is_there_before_anything_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the event cannot be written, nothing is printed."""
    from archiver.archive import Archive

    town = _town(tmp_path, monkeypatch)

    def full(*_arguments: object, **_values: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Archive, "record_act", full)
    said = town.run("record", "show", "R1")
    assert said.code == 1 and said.out == ""


@pytest.mark.parametrize(
    "arguments",
    [("R9",), ("x",), ("R1", "--raw", "--thread"), ("R1", "--out", "f"), ("R1", "--raw", "--json")],
)
def test_a_mistake_is_said_on_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """Unknown record, two views at once, a file without --raw."""
    said = _town(tmp_path, monkeypatch).run("record", "show", *arguments)
    assert said.code == 2 and said.err.count("\n") == 1


@pytest.mark.parametrize("view", [(), ("--thread",), ("--versions",), ("--custody",)])
def test_a_stranger_s_text_cannot_steer_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, view: tuple[str, ...]
) -> None:
    """Escape sequences and marks that turn a line round are shown as spaces; --raw and --json have them as they are."""
    town = Town(tmp_path, monkeypatch)
    evil = "\x1b[2Jgone\u202etxt\x9b31m\nsecond line"
    files = (Attachment("\x1b]0;title\x07.txt", "text/plain", b"x"),)
    item = post("a", evil, title=evil, url=f"https://x.example/{evil}", attachments=files, raw=evil.encode())
    town.source("web", Page(items=(item,)))
    town.collect("web")
    said = town.run("record", "show", "R1", *view)
    assert said.code == 0 and not {"\x1b", "\x07", "\x9b", "\u202e"} & set(said.out)
    assert town.run("record", "show", "R1", "--raw").raw == evil.encode()
    assert town.ok("record", "show", "R1")["text"] == evil
