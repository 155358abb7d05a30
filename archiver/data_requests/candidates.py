"""Searches made for a request, and the candidates frozen from them."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.data_requests.register import open_row, owner_of, request_row
from archiver.retain.holds import add_members, hold_of_request, narrow_to_members, place_for_request
from archiver.search.answer import Answer
from archiver.vault.payloads import keep_text, read_text
from schema.db.record import record
from schema.db.requests import candidate, request_file, search
from schema.vocab import Role

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Frozen:
    """What freezing a search did: how many records it found and how many joined the candidates."""

    search: int
    found: int
    added: int
    hold: int | None


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

    complete: the search is done, so the preliminary hold is replaced by a hold of the candidates (decision 19).
    Raises NotFound, Refused.
    """
    require(actor, Role.CLERK, Role.DEPARTMENT_REVIEWER)
    row = open_row(session, number)
    kept = {key: value for key, value in answer.as_dict().items() if key != "hits"}
    payload_id = keep_text(session, archive.vault, owner_of(archive, session, row), json.dumps(kept, ensure_ascii=False))
    values = {
        "request_id": row["id"],
        "payload_id": payload_id,
        "count": len(ids),
        "frozen": True,
        "searched_at": archive.now(),
        "person_id": actor.id,
    }
    search_id = int(session.execute(insert(search).values(values).returning(search.c.id)).scalar_one())
    added = _add(session, row["id"], search_id, ids)
    held = hold_of_request(session, row["id"])
    if held is None and ids:
        held = place_for_request(archive, session, actor, request_id=row["id"], matter=row["number"])
    if held is not None:
        add_members(archive, session, held, ids)
        if complete:
            narrow_to_members(archive, session, actor, row["id"])
    facts = {"search": search_id, "found": len(ids), "added": added, "complete": complete}
    archive.record_act(session, "request.freeze", "data_request", row["id"], actor_id=actor.id, facts=facts)
    return Frozen(search_id, len(ids), added, held)


def _add(session: Session, request_id: int, search_id: int, ids: list[int]) -> int:
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
            select(record.c.id, record.c.versions).where(record.c.id.in_(chunk), record.c.destroyed_at.is_(None))
        )
        rows = [
            {"request_id": request_id, "search_id": search_id, "record_id": record_id, "version": version}
            for record_id, version in versions
            if record_id not in have
        ]
        if rows:
            session.execute(insert(candidate), rows)
        added += len(rows)
    return added


def note_search(archive: Archive, session: Session, actor: Actor, number: str, answer: Answer) -> int:
    """Keep a search made for a request, with question, words, count and coverage, without freezing anything."""
    row = open_row(session, number)
    kept = {key: value for key, value in answer.as_dict().items() if key != "hits"}
    payload_id = keep_text(session, archive.vault, owner_of(archive, session, row), json.dumps(kept, ensure_ascii=False))
    values = {
        "request_id": row["id"],
        "payload_id": payload_id,
        "count": answer.count,
        "frozen": False,
        "searched_at": archive.now(),
        "person_id": actor.id,
    }
    new = int(session.execute(insert(search).values(values).returning(search.c.id)).scalar_one())
    archive.record_act(
        session, "request.search", "data_request", row["id"], actor_id=actor.id, facts={"search": new, "count": answer.count}
    )
    return new


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
