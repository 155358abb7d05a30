"""Searches made for a request, and the candidates frozen from them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.data_requests.register import STAFF, open_row, owner_of, request_row
from archiver.retain.holds import add_members, hold_of_request, narrow_to_members, place_for_request
from archiver.search.answer import Answer
from archiver.vault.payloads import keep_text, read_text
from schema.db.hold import hold
from schema.db.record import record
from schema.db.requests import candidate, request_file, search
from schema.vocab import HoldScope, Role

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Frozen:
    """What freezing a search did.

    found: records that it found.  added: those that joined the candidates.  destroyed: those that were destroyed
    before they could join.  hold: what protects the candidates.  preliminary: the hold still covers all that the
    request may touch.
    """

    number: str
    search: int
    found: int
    added: int
    destroyed: int
    hold: int | None
    preliminary: bool


def freeze(
    archive: Archive,
    session: Session,
    actor: Actor,
    number: str,
    answer: Answer,
    ids: list[int],
    *,
    complete: bool = True,
) -> Frozen:
    """Freeze what a search found into a request, with the question, its words, count and coverage.

    complete: the search is done, so the preliminary hold is replaced by a hold of the candidates (decision 19);
    while there are none it stays, for a mistyped question must not end it.
    Raises NotFound, Refused.
    """
    require(actor, Role.CLERK, Role.DEPARTMENT_REVIEWER)
    row = open_row(session, number)
    search_id = _keep(archive, session, actor, row, replace(answer, count=len(ids)), frozen=True)
    living, added = _add(session, row["id"], search_id, ids)
    held = hold_of_request(session, row["id"])
    if held is None and living:
        held = place_for_request(archive, session, actor, request_id=row["id"], matter=row["number"])
    if held is not None:
        add_members(archive, session, held, living)
        if complete and is_preliminary(session, held) and _has_records(session, row["id"]):
            narrow_to_members(archive, session, actor, row["id"])
    destroyed = len(ids) - len(living)
    facts = {"search": search_id, "found": len(ids), "added": added, "destroyed": destroyed, "complete": complete}
    archive.record_act(session, "request.freeze", "data_request", row["id"], actor_id=actor.id, facts=facts)
    preliminary = held is not None and is_preliminary(session, held)
    return Frozen(row["number"], search_id, len(ids), added, destroyed, held, preliminary)


def _has_records(session: Session, request_id: int) -> bool:
    chosen = select(candidate.c.id).where(candidate.c.request_id == request_id, candidate.c.record_id.is_not(None))
    return session.execute(chosen.limit(1)).first() is not None


def is_preliminary(session: Session, hold_id: int) -> bool:
    """Whether a hold covers all that its request may touch, not only its members."""
    scope = session.execute(select(hold.c.scope).where(hold.c.id == hold_id)).scalar_one()
    return bool(scope == HoldScope.PRELIMINARY.value)


def _add(session: Session, request_id: int, search_id: int, ids: list[int]) -> tuple[list[int], int]:
    """Returns the ids that were not destroyed, and how many of them are new candidates."""
    living: list[int] = []
    added = 0
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        have = set(
            session.execute(
                select(candidate.c.record_id).where(
                    candidate.c.request_id == request_id, candidate.c.record_id.in_(chunk)
                )
            ).scalars()
        )
        versions = session.execute(
            select(record.c.id, record.c.versions)
            .where(record.c.id.in_(chunk), record.c.destroyed_at.is_(None))
            .order_by(record.c.id)
        ).all()
        living += [record_id for record_id, _version in versions]
        rows = [
            {"request_id": request_id, "search_id": search_id, "record_id": record_id, "version": version}
            for record_id, version in versions
            if record_id not in have
        ]
        if rows:
            session.execute(insert(candidate), rows)
        added += len(rows)
    return living, added


def note_search(archive: Archive, session: Session, actor: Actor, number: str, answer: Answer) -> int:
    """Keep a search made for a request, with question, words, count and coverage, without freezing anything."""
    require(actor, *STAFF)
    row = open_row(session, number)
    new = _keep(archive, session, actor, row, answer, frozen=False)
    facts = {"search": new, "count": answer.count}
    archive.record_act(session, "request.search", "data_request", row["id"], actor_id=actor.id, facts=facts)
    return new


def _keep(
    archive: Archive, session: Session, actor: Actor, row: Mapping[str, Any], answer: Answer, *, frozen: bool
) -> int:
    kept = {key: value for key, value in answer.as_dict().items() if key != "hits"}
    payload_id = keep_text(
        session, archive.vault, owner_of(archive, session, row), json.dumps(kept, ensure_ascii=False)
    )
    values = {
        "request_id": row["id"],
        "payload_id": payload_id,
        "count": answer.count,
        "frozen": frozen,
        "searched_at": archive.now(),
        "person_id": actor.id,
    }
    return int(session.execute(insert(search).values(values).returning(search.c.id)).scalar_one())


def list_candidates(archive: Archive, session: Session, number: str) -> dict[str, Any]:
    """The searches and candidates of a request."""
    row = request_row(session, number)
    searches = session.execute(select(search).where(search.c.request_id == row["id"]).order_by(search.c.id)).mappings()
    listed = []
    for one in searches:
        kept = json.loads(read_text(session, archive.vault, one["payload_id"]) or "{}")
        listed.append(
            {
                "search": one["id"],
                "query": kept.get("query"),
                "interpreted": kept.get("interpreted"),
                "count": one["count"],
                "frozen": bool(one["frozen"]),
                "coverage": kept.get("coverage"),
            }
        )
    records = session.execute(
        select(candidate.c.record_id)
        .where(candidate.c.request_id == row["id"], candidate.c.record_id.is_not(None))
        .order_by(candidate.c.record_id)
    ).scalars()
    files = session.execute(
        select(request_file.c.id, request_file.c.name_payload_id, request_file.c.size)
        .where(request_file.c.request_id == row["id"])
        .order_by(request_file.c.id)
    )
    return {
        "id": row["number"],
        "searches": listed,
        "records": [f"R{one}" for one in records],
        "files": [
            {"id": f"F{file_id}", "name": read_text(session, archive.vault, name), "size": size}
            for file_id, name, size in files
        ],
    }
