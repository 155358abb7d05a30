"""The checks of the facts: guards, holds, tags, keys, numbers of requests, cursors, and the index behind them."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import Session

from archiver import outbox
from archiver.archive import Archive
from archiver.errors import ArchiverError
from archiver.index.opening import engine_name, open_index
from archiver.operate.findings import Findings
from schema.db.audit import audit_event
from schema.db.backup import restore
from schema.db.capture import cursor
from schema.db.city import counter
from schema.db.hold import hold, hold_member
from schema.db.record import record, tombstone
from schema.db.requests import data_request
from schema.db.retain import retention_tag
from schema.db.vault import owner_key
from schema.vocab import HoldState, OwnerKind

Progress = Iterator[tuple[int, int | None]]

_BLOCK = 20_000
"""Record ids in one read transaction."""


def guards(archive: Archive, findings: Findings) -> Progress:
    """The database's own refusals are exactly those of this program."""
    if not archive.guards_intact:
        findings.problem("guards", "database", "its guards are not those of this program; nothing can be destroyed")
    yield 1, 1


def holds(archive: Archive, findings: Findings) -> Progress:
    """Members exist, none was destroyed while held, and none left since the hold was placed."""
    with archive.reading() as session:
        rows = session.execute(select(hold.c.id, hold.c.state)).all()
        _lost_members(session, findings)
        _destroyed_members(session, findings)
        _fewer_members(session, findings)
        for row in rows:
            if row.state == HoldState.PLACING.value:
                findings.warning(
                    "holds", f"H{row.id}", "is being placed, or was left so by a crash; nothing is destroyed"
                )
    yield len(rows), len(rows)


def _lost_members(session: Session, findings: Findings) -> None:
    members = select(hold_member.c.hold_id, hold_member.c.record_id)
    for row in session.execute(members.where(~exists().where(record.c.id == hold_member.c.record_id)).limit(100)):
        findings.problem("holds", f"H{row.hold_id}", f"its member R{row.record_id} is not in the archive")


def _destroyed_members(session: Session, findings: Findings) -> None:
    held = or_(
        hold.c.state != HoldState.LIFTED.value,
        and_(tombstone.c.destroyed_at > hold_member.c.added_at, tombstone.c.destroyed_at < hold.c.lifted_at),
    )
    # Destroyed in the archive that was lost, after the hold was lifted there, which the restored one does not know.
    lost = exists().where(
        tombstone.c.destroyed_at >= restore.c.backup_taken_at, tombstone.c.destroyed_at <= restore.c.restored_at
    )
    rows = session.execute(
        select(hold_member.c.hold_id, hold_member.c.record_id)
        .join(tombstone, tombstone.c.record_id == hold_member.c.record_id)
        .join(hold, hold.c.id == hold_member.c.hold_id)
        .where(held, ~lost)
        .limit(100)
    )
    for row in rows:
        findings.problem("holds", f"H{row.hold_id}", f"its member R{row.record_id} was destroyed while it was held")


def _fewer_members(session: Session, findings: Findings) -> None:
    counts: dict[int, int] = dict(
        session.execute(select(hold_member.c.hold_id, func.count()).group_by(hold_member.c.hold_id)).all()
    )
    placed = session.execute(
        select(audit_event.c.object_id, audit_event.c.facts)
        .join(hold, hold.c.id == audit_event.c.object_id)
        .where(
            audit_event.c.object_kind == "hold",
            audit_event.c.act == "hold.place",
            hold.c.state != HoldState.LIFTED.value,
        )
    )
    for hold_id, facts in placed:
        number = json.loads(facts).get("records", 0)
        if counts.get(hold_id, 0) < number:
            text = f"{number} records were placed under it, {counts.get(hold_id, 0)} are its members"
            findings.problem("holds", f"H{hold_id}", text)


def _living(archive: Archive, look: Callable[[Session, Any], int]) -> Progress:
    """Walk over the records in blocks; `look` gets the condition of a block and says how many it checked."""
    with archive.reading() as session:
        last = int(session.execute(select(func.max(record.c.id))).scalar() or 0)
    done = 0
    for first in range(0, last + 1, _BLOCK):
        with archive.reading() as session:
            block = and_(record.c.id.between(first, first + _BLOCK - 1), record.c.destroyed_at.is_(None))
            done += look(session, block)
        yield done, last


def tags(archive: Archive, findings: Findings) -> Progress:
    """Every living record has exactly one current tag (promise 4)."""

    def look(session: Session, block: Any) -> int:
        current = and_(retention_tag.c.record_id == record.c.id, retention_tag.c.ended_at.is_(None))
        number = select(func.count()).select_from(retention_tag).where(current).scalar_subquery()
        for row in session.execute(select(record.c.id, number.label("tags")).where(block, number != 1)):
            findings.problem("tags", f"R{row.id}", f"has {row.tags} current retention tags instead of one")
        return _count(session, block)

    yield from _living(archive, look)


def keys(archive: Archive, findings: Findings) -> Progress:
    """Every living record has a key under the present master."""

    def look(session: Session, block: Any) -> int:
        key = exists().where(
            owner_key.c.owner_kind == OwnerKind.RECORD.value,
            owner_key.c.owner_id == record.c.id,
            owner_key.c.master_id == archive.vault.master_id,
        )
        for record_id in session.execute(select(record.c.id).where(block, ~key)).scalars():
            findings.problem("keys", f"R{record_id}", "its key is missing, though it was not destroyed")
        return _count(session, block)

    yield from _living(archive, look)


def _count(session: Session, block: Any) -> int:
    return int(session.execute(select(func.count()).select_from(record).where(block)).scalar_one())


def requests(archive: Archive, findings: Findings) -> Progress:
    """The numbers of each year's requests are 1 to as many as were given, none left out."""
    years: dict[int, list[int]] = {}
    with archive.reading() as session:
        for (written,) in session.execute(select(data_request.c.number)):
            if found := re.fullmatch(r"Q(\d{4})-(\d+)", written):
                years.setdefault(int(found.group(1)), []).append(int(found.group(2)))
            else:
                findings.problem("requests", written, "is not a number that this program gives")
        given = dict(session.execute(select(counter.c.year, counter.c.last).where(counter.c.name == "request")).all())
        lost = _lost_in_restores(session)
    for year in sorted({*years, *given}):
        numbers = set(years.get(year, ()))
        for missing in sorted(set(range(1, max([given.get(year, 0), *numbers]) + 1)) - numbers):
            if any(first <= missing <= last for first, last in lost.get(year, ())):
                findings.warning("requests", f"Q{year}-{missing}", "was lost with the archive that was restored")
            else:
                findings.problem("requests", f"Q{year}-{missing}", "is missing")
    total = sum(map(len, years.values()))
    yield total, total


def _lost_in_restores(session: Session) -> dict[int, list[list[int]]]:
    """Year -> first and last number of requests that were opened after a backup and never came back."""
    found: dict[int, list[list[int]]] = {}
    rows = session.execute(select(audit_event.c.facts).where(audit_event.c.act == "archive.restore")).scalars()
    for facts in rows:
        for name, ends in json.loads(facts)["numbers"].items():
            series, _, year = name.rpartition(":")
            if series == "request":
                found.setdefault(int(year), []).append(ends)
    return found


def cursors(archive: Archive, findings: Findings) -> Progress:
    """The cursor of each source can be read, so that its next run goes on where the last one stopped."""
    with archive.reading() as session:
        rows = session.execute(select(cursor.c.source_id, cursor.c.value)).all()
    for row in rows:
        try:
            readable = isinstance(json.loads(row.value), dict)
        except ValueError:
            readable = False
        if not readable:
            findings.problem("cursors", f"source {row.source_id}", "its cursor cannot be read")
    yield len(rows), len(rows)


def index(archive: Archive, findings: Findings) -> Progress:
    """How far the index has come; it can be rebuilt, so that what is wrong with it is a warning."""
    with archive.reading() as session:
        waiting = outbox.waiting(session)
        living = _count(session, record.c.destroyed_at.is_(None))
    if waiting:
        findings.warning("index", "index", f"{waiting} batches wait to be indexed; the next run does that")
    if not archive.index_folder.is_dir():
        if living:
            findings.warning("index", "index", "there is none; make it with `archiver index rebuild`")
        return
    try:
        engine = open_index(archive)
        try:
            size = engine.size()
        finally:
            engine.close()
    except (ArchiverError, OSError) as error:
        findings.warning("index", engine_name(archive), str(error))
        return
    if size != living and not waiting:
        text = f"it holds {size} records, the archive {living}; run `archiver index rebuild`"
        findings.warning("index", "index", text)
    yield size, living
