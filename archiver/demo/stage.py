"""What every part of the story has: who tells it, where it lies, what day it is, what came of it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archiver.demo.city import Calendar
from archiver.demo.telling import Telling

PASSWORD = "walleye and wild rice"  # noqa: S105  (of invented persons in a sample city)


@dataclass(slots=True)
class Summary:
    """What the demo did, for scripts; records: how many after each night."""

    records: list[int] = field(default_factory=list)
    searches: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stage:
    """folder: everything of the demo lies in it; what is outside the archive in `outside`."""

    tell: Telling
    folder: Path
    calendar: Calendar
    summary: Summary = field(default_factory=Summary)

    @property
    def outside(self) -> Path:
        """Where the mail, the phones and the papers of the city lie; whole, for sources are read from anywhere."""
        return self.folder.resolve() / "outside"

    def count(self, question: str) -> int:
        """How many records answer a question."""
        return int(self.tell.ask("search --count", question)["count"])
