"""Applying the classification rules to records that were tagged earlier, as a job."""

from collections.abc import Callable, Iterator

from archiver.jobs.runner import Ending, Step, Steps
from archiver.retain.tagging_rules import Applied
from schema.vocab import Outcome

JOB = "tag.apply"


class Applying:
    """The act; `state` says how far it came.  Stopped before its end it leaves what it did; run again it goes on."""

    def __init__(self, begin: Callable[[], Iterator[Applied]], *, approved: bool) -> None:
        """begin: starts `apply_rules`.  approved: by a second person, so that nothing is left as it was."""
        self.state = Applied(0)
        self._begin, self._approved = begin, approved

    def __call__(self, stopped: Callable[[], bool]) -> Steps:
        """The steps of the job."""
        for state in self._begin():
            self.state = state
            yield Step(self.state.done, self.state.total)
            if stopped() and self.state.done < self.state.total:
                return None
        left = not self._approved and self.state.shortened.count > 0
        facts = {"records": self.state.done, "changed": sum(self.state.changed.values()), "unread": self.state.unread}
        return Ending(Outcome.WARNINGS if left or self.state.unread else Outcome.OK, facts)
