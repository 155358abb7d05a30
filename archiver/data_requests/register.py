"""The register of data requests: opened with their dates and their hold, noted, assigned, closed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Select, func, insert, select, update
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.clock import city_date
from archiver.data_requests.deadlines import RequestDate, closed_request_hold_until, compute, principal
from archiver.database import next_number, reserve
from archiver.errors import NotFound, Refused, UsageError
from archiver.retain.holds import Narrowing, hold_of_request, place_preliminary, turn_closed
from archiver.sources.persons import person_id
from archiver.vault import Owner
from archiver.vault.payloads import keep_text, read_many, read_text
from schema.db.produce import production, production_entry
from schema.db.requests import candidate, data_request, request_date, request_note
from schema.law import loader
from schema.vocab import ArchiveInvolved, OwnerKind, RequestKind, RequestState, Role

STAFF = tuple(role for role in Role if role is not Role.CUSTODIAN)
"""Who may look at requests; what a requester wrote is not public by itself."""

_LONGEST_ID = 19
"""Digits: a longer number is no id."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A request as it was opened: its number, the date to watch, and the hold that protects its records."""

    id: int
    number: str
    date: RequestDate
    hold: int | None


def open_request(
    archive: Archive,
    session: Session,
    actor: Actor,
    *,
    summary: str,
    received_on: date | None = None,
    kind: RequestKind = RequestKind.PUBLIC,
    involved: ArchiveInvolved = ArchiveInvolved.UNKNOWN,
    reason: str | None = None,
    requester: str | None = None,
    narrowing: Narrowing | None = None,
) -> Opened:
    """Log a request; its dates and, unless the archive is not involved, its hold are in the same transaction.

    received_on: day in the city's zone, today where left out.  reason: why the archive is not involved.
    requester: may be left out (Minn. Stat. 13.05 subd. 12 forbids to require it for public data).
    Raises UsageError, Refused.
    """
    require(actor, Role.CLERK, Role.RECORDS_OFFICER)
    today = city_date(archive.now(), archive.city.timezone)
    received = received_on or today
    limits = narrowing or Narrowing()
    _check(summary, received, today, limits, involved, reason)
    city = archive.city
    law = loader.jurisdiction(city.jurisdiction)
    dates = compute(law, kind, received, options=city.holiday_options, city_targets=city.city_targets)
    request_id = reserve(session, "data_request", 1)
    number = f"Q{today.year}-{next_number(session, 'request', today.year)}"
    owner = archive.vault.add_owner(session, OwnerKind.REQUEST, request_id)
    texts = {"summary_payload_id": summary, "requester_payload_id": requester, "reason_payload_id": reason}
    sealed = {column: keep_text(session, archive.vault, owner, text) for column, text in texts.items() if text}
    session.execute(
        insert(data_request).values(
            id=request_id,
            number=number,
            kind=kind.value,
            state=RequestState.OPEN.value,
            archive=involved.value,
            received_on=received,
            opened_at=archive.now(),
            opened_by=actor.id,
            jurisdiction=law.id,
            law_edition=law.edition,
            **sealed,
        )
    )
    chosen = principal(dates)
    _keep_dates(session, request_id, dates, chosen)
    hold = None
    if involved is not ArchiveInvolved.NO:
        hold = place_preliminary(archive, session, actor, request_id=request_id, matter=number, narrowing=limits)
    facts = {"kind": kind.value, "archive": involved.value, "received": received.isoformat()}
    archive.record_act(session, "request.open", "data_request", request_id, actor_id=actor.id, facts=facts)
    return Opened(request_id, number, chosen, hold)


def _check(
    summary: str, received: date, today: date, limits: Narrowing, involved: ArchiveInvolved, reason: str | None
) -> None:
    if received > today:
        raise UsageError(problem=f"a request cannot be received on {received}, after today ({today})")
    if not summary.strip():
        raise UsageError(problem="say in a few words what was asked for (--summary)")
    if involved is ArchiveInvolved.NO and not (reason or "").strip():
        raise UsageError(problem="`--archive no` places no hold, so it needs a reason (--reason)")
    if None not in (limits.sent_since, limits.sent_until) and limits.sent_since >= limits.sent_until:  # type: ignore[operator]  # neither is None
        raise UsageError(problem="--until is not after --since, so nothing of known time would be held")


def _keep_dates(session: Session, request_id: int, dates: Sequence[RequestDate], chosen: RequestDate) -> None:
    session.execute(
        insert(request_date),
        [
            {
                "request_id": request_id,
                "rule": one.rule_id,
                "action": one.action,
                "date": one.date,
                "nature": one.nature.value,
                "statute": one.statute,
                "explanation": one.explanation,
                "principal": one is chosen,
            }
            for one in dates
        ],
    )


def request_row(session: Session, number: str) -> dict[str, Any]:
    """A request by number (`Q2026-14`) or id; raises NotFound."""
    return _row(session, number, select(data_request))


def _row(session: Session, number: str, chosen: Select[Any]) -> dict[str, Any]:
    by_id = number.isascii() and number.isdecimal() and len(number) < _LONGEST_ID
    same = data_request.c.id == int(number) if by_id else data_request.c.number == number.upper()
    row = session.execute(chosen.where(same)).mappings().one_or_none()
    if row is None:
        raise NotFound(noun="request", name=number)
    return dict(row)


def open_row(session: Session, number: str) -> dict[str, Any]:
    """A request that is still open, and stays so until the transaction ends; raises NotFound, Refused."""
    row = _row(session, number, select(data_request).with_for_update())
    if row["state"] != RequestState.OPEN.value:
        raise Refused(reason=f"{row['number']} is closed", action="Open a new request and note the old number in it.")
    return row


def owner_of(archive: Archive, session: Session, row: Mapping[str, Any]) -> Owner:
    """The data key of a request; raises NotFound once it was destroyed."""
    owner = archive.vault.owner(session, OwnerKind.REQUEST, row["id"])
    if owner is None:
        raise NotFound(noun="key of request", name=row["number"])
    return owner


def add_note(archive: Archive, session: Session, actor: Actor, number: str, text: str) -> str:
    """Write an internal note to a request; returns the request's number.  Raises NotFound, Refused, UsageError."""
    require(actor, *STAFF)
    if not text.strip():
        raise UsageError(problem="the note is empty")
    row = request_row(session, number)
    payload_id = keep_text(session, archive.vault, owner_of(archive, session, row), text)
    session.execute(
        insert(request_note).values(
            request_id=row["id"], payload_id=payload_id, written_at=archive.now(), person_id=actor.id
        )
    )
    archive.record_act(session, "request.note", "data_request", row["id"], actor_id=actor.id)
    return str(row["number"])


def assign(archive: Archive, session: Session, actor: Actor, number: str, login: str) -> str:
    """Give a request to a person; returns the request's number.  Raises NotFound, Refused."""
    require(actor, Role.CLERK)
    row = open_row(session, number)
    who = person_id(session, login)
    session.execute(update(data_request).where(data_request.c.id == row["id"]).values(assigned_to=who))
    archive.record_act(session, "request.assign", "data_request", row["id"], actor_id=actor.id, facts={"person": who})
    return str(row["number"])


@dataclass(frozen=True, slots=True)
class Closed:
    """A closed request: the last day on which its records stay held, and why."""

    number: str
    hold: int | None
    held_until: date
    nature: str
    explanation: str


def close(
    archive: Archive, session: Session, actor: Actor, number: str, reason: str, *, withheld: bool | None = None
) -> Closed:
    """Close a request; its hold becomes a closed-request hold to the date of jurisdiction or city policy (promise 7).

    withheld: whether anything was denied, withheld or redacted; where left out, whatever was not produced counts so.
    """
    require(actor, Role.CLERK)
    if not reason.strip():
        raise UsageError(problem="say how the request was answered (--reason)")
    row = open_row(session, number)
    if withheld is None:
        withheld = _not_produced(session, row["id"]) > 0
    today = city_date(archive.now(), archive.city.timezone)
    law = loader.jurisdiction(row["jurisdiction"])
    until, nature, explanation = closed_request_hold_until(law, today, withheld, archive.city.closed_request_days)
    held = turn_closed(archive, session, actor, row["id"], until)
    values = {"state": RequestState.CLOSED.value, "closed_at": archive.now(), "closed_by": actor.id}
    session.execute(update(data_request).where(data_request.c.id == row["id"]).values(values))
    facts = {"withheld": withheld, "held_until": until.isoformat()}
    archive.record_act(session, "request.close", "data_request", row["id"], actor_id=actor.id, facts=facts, text=reason)
    return Closed(row["number"], held, until, nature.value, explanation)


def _not_produced(session: Session, request_id: int) -> int:
    produced = (
        select(production_entry.c.candidate_id)
        .join(production, production.c.id == production_entry.c.production_id)
        .where(production.c.request_id == request_id)
    )
    left = (
        select(func.count())
        .select_from(candidate)
        .where(candidate.c.request_id == request_id, candidate.c.id.not_in(produced))
    )
    return int(session.execute(left).scalar_one())


def list_requests(archive: Archive, session: Session, *, closed: bool = False) -> list[dict[str, Any]]:
    """Requests with the date to watch, oldest first; closed ones too where asked."""
    chosen = (
        select(data_request, request_date.c.date, request_date.c.nature)
        .join(request_date, (request_date.c.request_id == data_request.c.id) & request_date.c.principal)
        .order_by(data_request.c.id)
    )
    if not closed:
        chosen = chosen.where(data_request.c.state == RequestState.OPEN.value)
    rows = session.execute(chosen).mappings().all()
    summaries = read_many(session, archive.vault, OwnerKind.REQUEST, [row["summary_payload_id"] for row in rows])
    return [
        {
            "id": row["number"],
            "kind": row["kind"],
            "state": row["state"],
            "received": row["received_on"],
            "date": row["date"],
            "nature": row["nature"],
            "summary": summaries.get(row["summary_payload_id"], b"").decode(),
        }
        for row in rows
    ]


def show_request(archive: Archive, session: Session, number: str) -> dict[str, Any]:
    """All that a request says of itself."""
    row = request_row(session, number)
    dates = session.execute(
        select(request_date).where(request_date.c.request_id == row["id"]).order_by(request_date.c.id)
    ).mappings()
    notes = session.execute(
        select(request_note).where(request_note.c.request_id == row["id"]).order_by(request_note.c.id)
    ).mappings()
    candidates = select(func.count()).select_from(candidate).where(candidate.c.request_id == row["id"])
    held = hold_of_request(session, row["id"])
    return {
        "id": row["number"],
        "kind": row["kind"],
        "state": row["state"],
        "archive": row["archive"],
        "received": row["received_on"],
        "jurisdiction": row["jurisdiction"],
        "law_edition": row["law_edition"],
        "summary": read_text(session, archive.vault, row["summary_payload_id"]),
        "requester": read_text(session, archive.vault, row["requester_payload_id"]),
        "dates": [
            {key: one[key] for key in ("rule", "action", "date", "nature", "statute", "explanation", "principal")}
            for one in dates
        ],
        "hold": f"H{held}" if held else None,
        "candidates": session.execute(candidates).scalar_one(),
        "notes": [read_text(session, archive.vault, one["payload_id"]) for one in notes],
    }
