"""`archiver init`: an archive with its key, first administrator and a signed beginning of the log."""

import getpass
import json
import stat
from pathlib import Path

import pytest

from archiver.cli.main import main


@pytest.fixture(autouse=True)
def _no_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARCHIVER_ARCHIVE", raising=False)
    monkeypatch.delenv("ARCHIVER_TEST_NOW", raising=False)


def test_init_makes_an_archive_and_prints_where_its_key_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Folder and key are for their owner only; whoever runs it is administrator, clerk and records officer."""
    folder = tmp_path / "archive"
    assert main(["init", str(folder), "--name", "Orono", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made == {
        "schema": "init/1",
        "archive": str(folder),
        "key": str(folder / "keys" / "master.key"),
        "administrator": getpass.getuser(),
    }
    assert stat.S_IMODE((folder / "keys" / "master.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert main(["--archive", str(folder), "person", "list", "--json"]) == 0
    (first,) = json.loads(capsys.readouterr().out)["persons"]
    assert first["roles"] == ["administrator", "clerk", "records_officer"] and first["os_login"] == getpass.getuser()


def test_the_key_can_lie_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --key no key is in the archive's folder, and the archive opens with it."""
    key = tmp_path / "safe" / "city.key"
    assert main(["init", str(tmp_path / "a"), "--key", str(key)]) == 0
    assert key.is_file() and not (tmp_path / "a" / "keys").exists()
    assert key.read_text().strip() not in capsys.readouterr().err
    assert main(["--archive", str(tmp_path / "a"), "source", "list"]) == 0


def test_init_never_writes_over_anything(tmp_path: Path) -> None:
    """A folder with files is refused and left as it is, an archive too."""
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / "letter.txt").write_text("mine")
    assert main(["init", str(folder)]) == 2
    assert [one.name for one in folder.iterdir()] == ["letter.txt"]
    assert main(["init", str(tmp_path / "a")]) == 0
    before = (tmp_path / "a" / "keys" / "master.key").read_text()
    assert main(["init", str(tmp_path / "a")]) == 2
    assert (tmp_path / "a" / "keys" / "master.key").read_text() == before


@pytest.mark.parametrize(
    "option", [("--jurisdiction", "us-zz"), ("--timezone", "Mars/Olympus"), ("--timezone", "../x")]
)
def test_an_unknown_law_or_zone_is_refused_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: tuple[str, str]
) -> None:
    """The message says what there is; no folder is left behind."""
    assert main(["init", str(tmp_path / "a"), *option]) == 2
    assert option[1] in capsys.readouterr().err and not (tmp_path / "a").exists()


def test_init_leaves_a_signed_event(tmp_path: Path) -> None:
    """The first events name the person who made the archive, and a signed head covers them."""
    from sqlalchemy import func, select

    from archiver.archive import Archive
    from schema.db.audit import audit_event, audit_head

    main(["init", str(tmp_path / "a")])
    archive = Archive(tmp_path / "a")
    try:
        with archive.reading() as session:
            acts = list(session.execute(select(audit_event.c.act).order_by(audit_event.c.id)).scalars())
            size = session.execute(select(func.max(audit_head.c.size))).scalar_one()
    finally:
        archive.close()
    assert acts[0] == "person.add" and acts[-1] == "archive.init" and size == len(acts)
