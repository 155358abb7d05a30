"""Building a production: from a request's candidates to a signed package and its row in the register."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.collect.leases import leased
from archiver.data_requests.register import request_row
from archiver.database import reserve
from archiver.errors import Locked, Refused
from archiver.produce.assemble import Numbered, entries, numbered
from archiver.produce.package import Built, Package, Plan
from archiver.vault.payloads import seal_row, write_rows
from schema.db.produce import production, production_entry
from schema.vocab import OwnerKind, Role


@dataclass(frozen=True, slots=True)
class Step:
    """Progress of a build; production and built: set when it is done."""

    request: str
    done: int
    total: int
    production: str | None = None
    built: Built | None = None


def build_production(archive: Archive, actor: Actor, number: str, out: Path) -> Iterator[Step]:
    """Write a request's candidates as a package into a new folder; yields progress, at last what was built.

    The package is complete and registered, or not there at all.  Who produced something earlier may build again: the
    numbers stay.  Raises Refused without candidates or into a folder in use, Locked while another build of the request
    runs, VerificationFailed, DestroyedMeanwhile, and what `Package` raises.
    """
    require(actor, Role.CLERK)
    with archive.reading() as session:
        row = request_row(session, number)
    with leased(archive, f"production:{row['number']}"):
        with archive.reading() as session:
            chosen = numbered(session, row["id"])
            production_number = _next_number(session, row["id"], row["number"])
        if not chosen:
            raise Refused(
                reason=f"{row['number']} has no candidates",
                action=f"Freeze some with `archiver request candidates {row['number']} --query … --freeze`.",
            )
        seed = os.urandom(32)
        plan = Plan(
            number=production_number,
            request=row["number"],
            city=archive.city.name,
            zone=archive.city.timezone,
            seed=seed,
            public_key=archive.signer.public,
            sign=archive.signer.sign,
            signed_at=archive.now(),
            fonts=Path(archive.config.produce.fonts) if archive.config.produce.fonts else None,
        )
        with Package(out, plan) as package:
            for done, entry in enumerate(entries(archive, chosen), 1):
                package.add(entry)
                yield Step(row["number"], done, len(chosen))
            built = package.finish()
        try:
            with archive.unit() as session:
                _register(archive, session, actor, row["id"], plan, built, chosen)
        except BaseException:  # a signed package that is in no register must not be delivered
            shutil.rmtree(out, ignore_errors=True)
            raise
    yield Step(row["number"], len(chosen), len(chosen), production_number, built)


def _next_number(session: Session, request_id: int, request_number: str) -> str:
    built = session.execute(
        select(func.count()).select_from(production).where(production.c.request_id == request_id)
    ).scalar_one()
    return f"P{request_number[1:]}-{built + 1}"


def _register(
    archive: Archive,
    session: Session,
    actor: Actor,
    request_id: int,
    plan: Plan,
    built: Built,
    chosen: list[Numbered],
) -> None:
    if _next_number(session, request_id, plan.request) != plan.number:  # this process slept longer than its lease
        raise Locked(holder=f"another build of {plan.request}, which finished first")
    seed_id = reserve(session, "payload", 1)
    values = {
        "number": plan.number,
        "request_id": request_id,
        "root": bytes.fromhex(built.root),
        "public_key": plan.public_key,
        "seed_payload_id": seed_id,
        "entries": built.records,
        "built_at": plan.signed_at,
        "built_by": actor.id,
    }
    new = int(session.execute(insert(production).values(values).returning(production.c.id)).scalar_one())
    owner = archive.vault.add_owner(session, OwnerKind.PRODUCTION, new)
    write_rows(session, [seal_row(owner, seed_id, plan.seed)])
    session.execute(
        insert(production_entry),
        [
            {
                "production_id": new,
                "number": one.number,
                "candidate_id": one.candidate_id,
                "version": one.version,
            }
            for one in chosen
        ],
    )
    facts = {"request": request_id, "entries": built.records, "root": built.root}
    archive.record_act(session, "produce.build", "production", new, actor_id=actor.id, facts=facts)
