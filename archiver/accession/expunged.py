"""Expungement of a part of a record by order: the part goes, the rest is sealed anew (decision 15)."""

from collections.abc import Collection, Sequence

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from archiver.accession.show import Part, State, states
from archiver.archive import Archive
from archiver.errors import NotFound, Refused
from archiver.vault.reseal import reseal_without
from schema.db.record import component, expunged_component
from schema.vocab import ComponentRole, OwnerKind


def parts_of(archive: Archive, session: Session, record_id: int, named: Sequence[str]) -> list[Part]:
    """What an order to expunge these parts of a record covers, in every version.

    named: a file's name, `attachment/POSITION` of the newest version (as `record show --custody` lists it), or `raw`.
    A file that stands in several versions goes with all of them, and the original bytes of those versions with it,
    because they hold the file too.
    Raises NotFound, Refused for a body, without which nobody could tell what the record is.
    """
    found = states(archive, session, record_id)
    if not found:
        raise NotFound(noun="living record", name=f"R{record_id}")
    digests: set[str] = set()
    chosen: dict[int, Part] = {}
    for name in named:
        if name == ComponentRole.RAW.value:
            chosen.update((one.raw.id, one.raw) for one in found)
        else:
            digests |= _digests(found, record_id, name)
    for state in found:
        files = [
            part for part, listed in zip(state.files, state.content["attachments"], strict=True) if listed[2] in digests
        ]
        chosen.update((part.id, part) for part in (*files, *((state.raw,) if files else ())))
    left = [part for part in chosen.values() if not part.expunged]
    if not left:
        raise Refused(
            reason=f"this part of R{record_id} is expunged already", action="`archiver record show --custody` lists it."
        )
    return left


def _digests(found: Sequence[State], record_id: int, name: str) -> set[str]:
    role, _, position = name.partition("/")
    if role == ComponentRole.BODY.value:
        raise Refused(
            reason="the body says what the record is, so that it cannot go alone",
            action="Expunge the whole record with --whole.",
        )
    files = [
        (part, listed)
        for state in found
        for part, listed in zip(state.files, state.content["attachments"], strict=True)
        if listed[0] == name
        or (state is found[-1] and role == ComponentRole.ATTACHMENT.value and str(part.position) == position)
    ]
    if not files:
        raise NotFound(noun="file", name=f"{name} in R{record_id}")
    return {listed[2] for _part, listed in files}


def expunge_parts(
    archive: Archive,
    session: Session,
    disposition_id: int,
    record_id: int,
    component_ids: Collection[int],
    now: int,
) -> list[str]:
    """Destroy parts of a record and its key, and seal the rest under a new key, in the caller's transaction.

    Returns the names of objects that are to be removed once the transaction is committed.
    Raises IntegrityError ("guard: ...") where the record is held, or in no executing expungement.
    """
    rows = session.execute(
        select(component.c.id, component.c.payload_id).where(
            component.c.record_id == record_id, component.c.id.in_(list(component_ids))
        )
    ).all()
    session.execute(
        insert(expunged_component),
        [
            {
                "component_id": row.id,
                "record_id": record_id,
                "disposition_id": disposition_id,
                "expunged_at": now,
            }
            for row in rows
        ],
    )
    return reseal_without(
        session,
        archive.vault,
        OwnerKind.RECORD,
        record_id,
        components=[row.id for row in rows],
        payloads=[row.payload_id for row in rows],
    )
