"""The bookmark of a mailbox: how far each folder was read, and which of our ids its newest UIDs have."""

import base64
import hashlib
import json
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from connectors.contract import Cursor, Window

VERSION = 2
"""Of the bookmark: the first one also held ids of mails out of scope, and is not used."""
LIMIT = 60 << 10
"""Bytes of JSON that the bookmark may take; the ids of the oldest mails are dropped to stay below."""
_ENTRIES = 3800  # ids: about 11 bytes each as text


@dataclass(slots=True)
class FolderMark:
    """How far one folder was read.

    following: the next UID to fetch.  count: mails below it.  modseq: up to which expunges are known.
    unsettled: a complete listing is still owed.  refused: UIDs that the server could not hand over yet.
    ids: UID -> identity ("16 hex digits" or with "#2"), newest only, of mails in scope.
    kept: whether a mail of the folder ever was in scope; else the bookmark holds a digest in place of its name.
    """

    uidvalidity: int
    following: int = 1
    count: int = 0
    modseq: int = 0
    unsettled: bool = True
    refused: list[int] = field(default_factory=list)
    ids: dict[int, str] = field(default_factory=dict)
    kept: bool = False

    def as_json(self) -> dict[str, Any]:
        """Write the mark; the ids as delta-packed UIDs and 8-byte digests."""
        uids = sorted(self.ids)
        steps = [uid - before for before, uid in zip([0, *uids], uids, strict=False)]
        names = [self.ids[uid].partition("#") for uid in uids]
        return {
            "validity": self.uidvalidity,
            "next": self.following,
            "count": self.count,
            "modseq": self.modseq,
            "unsettled": self.unsettled,
            "refused": self.refused,
            "uids": base64.b64encode(zlib.compress(struct.pack(f">{len(steps)}I", *steps))).decode(),
            "ids": base64.b64encode(bytes.fromhex("".join(name for name, _, _ in names))).decode(),
            "repeats": {str(uid): int(again) for uid, (_, _, again) in zip(uids, names, strict=True) if again},
        }


def _mark(state: dict[str, Any], *, kept: bool) -> FolderMark:
    packed = zlib.decompress(base64.b64decode(state["uids"]))
    digests = base64.b64decode(state["ids"]).hex()
    repeats = state["repeats"]
    ids, uid = {}, 0
    for at, step in enumerate(struct.unpack(f">{len(packed) // 4}I", packed)):
        uid += step
        again = repeats.get(str(uid))
        ids[uid] = digests[at * 16 : at * 16 + 16] + (f"#{again}" if again else "")
    numbers = (state["validity"], state["next"], state["count"], state["modseq"])
    return FolderMark(*numbers, state["unsettled"], state["refused"], ids, kept)


def _hidden(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def read(cursor: Cursor | None, listed: Iterable[str]) -> dict[str, FolderMark]:
    """Read the marks by folder; a bookmark that cannot be read means reading everything again.

    listed: names of the folders on the server; of one that went, only a mark with kept mails is of use.
    """
    try:
        others = (cursor or {}).get("others", {})
        found = {name: _mark(others[_hidden(name)], kept=False) for name in listed if _hidden(name) in others}
        return found | {name: _mark(state, kept=True) for name, state in (cursor or {}).get("folders", {}).items()}
    except (KeyError, TypeError, ValueError, AttributeError, zlib.error, struct.error):
        return {}


def write(marks: dict[str, FolderMark], window: Window) -> Cursor:
    """Write the marks within LIMIT, the newest mails of every folder first."""
    entries = _ENTRIES
    while True:
        _trim(marks, entries)
        cursor: Cursor = {
            "version": VERSION,
            "window": [window.since, window.until],
            "folders": {name: mark.as_json() for name, mark in marks.items() if mark.kept},
            "others": {_hidden(name): mark.as_json() for name, mark in marks.items() if not mark.kept},
        }
        if not entries or len(json.dumps(cursor)) <= LIMIT:
            return cursor
        entries = entries * 3 // 4


def _trim(marks: dict[str, FolderMark], entries: int) -> None:
    """Let each folder keep its newest ids, so that all together keep `entries` at most."""
    sizes = sorted(len(mark.ids) for mark in marks.values())
    share, left = 0, entries
    for at, size in enumerate(sizes):
        share = left // (len(sizes) - at)
        left -= min(size, share)
    for mark in marks.values():
        if len(mark.ids) > share:
            mark.ids = {uid: mark.ids[uid] for uid in sorted(mark.ids)[len(mark.ids) - share :]}
