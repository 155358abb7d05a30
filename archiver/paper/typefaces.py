"""The fonts of our PDF: those shipped beside this room, and a city's own folder for what they lack."""

import json
import struct
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

SHIPPED = Path(__file__).with_name("fonts")
_FIRST = ["Noto Sans", "Noto Emoji"]  # emoji before symbols: only there are keycaps and flags one sign
_LAST = ["DejaVu Sans Mono"]
_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")


@dataclass(frozen=True, slots=True)
class Fonts:
    """Font families in the order in which they are tried, with the code points of each."""

    folders: tuple[str, ...]
    families: tuple[str, ...]
    covers: tuple[frozenset[int], ...]


def load(own: Path | None = None) -> Fonts:
    """Read the shipped fonts and those of the city's folder; files there that are no fonts are passed over."""
    covers: dict[str, frozenset[int]] = {}
    folders = [SHIPPED] if own is None else [SHIPPED, own]
    for folder in folders:
        for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES):
            for family, characters in _faces(path):  # a family shows what all its faces have: headings are bold
                covers[family] = covers[family] & characters if family in covers else characters
    order = [*_FIRST, *sorted(covers.keys() - set(_FIRST) - set(_LAST)), *_LAST]
    return Fonts(tuple(map(str, folders)), tuple(order), tuple(covers[family] for family in order))


def _faces(path: Path) -> list[tuple[str, frozenset[int]]]:
    from fontTools.ttLib import TTCollection, TTFont, TTLibError

    try:
        with path.open("rb") as file:
            is_collection = path.suffix.lower().endswith("c")
            faces = TTCollection(file, lazy=True).fonts if is_collection else [TTFont(file, lazy=True)]
            return [(face["name"].getDebugName(1) or path.stem, frozenset(face.getBestCmap() or {})) for face in faces]
    except (TTLibError, OSError, KeyError, ValueError, AssertionError, struct.error):  # as damaged fonts raise
        return []


def save(fonts: Fonts, path: Path) -> None:
    """Keep what was read, so that each volume's process need not read the fonts again."""
    ranges = [_ranges(cover) for cover in fonts.covers]
    path.write_text(json.dumps([fonts.folders, fonts.families, ranges]), encoding="ascii")


def saved(path: Path) -> Fonts:
    """Read what `save` kept."""
    folders, families, ranges = json.loads(path.read_text(encoding="ascii"))
    covers = [frozenset(c for first, last in part for c in range(first, last + 1)) for part in ranges]
    return Fonts(tuple(folders), tuple(families), tuple(covers))


def _ranges(cover: frozenset[int]) -> list[tuple[int, int]]:
    runs: defaultdict[int, list[int]] = defaultdict(list)
    for place, c in enumerate(sorted(cover)):
        runs[c - place].append(c)
    return [(run[0], run[-1]) for run in runs.values()]
