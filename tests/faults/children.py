"""Runs the command line in child processes that tests may kill, and makes archives with generated sources."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from archiver.archive import Archive, City
from archiver.index.opening import open_index
from archiver.operate.fingerprint import fingerprint
from archiver.operate.initialise import initialise
from archiver.operate.verify import Result, verify
from tests.fixtures.generated import mailbox, sms_backup

CITY = City("Test City", "us-mn", "America/Chicago", for_tests=True)


def archiver(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start one command on an archive."""
    return subprocess.Popen(
        [sys.executable, "-m", "archiver", "--archive", str(folder), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
    )


def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Run one command to its end: exit code, stdout, stderr."""
    child = archiver(folder, *arguments)
    out, err = child.communicate(timeout=300)
    return child.returncode, out, err


def with_sources(folder: Path, sources: Path, *, texts: int, mails: int) -> Path:
    """Make an archive with a phone and a mailbox of the city, not collected yet."""
    initialise(folder, CITY)
    phone, mail = sms_backup(sources / "sms.xml", texts), mailbox(sources / "mail.mbox", mails)
    for name, connector, path in (("phone", "sms_backup", phone), ("mail", "mail_files", mail)):
        own = ("--set", "own_number=+16125550123") if name == "phone" else ()
        code, _out, err = run(folder, "source", "add", name, connector, "--set", f"path={path}", *own)
        assert code == 0, err
    return folder


def checked(folder: Path) -> Result:
    """What `verify` finds, in this process."""
    archive = Archive(folder)
    try:
        return next(step.result for step in verify(archive) if step.result is not None)
    finally:
        archive.close()


def state(folder: Path) -> tuple[str, int]:
    """Fingerprint of the content, and how many records the index holds."""
    archive = Archive(folder)
    try:
        engine = open_index(archive)
        try:
            return fingerprint(archive), engine.size()
        finally:
            engine.close()
    finally:
        archive.close()


def count(folder: Path, table: str) -> int:
    """How many rows a table has."""
    archive = Archive(folder)
    try:
        with archive.reading() as session:
            return int(session.connection().exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())
    finally:
        archive.close()
