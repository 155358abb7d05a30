"""Certificates: issued only for what is proven, signed, sealed, numbered without a gap; read with their signature."""

import json
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.accession.destroyed import certify_tombstones
from archiver.archive import Archive
from archiver.clock import city_date
from archiver.database import next_number, reserve
from archiver.dispose import marks
from archiver.dispose.batches import row_of, set_state
from archiver.dispose.stating import stated
from archiver.errors import NotFound, Refused, VerificationFailed
from archiver.vault.payloads import keep_text, read_text
from archiver.vault.secrets import is_signed_by
from schema.canonical import canonical_json
from schema.db.dispose import certificate
from schema.disposal_vocab import DispositionState
from schema.vocab import OwnerKind, Role
from schema.wire.shape import as_json


def certify(archive: Archive, session: Session, actor: Actor, disposition_id: int) -> str:
    """Issue the certificate of a proven disposition in the caller's transaction; returns its number.

    The marks of the batch are destroyed with it.  Raises Refused for one that is not proven.
    """
    require(actor, Role.RECORDS_OFFICER)
    row = row_of(session, disposition_id)
    if row["state"] != DispositionState.PROVEN.value:
        raise Refused(
            reason=f"D{disposition_id} is {row['state']}, not proven",
            action="A certificate is issued for what is destroyed or transferred, and proven.",
        )
    marks.forget(session, disposition_id)  # before any id is reserved, as all destruction
    now = archive.now()
    year = city_date(now, archive.city.timezone).year
    number = f"C{year}-{next_number(session, 'certificate', year)}"
    body = canonical_json(as_json(stated(archive, session, actor, row, number, now))).decode()
    new = reserve(session, "certificate", 1)
    owner = archive.vault.add_owner(session, OwnerKind.CERTIFICATE, new)
    values = {
        "id": new,
        "number": number,
        "kind": row["kind"].replace("destroy", "destruction").replace("expunge", "expungement"),
        "disposition_id": disposition_id,
        "issued_at": now,
        "issued_by": actor.id,
        "payload_id": keep_text(session, archive.vault, owner, body),
        "signature": archive.signer.sign(body.encode()),
        "public_key": archive.signer.public,
    }
    session.execute(insert(certificate).values(values))
    certify_tombstones(session, disposition_id, number)
    set_state(session, disposition_id, DispositionState.CERTIFIED, certificate=number)
    archive.record_act(
        session, "dispose.certify", "disposition", disposition_id, actor_id=actor.id, facts={"certificate": number}
    )
    return number


def read(archive: Archive, session: Session, number: str) -> tuple[dict[str, Any], bytes, bytes]:
    """A certificate, its signature and the public key; raises NotFound, VerificationFailed where it was changed."""
    body, signature, public_key = read_bytes(archive, session, number)
    return json.loads(body), signature, public_key


def read_bytes(archive: Archive, session: Session, number: str) -> tuple[bytes, bytes, bytes]:
    """The same with the very bytes that are signed."""
    row = session.execute(select(certificate).where(certificate.c.number == number)).mappings().one_or_none()
    if row is None:
        raise NotFound(noun="certificate", name=number)
    body = (read_text(session, archive.vault, row["payload_id"]) or "").encode()
    signature, public_key = bytes(row["signature"]), bytes(row["public_key"])
    if public_key != archive.signer.public or not is_signed_by(public_key, signature, body):
        raise VerificationFailed(problem=f"the signature of {number} does not belong to what it says")
    return body, signature, public_key
