"""The receipt of a run, for people and scripts."""

from dataclasses import asdict, dataclass, field
from typing import Any

from archiver.accession.batch import Counts
from archiver.clock import iso
from schema.item import Gap
from schema.vocab import Outcome


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run ended early, for people and scripts."""

    code: str
    message: str
    hint: str
    where: str | None = None


@dataclass(slots=True)
class Receipt:
    """What a run did (`collect --json`)."""

    source: str
    outcome: Outcome = Outcome.OK
    counts: Counts = field(default_factory=Counts)
    gaps: list[Gap] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: Failure | None = None
    capture_id: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The receipt for scripts; times in ISO 8601."""
        return {
            "source": self.source,
            "outcome": self.outcome.value,
            **self.counts.as_dict(),
            "gaps": [{"since": iso(one.since), "until": iso(one.until), "reason": one.reason} for one in self.gaps],
            "warnings": self.warnings,
            "error": asdict(self.error) if self.error else None,
        }
