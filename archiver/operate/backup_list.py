"""What must not come back, and what must not be forgotten: tombstones, expunged parts and live holds, in a signed file.

One JSON value to a line: a head, then `["tombstone", ...]`, `["expunged", ...]`, `["hold", ...]` and
`["members", ...]`, at last the signature over all lines before it.  Taken last, it also names what was destroyed while
the backup ran.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from archiver.archive import Archive
from archiver.errors import VerificationFailed
from archiver.operate.backup_facts import last_ids
from archiver.vault.secrets import is_signed_by
from schema.canonical import canonical_json
from schema.db.city import counter, id_block
from schema.db.dispose import disposition
from schema.db.hold import hold, hold_member, hold_source
from schema.db.record import expunged_component, record, tombstone
from schema.db.retain import series
from schema.vocab import HoldState
from schema.wire.backup import BackupList
from schema.wire.shape import as_json

TOMBSTONE, EXPUNGED, HOLD, MEMBERS, SIGNATURE = "tombstone", "expunged", "hold", "members", "signature"
HOLD_FIELDS = (
    "id", "kind", "scope", "state", "matter", "families", "request_id", "sent_since", "sent_until", "placed_at",
    "placed_by", "until_on", "evaluated_to",
)  # fmt: skip

_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Listed:
    """How much a list names."""

    tombstones: int
    expunged: int
    holds: int


def write_list(archive: Archive, path: Path, now: int) -> Listed:
    """Write the list as it stands, in short read transactions, the holds last."""
    whole = sha256()
    counts = dict.fromkeys((TOMBSTONE, EXPUNGED, HOLD, MEMBERS), 0)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "wb") as stream:

        def line(value: Any) -> None:
            content = canonical_json(value) + b"\n"
            whole.update(content)
            stream.write(content)

        line(as_json(_head(archive, now)))
        for walk in (_tombstones, _expunged, _holds):
            for kind, values in walk(archive):
                counts[kind] += 1
                line([kind, *values])
        line([SIGNATURE, archive.signer.sign(whole.digest()).hex()])
        stream.flush()
        os.fsync(stream.fileno())
    return Listed(counts[TOMBSTONE], counts[EXPUNGED], counts[HOLD])


def _head(archive: Archive, now: int) -> BackupList:
    with archive.reading() as session:
        count, last = session.execute(select(func.count(), func.max(record.c.id)).select_from(record)).one()
        numbers = {f"id_block:{name}": following for name, following in session.execute(select(id_block))}
        rows = session.execute(select(counter.c.name, counter.c.year, counter.c.last))
        numbers |= {f"counter:{name}:{year}": given for name, year, given in rows}
    numbers |= {f"sequence:{name}": given for name, given in last_ids(archive)}
    return BackupList(now, count, last or 0, numbers, archive.signer.public.hex())


Lines = Iterator[tuple[str, list[Any]]]


def _tombstones(archive: Archive) -> Lines:
    after = 0
    while True:
        with archive.reading() as session:
            rows = session.execute(
                select(tombstone, series.c.key, record.c.source_id, record.c.kind)
                .join(series, series.c.id == tombstone.c.series_id)
                .join(record, record.c.id == tombstone.c.record_id, isouter=True)
                .where(tombstone.c.record_id > after)
                .order_by(tombstone.c.record_id)
                .limit(_BATCH)
            ).all()
        for row in rows:
            keys = (row.native_key.hex(), row.key, row.digest.hex())
            when = (row.sent_at, row.captured_at, row.destroyed_at)
            yield TOMBSTONE, [row.record_id, *keys, *when, row.certificate, row.source_id, row.kind]
        if not rows:
            return
        after = rows[-1].record_id


def _expunged(archive: Archive) -> Lines:
    with archive.reading() as session:
        rows = session.execute(
            select(
                expunged_component,
                disposition.c.proposed_at,
                disposition.c.proposed_by,
                disposition.c.certificate,
                series.c.key,
            )
            .join(disposition, disposition.c.id == expunged_component.c.disposition_id)
            .join(series, series.c.id == disposition.c.series_id)
            .order_by(expunged_component.c.component_id)
        ).all()
    for row in rows:
        order = [row.disposition_id, row.key, row.proposed_at, row.proposed_by, row.certificate]
        yield EXPUNGED, [row.component_id, row.record_id, row.expunged_at, order]


def _holds(archive: Archive) -> Lines:
    with archive.reading() as session:
        rows = session.execute(select(hold).where(hold.c.state != HoldState.LIFTED.value).order_by(hold.c.id))
        living = rows.mappings().all()
        sources: dict[int, list[int]] = {}
        for hold_id, source_id in session.execute(select(hold_source.c.hold_id, hold_source.c.source_id)):
            sources.setdefault(hold_id, []).append(source_id)
    for one in living:
        said = {name: one[name] for name in HOLD_FIELDS}
        said["until_on"] = one["until_on"].isoformat() if one["until_on"] else None
        asks = one["query_payload_id"] is not None
        yield HOLD, [said | {"sources": sorted(sources.get(one["id"], [])), "asks": asks}]
        after = 0
        while True:
            with archive.reading() as session:
                members = session.execute(
                    select(hold_member.c.record_id, hold_member.c.added_at)
                    .where(hold_member.c.hold_id == one["id"], hold_member.c.record_id > after)
                    .order_by(hold_member.c.record_id)
                    .limit(_BATCH)
                ).all()
            if not members:
                break
            yield MEMBERS, [one["id"], [list(row) for row in members]]
            after = members[-1].record_id


def read_list(path: Path, public_key: bytes, note: Callable[[str, list[Any]], None] | None = None) -> BackupList:
    """Check a list under the archive's key, telling each entry; returns its head.

    note: told (kind, values) of each entry as it is read, before the signature at the end is known to be right.
    Raises VerificationFailed where it is not what this archive signed.
    """
    whole, head, proven = sha256(), None, False
    try:
        with path.open("rb") as stream:
            for content in stream:
                value = json.loads(content)
                if head is None:
                    head = BackupList(**{one.name: value[one.name] for one in fields(BackupList)})
                elif value[0] == SIGNATURE:
                    proven = is_signed_by(public_key, bytes.fromhex(value[1]), whole.digest())
                elif proven:
                    raise ValueError("something follows the signature")
                elif note is not None:
                    note(str(value[0]), value[1:])
                whole.update(content)
    except OSError as error:
        raise VerificationFailed(problem=f"the list cannot be read: {error.strerror}", where=str(path)) from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        proven = False
    if head is None or not proven:
        raise VerificationFailed(problem="the list is not what this archive signed", where=str(path))
    return head
