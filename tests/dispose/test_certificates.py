"""A certificate says all that the states ask for, is signed, and its files say the same."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import openpyxl
import pypdf
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.orm import Session

from archiver.audit.merkle import leaf_hash, root_of
from archiver.dispose.certificates import certify, read
from archiver.errors import Refused, VerificationFailed
from schema.db import guards
from schema.wire import generate
from tests.fixtures.burials import Burials, marked
from tests.fixtures.replay import post


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Burials:
    """Four of eight records are due; one has a copy in another source under another series, one was left out."""
    town = Burials(tmp_path, monkeypatch)
    town.ok("custodian", "add", "Pat Doe", "--kind", "employee", "--department", "Public Works")
    town.ok("account", "add", "works", "--platform", "feed", "--ownership", "city", "--custodian", "Pat Doe")
    copy = post("elsewhere", "kept on its own", message_id="<m1@city.example>")
    town.items([copy], source="mirror")
    town.items([marked(one, due=bool(one % 2)) for one in range(1, 9)], options=("--account", "works"))
    held = town.rows("SELECT min(id) FROM record WHERE sent_at < 1760000000000")[0][0] + 6
    town.ok("hold", "place", "--kind", "audit", "--matter", "2025", "--reason", "audit", "--records", f"R{held}")
    town.approved()
    town.ok(
        *("dispose", "paper", "short", "--description", "Carbon copies of notices =1+1", "--quantity", "2 boxes"),
        *("--from", "2019-01-01", "--until", "2020-12-31", "--destroyed-on", "2026-03-09", "--disposition", "D1"),
    )
    town.at("2026-03-11T12:00:00-05:00")
    return town


def executed(town: Burials) -> Any:
    """Execute and return what the certificate says."""
    town.ok("dispose", "execute", "D1", "--expect-count", "3")
    return town.ok("dispose", "certificate", "D1")["certificate"]


def test_it_says_what_the_states_ask_for(town: Burials) -> None:
    """Number, city, series, dates, counts, persons with titles and dates, orders checked, exceptions, level, list."""
    said = executed(town)
    assert (said["number"], said["kind"], said["city"], said["for_tests"]) == (
        "C2026-1",
        "destruction",
        "Test City",
        True,
    )
    assert said["series"]["title"] == "short" and said["series"]["retention"] == "1 years"
    (line,) = said["lines"]
    assert line["department"] == "Public Works" and line["source"] == "web" and line["format"] == "feed / post"
    assert (line["records"], said["records"], line["undated"]) == (3, 3, 0)
    assert line["bytes"] > 3_000 and said["bytes"] == line["bytes"]
    assert line["first"] == "2023-12-24" and line["last"] == "2023-12-24" and line["due_from"] == "2024-12-25"
    acts = [(one["act"], one["name"]) for one in said["signatories"]]
    assert [act for act, _name in acts] == ["proposed", "approved", "executed", "certified"]
    assert acts[1][1] == "Bea" and acts[0][1] != "Bea" and "records officer" in said["signatories"][0]["titles"]
    assert said["orders_checked_at"] == "2026-03-11T17:00:00Z" and said["holds_in_force"] == 1
    assert said["exceptions"] == [{"why": "held", "records": 1}]
    assert said["proof"]["level"] == "bytes" and said["proof"]["words"] == 15 and said["proof"]["keys"] == 3
    assert said["remaining"]["copies"] == [{"series": "short", "records": 1, "first": ["R1"]}]
    assert [(one["source"], one["records"]) for one in said["remaining"]["sources"]] == [("web", 3)]
    assert said["damage"] == ["The archive has not been verified yet."]
    digests = [bytes(one) for (one,) in town.rows("SELECT digest FROM tombstone ORDER BY record_id")]
    assert said["tombstones"] == root_of(leaf_hash(one) for one in digests).hex() and len(digests) == 3
    approved = town.rows("SELECT list_digest FROM disposition")[0][0]
    assert said["approved_list"] == bytes(approved).hex()
    schema = json.loads((generate.FOLDER / "certificate-1.schema.json").read_text("utf-8"))
    jsonschema.validate(said, schema)


def test_the_files_carry_signature_text_and_list(town: Burials, tmp_path: Path) -> None:
    """Anyone can check certificate.json with the key beside it; PDF/UA says the same; the sheet lists paper too."""
    executed(town)
    out = tmp_path / "out"
    town.ok("dispose", "certificate", "C2026-1", "--out", str(out))
    signed = (out / "certificate.json").read_bytes()
    beside = json.loads((out / "certificate.json.sig").read_bytes())
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(beside["public_key"]))
    key.verify(bytes.fromhex(beside["signature"]), signed)
    with pytest.raises(InvalidSignature):
        key.verify(bytes.fromhex(beside["signature"]), signed.replace(b'"records":3', b'"records":4'))
    pdf = pypdf.PdfReader(out / "certificate.pdf")
    text = " ".join(" ".join(page.extract_text() for page in pdf.pages).split())
    for part in (
        "C2026-1",
        "Test City",
        "Public Works",
        "Bea",
        "Level bytes",
        "no evidence",
        "1 held",
        "2 boxes",
        "Name and title",
    ):
        assert part in text, part
    assert beside["signature"][:20] in text.replace(" ", "")
    assert "2026-03-11 12:00:00 -0500" in text and "T17:00:00Z" not in text, "times as the city's clocks showed them"
    assert b"pdfuaid" in (out / "certificate.pdf").read_bytes()
    sheet = openpyxl.load_workbook(out / "destruction-list.xlsx").active
    assert sheet is not None
    rows = [
        dict(zip([cell.value for cell in sheet[1]], [cell.value for cell in row], strict=True)) for row in sheet[2:3]
    ]
    digital, paper = rows
    assert (digital["Series title"], digital["Destroyed on"], digital["From"]) == ("short", "2026-03-11", "2023-12-24")
    assert digital["Quantity"].startswith("3 records") and digital["Certificate"] == "C2026-1"
    assert paper["Series title"] == "short"
    assert (paper["Description"], paper["Quantity"]) == ("Carbon copies of notices =1+1", "2 boxes")
    assert all(cell.data_type == "s" for row in sheet.iter_rows(min_row=2) for cell in row if cell.value)
    assert town.run("dispose", "certificate", "C2026-1", "--out", str(out)).code == 4, "never over other files"


def test_the_list_has_the_citys_day(town: Burials, tmp_path: Path) -> None:
    """Destroyed at seven in the evening: the state's list names that day, not the next one, which it is in UTC."""
    town.at("2026-03-11T19:30:00-05:00")
    executed(town)
    town.ok("dispose", "certificate", "C2026-1", "--out", str(tmp_path / "out"))
    sheet = openpyxl.load_workbook(tmp_path / "out" / "destruction-list.xlsx").active
    assert sheet is not None
    assert [cell.value for cell in sheet[2]][9] == "2026-03-11"


def test_a_changed_certificate_is_not_shown(town: Burials) -> None:
    """Whoever gets around the guards and changes the signature is found out when it is read: exit 5."""
    executed(town)
    with town.opened() as archive, archive.unit() as session:
        guards.remove(session.connection())
        session.connection().exec_driver_sql("UPDATE certificate SET signature = zeroblob(64)")
        guards.install(session.connection())
    said = town.run("dispose", "certificate", "C2026-1")
    assert said.code == 5 and "signature" in said.err
    with town.opened() as archive, archive.reading() as session, pytest.raises(VerificationFailed):
        read(archive, session, "C2026-1")


def test_only_what_is_proven_is_certified(town: Burials) -> None:
    """The function itself refuses an approved or executing disposition, and one that has its certificate."""
    with town.opened() as archive, archive.unit() as session, pytest.raises(Refused, match="not proven"):
        certify(archive, session, town.actor(archive), 1)
    executed(town)
    with town.opened() as archive, archive.unit() as session, pytest.raises(Refused, match="certified"):
        certify(archive, session, town.actor(archive), 1)
    assert town.run("dispose", "execute", "D1", "--expect-count", "3").code == 4
    assert town.rows("SELECT number FROM certificate") == [("C2026-1",)]


def test_paper_lines_are_checked(town: Burials) -> None:
    """Not destroyed in the future, not after a certificate, with a description that is sealed."""
    start = ("dispose", "paper", "short", "--description", "Plan prints", "--quantity", "1 roll", "--destroyed-on")
    assert town.run(*start, "2026-04-01").code == 2
    executed(town)
    assert town.run(*start, "2026-03-01", "--disposition", "D1").code == 4
    town.ok(*start, "2026-03-01")
    assert town.rows("SELECT disposition_id, quantity FROM paper_record WHERE id = 2") == [(None, "1 roll")]
    assert town.files_with("Plan prints") == []
    assert date.fromisoformat(str(town.rows("SELECT destroyed_on FROM paper_record WHERE id = 2")[0][0]))


def test_numbers_have_no_gap(town: Burials) -> None:
    """A certificate that was not committed leaves no gap."""
    town.ok("dispose", "halt", "--reason", "x")
    town.ok("dispose", "halt", "--end", "--reason", "y")
    with town.opened() as archive:
        for step in town.execute(archive, 3):
            if step.stage == "proven":
                break
        session = Session(archive.database.engine)
        assert certify(archive, session, town.actor(archive), 1) == "C2026-1"
        session.close()  # without a commit
    assert town.ok("dispose", "certificate", "D1")["certificate"]["number"] == "C2026-1"
