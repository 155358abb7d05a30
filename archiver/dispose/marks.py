"""Marks: what only the records of a batch have, to be searched for once they are destroyed (decision 21)."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archiver.archive import Archive
from archiver.clock import monotonic
from archiver.database import reserve
from archiver.dispose.batches import waiting
from archiver.dispose.residue import Needles, facts_and_settings, search_files
from archiver.index.engines.contract import Engine
from archiver.index.query import Or, RecordIs, Term, Wildcard, Zone
from archiver.tokens import words as tokens_of
from archiver.vault.erase import erase
from archiver.vault.payloads import read_text, seal_content, write_rows
from schema.db.dispose import disposition_record
from schema.db.vault import owner_key
from schema.vocab import OwnerKind

WORDS = KEYS = 64
KEY_PREFIX = 16
"""Bytes of a wrapped key that are searched for: its nonce and the first four of the sealed key."""

_SAMPLE = 300
_KEY_SAMPLE = 16_384
_SHORTEST, _LONGEST = 7, 40
"""Characters of a word: shorter ones turn up by chance in gigabytes of sealed bytes."""
_EACH = 8
_SECONDS = 5.0
_COMMON = 1_000
_FIRST_ASKED = 10
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Marks:
    """Words of the index that only the batch has, and the beginnings of wrapped keys of a sample of its records."""

    words: tuple[str, ...]
    keys: tuple[bytes, ...]

    def as_text(self) -> str:
        """As they are sealed."""
        return json.dumps([self.words, [one.hex() for one in self.keys]])

    @classmethod
    def from_text(cls, text: str) -> "Marks":
        """As they were sealed."""
        words, keys = json.loads(text)
        return cls(tuple(words), tuple(bytes.fromhex(one) for one in keys))


def any_zone(word: str) -> Or:
    """The question for a word wherever it stands."""
    return Or(tuple(Term(word, stem=False, zone=zone) for zone in Zone))


def _inside(word: str) -> Or:
    """The question for a word as a whole or inside a longer one: "service" stands in "services", too."""
    return Or(tuple(Wildcard(f"*{word}*", zone) for zone in Zone))


def _repeats(word: str) -> bool:
    """Whether a word repeats itself, as "xxxxxxxx" does: two shorter words of its kind in a row look like it."""
    return any(word[size:] == word[:-size] for size in range(1, len(word) // 2 + 1))


def choose(archive: Archive, engine: Engine, disposition_id: int) -> Marks:
    """Marks of a batch that is about to go; a batch of common words only has none, which the proof then says.

    Words that also stand in readable facts (names of sources, titles of series) or in config.toml are no marks; what
    stands in any other file, such as a copy that somebody left there, is to be found by the proof.
    """
    with archive.reading() as session:
        keys = _keys(session, disposition_id)
        sample = _spaced(session, disposition_id, _SAMPLE)
    found = _exclusive(archive, engine, disposition_id, _candidates(engine, sample))
    few = _few_beginnings(found, WORDS + WORDS // 2)
    elsewhere = search_files(facts_and_settings(archive), Needles(few, ())).hits
    return Marks(_few_beginnings([one for one in few if one not in elsewhere], WORDS), keys)


def _spaced(session: Session, disposition_id: int, count: int) -> list[int]:
    """Records of a batch at even distances."""
    place = func.row_number().over(order_by=disposition_record.c.record_id)
    mine = select(disposition_record.c.record_id, place.label("place")).where(waiting(disposition_id)).subquery()
    total = session.execute(select(func.count()).select_from(mine)).scalar_one()
    step = max(1, total // count)
    chosen = select(mine.c.record_id).where((mine.c.place - 1) % step == 0).order_by(mine.c.record_id).limit(count)
    return list(session.execute(chosen).scalars())


def _keys(session: Session, disposition_id: int) -> tuple[bytes, ...]:
    """Beginnings of wrapped keys; those that share their first byte are found in one pass over a file."""
    sample = _spaced(session, disposition_id, _KEY_SAMPLE)
    found: set[bytes] = set()
    for start in range(0, len(sample), _CHUNK):
        rows = session.execute(
            select(owner_key.c.wrapped).where(
                owner_key.c.owner_kind == OwnerKind.RECORD.value,
                owner_key.c.owner_id.in_(sample[start : start + _CHUNK]),
            )
        ).scalars()
        found.update(bytes(one)[:KEY_PREFIX] for one in rows)
    return _few_beginnings(sorted(found), KEYS)


def _few_beginnings(found: Sequence, count: int) -> tuple:  # type: ignore[type-arg]  # of str or of bytes, as given
    """Up to `count` of them with as few different first characters as possible."""
    groups = defaultdict(list)
    for one in found:
        groups[one[0]].append(one)
    ordered = sorted(groups.values(), key=len, reverse=True)
    return tuple([one for group in ordered for one in group][:count])


def _candidates(engine: Engine, sample: Sequence[int]) -> Iterator[str]:
    """The longest words of each sampled record, first one of each, then the next."""
    columns: list[list[str]] = []
    for start in range(0, len(sample), 50):
        for document in engine.documents(sample[start : start + 50]):
            texts = [*document.segments(Zone.TEXT), *document.segments(Zone.THREAD)]
            fitting = {word for text in texts for word in tokens_of(text) if _fits(word)}
            columns.append(sorted(fitting, key=lambda word: (-len(word), word))[:_EACH])
    seen: set[str] = set()
    for row in range(_EACH):
        for column in columns:
            if row < len(column) and column[row] not in seen:
                seen.add(column[row])
                yield column[row]


def _fits(word: str) -> bool:
    return _SHORTEST <= len(word) <= _LONGEST and not _repeats(word)


def _exclusive(archive: Archive, engine: Engine, disposition_id: int, words: Iterable[str]) -> tuple[str, ...]:
    """Words that only records of the batch have, as long as it is worth looking."""
    until = monotonic() + _SECONDS
    found: list[str] = []
    for word in words:
        if len(found) >= 3 * WORDS or monotonic() > until:
            break
        node = any_zone(word)
        if 0 < engine.count(node) <= _COMMON and _all_mine(archive, disposition_id, list(engine.ids(node))):
            found.append(word)
    return tuple(found)


def _all_mine(archive: Archive, disposition_id: int, ids: Sequence[int]) -> bool:
    """Whether records all belong to a batch; a few are asked first, since most words fail there."""
    start, step = 0, _FIRST_ASKED
    with archive.reading() as session:
        while start < len(ids):
            chunk = ids[start : start + step]
            mine = select(func.count()).select_from(disposition_record)
            mine = mine.where(waiting(disposition_id), disposition_record.c.record_id.in_(chunk))
            if session.execute(mine).scalar_one() < len(chunk):
                return False
            start, step = start + step, _CHUNK
    return True


def keep(archive: Archive, session: Session, disposition_id: int, marks: Marks) -> int:
    """Seal marks under the batch's own key; returns the payload's id."""
    owner = archive.vault.add_owner(session, OwnerKind.BATCH, disposition_id)
    payload_id = reserve(session, "payload", 1)
    write_rows(session, [seal_content(archive.vault, owner, payload_id, marks.as_text().encode())])
    return payload_id


def kept(archive: Archive, session: Session, payload_id: int | None) -> Marks | None:
    """The marks as they were sealed, None where there are none."""
    text = read_text(session, archive.vault, payload_id)
    return None if text is None else Marks.from_text(text)


def forget(session: Session, disposition_id: int) -> None:
    """Destroy the marks: they are words of destroyed records."""
    erase(session, OwnerKind.BATCH, [disposition_id])


def gone(session: Session, disposition_id: int, keys: Sequence[bytes]) -> tuple[bytes, ...]:
    """Those beginnings of keys whose records did not leave the batch after they were chosen."""
    rows = session.execute(
        select(owner_key.c.wrapped)
        .join(disposition_record, disposition_record.c.record_id == owner_key.c.owner_id)
        .where(
            owner_key.c.owner_kind == OwnerKind.RECORD.value,
            disposition_record.c.disposition_id == disposition_id,
            disposition_record.c.left_at.is_not(None),
        )
        .execution_options(yield_per=5_000)
    ).scalars()
    living = {bytes(one)[:KEY_PREFIX] for one in rows}
    return tuple(one for one in keys if one not in living)


def still_shared(engine: Engine, words: Iterable[str]) -> set[str]:
    """Words that living records have by now: those that arrived since, or left the batch; no word that repeats itself
    can be told from theirs."""
    return {word for word in words if _repeats(word) or engine.count(any_zone(word))}


def part_of_living(engine: Engine, words: Iterable[str]) -> set[str]:
    """Words that stand in living records, as they are or inside longer words; asked only of what was found."""
    return {word for word in words if engine.count(_inside(word))}


def present(engine: Engine, ids: Sequence[int]) -> list[int]:
    """Those records that the index still has."""
    return list(engine.ids(RecordIs(tuple(ids))))
