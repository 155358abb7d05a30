"""After a restore no earlier approval counts: what was answered, withdrawn or held since the backup is not known."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from archiver.access import Actor
from archiver.archive import Archive
from archiver.dispose.batches import leaving_at, set_state, waiting
from schema.db.dispose import disposition, disposition_record
from schema.disposal_vocab import DispositionState, ExceptionReason

_UNDECIDED = (DispositionState.PROPOSED.value, DispositionState.APPROVED.value)
_BEGUN = (DispositionState.EXECUTING.value, DispositionState.HALTED.value)


def give_up(archive: Archive, session: Session, actor: Actor) -> list[int]:
    """Withdraw what was proposed or approved, and let no further record go of what had begun, in the confirmation's
    transaction; returns the dispositions.  A department's "retain" given after the backup would else be undone.
    """
    chosen = select(disposition.c.id, disposition.c.state).where(disposition.c.state.in_((*_UNDECIDED, *_BEGUN)))
    given_up = []
    for number, state in session.execute(chosen.order_by(disposition.c.id)).all():
        if state in _UNDECIDED:
            set_state(session, number, DispositionState.WITHDRAWN)
        else:
            left = {"left_why": ExceptionReason.CHANGED.value, "left_at": leaving_at(session, number, archive.now())}
            session.execute(update(disposition_record).where(waiting(number)).values(left))
        act, facts = "dispose.withdraw", {"restored": True, "state": state}
        archive.record_act(session, act, "disposition", number, actor_id=actor.id, facts=facts)
        given_up.append(int(number))
    return given_up
