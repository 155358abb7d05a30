"""The PDF says what the entries say, is tagged, and is read the same by other programs."""

import io
import json
import re
import subprocess
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdf
import pypdfium2
import pytest

from archiver.paper.characters import Coverage
from archiver.paper.setting import Page
from archiver.produce.entry import Entry, EntryFile
from archiver.produce.package import Built, Plan, build
from archiver.produce.writers import volumes

Make = Callable[..., Any]


@pytest.fixture
def made(tmp_path: Path, new_plan: Make) -> Callable[[list[Entry]], tuple[Path, Built]]:
    """Builds a package of some entries."""

    def make(entries: list[Entry]) -> tuple[Path, Built]:
        return tmp_path / "package", build(tmp_path / "package", new_plan(), entries)

    return make


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFC", text).replace("\u200b", ""))


def _readings(path: Path) -> dict[str, str]:
    """The text as three readers that we did not write see it, without white space."""
    poppler = subprocess.run(["pdftotext", "-raw", str(path), "-"], capture_output=True, check=True).stdout.decode()
    own = "".join(page.extract_text() for page in pypdf.PdfReader(path).pages)
    document = pypdfium2.PdfDocument(path)
    pdfium = "".join(page.get_textpage().get_text_range() for page in document)
    document.close()
    return {"pdftotext": _squeezed(poppler), "pypdf": _squeezed(own), "pdfium": _squeezed(pdfium)}


def test_all_facts_are_there(made: Make, new_entry: Make, new_file: Callable[..., EntryFile]) -> None:
    """Number, parties, time with offset, text and file names are read by three independent readers."""
    entry = new_entry(
        text="*not bold* #emph[no markup] $x^2$ `code` = heading\n- line\n\nNew paragraph \\ @ref <label> // comment",
        author="Pat Doe <pat@example.org>",
        files=(new_file("minutes of 5 May.txt", b"x", "text/plain"),),
        note="edited at the source; version 2 of 2",
        url="https://example.org/?q=1&r=2",
    )
    folder, _ = made([entry])
    wanted = ["A000001", "R1, version 1", entry.author, *entry.recipients, entry.thread, entry.source, entry.title]
    wanted += [
        entry.text,
        entry.note,
        entry.url,
        "2026-01-05 14:03:22 -0600",
        "minutes of 5 May.txt",
        "Production P2026-14-2",
    ]

    for reader, text in _readings(folder / "pdf/volume-0001.pdf").items():
        for part in wanted:
            assert _squeezed(part) in text, f"{part!r} with {reader}"


def test_tagged_and_titled(made: Make, new_entry: Make) -> None:
    """The document claims PDF/UA-1, has a structure tree with headings, tables, lists, a language and a shown title."""
    folder, _ = made([new_entry(place) for place in (1, 2)])
    reader = pypdf.PdfReader(folder / "pdf/volume-0001.pdf")
    catalogue: Any = reader.trailer["/Root"].get_object()
    tags: list[str] = []

    def walk(node: Any) -> None:
        node = node.get_object() if hasattr(node, "get_object") else node
        if isinstance(node, list):
            for part in node:
                walk(part)
        elif isinstance(node, dict):
            if "/S" in node:
                tags.append(node["/S"])
            walk(node.get("/K", []))

    walk(catalogue["/StructTreeRoot"])
    assert catalogue["/MarkInfo"]["/Marked"] is not None and bool(catalogue["/MarkInfo"]["/Marked"])
    assert catalogue["/Lang"] == "en-US"
    assert bool(catalogue["/ViewerPreferences"]["/DisplayDocTitle"])
    assert reader.metadata is not None
    assert reader.metadata.creation_date is None  # the same production gives the same bytes on any day
    assert reader.metadata.title == "Production P2026-14-2, volume 1: A000001 to A000002"
    assert b"pdfuaid:part" in catalogue["/Metadata"].get_object().get_data()
    assert {"/H1", "/H2", "/Table", "/TR", "/TH", "/TD", "/P"} <= set(tags)
    assert tags.count("/Table") == 2
    assert [mark["/Title"] for mark in reader.outline[1] if isinstance(mark, dict)][:1] == ["A000001  Re: park 1"]


def test_other_scripts_and_missing_glyphs(made: Make, new_entry: Make) -> None:
    """Other scripts are there; what has no glyph is named, counted in the manifest and told at the volume's end."""
    folder, built = made([new_entry(text="Straße Ελλάδα Привет 😀 漢 \u202eevil", title="漢")])
    text = _readings(folder / "pdf/volume-0001.pdf")["pdftotext"]

    # 漢 stands in heading, subject and text
    assert built.shown_by_name == 4
    assert json.loads((folder / "manifest.json").read_bytes())["counts"]["shown_by_name"] == 4
    for part in ("Straße", "Ελλάδα", "Привет", "😀", "[CJKUNIFIEDIDEOGRAPH-6F22]", "[U+202ERIGHT-TO-LEFTOVERRIDE]evil"):
        assert part in text
    assert "4characterswithoutaprintableform" in text


def test_nothing_leaves_the_page(made: Make, new_entry: Make) -> None:
    """Endless words break inside the page, and come back whole when the text is copied."""
    word = "".join(f"{n:05}" for n in range(400))
    folder, _ = made([new_entry(text=word, url="https://example.org/" + word, title=word, author=word)])
    document = pypdfium2.PdfDocument(folder / "pdf/volume-0001.pdf")
    for page in document:
        width = page.get_size()[0]
        text = page.get_textpage()
        boxes = [text.get_charbox(n) for n in range(text.count_chars())]
        assert max(right for _, _, right, _ in boxes) <= width - 40
    document.close()

    assert all(word in text for text in _readings(folder / "pdf/volume-0001.pdf").values())


def test_lines_and_paragraphs() -> None:
    """Line ends stay, empty lines part paragraphs and wide gaps stay wide; direction follows the first letter."""
    page = Page(Coverage([frozenset(range(32, 127)) | frozenset(range(0x5D0, 0x5EB))]))
    blocks = list(page.blocks("one\ntwo\r\n\r\nthree\n\n\n\nfour\n \nשלום abc\n\n"))

    assert [(b["gap"], b["rtl"], b["pieces"]) for b in blocks] == [
        (0, False, ["one\ntwo"]),
        (0, False, ["three"]),
        (2, False, ["four"]),
        (0, True, ["שלום abc"]),
    ]


def test_volumes_of_500(made: Make, new_entry: Make) -> None:
    """Each volume has at most 500 records, names its range, and every number is in exactly one."""
    folder, built = made([new_entry(place) for place in range(1, 1003)])
    found = [
        re.findall(r"^(A\d{6}) +Re: park", "\n".join(p.extract_text() for p in pypdf.PdfReader(path).pages), re.M)
        for path in sorted((folder / "pdf").iterdir())
    ]

    assert built.volumes == 3
    assert [len(numbers) for numbers in found] == [500, 500, 2]
    assert [n for numbers in found for n in numbers] == [f"A{n:06}" for n in range(1, 1003)]


def test_long_records(made: Make, new_entry: Make) -> None:
    """A text beyond what paper takes says how much is left and where; the text file has all of it."""
    text = "word " * (volumes.LONGEST // 5) + "tail"
    folder, _ = made([new_entry(text=text)])
    reading = _readings(folder / "pdf/volume-0001.pdf")["pdftotext"]

    assert "[4morecharacters:continuesintext/A000001.txt]" in reading
    assert (folder / "text/A000001.txt").read_text(encoding="utf-8") == text


def test_odd_metadata(tmp_path: Path, new_plan: Callable[..., Plan], new_entry: Make) -> None:
    """Names of the city and numbers of the production that no font shows do not stop the build."""
    plan = new_plan(city="漢\x00", number="P\u202e1", language="de")
    build(tmp_path / "package", plan, [new_entry(title="\x00\ud800", thread="\ud800", source="漢" * 10)])
    reader = pypdf.PdfReader(io.BytesIO((tmp_path / "package/pdf/volume-0001.pdf").read_bytes()))

    assert reader.trailer["/Root"]["/Lang"] == "de"  # type: ignore[index]  # pypdf's own dictionary
