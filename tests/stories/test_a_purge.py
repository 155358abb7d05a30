"""Story 8, a purge: from what is due to the certificate, and the nights after it, by commands alone."""

import json
from pathlib import Path
from typing import Any

import openpyxl
import pypdf
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.fixtures.officers import SERIES, Office, notice

GONE = (1, 2, 6, 7, 8, 9, 10, 11, 12)
HELD, RETAINED, ASKED_FOR = 3, 4, 5
_HOLD = ("--matter", "Doe v. City", "--reason", "letter of counsel")


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Twelve due notices, two due faxes, two recent notices; the departments are to answer, two days cool off."""
    office = Office(tmp_path, monkeypatch)
    office.ok("config", "decide", office.file("city.toml", "departments_answer = true\ncooling_off_days = 2\n"))
    due = [notice(one, "The culvert of Elm Street." if one == ASKED_FOR else "") for one in range(1, 13)]
    office.notices(*due, notice(15, due=False), notice(16, due=False))
    office.notices(notice(13), notice(14), source="fax")
    return office


def refused(office: Office, *arguments: str) -> str:
    """A command that is refused with exit 4 and a line of why; returns the line."""
    said = office.run(*arguments)
    assert said.code == 4, (said.code, said.out, said.err)
    assert len(said.err.splitlines()) == 1 and "Traceback" not in said.err
    return said.err


def proposed(office: Office) -> None:
    """Due, held, asked for, proposed: what a hold or an open request has is listed with which of them it was."""
    office.ok("hold", "place", "--kind", "litigation", *_HOLD, "--records", f"R{HELD}")
    assert office.ok("request", "open", "--summary", "All faxes", "--source", "fax")["id"] == "Q2026-1"
    (line,) = office.ok("dispose", "due")["series"]
    assert (line["series"], line["due"], line["held"]) == (SERIES, 13, 1)
    assert line["then_waiting"] == {"request_not_searched": 2}
    fax = office.hits("source:fax")
    hold = office.ok("request", "candidates", "Q2026-1", "--query", "source:fax", "--freeze")["hold"]
    said = office.run("dispose", "propose", SERIES, "--reason", "yearly review")
    assert said.out == "D1 proposes 11 records.\n"
    assert said.err.splitlines()[0] == "Not taken up: 3 held."
    shown = office.ok("dispose", "show", "D1", "--records")
    assert shown["exceptions"] == {"held": 3} and shown["reason"] == "yearly review"
    why = {one["record"]: (one["why"], one["hold"]) for one in shown["excepted"]}
    assert why == {f"R{HELD}": ("held", "H1"), **dict.fromkeys(fax, ("held", hold))}
    assert {one["id"]: one["kind"] for one in office.ok("hold", "list")["holds"]}[hold] == "request"


def approved(office: Office) -> None:
    """The department keeps one record; who proposed cannot approve, nor anyone before the answers; Bea does."""
    refused(office, "dispose", "execute", "D1", "--expect-count", "11")
    assert office.approve().code == 4, "the departments have not answered"
    office.ok("person", "add", "Hal Ives", "--login", "hal", "--os-login", "hal", "--role", "department_reviewer")
    with office.sitting_there("hal"):
        reason = ("--reason", "the appeal is open")
        assert office.ok("dispose", "answer", "D1", "retain", "--records", f"R{RETAINED}", *reason)["records"] == 1
        assert office.ok("dispose", "answer", "D1", "destroy", "--all", "--reason", "not needed")["records"] == 10
    myself = office.myself()
    assert office.with_password("dispose", "approve", "D1", "--login", myself).code == 4
    said = office.approve()
    assert said.code == 0 and "from 2026-03-12" in said.out
    assert "cooling-off" in refused(office, "dispose", "execute", "D1", "--expect-count", "10")


def searched(office: Office) -> None:
    """A request of the last day refuses everything until it is searched; then only its candidates stay."""
    assert office.ok("request", "open", "--summary", "The culvert")["id"] == "Q2026-2"
    dry = office.ok("dispose", "execute", "D1")
    assert dry["records"] == 10 and [("Q2026-2" in one["reason"]) for one in dry["refusals"]] == [True]
    said = refused(office, "dispose", "execute", "D1", "--expect-count", "10")
    assert "Q2026-2" in said and "Q2026-1" not in said
    assert office.ok("dispose", "show", "D1")["state"] == "approved"
    assert office.ok("request", "candidates", "Q2026-2", "--query", "culvert", "--freeze")["frozen"] is True


def executed(office: Office) -> dict[str, Any]:
    """The dry run names what would go; another number is refused; with the right one it goes, and is certified."""
    dry = office.run("dispose", "execute", "D1")
    assert dry.out.splitlines()[:2] == [
        "9 records of D1 would be destroyed.",
        "Would leave first: 1 held since the approval.",
    ]
    assert "archiver dispose execute D1 --expect-count 9" in dry.err
    assert "9 records of D1 would go, not 10" in refused(office, "dispose", "execute", "D1", "--expect-count", "10")
    assert office.ok("search", "plows")["count"] == 16, "nothing has gone so far"
    said = office.run("dispose", "execute", "D1", "--expect-count", "9")
    assert said.code == 0, said.err
    assert said.out.splitlines()[:2] == [
        "D1 is certified; 9 records were destroyed in this run.",
        "Certificate C2026-1, proven to the level bytes.",
    ]
    body: dict[str, Any] = office.ok("dispose", "certificate", "D1")["certificate"]
    return body


def certificate_in_all_forms(office: Office, body: dict[str, Any], out: Path) -> None:
    """Shown, as signed JSON, PDF and the state's list; it names what left, persons and where copies remain."""
    assert (body["records"], body["series"]["title"], body["proof"]["level"]) == (9, "Notices to residents", "bytes")
    left = {one["why"]: one["records"] for one in body["exceptions"]}
    assert left == {"held": 3, "retained": 1, "held_since_approval": 1}
    acts = {one["act"]: one["name"] for one in body["signatories"]}
    assert acts["approved"] == "Bea" != acts["proposed"]
    assert [(one["source"], one["records"]) for one in body["remaining"]["sources"]] == [("web", 9)]
    office.ok("dispose", "certificate", "C2026-1", "--out", str(out))
    names = {"certificate.json", "certificate.json.sig", "certificate.pdf", "destruction-list.xlsx"}
    assert {path.name for path in out.iterdir()} == names
    signed = (out / "certificate.json").read_bytes()
    assert json.loads(signed) == body
    seal = json.loads((out / "certificate.json.sig").read_bytes())
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(seal["public_key"]))
    key.verify(bytes.fromhex(seal["signature"]), signed)
    pages = pypdf.PdfReader(out / "certificate.pdf").pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    assert all(part in text for part in ("C2026-1", "Notices to residents", "Bea", "web"))
    sheet = openpyxl.load_workbook(out / "destruction-list.xlsx").active
    assert sheet is not None
    head, line = ([cell.value for cell in row] for row in sheet.iter_rows(max_row=2))
    entry = dict(zip(head, line, strict=True))
    assert (entry["Series code"], entry["Destroyed on"], entry["Certificate"]) == ("COM 00200", "2026-03-12", "C2026-1")
    assert str(entry["Quantity"]).startswith("9 records")


def nights_after(office: Office) -> None:
    """Three nights on end the source shows all of them still: none comes back, each is counted."""
    for day in (13, 14, 15):
        office.day(day, 3)
        said = office.run("nightly", "--json")
        assert said.code == 0, said.out
        web = next(one for one in said.data["captures"] if one["source"] == "web")
        assert (web["new_records"], web["new_versions"], web["destroyed_earlier"]) == (0, 0, 9)
    assert office.ok("search", "plows")["count"] == 7


def test_a_purge(office: Office, tmp_path: Path) -> None:
    """Proposed with exceptions, answered, approved, searched for, executed, certified; nothing of it comes back."""
    proposed(office)
    approved(office)
    for day in (11, 12):
        office.day(day, 3)
        assert office.run("nightly").code == 0
    office.day(12)
    searched(office)
    certificate_in_all_forms(office, executed(office), tmp_path / "certificate")
    nights_after(office)
    for one in GONE:
        assert office.hits(f"notice{one}word") == []
        assert office.files_with(f"notice{one}word") == []
        shown = office.run("record", "show", f"R{one}")
        assert shown.code == 0 and f"R{one} was destroyed on " in shown.out
        assert "2026-03-12 12:00" in shown.out and "Certificate: C2026-1" in shown.out
        stays = office.ok("record", "show", f"R{one}")
        assert stays["destroyed_at"] == "2026-03-12T17:00:00Z" and stays["destroyed"]["certificate"] == "C2026-1"
        assert not {"text", "title", "parties", "files", "attributes", "url"} & set(stays)
    for one in (HELD, RETAINED, ASKED_FOR):
        assert office.hits(f"notice{one}word") == [f"R{one}"]
        assert f"notice{one}word" in office.ok("record", "show", f"R{one}")["text"]
    again = refused(office, "dispose", "execute", "D1", "--expect-count", "9")
    assert "C2026-1" in again or "certified" in again
    (line,) = office.ok("dispose", "report", "--year", "2026")["lines"]
    assert (line["destroyed"], line["retained"]) == (9, 1)
    checked = office.ok("verify")
    assert (checked["outcome"], checked["problems"]) == ("ok", [])
