"""The sheet keeps every text as text, whole or with the place where it continues."""

import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.paper.book import fitted
from archiver.produce.entry import Entry
from archiver.produce.writers.sheet import Sheet
from schema.item import Moment
from schema.vocab import Precision

Rows = list[dict[str, Any]]
DANGEROUS = [
    '=HYPERLINK("http://example.org","x")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "{=1}", "http://example.org",
    "mailto:a@example.org", "internal:Sheet2!A1", "0123", "1e5", "TRUE", "#N/A", "'quoted", "_x0041_", "<b>&amp;</b>",
    "<r></t></is></c><c r=\"A9\"><f>1+1</f></c></r>", "  spaces  ", "line\nline",
]  # fmt: skip


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Writes entries to a sheet and reads the workbook back."""
    opened = []

    def write(entries: list[Entry], rows: int = 1_048_576) -> Any:
        path = tmp_path / "records.xlsx"
        sheet = Sheet(path, zone="America/Chicago", title="Production", work=tmp_path, rows=rows)
        for entry in entries:
            sheet.add(entry, ())
        sheet.close()
        opened.append(openpyxl.load_workbook(path))
        return opened[-1]

    yield write
    for book in opened:
        book.close()


def _rows(sheet: Any) -> Rows:
    header, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_no_text_is_a_formula(written: Callable[..., Any], new_entry: Callable[..., Entry], tmp_path: Path) -> None:
    """Texts that look like formulas, links, numbers or markup come back as strings, letter for letter."""
    entries = [new_entry(place, text=text, title=text) for place, text in enumerate(DANGEROUS, 1)]
    book = written(entries)
    cells = [cell for row in book.active.iter_rows() for cell in row]

    assert {cell.data_type for cell in cells if cell.value is not None} == {"s", "n", "d"}
    assert all(cell.hyperlink is None for cell in cells)
    for row, text in zip(_rows(book.active), DANGEROUS, strict=True):
        wanted = text.replace("\r", "\n").replace("_x0041_", "_x005F_x0041_")
        assert row["Text"].removesuffix(" ") == row["Subject"].removesuffix(" ") == wanted.removesuffix(" ")
    with zipfile.ZipFile(tmp_path / "records.xlsx") as packed:
        for name in packed.namelist():
            assert not re.search(rb"<f[ >/]", packed.read(name)), name


def test_long_texts_say_where_they_go_on(written: Callable[..., Any], new_entry: Callable[..., Entry]) -> None:
    """A text beyond 32,767 UTF-16 units ends with its file, a shorter one is whole."""
    texts = ["x" * 32_767, "x" * 32_768, "😀" * 16_383, "😀" * 16_384]
    rows = _rows(written([new_entry(place, text=text) for place, text in enumerate(texts, 1)]).active)

    assert rows[0]["Text"] == texts[0]
    assert rows[1]["Text"].endswith("x[continues in text/A000002.txt]")
    assert rows[2]["Text"] == texts[2]
    assert rows[3]["Text"].endswith("😀[continues in text/A000004.txt]")
    assert all(len(row["Text"].encode("utf-16-le")) <= 2 * 32_767 for row in rows)


def test_control_characters_are_visible(written: Callable[..., Any], new_entry: Callable[..., Entry]) -> None:
    """Characters that XML forbids, lone surrogates and direction overrides are shown as codes."""
    [row] = _rows(written([new_entry(text="a\x00b\x0bc\ud800d\uffffe\u202ef")]).active)

    assert row["Text"] == "a[U+0000]b[U+000B]c[U+D800]d[U+FFFF]e[U+202E RIGHT-TO-LEFT OVERRIDE]f"


def test_rows_roll_to_further_sheets(written: Callable[..., Any], new_entry: Callable[..., Entry]) -> None:
    """A full sheet is followed by another with its own header; every row is somewhere, once, in order."""
    book = written([new_entry(place) for place in range(1, 8)], rows=4)

    assert book.sheetnames == ["Records", "Records 2", "Records 3"]
    assert [row["Number"] for sheet in book for row in _rows(sheet)] == [f"A{n:06}" for n in range(1, 8)]
    assert all(sheet.freeze_panes == "B2" for sheet in book)


@pytest.mark.parametrize(
    ("sent", "printed", "date"),
    [
        (Moment(1767643402000, -300), "2026-01-05 15:03:22 -0500 (sender's time)", "2026-01-05T14:03:22"),
        (Moment(1767643402000), "2026-01-05 14:03:22 -0600 (America/Chicago)", "2026-01-05T14:03:22"),
        (Moment(1767571200000, 0, Precision.DAY), "2026-01-05 (sender's time)", "2026-01-05T00:00:00"),
        (Moment(0, None, Precision.UNKNOWN), "time unknown", None),
        (Moment(10**18), "time unknown", None),
        (Moment(-3_000_000_000_000, 0), "1874-12-07 18:40:00 +0000 (sender's time)", None),
        (None, "time unknown", None),
    ],
)
def test_times(
    written: Callable[..., Any], new_entry: Callable[..., Entry], sent: Moment, printed: str, date: str | None
) -> None:
    """A time is printed with zone and offset; beside it stands a real date in the city's time where sheets have one."""
    [row] = _rows(written([new_entry(sent=sent)]).active)

    found = row["Date (America/Chicago)"]
    assert (row["Sent"], found and found.isoformat()) == (printed, date)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(), max_size=60).map(lambda text: text * 700))
def test_cells_never_overflow(text: str) -> None:
    """Whatever the text, what goes into a cell fits it and can be encoded."""
    assert len(fitted(text, "text/A000001.txt").encode("utf-16-le")) <= 2 * 32_767
