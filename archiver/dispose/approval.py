"""Approving: the city's steps in order, each by another person, none by who proposed; the last one starts the wait."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from archiver.access import Actor, login_of
from archiver.archive import ApprovalStep, Archive
from archiver.dispose.answers import unanswered
from archiver.dispose.batches import digest_as_of, list_digest, living, row_of, schedule_digest, set_state
from archiver.dispose.due import today
from archiver.errors import Refused, UsageError
from schema.db.dispose import disposition_approval, disposition_record
from schema.disposal_vocab import DispositionState
from schema.vocab import Role

_RESOLUTION = 120


@dataclass(frozen=True, slots=True)
class Approved:
    """Which step of how many this was; executable_on: the first day of execution, None before the last step."""

    step: int
    of: int
    executable_on: date | None


def approve(
    archive: Archive, session: Session, approver: Actor, disposition_id: int, *, resolution: str | None = None
) -> Approved:
    """The next step of the city's approvals, by a person whose own password was checked (decision 31).

    resolution: the council's resolution number.  Raises Refused, UsageError without a resolution that is needed.
    """
    row = row_of(session, disposition_id)
    steps, before = archive.city.approvers, approvals(session, disposition_id)
    if row["state"] != DispositionState.PROPOSED.value:
        raise Refused(reason=f"D{disposition_id} is {row['state']}", action="Only a proposal is approved.")
    if not steps:
        raise Refused(
            reason="the city has named nobody who approves dispositions",
            action="An administrator names the approvers with `archiver config decide`.",
        )
    _check_person(row, before, approver)
    step = min(len(before), len(steps) - 1)  # fewer steps were decided since: the last one still needs a person
    as_deputy = _deputy(session, steps[step], approver)
    digest = _check_list(archive, session, row, before)
    last = step + 1 == len(steps)
    resolution = (resolution or "").strip() or row["resolution"]
    if last and archive.city.resolution_needed and not resolution:
        raise UsageError(problem="the city asks for the council's resolution: name it with --resolution NUMBER")
    if resolution is not None and len(resolution) > _RESOLUTION:
        raise UsageError(problem=f"a resolution's number has at most {_RESOLUTION} characters")
    # Not before anything that left so far, so that `digest_as_of` tells what left before from what leaves afterwards.
    left = select(func.max(disposition_record.c.left_at)).where(disposition_record.c.disposition_id == disposition_id)
    now = max(archive.now(), row["proposed_at"], session.execute(left).scalar() or 0)
    values = {
        "disposition_id": disposition_id,
        "step": len(before) + 1,
        "person_id": approver.id,
        "as_deputy": as_deputy,
        "list_digest": digest,
        "approved_at": now,
    }
    session.execute(insert(disposition_approval).values(values))
    state, more = DispositionState.PROPOSED, {"list_digest": digest, "resolution": resolution}
    executable_on = None
    if last:
        executable_on = today(archive) + timedelta(days=max(0, archive.city.cooling_off_days))
        state = DispositionState.APPROVED
        more |= {
            "approved_at": now,
            "approved_by": approver.id,
            "schedule_digest": schedule_digest(session, row["series_id"]),
            "executable_on": executable_on,
        }
    set_state(session, disposition_id, state, **more)
    facts = {"step": step + 1, "of": len(steps), "deputy": as_deputy, "list": digest.hex()}
    if executable_on is not None:
        facts["executable_on"] = executable_on.isoformat()
    archive.record_act(session, "dispose.approve", "disposition", disposition_id, actor_id=approver.id, facts=facts)
    return Approved(step + 1, len(steps), executable_on)


def approvals(session: Session, disposition_id: int) -> list[dict[str, Any]]:
    """The approvals of a disposition in order."""
    chosen = select(disposition_approval).where(disposition_approval.c.disposition_id == disposition_id)
    return [dict(row) for row in session.execute(chosen.order_by(disposition_approval.c.step)).mappings()]


def _check_person(row: dict[str, Any], before: list[dict[str, Any]], approver: Actor) -> None:
    if row["proposed_by"] == approver.id:
        raise Refused(
            reason=f"{approver.name} proposed D{row['id']}, and who proposes never approves",
            action="Ask another person to approve it.",
        )
    if any(one["person_id"] == approver.id for one in before):
        raise Refused(
            reason=f"{approver.name} has approved D{row['id']} already",
            action="Each step is another person's.",
        )


def _deputy(session: Session, step: ApprovalStep, approver: Actor) -> bool:
    """Whether the person signs this step as a deputy; raises Refused for one whose step it is not."""
    if step.logins:
        login = login_of(session, approver.id)
        if login in step.logins:
            return login != step.logins[0]
        wanted = " or ".join(step.logins)
    else:
        if step.role in {Role(role).value for role in approver.roles}:
            return False
        wanted = f"someone who has the role {step.role.replace('_', ' ')}"
    raise Refused(
        reason=f"this step is for {wanted}, not for {approver.name}", action="Steps are approved in the city's order."
    )


def _check_list(archive: Archive, session: Session, row: dict[str, Any], before: list[dict[str, Any]]) -> bytes:
    """The digest of the list as it stands; it may have lost records since it was seen last, but gained none."""
    number = row["id"]
    if not living(session, number, 0, 1):
        raise Refused(reason=f"every record has left D{number}", action="Withdraw it with `archiver dispose withdraw`.")
    if archive.city.departments_answer and (count := unanswered(session, number)):
        raise Refused(
            reason=f"{count} records of D{number} have no answer yet",
            action="The departments answer with `archiver dispose answer`.",
        )
    seen_at, seen = row["proposed_at"], row["list_digest"]
    if before:
        seen_at, seen = before[-1]["approved_at"], before[-1]["list_digest"]
    if digest_as_of(session, number, seen_at) != seen:
        raise Refused(
            reason=f"the list of D{number} is not the one that was proposed or approved before",
            action="Keep the archive as it is, run `archiver verify`, and tell the city attorney.",
        )
    if schedule_digest(session, row["series_id"]) != row["schedule_digest"]:
        raise Refused(
            reason=f"the series of D{number} was changed since it was proposed",
            action="Withdraw it with `archiver dispose withdraw` and propose anew.",
        )
    return list_digest(session, number)
