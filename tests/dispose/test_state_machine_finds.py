"""The judge is not blind: with a fault seeded in every layer that stands against it, the machine finds a breach."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import ColumnElement, false

from archiver.dispose import answers, approval, chunks, due, readiness, waits
from archiver.dispose.batches import mark_left
from archiver.pipeline import standing
from archiver.retain import placing
from schema.db import guards
from schema.db.record import record
from schema.db.retain import retention_tag
from schema.disposal_vocab import ExceptionReason
from tests.dispose.test_state_machine import ground, play  # noqa: F401  (a fixture)
from tests.fixtures.disposal_machine import Template

Patch = pytest.MonkeyPatch

pytestmark = pytest.mark.long


def guards_with(patch: Patch, condition: str, instead: str) -> None:
    """Write the guards as if somebody had erred; the archive is made with them and takes them for its own."""
    before = guards.GUARDS  # type: ignore[attr-defined]  # where the triggers take them from
    changed = tuple((*one[:3], one[3].replace(condition, instead), one[4]) for one in before)
    assert changed != before, "the condition is not written like this any more"
    patch.setattr(guards, "GUARDS", changed)


def forgotten(patch: Patch, *reasons: ExceptionReason) -> None:
    """Readiness forgets why a record has to leave."""
    written = readiness._reasons

    def some(*arguments: Any) -> Iterator[tuple[ColumnElement[bool], str]]:
        return (one for one in written(*arguments) if one[1] not in reasons)

    patch.setattr(readiness, "_reasons", some)


def no_holds(patch: Patch) -> None:
    """Members of holds are forgotten by guards, proposal and readiness."""
    guards_with(patch, "AND h.state <> 'lifted'", "AND h.state = 'nowhere'")
    patch.setattr(due, "held", lambda _record: false())
    patch.setattr(due, "held_since", lambda _record, _moment: false())


def no_requests(patch: Patch) -> None:
    """Requests that are not searched are forgotten by guards and readiness."""
    guards_with(patch, "h.scope = 'preliminary'", "h.scope = 'nowhere'")
    patch.setattr(waits, "_not_searched", lambda *_arguments: iter(()))


def no_retain(patch: Patch) -> None:
    """A department's "retain" is written down and then forgotten."""
    guards_with(patch, "dr.answer <> 'retain'", "TRUE")
    patch.setattr(answers, "leaving_at", lambda *_arguments: None)
    forgotten(patch, ExceptionReason.RETAINED)


def undue(patch: Patch) -> None:
    """Records are proposed whenever they have a due date at all."""
    guards_with(patch, "t.due_on <= d.due_until", "t.due_on IS NOT NULL")

    def soon(series_id: int, _day: object) -> ColumnElement[bool]:
        mine = (retention_tag.c.series_id == series_id) & retention_tag.c.ended_at.is_(None)
        return mine & retention_tag.c.due_on.is_not(None) & record.c.destroyed_at.is_(None)

    patch.setattr(due, "due", soon)
    forgotten(patch, ExceptionReason.NOT_DUE)


def no_second_person(patch: Patch) -> None:
    """Who proposes approves."""
    guards_with(patch, "OR NEW.approved_by = NEW.proposed_by", "")
    guards_with(patch, " AND d.proposed_by <> NEW.person_id", "")
    patch.setattr(approval, "_check_person", lambda *_arguments: None)


def lifted_and_forgotten(patch: Patch) -> None:
    """A record stays in its batch although it was held after the proposal."""
    forgotten(patch, ExceptionReason.HOLD_LIFTED)


def edited_and_forgotten(patch: Patch) -> None:
    """A record stays in its batch although it has changed since."""
    forgotten(patch, ExceptionReason.CHANGED)


def standing_holds_asleep(patch: Patch) -> None:
    """Standing holds say that they have looked, and have not."""

    def asleep(archive: Any, _engine: Any, question: Any, seen: Any) -> int:
        with archive.unit() as session:
            placing.note_evaluated(session, question.hold_id, seen)
        return 0

    patch.setattr(standing, "_evaluate", asleep)


def destroys_nothing(patch: Patch) -> None:
    """Every record leaves at the last moment: safe, and useless."""

    def leave(self: Any, session: Any, ids: Any) -> list[int]:
        mark_left(session, self._id, dict.fromkeys(ids, ExceptionReason.CHANGED), self._archive.now())
        return []

    patch.setattr(chunks.Chunks, "_let_leave", leave)


QUICK = (no_holds, undue, no_second_person, destroys_nothing)
SLOW = (no_requests, no_retain, lifted_and_forgotten, edited_and_forgotten, standing_holds_asleep)
"""Those that ask for rarer turns of events."""


@pytest.mark.parametrize("fault", [*QUICK, *(pytest.param(one, marks=pytest.mark.long) for one in SLOW)])
def test_the_machine_finds(
    fault: Callable[[Patch], None], ground: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A seeded fault becomes a breach within the examples of an ordinary run."""
    fault(monkeypatch)
    with pytest.raises(AssertionError):
        play(Template(tmp_path / "city", None), 500, shrink=False)
