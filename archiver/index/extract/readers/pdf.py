"""PDF: pdfium first, pypdf as the second reader where pdfium cannot open the file or finds nothing."""

import ctypes
import re
from io import BytesIO
from typing import Any

from archiver.index.extract.contract import ExtractOutcome, NoTextError
from archiver.index.extract.words import Found, FullError

# A word broken at the end of a line: pdfium marks it U+FFFE (older: U+0002), pypdf leaves the soft hyphen of the file.
BROKEN = re.compile("[\ufffe\x02]\r?\n?|\xad\r?\n")
PASSWORD = "protected by a password; ask its author for an open copy"  # noqa: S105  (a sentence, no secret)
INFO = ("Title", "Subject", "Author", "Keywords")
WRITTEN_ON = (b"Contents", b"V")  # ISO 32000-1 12.5.2, 12.7.4.3: a comment's words and a form field's value


def read_pdf(found: Found, data: bytes, media_type: str) -> None:
    """The words of pages, comments, form fields and title; raises NoTextError for passwords, damage and pure scans."""
    del media_type
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == pypdfium2.raw.FPDF_ERR_PASSWORD or "password" in str(error).lower():
            raise NoTextError(ExtractOutcome.REFUSED, PASSWORD) from error
        _second_reader(found, data)
        return
    before = found.size
    found.pages = len(document)
    for name in INFO:
        found.line(document.get_metadata_value(name))
    silent = [index for index in range(len(document)) if not _page(found, document, index)]
    if len(silent) == len(document):
        try:
            _second_reader(found, data)
        except FullError:
            raise
        except Exception:  # noqa: BLE001  (pdfium opened the file: a fault of the second reader adds nothing to that)
            _scan(found, before)
        return
    if silent:
        found.note(f"{len(silent)} of {len(document)} pages are without text")


def _page(found: Found, document: Any, index: int) -> bool:
    """Add one page's words; False where it has none or is damaged."""
    import pypdfium2

    before = found.size
    try:
        page = document[index]
        try:
            text_page = page.get_textpage()
            text = BROKEN.sub("", text_page.get_text_range())
            text_page.close()
            found.line(text.replace("\xad", "-").rstrip())
            _written_on(found, page)
            if found.size == before and found.ocr:
                from archiver.index.extract.readers.image import recognise

                found.line(recognise(page.render(scale=200 / 72).to_pil()))
        finally:
            page.close()
    except pypdfium2.PdfiumError:
        return False
    return found.size > before


def _written_on(found: Found, page: Any) -> None:
    from pypdfium2 import raw

    for index in range(raw.FPDFPage_GetAnnotCount(page)):
        note = raw.FPDFPage_GetAnnot(page, index)
        if not note:
            continue
        for key in WRITTEN_ON:
            size = raw.FPDFAnnot_GetStringValue(note, key, None, 0)
            if size > 2:
                buffer = ctypes.create_string_buffer(size)
                raw.FPDFAnnot_GetStringValue(note, key, ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)), size)
                found.line(buffer.raw.decode("utf-16-le", "replace").rstrip("\0"))
        raw.FPDFPage_CloseAnnot(note)


def _second_reader(found: Found, data: bytes) -> None:
    import logging

    import pypdf

    logging.disable()
    before = found.size
    reader = pypdf.PdfReader(BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        raise NoTextError(ExtractOutcome.REFUSED, PASSWORD)
    found.pages = len(reader.pages)
    for page in reader.pages:
        text = BROKEN.sub("", page.extract_text() or "")
        found.line(text.replace("\xad", "-").rstrip())
    _scan(found, before)


def _scan(found: Found, before: int) -> None:
    if found.size == before:
        raise NoTextError(ExtractOutcome.EMPTY, "a scan without text")
    found.note("its pages are without text")
