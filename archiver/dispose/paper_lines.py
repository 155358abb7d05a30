"""Records on paper that were destroyed: a person enters them by hand for the state's destruction list."""

from datetime import date

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.dispose.batches import row_of
from archiver.dispose.due import today
from archiver.errors import Refused, UsageError
from archiver.retain.series import find_series
from archiver.vault.payloads import read_text
from schema.db.audit import audit_event
from schema.db.dispose import paper_record
from schema.db.people import person
from schema.db.retain import series
from schema.disposal_vocab import DispositionState
from schema.vocab import Role
from schema.wire.certificate import PaperLine


def enter_paper(
    archive: Archive,
    session: Session,
    actor: Actor,
    series_key: str,
    *,
    description: str,
    quantity: str,
    from_on: date | None,
    until_on: date | None,
    destroyed_on: date,
    disposition_id: int | None = None,
) -> int:
    """Enter a line; returns its number.  from_on and until_on: the first and the last day of the records.

    The description is sealed as the words of the act, beside the audit log.  Raises NotFound, UsageError, Refused.
    """
    require(actor, Role.RECORDS_OFFICER, Role.CLERK)
    if not description.strip() or not quantity.strip():
        raise UsageError(problem="say what it was and how much")
    if destroyed_on > today(archive) or (from_on is not None and until_on is not None and until_on < from_on):
        raise UsageError(problem="these dates cannot be: records end after they begin and were destroyed by today")
    if disposition_id is not None:
        state = row_of(session, disposition_id)["state"]
        if state in (DispositionState.CERTIFIED.value, DispositionState.WITHDRAWN.value):
            raise Refused(
                reason=f"D{disposition_id} is {state}; nothing is added to it",
                action="Enter the line without --disposition.",
            )
    adopted = find_series(session, series_key)
    event = archive.record_act(
        session,
        "dispose.paper",
        "series",
        adopted.id,
        actor_id=actor.id,
        facts={"disposition": disposition_id, "destroyed_on": destroyed_on.isoformat()},
        text=description,
    )
    said = session.execute(select(audit_event.c.text_payload_id).where(audit_event.c.id == event)).scalar_one()
    values = {
        "disposition_id": disposition_id,
        "series_id": adopted.id,
        "payload_id": said,
        "quantity": quantity[:60],
        "from_on": from_on,
        "until_on": until_on,
        "destroyed_on": destroyed_on,
        "entered_at": archive.now(),
        "entered_by": actor.id,
    }
    return int(session.execute(insert(paper_record).values(values).returning(paper_record.c.id)).scalar_one())


def paper_lines(archive: Archive, session: Session, disposition_id: int) -> tuple[PaperLine, ...]:
    """The lines of a disposition in the order in which they were entered."""
    rows = session.execute(
        select(paper_record, series.c.key, person.c.name)
        .join(series, series.c.id == paper_record.c.series_id)
        .join(person, person.c.id == paper_record.c.entered_by)
        .where(paper_record.c.disposition_id == disposition_id)
        .order_by(paper_record.c.id)
    ).mappings()
    return tuple(
        PaperLine(
            series=row["key"],
            description=read_text(session, archive.vault, row["payload_id"]) or "",
            quantity=row["quantity"],
            first=row["from_on"].isoformat() if row["from_on"] else None,
            last=row["until_on"].isoformat() if row["until_on"] else None,
            destroyed_on=row["destroyed_on"].isoformat(),
            entered_by=row["name"],
        )
        for row in rows.all()
    )
