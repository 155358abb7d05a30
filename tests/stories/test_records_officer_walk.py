"""The commands of docs/records-officer.md are run as they stand there, and print what it says that they print."""

import re
from pathlib import Path

from tests.fixtures.tour import ROOT, blocks_of, run_blocks

PAGE = ROOT / "docs" / "records-officer.md"


def test_the_walk_of_the_records_officer_works(tmp_path: Path) -> None:
    """From the adopted schedule to the certificate: every command ends well, every printed line is printed."""
    blocks = blocks_of(PAGE.read_text("utf-8"))
    assert len(blocks) >= 15
    run_blocks(blocks, tmp_path)


def test_the_walk_shows_every_command_of_the_job() -> None:
    """Adopt, confirm, hold, propose, answer, approve, execute, certify, transfer, restore: none is left out."""
    run = "\n".join(body for body, _ in blocks_of(PAGE.read_text("utf-8")))
    used = set(
        re.findall(r"archiver (?:--archive \S+ )?((?:schedule|tag|hold|event|dispose|backup|restore) ?[a-z]*)", run)
    )
    wanted = {
        *("schedule adopt", "schedule import", "schedule confirm", "schedule check", "schedule test", "tag explain"),
        *("hold place", "hold notice", "hold answer", "hold lift", "event record"),
        *("dispose due", "dispose propose", "dispose show", "dispose answer", "dispose approve", "dispose execute"),
        *("dispose certificate", "dispose paper", "dispose transfer", "dispose receipt", "dispose expunge"),
        *("dispose halt", "dispose report", "backup backups", "restore from", "restore confirm"),
    }
    assert wanted - used == set()
