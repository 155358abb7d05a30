"""Verifying the log: every event against its leaf, every head against the tree, no place left out."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archiver.audit.heads import head_is_genuine
from archiver.audit.log import event_leaf
from archiver.audit.merkle import Peaks
from schema.db.audit import audit_event, audit_head
from schema.wire.audit import SignedHead

_BATCH = 1 << 14
"""Entries read at a time; a power of two, so that whole subtrees are hashed at once."""
_NAMED = 100
"""Problems that are named one by one; the others are counted."""

_COLUMNS = (
    audit_event.c.position,
    audit_event.c.id,
    audit_event.c.leaf,
    audit_event.c.at,
    audit_event.c.actor_id,
    audit_event.c.act,
    audit_event.c.object_kind,
    audit_event.c.object_id,
    audit_event.c.outcome,
    audit_event.c.facts,
    audit_event.c.text_digest,
)


@dataclass(frozen=True, slots=True)
class LogCheck:
    """What verifying the log found."""

    events: int
    heads: int
    problems: tuple[str, ...]
    root: bytes


class LogWalk:
    """Recomputes every leaf and root in steps, each in a read transaction of its own, so that a long log blocks nobody.

    public: our signing key, 32 bytes.  kept: heads that were printed or given away, which only a log that still
    begins with the same entries satisfies; they alone show that a log was cut off together with its own heads.
    """

    def __init__(self, session: Session, public: bytes, kept: Sequence[SignedHead] = ()) -> None:
        self._public = public
        self._heads: dict[int, list[Mapping[Any, Any]]] = {}
        for row in session.execute(select(audit_head)).mappings():
            self._heads.setdefault(row["size"], []).append(row)
        self._own = sum(map(len, self._heads.values()))
        for one in kept:
            self._heads.setdefault(one.size, []).append(_row(one))
        self._sizes = sorted(self._heads)
        # On SQLite one writer at a time gives ids and places, so both ascend; elsewhere a later id may commit first.
        self._ordered = session.get_bind().dialect.name == "sqlite"
        self._peaks, self._last_id, self._more = Peaks(), 0, 0
        self._problems: list[str] = []
        self.position = 0
        """Entries checked so far."""
        self._check_heads()

    def step(self, session: Session) -> LogCheck | None:
        """Check the next entries; the result once none is left, None before."""
        if rows := _read(session, self.position):
            self._check_rows(rows)
            return None
        total = int(session.execute(select(func.count()).select_from(audit_event)).scalar_one())
        if total > self._peaks.size:
            self._problem(f"{total - self._peaks.size} events have no place in the log")
        for size in self._sizes:
            if size > self.position:
                self._problem(f"signed up to entry {size}, but only {self.position} are left")
        if self._more:
            self._problems.append(f"{self._more} more of this kind")
        return LogCheck(total, self._own, tuple(self._problems), self._peaks.root())

    def _problem(self, text: str) -> None:
        if len(self._problems) < _NAMED:
            self._problems.append(text)
        else:
            self._more += 1

    def _check_rows(self, rows: Sequence[Any]) -> None:
        leaves: list[bytes] = []
        position, last_id, stop = self.position, self._last_id, self._next_head()
        for place, event_id, stored, at, actor, act, kind, object_id, outcome, facts, text in rows:
            if place != position:
                self._problem(f"entry {position} is missing before event {event_id}")
                position = place
            if event_id < last_id and self._ordered:
                self._problem(f"event {event_id} stands after event {last_id}")
            last_id = event_id
            leaf = event_leaf(at, actor, act, kind, object_id, outcome, facts, text)
            if leaf != stored:
                self._problem(f"event {event_id} was changed")
            leaves.append(leaf)
            position += 1
            if position >= stop:
                self._peaks.extend(leaves)
                leaves, self.position = [], position
                self._check_heads()
                stop = self._next_head()
        self._peaks.extend(leaves)
        self.position, self._last_id = position, last_id

    def _next_head(self) -> int:
        after = bisect_right(self._sizes, self.position)
        return self._sizes[after] if after < len(self._sizes) else 1 << 63

    def _check_heads(self) -> None:
        size = self.position
        for head in self._heads.get(size, ()):
            if head["root"] != self._peaks.root():
                self._problem(f"the entries before {size} are not those that were signed")
            ours = head.get("public_key", self._public) == self._public
            if not ours or not head_is_genuine(size, head["root"], head["signed_at"], head["signature"], self._public):
                self._problem(f"the signature of head {size} is not ours")


def verify_log(session: Session, public: bytes, kept: Sequence[SignedHead] = ()) -> LogCheck:
    """Verify the whole log in one transaction; problems name the event or head that does not fit."""
    walk = LogWalk(session, public, kept)
    while (result := walk.step(session)) is None:
        pass
    return result


def _row(head: SignedHead) -> dict[str, Any]:
    return {
        "size": head.size,
        "root": bytes.fromhex(head.root),
        "signed_at": head.signed_at,
        "signature": bytes.fromhex(head.signature),
        "public_key": bytes.fromhex(head.public_key),
    }


def _read(session: Session, start: int) -> Sequence[Any]:
    """The next entries; where a whole batch of places is empty, those after it."""
    place = audit_event.c.position
    stop = (start // _BATCH + 1) * _BATCH
    chosen = select(*_COLUMNS).order_by(place)
    rows = session.execute(chosen.where(place >= start, place < stop)).all()
    return rows or session.execute(chosen.where(place >= start).limit(_BATCH)).all()
