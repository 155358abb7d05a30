"""Erasing takes key, payloads, derivations and objects of a record, and nothing of one that is held or not approved."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from archiver.errors import Refused
from archiver.vault.erase import erase, remove_objects
from connectors.contract import Page
from schema.item import Attachment
from schema.vocab import OwnerKind
from tests.fixtures.city import Town
from tests.fixtures.disposals import executing
from tests.fixtures.replay import post

COUNTED = "SELECT (SELECT count(*) FROM {0} WHERE owner_kind = 'record' AND owner_id = 1)"


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """Two records: the first has a text attachment and one that is an object."""
    made = Town(tmp_path, monkeypatch)
    files = (
        Attachment("note.txt", "text/plain", b"read me"),
        Attachment("large.bin", "application/octet-stream", b"x" * 100_000),
    )
    made.source("web", Page(items=(post("a", "first", attachments=files), post("b", "second"))))
    made.collect("web")
    return made


def left(town: Town) -> list[int]:
    """How many keys, payloads and derivations the first record still has."""
    return [town.rows(COUNTED.format(table))[0][0] for table in ("owner_key", "payload", "derivation")]


def test_an_approved_record_is_erased_whole(town: Town) -> None:
    """Rows and objects of the record go, its neighbour stays readable, and the record row remains."""
    assert all(left(town))
    with town.opened() as archive:
        with archive.unit() as session:
            executing(session, [1])
            names = erase(session, OwnerKind.RECORD, [1])
        stored = [archive.vault.objects.path(name) for name in names]
        assert len(stored) == 2, "the large attachment, and the text that was read out of it"
        assert all(path.exists() for path in stored)
        with archive.reading() as session:
            remove_objects(session, archive.vault.objects, names)
            remove_objects(session, archive.vault.objects, names)
        assert not any(path.exists() for path in stored)
    assert left(town) == [0, 0, 0]
    assert town.ok("record", "show", "R2")["text"] == "second"
    assert town.rows("SELECT count(*) FROM record") == [(2,)]


def test_a_record_without_approval_is_not_erased(town: Town) -> None:
    """Without an executing batch the database refuses, and nothing is gone."""
    before = left(town)
    with town.opened() as archive, pytest.raises(IntegrityError, match="guard"), archive.unit() as session:
        erase(session, OwnerKind.RECORD, [1])
    assert left(town) == before


def test_a_held_record_is_not_erased(town: Town) -> None:
    """A hold placed before wins over an executing batch, also for the records erased with it."""
    town.ok("hold", "place", "--kind", "litigation", "--matter", "m", "--reason", "r", "--records", "R1")
    before = left(town)
    with town.opened() as archive:
        with archive.unit() as session:
            executing(session, [1, 2])
        with pytest.raises(IntegrityError, match="guard"), archive.unit() as session:
            erase(session, OwnerKind.RECORD, [2, 1])
    assert left(town) == before
    assert town.ok("record", "show", "R2")["text"] == "second"


def test_an_object_that_is_still_named_is_not_removed(town: Town) -> None:
    """Whoever names objects by themselves is refused while a payload has one of them; none is removed."""
    with town.opened() as archive, archive.reading() as session:
        names = list(session.execute(text("SELECT object_name FROM payload WHERE object_name IS NOT NULL")).scalars())
        with pytest.raises(Refused, match="still belongs"):
            remove_objects(session, archive.vault.objects, ["0" * 32, *names])
        assert all(archive.vault.objects.path(name).exists() for name in names)
