"""The register: gapless numbers, sealed words, what is refused, and what a request says of itself."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from archiver.access import Actor, current_actor
from archiver.archive import Archive
from archiver.data_requests.register import (
    add_note,
    assign,
    close,
    list_requests,
    open_request,
    open_row,
    request_row,
    show_request,
)
from archiver.errors import NotFound, Refused, UsageError
from archiver.retain.holds import Narrowing
from schema.vocab import ArchiveInvolved, Role
from tests.fixtures.city import Town


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """An empty city."""
    return Town(tmp_path, monkeypatch)


@pytest.fixture
def archive(town: Town) -> Iterator[Archive]:
    """Its archive."""
    with town.opened() as opened:
        yield opened


@pytest.fixture
def clerk(archive: Archive) -> Actor:
    """The person who made it."""
    with archive.reading() as session:
        return current_actor(session)


def opened(archive: Archive, clerk: Actor, summary: str = "snow") -> str:
    """Open a request; returns its number."""
    with archive.unit() as session:
        return open_request(archive, session, clerk, summary=summary).number


def test_numbers_have_no_gap(town: Town, archive: Archive, clerk: Actor) -> None:
    """Numbers ascend without a gap within the year of the opening, also after an opening that failed halfway."""
    assert opened(archive, clerk) == "Q2026-1"

    def failing() -> None:
        with archive.unit() as session:
            assert open_request(archive, session, clerk, summary="x").number == "Q2026-2"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert opened(archive, clerk) == "Q2026-2"
    assert town.rows("SELECT count(*) FROM hold") == [(2,)]
    town.at("2027-01-02T12:00:00-06:00")
    with town.opened() as later:
        assert opened(later, clerk) == "Q2027-1"


def test_words_are_sealed(town: Town, archive: Archive, clerk: Actor) -> None:
    """What was asked, by whom, why, and the notes stand in no file in the clear."""
    with archive.unit() as session:
        one = open_request(
            archive,
            session,
            clerk,
            summary="zqsummaryzq",
            requester="zqrequesterzq",
            involved=ArchiveInvolved.NO,
            reason="zqreasonzq",
        )
        add_note(archive, session, clerk, one.number, "zqnotezq")
        close(archive, session, clerk, one.number, "zqclosedzq")
    for word in ("zqsummaryzq", "zqrequesterzq", "zqreasonzq", "zqnotezq", "zqclosedzq"):
        assert town.files_with(word) == []
    with archive.reading() as session:
        shown = show_request(archive, session, one.number)
    assert (shown["summary"], shown["requester"], shown["notes"]) == ("zqsummaryzq", "zqrequesterzq", ["zqnotezq"])


@pytest.mark.parametrize("number", ["", "Q2026-9", "7", "9" * 40, "٣", "Q2026-1 OR 1", "-1", "1.0"])
def test_an_unknown_number(archive: Archive, clerk: Actor, number: str) -> None:
    """Whatever is typed in place of a number, the answer is that there is no such request."""
    opened(archive, clerk)
    with archive.reading() as session:
        with pytest.raises(NotFound):
            request_row(session, number)
        assert request_row(session, "q2026-1")["id"] == request_row(session, "1")["id"] == 1


def test_what_an_opening_refuses(archive: Archive, clerk: Actor) -> None:
    """No words, a day that has not come, a hold of no time: each is refused and leaves nothing behind."""
    for wrong in (
        {"summary": "  "},
        {"summary": "x", "received_on": date(2026, 3, 11)},
        {"summary": "x", "narrowing": Narrowing(sent_since=2, sent_until=2)},
        {"summary": "x", "involved": ArchiveInvolved.NO, "reason": "\n"},
    ):
        with pytest.raises(UsageError), archive.unit() as session:
            open_request(archive, session, clerk, **wrong)
    with archive.reading() as session:
        assert list_requests(archive, session, closed=True) == []


def test_roles(archive: Archive, clerk: Actor) -> None:
    """A reviewer may note but neither open nor close; a custodian nothing at all."""
    number = opened(archive, clerk)
    reviewer = Actor(clerk.id, "Rae", frozenset({Role.DEPARTMENT_REVIEWER}))
    custodian = Actor(clerk.id, "Kim", frozenset({Role.CUSTODIAN}))
    with archive.unit() as session:
        assert add_note(archive, session, reviewer, number.lower(), "seen") == number
        for actor in (reviewer, custodian):
            with pytest.raises(Refused):
                open_request(archive, session, actor, summary="x")
            with pytest.raises(Refused):
                close(archive, session, actor, number, "x")
            with pytest.raises(Refused):
                assign(archive, session, actor, number, "x")
        with pytest.raises(Refused):
            add_note(archive, session, custodian, number, "x")
        with pytest.raises(UsageError):
            add_note(archive, session, reviewer, number, " ")


def test_lists(archive: Archive, clerk: Actor) -> None:
    """Open requests with their date, oldest first; closed ones where asked; a closed one is named as closed."""
    for summary in ("one", "two", "three"):
        opened(archive, clerk, summary)
    with archive.unit() as session:
        assert close(archive, session, clerk, "2", "answered").number == "Q2026-2"
    with archive.reading() as session:
        assert [row["summary"] for row in list_requests(archive, session)] == ["one", "three"]
        every = list_requests(archive, session, closed=True)
        assert [(row["id"], row["state"]) for row in every] == [
            ("Q2026-1", "open"), ("Q2026-2", "closed"), ("Q2026-3", "open"),
        ]  # fmt: skip
        assert list(every[0]) == ["id", "kind", "state", "received", "date", "nature", "summary"]
        with pytest.raises(Refused, match="Q2026-2 is closed"):
            open_row(session, "Q2026-2")
