"""Transfer of records to an archives: offered, accepted, sent as a bag, receipted; only then may our copy go."""

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.clock import city_date, iso
from archiver.collect.context import program_version
from archiver.collect.leases import leased
from archiver.dispose import bag_records
from archiver.dispose.bag import Bag
from archiver.dispose.batches import living, mark_left, row_of, set_state, waiting
from archiver.dispose.certificates import certify
from archiver.dispose.readiness import reasons_to_leave, refusals
from archiver.errors import NotFound, Refused, UsageError
from schema.db.dispose import disposition_record, transfer
from schema.db.record import record
from schema.db.retain import series
from schema.db.sources import source
from schema.disposal_vocab import DispositionKind, DispositionState, ExceptionReason
from schema.vocab import DataClass, Role

_LONGEST = 200
"""Characters of a name or reference."""
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Sent:
    """Progress of sending; bag_digest: set when the bag is complete.

    left: how many records left the transfer before it was sent, by reason.  restricted: records by class that is not
    public.  size: bytes of the bag's payload.
    """

    records: int
    total: int
    restricted: Counter[str] = field(default_factory=Counter)
    left: Counter[ExceptionReason] = field(default_factory=Counter)
    size: int = 0
    bag_digest: bytes | None = None


def find_transfer(session: Session, disposition_id: int) -> dict[str, Any] | None:
    """How far a transfer has come, None before it was offered."""
    row = session.execute(select(transfer).where(transfer.c.disposition_id == disposition_id)).mappings().one_or_none()
    return None if row is None else dict(row)


def show(session: Session, disposition_id: int) -> dict[str, Any]:
    """How far a transfer has come, in the words and times that people and scripts read."""
    found = find_transfer(session, disposition_id)
    if found is None:
        raise NotFound(noun="transfer", name=f"D{disposition_id} (offer it with --offer-to NAME)")
    steps = ("offered", "accepted", "sent", "receipted")
    return {
        "id": f"D{disposition_id}",
        "state": next(step for step in reversed(steps) if found[f"{step}_at"] is not None),
        **{name: found[name] for name in ("recipient", "acceptance", "receipt", "bag_digest")},
        "keeps_copy": bool(found["keeps_copy"]),
        **{f"{step}_at": iso(found[f"{step}_at"]) for step in steps},
    }


def offer(
    archive: Archive, session: Session, actor: Actor, disposition_id: int, recipient: str, *, keeps_copy: bool
) -> None:
    """Offer an approved transfer to a recipient; until it is accepted it may be offered to another one.

    keeps_copy: a reference copy stays here, and nothing is destroyed.  Raises Refused, UsageError.
    """
    require(actor, Role.RECORDS_OFFICER)
    _approved(session, disposition_id)
    found = find_transfer(session, disposition_id)
    if found is not None and found["accepted_at"] is not None:
        raise Refused(
            reason=f"D{disposition_id} was accepted by {found['recipient']}",
            action="Withdraw it and propose it anew, if it shall go to someone else.",
        )
    now = archive.now()
    values = {
        "recipient": _words(recipient, "the recipient's name"),
        "keeps_copy": keeps_copy,
        "offered_at": now,
        "offered_by": actor.id,
    }
    if found is None:
        session.execute(insert(transfer).values(disposition_id=disposition_id, **values))
    else:
        _note(session, disposition_id, **values)
    facts = {"keeps_copy": keeps_copy}
    archive.record_act(
        session, "transfer.offer", "disposition", disposition_id, actor_id=actor.id, facts=facts, text=recipient
    )


def accept(archive: Archive, session: Session, actor: Actor, disposition_id: int, reference: str) -> None:
    """Note that the recipient accepted, and under what reference; raises Refused, UsageError."""
    require(actor, Role.RECORDS_OFFICER)
    _approved(session, disposition_id)
    found = _offered(session, disposition_id)
    if found["accepted_at"] is not None:
        raise Refused(
            reason=f"D{disposition_id} is accepted already",
            action=f"`archiver dispose transfer D{disposition_id} --out DIR` sends it.",
        )
    values = {"accepted_at": archive.now(), "acceptance": _words(reference, "the acceptance's reference")}
    _note(session, disposition_id, **values)
    archive.record_act(session, "transfer.accept", "disposition", disposition_id, actor_id=actor.id, text=reference)


def send(
    archive: Archive, actor: Actor, disposition_id: int, out: Path, *, agreed: Actor | None = None
) -> Iterator[Sent]:
    """Write the records into a BagIt bag in a new folder, in short transactions of its own; yields progress.

    Records that may not go, such as held ones, leave the transfer first.  agreed: a second person, whose password was
    checked, who agrees that data that is not public leaves the city.  The bag is complete and noted as sent, or not
    there; before its receipt it may be sent again.  Raises Refused, Locked, VerificationFailed.
    """
    require(actor, Role.RECORDS_OFFICER)
    with leased(archive, f"disposition:{disposition_id}"):
        with archive.unit() as session:
            row = _approved(session, disposition_id)
            found = _accepted(session, disposition_id)
            _ready(archive, session, disposition_id)
            left = _drop(archive, session, actor, disposition_id)
            closed = _not_public(session, disposition_id)
            total = _count(session, disposition_id)
        if not total:
            raise Refused(
                reason=f"every record has left D{disposition_id}",
                action=f"`archiver dispose show D{disposition_id}` tells why; withdraw it.",
            )
        _check_agreement(actor, agreed, disposition_id, closed)
        with Bag(out) as bag:
            written = bag_records.Written()
            for written in bag_records.write_records(archive, bag, _chunks(archive, disposition_id)):
                yield Sent(written.records, total, left=left)
            whole = bag.finish(_info(archive, row, found, written, agreed))
        try:
            with archive.unit() as session:
                _approved(session, disposition_id)
                _accepted(session, disposition_id)
                _ready(archive, session, disposition_id)
                _note_sent(archive, session, actor, disposition_id, whole, written, agreed)
        except BaseException:  # a bag that nobody noted as sent must not be delivered
            shutil.rmtree(out, ignore_errors=True)
            raise
    yield Sent(written.records, total, written.restricted, left, bag.octets, whole)


def receipt(archive: Archive, session: Session, actor: Actor, disposition_id: int, reference: str) -> str | None:
    """Note the recipient's receipt.  Where a copy stays, the transfer ends here: returns its certificate's number.

    Otherwise our copy may now be destroyed with `dispose execute`.  Raises Refused, UsageError.
    """
    require(actor, Role.RECORDS_OFFICER)
    _approved(session, disposition_id)
    found = _accepted(session, disposition_id)
    if found["sent_at"] is None:
        raise Refused(
            reason=f"D{disposition_id} was not sent yet",
            action=f"`archiver dispose transfer D{disposition_id} --out DIR`.",
        )
    if found["keeps_copy"]:
        _ready(archive, session, disposition_id)
    now = archive.now()
    values = {"receipted_at": now, "receipted_by": actor.id, "receipt": _words(reference, "the receipt's reference")}
    _note(session, disposition_id, **values)
    archive.record_act(session, "transfer.receipt", "disposition", disposition_id, actor_id=actor.id, text=reference)
    if not found["keeps_copy"]:
        return None
    set_state(session, disposition_id, DispositionState.PROVEN, proven_at=now)
    return certify(archive, session, actor, disposition_id)


def _ready(archive: Archive, session: Session, disposition_id: int) -> None:
    """Nothing leaves custody that may not be destroyed either; raises Refused naming each reason."""
    if found := refusals(archive, session, disposition_id):
        raise Refused(
            reason="; ".join(one.reason for one in found), action=" ".join(dict.fromkeys(one.action for one in found))
        )


def _approved(session: Session, disposition_id: int) -> dict[str, Any]:
    row = row_of(session, disposition_id)
    if row["kind"] != DispositionKind.TRANSFER.value:
        raise Refused(
            reason=f"D{disposition_id} is no transfer", action="Propose one with `archiver dispose propose --transfer`."
        )
    if row["state"] != DispositionState.APPROVED.value:
        raise Refused(
            reason=f"D{disposition_id} is {row['state']}, not approved",
            action=f"`archiver dispose show D{disposition_id}` shows how far it has come.",
        )
    found = find_transfer(session, disposition_id)
    if found is not None and found["receipted_at"] is not None:
        raise Refused(
            reason=f"D{disposition_id} was received by {found['recipient']}",
            action=f"`archiver dispose execute D{disposition_id}` destroys our copy.",
        )
    return row


def _offered(session: Session, disposition_id: int) -> dict[str, Any]:
    found = find_transfer(session, disposition_id)
    if found is None:
        raise Refused(
            reason=f"D{disposition_id} was not offered to anyone",
            action=f"`archiver dispose transfer D{disposition_id} --offer-to NAME`.",
        )
    return found


def _accepted(session: Session, disposition_id: int) -> dict[str, Any]:
    found = _offered(session, disposition_id)
    if found["accepted_at"] is None:
        raise Refused(
            reason=f"{found['recipient']} has not accepted D{disposition_id}",
            action=f"`archiver dispose transfer D{disposition_id} --accepted REFERENCE` notes that it did.",
        )
    return found


def _drop(archive: Archive, session: Session, actor: Actor, disposition_id: int) -> Counter[ExceptionReason]:
    """Take out of the transfer what may not leave custody; returns how many, by reason."""
    left: Counter[ExceptionReason] = Counter()
    after = 0
    while ids := living(session, disposition_id, after, _CHUNK):
        after = ids[-1]
        why = reasons_to_leave(archive, session, disposition_id, ids)
        mark_left(session, disposition_id, why, archive.now())
        left.update(why.values())
    if left:
        facts = {why.value: count for why, count in left.items()}
        archive.record_act(session, "dispose.left", "disposition", disposition_id, actor_id=actor.id, facts=facts)
    return left


def _not_public(session: Session, disposition_id: int) -> list[str]:
    """The classes that are not public among the data of the records to be sent."""
    chosen = (
        select(source.c.data_class)
        .join(record, record.c.source_id == source.c.id)
        .join(disposition_record, disposition_record.c.record_id == record.c.id)
        .where(waiting(disposition_id), source.c.data_class != DataClass.PUBLIC.value)
        .distinct()
    )
    return sorted(session.execute(chosen).scalars())


def _check_agreement(actor: Actor, agreed: Actor | None, disposition_id: int, closed: list[str]) -> None:
    if not closed:
        return
    if agreed is None:
        raise Refused(
            reason=f"D{disposition_id} holds data that is not public ({', '.join(closed)})",
            action="A second person agrees to send it: --agree-login LOGIN.",
        )
    if agreed.id == actor.id:
        raise Refused(
            reason=f"{agreed.name} sends D{disposition_id}, and who sends does not agree as well",
            action="Ask another person to agree with --agree-login LOGIN.",
        )
    require(agreed, Role.ADMINISTRATOR, Role.CLERK, Role.RECORDS_OFFICER, Role.ATTORNEY)


def _chunks(archive: Archive, disposition_id: int) -> Iterator[list[int]]:
    after = 0
    while True:
        with archive.reading() as session:
            ids = living(session, disposition_id, after, bag_records.BATCH)
        if not ids:
            return
        after = ids[-1]
        yield ids


def _count(session: Session, disposition_id: int) -> int:
    counted = select(func.count()).select_from(disposition_record).where(waiting(disposition_id))
    return int(session.execute(counted).scalar_one())


def _info(
    archive: Archive,
    row: dict[str, Any],
    found: dict[str, Any],
    written: bag_records.Written,
    agreed: Actor | None,
) -> list[tuple[str, str]]:
    """What bag-info.txt says (RFC 8493 section 2.2.2)."""
    with archive.reading() as session:
        chosen = session.execute(select(series).where(series.c.id == row["series_id"])).mappings().one()
    closed = sum(written.restricted.values())
    restrictions = "none: the data of every record is public"
    if closed:
        classes = ", ".join(f"{count} {name}" for name, count in sorted(written.restricted.items()))
        restrictions = f"{closed} of {written.records} records hold data that is not public ({classes})"
        restrictions += "; `restricted` in data/records.jsonl names each"
        restrictions += f"; {agreed.name} agreed that they are sent" if agreed else ""
    rows = [
        ("Source-Organization", archive.city.name),
        ("External-Identifier", f"D{row['id']}"),
        ("External-Description", f"{written.records} records of the series {chosen['key']} ({chosen['title']})"),
        ("Bagging-Date", city_date(archive.now(), archive.city.timezone).isoformat()),
        ("Bag-Software-Agent", f"city-archiver {program_version()}"),
        ("Transferred-To", found["recipient"]),
        ("Acceptance-Reference", found["acceptance"]),
        ("Access-Restrictions", restrictions),
    ]
    if archive.city.for_tests:
        rows.append(("Note", "made in an archive for tests; no record of a real city"))
    return rows


def _note_sent(
    archive: Archive,
    session: Session,
    actor: Actor,
    disposition_id: int,
    whole: bytes,
    written: bag_records.Written,
    agreed: Actor | None,
) -> None:
    restricted = sum(written.restricted.values())
    second = agreed.id if agreed is not None and restricted else None
    _note(session, disposition_id, sent_at=archive.now(), bag_digest=whole, not_public_agreed_by=second)
    if second is not None:
        facts = {"restricted": restricted}
        archive.record_act(session, "transfer.agree", "disposition", disposition_id, actor_id=second, facts=facts)
    told = {"records": written.records, "bag": whole.hex(), "restricted": restricted}
    archive.record_act(session, "transfer.send", "disposition", disposition_id, actor_id=actor.id, facts=told)


def _note(session: Session, disposition_id: int, **values: object) -> None:
    session.execute(update(transfer).where(transfer.c.disposition_id == disposition_id).values(**values))


def _words(text: str, what: str) -> str:
    plain = " ".join(text.split())
    if not plain or len(plain) > _LONGEST:
        raise UsageError(problem=f"{what} has 1 to {_LONGEST} characters")
    return plain
