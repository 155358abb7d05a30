"""Reads backups of the Android app "SMS Backup & Restore" from files, and goes on where it stopped."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from connectors.contract import ConfigField, ConnectorInfo, Context, Cursor, Page, Window
from connectors.errors import ConnectorError, Misconfigured, SkipItem
from connectors.files import stable_file
from connectors.sms_backup.addresses import normalised
from connectors.sms_backup.items import Builder, Occurrences
from connectors.sms_backup.reader import Backup, backups, paths
from connectors.sms_backup.scanner import Scanner
from schema.item import Blob, Item, Unreadable
from schema.vocab import Platform

PAGE_ITEMS = 500
PAGE_BYTES = 8 << 20
_REMEMBERED = 2500
_REGION = "US"

INFO = ConnectorInfo(
    name="sms_backup",
    platform=Platform.SMS,
    title='Android text messages and calls ("SMS Backup & Restore" files)',
    sees=(
        "text and multimedia messages with their attachments, also drafts and failed ones",
        "the call log: numbers, times, durations, missed and rejected calls",
    ),
    cannot_see=(
        "messages deleted before a backup was made: they are simply not in it, and no backup says so",
        "whether a backup holds all messages of the phone or those that were chosen in the app",
        "chat messages (RCS) and other apps' messages, unless the app stored them as text messages",
        "media, where the app was told to leave them out; their names are listed",
        "the time zone of the phone, and who took part in a group message under which name",
    ),
    config=(
        ConfigField(
            "path", "A backup (.xml or .zip), or the folder into which the app writes its backups.", required=True
        ),
        ConfigField("own_number", "The number of this phone, as +16125550123; names it as sender or recipient."),
        ConfigField(
            "default_region", "Country of numbers written without a country code, two letters.", default=_REGION
        ),
    ),
)


@dataclass(slots=True)
class _Progress:
    """How far one file was read; `done` and `line` are at the beginning of a row."""

    mark: str
    done: int = 0
    line: int = 1
    rows: int = 0
    declared: int | None = None
    broken: int = 0
    first: str = ""
    repaired: int = 0
    without_media: int = 0
    bad_media: int = 0
    time: str = ""
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _State:
    """The cursor: marks of the files read to their end, the one under way, and what windows left out of them.

    early, late: rows before and from these times (ms UTC) on were left out; times of windows, never of rows.
    """

    finished: list[str] = field(default_factory=list)
    current: _Progress | None = None
    early: int | None = None
    late: int | None = None

    @classmethod
    def of(cls, cursor: Cursor | None, window: Window) -> "_State":
        """Return the saved state; a fresh one where none was saved or the window now asks for rows once left out."""
        try:
            state = cls(**(cursor or {}))
            state.current = _Progress(**cursor["current"]) if cursor and cursor.get("current") else None
        except TypeError:
            return cls()
        early = state.early is not None and (window.since is None or window.since < state.early)
        late = state.late is not None and (window.until is None or window.until > state.late)
        return cls() if early or late else state

    def cursor(self) -> Cursor:
        """Return the state as JSON values; the oldest marks go first when they become many."""
        del self.finished[:-_REMEMBERED]
        saved: dict[str, Any] = asdict(self)
        return saved

    def wanted(self, sent: int | None, window: Window) -> bool:
        """Tell whether a row's time is in the window, and remember that some are not; one without a time is."""
        if sent is None:
            return True
        if window.since is not None and sent < window.since:
            self.early = max(window.since, self.early or window.since)
            return False
        if window.until is not None and sent >= window.until:
            self.late = min(window.until, window.until if self.late is None else self.late)
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Settings:
    path: Path
    own_number: str | None
    region: str

    @classmethod
    def of(cls, context: Context) -> "_Settings":
        """Read the settings; raises Misconfigured naming the one that is wrong."""
        path = str(context.settings.get("path") or "").strip()
        own = str(context.settings.get("own_number") or "").strip() or None
        region = str(context.settings.get("default_region") or _REGION).strip().upper()
        if not path:
            raise Misconfigured("the setting path is empty", where="path")
        import phonenumbers  # its metadata take a moment to load

        if region not in phonenumbers.SUPPORTED_REGIONS:
            raise Misconfigured(f"default_region {region!r} is no country of two letters", where="default_region")
        if own and not normalised(own, region).startswith("+"):
            raise Misconfigured(f"own_number {own!r} is no telephone number, as +16125550123", where="own_number")
        return cls(Path(path).expanduser().resolve(), normalised(own, region) if own else None, region)


class SmsBackup:
    """Reads one backup or a folder of them; every backup repeats the earlier ones, so ids are made of the content."""

    info = INFO

    def check(self, context: Context) -> list[str]:
        """Look at the beginning of each file; raises Misconfigured where no file is a backup."""
        settings = _Settings.of(context)
        findings: list[str] = []
        problem: ConnectorError | None = None
        readable = 0
        for path in paths(settings.path):
            try:
                for backup in backups(path):
                    scanner = Scanner(backup.open(0))
                    next(iter(scanner), None)
                    count = "an unknown number of" if scanner.declared is None else f"{scanner.declared:,}"
                    findings.append(f"{backup.name}: {count} messages or calls, {backup.size:,} bytes")
                    readable += 1
            except ConnectorError as error:
                findings.append(f"{path.name} is left out: {error.detail}")
                problem = error
        if problem and not readable:
            raise problem
        if not settings.own_number:
            findings.append("own_number is not set: this phone is not named as sender or recipient")
        return findings

    def pull(self, context: Context, cursor: Cursor | None, window: Window) -> Iterator[Page]:
        """Read every file that was not read to its end before; a broken one in a folder is left out with a warning.

        Raises Misconfigured (wrong path, or the only file is no backup), SkipItem (the only file cannot be opened).
        """
        settings = _Settings.of(context)
        state = _State.of(cursor, window)
        alone = not settings.path.is_dir()
        for path in paths(settings.path):
            if not stable_file(path, now_ms=context.now, sleep=time.sleep):
                yield Page(
                    next_cursor=state.cursor(),
                    warnings=(f"{path.name} is still being written; the next run reads it",),
                )
                continue
            try:
                for backup in backups(path):
                    if backup.mark in state.finished:
                        continue
                    for page in _Reading(backup, settings, context, window, state).pages():
                        yield page
                        if context.stopped():
                            return
            except (Misconfigured, SkipItem) as error:
                if alone:
                    raise
                where = f" ({error.where})" if error.where and error.where != path.name else ""
                yield Page(next_cursor=state.cursor(), warnings=(f"{path.name} is left out{where}: {error.detail}",))


class _Reading:
    """Reads one backup file into pages."""

    def __init__(self, backup: Backup, settings: _Settings, context: Context, window: Window, state: _State) -> None:
        self._backup, self._context, self._window, self._state = backup, context, window, state
        if state.current is None or state.current.mark != backup.mark:
            state.current = _Progress(backup.mark)
        self._progress = progress = state.current
        self._builder = Builder(
            backup,
            context.sink,
            context.now(),
            settings.own_number,
            settings.region,
            Occurrences(progress.time, dict(progress.counts)),
            progress.repaired,
            progress.without_media,
            progress.bad_media,
        )
        self._scanner = Scanner(backup.open(progress.done), progress.done, progress.line)
        self._scanner.declared = progress.declared

    def pages(self) -> Iterator[Page]:
        """Yield the file's items, and on the last page what was wrong with it."""
        items: list[Item | Unreadable] = []
        size, progress = 0, self._progress
        for stretch in self._scanner:
            item = self._builder.build(stretch, lambda sent: self._state.wanted(sent, self._window))
            progress.done, progress.line = stretch.end, stretch.end_line
            progress.rows += bool(stretch.tag)
            if item is None:
                continue
            if isinstance(item, Unreadable):
                progress.broken += 1
                progress.first = progress.first or item.position
            elif self._context.in_scope(item):
                self._builder.occurrences.keep()
            items.append(item)
            size += _inline(item)
            if len(items) >= PAGE_ITEMS or size >= PAGE_BYTES:
                yield self._page(items)
                items, size = [], 0
        warnings = tuple(self._warnings())
        self._state.finished.append(progress.mark)
        self._state.current = None
        self._context.progress(self._backup.size, self._backup.size, "bytes")
        yield Page(items=tuple(items), next_cursor=self._state.cursor(), warnings=warnings)

    def _page(self, items: list[Item | Unreadable]) -> Page:
        progress, builder = self._progress, self._builder
        progress.declared, progress.repaired = self._scanner.declared, builder.repaired
        progress.without_media, progress.bad_media = builder.without_media, builder.bad_media
        progress.time, progress.counts = builder.occurrences.kept()
        self._context.progress(progress.done, max(progress.done, self._backup.size), "bytes")
        return Page(items=tuple(items), next_cursor=self._state.cursor())

    def _warnings(self) -> Iterator[str]:
        name, progress, builder = self._backup.name, self._progress, self._builder
        if self._backup.damage:
            yield f"{name}: {self._backup.damage}; what comes before was read"
        elif not self._scanner.closed:
            yield f"{name} ends without its end tag: the copy was cut short; ask for the whole file"
        if self._scanner.declared is not None and self._scanner.declared != progress.rows:
            yield f"{name} says that it holds {self._scanner.declared:,} messages or calls; it holds {progress.rows:,}"
        if progress.broken:
            yield f"{name}: {progress.broken:,} stretches could not be read, the first at {progress.first}"
        if builder.repaired:
            yield f"{name}: {builder.repaired:,} characters that XML forbids were replaced by U+FFFD or taken literally"
        if builder.without_media:
            yield f"{name}: {builder.without_media:,} attachments are named without content; the backup left media out"
        if builder.bad_media:
            yield f"{name}: {builder.bad_media:,} attachments are not base64 and are kept as written"


def _inline(item: Item | Unreadable) -> int:
    """Return the bytes that an item keeps in memory."""
    size = 0 if isinstance(item.raw, Blob) else len(item.raw)
    if isinstance(item, Item):
        size += len(item.text) + sum(len(one.content) for one in item.attachments if not isinstance(one.content, Blob))
    return size


CONNECTOR = SmsBackup
