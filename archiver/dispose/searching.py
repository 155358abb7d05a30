"""Searching the bytes of files for words and keys; packed files are unpacked.  Runs in a process of its own.

Closing any descriptor of a SQLite file ends all locks that its process has on it (POSIX; "How To Corrupt An SQLite
Database File", section 2.2).  Searched in the process that has the database open, another process that closed it would
take itself for the last one and remove its log: seen as lost pages and bus errors.  So this file imports nothing of
ours, starts in a few milliseconds, and is told by lines of JSON what to look for and where.
"""

import gzip
import json
import re
import sys
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

CHUNK = 8 << 20
"""Bytes that are searched at a time."""

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_BROKEN = (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What sealed bytes raise that happen to begin like a packed file; they are searched as they are."""


class Needles:
    """Words (in any case of ASCII, as UTF-8 and UTF-16) and bytes to search for.

    One expression for each first byte: looking for one rare byte is as fast as memory (measured: 1.8 GB/s for 64 keys,
    where 64 separate searches took 20 times as long).
    """

    def __init__(self, words: Iterable[str], keys: Iterable[bytes]) -> None:
        self.words, self.keys = tuple(words), tuple(keys)
        self._words: dict[bytes, str] = {}
        for word in self.words:
            lowered = word.lower()
            for form in (lowered.encode("utf-8", "replace"), lowered.encode("utf-16-le", "replace")):
                self._words[form] = word
        self._keys = {one: one for one in self.keys}
        longest = max((len(one) for one in (*self._words, *self._keys)), default=1)
        self.overlap = longest - 1
        self._folded = _expressions(self._words)
        self._exact = _expressions(self._keys)

    def found_in(self, data: bytes) -> set[str | bytes]:
        """The words and keys that stand in a piece of data."""
        found: set[str | bytes] = {self._keys[hit] for one in self._exact for hit in one.findall(data)}
        if self._folded:
            lowered = data.lower()
            found.update(self._words[hit] for one in self._folded for hit in one.findall(lowered))
        return found


def _expressions(forms: Iterable[bytes]) -> list[re.Pattern[bytes]]:
    groups: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for form in sorted(forms, key=len, reverse=True):
        groups[form[:1]].append(form[1:])
    return [
        re.compile(re.escape(first) + b"(?:" + b"|".join(map(re.escape, rest)) + b")") for first, rest in groups.items()
    ]


@dataclass(slots=True)
class Searched:
    """What a search came to; hits: what was found, with the first file in which it stood.  size: bytes searched."""

    files: int = 0
    size: int = 0
    hits: dict[str | bytes, str] = field(default_factory=dict)


def search_file(path: Path, needles: Needles, out: Searched) -> None:
    """Search one file, and what is packed in it; one that is gone meanwhile (a log, a rewritten segment) is passed."""
    with suppress(FileNotFoundError):
        with path.open("rb") as file:
            head = file.read(4)
            file.seek(0)
            out.size += _search(file, path.name, needles, out)
        out.files += 1
        with suppress(*_BROKEN):
            if head.startswith(_GZIP):
                with gzip.open(path) as unpacked:
                    _search(unpacked, path.name, needles, out)  # type: ignore[arg-type]  # a stream of bytes
            elif head == _ZIP:
                with zipfile.ZipFile(path) as packed:
                    for name in packed.namelist():
                        with packed.open(name) as part:
                            _search(part, path.name, needles, out)


def _search(stream: IO[bytes], name: str, needles: Needles, out: Searched) -> int:
    size, kept = 0, b""
    while piece := stream.read(CHUNK):
        size += len(piece)
        data = kept + piece
        for hit in needles.found_in(data):
            out.hits.setdefault(hit, name)
        kept = data[-needles.overlap :] if needles.overlap else b""
    return size


def as_line(needles: Needles) -> str:
    """Needles as the line that `main` reads first."""
    return json.dumps({"words": list(needles.words), "keys": [one.hex() for one in needles.keys]}) + "\n"


def as_answer(line: str, out: Searched) -> None:
    """Take in what `main` wrote of one file; raises OSError where it could not be read."""
    found: dict[str, Any] = json.loads(line)
    if found["error"]:
        raise OSError(*found["error"])
    out.files, out.size = found["files"], found["size"]
    out.hits = {**found["words"], **{bytes.fromhex(one): place for one, place in found["keys"].items()}}


def main(orders: IO[str], answers: IO[str]) -> None:
    """Read needles, then a path on each line; answer each path with what was found so far."""
    needed = json.loads(orders.readline())
    needles, out = Needles(needed["words"], map(bytes.fromhex, needed["keys"])), Searched()
    for line in orders:
        path, error = Path(json.loads(line)), None
        try:
            search_file(path, needles, out)
        except OSError as trouble:
            error = [trouble.errno, trouble.strerror, str(path)]
        words = {one: place for one, place in out.hits.items() if isinstance(one, str)}
        keys = {one.hex(): place for one, place in out.hits.items() if isinstance(one, bytes)}
        answer = {"files": out.files, "size": out.size, "words": words, "keys": keys, "error": error}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.stdin, sys.stdout)
