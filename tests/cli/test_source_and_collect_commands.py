"""`archiver source` and `archiver collect` with the built-in connectors on real files."""

from pathlib import Path

import pytest

from tests.fixtures.city import Town

SMS = """<?xml version="1.0" encoding="UTF-8"?>
<smses count="2">
  <sms address="+16125550123" date="1772560800000" type="1" subject="null" body="valve is shut" read="1" status="-1"/>
  <sms address="6125550123" date="1772560900000" type="2" subject="null" body="thank you" read="1" status="-1"/>
</smses>
"""
MAIL = b"From: Ann <ann@city.example>\nDate: Tue, 3 Mar 2026 12:00:00 -0600\nSubject: Permit\n\nApproved.\n"


def _phone(town: Town, folder: Path) -> None:
    folder.mkdir()
    (folder / "sms.xml").write_text(SMS)
    town.ok("custodian", "add", "Ann Works")
    phone = ("--kind", "phone", "--ownership", "city", "--custodian", "Ann Works", "--number", "+16125550999")
    town.ok("device", "add", "works-phone", *phone)
    town.ok("source", "add", "phone", "sms_backup", "--set", f"path={folder}", "--device", "works-phone")


def test_a_phone_s_backup_and_a_mail_folder_become_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From files to searchable records with the counts of the contract, and nothing new the second time."""
    town = Town(tmp_path, monkeypatch)
    _phone(town, tmp_path / "backups")
    mail = tmp_path / "mail"
    mail.mkdir()
    (mail / "1.eml").write_bytes(MAIL)
    town.ok("source", "add", "mail", "mail_files", "--set", f"path={mail}")
    assert town.ok("source", "test", "phone")["outcome"] == "ok"
    said = town.run("collect", "--all", "--json")
    assert said.code == 0 and said.data["schema"] == "collect/1"
    counts = {one["source"]: one["new_records"] for one in said.data["captures"]}
    assert counts == {"mail": 1, "phone": 2}
    fields = ("source", "outcome", "seen", "new_records", "new_versions", "unchanged", "out_of_scope")
    fields += ("destroyed_earlier", "unreadable", "missing", "gaps", "error")
    assert set(fields) <= set(said.data["captures"][0])
    assert [one["platform"] for one in town.ok("search", "valve")["hits"]] == ["sms"]
    assert town.ok("search", 'custodian:"Ann Works" after:2026-03-01 before:2026-03-04')["count"] == 2
    assert town.rows("SELECT count(*) FROM party WHERE kind = 'phone'") == [(1,)]
    again = town.run("collect", "--all", "--json").data["captures"]
    assert [one["new_records"] for one in again] == [0, 0]
    raw = town.run("record", "show", town.ok("search", "Permit")["hits"][0]["id"], "--raw").raw
    assert raw == MAIL


def test_a_broken_source_is_told_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is gone: `test` and `collect` say so with a hint; records that were collected stay."""
    town = Town(tmp_path, monkeypatch)
    _phone(town, tmp_path / "backups")
    town.collect("phone")
    (tmp_path / "backups").rename(tmp_path / "elsewhere")
    said = town.run("source", "test", "phone", "--json")
    assert said.code == 1 and said.data["error"]["code"] == "source_failed"
    receipt = town.collect("phone")
    assert receipt["exit"] == 1 and receipt["error"]["hint"] and receipt["missing"] == 0
    assert town.ok("search", "valve")["count"] == 1


def test_sources_are_listed_with_their_last_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never collected: null; afterwards the time at which the run began."""
    town = Town(tmp_path, monkeypatch)
    _phone(town, tmp_path / "backups")
    assert town.ok("source", "list")["sources"][0]["last_success"] is None
    town.collect("phone")
    assert town.ok("source", "list")["sources"][0]["last_success"] == "2026-03-10T17:00:00Z"
    shown = town.ok("source", "show", "phone")
    assert shown["device"] == "works-phone" and shown["custodian"] == "Ann Works" and shown["platform"] == "sms"
    names = {one["name"] for one in town.ok("source", "connectors")["connectors"]}
    assert {"feed", "imap_mailbox", "mail_files", "mastodon_account", "sms_backup", "replay"} <= names


@pytest.mark.parametrize("arguments", [("collect",), ("collect", "web", "--all"), ("collect", "nothing")])
def test_collect_needs_names_or_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """Neither, both, or a name that is not there: nothing is read."""
    assert Town(tmp_path, monkeypatch).run(*arguments).code == 2


def test_collecting_everything_of_nothing_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new city without sources: ok, and an empty list."""
    said = Town(tmp_path, monkeypatch).run("collect", "--all", "--json")
    assert said.code == 0 and said.data["captures"] == [] and said.data["outcome"] == "ok"
