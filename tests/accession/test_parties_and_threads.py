"""Parties and threads: one person is one party across sources, a thread is one conversation of one source."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.accession.normalise import party_key, phone
from archiver.accession.prepare import Origin, Preparer
from archiver.accession.write import write
from archiver.collect import captures
from archiver.database import IdPool
from connectors.contract import Page
from schema.item import Blob, Party
from schema.vocab import AddressKind, PartyRole
from tests.fixtures.city import Town
from tests.fixtures.replay import HOUR, NOON, post


def _party(address: str, kind: AddressKind = AddressKind.PHONE, role: PartyRole = PartyRole.AUTHOR) -> Party:
    return Party(role, address, kind)


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("(612) 555-0123", "+16125550123"),
        ("612.555.0123", "+16125550123"),
        ("+1 612 555 0123", "+16125550123"),
        ("1-612-555-0123", "+16125550123"),
        ("+44 20 7946 0958", "+442079460958"),
        ("611", "611"),
        ("88 788", "88788"),
        ("BANKALERT", "bankalert"),
    ],
)
def test_telephone_numbers_have_one_form(written: str, form: str) -> None:
    """E.164 where it is a number of the city's country or an international one; short codes and names stay."""
    assert phone(written, "US") == form


@given(st.text(max_size=20), st.sampled_from(AddressKind))
def test_any_address_has_a_form_and_case_does_not_matter(address: str, kind: AddressKind) -> None:
    """Nothing that a source writes stops accession; ASCII case and surrounding spaces do not make another party."""
    key = party_key(_party(address, kind), "US")
    assert key.startswith(f"{kind.value}:")
    if address.isascii() and kind is not AddressKind.PHONE:
        assert party_key(_party(f" {address.upper()} ", kind), "US") == party_key(
            _party(f" {address.lower()}", kind), "US"
        )


def test_the_same_person_in_two_sources_is_one_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number written three ways in two phones' backups is one party of three records."""
    town = Town(tmp_path, monkeypatch)
    first = (post("1", parties=(_party("612-555-0123"),)), post("2", parties=(_party("+16125550123"),)))
    town.source("one", Page(items=first))
    town.source(
        "two",
        Page(
            items=(
                post(
                    "1", parties=(_party("(612) 555 0123"), _party("Pat@City.example", AddressKind.EMAIL, PartyRole.TO))
                ),
            )
        ),
    )
    assert town.run("collect", "--all").code == 0
    assert town.rows("SELECT count(*) FROM party WHERE kind = 'phone'") == [(1,)]
    rows = town.rows(
        "SELECT p.kind, count(*) FROM record_party rp JOIN party p ON p.id = rp.party_id GROUP BY 1 ORDER BY 1"
    )
    assert rows == [("email", 1), ("phone", 3)]


def test_a_party_that_is_named_twice_in_one_item_is_linked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To and Cc, or two spellings of one number, are one link."""
    town = Town(tmp_path, monkeypatch)
    town.source(
        "one", Page(items=(post("1", parties=(_party("612-555-0123"), _party("+1 612 555 0123", role=PartyRole.TO))),))
    )
    assert town.collect("one")["new_records"] == 1
    assert town.rows("SELECT role FROM record_party") == [("author",)]


def test_no_address_is_readable_in_the_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Facts hold keyed digests of addresses and ids; the words are in the vault, sealed, and in the index only."""
    town = Town(tmp_path, monkeypatch)
    town.source(
        "one",
        Page(
            items=(
                post(
                    "zqnativezq",
                    "zqtextzq",
                    thread_id="zqthreadzq",
                    parties=(_party("zqwho@x.example", AddressKind.EMAIL),),
                ),
            )
        ),
    )
    town.collect("one")
    for marker in ("zqnativezq", "zqtextzq", "zqthreadzq", "zqwho"):
        assert not [one for one in town.files_with(marker) if one.startswith("archive.db")], marker
    assert town.files_with("zqtextzq"), "the index holds the text"


def test_a_thread_is_shown_in_order_with_dates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One conversation in order of time, undated ones last; another source's thread of that id is another."""
    town = Town(tmp_path, monkeypatch)
    items = (
        post("3", "third", at=NOON + 2 * HOUR, thread_id="t"),
        post("1", "first", at=NOON, thread_id="t"),
        post("4", "undated", at=None, thread_id="t"),
        post("2", "second", at=NOON + HOUR, thread_id="t"),
        post("5", "alone", thread_id=None),
    )
    town.source("one", Page(items=items))
    town.source("two", Page(items=(post("1", "elsewhere", thread_id="t"),)))
    town.run("collect", "--all")
    shown = town.ok("record", "show", "R1", "--thread")
    assert [one["text"] for one in shown["records"]] == ["first", "second", "third", "undated"]
    said = town.run("record", "show", "R1", "--thread").out
    assert (
        said.index("2026-03-03 12:00:00 -0600") < said.index("2026-03-03 13:00:00 -0600") < said.index("time unknown")
    )
    assert [one["text"] for one in town.ok("record", "show", "R5", "--thread")["records"]] == ["alone"]
    assert town.rows("SELECT count(*) FROM thread") == [(2,)]


def test_two_runs_that_meet_one_new_person_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sources are collected at the same time and both meet a new number: both batches commit, one party stays."""
    town = Town(tmp_path, monkeypatch)
    town.source("one")
    town.source("two")

    def nothing_spooled(_blob: Blob) -> None:
        raise AssertionError

    with town.opened() as archive:
        prepared, makers = [], []
        for source in (1, 2):
            with archive.unit() as session:
                capture = captures.begin(session, source, archive.now(), "test")
            maker = Preparer(
                archive.vault, IdPool(archive.database), Origin(source, capture, archive.now()), nothing_spooled
            )  # type: ignore[arg-type]  # never called
            items = (
                post("1", "x", parties=(_party("612-555-0123"), _party(f"a{source}@x.example", AddressKind.EMAIL))),
            )
            with archive.reading() as session:
                prepared.append((maker.prepare(session, items), Origin(source, capture, archive.now())))
            makers.append(maker)
        for batch, origin in prepared:
            with archive.unit() as session:
                write(session, batch, origin)
        makers[1].learn(prepared[1][0])
        with archive.reading() as session:
            again = makers[1].prepare(session, [post("2", "y", parties=(_party("+16125550123"),))])
        with archive.unit() as session:
            write(session, again, prepared[1][1])
    assert town.rows("SELECT count(*) FROM party") == [(3,)]
    assert town.rows("SELECT count(*) FROM record_party WHERE party_id NOT IN (SELECT id FROM party)") == [(0,)]
    assert town.rows(
        "SELECT count(*) FROM record_party rp JOIN party p ON p.id = rp.party_id WHERE p.kind = 'phone'"
    ) == [(3,)]
