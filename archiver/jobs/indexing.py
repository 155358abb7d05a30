"""Rebuilding the index as a job."""

from collections.abc import Callable

from archiver.archive import Archive
from archiver.index.rebuild import rebuild
from archiver.jobs.runner import Act, Ending, Step, Steps

JOB = "index.rebuild"


def rebuilding(archive: Archive, engine: str | None = None) -> Act:
    """The act that makes the index anew; stopped before its end it leaves the index in use as it was.

    engine: the engine to use from then on, by default the one in use.
    """

    def act(stopped: Callable[[], bool]) -> Steps:
        done = 0
        steps = rebuild(archive, engine)
        for step in steps:
            done = step.done
            yield Step(step.done, step.total)
            if stopped():
                steps.close()
                return None
        return Ending(facts={"records": done})

    return act
