"""Runs a long act as a job: claimed in the ledger, with progress, cancel, and a stop after the current step."""

import signal
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread, current_thread, main_thread
from types import FrameType
from typing import Any

from archiver.archive import Archive
from archiver.clock import monotonic
from archiver.collect.leases import HEARTBEAT_S, holder_name
from archiver.errors import ArchiverError, Locked
from archiver.jobs import ledger
from archiver.jobs.faults import told
from schema.vocab import JobState, Outcome

PROGRESS_S = 1.0
"""Seconds between two progress rows at least (decision 30)."""

_STATES = {
    Outcome.OK: JobState.OK,
    Outcome.WARNINGS: JobState.WARNINGS,
    Outcome.PARTIAL: JobState.WARNINGS,
    Outcome.FAILED: JobState.FAILED,
    Outcome.REFUSED: JobState.FAILED,
}


class Cancelled(ArchiverError):
    """The job was cancelled."""

    code, exit_code, hint = "cancelled", 1, "What was done so far stays; start it again to go on."


class Interrupted(ArchiverError):
    """Interrupted after the current step."""

    code, exit_code, hint = "interrupted", 130, "Run it again: it goes on where it stopped."


@dataclass(frozen=True, slots=True)
class Step:
    """How far an act is after one of its steps: done so far, total where it is known, of what."""

    done: int
    total: int | None = None
    unit: str = "records"


@dataclass(frozen=True, slots=True)
class Ending:
    """How an act ended that came to its end.

    facts: codes and numbers, kept in the ledger.  text: what it tells people, kept sealed.
    """

    outcome: Outcome = Outcome.OK
    facts: Mapping[str, Any] = field(default_factory=dict)
    text: str | None = None


Steps = Generator[Step, None, Ending | None]
"""The steps of an act, each durable when it is yielded; returns None when it left off early because it was to stop."""

Act = Callable[[Callable[[], bool]], Steps]
"""Starts an act; its argument tells whether it shall leave off after the current step."""


@dataclass(slots=True)
class Stop:
    """A wish to stop, seen after the current step; a plain flag, because signal handlers may set it."""

    asked: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that came to its end."""

    run_id: int
    scheduled_for: int
    ending: Ending


def run(
    archive: Archive,
    job: str,
    act: Act,
    *,
    scheduled_for: int | None = None,
    actor_id: int | None = None,
    stop: Stop | None = None,
    show: Callable[[Step], None] = lambda step: None,
) -> Finished | None:
    """Run an act to its end, or until someone cancels it or asks this process to stop.

    scheduled_for: milliseconds UTC of a scheduled firing; None: by hand, now.  stop: asked by the caller; where none is
    given, SIGINT and SIGTERM ask.  show: told of every step.
    None where a scheduled firing is not ours to run.  Raises Locked by hand while the job runs, Cancelled, Interrupted,
    and what the act raises; an interrupted run stays open and is taken up by the next one.
    """
    with archive.unit() as session:
        run_id = ledger.claim(session, job, scheduled_for, archive.now(), holder_name())
    if run_id is None:
        if scheduled_for is None:
            raise Locked(holder=f"the job {job} runs already; `archiver jobs list` shows it")
        return None
    try:
        with stopping(stop) as wish, _Run(archive, job, run_id, actor_id, wish=wish) as one:
            ending = one.carry_out(act, show)
    finally:
        ledger.let_go(run_id)
    with archive.reading() as session:
        return Finished(run_id, ledger.get(session, run_id, archive.now()).scheduled_for, ending)


class _Run:
    """One claimed run: keeps its lease alive, writes its progress, learns of a cancel, closes it in the ledger."""

    def __init__(self, archive: Archive, job: str, run_id: int, actor_id: int | None, *, wish: Stop) -> None:
        self._archive, self._job, self._id, self._actor_id, self._wish = archive, job, run_id, actor_id, wish
        self._cancelled = False
        self._written = monotonic()
        self._last: Step | None = None
        self._over = Event()
        self._heart = Thread(target=self._beat, daemon=True, name=f"job-{run_id}")

    def __enter__(self) -> "_Run":
        self._heart.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._heart.join()

    def carry_out(self, act: Act, show: Callable[[Step], None]) -> Ending:
        """Run the act and write how it ended; raises Cancelled, Interrupted, and what the act raises."""
        try:
            ending = self._to_the_end(act(self._stopped), show)
        except ArchiverError as error:
            self._close(JobState.FAILED, Ending(Outcome.FAILED, {"code": error.code}, f"{error} {error.advice}"))
            raise
        except Exception as error:  # whatever it was, the ledger must not say that the job still runs
            with suppress(Exception):  # the database itself may be what failed; the first error tells more
                fault = {"code": "fault", "kind": told(error)}
                self._close(JobState.FAILED, Ending(Outcome.FAILED, fault))
            raise
        except BaseException:
            self._lay_down()
            raise
        if ending is not None:
            self._close(_STATES[ending.outcome], ending)
            return ending
        if self._cancelled:
            self._close(JobState.CANCELLED, Ending(Outcome.FAILED, {"code": "cancelled"}))
            raise Cancelled
        self._lay_down()
        raise Interrupted

    def _to_the_end(self, steps: Steps, show: Callable[[Step], None]) -> Ending | None:
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                ending: Ending | None = end.value
                return ending
            show(step)
            self._note(step)

    def _stopped(self) -> bool:
        # Asks no database, so that a connector may ask as often as it likes.
        return self._cancelled or self._wish.asked

    def _note(self, step: Step) -> None:
        self._last = step
        with self._archive.reading() as session:
            self._cancelled = self._cancelled or ledger.cancel_asked(session, self._id)
        if monotonic() - self._written >= PROGRESS_S:
            with self._archive.unit() as session:
                ledger.note_progress(session, self._id, step.done, step.total, step.unit)
            self._written = monotonic()

    def _beat(self) -> None:
        while not self._over.wait(HEARTBEAT_S):
            with suppress(Exception), self._archive.unit() as session:  # a missed beat is made up by the next one
                ledger.beat(session, self._id, self._archive.now())
                self._cancelled = self._cancelled or ledger.cancel_asked(session, self._id)

    def _lay_down(self) -> None:
        with self._archive.unit() as session:
            ledger.release(session, self._id, self._archive.now())

    def _close(self, state: JobState, ending: Ending) -> None:
        facts = {"outcome": ending.outcome.value}
        if code := ending.facts.get("code"):
            facts["code"] = code
        with self._archive.unit() as session:
            if self._last is not None:
                ledger.note_progress(session, self._id, self._last.done, self._last.total, self._last.unit)
            ledger.finish(session, self._id, state, self._archive.now(), {**facts, **ending.facts})
            self._archive.record_act(
                session,
                f"job.{self._job}",
                "job_run",
                self._id,
                actor_id=self._actor_id,
                outcome=state.value,
                facts=facts,
                text=ending.text,
            )


@contextmanager
def stopping(given: Stop | None = None) -> Iterator[Stop]:
    """The caller's wish, or one that SIGINT and SIGTERM express; the second SIGINT interrupts at once."""
    wish = given or Stop()
    if given is not None or current_thread() is not main_thread():
        yield wish
        return

    def ask(number: int, _frame: FrameType | None) -> None:
        if wish.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        wish.asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
