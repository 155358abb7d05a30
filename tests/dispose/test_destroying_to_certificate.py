"""From the approved list to the certificate: everything of the records goes, everything of the others stays."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from archiver.dispose import chunks, marks
from archiver.dispose.execution import execute
from archiver.index.drain import Indexer
from archiver.index.extract.extractor import Extractor
from archiver.index.opening import chosen, open_index
from archiver.vault.payloads import read_many
from schema.db.vault import payload
from schema.vocab import OwnerKind
from tests.fixtures.burials import PLACES, THAT_DAY, Burials, marked, word
from tests.fixtures.due_town import LONG_AGO
from tests.fixtures.replay import NOON, post

WAYS = ("sqlite-fts5", "sqlite-whoosh", "postgresql-fts5")


@pytest.fixture(params=WAYS)
def burials(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Burials]:
    """Makes a city on each database and engine, with records ready to be destroyed."""
    database, engine = request.param.split("-")

    def make(count: int, *, large: bool = False) -> Burials:
        url = request.getfixturevalue("new_postgres")() if database == "postgresql" else None
        return Burials(tmp_path, monkeypatch, engine=engine, database=url).ready(count, large=large)

    return make


def unsealed(town: Burials) -> bytes:
    """Everything of records that the archive can still open, as bytes."""
    with town.opened() as archive, archive.reading() as session:
        ids = list(session.execute(select(payload.c.id).where(payload.c.owner_kind == "record")).scalars())
        return b"\n".join(read_many(session, archive.vault, OwnerKind.RECORD, ids).values())


def asked(place: str, number: int) -> str:
    """The question that finds a record's word."""
    return f"thread:{word(place, number)}" if place == "thread" else word(place, number)


def certified(town: Burials, expect: int) -> str:
    """Execute to the certificate, over a rotation of the master key where the proof needs one."""
    said = town.run("dispose", "execute", "D1", "--expect-count", str(expect), "--json")
    assert said.code == 0, said.err
    if said.data["certificate"] is None:
        assert said.data["state"] == "destroyed" and "key rotate" in said.data["waits"]
        town.ok("key", "rotate")
        town.ok("dispose", "certificate", "D1")
    return str(town.rows("SELECT certificate FROM disposition")[0][0])


def test_half_of_sixty_records_leaves_no_residue(burials: Callable[..., Burials]) -> None:
    """None of the words of destroyed records is in any file, index or sealed content; all words of the others are."""
    town = burials(60)
    before = unsealed(town)
    assert all(word(place, 1).encode() in before.lower() for place in PLACES)
    assert certified(town, 30) == "C2026-1"
    gone, kept = range(1, 61, 2), range(2, 61, 2)
    assert town.destroyed() == list(gone) and town.indexed() == set(kept)
    opened = unsealed(town).lower()
    with town.opened() as archive:
        engine = open_index(archive)
        try:
            held = engine.has_words([word(place, one) for place in PLACES for one in range(1, 61)])
        finally:
            engine.close()
    assert held == {word(place, one) for place in PLACES for one in kept}
    assert not any(word(place, one).encode() in opened for place in PLACES for one in gone)
    assert all(word(place, one).encode() in opened for place in PLACES for one in kept)
    everything = [path.read_bytes().lower() for path in town.folder.rglob("*") if path.is_file()]
    assert not any(word(place, one).encode() in data for data in everything for place in PLACES for one in gone)
    for one in (2, 60):
        assert [town.found(asked(place, one)) for place in PLACES] == [[f"R{one}"]] * 5
    assert all(town.found(asked(place, 1)) == [] for place in PLACES)
    for table in ("owner_key", "payload", "derivation"):
        assert town.rows(f"SELECT count(*) FROM {table} WHERE owner_kind = 'batch'") == [(0,)], "the marks are gone too"
    assert town.ok("verify")["problems"] == []


def test_a_word_inside_a_longer_living_one_is_no_residue(burials: Callable[..., Burials]) -> None:
    """Marks: "service" of a destroyed record stands in "services" of a kept one, and "xxxx" in a longer row."""
    town = burials(2)
    town.items(
        [
            post("gone", "service xxxxxxxxxx include", at=LONG_AGO),
            post("kept", "services xxxxxxxx includes", at=NOON),
        ],
        source="second",
    )
    ids = [one for (one,) in town.rows("SELECT id FROM record ORDER BY id")]
    town.ok("dispose", "propose", "short")
    town.approve("D2")
    town.at("2026-03-12T12:00:00-05:00")
    town.ok("nightly")
    said = town.run("dispose", "execute", "D2", "--expect-count", "1", "--json")
    assert said.code == 0, said.err
    if said.data["certificate"] is None:
        town.ok("key", "rotate")
        town.ok("dispose", "certificate", "D2")
    proof = town.ok("dispose", "certificate", "D2")["certificate"]["proof"]
    assert proof["words"] == 0 and town.found("services") == [f"R{ids[-1]}"], "they are not counted as searched for"


def test_the_facts_keep_the_tombstone_only(burials: Callable[..., Burials]) -> None:
    """Match, mark, thread, Message-ID and parties of destroyed records go; tombstones name series and certificate."""
    town = burials(6)
    certified(town, 3)
    assert town.rows("SELECT count(*) FROM record WHERE destroyed_at IS NOT NULL AND (thread_id IS NOT NULL OR "
                     "message_key IS NOT NULL)") == [(0,)]  # fmt: skip
    assert town.rows("SELECT record_id FROM version WHERE match IS NOT NULL ORDER BY 1") == [(2,), (4,), (6,)]
    assert town.rows("SELECT DISTINCT record_id FROM record_party ORDER BY 1") == [(2,), (4,), (6,)]
    assert town.rows("SELECT count(*) FROM party") == [(4,)], "Public Works and three persons"
    assert town.rows("SELECT count(*) FROM thread") == [(3,)]
    stones = town.rows("SELECT t.record_id, t.certificate, s.key FROM tombstone t JOIN series s ON s.id = t.series_id")
    assert sorted(stones) == [(one, "C2026-1", "short") for one in (1, 3, 5)]
    assert town.rows("SELECT count(*) FROM extraction") == [(3,)]


def test_objects_go_with_their_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large attachments lie in files: those of destroyed records are removed, the others open as before."""
    town = Burials(tmp_path, monkeypatch).ready(6, large=True)
    folder = town.folder / "objects"
    before = sum(1 for path in folder.rglob("*") if path.is_file())
    certified(town, 3)
    assert sum(1 for path in folder.rglob("*") if path.is_file()) == before // 2
    assert town.found(word("inside", 4)) == ["R4"]


def test_nothing_happens_without_the_right_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dry run and a wrong --expect-count destroy nothing; the refusal names the number."""
    town = Burials(tmp_path, monkeypatch).ready(4)
    dry = town.ok("dispose", "execute", "D1")
    assert (dry["records"], dry["leaving"], dry["refusals"]) == (2, {}, [])
    assert dry["remaining"]["sources"][0]["records"] == 2
    said = town.run("dispose", "execute", "D1", "--expect-count", "3")
    assert said.code == 4 and "2 records of D1 would go, not 3" in said.err
    assert town.state() == "approved" and town.destroyed() == []


def test_what_refuses_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An open request that is not searched yet refuses the execution by its number, in the dry run too."""
    town = Burials(tmp_path, monkeypatch).ready(4)
    town.ok("request", "open", "--summary", "All about snow")
    assert "Q2026-1" in town.ok("dispose", "execute", "D1")["refusals"][0]["reason"]
    said = town.run("dispose", "execute", "D1", "--expect-count", "2")
    assert said.code == 4 and "Q2026-1" in said.err
    assert town.state() == "approved" and town.destroyed() == []


def test_a_clock_that_jumped_needs_a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused after a standstill of days; --clock-right with a reason lets it go on and stands in the log."""
    town = Burials(tmp_path, monkeypatch).ready(4)
    town.at("2026-03-20T12:00:00-05:00")
    assert town.run("dispose", "execute", "D1", "--expect-count", "2").code == 4
    said = town.run("dispose", "execute", "D1", "--expect-count", "2", "--clock-right", "Compared with time.gov.")
    assert said.code == 0, said.err
    assert town.rows("SELECT count(*) FROM audit_event WHERE act = 'dispose.clock_right'") == [(1,)]


def test_no_certificate_before_everything_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disposition that stopped after its first chunk gets none, from no command."""
    town = Burials(tmp_path, monkeypatch).ready(8)
    for name in ("SMALLEST", "FIRST", "LARGEST"):
        monkeypatch.setattr(chunks, name, 2)
    with town.opened() as archive:
        steps = iter(town.execute(archive, 4))
        assert [next(steps).done for _ in range(2)] == [0, 2]
        steps.close()  # type: ignore[attr-defined]  # it is a generator
    said = town.run("dispose", "certificate", "D1")
    assert said.code == 4 and "executing" in said.err
    assert town.rows("SELECT count(*) FROM certificate") == [(0,)] and town.destroyed() == [1, 3]


@pytest.mark.parametrize("packed", [False, True])
def test_residue_in_a_file_forbids_the_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    """A copy of a record's words anywhere below the archive, even compressed: exit 5 naming it; then it is mended."""
    town = Burials(tmp_path, monkeypatch).ready(8)
    stray = town.folder / "left-behind"
    with town.opened() as archive:
        steps = iter(town.execute(archive, 4))
        while next(steps).done < 4:
            pass
        text = f"copied by hand: {word('body', 3).upper()}".encode()
        stray.write_bytes(gzip.compress(text) if packed else text)
        steps.close()  # type: ignore[attr-defined]  # it is a generator
    said = town.run("dispose", "execute", "D1", "--expect-count", "4")
    assert said.code == 5 and "left-behind" in said.err and "no certificate" in said.err
    assert word("body", 3) not in said.err.lower(), "the message itself would be residue"
    assert town.state() == "destroyed" and town.rows("SELECT count(*) FROM certificate") == [(0,)]
    stray.unlink()
    town.ok("dispose", "certificate", "D1")
    assert town.state() == "certified"


def test_words_that_arrive_again_are_no_residue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A word of the batch that a new record or a person's note brings back is no mark any more; the others count."""
    town = Burials(tmp_path, monkeypatch).ready(8)
    with town.opened() as archive:
        steps = iter(town.execute(archive, 4))
        next(steps)
        steps.close()  # type: ignore[attr-defined]  # it is a generator
    town.items([marked(3, due=False)], source="other")
    matter = f"In re {word('body', 5)}"
    town.ok("hold", "place", "--kind", "litigation", "--matter", matter, "--reason", "x", "--records", "R2")
    town.ok("dispose", "execute", "D1", "--expect-count", "4")
    proof = town.rows("SELECT proof FROM disposition")[0][0]
    assert '"words_shared": 6' in proof and town.state() == "certified"


def test_documents_read_before_the_destruction_do_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An indexer that had loaded the records writes them after they are destroyed: they stay out of the index."""
    town = Burials(tmp_path, monkeypatch).ready(8)
    with town.opened() as archive, Extractor(workers=1, ocr=False) as extractor:
        engine = open_index(archive)
        indexer = Indexer(archive, engine, extractor, chosen(archive))
        documents = indexer.documents([1, 2, 3, 4])
        assert len(documents) == 4
        for step in town.execute(archive, 4):
            if step.done == 4:
                indexer.add(documents, 1)
        indexer.add(documents, 1)
        engine.close()
    assert town.indexed() == {2, 4, 6, 8} and town.state() == "certified"
    assert town.files_with(word("thread", 1)) == []


def test_text_found_in_a_destroyed_record_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a sandbox read out of an attachment while its record was destroyed is thrown away."""
    from archiver.database import IdPool
    from archiver.index.loading import load
    from archiver.index.texts import find_texts, only_living, write_texts

    town = Burials(tmp_path, monkeypatch).ready(4)
    town.act("DELETE FROM extraction")
    with town.opened() as archive, Extractor(workers=1, ocr=False) as extractor:
        with archive.reading() as session:
            loaded = load(session, archive.vault, [1, 2])
            pairs = [(component, "a.txt") for one in loaded for component in one.attachments]
            records = {one.facts["id"]: one.facts["source_id"] for one in loaded}
            found = find_texts(session, archive.vault, IdPool(archive.database), extractor, records, pairs)
        for _ in execute(archive, town.actor(archive), 1, 2):
            pass
        with archive.unit() as session:
            write_texts(session, only_living(session, found))
    assert town.rows("SELECT record_id FROM extraction") == [(2,)]
    assert town.rows("SELECT count(*) FROM payload WHERE owner_kind = 'record' AND owner_id = 1") == [(0,)]


def test_marks_are_exclusive_and_few_letters_begin_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A word that a kept record or the city's own names have is no mark; keys are of the batch only."""
    town = Burials(tmp_path, monkeypatch)
    town.ok("account", "add", word("body", 1), "--platform", "feed", "--ownership", "city")
    town.ready(6)
    with town.opened() as archive:
        engine = open_index(archive)
        found = marks.choose(archive, engine, 1)
        engine.close()
    assert set(found.words) == {word(place, one) for place in PLACES for one in (1, 3, 5)} - {word("body", 1)}
    keys = {bytes(key)[:16] for (key,) in town.rows("SELECT wrapped FROM owner_key WHERE owner_kind = 'record' "
                                                   "AND owner_id IN (1, 3, 5)")}  # fmt: skip
    assert set(found.keys) == keys
    assert town.rows("SELECT count(*) FROM disposition WHERE state = 'approved'") == [(1,)]


def test_the_day_is_the_citys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the cooling-off is over nothing goes."""
    town = Burials(tmp_path, monkeypatch).ready(4)
    town.at("2026-03-10T23:00:00-05:00")
    assert town.run("dispose", "execute", "D1", "--expect-count", "2").code == 4
    town.at(THAT_DAY)
    assert town.run("dispose", "execute", "D1", "--expect-count", "2").code == 0
