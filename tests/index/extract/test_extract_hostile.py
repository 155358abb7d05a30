"""Files that mean harm: every one ends in an outcome, none in an exception, and the rest goes on."""

import io
import random
import time
import zipfile
from collections.abc import Iterator

import docx
import openpyxl
import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.index.extract.contract import Extracted, ExtractOutcome
from archiver.index.extract.extractor import Extractor

LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor() as opened:
        yield opened


def still_reads(extractor: Extractor) -> bool:
    return extractor.extract("a.txt", "", b"still here").text == "still here"


def pdf(pages: int = 1) -> bytes:
    return typst.compile(f"#for n in range({pages}) [page #n #lorem(200) #pagebreak()]".encode())


def repacked(content: bytes, part: str, change: tuple[str, str]) -> bytes:
    """The same ZIP with one text replaced in one member."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.namelist():
            data = old.read(member)
            new.writestr(member, data.replace(change[0].encode(), change[1].encode(), 1) if member == part else data)
    return out.getvalue()


def letter() -> bytes:
    document = docx.Document()
    document.add_paragraph("MARK")
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def workbook() -> bytes:
    book = openpyxl.Workbook()
    book.worksheets[0]["A1"] = "MARK"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def bomb(name: str, megabytes: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open(name, "w", force_zip64=True) as part:
            for _ in range(megabytes):
                part.write(b" " * (1 << 20))
    return out.getvalue()


@pytest.mark.parametrize("part", ["word/document.xml", "xl/workbook.xml", "ppt/slides/slide1.xml", "blob.txt"])
def test_zip_bombs_are_refused_before_unpacking(extractor: Extractor, part: str) -> None:
    """A small file that declares a huge content is refused at once, whatever Office form it pretends to be."""
    began = time.monotonic()
    answer = extractor.extract("bomb", "", bomb(part, 100))
    assert answer.outcome is ExtractOutcome.REFUSED
    assert "bomb" in answer.reason
    assert time.monotonic() - began < 2
    assert still_reads(extractor)


def test_zip_with_too_many_members_and_lying_sizes(extractor: Extractor) -> None:
    """More members than allowed are refused; a member that unpacks to more than it declares never gets further."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(10_001):
            archive.writestr(f"{number}", "")
    assert extractor.extract("many.zip", "", out.getvalue()).outcome is ExtractOutcome.REFUSED
    honest = bomb("blob.txt", 50)
    size = (50 << 20).to_bytes(4, "little")
    lying = honest.replace(size, (5).to_bytes(4, "little"))
    assert lying != honest
    answer = extractor.extract("lying.zip", "", lying)
    assert answer.outcome in set(ExtractOutcome) - {ExtractOutcome.OK} or len(answer.text or "") < 100
    assert still_reads(extractor)


@pytest.mark.parametrize(
    ("content", "part", "root"),
    [
        (letter(), "word/document.xml", "<w:document"),
        (workbook(), "xl/worksheets/sheet1.xml", "<worksheet"),
        (workbook(), "xl/workbook.xml", "<workbook"),
    ],
)
@pytest.mark.parametrize("entity", [LAUGHS, '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'])
def test_entities_in_office_files_are_refused(
    extractor: Extractor, content: bytes, part: str, root: str, entity: str
) -> None:
    """Billion laughs and external entities inside DOCX and XLSX are refused; no file of the machine is read."""
    answer = extractor.extract("a.docx", "", repacked(content, part, (root, entity + root)))
    assert (answer.outcome, answer.text) == (ExtractOutcome.REFUSED, None), answer
    assert "entities" in answer.reason


def test_entities_in_xml_are_refused_but_a_plain_document_type_is_not(extractor: Extractor) -> None:
    """XML that declares entities is refused, XML that only names its document type is read."""
    laughs = extractor.extract("a.xml", "", f"<?xml version='1.0'?>{LAUGHS}<x>&b;</x>".encode())
    assert laughs.outcome is ExtractOutcome.REFUSED
    named = extractor.extract(
        "a.xml", "", b"<?xml version='1.0'?><!DOCTYPE p SYSTEM 'http://localhost/p.dtd'><p>ok</p>"
    )
    assert named.text == "ok\n"


def test_damaged_files_fail_with_a_reason(extractor: Extractor) -> None:
    """Truncated and random files end with an outcome and a reason that shows no content."""
    for whole, name in ((pdf(3), "a.pdf"), (letter(), "a.docx"), (workbook(), "a.xlsx")):
        for part in (20, len(whole) // 2, len(whole) - 30):
            answer = extractor.extract(name, "", whole[:part])
            assert answer.outcome is ExtractOutcome.OK or answer.reason
            assert "MARK" not in answer.reason
    assert extractor.extract("a.pdf", "", pdf()[:200]).outcome is ExtractOutcome.FAILED
    for seed in range(30):
        assert extractor.extract("a.pdf", "", random.Random(seed).randbytes(5000)).outcome is ExtractOutcome.FAILED
    assert still_reads(extractor)


def test_deep_nesting_is_no_matter(extractor: Extractor) -> None:
    """HTML, XML, JSON, RTF and mail nested a hundred thousand deep are read or refused, and reading goes on."""
    deep = 100_000
    html = extractor.extract("a.html", "", b"<html>" + b"<div>" * deep + b"bottom" + b"</div>" * deep)
    assert html.text == "bottom\n"
    assert extractor.extract("a.xml", "", b"<a>" * deep + b"bottom" + b"</a>" * deep).text == "bottom\n"
    assert "bottom" in (extractor.extract("a.json", "", b"[" * deep + b'"bottom"' + b"]" * deep).text or "")
    assert extractor.extract("a.rtf", "", b"{\\rtf1" + b"{" * deep + b"bottom" + b"}" * deep).text == "bottom"
    parts = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(2000))
    assert isinstance(extractor.extract("a.eml", "", parts.encode()), Extracted)
    assert still_reads(extractor)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["a.pdf", "a.docx", "a.html", "a.eml", "a.rtf", "a.xml", "a.json", "a.ics", ""]),
    st.binary(max_size=300),
)
def test_any_bytes_under_any_name_have_an_outcome(extractor: Extractor, name: str, content: bytes) -> None:
    """No bytes make extraction raise, crash its process or answer without a reason."""
    for start in (
        b"",
        b"%PDF-1.4\n",
        b"{\\rtf1 ",
        b"<html>",
        b"PK\x03\x04",
        b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n",
    ):
        answer = extractor.extract(name, "", start + content)
        assert (answer.text is not None) == (answer.outcome is ExtractOutcome.OK)
        assert answer.text is not None or answer.reason
        assert "crashed" not in answer.reason


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_files_have_an_outcome(extractor: Extractor, data: st.DataObject) -> None:
    """Sound PDF, DOCX and XLSX files with bytes changed at random never make extraction raise."""
    whole = bytearray(data.draw(st.sampled_from([SOUND_PDF, SOUND_DOCX, SOUND_XLSX])))
    for _ in range(data.draw(st.integers(1, 20))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    answer = extractor.extract("file", "", bytes(whole))
    assert (answer.text is not None) == (answer.outcome is ExtractOutcome.OK)


SOUND_PDF, SOUND_DOCX, SOUND_XLSX = pdf(), letter(), workbook()
