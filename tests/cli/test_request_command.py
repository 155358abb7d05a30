"""`archiver request`: the shapes that scripts rely on, the lines that a clerk reads, and the names it takes."""

from pathlib import Path

import pytest

from tests.fixtures.city import Town
from tests.stories.foundation_town import frozen, opened, snowy_town


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A city that collected five posts on snow and one on the library."""
    return snowy_town(tmp_path, monkeypatch)


def test_shapes(town: Town) -> None:
    """Each command's object begins with its schema and names the request by its number, however it was written."""
    number = opened(town)
    file = town.folder.parent / "report.txt"
    file.write_text("report")
    expected = {
        ("request", "list"): ("requests/1", ["requests"]),
        ("request", "show", "1"): (
            "request-detail/1",
            [
                "id", "kind", "state", "archive", "received", "jurisdiction", "law_edition", "summary", "requester",
                "dates", "hold", "candidates", "notes",
            ],
        ),
        ("request", "note", "q2026-1", "called back"): ("request-note/1", ["id", "noted"]),
        ("request", "search", "1", "--query", "snow"): (
            "request-search/1",
            [
                "id", "search", "query", "interpreted", "count", "undated", "indexed", "captured", "coverage", "hits",
                "facets", "explained",
            ],
        ),
        ("request", "candidates", "1", "--query", "snow"): (
            "candidates/1", ["id", "query", "interpreted", "count", "frozen"],
        ),
        ("request", "candidates", "1", "--query", "snow", "--freeze"): (
            "candidates/1", ["id", "query", "interpreted", "count", "frozen", "added", "hold"],
        ),
        ("request", "candidates", "1"): ("candidates/1", ["id", "searches", "records", "files"]),
        ("request", "file", "1", str(file)): ("request-file/1", ["id", "request"]),
    }  # fmt: skip
    for command, (schema, fields) in expected.items():
        said = town.ok(*command)
        assert list(said) == ["schema", *fields], command
        assert said["schema"] == schema
        assert number in (said.get("id"), said.get("request"), said["requests"][0]["id"] if "requests" in said else "")


def test_what_a_clerk_reads(town: Town) -> None:
    """Every command says in a line or two what it did; the date explains itself, and nothing is said twice."""
    said = town.run("request", "open", "--summary", "snow", "--received", "2026-03-02").out.splitlines()
    assert said[0] == "Opened Q2026-1."
    assert "the city's own target is 10 business days" in said[1]
    assert said[2] == "Hold H1 protects what it may touch."
    assert town.run("request", "note", "1", "called back").out == "Noted on Q2026-1.\n"
    login = town.rows("SELECT login FROM person WHERE id = 1")[0][0]
    assert town.run("request", "assign", "1", login).out == f"Q2026-1 is assigned to {login}.\n"
    told = town.run("request", "candidates", "1", "--query", "snow", "--freeze", "--keep-preliminary").out
    assert "5 joined the candidates of Q2026-1" in told
    assert "H1 still protects all that the request may touch." in told
    told = town.run("request", "candidates", "1", "--query", "library", "--freeze").out
    assert "Found 1" in told
    assert "H1 now protects the candidates, and no other records." in told
    assert town.run("request", "candidates", "1").out.split() == ["R1", "R2", "R3", "R4", "R5", "R6"]
    shown = town.run("request", "show", "1").out
    assert "requester:\n" in shown
    assert "note: called back\n" in shown
    assert town.run("request", "close", "1", "--reason", "answered").out.startswith("Closed Q2026-1. ")


def test_looking_at_a_request_is_an_act(town: Town) -> None:
    """Showing a request or its candidates is logged with the request that was shown."""
    frozen(town)
    town.ok("request", "show", "1")
    assert town.rows("SELECT object_kind, object_id FROM audit_event WHERE act = 'request.view'") == [
        ("data_request", 1)
    ]


@pytest.mark.parametrize(
    "command",
    [
        ("open",), ("open", "--summary", "x", "--kind", "nobody"), ("open", "--summary", "x", "--archive", "perhaps"),
        ("open", "--summary", "x", "--received", "yesterday"), ("open", "--summary", "x", "--received", "2027-01-01"),
        ("show", "Q2026-7"), ("candidates", "Q2026-7", "--query", "snow"), ("assign", "1", "nobody"),
        ("candidates", "1", "--query", "snow AND", "--freeze"), ("file", "1", "/nowhere/at/all"),
    ],
)  # fmt: skip
def test_wrong_usage(town: Town, command: tuple[str, ...]) -> None:
    """What is wrong is said in one line, with exit 2, and nothing is changed."""
    opened(town)
    before = town.rows("SELECT count(*) FROM audit_event")
    said = town.run("request", *command, "--json")
    assert said.code == 2
    assert said.data["error"]["message"]
    assert len(said.err.strip().splitlines()) == 1
    assert town.rows("SELECT count(*) FROM audit_event") == before
