"""File names of strangers, made safe to write on every operating system."""

import re
import unicodedata

LONGEST = 120
"""Bytes of UTF-8; leaves room for folders under the 260 characters that Windows allows."""

_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\s*(\..*)?)$")


def safe_name(name: str) -> str:
    """One path part without separators, control or direction characters, device names, outer dots or spaces."""
    kept = "".join(_safe_character(c) for c in unicodedata.normalize("NFC", name))
    kept = kept.strip(" .") or "file"
    if kept[0] in "-~" or _DEVICES.match(kept):
        kept = "_" + kept
    return _shortened(kept)


def _safe_character(c: str) -> str:
    if c in '/\\:*?"<>|' or unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return "_"
    return " " if unicodedata.category(c) == "Zs" else c


def _shortened(name: str, suffix: str = "") -> str:
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) > 20:
        stem, dot, extension = name, "", ""
    ending = suffix + dot + extension
    room = LONGEST - len(ending.encode())
    if len(stem.encode()) > room:
        stem = stem.encode()[:room].decode("utf-8", "ignore").rstrip(" .")
    return stem + ending


class FolderNames:
    """Gives each file of one folder a name of its own, also where capitals do not count."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, name: str) -> str:
        """A safe name, numbered ` (2)`, ` (3)` ... when it is taken already."""
        safe, candidate, number = safe_name(name), safe_name(name), 1
        while _folded(candidate) in self._taken:
            number += 1
            candidate = _shortened(safe, f" ({number})")
        self._taken.add(_folded(candidate))
        return candidate


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
