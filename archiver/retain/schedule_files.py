"""Reading the tables that cities keep: TOML, XLSX and CSV files, with every fault named by its row.

Files come from outside: size, rows, columns and what a packed file unpacks to are limited, and nothing is executed.
"""

import csv
import tomllib
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from archiver.errors import UsageError

LARGEST = 10_000_000
"""Bytes of a file."""

UNPACKED = 60_000_000
"""Bytes that a packed file may declare; `zipfile` never unpacks more than that."""

ROWS, COLUMNS, CELL = 20_000, 60, 4_000
HEADER_WITHIN = 30
"""Rows among which the headings are looked for."""

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Row:
    """A row as read: where it stands, for messages, and its cells by the names that were asked for."""

    where: str
    cells: Mapping[str, str]


class Faults:
    """What is wrong with a file, row by row; nothing of a faulty file is taken."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._said: list[str] = []

    def add(self, where: str, what: str) -> None:
        """Note one."""
        self._said.append(f"{where}: {what}")

    def refuse(self) -> None:
        """Raise UsageError with the faults, if there are any."""
        if self._said:
            more = f"; and {len(self._said) - _SHOWN} more" if len(self._said) > _SHOWN else ""
            said = "; ".join(self._said[:_SHOWN])
            raise UsageError(problem=f"nothing was taken from the file: {said}{more}", where=str(self._path))


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file; raises UsageError."""
    try:
        return tomllib.loads(_bytes(path).decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(problem=f"{path.name} cannot be read: {error}", where=str(path)) from None


def toml_rows(path: Path, table: Any, name: str, known: Sequence[str]) -> list[tuple[Row, Mapping[str, Any]]]:
    """The `[[name]]` tables of a TOML file, their words as cells, beside the table itself; raises UsageError."""
    if not isinstance(table, list) or not all(isinstance(one, dict) for one in table):
        raise UsageError(problem=f"{path.name}: {name} is written as [[{name}]] tables", where=str(path))
    faults, rows = Faults(path), []
    for number, entry in enumerate(table[: ROWS + 1], 1):
        where = f"{name} {number}"
        if unknown := sorted(set(entry) - set(known)):
            faults.add(where, f"unknown key {unknown[0]}; known: {', '.join(known)}")
        cells = {key: " ".join(value.split()) for key, value in entry.items() if isinstance(value, str)}
        rows.append((Row(where, cells), entry))
    if len(rows) > ROWS:
        raise _refused(path, f"has more than {ROWS:,} rows")
    faults.refuse()
    return rows


def read_table(path: Path, names: Mapping[str, Sequence[str]], needed: Sequence[str]) -> list[Row]:
    """The rows under the headings of an XLSX or CSV file.

    names: for each field the headings by which it is known, compared without case and punctuation, the first present
    one taken.  needed: fields without which no row counts as headings.  Of a workbook the first sheet that has the
    headings is read, and of a cell its first line is a title's.  Raises UsageError.
    """
    sheets = _workbook(path) if path.suffix.casefold() in (".xlsx", ".xlsm") else [("", _csv(path))]
    for sheet, lines in sheets:
        for at, line in enumerate(lines[:HEADER_WITHIN]):
            columns = _columns(line, names)
            if all(field in columns for field in needed):
                place = f"{sheet} row" if sheet and len(sheets) > 1 else "row"
                return _rows_below(lines, at, columns, place)
    wanted = ", ".join(f'"{names[field][0]}"' for field in needed)
    raise _refused(path, f"has no row of headings with {wanted}{_likely(sheets)}; name yours with --map 'Column=field'")


def _likely(sheets: Sequence[tuple[str, Sequence[Sequence[str]]]]) -> str:
    """The row that looks most like headings, as it is written: that of the first with the most cells."""
    tops = [line for _, lines in sheets for line in lines[:HEADER_WITHIN]]
    rows = [[cell.strip()[:60] for cell in line if cell.strip()] for line in tops]
    fullest = max(rows, key=len, default=[])
    return f"; its headings look like: {', '.join(fullest[:12])}" if len(fullest) > 1 else ""


def plain(heading: str) -> str:
    """A heading as it is compared."""
    return " ".join("".join(one if one.isalnum() else " " for one in heading.casefold()).split())


def _columns(line: Sequence[str], names: Mapping[str, Sequence[str]]) -> dict[str, int]:
    present: dict[str, int] = {}
    for at, cell in enumerate(line):
        present.setdefault(plain(cell), at)
    found = {}
    for field, headings in names.items():
        column = next((present[plain(one)] for one in headings if plain(one) in present), None)
        if column is not None:
            found[field] = column
    return found


def _rows_below(lines: Sequence[Sequence[str]], at: int, columns: Mapping[str, int], place: str) -> list[Row]:
    rows = []
    for number, line in enumerate(lines[at + 1 :], at + 2):
        cells = {field: line[column].strip() for field, column in columns.items() if column < len(line)}
        if any(cells.values()):
            rows.append(Row(f"{place} {number}", cells))
    return rows


def _refused(path: Path, what: str) -> UsageError:
    return UsageError(problem=f"{path.name} {what}", where=str(path))


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise _refused(path, f"cannot be read: {error.strerror or error}") from None
    if len(data) > LARGEST:
        raise _refused(path, f"is larger than {LARGEST // 1_000_000} MB")
    return data


def _csv(path: Path) -> list[list[str]]:
    try:
        text = _bytes(path).decode("utf-8-sig")
        lines = list(islice(csv.reader(text.splitlines(keepends=True), strict=True), ROWS + 1))
    except (UnicodeDecodeError, csv.Error) as error:
        raise _refused(path, f"cannot be read as CSV in UTF-8: {error}") from None
    if len(lines) > ROWS:
        raise _refused(path, f"has more than {ROWS:,} rows")
    return [[cell[:CELL] for cell in line[:COLUMNS]] for line in lines]


def _workbook(path: Path) -> list[tuple[str, list[list[str]]]]:
    from io import BytesIO

    import openpyxl

    data = _bytes(path)
    try:
        with zipfile.ZipFile(BytesIO(data)) as packed:
            declared = sum(one.file_size for one in packed.infolist())
        if declared > UNPACKED:
            raise _refused(path, f"unpacks to more than {UNPACKED // 1_000_000} MB")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(BytesIO(data), read_only=True, data_only=True, keep_links=False)
            sheets = [(sheet.title, _cells(path, sheet)) for sheet in book.worksheets]
            book.close()
    except UsageError:
        raise
    except Exception as error:  # noqa: BLE001  (openpyxl stumbles over a broken file with whatever it meets)
        why = "it is empty" if not data else type(error).__name__
        raise _refused(path, f"is no workbook that can be read: {why}") from None
    return sheets


def _cells(path: Path, sheet: Any) -> list[list[str]]:
    if not hasattr(sheet, "reset_dimensions"):  # a chart sheet has no cells
        return []
    sheet.reset_dimensions()  # a wrong declared size hides cells
    lines = []
    for line in sheet.iter_rows(max_row=ROWS + 1, max_col=COLUMNS, values_only=True):
        lines.append(["" if cell is None else str(cell)[:CELL] for cell in line])
        if len(lines) > ROWS:
            raise _refused(path, f"has more than {ROWS:,} rows")
    return lines
