"""The nightly report: what a person reads at breakfast, first what to do, then what was collected, then the state."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from archiver.clock import iso, printed
from archiver.index.status import IndexStatus
from archiver.jobs.collecting import overall
from archiver.jobs.health import Lapse, SourceHealth
from archiver.pipeline.receipt import Failure, Receipt
from schema.vocab import HoldKind, Outcome
from schema.wire.audit import SignedHead

WARNINGS_SHOWN = 5
"""Warnings of one source that the text shows; the JSON has all."""

_BAD = (Outcome.FAILED, Outcome.REFUSED)
_COUNTS = (
    ("seen", "seen"),
    ("new_records", "new"),
    ("new_versions", "edited"),
    ("missing", "missing at the source"),
    ("hidden", "hidden at the source"),
    ("gone", "gone, as the source says"),
    ("unhidden", "shown again"),
    ("out_of_scope", "out of scope, not kept"),
    ("destroyed_earlier", "destroyed earlier, still at the source"),
    ("unreadable", "unreadable"),
)


@dataclass(frozen=True, slots=True)
class Verified:
    """A check of a share of the records: part n of m, how many things were checked, what is wrong."""

    part: tuple[int, int]
    checked: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Disk:
    """Room on a disk that the archive uses, in bytes."""

    path: str
    free: int
    total: int

    @property
    def low(self) -> bool:
        """Whether space should be made soon."""
        return self.free < 2 << 30 or self.free < self.total // 20


@dataclass(slots=True)
class HoldsTonight:
    """What became of holds.

    ended: holds of closed requests whose last day is over.  joined: records that joined standing holds since the
    collection.  unfinished: holds left half placed and halts, with their kind.  unanswered: hold -> open notices.
    """

    ended: list[int] = field(default_factory=list)
    joined: int = 0
    unfinished: list[tuple[int, str]] = field(default_factory=list)
    unanswered: dict[int, int] = field(default_factory=dict)

    def to_do(self) -> Iterator[tuple[str, str]]:
        """What a person should do, each with how."""
        for hold_id, kind in self.unfinished:
            if kind == HoldKind.HALT.value:
                yield f"Every destruction is halted (H{hold_id}).", "`archiver dispose halt --end` ends it."
            else:
                yield (
                    f"H{hold_id} was left half placed: until it is in force nothing at all is destroyed.",
                    f"Run `archiver hold place --resume H{hold_id}`, or lift it.",
                )
        for hold_id, count in self.unanswered.items():
            yield (
                f"{count} {'notice' if count == 1 else 'notices'} of H{hold_id} are not answered.",
                f"`archiver hold show H{hold_id}` names them; `archiver hold notice H{hold_id}` asks again.",
            )

    def as_dict(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "ended": [f"H{one}" for one in self.ended],
            "joined": self.joined,
            "unfinished": [f"H{one}" for one, _kind in self.unfinished],
            "unanswered": {f"H{hold_id}": count for hold_id, count in self.unanswered.items()},
        }


@dataclass(slots=True)
class Report:
    """What a nightly run did and found; times in milliseconds UTC.

    observed: per source what was seen of its records at the source (hidden, gone ...), by kind.
    troubles: steps of the night itself that failed.  orphans: leftover files removed, None where that was put off.
    """

    city: str
    zone: str
    started_at: int
    ended_at: int = 0
    receipts: list[Receipt] = field(default_factory=list)
    observed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    health: list[SourceHealth] = field(default_factory=list)
    lapses: list[Lapse] = field(default_factory=list)
    holds: HoldsTonight = field(default_factory=HoldsTonight)
    index: IndexStatus | None = None
    orphans: int | None = None
    verified: Verified | None = None
    last_full_check: int | None = None
    head: SignedHead | None = None
    disks: list[Disk] = field(default_factory=list)
    troubles: list[Failure] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """failed: every source, or the check; partial: some source or step; warnings: something to look at."""
        word = overall(self.receipts).word
        if word in ("failed", "refused") or (self.verified and self.verified.problems):
            return Outcome.FAILED
        if word == "partial" or self.troubles:
            return Outcome.PARTIAL
        return Outcome.WARNINGS if word == "warnings" or any(self._to_do()) else Outcome.OK

    @property
    def exit_code(self) -> int:
        """0 ok or warnings, 3 partial, 1 failed."""
        return {Outcome.FAILED: 1, Outcome.PARTIAL: 3}.get(self.outcome, 0)

    def counts(self, receipt: Receipt) -> dict[str, int]:
        """A receipt's counts, with what was observed at the source."""
        seen = self.observed.get(receipt.source, {})
        return {**receipt.counts.as_dict(), **{kind: seen.get(kind, 0) for kind in ("hidden", "unhidden", "gone")}}

    def as_text(self) -> str:
        """The report for people."""
        bad = sum(1 for one in self.receipts if one.outcome in _BAD)
        words = {
            Outcome.OK: "all is well",
            Outcome.WARNINGS: "collected, with something to look at",
            Outcome.PARTIAL: f"PARTLY FAILED ({bad} of {len(self.receipts)} sources)",
            Outcome.FAILED: "FAILED",
        }
        lines = [f"Nightly report of {self.city}, {printed(self.started_at, self.zone)}: {words[self.outcome]}."]
        if to_do := list(self._to_do()):
            lines += ["", "WHAT TO DO"]
            lines += [f"{number}. {what}\n   -> {do}" for number, (what, do) in enumerate(to_do, 1)]
        lines += ["", "COLLECTED", *self._collected()]
        if noted := list(self._noted()):
            lines += ["", "NOT COVERED, AND WARNINGS", *noted]
        lines += ["", "STATE", *self._state()]
        return "\n".join(lines) + "\n"

    def _to_do(self) -> Iterator[tuple[str, str]]:
        if self.verified and self.verified.problems:
            problems = self.verified.problems
            more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
            yield (
                f"THE CHECK FOUND DAMAGE: {'; '.join(problems[:3])}{more}.",
                "Keep the archive as it is, run `archiver verify`, tell the records officer and the city attorney.",
            )
        by_name = {one.source: one for one in self.health}
        for receipt in self.receipts:
            if receipt.error is not None:
                yield self._broken(receipt, receipt.error, by_name.get(receipt.source))
        for trouble in self.troubles:
            yield trouble.message, trouble.hint
        yield from self._silent()
        for lapse in self.lapses:
            yield _lapse(lapse)
        yield from self.holds.to_do()
        if self.index is not None and not self.index.rebuilding and not self.index.complete:
            found = f"{self.index.indexed:,} of {self.index.records:,} records, {self.index.waiting:,} changes waiting"
            yield f"The search index is not complete: {found}.", "If it stays so, run `archiver index rebuild`."
        for disk in self.disks:
            if disk.low:
                yield (
                    f"The disk of {disk.path} is nearly full: {_size(disk.free)} of {_size(disk.total)} free.",
                    "Make room or move the archive to a larger disk; a full disk stops collection, nothing is lost.",
                )
        if not self.receipts and not self.health:
            yield "There is no source yet, so nothing is collected.", "Add one with `archiver source add`."

    def _broken(self, receipt: Receipt, error: Failure, health: SourceHealth | None) -> tuple[str, str]:
        place = f" [{error.where}]" if error.where else ""
        word = "was refused" if receipt.outcome is Outcome.REFUSED else "could not be read to its end"
        since = ""
        if health is not None:
            last = printed(health.last_success, self.zone) if health.last_success else "never"
            times = f"; failed {health.failures} times in a row" if health.failures > 1 else ""
            since = f" Last read to its end: {last}{times}."
        return f"{receipt.source} {word}: {error.message}{place}{since}", error.hint

    def _silent(self) -> Iterator[tuple[str, str]]:
        failed = {one.source for one in self.receipts if one.error is not None}
        for one in self.health:
            if one.silent and one.source not in failed:
                yield (
                    f"{one.source} was not read to its end for {one.silent_days} days.",
                    f"Run `archiver source test {one.source}`.",
                )
            elif one.quiet and one.source not in failed:
                yield (
                    f"{one.source} can be read, but brought nothing new for {one.quiet_days} days.",
                    "Look at the account: is it still used, and does it still show everything?",
                )

    def _collected(self) -> Iterator[str]:
        if not self.receipts:
            yield "  nothing"
        for receipt in sorted(self.receipts, key=lambda one: (one.outcome not in _BAD, one.source)):
            counts = self.counts(receipt)
            parts = [
                f"{counts[name]:,} {word}" for name, word in _COUNTS if counts[name] or name in ("seen", "new_records")
            ]
            if receipt.gaps:
                parts.append(f"{len(receipt.gaps)} {'gap' if len(receipt.gaps) == 1 else 'gaps'}")
            mark = receipt.outcome.value.upper() if receipt.outcome in _BAD else receipt.outcome.value
            yield f"  {receipt.source}: {mark}: {', '.join(parts)}"

    def _noted(self) -> Iterator[str]:
        for receipt in self.receipts:
            for gap in receipt.gaps:
                since = printed(gap.since, self.zone) if gap.since is not None else "the beginning"
                until = printed(gap.until, self.zone) if gap.until is not None else "now"
                yield f"  {receipt.source}: not covered from {since} to {until}: {gap.reason}"
            for warning in receipt.warnings[:WARNINGS_SHOWN]:
                yield f"  {receipt.source}: {warning}"
            if (more := len(receipt.warnings) - WARNINGS_SHOWN) > 0:
                yield f"  {receipt.source}: and {more} more warnings (`archiver nightly --json` has all)"

    def _state(self) -> Iterator[str]:
        if self.index is not None:
            rebuilt = ", a new one is being made" if self.index.rebuilding else ""
            found = f"{self.index.indexed:,} of {self.index.records:,} records"
            yield f"  Search index: {found}, {self.index.waiting} changes waiting{rebuilt}."
        if self.verified is not None:
            part, of = self.verified.part
            result = f"{len(self.verified.problems)} problems" if self.verified.problems else "nothing wrong"
            yield f"  Check of part {part} of {of}: {self.verified.checked:,} checked, {result}."
        if self.last_full_check is not None:
            yield f"  Last full check without a problem: {printed(self.last_full_check, self.zone)}."
        if self.holds.joined:
            yield f"  {self.holds.joined:,} records joined holds that stand."
        if self.holds.ended:
            ended = ", ".join(f"H{one}" for one in self.holds.ended)
            yield f"  Holds of closed requests ended after their last day: {ended}."
        if self.orphans:
            yield f"  {self.orphans} leftover files of broken-off runs were removed."
        if self.head is not None:
            yield f"  Audit log signed: {self.head.size:,} entries, root {self.head.root[:16]}."
        for disk in self.disks:
            yield f"  Disk of {disk.path}: {_size(disk.free)} of {_size(disk.total)} free."

    def as_dict(self) -> dict[str, Any]:
        """The report for scripts (`nightly/1`); times in ISO 8601."""
        return {
            "outcome": self.outcome.value,
            "started_at": iso(self.started_at),
            "ended_at": iso(self.ended_at),
            "to_do": [{"what": what, "do": do} for what, do in self._to_do()],
            "captures": [{**one.as_dict(), **self.counts(one)} for one in self.receipts],
            "sources": [_health(one) for one in self.health],
            "lapses": [
                {
                    "declaration": one.declaration_id,
                    "custodian": one.custodian,
                    "subject": one.subject,
                    "ends_on": one.ends_on.isoformat(),
                }
                for one in self.lapses
            ],
            "holds": self.holds.as_dict(),
            "index": None if self.index is None else _index(self.index),
            "verification": None if self.verified is None else _verified(self.verified),
            "last_full_check": iso(self.last_full_check),
            "orphans_removed": self.orphans,
            "audit_head": None if self.head is None else {"size": self.head.size, "root": self.head.root},
            "disks": [{"path": one.path, "free": one.free, "total": one.total, "low": one.low} for one in self.disks],
            "troubles": [{"code": one.code, "message": one.message, "hint": one.hint} for one in self.troubles],
        }

    def facts(self) -> dict[str, Any]:
        """What the ledger keeps: ids, codes and numbers, no names and no text."""
        ids = {one.source: one.source_id for one in self.health}
        return {
            "captures": [
                {
                    "source": ids.get(one.source),
                    "outcome": one.outcome.value,
                    "gaps": len(one.gaps),
                    "warnings": len(one.warnings),
                    "error": None if one.error is None else one.error.code,
                    **self.counts(one),
                }
                for one in self.receipts
            ],
            "to_do": sum(1 for _ in self._to_do()),
            "waiting": None if self.index is None else self.index.waiting,
            "problems": None if self.verified is None else len(self.verified.problems),
            "head": None if self.head is None else self.head.size,
            "troubles": [one.code for one in self.troubles],
        }


def _lapse(lapse: Lapse) -> tuple[str, str]:
    what = f"Declaration {lapse.declaration_id} ({lapse.custodian}, {lapse.subject})"
    if lapse.days_left > 0:
        days = "tomorrow" if lapse.days_left == 1 else f"in {lapse.days_left} days"
        return (
            f"{what} ends on {lapse.ends_on.isoformat()}, {days}.",
            "Ask whether the use for city business goes on; if so, have it declared anew before that day.",
        )
    return (
        f"{what} ended on {lapse.ends_on.isoformat()}; nothing sent since is kept, but it is still read.",
        "Have it declared anew, or remove the source with `archiver source remove`.",
    )


def _health(one: SourceHealth) -> dict[str, Any]:
    return {
        "source": one.source,
        "last_success": iso(one.last_success),
        "last_new": iso(one.last_new),
        "failures": one.failures,
        "broken": one.broken,
        "silent_days": one.silent_days if one.silent else 0,
        "refused": one.refused,
    }


def _index(status: IndexStatus) -> dict[str, Any]:
    return {
        "engine": status.engine,
        "indexed": status.indexed,
        "records": status.records,
        "waiting": status.waiting,
        "bytes": status.size,
    }


def _verified(one: Verified) -> dict[str, Any]:
    return {"part": one.part[0], "of": one.part[1], "checked": one.checked, "problems": list(one.problems)}


def _size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"
