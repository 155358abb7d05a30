"""Fixity: every payload opens under its owner's key, and is bit for bit what was sealed."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, select
from sqlalchemy.orm import Session

from archiver.errors import WrongKey
from archiver.vault.keys import Owner, Vault
from archiver.vault.objects import StoredObject
from archiver.vault.payloads import open_header
from archiver.vault.sealing import SealBroken, place, unseal
from schema.db.audit import audit_event
from schema.db.record import component, expunged_component, record, tombstone, version
from schema.db.vault import owner_key, payload
from schema.vocab import OwnerKind, PayloadForm

BLOCK = 200
"""Ids of owners that are checked in one read transaction."""

_ROWS = 100
_TRANSIENT = (OwnerKind.CREDENTIAL, OwnerKind.BATCH, OwnerKind.SUBMISSION)
"""Owners whose keys may go when their work is done."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that is not as it was sealed; `owner` and text hold ids only, never content."""

    owner: str
    text: str


@dataclass(frozen=True, slots=True)
class ObjectTask:
    """An object that is to be read once the transaction is closed."""

    owner: str
    payload_id: int
    stored: StoredObject


@dataclass(slots=True)
class Checked:
    """What checking a block of owners found."""

    payloads: int = 0
    flaws: list[Flaw] = field(default_factory=list)
    objects: list[ObjectTask] = field(default_factory=list)

    def flaw(self, owner: str, text: str) -> None:
        """Note a flaw."""
        self.flaws.append(Flaw(owner, text))


@dataclass(frozen=True, slots=True)
class _Owners:
    """Owners of one kind with ids in [first, last]."""

    kind: OwnerKind
    first: int
    last: int

    def of(self, kind: ColumnElement[str], owner: ColumnElement[int]) -> ColumnElement[bool]:
        return (kind == self.kind.value) & owner.between(self.first, self.last)


def label(kind: OwnerKind, owner_id: int) -> str:
    """An owner as people name it."""
    return f"R{owner_id}" if kind is OwnerKind.RECORD else f"{kind.value} {owner_id}"


def check_records(session: Session, vault: Vault, first: int, last: int) -> Checked:
    """Check the records with ids in [first, last]: keys, versions, components and all that is sealed for them.

    What lies in objects is listed and checked apart by `check_object`.  Queries run from the record outwards, so that
    a record that arrives meanwhile is seen whole or not at all.
    """
    out = Checked()
    records = {row["id"]: row for row in _range(session, record.c.id, first, last)}
    buried = {row["record_id"] for row in _range(session, tombstone.c.record_id, first, last)}
    block = _Owners(OwnerKind.RECORD, first, last)
    owners = _open_keys(session, vault, block, out)
    living = set()
    for record_id, row in records.items():
        destroyed = row["destroyed_at"] is not None
        if destroyed and record_id not in buried:
            out.flaw(f"R{record_id}", "marked as destroyed, but it has no tombstone")
        if destroyed and record_id in owners:
            out.flaw(f"R{record_id}", "destroyed, but its key is still there")
        if not destroyed:
            living.add(record_id)
            if record_id not in owners:
                out.flaw(f"R{record_id}", "its key is missing, though it was not destroyed")
    parts = _versions(session, block, {one: records[one]["versions"] for one in living}, out)
    _payloads(session, block, owners, parts, out)
    expunged = {row["component_id"] for row in _range(session, expunged_component.c.record_id, first, last)}
    for part in parts.values():
        if part["id"] in expunged and "found" in part:
            out.flaw(
                f"R{part['record_id']}", f"its component {part['id']} was expunged, but its content is still there"
            )
        if part["record_id"] in living and "found" not in part and part["id"] not in expunged:
            out.flaw(f"R{part['record_id']}", f"the content of its component {part['id']} is missing")
    return out


def _range(session: Session, key: Any, first: int, last: int) -> Iterator[RowMapping]:
    return session.execute(select(key.table).where(key.between(first, last))).mappings()


def _open_keys(session: Session, vault: Vault, block: _Owners, out: Checked) -> dict[int, Owner]:
    rows = session.execute(
        select(owner_key.c.owner_id, owner_key.c.wrapped).where(
            block.of(owner_key.c.owner_kind, owner_key.c.owner_id), owner_key.c.master_id == vault.master_id
        )
    )
    found = {}
    for owner_id, wrapped in rows:
        try:
            found[owner_id] = vault.unwrap(block.kind, owner_id, wrapped)
        except WrongKey:
            out.flaw(label(block.kind, owner_id), "its key was changed or belongs to another owner")
    return found


def _versions(session: Session, block: _Owners, living: Mapping[int, int], out: Checked) -> dict[int, dict[str, Any]]:
    """Components by payload; their digests are compared with those of their versions.

    living: record -> how many versions it has.
    """
    versions = list(_range(session, version.c.record_id, block.first, block.last))
    parts: dict[int, dict[str, Any]] = {}
    whole = {row["id"]: sha256() for row in versions}
    rows = session.execute(
        select(component)
        .where(component.c.record_id.between(block.first, block.last))
        .order_by(component.c.version_id, component.c.position)
    ).mappings()
    for row in rows:
        parts[row["payload_id"]] = dict(row)
        if row["version_id"] in whole:
            whole[row["version_id"]].update(row["digest"])
    for row in versions:
        if row["record_id"] in living and whole[row["id"]].digest() != row["digest"]:
            out.flaw(f"R{row['record_id']}", f"its version {row['number']} does not consist of what was sealed")
    counts = Counter(row["record_id"] for row in versions)
    for record_id, number in living.items():
        if counts[record_id] < number:
            out.flaw(f"R{record_id}", f"it has {counts[record_id]} of {number} versions")
    return parts


def _payloads(
    session: Session, block: _Owners, owners: Mapping[int, Owner], parts: Mapping[int, dict[str, Any]], out: Checked
) -> None:
    rows = session.execute(
        select(payload).where(block.of(payload.c.owner_kind, payload.c.owner_id)).execution_options(yield_per=_ROWS)
    ).mappings()
    for row in rows:
        owner, part = owners.get(row["owner_id"]), parts.get(row["id"])
        if owner is not None:
            _payload(owner, row, None if part is None else part["digest"], out)
        elif block.kind not in _TRANSIENT and part is None:
            out.flaw(label(block.kind, row["owner_id"]), f"content {row['id']} is kept, but there is no key for it")
        if part is not None:
            part["found"] = True


def _payload(owner: Owner, row: RowMapping, digest: bytes | None, out: Checked) -> None:
    name = label(owner.kind, owner.id)
    out.payloads += 1
    try:
        content, found = unseal(owner.key, place(owner.kind, owner.id, row["id"]), row["sealed"])
        if row["form"] == PayloadForm.OBJECT.value:
            header = open_header(content)
            out.objects.append(ObjectTask(name, row["id"], header))
            fits = (header.name, header.size) == (row["object_name"], row["size"])
        else:
            fits = len(content) == row["size"]
    except SealBroken:
        out.flaw(name, f"content {row['id']} does not open: it was changed or moved")
        return
    if not fits or (digest is not None and digest != found):
        out.flaw(name, f"content {row['id']} is not what was sealed")


def check_object(vault: Vault, task: ObjectTask) -> Flaw | None:
    """Read one object segment by segment, holding one in memory (1 MiB)."""
    header = task.stored
    if not vault.objects.path(header.name).exists():
        return Flaw(task.owner, f"object {header.name} is missing")
    whole, size = sha256(), 0
    try:
        for segment in vault.objects.read(header.name, header.key):
            whole.update(segment)
            size += len(segment)
    except (SealBroken, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it was changed, cut off or moved"
        return Flaw(task.owner, f"object {header.name} cannot be read: {reason}")
    if (whole.digest(), size) != (header.sha256, header.size):
        return Flaw(task.owner, f"object {header.name} is not what was sealed")
    return None


def still_there(session: Session, payload_id: int) -> bool:
    """Whether a payload exists; its object may have been destroyed lawfully while others were checked."""
    return session.execute(select(payload.c.id).where(payload.c.id == payload_id)).first() is not None


def next_owners(session: Session, kind: OwnerKind, after: int, share: tuple[int, int] = (1, 1)) -> list[int]:
    """The next owners of a kind that have content, ascending; share: (n, m) takes the n-th of m parts."""
    number, of = share
    mine: ColumnElement[bool] = payload.c.owner_id % of == number - 1
    return list(
        session.execute(
            select(payload.c.owner_id)
            .where(payload.c.owner_kind == kind.value, payload.c.owner_id > after, mine)
            .distinct()
            .order_by(payload.c.owner_id)
            .limit(BLOCK)
        ).scalars()
    )


def check_owner(session: Session, vault: Vault, kind: OwnerKind, owner_id: int) -> Checked:
    """Check all that is sealed for one owner that is not a record (a request, a hold, a declaration ...)."""
    out = Checked()
    block = _Owners(kind, owner_id, owner_id)
    _payloads(session, block, _open_keys(session, vault, block, out), {}, out)
    return out


def check_words(session: Session, vault: Vault, after: int, limit: int = 5_000) -> tuple[int | None, Checked]:
    """Check the words sealed beside the next events of the audit log; returns where to go on, None at the end."""
    out = Checked()
    rows = session.execute(
        select(audit_event.c.id, audit_event.c.text_digest, audit_event.c.text_payload_id)
        .where(audit_event.c.id > after)
        .order_by(audit_event.c.id)
        .limit(limit)
    ).all()
    for row in rows:
        if row.text_payload_id is None and row.text_digest is not None:
            out.flaw(f"event {row.id}", "the words beside it are missing")
        if row.text_payload_id is None:
            continue
        kept = session.execute(select(payload).where(payload.c.id == row.text_payload_id)).mappings().one_or_none()
        owner = vault.owner(session, OwnerKind.EVENT, kept["owner_id"]) if kept else None
        if kept is None or owner is None:
            out.flaw(f"event {row.id}", "the words beside it are missing")
        else:
            _payload(owner, kept, row.text_digest, out)
    return (rows[-1].id if rows else None), out
