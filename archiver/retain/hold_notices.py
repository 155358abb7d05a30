"""Notices of holds: the letter that orders automatic deletion off, and what is answered for each device and account."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, insert, or_, select, update
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.clock import city_date
from archiver.errors import NotFound, Refused, UsageError
from archiver.retain.holds import PLACERS
from archiver.sources.custodians import custodian_id
from archiver.sources.subjects import subject_id
from archiver.vault.payloads import keep_text, read_text
from schema.db.hold import hold, hold_member, hold_notice, hold_source
from schema.db.people import custodian, person
from schema.db.record import record
from schema.db.sources import account, device, source
from schema.disposal_vocab import NoticeAnswer
from schema.vocab import HoldKind, HoldScope, HoldState, OwnerKind, Role

LETTER = """{city}, {day}
To: {name}
Hold H{hold}: {matter}

Please keep everything that has to do with {matter}. From now on, and until we tell you in
writing that this has ended, do not delete, change, move or replace any of it.

What must be kept: messages, mail, posts, comments, photos, recordings, voicemail, call lists and
files, also drafts, and also what others sent to you. It does not matter whether the device or
account is yours or the city's.

Turn automatic deletion off now on each of these:
{things}
Automatic deletion is, for example: messages that vanish after a time, "keep messages for 30 days",
a trash that empties itself, a storage clean-up, a new phone without a copy of the old one.

Then tell {sender} which of these is true, for each of them:
  deletion_off            it was on, and now it is off
  no_automatic_deletion   nothing is deleted by itself there
  nothing_on_it           nothing about this is there
  already_lost            something about this is already gone (please say what, and since when)
  refused                 I do not do this (please say why)
If you are not sure how to do it, leave the device as it is and call {sender} first.
"""


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice as it was given out: to whom, for how many devices and accounts, and its letter."""

    custodian: str
    things: int
    letter: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The notices of a hold that nobody has answered: how many, and when the oldest was given (milliseconds UTC)."""

    count: int
    since: int


def send(
    archive: Archive, session: Session, actor: Actor, hold_id: int, names: Sequence[str] | None = None
) -> list[Notice]:
    """Write down a notice for each device and account of custodians, and return the letters.

    names: custodians; by default all whose accounts and devices the hold's records come from.  Given again it asks
    again.  Raises NotFound, Refused, UsageError.
    """
    require(actor, *PLACERS)
    row = _living(session, hold_id)
    chosen = [custodian_id(session, name) for name in names] if names else concerned(session, hold_id)
    if not chosen:
        raise UsageError(
            problem=f"no custodian is known for what H{hold_id} holds; name one with --custodian, nothing was written"
        )
    return [_notice(archive, session, actor, row, one) for one in dict.fromkeys(chosen)]


def _living(session: Session, hold_id: int) -> dict[str, Any]:
    row = session.execute(select(hold).where(hold.c.id == hold_id)).mappings().one_or_none()
    if row is None or row["kind"] == HoldKind.HALT.value:
        raise NotFound(noun="hold", name=f"H{hold_id}")
    if row["state"] == HoldState.LIFTED.value:
        raise Refused(reason=f"H{hold_id} is lifted", action="Place a new hold, if records must be kept again.")
    return dict(row)


def concerned(session: Session, hold_id: int) -> list[int]:
    """The custodians of the accounts and devices that a hold's records come from, by id."""
    scope = session.execute(select(hold.c.scope).where(hold.c.id == hold_id)).scalar_one()
    limited = select(hold_source.c.source_id).where(hold_source.c.hold_id == hold_id)
    members = (
        select(record.c.source_id)
        .join(hold_member, hold_member.c.record_id == record.c.id)
        .where(hold_member.c.hold_id == hold_id)
    )
    covered: ColumnElement[bool] = source.c.id.in_(members)
    if scope == HoldScope.PRELIMINARY.value:
        covered = or_(source.c.id.in_(limited), ~limited.exists())
    found = (
        select(func.coalesce(account.c.custodian_id, device.c.custodian_id))
        .select_from(source)
        .join(account, account.c.id == source.c.account_id, isouter=True)
        .join(device, device.c.id == source.c.device_id, isouter=True)
        .where(covered)
        .distinct()
    )
    return sorted(int(one) for one in session.execute(found).scalars() if one is not None)


def _notice(archive: Archive, session: Session, actor: Actor, row: dict[str, Any], who: int) -> Notice:
    name = session.execute(select(custodian.c.name).where(custodian.c.id == who)).scalar_one()
    lines, rows = [], []
    for table, column, word in ((device, "device_id", "device"), (account, "account_id", "account")):
        detail = table.c.kind if table is device else table.c.platform
        theirs = select(table.c.id, table.c.name, detail).where(table.c.custodian_id == who, table.c.ended_at.is_(None))
        for thing_id, thing, what in session.execute(theirs.order_by(table.c.id)):
            rows.append({column: thing_id})
            lines.append(f"  - {word} {thing} ({what.replace('_', ' ')})")
    given = {"hold_id": row["id"], "custodian_id": who, "sent_at": archive.now(), "sent_by": actor.id}
    for one in rows or [{}]:
        session.execute(insert(hold_notice).values(**given, **one))
    archive.record_act(
        session, "hold.notice", "hold", row["id"], actor_id=actor.id, facts={"custodian": who, "things": len(rows)}
    )
    letter = LETTER.format(
        city=archive.city.name,
        day=city_date(archive.now(), archive.city.timezone).isoformat(),
        name=name,
        hold=row["id"],
        matter=row["matter"],
        things="\n".join(lines or ["  - every phone, computer and account that you use for this"]),
        sender=actor.name,
    )
    return Notice(name, len(rows), letter)


def answer(
    archive: Archive,
    session: Session,
    actor: Actor,
    hold_id: int,
    said: NoticeAnswer,
    *,
    custodian: str,
    device: str | None = None,
    account: str | None = None,
    note: str | None = None,
) -> int:
    """Write down what a custodian answered, for one device or account, or for all that is still unanswered.

    Returns how many notices this answers.  A later answer is written beside the earlier one.  note: their own words,
    sealed.  Raises NotFound, Refused, UsageError.
    """
    require(actor, *PLACERS, Role.DEPARTMENT_REVIEWER)
    _living(session, hold_id)
    if said in (NoticeAnswer.REFUSED, NoticeAnswer.ALREADY_LOST) and not (note or "").strip():
        raise UsageError(problem=f"`{said.value}` needs a note: what was lost, or why it was refused (--note)")
    if device is not None and account is not None:
        raise UsageError(problem="name a device or an account, not both")
    who = custodian_id(session, custodian)
    concerns = [hold_notice.c.hold_id == hold_id, hold_notice.c.custodian_id == who]
    if device is not None:
        concerns.append(hold_notice.c.device_id == subject_id(session, _DEVICE, device))
    if account is not None:
        concerns.append(hold_notice.c.account_id == subject_id(session, _ACCOUNT, account))
    sent = select(hold_notice).where(*concerns).order_by(hold_notice.c.id.desc())
    notices = session.execute(sent).mappings().all()
    if not notices:
        raise Refused(
            reason=f"{custodian} was not given a notice of H{hold_id} for that",
            action=f"Give it first: `archiver hold notice H{hold_id} --custodian '{custodian}'`.",
        )
    waiting = [one["id"] for one in notices if one["answer"] is None]
    values: dict[str, object] = {"answer": said.value, "answered_at": archive.now(), "answered_by": actor.id}
    if note:
        owner = archive.vault.owner(session, OwnerKind.HOLD, hold_id)
        assert owner is not None, "a hold that is not lifted has its key"
        values["answer_payload_id"] = keep_text(session, archive.vault, owner, note)
    if waiting:
        session.execute(update(hold_notice).where(hold_notice.c.id.in_(waiting)).values(**values))
    else:
        if device is None and account is None and len({_thing(one) for one in notices}) > 1:
            raise UsageError(problem="all of it is answered; name the device or account whose answer changed")
        copied = {key: notices[0][key] for key in _GIVEN}
        session.execute(insert(hold_notice).values(**copied, **values))
    facts = {"custodian": who, "answer": said.value, "notices": len(waiting) or 1}
    archive.record_act(session, "hold.answer", "hold", hold_id, actor_id=actor.id, facts=facts, text=note)
    return len(waiting) or 1


_DEVICE, _ACCOUNT = device, account  # `answer` has arguments of these names
_GIVEN = ("hold_id", "custodian_id", "device_id", "account_id", "sent_at", "sent_by")


def _thing(row: Any) -> tuple[int | None, int | None]:
    return row["device_id"], row["account_id"]


def notices_of(archive: Archive, session: Session, hold_id: int) -> list[dict[str, Any]]:
    """The notices of a hold, oldest first, with their answers; times in milliseconds UTC."""
    rows = session.execute(
        select(hold_notice, custodian.c.name, device.c.name, account.c.name, person.c.name)
        .join(custodian, custodian.c.id == hold_notice.c.custodian_id)
        .join(device, device.c.id == hold_notice.c.device_id, isouter=True)
        .join(account, account.c.id == hold_notice.c.account_id, isouter=True)
        .join(person, person.c.id == hold_notice.c.sent_by)
        .where(hold_notice.c.hold_id == hold_id)
        .order_by(hold_notice.c.id)
    ).all()
    return [
        {
            "custodian": row[-4],
            "device": row[-3],
            "account": row[-2],
            "sent_at": row.sent_at,
            "sent_by": row[-1],
            "answer": row.answer,
            "answered_at": row.answered_at,
            "note": read_text(session, archive.vault, row.answer_payload_id),
        }
        for row in rows
    ]


def unanswered(session: Session) -> dict[int, Unanswered]:
    """Hold -> its unanswered notices, of the holds in force; of one thing given twice it counts one."""
    things = (
        select(
            hold_notice.c.hold_id,
            hold_notice.c.custodian_id,
            hold_notice.c.device_id,
            hold_notice.c.account_id,
            func.min(hold_notice.c.sent_at).label("since"),
        )
        .join(hold, hold.c.id == hold_notice.c.hold_id)
        .where(hold_notice.c.answer.is_(None), hold.c.state != HoldState.LIFTED.value)
        .group_by(hold_notice.c.hold_id, hold_notice.c.custodian_id, hold_notice.c.device_id, hold_notice.c.account_id)
        .subquery()
    )
    counted = select(things.c.hold_id, func.count().label("n"), func.min(things.c.since).label("since"))
    rows = session.execute(counted.group_by(things.c.hold_id).order_by(things.c.hold_id))
    return {row.hold_id: Unanswered(row.n, row.since) for row in rows}
