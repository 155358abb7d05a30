"""What a destruction relies on besides its list: a clock that did not jump, and a verification that did not fail."""

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.dispose.batches import row_of, waiting
from archiver.dispose.waits import Refusal
from archiver.errors import Refused, UsageError
from schema.db.audit import audit_event
from schema.db.dispose import disposition_record
from schema.vocab import Role

_HOUR = 3_600_000
LONGEST_GAP = 36 * _HOUR
"""Milliseconds between two audit events after which the clock may have jumped: a running archive writes every night."""
_BEFORE = 7 * 24 * _HOUR
"""Milliseconds before the proposal from which on the clock is looked at."""
CLOCK_RIGHT = "dispose.clock_right"

_WEIGHTY = frozenset({"guards", "log", "holds", "requests", "schedule"})
"""Checks whose failure refuses every destruction (decision 20)."""
_WEIGHTY_OWNERS = frozenset({"hold", "request", "disposition", "event", "database", "system"})
"""Owners of sealed content whose damage does the same."""
_VERIFICATIONS = 400
"""Newest verifications that are looked at: a year of nightly parts."""


def clock_refusals(archive: Archive, session: Session, row: dict[str, Any]) -> Iterator[Refusal]:
    """The clock runs behind the log, or has jumped since a week before the proposal and no person vouched for it."""
    newest = session.execute(select(audit_event).order_by(audit_event.c.id.desc()).limit(1)).mappings().first()
    now = archive.now()
    if newest is None or row["proposed_at"] is None:
        return
    if now < newest["at"]:
        yield Refusal(
            "the clock is behind the newest entry of the audit log",
            "Set this machine's clock right; nothing is destroyed while it is wrong.",
        )
        return
    seen = _seen(session, row["id"])
    gaps = [gap for gap in _gaps(session, row) if gap > seen]
    if gaps or now - newest["at"] > LONGEST_GAP:
        yield Refusal(
            "the clock jumped, or the archive stood still for more than 36 hours, since the week before the proposal",
            "A person who has checked date and time executes with --clock-right REASON.",
        )


def _seen(session: Session, disposition_id: int) -> int:
    """The newest event in which a person vouched for the clock in this disposition, 0 without one."""
    chosen = select(func.max(audit_event.c.id)).where(
        audit_event.c.object_kind == "disposition",
        audit_event.c.object_id == disposition_id,
        audit_event.c.act == CLOCK_RIGHT,
    )
    return int(session.execute(chosen).scalar() or 0)


def _gaps(session: Session, row: dict[str, Any]) -> list[int]:
    """Events that came more than 36 hours after, or before, the one that was written before them."""
    proposal = select(func.min(audit_event.c.id)).where(
        audit_event.c.object_kind == "disposition", audit_event.c.object_id == row["id"]
    )
    proposed = int(session.execute(proposal).scalar() or 0)
    # The event before the window belongs to it: a jump just before the proposal is a jump between the two.
    before = (
        select(audit_event.c.id)
        .where(audit_event.c.id < proposed, audit_event.c.at < row["proposed_at"] - _BEFORE)
        .order_by(audit_event.c.id.desc())
        .limit(1)
    )
    first = int(session.execute(before).scalar() or 0)
    order = func.lag(audit_event.c.at).over(order_by=audit_event.c.id)
    steps = select(audit_event.c.id, (audit_event.c.at - order).label("gap")).where(audit_event.c.id >= first)
    walked = steps.subquery()
    wide = select(walked.c.id).where(func.abs(walked.c.gap) > LONGEST_GAP).order_by(walked.c.id)
    return list(session.execute(wide).scalars())


def clock_right(archive: Archive, session: Session, actor: Actor, disposition_id: int, reason: str) -> None:
    """A person vouches for date and time, after a jump or a standstill; raises Refused, UsageError."""
    require(actor, Role.RECORDS_OFFICER, Role.ADMINISTRATOR)
    if not reason.strip():
        raise UsageError(problem="say how date and time were checked")
    row_of(session, disposition_id)
    newest = select(audit_event.c.at).order_by(audit_event.c.id.desc()).limit(1)
    if archive.now() < (session.execute(newest).scalar() or 0):
        raise Refused(
            reason="the clock is behind the newest entry of the audit log",
            action="Set this machine's clock right; nobody can vouch for a clock that runs backwards.",
        )
    archive.record_act(session, CLOCK_RIGHT, "disposition", disposition_id, actor_id=actor.id, text=reason)


def verification_refusals(session: Session, disposition_id: int) -> Iterator[Refusal]:
    """Verifications that failed on what this destruction relies on, and no later one of the same part passed."""
    chosen = select(audit_event.c.id, audit_event.c.facts).where(
        audit_event.c.object_kind == "archive", audit_event.c.act == "verify"
    )
    newest = session.execute(chosen.order_by(audit_event.c.id.desc()).limit(_VERIFICATIONS)).all()
    touched: set[str] = set()
    parts: set[tuple[int, int]] = set()
    for at, (_id, facts) in enumerate(newest):
        found = json.loads(facts)
        failed, part = set(found.get("failed", ())), tuple(found.get("part", (1, 1)))
        if at == 0:  # what a verification looks at wholly every time: the newest one tells
            touched |= failed & _WEIGHTY
            touched |= _content_touched(session, disposition_id, found, failed & {"keys", "tags"})
        if part not in parts:
            touched |= _content_touched(session, disposition_id, found, failed & {"content"})
        parts.add((part[0], part[1]))
        if part == (1, 1):
            break
    if touched:
        yield Refusal(
            f"the last verification failed on {', '.join(sorted(touched))}",
            "Run `archiver verify`, have the damage mended, and execute when it passes.",
        )


def _content_touched(session: Session, disposition_id: int, found: dict[str, Any], failed: set[str]) -> set[str]:
    """What of a failed check concerns this disposition: its records, or text of holds, requests, dispositions, log."""
    if not failed:
        return set()
    about = found.get("about")
    if about is None or about["others"]:
        return failed  # an older or a longer report than names each record: whatever it was, it may be ours
    touched = {f"the text of a {one}" for one in about["owners"] if one in _WEIGHTY_OWNERS}
    ids = about["records"]
    for start in range(0, len(ids), 500):
        mine = disposition_record.c.record_id.in_(ids[start : start + 500])
        rows = select(disposition_record.c.record_id).where(waiting(disposition_id), mine).limit(1)
        if session.execute(rows).first():
            touched.add("records of this disposition")
            break
    return touched
