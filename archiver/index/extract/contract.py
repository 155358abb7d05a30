"""What extraction takes and gives; imported by the archive and by its sandboxed children alike."""

from dataclasses import dataclass
from enum import StrEnum


class ExtractOutcome(StrEnum):
    """How the search for text in one file ended."""

    OK = "ok"
    EMPTY = "empty"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost before its reading is stopped.

    memory_bytes: address space of a child process.  cpu_seconds, wall_seconds: for one file.
    text_bytes: UTF-8 bytes of text kept of one file.  input_bytes: size of the file itself.
    documents: files a child reads before a fresh one takes its place.
    unpacked_bytes, ratio, entries, depth: declared size, compression ratio (looked at beyond 10 MB unpacked), number of
    members and levels of nesting of packed files, after threats T4 and T5 (200:1, depth 3).
    """

    memory_bytes: int = 1 << 30
    cpu_seconds: int = 45
    wall_seconds: float = 60.0
    text_bytes: int = 20_000_000
    input_bytes: int = 256 << 20
    documents: int = 200
    unpacked_bytes: int = 512 << 20
    ratio: int = 200
    entries: int = 10_000
    depth: int = 3


@dataclass(frozen=True, slots=True)
class Extracted:
    """The text found in one file, or why there is none.

    text: None unless the outcome is ok.  reason: one line in plain words, never content of the file; with outcome ok
    it says what is missing ("2 of 9 pages are without text"), else it is "".  pages: pages, slides, sheets or frames.
    sandbox: the measures that held while the file was read, see `sandbox_level`; "" where no process read it.
    truncated: the text goes on beyond `Limits.text_bytes`.
    """

    text: str | None
    outcome: ExtractOutcome
    reason: str
    pages: int | None
    sandbox: str
    truncated: bool = False


class NoTextError(Exception):
    """A reader's way to end a file early: an outcome other than ok and its reason."""

    def __init__(self, outcome: ExtractOutcome, reason: str) -> None:
        """reason: one line in plain words, without content of the file."""
        self.outcome = outcome
        self.reason = reason
        super().__init__(reason)
