"""The sample city: what it shows, that it needs no network, and that it never touches a folder that is not its own."""

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from archiver.cli.main import main
from archiver.demo import city, papers


def _run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(one) for one in arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_demo_leads_through_the_whole_path_offline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two nights, one request, four refusals, one forged byte found, in less than two minutes and without a network."""
    reached: list[Any] = []
    connect = socket.socket.connect

    def only_here(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX:
            reached.append(address[0])
            assert address[0] == "127.0.0.1", f"the demo wanted to reach {address}"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", only_here)
    folder = tmp_path / "city"
    code, out, err = _run(capsys, "demo", folder, "--json")
    assert (code, err) == (0, "")
    shown = json.loads(out)
    assert next(iter(shown)) == "schema" and shown["schema"] == "demo/1" and shown["outcome"] == "ok"
    assert shown["records_by_night"] == [338, 344]
    assert (shown["edited"], shown["gone"], shown["missing"]) == (2, 1, 1)
    assert [one["count"] for one in shown["searches"]] == [19, 5, 3, 9, 3, 1]
    assert len(shown["refused"]) == 4
    assert shown["changed_byte_found"] and shown["verified"]
    assert shown["seconds"] < 120
    assert set(reached) == {"127.0.0.1"}

    archive = ("--archive", folder / "archive")
    assert _run(capsys, *archive, "verify", "--json")[0] == 0
    for personal in ('"rice pudding"', "cabin", "dental", "walleye platform:mastodon", "daughter", "auger"):
        found = json.loads(_run(capsys, *archive, "search", personal, "--count", "--json")[1])
        assert found["count"] == 0, f"{personal} is nobody's business but its owner's"
    holds = json.loads(_run(capsys, *archive, "hold", "list", "--json")[1])["holds"]
    assert [(one["kind"], one["members"]) for one in holds] == [("closed_request", 19)]
    checked = _run(capsys, "produce", "verify", folder / "production", "--root", shown["root"], "--json")
    assert checked[0] == 0 and json.loads(checked[1])["outcome"] == "ok"


def test_the_demo_tells_what_it_did_and_what_it_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A reader sees each command and its outcome, the refusals in their own words, and where to look further."""
    code, out, _ = _run(capsys, "demo", tmp_path / "city")
    assert code == 0
    for line in (
        "ingrid-phone: ok: 19 seen, 9 new, 10 out of scope, not kept",
        "plowteddy: ok: 11 seen, 5 new, 6 out of scope, not kept",
        "Refused: who declared does not approve",
        "Refused: harlan-phone reads a personal device and no declaration covers it",
        "Refused: H1 belongs to an open request",
        "mail: ok: 7 seen, 2 new, 1 missing at the source",
        "volume-0001.pdf: its content was changed (SHA-256 differs)",
        "Set by law.",
        "Set by the city.",
        f"--archive {tmp_path / 'city' / 'archive'} search",
    ):
        assert line in out, line
    assert "\x1b" not in out, "no colours into a pipe"
    assert "Traceback" not in out

    again, _, refused = _run(capsys, "demo", tmp_path / "city")
    assert again == 4 and "already has a sample city" in refused and "--fresh" in refused
    before = (tmp_path / "city" / "keys" / "master.key").read_bytes()
    assert _run(capsys, "demo", tmp_path / "city", "--fresh")[0] == 0
    assert (tmp_path / "city" / "keys" / "master.key").read_bytes() != before


def test_a_folder_that_no_demo_made_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not even --fresh replaces somebody's files."""
    (tmp_path / "thesis.txt").write_text("three years of work")
    code, _, err = _run(capsys, "demo", tmp_path, "--fresh")
    assert code == 4 and "files that no demo made" in err
    assert [one.name for one in tmp_path.iterdir()] == ["thesis.txt"]


def test_nobody_in_the_sample_city_can_be_reached() -> None:
    """Every number is 555-01xx and every address ends in example.org, in every file of the content."""
    folder = Path(city.__file__).parent / "content"
    text = "\n".join(one.read_text("utf-8") for one in sorted(folder.glob("*.toml")))
    numbers = re.findall(r"\+\d[\d ()-]{8,}", text)
    assert numbers and all(re.fullmatch(r"\+161255501\d\d", one) for one in numbers), numbers
    hosts = re.findall(r"@([\w.-]+\.\w+)", text)
    assert hosts and all(one.endswith(".example.org") for one in hosts), hosts


def test_every_attachment_of_the_content_can_be_made() -> None:
    """Each paper that a mail or text names is made, and is what its ending says."""
    named = {
        name
        for thread in (*city.content("mails")["thread"], *city.content("mails")["second"])
        for mail in thread["mail"]
        for name in mail.get("attach", ())
    }
    heads = {"pdf": b"%PDF", "docx": b"PK", "xlsx": b"PK", "png": b"\x89PNG"}
    assert named <= set(city.content("papers"))
    for name in city.content("papers"):
        assert papers.paper(name).startswith(heads[name.rpartition(".")[2]]), name
