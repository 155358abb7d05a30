"""Proving a destruction (decision 21): index, facts, and the bytes of every file hold nothing of it any more."""

from collections.abc import Iterator
from dataclasses import dataclass
from time import sleep
from typing import Any

from sqlalchemy import String, Text, func, select
from sqlalchemy.orm import Session

from archiver.archive import Archive
from archiver.clock import monotonic
from archiver.database import compact
from archiver.dispose import marks
from archiver.dispose.batches import row_of, set_state
from archiver.dispose.chunks import clear_pending
from archiver.dispose.notes import note, notes
from archiver.dispose.residue import Needles, Searched, every_file, facts_files, search_steps
from archiver.errors import Locked, VerificationFailed
from archiver.index.engines.contract import Engine
from archiver.index.opening import index_alone, open_index
from archiver.index.rebuild import remove_left, work_off
from archiver.vault.rotate import has_older
from schema.db.dispose import disposition_record
from schema.db.index import extraction
from schema.db.record import record_party, tombstone, version
from schema.db.tables import metadata
from schema.db.vault import derivation, owner_key, payload
from schema.disposal_vocab import DispositionState, ProofLevel
from schema.vocab import OwnerKind

_CHUNK = 1_000
_ATTEMPTS = 50


@dataclass(frozen=True, slots=True)
class Step:
    """Progress of a proof; waits: what a person must do before it can be complete."""

    stage: str
    done: int
    total: int | None = None
    unit: str = "records"
    waits: str | None = None


def prove(archive: Archive, disposition_id: int) -> Iterator[Step]:
    """Prove that the records of a destroyed disposition are gone; ends proven, or waiting for `key rotate`.

    Level bytes where facts and index are files of ours; else keys, which counts once the master key was rotated.
    Raises VerificationFailed with what was found where: then there is no certificate.
    """
    began = monotonic()
    clear_pending(archive, disposition_id)
    remove_left(archive)  # a killed rebuild leaves plain text of records behind
    work_off(archive)
    found: dict[str, Any] = {}
    failures: list[str] = []
    with archive.reading() as session:
        row = row_of(session, disposition_id)
        found_marks = marks.kept(archive, session, row["marks_payload_id"])
        kept = found_marks or marks.Marks((), ())
        keys = marks.gone(session, disposition_id, kept.keys)
    if found_marks is None:
        failures.append("the words and keys to search for, kept when it began, can no longer be read")
    words = kept.words
    with index_alone(archive):
        engine = open_index(archive)
        try:
            for done in _unindexed(archive, engine, disposition_id):
                yield Step("scrubbing the index", done)
            words, shared = _index_words(archive, engine, disposition_id, words, failures)
            found |= {"index": engine.name, "words": len(words), "words_shared": shared, "keys": len(keys)}
        finally:
            engine.close()
    with archive.reading() as session:
        found["records"] = _count(session, disposition_id)
        failures += _left_in_facts(session, disposition_id)
    _empty_log(archive)
    searched = Searched()
    needles = Needles(words, keys)
    for searched in search_steps(every_file(archive), needles):
        yield Step("searching every file", searched.size, unit="bytes")
    residue, explained = _explained(archive, searched)
    failures += residue
    found["words"], found["words_shared"] = found["words"] - explained, found["words_shared"] + explained
    found |= {"files": searched.files, "bytes": searched.size, "seconds": round(monotonic() - began, 1)}
    yield _verdict(archive, disposition_id, found, failures)


def _unindexed(archive: Archive, engine: Engine, disposition_id: int) -> Iterator[int]:
    """Take out of the index what came back since (a batch that was read before), then rewrite its files."""
    done = 0
    for ids in _destroyed(archive, disposition_id):
        if back := marks.present(engine, ids):
            engine.write((), back, engine.watermark())
        done += len(ids)
        yield done
    engine.scrub()


def _destroyed(archive: Archive, disposition_id: int) -> Iterator[list[int]]:
    """The destroyed records of a disposition, a chunk at a time."""
    after = 0
    while True:
        with archive.reading() as session:
            ids = list(
                session.execute(
                    select(disposition_record.c.record_id)
                    .where(
                        disposition_record.c.disposition_id == disposition_id,
                        disposition_record.c.destroyed_at.is_not(None),
                        disposition_record.c.record_id > after,
                    )
                    .order_by(disposition_record.c.record_id)
                    .limit(_CHUNK)
                ).scalars()
            )
        if not ids:
            return
        yield ids
        after = ids[-1]


def _index_words(
    archive: Archive, engine: Engine, disposition_id: int, words: tuple[str, ...], failures: list[str]
) -> tuple[tuple[str, ...], int]:
    """The words that are still marks, and how many are not, because living records have them by now."""
    back = sum(len(marks.present(engine, ids)) for ids in _destroyed(archive, disposition_id))
    if back:
        failures.append(f"the index still has {back} destroyed records")
    shared = marks.still_shared(engine, words)
    alone = tuple(one for one in words if one not in shared)
    if left := engine.has_words(alone):
        failures.append(f"the dictionary of the index still has {len(left)} words of destroyed records")
    return alone, len(shared)


def _count(session: Session, disposition_id: int) -> int:
    gone = disposition_record.c.destroyed_at.is_not(None)
    mine = select(func.count()).select_from(disposition_record)
    return int(session.execute(mine.where(disposition_record.c.disposition_id == disposition_id, gone)).scalar_one())


def _left_in_facts(session: Session, disposition_id: int) -> Iterator[str]:
    """What the facts still have of destroyed records, by table."""
    gone = select(disposition_record.c.record_id).where(
        disposition_record.c.disposition_id == disposition_id, disposition_record.c.destroyed_at.is_not(None)
    )
    batch = gone.subquery("gone")
    for table in (owner_key, payload, derivation):
        mine = (table.c.owner_kind == OwnerKind.RECORD.value) & (table.c.owner_id == batch.c.record_id)
        count = session.execute(select(func.count()).select_from(batch.join(table, mine))).scalar_one()
        if count:
            yield f"{count} rows of {table.name} of destroyed records are left"
    for table in (record_party, extraction):
        same = table.c.record_id == batch.c.record_id
        count = session.execute(select(func.count()).select_from(batch.join(table, same))).scalar_one()
        if count:
            yield f"{count} rows of {table.name} of destroyed records are left"
    comparable = (version.c.record_id == batch.c.record_id) & version.c.match.is_not(None)
    if count := session.execute(select(func.count()).select_from(batch.join(version, comparable))).scalar_one():
        yield f"{count} versions of destroyed records can still be compared with others"
    buried = session.execute(
        select(func.count()).select_from(batch.join(tombstone, tombstone.c.record_id == batch.c.record_id))
    ).scalar_one()
    if lost := session.execute(select(func.count()).select_from(batch)).scalar_one() - buried:
        yield f"{lost} destroyed records have no tombstone"


def _empty_log(archive: Archive) -> None:
    """Empty SQLite's log, whose older pages still hold what was there.

    Raises Locked while a reader needs it, DiskTrouble where the disk refuses: then there is no proof yet.
    """
    if not archive.database.sqlite:
        return
    log = facts_files(archive)[1]
    for _ in range(_ATTEMPTS):
        with archive.reading() as session:
            if trouble := compact(session):
                raise trouble
        if not log.exists() or not log.stat().st_size:
            return
        sleep(0.1)
    raise Locked(holder="a reader of archive.db, or a busy writer")


def _explained(archive: Archive, searched: Searched) -> tuple[list[str], int]:
    """What was found in files and is residue; how many words were found because living records or facts have them."""
    if not searched.hits:
        return [], 0
    words = [one for one in searched.hits if isinstance(one, str)]
    engine = open_index(archive)
    try:
        known = marks.part_of_living(engine, words)
    finally:
        engine.close()
    with archive.reading() as session:
        known |= {word for word in words if word not in known and _is_readable_fact(session, word)}
    places: dict[str, list[int]] = {}
    for needle, place in searched.hits.items():
        if isinstance(needle, bytes):
            places.setdefault(place, [0, 0])[1] += 1
        elif needle not in known:
            places.setdefault(place, [0, 0])[0] += 1
    residue = [
        f"{place} still has {found} words and {keys} keys of destroyed records"
        for place, (found, keys) in places.items()
    ]
    return residue, len(known)


_NAMING = (
    *("account", "body", "city_edition", "classification_rule", "custodian", "device", "hold", "person"),
    *("retention_schedule", "series", "source", "transfer", "lease"),
)
"""Tables whose readable columns are names that people gave; a record's word elsewhere in the facts has leaked there."""


def _is_readable_fact(session: Session, word: str) -> bool:
    """Whether a word is also a name in the facts (of a person, a series, a matter); asked only of what was found."""
    for name in _NAMING:
        for column in metadata.tables[name].columns:
            if isinstance(column.type, (String, Text)):
                found = select(column).where(func.lower(column).contains(word.lower(), autoescape=True)).limit(1)
                if session.execute(found).first() is not None:
                    return True
    return False


def _verdict(archive: Archive, disposition_id: int, found: dict[str, Any], failures: list[str]) -> Step:
    level = ProofLevel.BYTES if archive.database.sqlite else ProofLevel.KEYS
    with archive.unit() as session:
        now = archive.now()
        proof = {**found, "at": now, "level": level.value, "hits": len(failures)}
        at_destruction = notes(session, disposition_id).get("master", archive.vault.master_id)
        rotated = archive.vault.master_id > at_destruction and not has_older(session, archive.vault.master_id)
        proof["rotated"] = rotated
        note(session, disposition_id, proof=proof)
        complete = not failures and (rotated or level is ProofLevel.BYTES)
        if complete:
            set_state(session, disposition_id, DispositionState.PROVEN, proven_at=now, level=level.value)
        outcome = "failed" if failures else "ok" if complete else "waiting"
        actor, facts = row_of(session, disposition_id)["executed_by"], {"proof": proof}
        act, kind = "dispose.prove", "disposition"
        archive.record_act(session, act, kind, disposition_id, actor_id=actor, outcome=outcome, facts=facts)
    if failures:
        raise VerificationFailed(
            problem=f"D{disposition_id} is destroyed, but not provably: {'; '.join(failures)}; no certificate"
        )
    waits = None
    if not complete:
        waits = (
            "the facts lie in a database whose bytes cannot be searched from here: rotate the master key with "
            f"`archiver key rotate`, then run `archiver dispose certificate D{disposition_id}`"
        )
    return Step("proven" if complete else "waiting", found["records"], found["records"], waits=waits)
