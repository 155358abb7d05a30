"""Holds that ask a question (decision 18): asking it when they are placed, and again of all that changed since.

Placing is committed first and stops every destruction; then the index catches up, the question is asked, members join
in batches, and only then is the hold acknowledged.  What a crash leaves half placed goes on with `resume`.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from sqlalchemy import func, select, tuple_

from archiver.access import Actor
from archiver.archive import Archive
from archiver.collect.leases import leased
from archiver.errors import ArchiverError, UsageError
from archiver.index.engines.contract import Engine
from archiver.index.opening import open_index
from archiver.index.query import And, Field, FieldName, Node, Not, Or, RecordIs
from archiver.retain import families, placing
from archiver.retain.holds import check_kind, join
from archiver.retain.placing import Horizon, Placed, Question
from archiver.search.answer import catch_up
from archiver.search.coverage import living_records, waiting_records
from archiver.search.parse import parse
from schema.db.index import outbox
from schema.db.record import record
from schema.vocab import HoldKind

BATCH = 1_000
"""Records that join a hold in one transaction."""
ASKED = 5_000
"""Changed records of which a question is asked at a time."""

_CHANGING = frozenset({FieldName.SERIES, FieldName.LABEL, FieldName.CLASS, FieldName.IS, FieldName.HAS})
"""Facts that a person or this program changes without the record changing."""

_One = TypeVar("_One")


class IndexBehind(ArchiverError):
    """The search index does not have everything yet ({what}), so a question would miss records."""

    code, exit_code = "index_behind", 1
    hint = "See `archiver index status`; once it is complete, {then}."


def check_standing(node: Node) -> None:
    """Refuse what a standing question may not ask for; raises UsageError."""
    match node:
        case Field(name) if name in _CHANGING:
            raise UsageError(
                problem=f"a standing hold cannot ask for {name.value}: since that changes without the record changing; "
                "use words, people, dates and fields of the source, or leave --standing out"
            )
        case And(parts) | Or(parts):
            for part in parts:
                check_standing(part)
        case Not(part):
            check_standing(part)


def place(
    archive: Archive,
    actor: Actor,
    *,
    kind: HoldKind,
    matter: str,
    reason: str,
    query: str,
    standing: bool = False,
    families: bool = False,
) -> Placed:
    """Hold what a question finds; standing: and whatever it will find.  In force, and only then returned.

    Raises QueryError, UsageError, Refused, IndexBehind; what fails after the hold was written leaves it `placing`.
    """
    check_kind(kind)
    node = parse(query, timezone=archive.city.timezone, now_ms=archive.now()).node
    if standing:
        check_standing(node)
    _index(archive, "place the hold")
    if not standing and not _finds(archive, node):
        raise UsageError(problem="the search finds no record; nothing was held")
    with archive.unit() as session:
        new = placing.start(
            archive,
            session,
            actor,
            kind=kind,
            matter=matter,
            reason=reason,
            query=query,
            standing=standing,
            families=families,
        )
    return resume(archive, actor, new)


def resume(archive: Archive, actor: Actor, hold_id: int) -> Placed:
    """Bring a hold that is `placing` into force; raises NotFound, Refused, Locked, IndexBehind."""
    with leased(archive, f"hold:{hold_id}"):
        with archive.reading() as session:
            question = placing.unfinished(archive, session, actor, hold_id)
        then = f"`archiver hold place --resume H{hold_id}` (until then nothing is destroyed)"
        _index(archive, then)
        with archive.unit() as session:
            seen = placing.horizon(archive, session)
        destroyed = 0
        for ids in _batches(_answers(archive, question), BATCH):
            with archive.unit() as session:
                joined = placing.add(archive, session, hold_id, ids, with_families=question.families)
                destroyed += len(joined.destroyed)
        _complete(archive, then)
        with archive.unit() as session:
            return placing.activate(archive, session, actor, question, seen, destroyed)


def evaluate(archive: Archive) -> int:
    """Ask every standing question of all that changed since; returns how many records joined holds.

    Cheap where there is nothing to evaluate.  Before an execution too: the database refuses to destroy what changed
    after the last evaluation.  Raises IndexUnusable, IndexBehind.
    """
    with archive.reading() as session:
        if not placing.evaluated(archive, session):
            return 0
        waiting = session.execute(select(outbox.c.id).limit(1)).first()
    if waiting:
        catch_up(archive)
    with archive.unit() as session:
        seen = placing.horizon(archive, session)
        questions = placing.evaluated(archive, session)
    engine = open_index(archive)
    try:
        return sum(_evaluate(archive, engine, one, seen) for one in questions if one.evaluated_to < seen.to)
    finally:
        engine.close()


def _evaluate(archive: Archive, engine: Engine, question: Question, seen: Horizon) -> int:
    hold_id, added = question.hold_id, 0
    if question.standing:
        node = _node(archive, question)
        for changed in _batches(_changed(archive, question, seen), ASKED):
            asked = RecordIs(tuple(changed))
            if engine.count(asked) < len(changed):
                raise IndexBehind(what="it lacks records that changed", then="the next run evaluates the holds")
            found = And((*node.parts, asked) if isinstance(node, And) else (node, asked))
            for ids in _batches(engine.ids(found), BATCH):
                with archive.unit() as session:
                    added += placing.add(archive, session, hold_id, ids, with_families=question.families).added
    if question.families:
        with archive.unit() as session:
            followers = families.followers(hold_id, question.evaluated_to, seen.to)
            added += join(archive, session, hold_id, list(session.execute(followers).scalars())).added
    with archive.unit() as session:
        placing.note_evaluated(session, hold_id, seen)
    return added


def _changed(archive: Archive, question: Question, seen: Horizon) -> Iterator[int]:
    """The living records that changed after a hold was last evaluated and up to the horizon, oldest change first."""
    last: tuple[int, int] | None = (question.evaluated_to + 1, 0)
    place = tuple_(record.c.changed_at, record.c.id)
    while last is not None:
        chosen = select(record.c.changed_at, record.c.id).where(
            place > tuple_(*last), record.c.changed_at <= seen.to, record.c.destroyed_at.is_(None)
        )
        with archive.reading() as session:
            rows = session.execute(chosen.order_by(record.c.changed_at, record.c.id).limit(ASKED)).all()
        yield from (row.id for row in rows)
        last = (rows[-1].changed_at, rows[-1].id) if len(rows) == ASKED else None


def _node(archive: Archive, question: Question) -> Node:
    return parse(question.text or "", timezone=archive.city.timezone, now_ms=question.asked_at).node


def _answers(archive: Archive, question: Question) -> Iterator[int]:
    engine = open_index(archive)
    try:
        yield from engine.ids(_node(archive, question))
    finally:
        engine.close()


def _finds(archive: Archive, node: Node) -> bool:
    engine = open_index(archive)
    try:
        return engine.count(node) > 0
    finally:
        engine.close()


def _index(archive: Archive, then: str) -> None:
    """Wait until all that was committed so far is indexed; raises IndexBehind while the index is made anew."""
    with archive.reading() as session:
        newest = session.execute(select(func.max(outbox.c.id))).scalar() or 0
    catch_up(archive)
    with archive.reading() as session:
        oldest = session.execute(select(func.min(outbox.c.id))).scalar()
    if oldest is not None and oldest <= newest:
        raise IndexBehind(what="a new one is being made", then=then)
    _complete(archive, then)


def _complete(archive: Archive, then: str) -> None:
    """Raises IndexBehind where the index holds fewer records than it should, as after its folder was lost."""
    with archive.reading() as session:
        wanted = living_records(session) - waiting_records(session)
    engine = open_index(archive)
    try:
        size = engine.size()
    finally:
        engine.close()
    if size < wanted:
        raise IndexBehind(what=f"{size} of {wanted} records; `archiver index rebuild` makes it anew", then=then)


def _batches(found: Iterable[_One], size: int) -> Iterator[Sequence[_One]]:
    iterator = iter(found)
    while batch := list(islice(iterator, size)):
        yield batch
