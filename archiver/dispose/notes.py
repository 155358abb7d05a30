"""What an execution notes beside its disposition: numbers and names only, for resuming, proof and certificate."""

import json
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from schema.db.dispose import disposition


def notes(session: Session, disposition_id: int) -> dict[str, Any]:
    """Everything that was noted, empty before the execution began."""
    text = session.execute(select(disposition.c.proof).where(disposition.c.id == disposition_id)).scalar()
    found: dict[str, Any] = json.loads(text) if text else {}
    return found


def note(session: Session, disposition_id: int, **values: Any) -> None:
    """Note more, or something else under the same names."""
    text = json.dumps({**notes(session, disposition_id), **values}, sort_keys=True)
    session.execute(update(disposition).where(disposition.c.id == disposition_id).values(proof=text))
