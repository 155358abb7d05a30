"""Sheets (XLSX) in which every text is a typed string and never a formula."""

from datetime import datetime
from pathlib import Path
from typing import Any

from archiver.paper.characters import with_codes

ROWS = 1_048_576
"""Rows of one sheet, the header among them (ECMA-376)."""
LONG_TEXT = 32_767
"""UTF-16 code units: what a cell of a sheet holds."""

_FIXED = datetime(1980, 1, 1)  # noqa: DTZ001  (the format has no zone; fixed, so that two builds give the same bytes)


def new_book(path: Path, *, title: str, work: Path) -> Any:
    """A workbook that is written in constant memory; work: where unfinished rows lie."""
    import xlsxwriter

    options = {
        "constant_memory": True,
        "tmpdir": str(work),
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "use_zip64": True,
    }
    book = xlsxwriter.Workbook(str(path), options)
    book.set_properties({"title": title, "created": _FIXED})
    return book


def fitted(value: str, more: str) -> str:
    """A text as a cell can hold it; an over-long one ends with the file in which it continues."""
    text = with_codes(value)
    if text.startswith("<r>") and text.endswith("</r>"):
        text += " "  # the library would write this very form as markup, unescaped: a stranger's formula could follow
    if len(text) <= LONG_TEXT // 2:
        return text
    units = text.encode("utf-16-le")
    if len(units) // 2 <= LONG_TEXT:
        return text
    end = f"[continues in {more}]"
    return units[: (LONG_TEXT - len(end)) * 2].decode("utf-16-le", "ignore") + end
