"""`dispose halt`: everyone who answers for records can stop every destruction; few can let it go on."""

from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.errors import Refused, UsageError
from archiver.retain.halting import begin_halt, end_halts
from schema.vocab import Role


def halt(archive: Archive, session: Session, actor: Actor, reason: str) -> int:
    """Stop every destruction from the caller's commit on; returns the id of the hold that does it."""
    require(actor, Role.RECORDS_OFFICER, Role.CLERK, Role.ATTORNEY, Role.ADMINISTRATOR)
    if not reason.strip():
        raise UsageError(problem="say with --reason why everything stops")
    new = begin_halt(archive, session, actor, reason)
    archive.record_act(session, "dispose.halt", "hold", new, actor_id=actor.id, text=reason)
    return new


def resume(archive: Archive, session: Session, actor: Actor, reason: str) -> list[int]:
    """End every halt; returns the holds that were lifted.  Raises Refused where nothing is halted."""
    require(actor, Role.RECORDS_OFFICER, Role.ATTORNEY)
    if not reason.strip():
        raise UsageError(problem="say with --reason why destruction may go on")
    ended = end_halts(archive, session, actor)
    if not ended:
        raise Refused(reason="nothing is halted", action="Nothing to do.")
    for one in ended:
        archive.record_act(session, "dispose.resume", "hold", one, actor_id=actor.id, text=reason)
    return ended
