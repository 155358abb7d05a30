"""The year's report: what was destroyed, transferred, retained and held, by series and department."""

from collections import defaultdict
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from archiver.archive import Archive
from archiver.clock import start_of_day
from archiver.dispose.departments import NO_DEPARTMENT, department_of_sources
from archiver.errors import UsageError
from schema.db.dispose import disposition, disposition_exception, disposition_record, transfer
from schema.db.record import record
from schema.db.retain import series
from schema.disposal_vocab import DispositionAnswer, DispositionKind, ExceptionReason

_HELD = (ExceptionReason.HELD.value, ExceptionReason.HELD_SINCE_APPROVAL.value, ExceptionReason.HOLD_LIFTED.value)
COLUMNS = (
    *("series", "title", "department", "destroyed", "destroyed_bytes", "transferred", "transferred_bytes"),
    *("retained", "held"),
)
"""What a line of the report says; bytes are those of the captured content."""


def report(archive: Archive, session: Session, year: int) -> list[dict[str, Any]]:
    """One line for each series and department that had something to do with disposition in a year of the city.

    destroyed and transferred: records that went in the year (a transfer counts on the day of its receipt); expungements
    are among the destroyed.  retained: records that were answered retain.  held: records that a hold kept out of a
    disposition.  A record counts once in each column, however many dispositions it was in.
    """
    if not 1970 <= year < date.max.year:
        raise UsageError(problem=f"{year} is no year that this archive has records of")
    zone = archive.city.timezone
    first, end = start_of_day(date(year, 1, 1), zone), start_of_day(date(year + 1, 1, 1), zone)

    def within(moment: ColumnElement[int]) -> ColumnElement[bool]:
        return and_(moment >= first, moment < end)

    table = disposition_record.c
    transferring = disposition.c.kind == DispositionKind.TRANSFER.value
    there = or_(table.left_at.is_(None), table.destroyed_at.is_not(None))
    rows: dict[tuple[int, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    departments = department_of_sources(session)
    sums = (
        ("destroyed", and_(within(table.destroyed_at), ~transferring)),
        ("transferred", and_(transferring, within(transfer.c.receipted_at), there)),
        ("retained", and_(table.answer == DispositionAnswer.RETAIN.value, within(table.answered_at))),
        ("held", and_(table.left_why.in_(_HELD), within(table.left_at))),
    )
    for name, condition in sums:
        for series_id, source, count, size in session.execute(_listed(condition)):
            row = rows[series_id, departments.get(source, NO_DEPARTMENT)]
            row[name] += int(count)
            row[f"{name}_bytes"] += int(size or 0)
    for series_id, source, count in session.execute(_kept_out(within(disposition_exception.c.noted_at))):
        rows[series_id, departments.get(source, NO_DEPARTMENT)]["held"] += int(count)
    named = {one.id: one for one in session.execute(select(series.c.id, series.c.key, series.c.title))}
    lines = [
        {**dict.fromkeys(COLUMNS, 0), **row, "series": named[one].key, "title": named[one].title, "department": whose}
        for (one, whose), row in rows.items()
    ]
    lines.sort(key=lambda line: (line["series"], line["department"]))
    return [{name: line[name] for name in COLUMNS} for line in lines]


def _listed(condition: ColumnElement[bool]) -> Select[Any]:
    """Rows of dispositions by series and source: distinct records, and their bytes."""
    return (
        select(
            disposition.c.series_id,
            record.c.source_id,
            func.count(disposition_record.c.record_id.distinct()),
            func.sum(disposition_record.c.size),
        )
        .select_from(disposition_record)
        .join(disposition, disposition.c.id == disposition_record.c.disposition_id)
        .join(record, record.c.id == disposition_record.c.record_id)
        .join(transfer, transfer.c.disposition_id == disposition.c.id, isouter=True)
        .where(condition)
        .group_by(disposition.c.series_id, record.c.source_id)
    )


def _kept_out(within: ColumnElement[bool]) -> Select[Any]:
    """Held records that a proposal could not take, and that did not leave a disposition as held as well."""
    left = (
        select(disposition_record.c.record_id)
        .where(
            disposition_record.c.record_id == disposition_exception.c.record_id,
            disposition_record.c.left_why.in_(_HELD),
        )
        .correlate(disposition_exception)
    )
    return (
        select(disposition.c.series_id, record.c.source_id, func.count(disposition_exception.c.record_id.distinct()))
        .select_from(disposition_exception)
        .join(disposition, disposition.c.id == disposition_exception.c.disposition_id)
        .join(record, record.c.id == disposition_exception.c.record_id)
        .where(disposition_exception.c.why == ExceptionReason.HELD.value, within, ~left.exists())
        .group_by(disposition.c.series_id, record.c.source_id)
    )


def write_sheet(lines: list[dict[str, Any]], path: Path, *, city: str, year: int) -> None:
    """The report as XLSX: numbers are numbers, every text a typed string; written beside and then put in place."""
    from archiver.paper.book import fitted, new_book

    with TemporaryDirectory(dir=path.parent) as work:
        unfinished = Path(work) / path.name
        book = new_book(unfinished, title=f"{city}: disposition of records in {year}", work=Path(work))
        sheet, bold = book.add_worksheet(str(year)), book.add_format({"bold": True})
        for column, name in enumerate(COLUMNS):
            sheet.write_string(0, column, name.replace("_", " ").capitalize(), bold)
        for number, line in enumerate(lines, 1):
            for column, name in enumerate(COLUMNS):
                value = line[name]
                if isinstance(value, int):
                    sheet.write_number(number, column, value)
                else:
                    sheet.write_string(number, column, fitted(value, "the archive"))
        book.close()
        unfinished.replace(path)
