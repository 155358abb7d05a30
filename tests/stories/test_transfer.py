"""Story 10: records go to the State Archives: offered, accepted, sent as a bag, receipted; then our copy may go."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import bagit
import pytest

from connectors.contract import Page
from schema.item import Attachment, Item
from tests.fixtures.due_town import DAY, LONG_AGO, DueTown
from tests.fixtures.replay import post

MAP = bytes(range(256)) * 8_000
"""2,048,000 bytes: sealed as an object in two segments."""
NAME = "Plat of 1893 \u2013 Lake & 3rd.tiff"


def _town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, public: bool = True) -> DueTown:
    """Three records due for transfer, the second with a large map and two versions, in an approved transfer D1."""
    town = DueTown(tmp_path, monkeypatch, action="transfer_archives")
    options = ("--class", "public") if public else ()
    town.items(_items("the plat"), options=options)
    town.script("web", Page(items=tuple(_items("the plat, corrected"))))
    town.at("2026-03-10T13:00:00-05:00")
    assert town.collect("web")["new_versions"] == 1
    town.approved("--transfer")
    return town


def _items(text: str) -> list[Item]:
    files = (Attachment(NAME, "image/tiff", MAP, "map of the plat"),)
    return [
        post("a", "first", at=LONG_AGO),
        post("b", text, at=LONG_AGO + DAY, attachments=files),
        post("c", "third", at=LONG_AGO + 2 * DAY),
    ]


def _accepted(town: DueTown, *options: str) -> None:
    town.ok("dispose", "transfer", "D1", "--offer-to", "State Archives", *options)
    town.ok("dispose", "transfer", "D1", "--accepted", "letter of 12 March 2026")


def _lines(bag: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (bag / "data" / "records.jsonl").read_text("utf-8").splitlines()]


def _certificate(town: DueTown, number: str) -> Any:
    from archiver.dispose.certificates import read

    with town.opened() as archive, archive.reading() as session:
        return read(archive, session, number)[0]


def test_a_transfer_from_offer_to_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bag validates and holds every part of every version; our copy goes after the receipt, with a certificate."""
    town = _town(tmp_path, monkeypatch)
    _accepted(town)
    bag = tmp_path / "out" / "D1"
    sent = town.ok("dispose", "transfer", "D1", "--out", str(bag))
    assert (sent["records"], sent["restricted"], sent["left"]) == (3, {}, {})
    assert sent["bag_digest"] == sha256((bag / "tagmanifest-sha256.txt").read_bytes()).hexdigest()
    opened = bagit.Bag(str(bag))
    opened.validate()
    assert set(opened.algorithms) == {"sha256", "sha512"}
    assert opened.info["Source-Organization"] == "Test City" and opened.info["External-Identifier"] == "D1"
    assert opened.info["Access-Restrictions"].startswith("none")
    assert opened.info["Bagging-Date"] == "2026-03-10"
    town.at("2026-03-12T12:00:00-05:00")
    said = town.run("dispose", "execute", "D1", "--expect-count", "3", "--clock-right", "sample")
    assert said.code == 4 and town.rows("SELECT count(*) FROM tombstone") == [(0,)] and "receipt" in said.err
    town.ok("dispose", "receipt", "D1", "--reference", "receipt 77 of 12 March 2026")
    town.ok("dispose", "execute", "D1", "--expect-count", "3", "--clock-right", "sample")
    assert town.rows("SELECT count(*) FROM tombstone") == [(3,)]
    assert town.rows("SELECT kind, number FROM certificate") == [("transfer", "C2026-1")]
    body = _certificate(town, "C2026-1")
    assert (body["kind"], body["records"], body["transfer"]["recipient"]) == ("transfer", 3, "State Archives")
    assert body["transfer"]["bag"] == sent["bag_digest"] and body["transfer"]["receipt"].startswith("receipt 77")
    acts = [row[0] for row in town.rows("SELECT act FROM audit_event WHERE object_kind = 'disposition' ORDER BY id")]
    for act in ("transfer.offer", "transfer.accept", "transfer.send", "transfer.receipt", "dispose.certify"):
        assert act in acts


def test_the_bag_tells_all_of_each_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line names series, custody, parties, versions and digests; every part lies where it says, byte for byte."""
    town = _town(tmp_path, monkeypatch)
    _accepted(town)
    bag = tmp_path / "D1"
    town.ok("dispose", "transfer", "D1", "--out", str(bag))
    lines = _lines(bag)
    assert [one["record"] for one in lines] == ["R1", "R2", "R3"]
    second = lines[1]
    assert second["series"]["key"] == "short" and second["due_on"] and second["source"]["name"] == "web"
    assert second["parties"] == [
        {"role": "author", "kind": "handle", "address": "@Works@city.example", "name": "Public Works"}
    ]
    assert [one["kind"] for one in second["observations"]] == ["edited"]
    assert [one["number"] for one in second["versions"]] == [1, 2]
    for state in second["versions"]:
        assert [one["role"] for one in state["components"]] == ["body", "attachment", "raw"]
        for part in state["components"]:
            written = (bag / part["path"]).read_bytes()
            assert len(written) == part["size"] and sha256(written).hexdigest() == part["sha256"]
        assert state["components"][1]["name"] == NAME
        assert (bag / state["components"][1]["path"]).read_bytes() == MAP
    digests = {part["digest"] for state in second["versions"] for part in state["components"]}
    assert digests == {row[0].hex() for row in town.rows("SELECT digest FROM component WHERE record_id = 2")}
    assert (bag / "data" / "README.txt").is_file()


def test_each_step_in_its_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unapproved, unoffered, unaccepted, unsent: each refused with exit 4, and told what comes first."""
    town = DueTown(tmp_path, monkeypatch, action="transfer_archives")
    town.items(_items("the plat"), options=("--class", "public"))
    town.ok("dispose", "propose", "short", "--transfer")
    offer = ("dispose", "transfer", "D1", "--offer-to", "State Archives")
    accept = ("dispose", "transfer", "D1", "--accepted", "letter")
    send = ("dispose", "transfer", "D1", "--out", str(tmp_path / "bag"))
    receive = ("dispose", "receipt", "D1", "--reference", "77")
    for step in (offer, accept, send, receive):
        assert town.run(*step).code == 4, step
    assert town.approve().code == 0
    for step, word in ((accept, "offer"), (send, "offer"), (receive, "offer")):
        said = town.run(*step)
        assert said.code == 4 and word in said.err
    town.ok(*offer)
    assert town.run(*send).code == 4 and town.run(*receive).code == 4
    town.ok(*accept)
    assert town.run(*accept).code == 4 and town.run(*offer).code == 4 and town.run(*receive).code == 4
    assert not (tmp_path / "bag").exists()
    town.ok(*send)
    assert town.ok("dispose", "transfer", "D1")["state"] == "sent"
    assert town.run(*send).code == 4, "the folder is in use"
    town.ok(*receive)
    assert town.run(*receive).code == 4
    assert town.run("dispose", "transfer", "D9", "--offer-to", "x").code == 2


def test_a_transfer_that_keeps_a_copy_destroys_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The receipt brings the certificate at once; every record stays readable, and `execute` has nothing to do."""
    town = _town(tmp_path, monkeypatch)
    _accepted(town, "--keep-copy")
    town.ok("dispose", "transfer", "D1", "--out", str(tmp_path / "bag"))
    found = town.ok("dispose", "receipt", "D1", "--reference", "77")
    assert found["certificate"] == "C2026-1"
    assert town.rows("SELECT state, certificate FROM disposition") == [("certified", "C2026-1")]
    body = _certificate(town, "C2026-1")
    assert body["transfer"]["copy_kept"] and "Nothing was destroyed" in body["method"]
    assert town.run("dispose", "certificate", "C2026-1", "--out", str(tmp_path / "certificate")).code == 0
    assert town.run("dispose", "execute", "D1", "--expect-count", "3").code == 4
    assert town.ok("record", "show", "R3")["text"] == "third" and town.run("verify").code == 0


def test_data_that_is_not_public_needs_a_second_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never the sender; the agreement is kept with the transfer, and the restriction named in the bag and each line."""
    town = _town(tmp_path, monkeypatch, public=False)
    _accepted(town)
    bag = tmp_path / "bag"
    said = town.run("dispose", "transfer", "D1", "--out", str(bag))
    assert said.code == 4 and "--agree-login" in said.err and not bag.exists()
    sender = town.rows("SELECT login FROM person WHERE id = 1")[0][0]
    assert town.with_password("person", "passwd", sender).code == 0
    said = town.with_password("dispose", "transfer", "D1", "--out", str(bag), "--agree-login", sender)
    assert said.code == 4 and "who sends" in said.err
    wrong = town.with_password(
        "dispose", "transfer", "D1", "--out", str(bag), "--agree-login", "bea", password="no" * 6
    )
    assert wrong.code == 4 and not bag.exists()
    assert town.with_password("dispose", "transfer", "D1", "--out", str(bag), "--agree-login", "bea").code == 0
    opened = bagit.Bag(str(bag))
    opened.validate()
    assert "3 of 3 records hold data that is not public" in opened.info["Access-Restrictions"]
    assert all(one["restricted"] for one in _lines(bag))
    assert town.rows("SELECT p.login FROM transfer t JOIN person p ON p.id = t.not_public_agreed_by") == [("bea",)]


def test_a_held_record_does_not_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held between approval and sending: it leaves the transfer, is not in the bag, and stays when the others go."""
    town = _town(tmp_path, monkeypatch)
    _accepted(town)
    town.ok("hold", "place", "--kind", "litigation", "--matter", "Doe", "--reason", "suit", "--records", "R2")
    sent = town.ok("dispose", "transfer", "D1", "--out", str(tmp_path / "bag"))
    assert sent["records"] == 2 and sum(sent["left"].values()) == 1
    assert [one["record"] for one in _lines(tmp_path / "bag")] == ["R1", "R3"]
    town.ok("dispose", "receipt", "D1", "--reference", "77")
    town.at("2026-03-12T12:00:00-05:00")
    town.ok("dispose", "execute", "D1", "--expect-count", "2", "--clock-right", "sample")
    assert town.ok("record", "show", "R2")["versions"] == 2


def test_nothing_is_sent_that_could_not_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Halted, or asked for by a request that nobody searched yet: no bag leaves, exit 4, naming it."""
    town = _town(tmp_path, monkeypatch)
    _accepted(town)
    town.ok("dispose", "halt", "--reason", "the attorney asks")
    said = town.run("dispose", "transfer", "D1", "--out", str(tmp_path / "bag"))
    assert said.code == 4 and "halted" in said.err
    town.ok("dispose", "halt", "--end", "--reason", "answered")
    town.ok("request", "open", "--summary", "Everything about snow")
    said = town.run("dispose", "transfer", "D1", "--out", str(tmp_path / "bag"))
    assert said.code == 4 and "Q2026-1" in said.err and not (tmp_path / "bag").exists()


def test_an_edit_after_sending_keeps_our_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the archives did not get is not destroyed: a record that changed since stays, with all its versions."""
    town = _town(tmp_path, monkeypatch)
    _accepted(town)
    town.ok("dispose", "transfer", "D1", "--out", str(tmp_path / "bag"))
    town.script("web", Page(items=(post("a", "first, edited after sending", at=LONG_AGO),)))
    town.at("2026-03-11T12:00:00-05:00")
    assert town.collect("web")["new_versions"] == 1
    town.ok("dispose", "receipt", "D1", "--reference", "77")
    town.at("2026-03-12T12:00:00-05:00")
    town.ok("dispose", "execute", "D1", "--expect-count", "2", "--clock-right", "sample")
    assert town.ok("record", "show", "R1")["text"] == "first, edited after sending"


def test_content_that_was_changed_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object damaged on the disk: exit 5, no bag, nothing noted as sent."""
    town = _town(tmp_path, monkeypatch)
    _accepted(town)
    damaged = max((town.folder / "objects").rglob("*"), key=lambda one: one.stat().st_size if one.is_file() else 0)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\x00")
    said = town.run("dispose", "transfer", "D1", "--out", str(tmp_path / "bag"))
    assert said.code == 5 and "R2" in said.err
    assert not (tmp_path / "bag").exists() and not (tmp_path / "bag.part").exists()
    assert town.rows("SELECT sent_at FROM transfer") == [(None,)]


def test_the_database_itself_keeps_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No receipt before sending, no execution where a copy stays, no forged or deleted transfer."""
    from sqlalchemy.exc import IntegrityError

    town = _town(tmp_path, monkeypatch)
    _accepted(town, "--keep-copy")
    for statement in (
        "UPDATE transfer SET receipted_at = 1, receipted_by = 1",
        "UPDATE transfer SET keeps_copy = FALSE",
        "UPDATE transfer SET recipient = 'someone else'",
        "DELETE FROM transfer",
        "INSERT INTO transfer (disposition_id, recipient, keeps_copy, offered_at, offered_by, receipted_at)"
        " VALUES (9, 'x', FALSE, 1, 1, 1)",
    ):
        with pytest.raises(IntegrityError, match="guard"):
            town.act(statement)
    town.ok("dispose", "transfer", "D1", "--out", str(tmp_path / "bag"))
    town.act("UPDATE transfer SET receipted_at = 1, receipted_by = 1")
    with pytest.raises(IntegrityError, match="guard"):
        town.act("UPDATE disposition SET state = 'executing'")
