"""Text found in attachments: read once in a sandbox, sealed as a derivation of the record, read back at a rebuild."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from archiver.database import IdPool
from archiver.index.extract.contract import ExtractOutcome
from archiver.index.extract.extractor import Extractor
from archiver.vault import Vault
from archiver.vault.derivations import add_derivations, texts_of
from archiver.vault.payloads import ContentDestroyed, Sealed, seal_content, stream
from schema.db.index import extraction
from schema.db.record import record
from schema.vocab import DerivationKind, OwnerKind

LARGEST = 256 << 20
"""Bytes: larger attachments are kept, but not read for text; `coverage` counts them."""


@dataclass(slots=True)
class FoundTexts:
    """What reading a batch of attachments gave, to be written in one transaction."""

    texts: dict[int, str | None] = field(default_factory=dict)
    sealed: list[Sealed] = field(default_factory=list)
    derivations: list[dict[str, Any]] = field(default_factory=list)
    extractions: list[dict[str, Any]] = field(default_factory=list)
    outdated: list[int] = field(default_factory=list)
    """Components of earlier versions, which no longer count as attachments without text."""


def find_texts(
    session: Session,
    vault: Vault,
    ids: IdPool,
    extractor: Extractor,
    records: Mapping[int, int],
    attachments: Sequence[tuple[Mapping[Any, Any], str]],
) -> FoundTexts:
    """Texts of attachments (component row, file name): those read earlier from their derivations, the others anew.

    records: source by record, of all records in hand, also those whose newest version has no attachment any more.
    """
    found = FoundTexts()
    wanted = {one["id"]: (one, name) for one, name in attachments}
    known = _known(session, list(records))
    found.outdated = [one for one in known if one not in wanted]
    found.texts.update(
        texts_of(session, vault, [one for one, outcome in known.items() if outcome == "ok" and one in wanted])
    )
    fresh = [pair for component_id, pair in wanted.items() if component_id not in known]
    owners = vault.owners(session, OwnerKind.RECORD, (one["record_id"] for one, _name in fresh))
    for one, name in fresh:
        owner = owners.get(one["record_id"])
        if owner is None:
            continue
        outcome, text, pages = _read(session, vault, extractor, one, name)
        found.texts[one["id"]] = text
        found.extractions.append(
            {
                "component_id": one["id"],
                "record_id": one["record_id"],
                "source_id": records[one["record_id"]],
                "outcome": outcome,
                "pages": pages,
            }
        )
        if text:
            sealed = seal_content(vault, owner, ids.take("payload"), text.encode("utf-8", "replace"))
            found.sealed.append(sealed)
            found.derivations.append(
                {
                    "owner_kind": OwnerKind.RECORD.value,
                    "owner_id": one["record_id"],
                    "kind": DerivationKind.TEXT.value,
                    "component_id": one["id"],
                    "payload_id": sealed.row["id"],
                    "outcome": outcome,
                    "pages": pages,
                }
            )
    return found


def _known(session: Session, record_ids: Sequence[int]) -> dict[int, str]:
    rows = session.execute(
        select(extraction.c.component_id, extraction.c.outcome).where(extraction.c.record_id.in_(record_ids))
    )
    return dict(rows.all())


def _read(
    session: Session, vault: Vault, extractor: Extractor, one: Mapping[Any, Any], name: str
) -> tuple[str, str | None, int | None]:
    if one["size"] > LARGEST:
        return ExtractOutcome.UNSUPPORTED.value, None, None
    try:
        content = b"".join(stream(session, vault, one["payload_id"]))
    except ContentDestroyed:
        return ExtractOutcome.FAILED.value, None, None
    result = extractor.extract(name, one["media_type"], content)
    return result.outcome.value, result.text, result.pages


def forget_texts(session: Session, record_ids: Sequence[int]) -> None:
    """Forget what was found in the attachments of records that are being destroyed; the texts go with their owners."""
    session.execute(delete(extraction).where(extraction.c.record_id.in_(record_ids)))


def only_living(session: Session, found: FoundTexts) -> FoundTexts:
    """What was found, without the records that were destroyed meanwhile; locks the others (PostgreSQL)."""
    ids = sorted({row["record_id"] for row in found.extractions})
    chosen = select(record.c.id).where(record.c.id.in_(ids), record.c.destroyed_at.is_(None)).order_by(record.c.id)
    living = set(session.execute(chosen.with_for_update(read=True)).scalars())
    found.sealed = [one for one in found.sealed if one.row["owner_id"] in living]
    found.derivations = [row for row in found.derivations if row["owner_id"] in living]
    found.extractions = [row for row in found.extractions if row["record_id"] in living]
    return found


def write_texts(session: Session, found: FoundTexts) -> None:
    """Store what was found, in one transaction."""
    if found.outdated:
        session.execute(delete(extraction).where(extraction.c.component_id.in_(found.outdated)))
    if found.extractions:
        add_derivations(session, found.sealed, found.derivations)
        session.execute(insert(extraction), found.extractions)
