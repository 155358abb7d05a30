"""What commands print with --json, as scripts rely on it (design section 9); every object begins with `schema`."""

from dataclasses import dataclass
from typing import Annotated

from schema.vocab import Nature, Outcome
from schema.wire.shape import Rule, wire

Instant = Annotated[str, Rule("ISO 8601 in UTC, ending in Z", pattern="^[0-9]{4}-.*Z$")]
Day = Annotated[str, Rule("day in the city's time zone", pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Count = Annotated[int, Rule(minimum=0)]
RecordId = Annotated[str, Rule("R and the record's number", pattern="^R[0-9]+$")]
HoldId = Annotated[str, Rule("H and the hold's number", pattern="^H[0-9]+$")]
RequestNumber = Annotated[str, Rule("Q, the year and the number within it", pattern="^Q[0-9]{4}-[0-9]+$")]


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong and what the person should do now."""

    code: str
    message: str
    hint: str
    where: str | None


@wire("failure/1")
@dataclass(frozen=True, slots=True)
class Failure:
    """Any command that ended in an error."""

    outcome: Annotated[str, Rule("failed", pattern="^failed$")]
    error: Fault


@wire("init/1")
@dataclass(frozen=True, slots=True)
class Init:
    """`init`: the archive's folder, its key file, the login of its first administrator."""

    archive: str
    key: str
    administrator: str


@dataclass(frozen=True, slots=True)
class GapShape:
    """A stretch of time that a source could not show, half-open; null: open-ended."""

    since: Instant | None
    until: Instant | None
    reason: str


@dataclass(frozen=True, slots=True)
class CaptureShape:
    """What became of one source in one run."""

    source: str
    outcome: Outcome
    seen: Count
    new_records: Count
    new_versions: Count
    unchanged: Count
    out_of_scope: Count
    destroyed_earlier: Count
    unreadable: Count
    missing: Count
    gaps: tuple[GapShape, ...]
    warnings: tuple[str, ...]
    error: Fault | None


@wire("collect/1")
@dataclass(frozen=True, slots=True)
class Collect:
    """`collect`."""

    outcome: Outcome
    captures: tuple[CaptureShape, ...]


@dataclass(frozen=True, slots=True)
class Indexed:
    """How far the index has come: records of all living ones."""

    records: Count
    of: Count


@dataclass(frozen=True, slots=True)
class CoverageShape:
    """How far one source was captured, its gaps, and how many attachments have no searchable text."""

    source: str
    last_success: Instant | None
    gaps: tuple[GapShape, ...]
    without_text: Count


@dataclass(frozen=True, slots=True)
class HitShape:
    """A found record."""

    id: RecordId
    source: str
    platform: str
    kind: str
    sent_at: Instant | None
    author: str
    parties: tuple[str, ...]
    thread: int | None
    title: str
    snippet: str
    state: tuple[str, ...]
    series: str


@dataclass(frozen=True, slots=True)
class PartCount:
    """A part of the question in words, with the count of it alone."""

    part: str
    count: Count


@dataclass(frozen=True, slots=True)
class FacetCount:
    """A value of a field among the found records."""

    value: str
    count: Count


@wire("search/1")
@dataclass(frozen=True, slots=True)
class Search:
    """`search`: an exact count and what it covers; `facets` needs --facets, `explained` --explain."""

    query: str
    interpreted: str
    count: Count
    undated: Count
    indexed: Indexed
    captured: Instant | None
    coverage: tuple[CoverageShape, ...]
    hits: tuple[HitShape, ...]
    facets: dict[str, tuple[FacetCount, ...]] | None
    explained: tuple[PartCount, ...]


@wire("request/1")
@dataclass(frozen=True, slots=True)
class RequestOpened:
    """`request open`: the date to watch, who set it and why, and the hold from this moment."""

    id: RequestNumber
    date: Day | None
    nature: Nature
    explanation: str
    hold: HoldId | None


@wire("production/1")
@dataclass(frozen=True, slots=True)
class ProductionBuilt:
    """`produce build`; root: to be printed in the letter."""

    production: str
    request: RequestNumber
    folder: str
    root: Annotated[str, Rule("Merkle root, lower-case hex", pattern="^[0-9a-f]{64}$")]
    records: Count
    files: Count
    bytes: Count
    characters_by_name: Count
