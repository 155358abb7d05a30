"""`archiver person`: roles given and ended, passwords never in an argument."""

from pathlib import Path

import pytest

from tests.fixtures.city import PASSWORD, Town


def test_roles_are_given_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Giving twice changes nothing, ending keeps the history, an unknown role or person is a mistake."""
    town = Town(tmp_path, monkeypatch)
    town.ok("person", "add", "Ann Clerk", "--login", "ann", "--email", "ann@city.example", "--role", "clerk")
    assert town.ok("person", "role", "ann", "auditor")["roles"] == ["auditor", "clerk"]
    assert town.ok("person", "role", "ann", "auditor")["roles"] == ["auditor", "clerk"]
    assert town.ok("person", "role", "ann", "clerk", "--end")["roles"] == ["auditor"]
    assert town.rows("SELECT count(*) FROM person_role WHERE person_id = 2") == [(2,)]
    assert town.run("person", "role", "ann", "king").code == 2
    assert town.run("person", "role", "bob", "clerk").code == 2
    assert town.run("person", "add", "Other", "--login", "ann").code == 2
    ann = next(one for one in town.ok("person", "list")["persons"] if one["login"] == "ann")
    assert ann["email"] == "ann@city.example" and ann["active"]


def test_only_an_administrator_adds_persons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever lost the role is refused, and nothing is added."""
    town = Town(tmp_path, monkeypatch)
    town.second_administrator()
    me = town.ok("person", "list")["persons"][0]["login"]
    town.ok("person", "role", me, "administrator", "--end")
    assert town.run("person", "add", "X", "--login", "x").code == 4
    assert town.run("person", "role", me, "administrator").code == 4
    assert town.with_password("person", "passwd", "bea").code == 4


def test_a_password_is_read_from_a_descriptor_and_kept_as_a_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands in no file; a short one and a missing terminal are refused; the new one is what counts."""
    town = Town(tmp_path, monkeypatch)
    town.second_administrator()
    assert town.files_with(PASSWORD) == []
    ((stored,),) = town.rows("SELECT password_hash FROM person WHERE login = 'bea'")
    assert stored.startswith("$argon2id$")
    assert town.with_password("person", "passwd", "bea", password="short").code == 2
    said = town.run("person", "passwd", "bea")
    assert said.code == 2 and "--password-fd" in said.err
    assert town.run("person", "passwd", "bea", "--password-fd", "987").code == 2
    assert town.with_password("person", "passwd", "nobody").code == 2
    assert town.rows("SELECT password_hash FROM person WHERE login = 'bea'") == [(stored,)]
    assert "password" not in town.run("person", "list", "--json").out


def test_approval_asks_for_the_approver_s_own_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong or missing password, a stranger, a person without the role: refused; wrong passwords are logged."""
    town = Town(tmp_path, monkeypatch)
    town.second_administrator()
    town.ok("person", "add", "Cal Clerk", "--login", "cal", "--role", "clerk")
    town.ok("custodian", "add", "Pat Doe")
    town.ok("account", "add", "pats", "--platform", "feed", "--ownership", "merged", "--custodian", "Pat Doe")
    town.ok("declaration", "add", "--account", "pats", "--from", "2026-03-01", "--statement", "x", "--kind", "post")

    def approve(login: str, password: str = PASSWORD) -> int:
        return town.with_password("declaration", "approve", "1", "--as", login, password=password).code

    assert approve("bea", "not the password") == 4
    assert approve("cal") == 4
    assert approve("stranger") == 4
    assert town.with_password("person", "passwd", "cal").code == 0
    assert approve("cal") == 4, "a clerk does not approve"
    assert town.rows("SELECT object_id, outcome FROM audit_event WHERE act = 'password.wrong'") == [(2, "refused")]
    assert town.ok("declaration", "list")["declarations"][0]["state"] == "pending"
    assert approve("bea") == 0
    assert approve("bea") == 4, "approved already"
