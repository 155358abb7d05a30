"""Word, PowerPoint and OpenDocument files: every text in their XML parts, straight from the ZIP."""

import re
from collections.abc import Mapping
from xml.sax import SAXParseException
from zipfile import ZipFile

from archiver.index.extract.readers.markup import listen
from archiver.index.extract.readers.packed import opened
from archiver.index.extract.words import Found

PROPERTIES = "docProps/core.xml"
# The body first, then what stands around it; styles, themes and settings hold no words of the author.
WORD = re.compile(
    r"word/(?!styles|theme|settings|fontTable|webSettings|numbering|glossary/)(?:[^/]+|diagrams/data\d*|charts/[^/]+)\.xml"
)
SLIDES = re.compile(r"ppt/(?:slides|notesSlides|comments|diagrams|charts)/(?!_rels)[^/]+\.xml")
SHEET_EXTRAS = re.compile(r"xl/(?:comments|threadedComments|drawings|charts|diagrams)[^_]*\.xml")
DIGITS = re.compile(r"(\d+)")


class Runs:
    """Words of WordprocessingML and DrawingML (ECMA-376): runs, breaks, comments, alternative texts, tracked changes.

    What was deleted under tracked changes is gathered apart and said at the end: phrases of the text that stands stay
    whole.
    """

    def __init__(self, found: Found) -> None:
        self.deleted: list[str] = []
        self._found = found
        self._line: list[str] = []
        self._target: list[str] | None = None
        self._removed = 0
        self._fallback = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        if name == "Fallback":  # the same words again, for programs that cannot show the first form
            self._fallback += 1
        if self._fallback:
            return
        if name in {"t", "text"}:
            self._target = self.deleted if self._removed else self._line
        elif name == "delText":
            self._target = self.deleted
        elif name in {"del", "moveFrom"}:
            self._removed += 1
        elif name in {"br", "cr"} or (name == "tab" and not attributes):  # a tab with attributes defines a tab stop
            self._line.append("\t" if name == "tab" else "\n")
        elif name == "noBreakHyphen":
            self._line.append("-")
        elif name in {"docPr", "cNvPr"}:
            self._found.line(attributes.get("title", ""))
            self._found.line(attributes.get("descr", ""))
        elif name == "comment":
            self._found.line(attributes.get("author", ""))

    def end(self, name: str) -> None:
        """An element ends."""
        if name == "Fallback":
            self._fallback -= 1
        elif name in {"t", "text", "delText"}:
            self._target = None
        elif self._fallback:
            return
        elif name in {"del", "moveFrom"}:
            self._removed -= 1
            self.deleted.append("\n")
        elif name in {"p", "comment", "si"}:
            self.flush()

    def text(self, text: str) -> None:
        """Characters."""
        if self._target is not None:
            self._target.append(text)

    def flush(self) -> None:
        """End the line."""
        self._found.line("".join(self._line))
        self._line.clear()


class Paragraphs:
    """Words of OpenDocument: text:p and text:h with all they hold; of core properties: every element."""

    def __init__(self, found: Found, ends: frozenset[str]) -> None:
        self._found = found
        self._ends = ends
        self._line: list[str] = []

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        if name in {"s", "tab", "line-break"}:
            self._line.append(
                " " * min(100, int(attributes.get("c", "1"))) if name == "s" else "\n" if name == "line-break" else "\t"
            )
        elif name == "table":
            self._found.line(attributes.get("name", ""))

    def end(self, name: str) -> None:
        """An element ends."""
        if not self._ends or name in self._ends:
            self._found.line("".join(self._line).strip())
            self._line.clear()

    def text(self, text: str) -> None:
        """Characters."""
        self._line.append(text)


def read_word(found: Found, data: bytes, media_type: str) -> None:
    """Body, headers, footers, foot- and endnotes, comments, text boxes, alternative texts, tracked deletions."""
    del media_type
    with opened(found, data) as archive:
        properties(found, archive)
        parts = sorted(
            filter(WORD.fullmatch, archive.namelist()),
            key=lambda name: (not name.startswith("word/document"), *_natural(name)),
        )
        _runs(found, archive, parts)


def read_slides(found: Found, data: bytes, media_type: str) -> None:
    """Slides in order, their notes, comments and alternative texts."""
    del media_type
    with opened(found, data) as archive:
        properties(found, archive)
        parts = sorted(
            filter(SLIDES.fullmatch, archive.namelist()),
            key=lambda name: (not name.startswith("ppt/slides/"), *_natural(name)),
        )
        found.pages = sum(name.startswith("ppt/slides/") for name in parts)
        _runs(found, archive, parts)


def read_open_document(found: Found, data: bytes, media_type: str) -> None:
    """Texts, sheets and slides of OpenDocument; headers and footers stand in its styles."""
    del media_type
    with opened(found, data) as archive:
        for part in ("meta.xml", "content.xml", "styles.xml"):
            if part in archive.namelist():
                with archive.open(part) as source:
                    listen(source, Paragraphs(found, frozenset() if part == "meta.xml" else frozenset({"p", "h"})))


def read_extras(found: Found, archive: ZipFile) -> None:
    """Comments, drawings and charts of a workbook."""
    _runs(found, archive, sorted(filter(SHEET_EXTRAS.fullmatch, archive.namelist()), key=_natural))


def properties(found: Found, archive: ZipFile) -> None:
    """Title, subject, author, key words and description of an Office file."""
    if PROPERTIES in archive.namelist():
        with archive.open(PROPERTIES) as source:
            listen(source, Paragraphs(found, frozenset()))


def _runs(found: Found, archive: ZipFile, parts: list[str]) -> None:
    runs = Runs(found)
    for index, part in enumerate(parts):
        try:
            with archive.open(part) as source:
                listen(source, runs)
        except SAXParseException:
            if index == 0:
                raise
            found.note("a part of it is damaged")
        runs.flush()
    if any(piece.strip() for piece in runs.deleted):
        found.note("with deletions under tracked changes, at the end of the text")
        found.line("".join(runs.deleted))


def _natural(name: str) -> tuple[str | int, ...]:
    return tuple(int(part) if part.isdigit() else part for part in DIGITS.split(name))
