"""The bookmark of a mailbox: how far each folder was read, and which of our ids its newest UIDs have."""

import base64
import json
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

from connectors.contract import Cursor, Window

LIMIT = 60 << 10
"""Bytes of JSON that the bookmark may take; the ids of the oldest mails are dropped to stay below."""
_ENTRIES = 3800  # ids: about 11 bytes each as text


@dataclass(slots=True)
class FolderMark:
    """How far one folder was read.

    following: the next UID to fetch.  count: mails below it.  modseq: up to which expunges are known.
    unsettled: a complete listing is still owed.  refused: UIDs that the server could not hand over yet.
    ids: UID -> identity ("16 hex digits" or with "#2"), newest only.
    """

    uidvalidity: int
    following: int = 1
    count: int = 0
    modseq: int = 0
    unsettled: bool = True
    refused: list[int] = field(default_factory=list)
    ids: dict[int, str] = field(default_factory=dict)

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


def _mark(state: dict[str, Any]) -> FolderMark:
    packed = zlib.decompress(base64.b64decode(state["uids"]))
    digests = base64.b64decode(state["ids"]).hex()
    repeats = state["repeats"]
    ids, uid = {}, 0
    for at, step in enumerate(struct.unpack(f">{len(packed) // 4}I", packed)):
        uid += step
        again = repeats.get(str(uid))
        ids[uid] = digests[at * 16 : at * 16 + 16] + (f"#{again}" if again else "")
    return FolderMark(
        state["validity"], state["next"], state["count"], state["modseq"], state["unsettled"], state["refused"], ids
    )


def read(cursor: Cursor | None) -> dict[str, FolderMark]:
    """Read the marks by folder; a bookmark that cannot be read means reading everything again."""
    try:
        return {name: _mark(state) for name, state in (cursor or {}).get("folders", {}).items()}
    except (KeyError, TypeError, ValueError, AttributeError, zlib.error, struct.error):
        return {}


def write(marks: dict[str, FolderMark], window: Window) -> Cursor:
    """Write the marks within LIMIT, the newest mails of every folder first."""
    entries = _ENTRIES
    while True:
        _trim(marks, entries)
        cursor: Cursor = {
            "version": 1,
            "window": [window.since, window.until],
            "folders": {name: mark.as_json() for name, mark in marks.items()},
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
