"""The master key, and one random data key for each owner."""

import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass
from hmac import digest as hmac_digest
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from archiver.errors import WrongKey
from archiver.vault.objects import ObjectStore, sync_folder
from archiver.vault.sealing import KEY, NONCE
from schema.db.vault import master, owner_key
from schema.vocab import OwnerKind

_CHECK = b"city archive master key"
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Owner:
    """What a data key belongs to, with the key."""

    kind: OwnerKind
    id: int
    key: bytes


class Vault:
    """Opens and makes data keys under one master key, and knows where objects lie."""

    def __init__(self, master_id: int, master_key: bytes, objects: ObjectStore) -> None:
        self.master_id = master_id
        self.objects = objects
        self._master = AESGCM(master_key)
        self.index_key = b""

    def new_owner(self, kind: OwnerKind, owner_id: int) -> tuple[Owner, dict[str, object]]:
        """A fresh random data key and the `owner_key` row that keeps it wrapped."""
        random = os.urandom(KEY + NONCE)
        key, nonce = random[:KEY], random[KEY:]
        wrapped = nonce + self._master.encrypt(nonce, key, bound(kind, owner_id))
        row: dict[str, object] = {
            "owner_kind": kind.value,
            "owner_id": owner_id,
            "master_id": self.master_id,
            "wrapped": wrapped,
        }
        return Owner(kind, owner_id, key), row

    def add_owner(self, session: Session, kind: OwnerKind, owner_id: int) -> Owner:
        """Make and store one data key."""
        owner, row = self.new_owner(kind, owner_id)
        session.execute(insert(owner_key), [row])
        return owner

    def unwrap(self, kind: OwnerKind, owner_id: int, wrapped: bytes) -> Owner:
        """Open one wrapped data key; raises WrongKey."""
        try:
            return Owner(kind, owner_id, self._master.decrypt(wrapped[:NONCE], wrapped[NONCE:], bound(kind, owner_id)))
        except InvalidTag:
            raise WrongKey(where=f"{kind.value} {owner_id}") from None

    def rewrapped(self, bound_to: bytes, wrapped: bytes, cipher: AESGCM, nonce: bytes) -> bytes:
        """A wrapped data key, wrapped under another master instead; raises WrongKey."""
        try:
            key = self._master.decrypt(wrapped[:NONCE], wrapped[NONCE:], bound_to)
        except InvalidTag:
            raise WrongKey(where=bound_to.decode()) from None
        return nonce + cipher.encrypt(nonce, key, bound_to)

    def owners(self, session: Session, kind: OwnerKind, ids: Iterable[int]) -> dict[int, Owner]:
        """The data keys of owners; destroyed ones are left out."""
        wanted = sorted(set(ids))
        found: dict[int, Owner] = {}
        for start in range(0, len(wanted), _CHUNK):
            rows = session.execute(
                select(owner_key.c.owner_id, owner_key.c.wrapped).where(
                    owner_key.c.owner_kind == kind.value,
                    owner_key.c.owner_id.in_(wanted[start : start + _CHUNK]),
                    owner_key.c.master_id == self.master_id,
                )
            )
            found.update((owner_id, self.unwrap(kind, owner_id, wrapped)) for owner_id, wrapped in rows)
        return found

    def owner(self, session: Session, kind: OwnerKind, owner_id: int) -> Owner | None:
        """One owner's data key, None once it is destroyed."""
        return self.owners(session, kind, [owner_id]).get(owner_id)

    def keyed(self, purpose: str, *parts: str) -> bytes:
        """HMAC-SHA-256 under the archive's index key, for equality without content (native ids, addresses)."""
        return self.keyed_bytes(purpose, "\x00".join(parts).encode("utf-8", "surrogatepass"))

    def keyed_bytes(self, purpose: str, content: bytes) -> bytes:
        """The same for bytes."""
        return hmac_digest(self.index_key, purpose.encode() + b"\x00" + content, "sha256")


def bound(kind: str, owner_id: int) -> bytes:
    """What a wrapped key is bound to; under another owner it does not open."""
    return f"{kind}:{owner_id}".encode()


def new_master_key() -> bytes:
    """32 random bytes."""
    return os.urandom(KEY)


def write_key_file(path: Path, key: bytes) -> None:
    """Write a master key as hex, readable by its owner only; whole or not at all, never over an existing file."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f"{path.name}.part")
    temporary.unlink(missing_ok=True)
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w") as stream:
        stream.write(key.hex() + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    if path.exists():
        temporary.unlink()
        raise FileExistsError(errno.EEXIST, "a key is never overwritten", str(path))
    temporary.rename(path)
    sync_folder(path.parent)


def parse_key(text: bytes) -> bytes:
    """A master key from the hex text of a key file; raises WrongKey."""
    try:
        key = bytes.fromhex(text.decode("ascii").strip())
    except (UnicodeDecodeError, ValueError):
        raise WrongKey(where="the key is not hexadecimal") from None
    if len(key) != KEY:
        raise WrongKey(where=f"the key has {len(key)} bytes instead of {KEY}")
    return key


def add_master(session: Session, key: bytes, now: int, until: int | None = None) -> int:
    """Register a master key by a value that only it can open; returns its id."""
    nonce = os.urandom(NONCE)
    check = nonce + AESGCM(key).encrypt(nonce, _CHECK, None)
    values = {"check": check, "since": now, "until": until}
    return int(session.execute(insert(master).values(values).returning(master.c.id)).scalar_one())


def opens(key: bytes, check: bytes) -> bool:
    """Whether a key is the master that a check value was made with."""
    try:
        AESGCM(key).decrypt(check[:NONCE], check[NONCE:], None)
    except InvalidTag:
        return False
    return True


def find_master(session: Session, key: bytes) -> int:
    """The id of the living master that a key is; raises WrongKey."""
    for master_id, check in session.execute(select(master.c.id, master.c.check).where(master.c.until.is_(None))):
        if opens(key, check):
            return int(master_id)
    raise WrongKey
