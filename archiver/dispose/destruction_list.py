"""The state's destruction list as a sheet: a line for each series and range of dates, with those on paper."""

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

from archiver.paper.book import fitted, new_book

_COLUMNS = (
    ("Series code", 14), ("Series title", 40), ("Description", 40), ("From", 12), ("Until", 12), ("Quantity", 22),
    ("Format", 20), ("Department", 20), ("Eligible", 12), ("Destroyed on", 14), ("Method", 40), ("Authority", 40),
    ("Certificate", 14),
)  # fmt: skip


def write_list(body: dict[str, Any], out: Path) -> None:
    """Write the list of one certificate; body: as certificate.json says it."""
    with TemporaryDirectory(dir=out.parent) as work:
        book = new_book(out, title=f"Destruction list {body['number']}", work=Path(work))
        bold = book.add_format({"bold": True, "text_wrap": True})
        wrap = book.add_format({"text_wrap": True, "valign": "top"})
        sheet = book.add_worksheet("Destroyed records")
        sheet.freeze_panes(1, 0)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        sheet.set_footer(f"&L{body['number']}&RPage &P of &N")
        for column, (name, width) in enumerate(_COLUMNS):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, name, bold)
        for row, line in enumerate(_rows(body), 1):
            for column, value in enumerate(line):
                sheet.write_string(row, column, fitted(value or "", "certificate.json"), wrap)
        book.close()


def _rows(body: dict[str, Any]) -> list[tuple[str | None, ...]]:
    one, schedule, number = body["series"], body["schedule"], body["number"]
    authority = f"{schedule['title']}, {schedule['version']}" if schedule else one["key"]
    moment = datetime.fromisoformat(body["completed_at"] or body["issued_at"])
    destroyed_on = moment.astimezone(ZoneInfo(body["time_zone"])).date().isoformat()
    digital: list[tuple[str | None, ...]] = [
        (
            one["code"], one["title"], line["source"], line["first"], line["last"],
            f"{line['records']:,} records, {line['bytes']:,} bytes", line["format"], line["department"],
            line["due_from"], destroyed_on, body["method"], authority, number,
        )
        for line in body["lines"]
    ]  # fmt: skip
    paper: list[tuple[str | None, ...]] = [
        (
            one["code"] if line["series"] == one["key"] else "",
            one["title"] if line["series"] == one["key"] else line["series"],
            line["description"], line["first"], line["last"], line["quantity"], "paper", "", "",
            line["destroyed_on"], "as entered by " + line["entered_by"], authority, number,
        )
        for line in body["paper"]
    ]  # fmt: skip
    return digital + paper
