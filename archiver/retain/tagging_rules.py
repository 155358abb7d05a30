"""Applying the rules now in force to records that were tagged earlier; a person's decision is never overruled."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.accession.content import unpacked
from archiver.archive import Archive
from archiver.errors import UsageError
from archiver.retain.facts import facts_of, text_of
from archiver.retain.rules import Rule, first_fit, fit_without_content
from archiver.retain.running import CHUNK, Shortened, check_second, current_tags
from archiver.retain.tagging import Change, plan, write_changes
from archiver.retain.tags import Tagger
from archiver.vault.payloads import read_many
from schema.db.record import component, record, version
from schema.db.retain import classification_rule
from schema.vocab import ComponentRole, OwnerKind, Role


@dataclass(slots=True)
class Applied:
    """How far it is: records looked at of total, and by new series' key how many (would) get another series.

    last: the last record looked at.  shortened: those whose running period the rules would shorten; they stay as they
    are unless a second person approved.  unread: those whose content cannot be read, which stay too.
    """

    total: int
    done: int = 0
    last: int = 0
    changed: dict[str, int] = field(default_factory=dict)
    shortened: Shortened = field(default_factory=Shortened)
    unread: int = 0


def apply_rules(
    archive: Archive,
    actor: Actor,
    chosen: Sequence[int] | None,
    *,
    reason: str | None = None,
    second: Actor | None = None,
    dry_run: bool = False,
    after: int = 0,
) -> Iterator[Applied]:
    """Classify again what rules tagged, or what fitted no rule; opens its own short units, a batch each.

    chosen: record ids; None: all.  after: go on behind that record.  A record's first version counts, as when it was
    accessioned.  Records whose series does not change keep their tag.  Run again after a stop, it finds what it did
    already to be right.  Raises Refused.
    """
    require(actor, Role.RECORDS_OFFICER)
    check_second(actor, second)
    if chosen is not None and not chosen:
        raise UsageError(problem="no record was found; nothing was changed")
    listed = None if chosen is None else sorted(one for one in set(chosen) if one > after)
    with archive.reading() as session:
        tagger = Tagger(session, archive.city)
        edition = session.execute(select(func.max(classification_rule.c.edition))).scalar() or 0
        total = session.execute(select(func.count()).select_from(record).where(*_ours(after))).scalar_one()
    state = Applied(total if listed is None else len(listed), last=after)
    while True:
        with archive.reading() as session:
            ids = _next(session, listed, state)
            wanted = _wanted(archive, session, tagger, ids, state) if ids else {}
            changes = _changes(archive, session, tagger, wanted) if dry_run else []
        if not ids:
            return
        if wanted and not dry_run:
            with archive.unit() as session:
                changes = _changes(archive, session, tagger, wanted)
                moved = [one for one in changes if second is not None or not one.shorter]
                write_changes(session, moved, archive.now(), person=None, second=second)
                facts = {"edition": edition, "records": len(moved), "shortened": sum(one.shorter for one in moved)}
                if second is not None:
                    facts["second_person"] = second.id
                if moved:
                    archive.record_act(
                        session, "tag.apply", "classification_rule", actor_id=actor.id, facts=facts, text=reason
                    )
        _count(state, tagger, changes, second)
        state.done, state.last = state.done + len(ids), ids[-1]
        yield state


def _count(state: Applied, tagger: Tagger, changes: Sequence[Change], second: Actor | None) -> None:
    for one in changes:
        if one.shorter:
            state.shortened.add(one.record_id, one.before, one.due_on)
        if second is not None or not one.shorter:
            key = tagger.periods.series[one.series_id].key
            state.changed[key] = state.changed.get(key, 0) + 1


def _ours(after: int) -> tuple[ColumnElement[bool], ...]:
    return record.c.destroyed_at.is_(None), record.c.id > after


def _next(session: Session, listed: Sequence[int] | None, state: Applied) -> list[int]:
    if listed is not None:
        return list(listed[state.done : state.done + CHUNK])
    page = select(record.c.id).where(*_ours(state.last)).order_by(record.c.id).limit(CHUNK)
    return [int(one) for one in session.execute(page).scalars()]


def _wanted(
    archive: Archive, session: Session, tagger: Tagger, ids: Sequence[int], state: Applied
) -> dict[int, tuple[int, int | None]]:
    """The records of a batch that the rules give another series than they have: series and rule of each."""
    tags = {tag["record_id"]: tag["series_id"] for tag in current_tags(session, ids) if tag["person_id"] is None}
    rows = session.execute(select(record).where(record.c.id.in_(list(tags)))).mappings().all()
    fitting: dict[int, Rule | None] = {}
    unsure = []
    for row in rows:
        facts = facts_of(tagger.subjects[row["source_id"]], row, {}, archive.city.timezone)
        rule, sure = fit_without_content(tagger.rules, facts)
        if sure:
            fitting[row["id"]] = rule
        else:
            unsure.append(row)
    contents = first_contents(archive, session, [row["id"] for row in unsure])
    for row in unsure:
        if (data := contents.get(row["id"])) is None:
            state.unread += 1
            continue
        content = unpacked(data)
        facts = facts_of(tagger.subjects[row["source_id"]], row, content, archive.city.timezone)
        fitting[row["id"]] = first_fit(tagger.rules, facts, text_of(content))
    wanted = {}
    for record_id, found in fitting.items():
        rule, series_id = tagger.chosen(found)
        if series_id != tags[record_id]:
            wanted[record_id] = (series_id, rule.id if rule else None)
    return wanted


def _changes(
    archive: Archive, session: Session, tagger: Tagger, wanted: Mapping[int, tuple[int, int | None]]
) -> list[Change]:
    """What the rules change as the tags are now: a person may have decided, or a purge come, since they were read."""
    tags = [
        tag
        for tag in current_tags(session, sorted(wanted), writing=True)
        if tag["person_id"] is None and tag["series_id"] != wanted[tag["record_id"]][0]
    ]
    return plan(session, archive.city, tagger.periods, tags, wanted)


def first_contents(archive: Archive, session: Session, ids: Sequence[int]) -> dict[int, bytes]:
    """The sealed bodies of the records' first versions, opened."""
    if not ids:
        return {}
    rows = session.execute(
        select(component.c.payload_id, component.c.record_id)
        .join(version, version.c.id == component.c.version_id)
        .where(
            component.c.record_id.in_(ids),
            component.c.role == ComponentRole.BODY.value,
            version.c.number == 1,
        )
    )
    bodies: dict[int, int] = dict(rows.all())
    opened = read_many(session, archive.vault, OwnerKind.RECORD, list(bodies))
    return {bodies[one]: data for one, data in opened.items()}
