"""Attachments made when the demo runs: documents with text, scans without, a sheet, pictures."""

import io
import mimetypes
from functools import cache
from typing import Any

from archiver.demo.city import content

_TYPST = b"""#set page(paper: "us-letter", margin: 25mm)
#set document(title: "Lakewood Falls")
#for line in sys.inputs.at("text").split("\\n") [#line #linebreak()]
"""


@cache
def paper(name: str) -> bytes:
    """The content of one attachment; its ending says what it is."""
    entry: dict[str, Any] = content("papers")[name]
    if "scan" in entry:
        return _scan(entry["scan"])
    if "picture" in entry:
        return _picture(entry["picture"])
    if "rows" in entry:
        return _sheet(entry["rows"])
    return _letter(entry["text"]) if name.endswith(".docx") else _document(entry["text"])


def media_type(name: str) -> str:
    """The media type of an attachment."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _document(text: str) -> bytes:
    import typst

    made = typst.compile(_TYPST, sys_inputs={"text": text.strip()}, timestamp=0)
    assert isinstance(made, bytes)
    return made


def _letter(text: str) -> bytes:
    from docx import Document

    document, out = Document(), io.BytesIO()
    for line in text.strip().splitlines():
        document.add_paragraph(line)
    document.save(out)
    return out.getvalue()


def _sheet(rows: list[list[Any]]) -> bytes:
    import xlsxwriter

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    return out.getvalue()


def _scan(text: str) -> bytes:
    """A page that is only a picture, as a copier makes it: it has no text to search."""
    from PIL import Image, ImageDraw

    page, out = Image.new("L", (850, 1100), 244), io.BytesIO()
    ImageDraw.Draw(page).text((80, 90), text, fill=30)
    page.save(out, "PDF")
    return out.getvalue()


def _picture(color: list[int]) -> bytes:
    from PIL import Image

    shade, out = Image.linear_gradient("L").resize((480, 320)), io.BytesIO()
    bands = [shade.point(lambda light, top=top: top * (light + 160) // 415) for top in color]
    Image.merge("RGB", bands).save(out, "PNG")
    return out.getvalue()
