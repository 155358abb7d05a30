"""The ledger: each firing of a job is claimed once, by its scheduled time, and says how far it is and how it ended."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, func, insert, select, update
from sqlalchemy.orm import Session

from archiver.archive import Archive
from archiver.collect.leases import EXPIRY_MS, holder_name, is_dead
from archiver.errors import NotFound
from archiver.vault.payloads import read_text
from schema.db.audit import audit_event
from schema.db.jobs import job_run
from schema.vocab import JobState

ATTEMPTS = 3
"""How often a firing is taken up again after its process died, before it is called failed."""

_LOCK = 7_203_003
_mine: set[int] = set()  # runs of this process: a row in our name that is not here was left by a namesake that died


@dataclass(frozen=True, slots=True)
class Firing:
    """One row of the ledger; times in milliseconds UTC, result: codes and numbers only."""

    id: int
    job: str
    scheduled_for: int
    state: JobState
    holder: str
    started_at: int
    ended_at: int | None
    done: int
    total: int | None
    unit: str | None
    cancel_asked: bool
    result: Mapping[str, Any]
    interrupted: bool
    """Still to be finished, but nobody works on it: its process stopped or died."""


def claim(session: Session, job: str, scheduled_for: int | None, now: int, holder: str) -> int | None:
    """Take a firing, or take up one that was left unfinished; returns its run id, None where it is not ours to run.

    scheduled_for: when it was to start (milliseconds UTC), not when it did; None: now, by hand.
    None comes back when the firing has been run or is running, and while another firing of the job runs: a job runs
    once at a time.  Unfinished firings of the job that were scheduled earlier are closed; this one stands for them.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_LOCK)))  # two claims never both find the job idle
    running = session.execute(
        select(job_run).where(job_run.c.job == job, job_run.c.state == JobState.RUNNING.value)
    ).mappings()
    by_hand, left = scheduled_for is None, []
    for row in running:
        if _alive(row, now):
            return None
        if row["cancel_asked"]:
            finish(session, row["id"], JobState.CANCELLED, now, {"code": "cancelled"})
        else:
            left.append(row)
    if scheduled_for is None:
        last = session.execute(select(func.max(job_run.c.scheduled_for)).where(job_run.c.job == job)).scalar()
        scheduled_for = max((row["scheduled_for"] for row in left), default=max(now, (last or 0) + 1))
    for row in left:
        if row["scheduled_for"] < scheduled_for:
            finish(session, row["id"], JobState.CANCELLED, now, {"code": "superseded"})
    mine = next((row for row in left if row["scheduled_for"] == scheduled_for), None)
    if mine is not None:
        run_id = _take_up(session, mine, now, holder, limit=None if by_hand else ATTEMPTS)
    else:
        run_id = _begin(session, job, scheduled_for, now, holder)
    if run_id is not None:
        _mine.add(run_id)
    return run_id


def _alive(row: RowMapping, now: int) -> bool:
    if row["id"] in _mine:
        return True
    return row["lease_until"] > now and not _left_by(row["holder"])


def _left_by(holder: str) -> bool:
    return holder == holder_name() or is_dead(holder)


def _begin(session: Session, job: str, scheduled_for: int, now: int, holder: str) -> int | None:
    same = select(job_run.c.id).where(job_run.c.job == job, job_run.c.scheduled_for == scheduled_for)
    if session.execute(same).first():
        return None
    values = {
        "job": job,
        "scheduled_for": scheduled_for,
        "state": JobState.RUNNING.value,
        "holder": holder,
        "lease_until": now + EXPIRY_MS,
        "started_at": now,
        "result": json.dumps({"attempts": 1}),
    }
    return int(session.execute(insert(job_run).values(values).returning(job_run.c.id)).scalar_one())


def _take_up(session: Session, row: RowMapping, now: int, holder: str, *, limit: int | None) -> int | None:
    attempts = json.loads(row["result"] or "{}").get("attempts", 1) + 1
    if limit is not None and attempts > limit:
        finish(session, row["id"], JobState.FAILED, now, {"code": "died", "attempts": attempts - 1})
        return None
    values = {"holder": holder, "lease_until": now + EXPIRY_MS, "result": json.dumps({"attempts": attempts})}
    session.execute(update(job_run).where(job_run.c.id == row["id"]).values(values))
    return int(row["id"])


def let_go(run_id: int) -> None:
    """Say that this process no longer works on a run that it claimed; called however the run went."""
    _mine.discard(run_id)


def beat(session: Session, run_id: int, now: int) -> None:
    """Renew the lease of a run."""
    session.execute(update(job_run).where(job_run.c.id == run_id).values(lease_until=now + EXPIRY_MS))


def note_progress(session: Session, run_id: int, done: int, total: int | None, unit: str) -> None:
    """Write how far a run is; the caller does so at most once a second, in a transaction of its own (decision 30)."""
    session.execute(update(job_run).where(job_run.c.id == run_id).values(done=done, total=total, unit=unit[:40]))


def cancel_asked(session: Session, run_id: int) -> bool:
    """Whether someone asked for the end of a run."""
    return bool(session.execute(select(job_run.c.cancel_asked).where(job_run.c.id == run_id)).scalar())


def finish(session: Session, run_id: int, state: JobState, now: int, result: Mapping[str, Any]) -> None:
    """Close a run for good.  result: codes and numbers, never content."""
    values = {"state": state.value, "ended_at": now, "lease_until": now, "result": json.dumps(result, sort_keys=True)}
    session.execute(update(job_run).where(job_run.c.id == run_id).values(values))


def release(session: Session, run_id: int, now: int) -> None:
    """Lay a run down unfinished, so that the next claim takes it up at once; a wanted stop is not a failed attempt."""
    values = {"lease_until": now, "result": json.dumps({"attempts": 0})}
    session.execute(update(job_run).where(job_run.c.id == run_id).values(values))


def ask_cancel(session: Session, run_id: int, now: int) -> JobState:
    """Ask a run to stop after its current step; one that nobody works on is closed at once.

    Returns its state now (an ended run keeps its own).  Raises NotFound.
    """
    found = get(session, run_id, now)
    if found.state is not JobState.RUNNING:
        return found.state
    session.execute(update(job_run).where(job_run.c.id == run_id).values(cancel_asked=1))
    if not found.interrupted:
        return JobState.RUNNING
    finish(session, run_id, JobState.CANCELLED, now, {"code": "cancelled"})
    return JobState.CANCELLED


def get(session: Session, run_id: int, now: int) -> Firing:
    """One run; raises NotFound."""
    row = session.execute(select(job_run).where(job_run.c.id == run_id)).mappings().one_or_none()
    if row is None:
        raise NotFound(noun="job run", name=run_id)
    return _firing(row, now)


def newest(session: Session, now: int, *, job: str | None = None, limit: int = 20) -> list[Firing]:
    """The newest runs first, of one job or of all."""
    chosen = select(job_run).order_by(job_run.c.id.desc()).limit(limit)
    if job is not None:
        chosen = chosen.where(job_run.c.job == job)
    return [_firing(row, now) for row in session.execute(chosen).mappings()]


def last_scheduled(session: Session, job: str) -> int | None:
    """The newest scheduled time of a job that was ever claimed, None before its first run."""
    found = session.execute(select(func.max(job_run.c.scheduled_for)).where(job_run.c.job == job)).scalar()
    return None if found is None else int(found)


def unfinished(session: Session, job: str, now: int) -> int | None:
    """The scheduled time of the newest firing that was begun and that nobody works on, None where there is none."""
    rows = session.execute(
        select(job_run)
        .where(job_run.c.job == job, job_run.c.state == JobState.RUNNING.value)
        .order_by(job_run.c.scheduled_for.desc())
    ).mappings()
    return next((int(row["scheduled_for"]) for row in rows if not _alive(row, now)), None)


def kept_text(archive: Archive, session: Session, run_id: int) -> str | None:
    """What a run told people (the nightly report, an error), kept sealed beside its audit event; None for nothing."""
    where = (audit_event.c.object_kind == "job_run") & (audit_event.c.object_id == run_id)
    chosen = select(audit_event.c.text_payload_id).where(where).order_by(audit_event.c.id.desc()).limit(1)
    return read_text(session, archive.vault, session.execute(chosen).scalar())


def _firing(row: RowMapping, now: int) -> Firing:
    state = JobState(row["state"])
    return Firing(
        id=row["id"],
        job=row["job"],
        scheduled_for=row["scheduled_for"],
        state=state,
        holder=row["holder"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        done=row["done"],
        total=row["total"],
        unit=row["unit"],
        cancel_asked=bool(row["cancel_asked"]),
        result=json.loads(row["result"] or "{}"),
        interrupted=state is JobState.RUNNING and not _alive(row, now),
    )
