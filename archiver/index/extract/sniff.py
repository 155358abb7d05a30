"""What a file is: by the signature of its content, then by media type and extension."""

import re
from enum import Enum
from io import BytesIO
from zipfile import BadZipFile, ZipFile

from archiver.index.extract.contract import ExtractOutcome, NoTextError


class Form(Enum):
    """The forms that have a reader: its module and function."""

    PDF = "pdf", "read_pdf"
    WORD = "office", "read_word"
    SLIDES = "office", "read_slides"
    OPEN_DOCUMENT = "office", "read_open_document"
    SHEET = "sheet", "read_sheet"
    ZIP = "packed", "read_zip"
    HTML = "page", "read_html"
    XML = "markup", "read_xml"
    JSON = "plain", "read_json"
    FOLDED = "plain", "read_folded"
    TEXT = "plain", "read_text"
    RTF = "rtf", "read_rtf"
    MAIL = "mail", "read_mail"
    IMAGE = "image", "read_image"


IMAGE = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|BM.{4}\0\0\0\0|II\*\0|MM\0\*|RIFF....WEBP|....ftyp(?:hei|hev|mif1|msf1|avif)",
    re.DOTALL,
)
OTHERS = (
    (
        "a sound or video file",
        re.compile(
            rb"....ftyp|RIFF....(?:AVI |WAVE)|ID3|OggS|fLaC|\x1aE\xdf\xa3|\0\0\x01[\xb3\xba]|FLV\x01|"
            rb"\xff[\xf2\xf3\xfb]|#!AMR",
            re.DOTALL,
        ),
    ),
    (
        "a packed file of a kind that is not opened",
        re.compile(rb"\x1f\x8b|BZh|\xfd7zXZ\0|7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|\x28\xb5\x2f\xfd"),
    ),
    ("a database", re.compile(rb"SQLite format 3\0")),
    ("a program", re.compile(rb"\x7fELF|MZ.{58}|\xca\xfe\xba\xbe|\xcf\xfa\xed\xfe", re.DOTALL)),
    ("a font", re.compile(rb"\0\x01\0\0\0|OTTO|wOF[F2]")),
)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
OLE_KINDS = (
    ("WordDocument", "a Word document of the old form (.doc); save it as .docx to make it searchable"),
    ("Workbook", "an Excel workbook of the old form (.xls); save it as .xlsx to make it searchable"),
    ("PowerPoint Document", "a PowerPoint file of the old form (.ppt); save it as .pptx to make it searchable"),
    ("__substg1.0_", "an Outlook message (.msg); save it as .eml to make it searchable"),
)
MAIL = re.compile(
    rb"(?:Return-Path|Received|Delivered-To|Message-ID|MIME-Version|DKIM-Signature|ARC-Seal):[ \t]",
    re.IGNORECASE,
)
HTML = re.compile(
    rb"\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html|head|body|script|title|meta|table|div)\b",
    re.IGNORECASE | re.DOTALL,
)
HINTS = {
    Form.HTML: "html htm xhtml shtml text/html application/xhtml+xml",
    Form.XML: "xml rss atom svg kml gpx text/xml application/xml image/svg+xml application/rss+xml",
    Form.JSON: "json ndjson jsonl geojson application/json application/x-ndjson application/ld+json",
    Form.FOLDED: "vcf ics vcard text/vcard text/x-vcard text/calendar text/directory",
    Form.MAIL: "eml mht mhtml message/rfc822 multipart/related",
    Form.TEXT: "txt text csv tsv md markdown log text/plain text/csv text/markdown text/tab-separated-values",
}
FORM_OF = {hint: form for form, hints in HINTS.items() for hint in hints.split()}
PROMISED = dict.fromkeys(("pdf", "application/pdf"), "PDF") | dict.fromkeys(
    ("docx", "xlsx", "pptx", "odt", "ods", "docm", "xlsm"), "office document"
)


def sniff(name: str, media_type: str, data: bytes) -> Form:
    """The form of a file; raises NoTextError where there is no reader for it."""
    media_type = media_type.partition(";")[0].strip().lower()
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    head = data[:4096]
    form = _by_signature(head, data)
    if form:
        return form
    if data.startswith(OLE):
        raise _ole(data)
    for what, signature in OTHERS:
        if signature.match(head):
            raise NoTextError(ExtractOutcome.UNSUPPORTED, f"{what}: no searchable text")
    if _binary(data):
        promised = PROMISED.get(extension) or PROMISED.get(media_type)
        if promised:
            raise NoTextError(ExtractOutcome.FAILED, f"named as {promised}, but its content is not one, or damaged")
        raise NoTextError(ExtractOutcome.UNSUPPORTED, "of an unknown form: no searchable text")
    return _by_words(head, FORM_OF.get(extension) or FORM_OF.get(media_type) or Form.TEXT)


def _by_signature(head: bytes, data: bytes) -> Form | None:
    if b"%PDF-" in head[:1024]:
        return Form.PDF
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_form(data)
    if head.startswith(b"{\\rtf"):
        return Form.RTF
    return Form.IMAGE if IMAGE.match(head) else None


def _by_words(head: bytes, hinted: Form) -> Form:
    start = head.removeprefix(b"\xef\xbb\xbf")
    upper = start[:64].upper()
    if upper.startswith((b"BEGIN:VCARD", b"BEGIN:VCALENDAR")):
        return Form.FOLDED
    if HTML.match(start) and hinted is not Form.MAIL:
        return Form.HTML
    if start.startswith(b"<?xml"):
        return Form.XML
    return Form.MAIL if MAIL.match(start) and hinted is Form.TEXT else hinted


def _zip_form(data: bytes) -> Form:
    try:
        with ZipFile(BytesIO(data)) as archive:
            names = set(archive.namelist())
            kind = (
                archive.read("mimetype") if "mimetype" in names and archive.getinfo("mimetype").file_size < 200 else b""
            )
    except (BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise NoTextError(ExtractOutcome.FAILED, "a packed file or office document that is damaged") from error
    if kind.startswith(b"application/vnd.oasis.opendocument"):
        return Form.OPEN_DOCUMENT
    if "[Content_Types].xml" in names:
        for folder, form in (("word/", Form.WORD), ("xl/", Form.SHEET), ("ppt/", Form.SLIDES)):
            if any(name.startswith(folder) for name in names):
                return form
    return Form.ZIP


def _ole(data: bytes) -> NoTextError:
    if "EncryptedPackage".encode("utf-16-le") in data:
        return NoTextError(ExtractOutcome.REFUSED, "protected by a password; ask its author for an open copy")
    for stream, what in OLE_KINDS:
        if stream.encode("utf-16-le") in data:
            return NoTextError(ExtractOutcome.UNSUPPORTED, what)
    return NoTextError(ExtractOutcome.UNSUPPORTED, "an old Office file: no searchable text")


def _binary(data: bytes) -> bool:
    """Whether content is no text: control characters that text never has, outside UTF-16."""
    from archiver.index.extract.charset import wide

    head = data[:65536]
    if wide(head):
        return False
    control = len(head) - len(head.translate(None, bytes(set(range(32)) - {7, 8, 9, 10, 11, 12, 13, 27}) + b"\x7f"))
    return control > len(head) // 200
