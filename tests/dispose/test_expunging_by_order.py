"""Expungement by a court's order: two persons, holds win, a part goes and the rest is sealed under a new key."""

from pathlib import Path
from typing import Any

import pytest

from archiver.dispose.certificates import read
from connectors.contract import Page
from schema.item import Attachment, Item, Moment
from tests.fixtures.city import Said, Town
from tests.fixtures.replay import DAY, NOON, post

SECRET = b"arrest report: zqsuspectzq zqaddresszq zqwitnesszq"
LARGE = b"zqlargezq " * 20_000
KEPT = b"agenda of the zqcouncilzq"


def _mail(text: str = "see the zqbodyzq", **fields: Any) -> Item:
    files = (
        Attachment("report.txt", "text/plain", SECRET),
        Attachment("agenda.txt", "text/plain", KEPT),
    )
    values = {"raw": b"mail with " + SECRET, "raw_type": "text/plain", "attachments": files, **fields}
    return post("a", text, **values)


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """R1 with two files, the raw bytes hold both; R2 beside it.  bea is the second person."""
    made = Town(tmp_path, monkeypatch)
    made.second_administrator()
    made.source("web", Page(items=(_mail(), post("b", "other"))))
    assert made.collect("web")["new_records"] == 2
    return made


def expunge(town: Town, *options: str, login: str = "bea", record: str = "R1") -> Said:
    """Expunge by an order."""
    order = ("--order", "District Court, 27-CV-26-100, 9 March 2026")
    return town.with_password("dispose", "expunge", record, *options, *order, "--login", login, "--json")


def contents(town: Town) -> dict[tuple[int, int], bool]:
    """(version, position) of the parts of R1 -> whether they can be read."""
    from archiver.vault.payloads import ContentDestroyed, stream

    rows = town.rows(
        "SELECT v.number, c.position, c.payload_id FROM component c JOIN version v ON v.id = c.version_id"
        " WHERE c.record_id = 1 ORDER BY 1, 2"
    )
    found = {}
    with town.opened() as archive, archive.reading() as session:
        for number, position, payload_id in rows:
            try:
                b"".join(stream(session, archive.vault, payload_id))
                found[number, position] = True
            except ContentDestroyed:
                found[number, position] = False
    return found


def test_a_file_goes_and_the_rest_stays(town: Town) -> None:
    """File, original bytes and old key are gone, the rest opens under a new key, and the certificate is issued."""
    before = town.rows("SELECT wrapped FROM owner_key WHERE owner_kind = 'record' AND owner_id = 1")
    versions = town.rows("SELECT digest FROM version WHERE record_id = 1")
    said = expunge(town, "--component", "report.txt")
    assert said.code == 0, said.err
    assert said.data["certificate"] == "C2026-1" and len(said.data["components"]) == 2
    assert contents(town) == {(1, 0): True, (1, 1): False, (1, 2): True, (1, 3): False}
    after = town.rows("SELECT wrapped FROM owner_key WHERE owner_kind = 'record' AND owner_id = 1")
    assert len(before) == len(after) == 1 and before != after
    assert bytes(before[0][0])[:16].hex() not in "".join(
        path.read_bytes().hex() for path in town.folder.glob("archive.db*")
    )
    assert town.rows("SELECT digest FROM version WHERE record_id = 1") == versions
    assert town.rows("SELECT kind FROM certificate") == [("expungement",)]
    with town.opened() as archive, archive.reading() as session:
        body = read(archive, session, "C2026-1")[0]
    assert [(one["record"], one["role"]) for one in body["parts"]] == [("R1", "attachment"), ("R1", "raw")]
    assert "sealed under a new key" in body["method"] and body["proof"]["words"] >= 3
    assert town.rows("SELECT count(*) FROM tombstone") == [(0,)]
    assert town.run("verify").code == 0


def test_the_words_of_the_part_leave_the_index(town: Town) -> None:
    """What only the part said is found no more, in no file either; what the rest says is found as before."""
    assert town.ok("search", "zqsuspectzq")["count"] == 1
    assert expunge(town, "--component", "report.txt").code == 0
    assert town.ok("search", "zqsuspectzq OR zqaddresszq OR zqwitnesszq")["count"] == 0
    assert town.files_with("zqsuspectzq") == []
    for word in ("zqbodyzq", "zqcouncilzq", "zqcouncilzq AND zqbodyzq"):
        assert town.ok("search", word)["count"] == 1
    town.ok("index", "rebuild")
    assert town.ok("search", "zqsuspectzq")["count"] == 0 and town.ok("search", "zqcouncilzq")["count"] == 1


def test_people_see_that_it_was_expunged(town: Town) -> None:
    """`record show` marks the file, `--raw` refuses, custody names it destroyed with its digest."""
    assert expunge(town, "--component", "attachment/1").code == 0
    files = town.ok("record", "show", "R1")["files"]
    assert [(one["name"], one["expunged"]) for one in files] == [("report.txt", True), ("agenda.txt", False)]
    assert "expunged by an order" in town.run("record", "show", "R1").out
    said = town.run("record", "show", "R1", "--raw")
    assert said.code == 4 and "expunged" in said.err and said.raw == b""
    parts = town.ok("record", "show", "R1", "--custody")["versions"][0]["components"]
    assert [one["sha256"] is None for one in parts] == [False, True, False, True]
    assert town.run("record", "show", "R1", "--versions").code == 0


def test_a_whole_record_goes_whatever_its_period(town: Town) -> None:
    """Not due, of no series: gone with tombstone and certificate; a second order for it is refused."""
    said = expunge(town, "--whole")
    assert said.code == 0 and said.data["certificate"] == "C2026-1", said.err
    assert town.rows("SELECT record_id FROM tombstone") == [(1,)]
    assert town.ok("record", "show", "R1")["destroyed"]["certificate"] == "C2026-1"
    assert town.files_with("zqsuspectzq") == [] and town.ok("search", "zqbodyzq")["count"] == 0
    assert expunge(town, "--whole").code == 4
    assert town.ok("record", "show", "R2")["text"] == "other" and town.run("verify").code == 0


@pytest.mark.parametrize("part", [("--component", "report.txt"), ("--whole",)])
def test_a_hold_wins_over_the_order(town: Town, part: tuple[str, ...]) -> None:
    """Refused naming hold and matter, until it is lifted; nothing is gone meanwhile."""
    town.ok("hold", "place", "--kind", "litigation", "--matter", "Doe v. City", "--reason", "suit", "--records", "R1")
    said = expunge(town, *part)
    assert said.code == 4 and "H1" in said.err and "Doe v. City" in said.err and "lift" in said.err
    assert all(contents(town).values()) and town.rows("SELECT count(*) FROM disposition") == [(0,)]
    town.ok("hold", "lift", "H1", "--reason", "settled")
    assert expunge(town, *part).code == 0


@pytest.mark.parametrize("part", [("--component", "report.txt"), ("--whole",)])
def test_an_open_request_wins_until_it_is_cleared(town: Town, part: tuple[str, ...]) -> None:
    """A request that is not searched yet refuses the order and says how to clear it; then the same command goes on."""
    town.ok("request", "open", "--summary", "everything about the arrest")
    said = expunge(town, *part)
    assert said.code == 4 and "Q2026-1" in said.err and "dispose clear D1 --hold H1" in said.err
    assert all(contents(town).values())
    town.ok("dispose", "clear", "D1", "--hold", "H1", "--reason", "the request concerns the library only")
    said = expunge(town, *part)
    assert said.code == 0 and said.data["id"] == "D1", said.err


def test_two_persons(town: Town) -> None:
    """The orderer alone, a wrong password, an unknown login: refused, nothing noted."""
    sender = town.rows("SELECT login FROM person WHERE id = 1")[0][0]
    assert town.with_password("person", "passwd", sender).code == 0
    assert expunge(town, "--whole", login=sender).code == 4
    assert expunge(town, "--whole", login="nobody").code == 4
    order = ("dispose", "expunge", "R1", "--whole", "--order", "x", "--login", "bea")
    assert town.with_password(*order, password="not it at all").code == 4
    assert town.rows("SELECT count(*) FROM disposition") == [(0,)] and all(contents(town).values())


def test_what_cannot_be_named(town: Town) -> None:
    """The body cannot go alone; an unknown file, both or neither of part and whole are usage errors."""
    said = expunge(town, "--component", "body")
    assert said.code == 4 and "--whole" in said.err
    assert expunge(town, "--component", "nothing.txt").code == 2
    assert expunge(town).code == 2 and expunge(town, "--whole", "--component", "raw").code == 2
    assert expunge(town, "--component", "raw").code == 0
    assert contents(town) == {(1, 0): True, (1, 1): True, (1, 2): True, (1, 3): False}
    said = expunge(town, "--component", "raw")
    assert said.code == 4 and "already" in said.err


def test_every_version_that_has_the_file(town: Town) -> None:
    """An edit repeats the file under another name: both copies go, and an object is removed from the disk."""
    again = (Attachment("renamed.txt", "text/plain", SECRET), Attachment("large.bin", "application/x-zq", LARGE))
    town.script("web", Page(items=(_mail(attachments=again, raw=b"x", edited=Moment(NOON + DAY)),)))
    assert town.collect("web")["new_versions"] == 1
    assert expunge(town, "--component", "report.txt").code == 0
    wanted = {(1, 0): True, (1, 1): False, (1, 2): True, (1, 3): False}
    assert contents(town) == {**wanted, (2, 0): True, (2, 1): False, (2, 2): True, (2, 3): False}
    assert expunge(town, "--component", "large.bin").code == 0
    assert not contents(town)[2, 2]
    assert [path for path in (town.folder / "objects").rglob("*") if path.is_file()] == []
    assert town.run("verify").code == 0


def test_a_part_order_is_not_executed_as_a_whole(town: Town) -> None:
    """An approved order for a part that waits for a request: `dispose execute` does not take the whole record."""
    town.ok("request", "open", "--summary", "everything about the arrest")
    assert expunge(town, "--component", "report.txt").code == 4
    town.ok("dispose", "clear", "D1", "--hold", "H1", "--reason", "the request concerns the library only")
    said = town.run("dispose", "execute", "D1", "--expect-count", "1")
    assert said.code == 4 and "part" in said.err and all(contents(town).values())


def test_a_crash_before_the_proof_is_made_good(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed once the content is gone: the same command goes on to proof and certificate."""
    from archiver.dispose import expunge as room

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(room, "conclude", killed)
        with pytest.raises(Killed):
            expunge(town, "--component", "report.txt")
    assert town.rows("SELECT state FROM disposition") == [("destroyed",)] and not contents(town)[1, 1]
    said = expunge(town, "--component", "report.txt")
    assert said.code == 0 and said.data["certificate"] == "C2026-1", said.err


def test_the_source_does_not_bring_the_part_back(town: Town) -> None:
    """Unchanged: nothing happens.  Edited: not read again, counted, and shown to a person once."""
    assert expunge(town, "--component", "report.txt").code == 0
    town.at("2026-03-11T12:00:00-05:00")
    assert town.collect("web")["unchanged"] == 2
    town.script("web", Page(items=(_mail(text="see the report, corrected"),)))
    for _ in range(2):
        receipt = town.collect("web")
        assert (receipt["new_versions"], receipt["destroyed_earlier"]) == (0, 1)
    seen = town.ok("record", "show", "R1")["observations"]
    assert [(one["kind"], one["evidence"]) for one in seen] == [
        ("edited", "not read: a part of this record was expunged")
    ]
    assert town.files_with("zqsuspectzq") == []


def test_the_database_itself_refuses(town: Town) -> None:
    """Without an executing expungement no part can be called expunged; once it is, that stands."""
    from sqlalchemy.exc import IntegrityError

    forged = "INSERT INTO expunged_component (component_id, record_id, disposition_id, expunged_at) VALUES (2, 1, 1, 1)"
    with pytest.raises(IntegrityError, match="guard"):
        town.act(forged)
    assert expunge(town, "--component", "report.txt").code == 0
    for statement in (forged, "DELETE FROM expunged_component", "UPDATE expunged_component SET expunged_at = 1"):
        with pytest.raises(IntegrityError, match="guard"):
            town.act(statement)


def test_verify_knows_an_expungement_from_damage(town: Town) -> None:
    """A part whose content is missing without an order is still damage."""
    from tests.fixtures.disposals import executing

    assert expunge(town, "--component", "report.txt").code == 0
    assert town.run("verify").code == 0
    with town.opened() as archive, archive.unit() as session:
        executing(session, [1])
        session.connection().exec_driver_sql(
            "DELETE FROM payload WHERE id = (SELECT payload_id FROM component WHERE record_id = 1 AND position = 2)"
        )
    said = town.run("verify")
    assert said.code == 5 and "missing" in said.out + said.err
