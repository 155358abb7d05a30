"""A batch on its way in: the rows to write, what they say, and the counts for the receipt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
_NAMED = 20
"""Records that a warning names."""


@dataclass(slots=True)
class Counts:
    """What became of the items of a run (`collect --json`)."""

    seen: int = 0
    new_records: int = 0
    new_versions: int = 0
    unchanged: int = 0
    out_of_scope: int = 0
    destroyed_earlier: int = 0
    unreadable: int = 0
    missing: int = 0

    def add(self, other: "Counts") -> None:
        """Add another batch's counts to these."""
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def as_dict(self) -> dict[str, int]:
        """The counts by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record that is new or got a new version, with its content in memory for tagging and indexing."""

    record_id: int
    version: int
    new: bool
    facts: Mapping[str, Any]
    content: Mapping[str, Any]
    components: tuple[Mapping[str, Any], ...]


@dataclass(slots=True)
class Prepared:
    """Everything that one transaction will write for a batch; parsed, sealed and compressed before the lock."""

    counts: Counts = field(default_factory=Counts)
    arrivals: list[Arrival] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    threads: list[Row] = field(default_factory=list)
    parties: list[Row] = field(default_factory=list)
    records: list[Row] = field(default_factory=list)
    keys: list[Row] = field(default_factory=list)
    versions: list[Row] = field(default_factory=list)
    components: list[Row] = field(default_factory=list)
    payloads: list[Row] = field(default_factory=list)
    record_parties: list[Row] = field(default_factory=list)
    edited: list[Row] = field(default_factory=list)
    observations: list[Row] = field(default_factory=list)
    seen_again: list[int] = field(default_factory=list)
    reappeared: list[int] = field(default_factory=list)
    hidden: list[Row] = field(default_factory=list)
    tombstones_seen: list[int] = field(default_factory=list)
    edited_again: list[int] = field(default_factory=list)
    """Records that were destroyed, whole or in part, and edited at their source since: a person has to see it."""
    settled: dict[bytes, int] = field(default_factory=dict)
    """Parties by key whose ids another run had committed first; the preparer learns them for its next batches."""

    def warnings(self) -> list[str]:
        """What a person has to see of this batch."""
        if not self.edited_again:
            return []
        named = ", ".join(f"R{one}" for one in self.edited_again[:_NAMED])
        more = f" and {len(self.edited_again) - _NAMED} more" if len(self.edited_again) > _NAMED else ""
        return [f"edited at the source after destruction, not read again: {named}{more}; a person should look there"]
