"""Executing a disposition as a job: shown in the ledger, cancelled after a chunk, taken up again by the next run."""

from collections.abc import Callable, Iterator
from contextlib import suppress

from archiver.access import Actor
from archiver.archive import Archive
from archiver.dispose.execution import Progress, conclude, execute
from archiver.errors import ArchiverError
from archiver.jobs.runner import Act, Ending, Step, Steps
from archiver.pipeline.standing import evaluate
from schema.vocab import Outcome

JOB = "dispose.execute"


def executing(archive: Archive, actor: Actor, disposition_id: int, expect: int, clock_right: str | None = None) -> Act:
    """The act that destroys what was approved, proves and certifies it; stopped, it leaves off after a chunk."""

    def act(stopped: Callable[[], bool]) -> Steps:
        with suppress(ArchiverError):  # what standing holds could not look at is refused by the execution itself
            evaluate(archive)
        steps = execute(archive, actor, disposition_id, expect, clock_right=clock_right, stopped=stopped)
        return (yield from _steps(steps))

    return act


def concluding(archive: Archive, actor: Actor, disposition_id: int) -> Act:
    """The act that proves and certifies a disposition whose records are gone already."""

    def act(_stopped: Callable[[], bool]) -> Steps:
        return (yield from _steps(conclude(archive, actor, disposition_id)))

    return act


def _steps(steps: Iterator[Progress]) -> Steps:
    records, last = 0, None
    for last in steps:
        if last.stage == "destroying":
            records = last.done
        yield Step(last.done, last.total, last.unit)
    if last is not None and last.certificate is not None:
        return Ending(facts={"records": records, "certificate": last.certificate})
    if last is not None and last.waits is not None:
        code = "nothing_destroyed" if last.stage == "withdrawn" else "waits_for_key_rotate"
        return Ending(Outcome.WARNINGS, {"records": records, "code": code}, last.waits)
    return None
