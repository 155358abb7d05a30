"""The register of persons, custodians, accounts, devices and sources refuses what makes no sense."""

from pathlib import Path

import pytest

from connectors.contract import Page
from tests.fixtures.city import Town
from tests.fixtures.replay import post


def test_a_secret_setting_is_sealed_and_a_reference_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token given as text is in no file in the clear and never shown; env: is kept as a reference."""
    town = Town(tmp_path, monkeypatch)
    town.ok("source", "add", "one", "replay", "--set", "script=x", "--set", "token=zqtokenzq")
    town.ok("source", "add", "two", "replay", "--set", "script=x", "--set", "token=env:CITY_TOKEN")
    assert town.files_with("zqtokenzq") == []
    assert "zqtokenzq" not in town.run("source", "show", "one").out
    assert town.rows("SELECT reference FROM credential ORDER BY id") == [(None,), ("env:CITY_TOKEN",)]
    monkeypatch.setenv("CITY_TOKEN", "from outside\n")
    with town.opened() as archive, archive.reading() as session:
        from archiver.sources.registry import credentials

        assert credentials(archive, session, 1) == {"token": "zqtokenzq"}
        assert credentials(archive, session, 2) == {"token": "from outside"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("x", "nonsense"), "no connector"),
        (("x", "replay"), "needs --set script="),
        (("x", "replay", "--set", "script=a", "--set", "colour=b"), "no setting colour"),
        (("x", "replay", "--set", "script"), "KEY=VALUE"),
        (("x", "replay", "--set", "script=a", "--class", "purple"), "none of"),
        (("x", "replay", "--set", "script=a", "--account", "nobody"), "no account"),
        (("x", "replay", "--set", "script=a", "--declaration", "9"), "no declaration"),
    ],
)
def test_a_source_that_cannot_work_is_refused_when_it_is_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], problem: str
) -> None:
    """One line that says what is wrong, exit 2, and no source."""
    town = Town(tmp_path, monkeypatch)
    said = town.run("source", "add", *arguments)
    assert said.code == 2 and problem in said.err and "Traceback" not in said.err
    assert town.ok("source", "list")["sources"] == []


def test_a_removed_source_keeps_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its records are still found under it, so that the name is not given to another connector or account."""
    town = Town(tmp_path, monkeypatch)
    town.source("web")
    town.ok("source", "remove", "web", "--reason", "site closed")
    assert town.ok("source", "list")["sources"] == []
    assert town.run("collect", "web").code == 2
    (tmp_path / "mail").mkdir()
    town.ok("account", "add", "page", "--platform", "website", "--ownership", "city")
    other = ("source", "add", "web", "mail_files", "--set", f"path={tmp_path / 'mail'}")
    of_another = ("source", "add", "web", "replay", "--set", "script=web", "--account", "page")
    for command in (other, of_another):
        said = town.run(*command)
        assert said.code == 2 and "already" in said.err, command


def test_a_removed_source_can_be_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Added again it is the same source: what was collected from it is known, so nothing comes in twice."""
    town = Town(tmp_path, monkeypatch)
    town.source("web", Page(items=(post("1", "Plow schedule"),)))
    assert town.collect("web")["new_records"] == 1
    town.ok("source", "remove", "web", "--reason", "site closed")
    town.ok("source", "add", "web", "replay", "--set", "script=web")
    assert [one["name"] for one in town.ok("source", "list")["sources"]] == ["web"]
    assert town.collect("web")["new_records"] == 0


def test_names_and_terms_are_unique(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second person, account, device, custodian, body or term of the same name is a mistake, not a crash."""
    town = Town(tmp_path, monkeypatch)
    me = town.ok("person", "list")["persons"][0]["os_login"]
    town.ok("custodian", "add", "Pat Doe")
    town.ok("body", "add", "Council", "--majority", "3")
    town.ok("body", "member", "Council", "Pat Doe", "--since", "2026-01-01")
    town.ok("device", "add", "phone", "--kind", "phone", "--ownership", "city")
    for command in (
        ("person", "add", "Me Again", "--login", "me2", "--os-login", me),
        ("custodian", "add", "Pat Doe"),
        ("body", "add", "Council", "--majority", "2"),
        ("body", "member", "Council", "Pat Doe", "--since", "2026-01-01"),
        ("device", "add", "phone", "--kind", "phone", "--ownership", "city"),
    ):
        said = town.run(*command)
        assert said.code == 2 and "already" in said.err, command


def test_a_personal_account_names_its_custodian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose it is must be known: without a custodian, or with an unknown one, nothing is added."""
    town = Town(tmp_path, monkeypatch)
    town.ok("custodian", "add", "Pat Doe")
    for ownership in ("personal", "merged"):
        bad = ("account", "add", "a", "--platform", "x", "--ownership", ownership)
        assert town.run(*bad).code == 2
        assert town.run(*bad, "--custodian", "Nobody").code == 2
    assert town.run("body", "member", "No Council", "Pat Doe", "--since", "2026-01-01").code == 2
    town.ok("body", "add", "Council", "--majority", "3")
    backwards = ("--since", "2026-01-01", "--until", "2025-01-01")
    assert town.run("body", "member", "Council", "Pat Doe", *backwards).code == 2
    assert town.ok("account", "list")["accounts"] == []
