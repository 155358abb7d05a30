"""Setting text as tagged PDF (PDF/UA-1) with typst: data reach it as JSON, never as markup (decision 25)."""

import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from archiver.paper.characters import Coverage
from archiver.paper.typefaces import Fonts

_UNIT = "[!-\u02ff\u0370-\u058f][\u0300-\u036f]*"
_ENDLESS = re.compile(f"(?:{_UNIT}){{50,}}")  # longer than any line could break by itself
_PIECE = re.compile(f"(?:{_UNIT}){{1,25}}")
_PARAGRAPH = re.compile(r"\n((?:[ \t]*\n)+)")


class Page:
    """Turns texts into what the template sets, counting characters that became names or codes."""

    def __init__(self, coverage: Coverage) -> None:
        self._coverage, self.changed = coverage, 0

    def pieces(self, text: str) -> list[str]:
        """A text in pieces between which a line may break."""
        shown, changed = self._coverage.shown(text)
        self.changed += changed
        return _pieces(shown.replace("\t", "    "))

    def blocks(self, text: str) -> Iterator[dict[str, Any]]:
        """Paragraphs of a text: empty lines before it beyond the first (gap), whether it runs right to left, pieces."""
        shown, changed = self._coverage.shown(text)
        self.changed += changed
        parts = _PARAGRAPH.split(shown.replace("\t", "    ").strip("\n"))
        for place in range(0, len(parts), 2):
            if parts[place].strip():
                gap = parts[place - 1].count("\n") - 1 if place else 0
                yield {"gap": min(gap, 20), "rtl": _is_rtl(parts[place]), "pieces": _pieces(parts[place])}


def _pieces(text: str) -> list[str]:
    pieces: list[str] = []
    done = 0
    for endless in _ENDLESS.finditer(text):
        parts = _PIECE.findall(endless[0])
        pieces.append(text[done : endless.start()] + parts[0])
        pieces += parts[1:-1]
        done = endless.end() - len(parts[-1])
    return [*pieces, text[done:]]


def _is_rtl(text: str) -> bool:
    if text.isascii():
        return False
    return next((d in ("R", "AL") for d in map(unicodedata.bidirectional, text) if d in ("L", "R", "AL")), False)


def typeset(folder: Path, template: Path, out: Path, fonts: Fonts, data: Callable[[Coverage], Any]) -> None:
    """Make a PDF in a folder of its own; raises SystemExit with the reason where that cannot be done.

    template: typst code that reads data.json.  data: what to set, as far as a coverage can show it; where the fonts
    fail against their own tables, it is asked again with the first font's characters only.
    """
    import typst

    (folder / template.name).write_bytes(template.read_bytes())
    failure = ""
    for covers in (list(fonts.covers), [frozenset(range(0x20, 0x7F))]):
        (folder / "data.json").write_text(json.dumps(data(Coverage(covers))), encoding="ascii")
        try:
            typst.compile(
                str(folder / template.name),
                output=str(out),
                root=str(folder),
                font_paths=list(fonts.folders),
                ignore_system_fonts=True,
                pdf_standards=["ua-1"],
                timestamp=0,
            )
        except typst.TypstError as error:
            failure = str(error)
        else:
            return
    raise SystemExit(failure)
