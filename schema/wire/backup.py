"""The signed manifest of a backup, and the first line of its list of tombstones and live holds."""

from dataclasses import dataclass
from typing import Annotated

from schema.wire.shape import Rule, wire

Hash = Annotated[str, Rule("SHA-256, lower-case hex", pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class BackupFile:
    """A file of a backup: its digest and its size in bytes."""

    sha256: Hash
    size: int


@wire("backup-manifest/1")
@dataclass(frozen=True, slots=True)
class BackupManifest:
    """What a backup holds.

    `taken_at`: milliseconds UTC, everything committed before is in it.  `version`: schema of the facts.  `master`:
    id of the master key that wraps its data keys, `check`: a value that only this master opens (hex).  `missing`:
    objects that the archive itself could not give, the first thousand by name.  `keys_place`: where the wrapped keys
    went.  `signature`: Ed25519 over the canonical JSON of all other fields, hex.
    """

    taken_at: int
    city: str
    version: str
    database: str
    records: int
    living: int
    last_record_id: int
    master: int
    check: str
    files: dict[str, BackupFile]
    keys: BackupFile
    keys_place: str
    objects: int
    object_bytes: int
    missing: tuple[str, ...]
    missing_objects: int
    tombstones: int
    holds: int
    public_key: str
    signature: str


@wire("backup-list/1")
@dataclass(frozen=True, slots=True)
class BackupList:
    """First line of a list of tombstones and live holds, which follow one to a line; its last line signs the others.

    `taken_at`: milliseconds UTC.  `numbers`: the last number given of each gapless series, and the next id of each
    block, so that a restored archive gives none of them twice.
    """

    taken_at: int
    records: int
    last_record_id: int
    numbers: dict[str, int]
    public_key: str
