"""Excel workbooks: sheet names and values of every sheet, hidden ones included."""

import warnings
from io import BytesIO

import openpyxl
from defusedxml import DefusedXmlException
from openpyxl.worksheet._read_only import ReadOnlyWorksheet

from archiver.index.extract.readers.markup import entities
from archiver.index.extract.readers.office import properties, read_extras
from archiver.index.extract.readers.packed import opened
from archiver.index.extract.words import Found


def read_sheet(found: Found, data: bytes, media_type: str) -> None:
    """Each row a line, cells set apart by tabs; of formulas the value last computed (openpyxl takes defusedxml)."""
    del media_type
    with opened(found, data) as archive:
        properties(found, archive)
        warnings.simplefilter("ignore")
        try:
            _cells(found, data)
        except ValueError as error:  # openpyxl wraps what defusedxml raises
            if isinstance(error, DefusedXmlException) or isinstance(error.__context__, DefusedXmlException):
                raise entities() from error
            raise
        read_extras(found, archive)


def _cells(found: Found, data: bytes) -> None:
    book = openpyxl.load_workbook(BytesIO(data), read_only=True, data_only=True, keep_links=False)
    found.pages = len(book.sheetnames)
    for name in book.sheetnames:
        found.line(name)
        sheet = book[name]
        if not isinstance(sheet, ReadOnlyWorksheet):  # a chart sheet has no cells
            continue
        sheet.reset_dimensions()  # a wrong declared size hides cells
        for row in sheet.iter_rows(values_only=True):
            cells = [str(value) for value in row if value is not None]
            if cells:
                found.line("\t".join(cells))
