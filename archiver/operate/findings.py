"""Problems and warnings of a verification, each named once, the many of one kind counted."""

from collections import Counter
from dataclasses import dataclass

_NAMED = 1_000
"""Problems of one check that are named; the others are counted, so that memory stays flat."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with which object, by ids; never content."""

    check: str
    object: str
    message: str


class Findings:
    """Collects problems and warnings."""

    def __init__(self) -> None:
        self._problems: dict[Problem, None] = {}
        self._warnings: dict[Problem, None] = {}
        self._found: Counter[str] = Counter()

    def problem(self, check: str, about: str, message: str) -> None:
        """Note a problem; named once, however often it is found."""
        one = Problem(check, about, message)
        if one not in self._problems:
            self._found[check] += 1
            if self._found[check] <= _NAMED:
                self._problems[one] = None

    def warning(self, check: str, about: str, message: str) -> None:
        """Note what is not as it should be, but mends itself or is no damage."""
        self._warnings[Problem(check, about, message)] = None

    def count(self, check: str) -> int:
        """How many problems a check found."""
        return self._found[check]

    def problems(self) -> tuple[Problem, ...]:
        """The problems in the order in which they were found, and how many more there are."""
        more = [
            Problem(check, "others", f"{found - _NAMED} more problems of this check")
            for check, found in self._found.items()
            if found > _NAMED
        ]
        return (*self._problems, *more)

    def warnings(self) -> tuple[Problem, ...]:
        """The warnings."""
        return tuple(self._warnings)
