"""A whole archive on PostgreSQL: the same code with another URL."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import func, select

from archiver.archive import Archive, City
from archiver.audit.verify import verify_log
from archiver.cli.main import main
from archiver.collect.leases import leased
from archiver.database import next_number, reserve
from archiver.errors import Locked
from archiver.operate.initialise import initialise
from schema.db.record import record
from schema.db.vault import owner_key

START = 1_760_000_000_000
CITY = City("Test City", "us-mn", "America/Chicago", for_tests=True)


@pytest.fixture
def folder(tmp_path: Path, postgres_url: str) -> Path:
    """A new archive on PostgreSQL."""
    return initialise(tmp_path / "archive", CITY, database=postgres_url).folder


def texts(folder: Path, count: int) -> Path:
    """A phone's backup of text messages."""
    rows = "".join(
        f'<sms address="+1612555{number:04}" date="{START + number * 60_000}" type="1" body="culvert {number}" />'
        for number in range(count)
    )
    folder.mkdir()
    (folder / "sms-1.xml").write_text(f'<?xml version="1.0"?><smses count="{count}">{rows}</smses>')
    return folder


def mails(folder: Path, count: int) -> Path:
    """A folder of messages, each with an attachment."""
    folder.mkdir()
    for number in range(count):
        message = EmailMessage()
        message["From"], message["To"] = "clerk@city.example", f"resident{number}@example.org"
        message["Date"], message["Subject"] = "Thu, 09 Oct 2025 10:00:00 -0500", f"Culvert on Elm Street, part {number}"
        message["Message-ID"] = f"<{number}@city.example>"
        message.set_content("The culvert is on the list for spring.")
        message.add_attachment(f"estimate {number}\n" * 5, filename="estimate.txt")
        (folder / f"{number}.eml").write_bytes(message.as_bytes())
    return folder


def test_collecting_twice(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Texts and mails are collected, indexed and found; a second run adds nothing; the audit log verifies."""
    here = ["--archive", str(folder)]
    for name, connector, path in (
        ("phone", "sms_backup", texts(tmp_path / "texts", 40)),
        ("mail", "mail_files", mails(tmp_path / "mails", 15)),
    ):
        assert main([*here, "source", "add", name, connector, "--set", f"path={path}"]) == 0
    capsys.readouterr()
    found = []
    for _run in range(2):
        assert main([*here, "collect", "--all", "--json"]) == 0
        found.append({one["source"]: one["new_records"] for one in json.loads(capsys.readouterr().out)["captures"]})
    assert found == [{"phone": 40, "mail": 15}, {"phone": 0, "mail": 0}]
    assert main([*here, "search", "culvert", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["count"] == 55
    assert main([*here, "search", "estimate", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["count"] == 15
    archive = Archive(folder)
    with archive.reading() as session:
        check = verify_log(session, archive.signer.public)
        assert check.problems == () and check.events > 5 and check.heads == 1
        assert session.execute(select(func.count()).select_from(record)).scalar() == 55
        kept = select(func.count()).select_from(owner_key).where(owner_key.c.owner_kind == "record")
        assert session.execute(kept).scalar() == 55
    assert archive.guards_intact
    archive.close()


def together(count: int, act: Callable[[int], object]) -> list[object]:
    """Run an act in threads that start at the same moment; what each gave or raised."""
    barrier = Barrier(count)

    def one(number: int) -> object:
        barrier.wait()
        try:
            return act(number)
        except Exception as error:  # noqa: BLE001  (the test judges what each session got)
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_numbers_of_two_sessions(folder: Path) -> None:
    """Sessions that number at once get gapless numbers, also for the first of a year; blocks never overlap."""
    archive = Archive(folder)

    def act(_number: int) -> tuple[int, int]:
        with archive.unit() as session:
            return next_number(session, "request", 2026), reserve(session, "new name", 10)

    got = together(6, act)
    archive.close()
    assert sorted(one[0] for one in got) == [1, 2, 3, 4, 5, 6]  # type: ignore[index]  # errors fail here
    assert sorted(one[1] for one in got) == [1, 11, 21, 31, 41, 51]  # type: ignore[index]


def test_a_lease_of_two_sessions(folder: Path) -> None:
    """Of sessions that want a lease at once one gets it, the others wait their turn or are told who has it."""
    archive = Archive(folder)

    def act(_number: int) -> str:
        with leased(archive, "source:1"):
            return "held"

    got = together(4, act)
    archive.close()
    assert "held" in got and all(one == "held" or isinstance(one, Locked) for one in got)


def test_events_of_two_sessions(folder: Path) -> None:
    """Sessions that write events at once get places in one gapless log that verifies."""
    archive = Archive(folder)

    def act(number: int) -> int:
        for _event in range(5):
            with archive.unit() as session:
                archive.record_act(session, "test.act", "archive", number, actor_id=1, text="why")
        return number

    assert sorted(together(4, act), key=str) == [0, 1, 2, 3]
    with archive.reading() as session:
        assert verify_log(session, archive.signer.public).problems == ()
    archive.close()
