"""One run over a folder of mail files: what changed is read, what did not is named as still there."""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.contract import Context, Cursor, Enumeration, Page, Window
from connectors.errors import Misconfigured, Retry, SkipItem
from connectors.mail_files.client import (
    Listing,
    MailFile,
    bucket_digest,
    list_tree,
    open_file,
    pack,
    sniff,
    unchanged,
    unpack,
)
from connectors.mail_files.items import Entry, Made, PrefixDigest, Reading, file_opener, mbox_entries, zip_entries
from connectors.rfc822 import MEMORY_LIMIT, Source, covers, within
from schema.item import Item

PAGE_ITEMS = 500
PAGE_BYTES = 32 << 20
_PAGE_KNOWN = 5000
_BOXES_LIMIT = 24 << 10
_WARNINGS = 20
_FRESH_MS = 60_000
_SNIFF = 4096
_FIRST = 256 << 10
_VERSION = 2  # of the cursor: the first one also named boxes and digested mails that were out of scope


@dataclass(slots=True)
class Run:
    """The state of one run; `digests` and `boxes` are what the cursor keeps."""

    context: Context
    window: Window
    listing: Listing
    digests: dict[int, bytes]
    boxes: dict[str, dict[str, Any]]
    reading: Reading = field(init=False)
    warnings: list[str] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    size: int = 0
    done: int = 0
    sound: bool = True
    halted: bool = False

    def __post_init__(self) -> None:
        self.reading = Reading(self.context)
        self.warnings = list(self.listing.warnings)

    def pages(self) -> Iterator[Page]:
        """Read bucket by bucket; a bucket counts as read only when each of its files was."""
        buckets = self.listing.buckets()
        now = {bucket: bucket_digest(files) for bucket, files in buckets.items()}
        if self.digests == now:
            yield self.page(last=True)
            return
        moving = _still_written(self.context, buckets, now, self.digests)
        for bucket, files in buckets.items():
            if self.digests.get(bucket) == now[bucket]:
                self.known.extend(file.native_id for file in files)
            else:
                yield from self._bucket(files, moving)
                if self.halted:
                    return
                self.digests.pop(bucket, None)
                self.digests.update({bucket: now[bucket]} if self.sound else {})
            if self.full():
                yield from self._flush()
                if self.halted:
                    return
        self.digests = {bucket: digest for bucket, digest in self.digests.items() if bucket in now}
        if self.listing.complete:
            names = {file.name for file in self.listing.files.values()}
            for box in [box for box in self.boxes if box not in names]:
                del self.boxes[box]
                yield self.page(Enumeration(prefix=f"box:{box}//"))
        yield self.page(Enumeration(prefix="file:") if self.listing.complete else None, last=True)

    def _bucket(self, files: list[MailFile], moving: set[str]) -> Iterator[Page]:
        self.sound = True
        for file in files:
            if file.native_id in moving:
                self.problem(f"{file.name} is still being written; it is read by the next run.")
                self.known.append(file.native_id)
            else:
                yield from self._file(file)
            if self.full() and not self.halted:
                yield from self._flush()
            if self.halted:
                return

    def _flush(self, complete: Enumeration | None = None) -> Iterator[Page]:
        yield self.page(complete)
        self.halted = self.context.stopped()

    def full(self) -> bool:
        """Tell whether it is time for a page."""
        return len(self.made) >= PAGE_ITEMS or self.size >= PAGE_BYTES or len(self.known) >= _PAGE_KNOWN

    def page(self, complete: Enumeration | None = None, *, last: bool = False) -> Page:
        """Hand over what was gathered, with the cursor after it."""
        self.done += len(self.made)
        self.context.progress(self.done, None, "mails")
        warnings = tuple(self._told()) if last else ()
        page = Page(tuple(self.made), (), self.cursor(), complete, still_there=tuple(self.known), warnings=warnings)
        self.made, self.known, self.size = [], [], 0
        return page

    def _told(self) -> Iterator[str]:
        yield from self.warnings[:_WARNINGS]
        if len(self.warnings) > _WARNINGS:
            yield f"{len(self.warnings) - _WARNINGS} further files had problems of these kinds."
        names = self.reading.not_mail
        if names:
            more = ", ..." if len(names) > 3 else ""
            yield f"{len(names)} files are no mail and were passed over: {', '.join(names[:3])}{more}"

    def cursor(self) -> Cursor:
        """Return the bookmark, below 64 KiB: of boxes beyond the limit, the smallest are forgotten and read again."""
        boxes = dict(self.boxes)
        while len(json.dumps(boxes)) > _BOXES_LIMIT:
            for name in sorted(boxes, key=lambda one: int(boxes[one]["size"]))[: max(1, len(boxes) // 8)]:
                del boxes[name]
        kept = {name: dict(state) for name, state in boxes.items() if state["kept"]}
        return {
            "version": _VERSION,
            "window": [self.window.since, self.window.until],
            "read": pack(self.digests),
            "boxes": kept,
            "others": {_hidden(name): dict(state) for name, state in boxes.items() if name not in kept},
        }

    def problem(self, text: str) -> None:
        """Note that something was not read; its bucket is tried again by the next run."""
        self.warnings.append(text)
        self.sound = False

    def add(self, item: Made, size: int) -> None:
        """Take an item that belongs to the window."""
        if within(item, self.window):
            self.made.append(item)
            self.size += size
        else:
            self.known.append(item.native_id)

    def _file(self, file: MailFile) -> Iterator[Page]:
        try:
            with open_file(file) as handle:
                data = handle.read(_FIRST)
                kind = sniff(data[:_SNIFF], file.name.rpartition("/")[2], file.maildir)
                if kind == "mail" and len(data) == _FIRST:
                    data += handle.read(MEMORY_LIMIT + 1 - _FIRST)
        except OSError as error:
            self.known.append(file.native_id)
            self.problem(f"{file.name} cannot be read ({error.strerror}).")
            return
        if kind is None:
            self.reading.not_mail.append(file.name)
        elif kind == "mail":
            self._mail(file, data)
        else:
            yield from self._box(file, kind)

    def _mail(self, file: MailFile, data: bytes) -> None:
        if not data:
            self.warnings.append(f"{file.name} is empty.")
            return
        opener = file_opener(file.path, file.size)
        source: Source = data if len(data) <= MEMORY_LIMIT else lambda: opener(0)
        folder = file.native_id[len("file:") :].rpartition("//")[0]
        try:
            item = self.reading.make(source, file.native_id, file.name, folder)
            seen = os.stat(file.path)
        except (OSError, Retry):
            seen = None
        if seen is None or not unchanged(file, seen):
            self.known.append(file.native_id)
            self.problem(f"{file.name} changed while it was being read; it is read by the next run.")
            return
        self.add(item, len(data))

    def _box(self, file: MailFile, kind: str) -> Iterator[Page]:
        """Read an mbox or zip from where the last run stopped, as far as what it had read is still the same."""
        before = self.boxes.get(file.name) or {}
        same = before.get("size") == file.size and before.get("modified") == file.modified
        if same and before.get("finished"):
            return
        opener = file_opener(file.path, file.size)
        prefix, begins = PrefixDigest(opener), f"box:{file.name}//"
        skip, end = int(before.get("count", 0)), int(before.get("end", 0))
        try:
            known = before.get("digest") if kind == "mbox" and end <= file.size else None
            if not same and (not known or prefix.upto(end) != known):
                skip, end, prefix = 0, 0, PrefixDigest(opener)
        except OSError as error:
            self.problem(f"{file.name} cannot be read ({error.strerror}).")
            return
        state = {"size": file.size, "modified": file.modified, "count": skip, "end": end}
        state |= {"kept": before.get("kept", False), "whole": not skip or bool(before.get("digest"))}
        entries = (
            mbox_entries(self.reading, opener, file.name, begins)
            if kind == "mbox"
            else zip_entries(self.reading, Path(file.path), file.name, begins, self.warnings.append)
        )
        try:
            for number, entry in enumerate(entries, 1):
                if number <= skip:
                    self.known.append(entry.native_id)
                else:
                    self._entry(entry, state, number)
                if self.full():
                    self.boxes[file.name] = _marked(state, prefix)
                    yield from self._flush()
                    if self.halted:
                        return
            ended = self._ended(file)
        except (SkipItem, OSError, Retry) as error:
            self.problem(f"{file.name} could not be read to its end ({error}).")
            ended = False
        self.boxes[file.name] = _marked(state, prefix) | {"finished": ended}
        yield from self._flush(Enumeration(prefix=begins) if ended else None)

    def _entry(self, entry: Entry, state: dict[str, Any], number: int) -> None:
        try:
            self.add(item := entry.make(), entry.size)
            kept = isinstance(item, Item) and self.context.in_scope(item)
            state["kept"] = state["kept"] or kept
            state["whole"] = state["whole"] and (kept or not isinstance(item, Item))
        except SkipItem as error:
            if type(error) is not SkipItem:
                raise
            self.warnings.append(f"{error.detail}.")
        state["count"], state["end"] = number, entry.end

    def _ended(self, file: MailFile) -> bool:
        size = os.stat(file.path).st_size
        if size < file.size:
            self.problem(f"{file.name} was cut short while it was being read; it is read again by the next run.")
        return size >= file.size


def _marked(state: dict[str, Any], prefix: PrefixDigest) -> dict[str, Any]:
    """Return what the cursor keeps of a box; no digest of bytes that hold a mail out of scope."""
    digest = prefix.upto(state["end"]) if state["whole"] and state["kept"] else ""
    return {name: value for name, value in state.items() if name != "whole"} | {"digest": digest, "finished": False}


def _hidden(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _still_written(
    context: Context, buckets: dict[int, list[MailFile]], now: dict[int, bytes], before: dict[int, bytes]
) -> set[str]:
    """Look twice, once per run, at files that changed within the last minute; maildir files appear finished."""
    changed = [file for bucket, files in buckets.items() if before.get(bucket) != now[bucket] for file in files]
    fresh = [f for f in changed if not f.maildir and abs(context.now() - f.modified // 1_000_000) < _FRESH_MS]
    if not fresh:
        return set()
    time.sleep(2)
    return {
        file.native_id for file in fresh if not os.path.exists(file.path) or not unchanged(file, os.stat(file.path))
    }


def start(context: Context, cursor: Cursor | None, window: Window) -> Run:
    """List the configured path and take up the cursor, as far as it answers this window."""
    listing = list_tree(root(context))
    cursor = cursor if cursor and cursor.get("version") == _VERSION and covers(cursor.get("window"), window) else {}
    others = cursor.get("others") or {}
    names = {_hidden(file.name): file.name for file in listing.files.values()} if others else {}
    boxes = {names[key]: dict(state) for key, state in others.items() if key in names}
    boxes |= {name: dict(state) for name, state in (cursor.get("boxes") or {}).items()}
    return Run(context, window, listing, unpack(str(cursor.get("read", ""))), boxes)


def root(context: Context) -> Path:
    """Return the configured path; raises Misconfigured when there is none."""
    given = str(context.settings.get("path") or "").strip()
    if not given:
        raise Misconfigured("path: name the file or folder that holds the mail")
    return Path(given).expanduser()
