"""Confirming a restore: what a records officer has to know before the archive may destroy anything again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.dispose.after_restore import give_up
from archiver.errors import Refused, UsageError
from archiver.operate.restore import ACT
from archiver.vault.payloads import keep_text
from schema.db.audit import audit_event
from schema.db.backup import restore
from schema.db.hold import hold, hold_member
from schema.db.record import tombstone
from schema.vocab import HoldState, OwnerKind, Role


@dataclass(frozen=True, slots=True)
class LiveHold:
    """A live hold.

    asking: it had a question and came back without it, so that it must be placed again.  lifted_since: the newest list
    no longer has it, so that it was lifted after the backup.
    """

    id: int
    kind: str
    matter: str
    members: int
    asking: bool
    lifted_since: bool


@dataclass(frozen=True, slots=True)
class Pending:
    """A restore that nobody confirmed yet; times in milliseconds UTC.

    list_taken_at: up to when destructions and holds are known.  stay_destroyed: records that were in the backup and
    were destroyed since.  newest_record_id: of the lost archive as far as is known, last_record_id: of the backup.
    members_lost: held records that the backup does not have.  numbers: given after the backup, by name:year.
    """

    id: int
    backup_taken_at: int
    restored_at: int
    list_taken_at: int
    records: int
    last_record_id: int
    newest_record_id: int
    tombstones: int
    stay_destroyed: int
    expunged: int
    members_lost: int
    numbers: Mapping[str, Any]
    holds: tuple[LiveHold, ...]


def pending(session: Session) -> list[Pending]:
    """Every restore that waits for its confirmation, oldest first."""
    rows = session.execute(select(restore).where(restore.c.confirmed_at.is_(None)).order_by(restore.c.id)).mappings()
    found = []
    for row in rows.all():
        event = select(audit_event.c.facts).where(
            audit_event.c.act == ACT, audit_event.c.object_kind == "restore", audit_event.c.object_id == row["id"]
        )
        facts = json.loads(session.execute(event).scalar_one())
        found.append(
            Pending(
                id=row["id"],
                backup_taken_at=row["backup_taken_at"],
                restored_at=row["restored_at"],
                list_taken_at=facts["list_taken_at"],
                records=facts["records"],
                last_record_id=facts["last_record_id"],
                newest_record_id=facts["newest_record_id"],
                tombstones=int(session.execute(select(func.count()).select_from(tombstone)).scalar_one()),
                stay_destroyed=facts["stay_destroyed"],
                expunged=facts["expunged"],
                members_lost=facts["members_lost"],
                numbers=facts["numbers"],
                holds=_live_holds(session, set(facts["asking"]), set(facts["lifted_since"])),
            )
        )
    return found


def _live_holds(session: Session, asking: set[int], lifted: set[int]) -> tuple[LiveHold, ...]:
    rows = session.execute(
        select(hold.c.id, hold.c.kind, hold.c.matter, func.count(hold_member.c.record_id))
        .join(hold_member, hold_member.c.hold_id == hold.c.id, isouter=True)
        .where(hold.c.state != HoldState.LIFTED.value)
        .group_by(hold.c.id, hold.c.kind, hold.c.matter)
        .order_by(hold.c.id)
    )
    return tuple(
        LiveHold(one, kind, matter, members, one in asking, one in lifted) for one, kind, matter, members in rows
    )


def confirm(archive: Archive, session: Session, actor: Actor, reason: str) -> list[Pending]:
    """Confirm every restore that waits, in the caller's transaction; returns them as they were.

    From its commit on the archive may dispose of records again, by new proposals only: what was proposed or approved
    before the backup is withdrawn, since answers given after it are lost.  Raises Refused, UsageError without a reason.
    """
    require(actor, Role.RECORDS_OFFICER)
    if not reason.strip():
        raise UsageError(problem="say in --reason how you know that tombstones and holds are complete")
    waiting = pending(session)
    if not waiting:
        raise Refused(reason="no restore waits for a confirmation", action="Nothing to do.")
    for one in waiting:
        owner = archive.vault.add_owner(session, OwnerKind.RESTORE, one.id)
        values = {
            "confirmed_at": archive.now(),
            "confirmed_by": actor.id,
            "reason_payload_id": keep_text(session, archive.vault, owner, reason),
        }
        session.execute(update(restore).where(restore.c.id == one.id).values(values))
        facts = {
            "tombstones": one.tombstones,
            "holds": len(one.holds),
            "taken_at": one.backup_taken_at,
            "list_taken_at": one.list_taken_at,
        }
        archive.record_act(session, "restore.confirm", "restore", one.id, actor_id=actor.id, facts=facts)
    give_up(archive, session, actor)
    return waiting
