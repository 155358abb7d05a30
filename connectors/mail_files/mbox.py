"""Splits mbox files as they are read (RFC 4155 and its older relatives mboxo and mboxrd)."""

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass

from connectors.rfc822 import MEMORY_LIMIT
from connectors.rfc822_parts import HEAD_LIMIT

Opener = Callable[[int], Iterator[bytes]]
"""Streams a file from a byte offset to its end."""

_FROM = b"From "
_TIME = re.compile(rb"\d{1,2}:\d{2}")
_YEAR = re.compile(rb"\b(?:19|20)\d\d\b")
_HEADER = re.compile(rb">?From |[!-9;-~]+[ \t]*:")
_QUOTED = re.compile(rb"(?m)^>(>*From )")
_LINE_LIMIT = 2000
_CLIP = 1 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """One message: [start, end) are byte offsets of its text, without the separator line before it.

    data: its bytes, or only their beginning where `whole` is False (it is larger than MEMORY_LIMIT).
    """

    start: int
    end: int
    envelope: str
    data: bytes
    whole: bool


def looks_like_mbox(head: bytes) -> bool:
    """Tell from a file's first bytes whether a separator and a header field open it."""
    line, _, rest = head.partition(b"\n")
    return line.startswith(_FROM) and (_TIME.search(line) is not None or _HEADER.match(rest) is not None)


def split(chunks: Iterable[bytes]) -> Iterator[Found]:
    """Yield the messages of an mbox as its bytes come; a last one cut short is a message too."""
    return _Splitter().run(chunks)


class _Splitter:
    """The bytes not yet given away, and where in the file they lie."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.base = 0  # file offset of data[0]
        self.begun: tuple[int, str] | None = None  # file offset of the current message and its separator
        self.clipped: bytes | None = None  # beginning of a message that outgrew the memory limit

    def run(self, chunks: Iterable[bytes]) -> Iterator[Found]:
        scanned = 0
        for chunk in chunks:
            self.data += chunk
            scanned = yield from self._scan(scanned, ended=False)
        yield from self._scan(scanned, ended=True)
        if self.begun:
            yield self._found(len(self.data))

    def _scan(self, at: int, ended: bool) -> Generator[Found, None, int]:
        """Cut at each separator; returns how far the data was searched, as an index after dropping what was cut."""
        cut = 0
        while True:
            place = (
                at if at == 0 and self.base == 0 and self.data.startswith(_FROM) else self.data.find(b"\nFrom ", at) + 1
            )
            if place == 0 and not (at == 0 and self.base == 0 and self.data.startswith(_FROM)):
                at = max(at, len(self.data) - len(_FROM))
                break
            line_end = self.data.find(b"\n", place)
            following = self.data.find(b"\n", line_end + 1) if line_end >= 0 else -1
            if following < 0 and not ended and len(self.data) - place < _LINE_LIMIT:
                at = max(0, place - 1)
                break
            line_end = len(self.data) if line_end < 0 else line_end
            if self._separates(place, line_end, ended):
                if self.begun:
                    yield self._found(place)
                self.begun = (
                    self.base + line_end + 1,
                    bytes(self.data[place:line_end]).decode("utf-8", "replace").strip(),
                )
                self.clipped, cut = None, min(line_end + 1, len(self.data))
            at = line_end
        if self.begun is None:
            cut = max(0, at - 1)  # what stands before the first separator belongs to no message
        return self._drop(cut, at)

    def _drop(self, cut: int, at: int) -> int:
        if self.begun and len(self.data) - cut > MEMORY_LIMIT:
            self.clipped = self.clipped or bytes(self.data[cut : cut + HEAD_LIMIT])
        if self.clipped is not None:
            cut = max(cut, at - 2)
        del self.data[:cut]
        self.base += cut
        return max(0, at - cut)

    def _separates(self, place: int, line_end: int, ended: bool) -> bool:
        """Judge a line that begins with "From ": a header must follow, an empty line or a full date vouch for it."""
        line = self.data[place : min(line_end, place + _LINE_LIMIT)]
        following = bytes(self.data[line_end + 1 : line_end + 1 + _LINE_LIMIT])
        if not _HEADER.match(following) and not (ended and not following.strip()):
            return False
        timed = _TIME.search(line) is not None
        blank_before = place + self.base == 0 or bytes(self.data[max(0, place - 2) : place]) in (b"\n\n", b"\r\n")
        if blank_before:
            return timed or len(line.split()) <= 3
        return timed and _YEAR.search(line) is not None

    def _found(self, place: int) -> Found:
        assert self.begun is not None
        start, envelope = self.begun
        end = self.base + place
        if self.clipped is not None:
            return Found(start, max(start, end), envelope, self.clipped, whole=False)
        data = bytes(self.data[start - self.base : place])
        return Found(start, max(start, end), envelope, _without_blank(data), whole=True)


def _without_blank(data: bytes) -> bytes:
    """Drop the empty line that the format puts before the next separator."""
    if data.endswith(b"\n\r\n"):
        return data[:-2]
    return data[:-1] if data.endswith(b"\n\n") else data


def part_of(opener: Opener, start: int, end: int) -> Callable[[], Iterator[bytes]]:
    """Return a function that streams the bytes [start, end) of a file."""

    def chunks() -> Iterator[bytes]:
        left = end - start
        for chunk in opener(start):
            yield chunk[:left]
            left -= len(chunk)
            if left <= 0:
                return

    return chunks


def unquoted(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Take away one ">" from lines that mbox writers quoted (">From ", ">>From ")."""
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        cut = len(data) if len(data) - (data.rfind(b"\n") + 1) > _CLIP else data.rfind(b"\n") + 1
        rest = data[cut:]
        yield _QUOTED.sub(rb"\1", data[:cut])
    if rest:
        yield _QUOTED.sub(rb"\1", rest)
