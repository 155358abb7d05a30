"""Makes one volume's PDF in a process of its own: `python -m archiver.produce.writers.volume JOB OUT`.

JOB holds job.json (title and words), records.jsonl (one record to a line) and fonts.json; result.json is left there.
"""

import json
import sys
from pathlib import Path
from typing import Any

from archiver.paper.characters import Coverage
from archiver.paper.setting import Page, typeset
from archiver.paper.typefaces import Fonts, saved

TEMPLATE = Path(__file__).with_name("volume.typ")


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
    """Make the PDF (PDF/UA-1); returns how many characters are shown by name or code."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    fonts = saved(folder.parent / "fonts.json")
    changed = 0

    def data(coverage: Coverage) -> dict[str, Any]:
        nonlocal changed
        words, changed = prepared(job, folder / "records.jsonl", fonts, coverage)
        return words

    typeset(folder, TEMPLATE, out, fonts, data)
    return changed


def run(arguments: list[str]) -> int:
    """Run as a process; raises SystemExit with the reason where no PDF can be made."""
    folder, out = map(Path, arguments)
    changed = compile_volume(folder, out)
    (folder / "result.json").write_text(json.dumps({"changed": changed}), encoding="ascii")
    return 0


if __name__ == "__main__":
    raise SystemExit(run(sys.argv[1:]))
