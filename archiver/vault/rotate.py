"""Rotating the master key: every data key is wrapped anew, then the old wrapping is deleted.

The old master opens the archive until the last key is wrapped anew; then both do, until the old one is retired; then
only the new one does.  Every step may be repeated, so that a rotation goes on after a crash at any point.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import ColumnElement, RowMapping, and_, delete, exists, insert, literal, select, tuple_, update
from sqlalchemy.orm import Session, aliased

from archiver.vault.keys import Vault, bound, opens
from archiver.vault.sealing import NONCE
from schema.db.vault import master, owner_key

PREPARING = 0
"""`until` of a master that is not in force yet: it opens nothing."""
BATCH = 10_000
"""Keys in one transaction."""

Place = tuple[str, int]
"""The owner (kind, id) up to which a walk over the keys has come."""
START: Place = ("", 0)


def masters(session: Session) -> Sequence[RowMapping]:
    """Every master that was ever made, oldest first."""
    return session.execute(select(master).order_by(master.c.id)).mappings().all()


def whose(session: Session, key: bytes) -> RowMapping | None:
    """The master that a key is, in force or not."""
    return next((row for row in masters(session) if opens(key, row["check"])), None)


@dataclass(frozen=True, slots=True)
class NewMaster:
    """The master that keys are wrapped under from now on: its id and its key."""

    id: int
    key: bytes


def rewrap(session: Session, vault: Vault, new: NewMaster, after: Place) -> tuple[int, Place | None]:
    """Wrap the next keys under a new master; returns how many it lacked, and where to go on, None at the end."""
    cipher = AESGCM(new.key)
    kind, owner = owner_key.c.owner_kind, owner_key.c.owner_id
    rows = session.execute(
        select(kind, owner, owner_key.c.wrapped)
        .where(owner_key.c.master_id == vault.master_id, _after(after))
        .order_by(kind, owner)
        .limit(BATCH)
    ).all()
    if not rows:
        return 0, None
    last = (rows[-1].owner_kind, rows[-1].owner_id)
    present = {
        tuple(row)
        for row in session.execute(
            select(kind, owner).where(owner_key.c.master_id == new.id, _after(after), _up_to(last))
        )
    }
    random = os.urandom(NONCE * len(rows))
    fresh = []
    for number, (owner_kind, owner_id, wrapped) in enumerate(rows):
        if (owner_kind, owner_id) not in present:
            nonce = random[number * NONCE : (number + 1) * NONCE]
            again = vault.rewrapped(bound(owner_kind, owner_id), wrapped, cipher, nonce)
            fresh.append({"owner_kind": owner_kind, "owner_id": owner_id, "master_id": new.id, "wrapped": again})
    if fresh:
        session.execute(insert(owner_key), fresh)
    return len(fresh), last


def _after(place: Place) -> ColumnElement[bool]:
    # A row value, because both databases walk their index with it; the same in ANDs and ORs reads from the start.
    return tuple_(owner_key.c.owner_kind, owner_key.c.owner_id) > tuple_(*map(literal, place))


def _up_to(place: Place) -> ColumnElement[bool]:
    return tuple_(owner_key.c.owner_kind, owner_key.c.owner_id) <= tuple_(*map(literal, place))


def lacking(session: Session, master_id: int) -> bool:
    """Whether a data key exists that a master cannot open."""
    mine = aliased(owner_key)
    same = and_(
        mine.c.owner_kind == owner_key.c.owner_kind,
        mine.c.owner_id == owner_key.c.owner_id,
        mine.c.master_id == master_id,
    )
    found = select(owner_key.c.owner_id).where(owner_key.c.master_id != master_id, ~exists().where(same)).limit(1)
    return session.execute(found).first() is not None


def put_in_force(session: Session, master_id: int) -> None:
    """Let a master open the archive, beside the one that did so far."""
    session.execute(update(master).where(master.c.id == master_id).values(until=None))


def retire_older(session: Session, master_id: int, now: int) -> list[int]:
    """End every master in force before this one; returns their ids."""
    older = (master.c.id < master_id) & master.c.until.is_(None)
    ids = list(session.execute(select(master.c.id).where(older)).scalars())
    session.execute(update(master).where(older).values(until=now))
    return ids


def drop_older(session: Session, master_id: int, after: Place) -> Place | None:
    """Delete the next wrapped copies under older masters; the guards check that a newer one exists of each."""
    kind, owner = owner_key.c.owner_kind, owner_key.c.owner_id
    rows = session.execute(
        select(kind, owner).where(owner_key.c.master_id < master_id, _after(after)).order_by(kind, owner).limit(BATCH)
    ).all()
    if not rows:
        return None
    last = (rows[-1].owner_kind, rows[-1].owner_id)
    session.execute(delete(owner_key).where(owner_key.c.master_id < master_id, _after(after), _up_to(last)))
    return last


def has_older(session: Session, master_id: int) -> bool:
    """Whether copies under older masters are left, in force or not."""
    left = select(owner_key.c.owner_id).where(owner_key.c.master_id < master_id).limit(1)
    older = select(master.c.id).where(master.c.id < master_id, master.c.until.is_(None)).limit(1)
    return session.execute(left).first() is not None or session.execute(older).first() is not None
