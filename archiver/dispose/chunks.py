"""Destroying a batch chunk by chunk: each short, each whole, each asked again whether a hold came first."""

from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from archiver import outbox
from archiver.accession.destroyed import lock
from archiver.archive import Archive
from archiver.clock import monotonic
from archiver.dispose.batches import living, mark_left, row_of, set_state, waiting
from archiver.dispose.destroy import destroy
from archiver.dispose.notes import note, notes
from archiver.dispose.readiness import Refusal, look, reasons_to_leave
from archiver.dispose.waits import halts
from archiver.errors import Locked, Refused
from archiver.index.opening import chosen, index_turn, open_index
from archiver.index.rebuild import work_off
from archiver.vault.erase import remove_objects
from schema.db.backup import restore
from schema.db.dispose import disposition_record
from schema.disposal_vocab import DispositionState, ExceptionReason
from schema.vocab import OutboxKind

LOCK_AIM_S = 0.05
"""Seconds for which a chunk may hold the writers' lock (decision 9)."""
SMALLEST, FIRST, LARGEST = 50, 200, 1_000


class Chunks:
    """The chunks of one executing disposition, from wherever an earlier execution stopped."""

    def __init__(self, archive: Archive, disposition_id: int) -> None:
        self._archive, self._id = archive, disposition_id
        self._size = FIRST
        self._choice = chosen(archive)
        self._engine = open_index(archive)

    def destroy_all(self, stopped: Callable[[], bool]) -> Iterator[int]:
        """Destroy all that may go; yields after each chunk how many records went.

        A record that is held, answered "retain" or changed meanwhile leaves.  Where something stops all of them, the
        disposition is halted and Refused raised.  Raises Locked while the index is rebuilt.
        """
        try:
            clear_pending(self._archive, self._id)
            while not stopped():
                with self._archive.reading() as session:
                    ids = living(session, self._id, 0, self._size)
                if not ids:
                    break
                yield self._chunk(ids)
        except Refused:
            work_off(self._archive)  # what survives is searchable again at once
            raise
        finally:
            self._engine.close()
        work_off(self._archive)

    def _chunk(self, ids: Sequence[int]) -> int:
        """Index rows go first; should we be killed then, the outbox brings back those that survive."""
        with self._archive.unit() as session:
            refusals = brakes(session)
            going = [] if refusals else self._let_leave(session, ids)
            task = outbox.enqueue(session, OutboxKind.INDEX, going, self._archive.now())
        if refusals:
            self._halt(refusals)
        if task is None:
            return 0
        self._unindex(going)
        return self._destroy(going, task)

    def _let_leave(self, session: Session, ids: Sequence[int]) -> list[int]:
        """Take out what may no longer go; returns the rest."""
        now = self._archive.now()
        if leaving := reasons_to_leave(self._archive, session, self._id, ids):
            mark_left(session, self._id, leaving, now)
        mine = select(disposition_record.c.record_id).where(waiting(self._id), disposition_record.c.record_id.in_(ids))
        going = set(session.execute(mine).scalars())  # an answer "retain" takes a record out by itself
        outbox.enqueue(session, OutboxKind.INDEX, (one for one in ids if one not in going), now)
        return sorted(going)

    def _unindex(self, ids: Sequence[int]) -> None:
        for _ in range(2):
            with index_turn(self._archive, self._choice) as ours:
                if ours:
                    self._engine.write((), ids, self._engine.watermark())
                    return
            self._engine.close()
            self._choice = chosen(self._archive)
            self._engine = open_index(self._archive)
        raise Locked(holder="the index is being rebuilt")

    def _destroy(self, ids: Sequence[int], task: int) -> int:
        """Destroy in one transaction; a chunk that the database refuses is halved until what it refuses is alone."""
        pieces, done = [list(ids)], 0
        while pieces:
            piece = pieces.pop()
            try:
                done += self._unit(piece, None if pieces else task)
            except IntegrityError as error:
                if "guard: " not in str(error.orig):
                    raise
                self._refused(piece, pieces)
        return done

    def _unit(self, ids: Sequence[int], task: int | None) -> int:
        """task: the outbox row that would bring the whole chunk back, done with the last piece."""
        with self._archive.unit() as session:
            began = monotonic()
            lock(session, ids)
            going = self._let_leave(session, ids)
            names = destroy(self._archive, session, self._id, going, self._archive.now()) if going else []
            if names:
                note(session, self._id, pending=names)
            if task is not None:
                outbox.finish(session, [task])
        self._adapt(monotonic() - began, len(ids))
        if names:
            clear_pending(self._archive, self._id)
        return len(going)

    def _refused(self, piece: Sequence[int], pieces: list[list[int]]) -> None:
        with self._archive.reading() as session:
            refusals = look(self._archive, session, self._id).refusals
        if refusals:
            self._halt(refusals)
        if len(piece) > 1:
            half = len(piece) // 2
            pieces += [list(piece[half:]), list(piece[:half])]
            return
        with self._archive.unit() as session:
            self._let_leave(session, piece)
            if piece[0] in living(session, self._id, piece[0] - 1, 1):
                # The guards know best: whatever they refuse, and we cannot name, is kept.
                mark_left(session, self._id, {piece[0]: ExceptionReason.HELD}, self._archive.now())
            outbox.enqueue(session, OutboxKind.INDEX, piece, self._archive.now())

    def _halt(self, refusals: Sequence[Refusal]) -> None:
        halt(self._archive, self._id, refusals)

    def _adapt(self, held: float, count: int) -> None:
        ideal = count * LOCK_AIM_S / max(held, 0.001)
        self._size = int(min(LARGEST, max(SMALLEST, (self._size + ideal) / 2)))


def brakes(session: Session) -> list[Refusal]:
    """What stops every destruction at once: a hold that is being placed, a halt, a restore that nobody confirmed."""
    found = list(halts(session))
    unconfirmed = select(func.count()).select_from(restore).where(restore.c.confirmed_at.is_(None))
    if session.execute(unconfirmed).scalar_one():
        found.append(
            Refusal("this archive was restored and nobody has confirmed it", "Run `archiver restore confirm`.")
        )
    return found


def halt(archive: Archive, disposition_id: int, refusals: Sequence[Refusal]) -> None:
    """Note that an execution stops here; raises Refused with each reason, and how to go on."""
    with archive.unit() as session:
        set_state(session, disposition_id, DispositionState.HALTED)
        facts, actor = {"refusals": len(refusals)}, row_of(session, disposition_id)["executed_by"]
        act, kind = "dispose.halted", "disposition"
        archive.record_act(session, act, kind, disposition_id, actor_id=actor, outcome="refused", facts=facts)
    said = "; ".join(one.reason for one in refusals)
    actions = " ".join(dict.fromkeys(one.action for one in refusals))
    raise Refused(
        reason=f"D{disposition_id} is halted, what it destroyed so far stays destroyed: {said}",
        action=f"{actions} Then run `archiver dispose execute D{disposition_id}` again: it goes on where it stopped.",
    )


def clear_pending(archive: Archive, disposition_id: int) -> None:
    """Remove the objects of records whose destruction is committed; a crash in between leaves them noted."""
    with archive.reading() as session:
        names = notes(session, disposition_id).get("pending")
        if names:
            remove_objects(session, archive.vault.objects, names)
    if names:
        with archive.unit() as session:
            note(session, disposition_id, pending=[])
