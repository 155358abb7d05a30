"""What a certificate states: schedule, lines, persons, proof, what remains elsewhere."""

import json
from datetime import date
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from archiver.access import Actor
from archiver.archive import Archive
from archiver.audit.merkle import Peaks, leaf_hash
from archiver.clock import city_date, iso
from archiver.dispose import elsewhere
from archiver.dispose.departments import department_of_sources
from archiver.dispose.notes import notes
from archiver.dispose.paper_lines import paper_lines
from schema.db.audit import audit_event
from schema.db.dispose import disposition_approval, disposition_exception, disposition_record, transfer
from schema.db.people import person, person_role
from schema.db.record import component, expunged_component, record, tombstone
from schema.db.retain import retention_schedule, series
from schema.db.sources import source
from schema.disposal_vocab import CertificateKind, DispositionKind, ExceptionReason, ProofLevel
from schema.vocab import DataClass
from schema.wire.certificate import (
    Certificate,
    CertifiedException,
    CertifiedLine,
    CertifiedPart,
    CertifiedProof,
    CertifiedSchedule,
    CertifiedSeries,
    CertifiedTransfer,
    Remaining,
    RemainingBackup,
    RemainingCopies,
    RemainingProduction,
    RemainingSource,
    Signatory,
)

_KINDS = {
    DispositionKind.DESTROY: CertificateKind.DESTRUCTION,
    DispositionKind.TRANSFER: CertificateKind.TRANSFER,
    DispositionKind.EXPUNGE: CertificateKind.EXPUNGEMENT,
}
_STATEMENTS = {
    CertificateKind.DESTRUCTION: "The records listed here were destroyed so that their contents cannot be determined.",
    CertificateKind.TRANSFER: "The records listed here were transferred, and receipt of them was acknowledged.",
    CertificateKind.EXPUNGEMENT: "What a court ordered gone was destroyed so that its contents cannot be determined.",
}
_ERASED = "Each record's own encryption key, its sealed content and all that was derived from it were destroyed; "
_CUT_OUT = (
    "The parts listed here, all that was derived from them and the record's own encryption key were destroyed; the rest"
    " of the record was sealed under a new key; "
)
_METHODS = {
    ProofLevel.BYTES: _ERASED + "the search index was rewritten; then every file of the archive was searched.",
    ProofLevel.KEYS: _ERASED + "the search index was rewritten and searched; then the master key was rotated, so that"
    " no older copy of a destroyed key can be opened.",
}


def stated(archive: Archive, session: Session, actor: Actor, row: dict[str, Any], number: str, now: int) -> Certificate:
    """Everything that the certificate of a disposition says; now: milliseconds UTC."""
    disposition_id, noted = row["id"], notes(session, row["id"])
    kind = _KINDS[DispositionKind(row["kind"])]
    lines = lines_of(archive, session, disposition_id)
    checked = noted.get("readiness", {})
    return Certificate(
        number=number,
        kind=kind,
        statement=_STATEMENTS[kind],
        for_tests=archive.city.for_tests,
        issued_at=_iso(now),
        city=archive.city.name,
        jurisdiction=archive.city.jurisdiction,
        time_zone=archive.city.timezone,
        disposition=f"D{disposition_id}",
        schedule=_schedule(session, row["series_id"]),
        series=_series(session, row["series_id"]),
        lines=lines,
        records=sum(one.records for one in lines),
        bytes=sum(one.bytes for one in lines),
        method=_method(row, noted),
        signatories=_signatories(session, actor, row, now),
        resolution=row["resolution"],
        began_at=iso(row["began_at"]),
        completed_at=iso(row["destroyed_at"]),
        orders_checked_at=iso(checked.get("at")),
        holds_in_force=checked.get("holds", 0),
        open_requests=checked.get("requests", 0),
        exceptions=_exceptions(session, disposition_id),
        proof=_proof(noted.get("proof")),
        remaining=_remaining(session, row, noted),
        damage=_damage(session),
        approved_list=bytes(row["list_digest"] or bytes(32)).hex(),
        tombstones=_tombstones(session, disposition_id),
        paper=paper_lines(archive, session, disposition_id),
        transfer=_transfer(session, disposition_id),
        parts=_parts(session, disposition_id),
    )


def _method(row: dict[str, Any], noted: dict[str, Any]) -> str:
    if not row["level"]:
        return "Handed over; a copy is kept. Nothing was destroyed."
    method = _METHODS[ProofLevel(row["level"])]
    if noted.get("parts"):
        return method.replace(_ERASED, _CUT_OUT)
    return method


def _transfer(session: Session, disposition_id: int) -> CertifiedTransfer | None:
    chosen = select(transfer, person.c.name).join(person, person.c.id == transfer.c.not_public_agreed_by, isouter=True)
    row = session.execute(chosen.where(transfer.c.disposition_id == disposition_id)).mappings().one_or_none()
    if row is None:
        return None
    return CertifiedTransfer(
        recipient=row["recipient"],
        copy_kept=bool(row["keeps_copy"]),
        acceptance=row["acceptance"],
        sent_at=_iso(row["sent_at"]),
        bag=row["bag_digest"].hex(),
        not_public_agreed_by=row["name"],
        receipt=row["receipt"],
        receipted_at=_iso(row["receipted_at"]),
    )


def _parts(session: Session, disposition_id: int) -> tuple[CertifiedPart, ...]:
    rows = session.execute(
        select(component.c.record_id, component.c.role, component.c.size, component.c.digest)
        .join(expunged_component, expunged_component.c.component_id == component.c.id)
        .where(expunged_component.c.disposition_id == disposition_id)
        .order_by(component.c.id)
    )
    return tuple(CertifiedPart(f"R{one.record_id}", one.role, one.size, one.digest.hex()) for one in rows)


def _iso(at: int) -> str:
    return str(iso(at))


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def lines_of(archive: Archive, session: Session, disposition_id: int) -> tuple[CertifiedLine, ...]:
    """The records that a disposition took or takes, by department, source and kind."""
    departments = department_of_sources(session)
    rows = session.execute(
        select(
            source.c.id,
            source.c.name,
            source.c.platform,
            source.c.data_class,
            record.c.kind,
            func.count().label("records"),
            func.coalesce(func.sum(disposition_record.c.size), 0).label("size"),
            func.min(record.c.sent_at).label("first"),
            func.max(record.c.sent_at).label("last"),
            func.sum(case((record.c.sent_at.is_(None), 1), else_=0)).label("undated"),
            func.min(disposition_record.c.due_on).label("due_from"),
            func.max(disposition_record.c.due_on).label("due_until"),
        )
        .join(record, record.c.id == disposition_record.c.record_id)
        .join(source, source.c.id == record.c.source_id)
        .where(disposition_record.c.disposition_id == disposition_id, disposition_record.c.left_at.is_(None))
        .group_by(source.c.id, source.c.name, source.c.platform, source.c.data_class, record.c.kind)
        .order_by(source.c.name, record.c.kind)
    )
    zone = archive.city.timezone
    return tuple(
        CertifiedLine(
            department=departments.get(one.id, ""),
            source=one.name,
            format=f"{one.platform} / {one.kind}",
            classification=DataClass(one.data_class),
            records=int(one.records),
            bytes=int(one.size),
            first=None if one.first is None else city_date(one.first, zone).isoformat(),
            last=None if one.last is None else city_date(one.last, zone).isoformat(),
            undated=int(one.undated),
            due_from=_day(one.due_from),
            due_until=_day(one.due_until),
        )
        for one in rows
    )


def _schedule(session: Session, series_id: int) -> CertifiedSchedule | None:
    chosen = select(retention_schedule).join(series, series.c.schedule_id == retention_schedule.c.id)
    row = session.execute(chosen.where(series.c.id == series_id)).mappings().one_or_none()
    if row is None:
        return None
    return CertifiedSchedule(
        edition=row["edition"],
        title=row["title"],
        version=row["version"],
        adopted_on=row["adopted_on"].isoformat(),
        state_archives_told_on=_day(row["notified_on"]),
    )


def _series(session: Session, series_id: int) -> CertifiedSeries:
    row = session.execute(select(series).where(series.c.id == series_id)).mappings().one()
    confirmer = None
    if row["confirmed_by"] is not None:
        confirmer = session.execute(select(person.c.name).where(person.c.id == row["confirmed_by"])).scalar_one()
    where = ", page ".join(filter(None, (row["confirmed_edition"], row["confirmed_page"])))
    return CertifiedSeries(
        key=row["key"],
        code=row["code"],
        title=row["title"],
        retention=row["confirmed_period"] or row["retention_text"],
        trigger=row["trigger"],
        action=row["action"],
        statute=row["statute"],
        confirmed_by=confirmer,
        confirmed_on=_day(row["confirmed_on"]),
        confirmed_where=where or None,
    )


def _signatories(session: Session, actor: Actor, row: dict[str, Any], now: int) -> tuple[Signatory, ...]:
    approvals = session.execute(
        select(disposition_approval)
        .where(disposition_approval.c.disposition_id == row["id"])
        .order_by(disposition_approval.c.step)
    ).mappings()
    acts: list[tuple[Any, int, int, bool]] = [("proposed", row["proposed_by"], row["proposed_at"], False)]
    acts += [("approved", one["person_id"], one["approved_at"], bool(one["as_deputy"])) for one in approvals]
    receipt = session.execute(select(transfer).where(transfer.c.disposition_id == row["id"])).mappings().one_or_none()
    if receipt is not None and receipt["receipted_by"] is not None:
        acts.append(("received", receipt["receipted_by"], receipt["receipted_at"], False))
    if row["executed_by"] is not None:
        acts.append(("executed", row["executed_by"], row["destroyed_at"] or row["began_at"] or now, False))
    acts.append(("certified", actor.id, now, False))
    names = dict(session.execute(select(person.c.id, person.c.name)).all())
    held = session.execute(select(person_role.c.person_id, person_role.c.role).where(person_role.c.ended_at.is_(None)))
    titles: dict[int, list[str]] = {}
    for person_id, role in held:
        titles.setdefault(person_id, []).append(role.replace("_", " "))
    return tuple(
        Signatory(act, names[who], tuple(sorted(titles.get(who, ()))), _iso(at), deputy)
        for act, who, at, deputy in acts
    )


def _exceptions(session: Session, disposition_id: int) -> tuple[CertifiedException, ...]:
    counts: dict[str, int] = {}
    for why, table in (
        (disposition_exception.c.why, disposition_exception),
        (disposition_record.c.left_why, disposition_record),
    ):
        chosen = select(why, func.count()).where(table.c.disposition_id == disposition_id, why.is_not(None))
        for reason, count in session.execute(chosen.group_by(why)):
            counts[reason] = counts.get(reason, 0) + count
    return tuple(CertifiedException(ExceptionReason(why), count) for why, count in sorted(counts.items()))


def _proof(found: dict[str, Any] | None) -> CertifiedProof | None:
    if found is None:
        return None
    return CertifiedProof(
        level=ProofLevel(found["level"]),
        proven_at=_iso(found["at"]),
        index=found["index"],
        words=found["words"],
        keys=found["keys"],
        files=found["files"],
        bytes=found["bytes"],
        master_rotated=found["rotated"],
    )


def _remaining(session: Session, row: dict[str, Any], noted: dict[str, Any]) -> Remaining:
    destroyed_at = row["destroyed_at"]
    kept = elsewhere.backups(session, destroyed_at) if destroyed_at is not None else []
    return Remaining(
        copies=tuple(
            RemainingCopies(one["series"], one["records"], tuple(f"R{number}" for number in one["first"]))
            for one in noted.get("copies", ())
        ),
        productions=tuple(
            RemainingProduction(one["number"], one["records"]) for one in elsewhere.productions(session, row["id"])
        ),
        sources=tuple(
            RemainingSource(one["name"], one["records"], _iso(one["last_seen"]), one["again"])
            for one in elsewhere.live_sources(session, row["id"])
        ),
        backups=tuple(
            RemainingBackup(one["place"], _iso(one["taken_at"]), _day(one["expires_on"]), bool(one["key_in_force"]))
            for one in kept
        ),
    )


def _damage(session: Session) -> tuple[str, ...]:
    """What the newest verification found wrong; what it would have refused was asked before."""
    chosen = select(audit_event.c.at, audit_event.c.facts).where(audit_event.c.act == "verify")
    newest = session.execute(chosen.order_by(audit_event.c.id.desc()).limit(1)).first()
    if newest is None:
        return ("The archive has not been verified yet.",)
    facts = json.loads(newest.facts)
    if not facts.get("problems"):
        return ()
    return (f"{facts['problems']} problems on {_iso(newest.at)}: {', '.join(facts['failed'])}",)


def _tombstones(session: Session, disposition_id: int) -> str | None:
    rows = session.execute(
        select(tombstone.c.digest)
        .join(disposition_record, disposition_record.c.record_id == tombstone.c.record_id)
        .where(disposition_record.c.disposition_id == disposition_id, disposition_record.c.destroyed_at.is_not(None))
        .order_by(tombstone.c.record_id)
        .execution_options(yield_per=5_000)
    ).scalars()
    peaks = Peaks()
    for part in rows.partitions():
        peaks.extend([leaf_hash(bytes(one)) for one in part])
    return peaks.root().hex() if peaks.size else None
