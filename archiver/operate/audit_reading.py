"""Reading the audit log as a person, and signing and proving it without holding the writers' lock for long."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from sqlalchemy import select

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.audit.heads import grow, sign_head
from archiver.audit.merkle import Peaks
from archiver.audit.proofs import prove_event, prove_since
from archiver.clock import iso
from archiver.errors import NotFound, UsageError
from archiver.vault.payloads import read_text
from schema.db.audit import audit_event
from schema.db.people import person
from schema.vocab import Role
from schema.wire.audit import ConsistencyProof, InclusionProof, SignedHead

MACHINE = "machine"
_READERS = (Role.AUDITOR, Role.ADMINISTRATOR, Role.RECORDS_OFFICER, Role.CLERK, Role.ATTORNEY)
_WORD_READERS = (Role.AUDITOR, Role.RECORDS_OFFICER, Role.ATTORNEY)


def read_log(
    archive: Archive,
    actor: Actor,
    *,
    about: tuple[str, int | None] | None = None,
    by: str | None = None,
    limit: int = 50,
    words: bool = False,
) -> list[dict[str, Any]]:
    """The newest events, newest first.

    about: (kind, id or None for every object of the kind).  by: a login, or "machine".  words: also open what people
    wrote, which is not public and therefore an act of its own.  Raises Refused, NotFound.
    """
    require(actor, *(_WORD_READERS if words else _READERS))
    chosen = select(audit_event, person.c.login).join(person, person.c.id == audit_event.c.actor_id, isouter=True)
    if about is not None:
        chosen = chosen.where(audit_event.c.object_kind == about[0])
        if about[1] is not None:
            chosen = chosen.where(audit_event.c.object_id == about[1])
    with archive.reading() as session:
        if by == MACHINE:
            chosen = chosen.where(audit_event.c.actor_id.is_(None))
        elif by is not None:
            who = session.execute(select(person.c.id).where(person.c.login == by)).scalar()
            if who is None:
                raise NotFound(noun="person", name=by)
            chosen = chosen.where(audit_event.c.actor_id == who)
        rows = session.execute(chosen.order_by(audit_event.c.id.desc()).limit(limit)).mappings().all()
        sealed = [row for row in rows if row["text_payload_id"] is not None]
    if words and sealed:
        with archive.unit() as session:  # recorded before anything is shown
            facts = {"events": [row["id"] for row in sealed]}
            archive.record_act(session, "audit.words", "audit_event", actor_id=actor.id, facts=facts)
    with archive.reading() as session:
        return [
            {
                "id": row["id"],
                "at": iso(row["at"]),
                "actor": row["login"],
                "act": row["act"],
                "object_kind": row["object_kind"],
                "object_id": row["object_id"],
                "outcome": row["outcome"],
                "facts": json.loads(row["facts"]),
                **({"words": read_text(session, archive.vault, row["text_payload_id"])} if words else {}),
            }
            for row in rows
        ]


def read_head(path: Path) -> SignedHead:
    """A head that was kept in a file (JSON of `audit head`); raises UsageError."""
    try:
        loaded = json.loads(path.read_text("utf-8"))
        loaded = loaded.get("head", loaded)
        head = SignedHead(**{one.name: loaded[one.name] for one in fields(SignedHead)})
        well_formed = isinstance(head.size, int) and isinstance(head.signed_at, int)
        for value in (head.root, head.signature, head.public_key):
            bytes.fromhex(value)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        well_formed = False
    if not well_formed:
        raise UsageError(problem="it is not the JSON that `archiver audit head --json` prints", where=str(path))
    return head


def _grown(archive: Archive) -> Peaks:
    peaks = Peaks()
    with archive.reading() as session:
        return grow(session, peaks)


def signed_head(archive: Archive) -> SignedHead:
    """Sign the log as it stands."""
    peaks = _grown(archive)
    with archive.unit() as session:
        return sign_head(session, archive.signer, archive.now(), peaks)


def proof_of_event(archive: Archive, event_id: int) -> InclusionProof:
    """Prove that an event is in the log; raises NotFound."""
    head = signed_head(archive)
    with archive.reading() as session:
        return prove_event(session, head, event_id)


def proof_since(archive: Archive, old_size: int) -> ConsistencyProof:
    """Prove that the first `old_size` entries are unchanged; raises NotFound."""
    head = signed_head(archive)
    with archive.reading() as session:
        return prove_since(session, head, old_size)
