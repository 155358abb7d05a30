"""Makes one volume's PDF in a process of its own: `python -m archiver.produce.writers.volume JOB OUT`.

JOB holds job.json (title and words), records.jsonl (one record to a line) and fonts.json; result.json is left there.
"""

import json
import re
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from archiver.produce.writers.characters import Coverage
from archiver.produce.writers.fonts import Fonts, saved

TEMPLATE = Path(__file__).with_name("volume.typ")
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


def prepared(job: dict[str, Any], lines: Path, fonts: Fonts, coverage: Coverage) -> tuple[dict[str, Any], int]:
    """All that the template needs, and how many characters are shown by name or code."""
    page = Page(coverage)
    records = []
    with lines.open(encoding="ascii") as source:
        for line in source:
            record = json.loads(line)
            facts = [[name, page.pieces(value)] for name, value in record["facts"]]
            records.append(
                {
                    "heading": page.pieces(record["heading"]),
                    "head": record["head"],
                    "facts": facts,
                    "blocks": [*page.blocks(record["text"]), *page.blocks(record["more"])],
                    "files": [page.pieces(file) for file in record["files"]],
                }
            )
    end = list(job["end"])
    if page.changed:
        end.append(job["changed"].format(count=page.changed))
    words = {name: coverage.shown(value)[0] if isinstance(value, str) else value for name, value in job.items()}
    return words | {"records": records, "end": end, "fonts": fonts.families}, page.changed


def compile_volume(folder: Path, out: Path) -> int:
    """Make the PDF (PDF/UA-1); returns how many characters are shown by name or code.

    Where the fonts fail against their own tables, the volume is set again with the first font's characters only.
    """
    import typst

    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    fonts = saved(folder.parent / "fonts.json")
    (folder / "volume.typ").write_bytes(TEMPLATE.read_bytes())
    for covers in (list(fonts.covers), [frozenset(range(0x20, 0x7F))]):
        data, changed = prepared(job, folder / "records.jsonl", fonts, Coverage(covers))
        (folder / "data.json").write_text(json.dumps(data), encoding="ascii")
        try:
            typst.compile(
                str(folder / "volume.typ"),
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
            return changed
    raise SystemExit(failure)


def run(arguments: list[str]) -> int:
    """Run as a process; raises SystemExit with the reason where no PDF can be made."""
    folder, out = map(Path, arguments)
    changed = compile_volume(folder, out)
    (folder / "result.json").write_text(json.dumps({"changed": changed}), encoding="ascii")
    return 0


if __name__ == "__main__":
    raise SystemExit(run(sys.argv[1:]))
