"""The question as engines get it: names resolved, dates in milliseconds, words as our tokens.

Search parses what a person wrote into these nodes; every engine must answer each of them exactly.
"""

from dataclasses import dataclass
from enum import StrEnum


class Zone(StrEnum):
    """Which words of a document a leaf looks at."""

    TEXT = "text"
    AUTHOR = "author"
    RECIPIENTS = "recipients"
    THREAD = "thread"


class FieldName(StrEnum):
    """A fact of a document that is compared whole, case-folded."""

    PLATFORM = "platform"
    SOURCE = "source"
    ACCOUNT = "account"
    DEVICE = "device"
    CUSTODIAN = "custodian"
    KIND = "kind"
    SERIES = "series"
    CLASS = "class"
    LABEL = "label"
    IS = "is"
    HAS = "has"


@dataclass(frozen=True, slots=True)
class Everything:
    """Every document."""


@dataclass(frozen=True, slots=True)
class Term:
    """One token; with `stem` it stands for every token with the same stem."""

    token: str
    stem: bool = True
    zone: Zone = Zone.TEXT


@dataclass(frozen=True, slots=True)
class Wildcard:
    """Surface tokens that match a pattern of `*` (any run) and `?` (one character)."""

    pattern: str
    zone: Zone = Zone.TEXT


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """Surface tokens within `distance` (1 or 2) insertions, deletions or substitutions of `token`."""

    token: str
    distance: int = 1
    zone: Zone = Zone.TEXT


Word = Term | Wildcard | Fuzzy


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words at adjacent positions, in order, within one segment; all in the same zone."""

    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Near:
    """Two operands of which one starts 1 to `distance` positions after the other's last token (1: adjacent).

    Each operand is a set of alternatives (words or phrases, same zone throughout); spans may not overlap.
    ordered: left stands before right (`W/n`); otherwise either order (`NEAR/n`).
    """

    left: tuple[Word | Phrase, ...]
    right: tuple[Word | Phrase, ...]
    distance: int
    ordered: bool


@dataclass(frozen=True, slots=True)
class Field:
    """A fact equals one of the values (already case-folded)."""

    name: FieldName
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ThreadIs:
    """Records of one thread, by its number."""

    thread_id: int


@dataclass(frozen=True, slots=True)
class RecordIs:
    """Records by number."""

    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """Sent in [since, until), milliseconds UTC, None: open; documents of unknown time never match."""

    since: int | None
    until: int | None


@dataclass(frozen=True, slots=True)
class Undated:
    """Documents of unknown time."""


@dataclass(frozen=True, slots=True)
class And:
    """All parts match."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part matches."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not match."""

    part: "Node"


Node = (
    Everything | Term | Wildcard | Fuzzy | Phrase | Near | Field | ThreadIs | RecordIs | Sent | Undated | And | Or | Not
)
