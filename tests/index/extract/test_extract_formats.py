"""Text of every supported form, read through the real sandboxed child."""

import io
import json
import zipfile
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import docx
import openpyxl
import pypdf
import pytest
import typst
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from archiver.index.extract.charset import decode
from archiver.index.extract.contract import Extracted, ExtractOutcome, Limits
from archiver.index.extract.extractor import Extractor

OK = ExtractOutcome.OK
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor() as opened:
        yield opened


def words(answer: Extracted) -> str:
    """The text with blanks as single spaces; fails where there is none."""
    assert answer.outcome is OK, answer
    assert answer.text is not None
    return " ".join(answer.text.split())


def pdf(source: str) -> bytes:
    return typst.compile(source.encode())


def packed(parts: dict[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def saved(document: object) -> bytes:
    out = io.BytesIO()
    document.save(out)  # type: ignore[attr-defined]  # docx, openpyxl and PIL share this method, not a type
    return out.getvalue()


def test_pdf_pages_title_and_words_broken_at_line_ends(extractor: Extractor) -> None:
    """A PDF gives its title and the words of its pages; a word hyphenated at a line end is one word again."""
    text = "Representatives communicated extraordinarily incomprehensible municipalities' responsibilities. " * 3
    answer = extractor.extract(
        "minutes.pdf",
        "application/pdf",
        pdf(
            '#set document(title: "Council minutes")\n#set page(width: 8cm, height: 14cm)\n#set par(justify: true)\n'
            f'#set text(hyphenate: true, lang: "en")\n{text}\n#pagebreak()\nsecond page'
        ),
    )
    found = words(answer)
    assert answer.pages == 2
    assert "Council minutes" in found
    assert found.count("extraordinarily") == 3
    assert found.count("municipalities") == 3
    assert found.endswith("second page")


def test_pdf_comments_and_form_values_are_found(extractor: Extractor) -> None:
    """What people wrote onto a PDF, as comments or into form fields, is part of its text."""
    from pypdf.annotations import FreeText

    writer = pypdf.PdfWriter(io.BytesIO(pdf("printed words")))
    writer.add_annotation(0, FreeText(text="approved by Élodie", rect=(50, 550, 200, 650)))
    out = io.BytesIO()
    writer.write(out)
    assert "approved by Élodie" in words(extractor.extract("a.pdf", "", out.getvalue()))


def test_pdf_behind_a_password_is_refused(extractor: Extractor) -> None:
    """An encrypted PDF is refused with the password as the reason; one with an empty password is read."""
    for password, outcome in (("secret", ExtractOutcome.REFUSED), ("", OK)):
        writer = pypdf.PdfWriter(io.BytesIO(pdf("locked words")))
        writer.encrypt(password, "owner", algorithm="RC4-128")
        out = io.BytesIO()
        writer.write(out)
        answer = extractor.extract("a.pdf", "", out.getvalue())
        assert answer.outcome is outcome, answer
        assert ("password" in answer.reason) == (password != "")


def test_pdf_scan_is_empty_and_mixed_pdf_says_so(extractor: Extractor) -> None:
    """A PDF of pictures is empty, "a scan without text"; one with some silent pages tells how many."""
    scan = extractor.extract("a.pdf", "", pdf("#rect(width: 3cm, height: 3cm)"))
    assert (scan.outcome, scan.text, scan.reason) == (ExtractOutcome.EMPTY, None, "a scan without text")
    mixed = extractor.extract("a.pdf", "", pdf("words\n#pagebreak()\n#rect()"))
    assert words(mixed) == "words"
    assert mixed.reason == "1 of 2 pages are without text"


def test_docx_says_everything_in_it(extractor: Extractor) -> None:
    """Body, table, header, footer, comment, title, alternative text, tracked insertions and deletions are all found."""
    document = docx.Document()
    document.core_properties.title = "Memo title"
    paragraph = document.add_paragraph("The ")
    w = nsdecls("w")
    change = 'w:id="1" w:author="Ann" w:date="2026-01-01T00:00:00Z"'
    paragraph._p.append(parse_xml(f"<w:del {w} {change}><w:r><w:delText>struck</w:delText></w:r></w:del>"))
    paragraph._p.append(parse_xml(f"<w:ins {w} {change}><w:r><w:t>new policy</w:t></w:r></w:ins>"))
    document.add_table(1, 2).rows[0].cells[1].text = "cell words"
    document.sections[0].header.paragraphs[0].text = "header words"
    document.sections[0].footer.paragraphs[0].text = "footer words"
    document.add_comment(runs=document.add_paragraph("remark").runs, text="comment words", author="Bo Clerk")
    picture = io.BytesIO(saved_png())
    document.add_picture(picture)
    document.element.body.xpath(".//wp:docPr")[0].set("descr", "photo of the bridge")
    answer = extractor.extract("memo.docx", "", saved(document))
    found = words(answer)
    for part in (
        *("Memo title", "The new policy", "cell words", "header words", "footer words"),
        *("comment words", "Bo Clerk", "photo of the bridge", "struck"),
    ):
        assert part in found
    assert "tracked changes" in answer.reason
    assert found.endswith("struck")


def test_docx_footnotes_and_text_boxes_come_once(extractor: Extractor) -> None:
    """Footnotes are found, and a text box that is stored twice for older programs is found once."""
    w = 'xmlns:w="w" xmlns:mc="mc"'
    box = "<mc:AlternateContent><mc:Choice><w:t>boxed</w:t></mc:Choice><mc:Fallback><w:t>boxed</w:t></mc:Fallback>"
    content = packed(
        {
            "[Content_Types].xml": "<Types/>",
            "word/document2.xml": f"<w:document {w}><w:p>{box}</mc:AlternateContent></w:p></w:document>",
            "word/footnotes.xml": f"<w:footnotes {w}><w:p><w:t>note</w:t><w:tab/><w:t>below</w:t></w:p></w:footnotes>",
            "word/styles.xml": f"<w:styles {w}><w:t>never said</w:t></w:styles>",
        }
    )
    assert words(extractor.extract("a.docx", "", content)) == "boxed note below"


def test_xlsx_values_names_hidden_sheets_and_comments(extractor: Extractor) -> None:
    """Sheet names, values of hidden sheets, dates, numbers and comments of a workbook are found."""
    from openpyxl.comments import Comment

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Fees"
    sheet.append(["Permit", 12.5, True])
    sheet["B9"] = "far cell"
    sheet["A1"].comment = Comment("ask finance", "Ann")
    hidden = book.create_sheet("Kept back")
    hidden.sheet_state = "hidden"
    hidden["C3"] = "hidden words"
    answer = extractor.extract("fees.xlsx", "", saved(book))
    found = words(answer)
    for part in ("Fees", "Permit 12.5 True", "far cell", "Kept back", "hidden words", "ask finance"):
        assert part in found
    assert answer.pages == 2


def test_slides_and_open_document(extractor: Extractor) -> None:
    """PowerPoint slides come in their number order with their notes; OpenDocument texts are read too."""
    say = '<p:sld xmlns:p="p" xmlns:a="a"><a:p><a:t>{}</a:t></a:p></p:sld>'
    slides = {f"ppt/slides/slide{n}.xml": say.format(f"slide {n}") for n in (10, 2, 1)}
    notes = {"[Content_Types].xml": "<T/>", "ppt/notesSlides/notesSlide1.xml": say.format("spoken")}
    answer = extractor.extract("a.pptx", "", packed(slides | notes))
    assert words(answer) == "slide 1 slide 2 slide 10 spoken"
    assert answer.pages == 3
    odt = {
        "mimetype": "application/vnd.oasis.opendocument.text",
        "content.xml": '<o xmlns:t="t"><t:p>one<t:s t:c="2"/>two <t:span>three</t:span></t:p><t:h>head</t:h></o>',
    }
    assert words(extractor.extract("a.odt", "", packed(odt))) == "one two three head"


def test_html_keeps_what_is_said_and_drops_code(extractor: Extractor) -> None:
    """Title, descriptions and alternative texts stay, scripts and styles go, inline marks do not split words."""
    page = """<!DOCTYPE html><html><head><title>Notice &amp; hearing</title><style>p{color:red}</style>
    <meta name="description" content="about it"><script>var hidden = "<p>no</p>"</script></head><body>
    <p>in<b>form</b>ation&nbsp;here<br>next</p>
   <img src="x" alt="the bridge"><table><tr><td>a</td><td>b</td></tr></table>
    """
    found = words(extractor.extract("a.html", "text/html", page.encode()))
    assert found == "Notice & hearing about it information here next the bridge a b"


@pytest.mark.parametrize(
    ("name", "media_type", "content", "expected"),
    [
        ("a.txt", "text/plain", "Äpfel".encode("cp1252"), "Äpfel"),
        ("a.txt", "", "\ufeffÄpfel".encode(), "Äpfel"),
        ("a.csv", "", "a;Größe".encode("utf-16"), "a;Größe"),
        ("a.txt", "", "plain words here".encode("utf-16-le"), "plain words here"),
        ("a.txt", "text/plain; charset=iso-8859-2", "Łódź ąę".encode("iso-8859-2"), "Łódź ąę"),
        ("a.htm", "", '<html><meta charset="windows-1251"><p>Привет'.encode("cp1251"), "Привет"),
        ("a.md", "", b"# Head\n*x*", "# Head *x*"),
        ("a.json", "", b'{"name": "caf\\u00e9\\nnew", "n": [1.10, null]}', "name café new n 1.10"),
        ("a.jsonl", "", b'{"a": "x"}\n{"a": "y"}\nnot json', "a x a y not json"),
        ("a.json", "", b"[" * 100_000, "[" * 100_000),
        ("a.xml", "", b"<sms body='hello &#38; bye'><t>in</t>side</sms>", "hello & bye in side"),
        ("a.xml", "", b"<a>torn", "<a>torn"),
        ("a.vcf", "", b"BEGIN:VCARD\r\nFN:Ma\r\n ria\r\nNOTE:a\\, b", "BEGIN:VCARD FN:Maria NOTE:a, b"),
        ("a.ics", "", b"BEGIN:VCALENDAR\nSUMMARY:Hear\n ing\n", "BEGIN:VCALENDAR SUMMARY:Hearing"),
        (
            "a.rtf",
            "",
            rb"{\rtf1\ansi\ansicpg1252{\fonttbl Arial;}caf\'e9 {\b bold}\par \u8364?5 {\*\x no}end}",
            "café bold €5 end",
        ),
        ("a.txt", "", "infor\u00admation".encode(), "information"),
    ],
)
def test_texts(extractor: Extractor, name: str, media_type: str, content: bytes, expected: str) -> None:
    """Text files of every charset and kind give their characters."""
    assert words(extractor.extract(name, media_type, content)) == expected


def test_mail_with_attachments(extractor: Extractor) -> None:
    """Headers, both bodies, attached files and attached messages are read; what has no text is noted."""
    inner = EmailMessage()
    inner["Subject"] = "inner subject"
    inner.set_content("inner body")
    mail = EmailMessage()
    mail["Subject"] = "Grüße"
    mail["From"] = "Ann <ann@example.org>"
    mail.set_content("plain body")
    mail.add_alternative("<p>html <i>body</i></p>", subtype="html")
    mail.add_attachment(pdf("attached words"), maintype="application", subtype="pdf", filename="plan.pdf")
    mail.add_attachment(inner)
    mail.add_attachment(saved_png(), maintype="image", subtype="png", filename="photo.png")
    answer = extractor.extract("a.eml", "message/rfc822", bytes(mail))
    found = words(answer)
    for part in (
        *("Subject: Grüße", "Ann <ann@example.org>", "plain body", "html body", "plan.pdf", "attached words"),
        *("inner subject", "inner body", "photo.png"),
    ):
        assert part in found
    assert answer.reason == "a file inside it has no searchable text"
    assert answer.pages is None


def test_zip_members_are_read(extractor: Extractor) -> None:
    """A ZIP gives the names and texts of its members, down to the depth allowed."""
    content = packed({"folder/list.txt": "listed", "in.zip": packed({"deep.txt": "deep words"})})
    assert words(extractor.extract("a.zip", "", content)) == "list.txt listed in.zip deep.txt deep words"
    for _ in range(5):
        content = packed({"more.zip": content})
    answer = extractor.extract("a.zip", "", content)
    assert "nested too deeply" in answer.reason
    assert "deep words" not in words(answer)


@pytest.mark.parametrize(
    ("name", "content", "outcome", "reason"),
    [
        ("a.doc", OLE + "WordDocument".encode("utf-16-le"), "unsupported", ".docx"),
        ("a.xls", OLE + "Workbook".encode("utf-16-le"), "unsupported", ".xlsx"),
        ("a.docx", OLE + "EncryptedPackage".encode("utf-16-le"), "refused", "password"),
        ("a.mp4", b"\0\0\0\x20ftypisom" + bytes(100), "unsupported", "video"),
        ("a.bin", bytes(range(256)) * 20, "unsupported", "unknown form"),
        ("a.pdf", bytes(range(256)) * 20, "failed", "PDF"),
        ("a.txt", b"", "empty", "empty"),
        ("a.txt", b" \n\t ", "empty", "no text"),
    ],
)
def test_files_without_text_say_why(extractor: Extractor, name: str, content: bytes, outcome: str, reason: str) -> None:
    """Old Office files, films, unknown and empty files come back without text and with the reason."""
    answer = extractor.extract(name, "", content)
    assert (answer.outcome, answer.text) == (outcome, None)
    assert reason in answer.reason


def test_content_counts_before_name(extractor: Extractor) -> None:
    """A file is read as what it is, not as what it is called."""
    assert words(extractor.extract("a.pdf", "application/pdf", b"<html><p>not <b>f</b>ound")) == "not found"
    assert words(extractor.extract("a.txt", "text/plain", pdf("really a PDF"))) == "really a PDF"
    assert words(extractor.extract("noname", "", b"Received: by x\r\nSubject: hi\r\n\r\nbody")) == "Subject: hi body"


def saved_png(text: str = "") -> bytes:
    from PIL import ImageDraw, ImageFont

    image = Image.new("L", (900, 120), 255)
    if text:
        ImageDraw.Draw(image).text((20, 20), text, fill=0, font=ImageFont.load_default(60))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def test_images_need_the_ocr_flag(extractor: Extractor) -> None:
    """Without the flag an image is unsupported and says that it has no searchable text."""
    answer = extractor.extract("a.png", "image/png", saved_png("BRIDGE PERMIT"))
    assert (answer.outcome, answer.reason) == (ExtractOutcome.UNSUPPORTED, "an image: no searchable text")


def test_ocr_reads_images_and_scans() -> None:
    """With the flag and tesseract, images and scanned PDF pages give their words, inside the sandbox."""
    import shutil

    if not shutil.which("tesseract"):
        pytest.skip("tesseract is not installed")
    out = io.BytesIO()
    Image.open(io.BytesIO(saved_png("BRIDGE PERMIT"))).save(out, "PDF", resolution=100)
    with Extractor(ocr=True) as extractor:
        for name, content in (("a.png", saved_png("BRIDGE PERMIT")), ("a.pdf", out.getvalue())):
            assert "BRIDGE PERMIT" in words(extractor.extract(name, "", content))


def test_text_is_cut_at_its_limit_and_says_so() -> None:
    """Text beyond the limit is cut between characters, marked truncated and explained."""
    with Extractor(limits=Limits(text_bytes=1001)) as extractor:
        answer = extractor.extract("a.txt", "", ("é" * 5000).encode())
    assert answer.text == "é" * 500
    assert answer.truncated
    assert "1,001 bytes" in answer.reason


def test_files_on_disk(extractor: Extractor, tmp_path: Path) -> None:
    """A path is read in pieces; one that is missing or too large is an outcome, not an error."""
    path = tmp_path / "big.txt"
    path.write_text("word " * 1_000_000)
    assert len(words(extractor.extract("big.txt", "", path)).split()) == 1_000_000
    assert extractor.extract("x", "", tmp_path / "missing").outcome is ExtractOutcome.FAILED
    assert extractor.extract("x", "", tmp_path).outcome is ExtractOutcome.FAILED
    with Extractor(limits=Limits(input_bytes=10)) as small:
        assert small.extract("big.txt", "", path).outcome is ExtractOutcome.REFUSED


@settings(max_examples=200, deadline=None)
@given(st.text(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_any_unicode_survives_decoding(text: str, encoding: str) -> None:
    """Text in UTF-8, or UTF-16 with its mark, decodes to itself."""
    if encoding == "utf-8" and text.startswith(("\ufeff", "\xff\xfe")):
        return
    if encoding == "utf-8" and "\0" in text:
        return  # runs of NULs are how UTF-16 without a mark shows
    assert decode(text.encode(encoding)) == text


@settings(max_examples=100, deadline=None)
@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_every_string_of_json_is_found(extractor: Extractor, value: object) -> None:
    """Whatever the nesting and escaping, each string of a JSON document stands in its text."""
    answer = extractor.extract("a.json", "application/json", json.dumps(value).encode())
    rest, found = [value], answer.text or ""
    while rest:
        here = rest.pop()
        if isinstance(here, dict):
            rest += [*here, *here.values()]
        elif isinstance(here, list):
            rest += here
        else:
            clean = str(here).replace("\0", " ").replace("\xad", "")
            assert clean in found or clean.isspace()
