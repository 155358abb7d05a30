"""records.xlsx: one row for each entry, every text a typed string and never a formula."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from archiver.paper.book import ROWS, fitted, new_book
from archiver.produce.entry import Entry
from archiver.produce.writers.facts import printed_time
from archiver.produce.writers.originals import text_path
from schema.vocab import Precision
from schema.wire.manifest import ProducedFile

_COLUMNS = (
    ("Number", 11), ("Record", 10), ("Version", 8), ("Sent", 34), ("Date", 19), ("Platform", 11), ("Kind", 11),
    ("Source", 22), ("Record holder", 20), ("From", 28), ("To", 36), ("Conversation", 24), ("Subject", 32),
    ("Text", 80), ("Note", 24), ("Edited", 8), ("Files", 40), ("Address", 30), ("Series", 18), ("Digest", 20),
)  # fmt: skip


class Sheet:
    """Writes rows in constant memory; rolls to a further sheet when one is full.

    zone: the city's IANA time zone.  work: where unfinished rows lie.  rows: of one sheet, the header among them.
    """

    def __init__(self, path: Path, *, zone: str, title: str, work: Path, rows: int = ROWS) -> None:
        self._book = new_book(path, title=title, work=work)
        self._bold = self._book.add_format({"bold": True, "text_wrap": True})
        self._wrap = self._book.add_format({"text_wrap": True, "valign": "top"})
        self._date = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss", "valign": "top"})
        self._day = self._book.add_format({"num_format": "yyyy-mm-dd", "valign": "top"})
        self._zone, self._rows, self._sheets, self._row = zone, rows, 0, rows
        self._sheet: Any = None
        self._begin()

    def add(self, entry: Entry, files: tuple[ProducedFile, ...]) -> None:
        """Write one row."""
        if self._row >= self._rows:
            self._begin()
        values = (
            entry.number, entry.record_id, entry.version, printed_time(entry, self._zone), None, entry.platform,
            entry.kind, entry.source, entry.custodian, entry.author, "; ".join(entry.recipients), entry.thread,
            entry.title, entry.text, entry.note, "yes" if entry.edited else "", "\n".join(file.path for file in files),
            entry.url, entry.series, entry.digest,
        )  # fmt: skip
        for column, value in enumerate(values):
            if isinstance(value, int):
                self._sheet.write_number(self._row, column, value, self._wrap)
            elif value is None:
                self._write_date(entry, column)
            elif value:
                more = text_path(entry.number) if _COLUMNS[column][0] == "Text" else "records.jsonl"
                self._sheet.write_string(self._row, column, fitted(value, more), self._wrap)
        self._row += 1

    def close(self) -> None:
        """Finish the file."""
        self._book.close()

    def _begin(self) -> None:
        self._sheets += 1
        self._sheet = self._book.add_worksheet("Records" if self._sheets == 1 else f"Records {self._sheets}")
        self._sheet.freeze_panes(1, 1)
        for column, (_, width) in enumerate(_COLUMNS):
            self._sheet.set_column(column, column, width)
        for column, (name, _) in enumerate(_COLUMNS):
            self._sheet.write_string(0, column, f"Date ({self._zone})" if name == "Date" else name, self._bold)
        self._row = 1

    def _write_date(self, entry: Entry, column: int) -> None:
        sent = entry.sent
        if sent is None or sent.precision is Precision.UNKNOWN:
            return
        try:
            moment = datetime.fromtimestamp(sent.at / 1000, UTC)
            own = None if sent.offset_min is None else timezone(timedelta(minutes=sent.offset_min))
            is_day = sent.precision is Precision.DAY
            local = moment.astimezone(own if own is not None and is_day else ZoneInfo(self._zone)).replace(tzinfo=None)
        except (ValueError, OverflowError, OSError):  # a source's nonsense; the printed time says "time unknown"
            return
        if local.year >= 1900:  # sheets know no earlier date
            day = local.replace(hour=0, minute=0, second=0, microsecond=0)
            self._sheet.write_datetime(self._row, column, day if is_day else local, self._day if is_day else self._date)
