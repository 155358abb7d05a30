"""What nobody approved does not go: an amended schedule stops an execution, another order needs another agreement."""

from pathlib import Path

import pytest

from archiver.dispose import chunks
from archiver.dispose.certificates import read
from connectors.contract import Page
from schema.item import Attachment
from tests.fixtures.burials import PLACES, Burials, word
from tests.fixtures.city import Said, Town
from tests.fixtures.replay import post

ORDER = "District Court, 27-CV-26-100"


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize("change", [("--period", "6 months"), ("--action", "retain"), ("--keep-threads",)])
def test_an_amended_schedule_ends_an_execution(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, ...],
    database: str,
) -> None:
    """Amended after the first chunk: the rest leaves, stays, and the certificate is of what went before."""
    for name in ("SMALLEST", "FIRST", "LARGEST"):
        monkeypatch.setattr(chunks, name, 2)
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else None
    town = Burials(tmp_path, monkeypatch, database=url).ready(10)
    with town.opened() as archive:
        steps = iter(town.execute(archive, 5))
        assert [next(steps).done for _ in range(2)] == [0, 2]
        assert town.run("schedule", "amend", "short", *change, "--reason", "the council decided").code in (0, 3)
        assert list(steps)
    assert town.destroyed() == [1, 3]
    assert town.left() == dict.fromkeys(("R5", "R7", "R9"), "series_changed")
    assert town.indexed() == {2, 4, 5, 6, 7, 8, 9, 10}
    assert town.state() == ("destroyed" if url else "certified")


def test_a_halted_execution_whose_schedule_was_amended_comes_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not stuck between the two: what is left leaves, what went is certified."""
    for name in ("SMALLEST", "FIRST", "LARGEST"):
        monkeypatch.setattr(chunks, name, 2)
    town = Burials(tmp_path, monkeypatch).ready(10)
    with town.opened() as archive:
        steps = iter(town.execute(archive, 5))
        assert [next(steps).done for _ in range(2)] == [0, 2]
        steps.close()  # type: ignore[attr-defined]  # a generator, as if stopped here
    town.ok("schedule", "amend", "short", "--keep-threads", "--reason", "the council decided")
    said = town.run("dispose", "execute", "D1", "--expect-count", "5")
    assert said.code == 0, said.err
    assert town.destroyed() == [1, 3] and town.state() == "certified"


def test_a_copy_that_lay_there_before_is_found_by_the_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain text of all records in a folder of the archive: no certificate until it is gone."""
    town = Burials(tmp_path, monkeypatch).ready(10)
    copy = town.folder / "export" / "copy.txt"
    copy.parent.mkdir()
    copy.write_text("\n".join(word(place, one) for place in PLACES for one in range(1, 11)))
    said = town.run("dispose", "execute", "D1", "--expect-count", "5")
    assert said.code == 5 and "copy.txt" in said.err and town.state() == "destroyed"
    assert town.run("dispose", "certificate", "D1").code == 5
    copy.unlink()
    assert town.run("dispose", "certificate", "D1").code == 0 and town.state() == "certified"


class Court:
    """R1 with a file; an order for the file waits for an open request, agreed to by bea."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.town = Town(folder, monkeypatch)
        for login in ("bea", "cal"):
            self.town.second_administrator(login)
        file = Attachment("report.txt", "text/plain", b"arrest report of zqsuspectzq")
        self.town.source("web", Page(items=(post("a", "see the report", attachments=(file,)),)))
        self.town.collect("web")
        self.town.ok("request", "open", "--summary", "everything about the arrest")
        assert self.expunge("--component", "report.txt").code == 4

    def expunge(self, *options: str, login: str = "bea", order: str = ORDER) -> Said:
        """Expunge by an order that a second person agrees to."""
        what = ("dispose", "expunge", "R1", *options, "--order", order, "--login", login, "--json")
        return self.town.with_password(*what)

    def clear(self, number: int) -> None:
        """Say why the request cannot touch the record."""
        self.town.ok("dispose", "clear", f"D{number}", "--hold", "H1", "--reason", "it is about the library")


@pytest.mark.parametrize(
    ("options", "login", "order"),
    [
        (("--whole",), "bea", ORDER),
        (("--whole",), "cal", ORDER),
        (("--component", "report.txt"), "cal", ORDER),
        (("--component", "report.txt"), "bea", "District Court, 27-CV-26-999"),
    ],
)
def test_another_order_needs_its_own_agreement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], login: str, order: str
) -> None:
    """More than was agreed to, another second person, another order: a new disposition that names who agreed to it."""
    court = Court(tmp_path, monkeypatch)
    town = court.town
    court.clear(1)
    assert court.expunge(*options, login=login, order=order).code == 4, "nobody cleared the request for this order"
    assert town.rows("SELECT state FROM disposition ORDER BY id") == [("withdrawn",), ("approved",)]
    court.clear(2)
    said = court.expunge(*options, login=login, order=order)
    assert said.code == 0 and said.data["id"] == "D2", said.err
    with town.opened() as archive, archive.reading() as session:
        signed = read(archive, session, said.data["certificate"])[0]["signatories"]
    assert [one["name"] for one in signed if one["act"] == "approved"] == [login.title()]


def test_going_on_says_what_went(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An order for a part was begun; the command with --whole goes on with it and does not say that all is gone."""
    from archiver.dispose import expunge as room

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    court = Court(tmp_path, monkeypatch)
    court.clear(1)
    with monkeypatch.context() as patched:
        patched.setattr(room, "conclude", killed)
        with pytest.raises(Killed):
            court.expunge("--component", "report.txt")
    said = court.expunge("--whole")
    assert said.code == 0 and said.data["whole"] is False
    assert court.town.ok("record", "show", "R1")["text"] == "see the report"
