"""Finds the rows of a backup in its bytes, so that each item keeps its own bytes and memory stays flat."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

FILL = 1 << 18
LARGE = 4 << 20
SKELETON = 64 << 20
_ASIDE = 64 << 10
_BLANK = b" \t\r\n\xef\xbb\xbf"  # with the byte order mark

Cuts = dict[tuple[int, str], tuple[int, int]]
"""(number of the start tag within its row, attribute) -> half-open byte range of the value in the file."""

# "<" is illegal within attribute values (XML 1.0, 2.3), so each "<" begins a tag and a lost quote ends at the next.
_TAG = re.compile(rb"""\s*<(sms|mms|call)(?=[\s/>])(?:[^"'<>]++|"[^"<]*+"|'[^'<]*+')*+>""")
_NEXT = re.compile(rb"<(?:/(sms|mms|call)\s*>|(?:sms|mms|call)[\s/>]|/(?:smses|calls)\s*>)")
_ROW = re.compile(rb"<(sms|mms|call)[\s/>]")
_ROOT = re.compile(rb"""<(?:smses|calls)(?=[\s/>])(?:[^"'<>]++|"[^"<]*+"|'[^'<]*+')*+>""")
_ROOT_END = re.compile(rb"</(?:smses|calls)\s*>")
_COUNT = re.compile(rb"""\scount\s*=\s*["']\s*(\d{1,15})\s*["']""")
_STOP = re.compile(rb"""["'<>]""")
_NAME = re.compile(rb"([\w:.-]+)\s*=\s*$")
_ASIDES = ((b"<!--", b"-->"), (b"<?", b"?>"), (b"<!DOCTYPE", b">"))


@dataclass(slots=True)
class Stretch:
    """One row of a backup, or the bytes between two rows that are none.

    tag: sms, mms or call; empty for bytes that could not be read, whose reason is then given.
    start, end: half-open byte range in the file.  line, end_line: where it begins and ends, from 1.
    body: the row's bytes; without the values in `cuts` when `exact` is False.
    """

    tag: str
    start: int
    end: int
    line: int
    end_line: int
    body: bytes = b""
    exact: bool = True
    cuts: Cuts = field(default_factory=dict)
    reason: str = ""


class Scanner:
    """Yields the stretches of one file in order, whatever the sizes of the chunks that it is fed.

    chunks: the file's bytes from `offset` on, which is the beginning or a former `Stretch.end`.  line: at that offset.
    fill: bytes to ask for at least.  large: bytes above which a row's media are left in the file.
    declared: sum of the counts that the file states, None before one was seen.
    closed: whether no message came after the file's end tag.
    """

    def __init__(
        self, chunks: Iterator[bytes], offset: int = 0, line: int = 1, *, fill: int = FILL, large: int = LARGE
    ) -> None:
        self.line, self.closed = line, False
        self.declared: int | None = None
        self._chunks, self._fill_size, self._large_size = chunks, fill, large
        self._buffer, self._at, self._base, self._ended = b"", 0, offset, False
        self._junk: tuple[int, int, str] | None = None

    def __iter__(self) -> Iterator[Stretch]:
        """Yield rows and unreadable stretches; the junk before a row comes before it."""
        while True:
            match = _TAG.match(self._buffer, self._at)
            if match and self._buffer[match.end() - 2] == 0x2F and match.end() - match.start(1) < self._large_size - 1:
                start = match.start(1) - 1
                self._move(start)
                if self._junk:
                    yield self._end_junk(self._base + start, self.line)
                yield self._take(match[1].decode(), match.end())
            elif self._find_tag():
                yield from self._step()
            else:
                break
        if self._junk:
            yield self._end_junk(self._base + self._at, self.line)

    def _find_tag(self) -> bool:
        """Move to the next "<" with enough bytes after it to tell what it begins; False at the end of the file."""
        while True:
            found = self._buffer.find(b"<", self._at)
            end = found if found >= 0 else len(self._buffer)
            text = self._buffer[self._at : end]
            if text and not self._junk and (rest := text.lstrip(_BLANK)):
                self._move(end - len(rest))
                self._broken("there is text between the messages")
            self._move(end)
            if found >= 0:
                while len(self._buffer) - self._at < 16 and self._more():
                    pass
                return True
            if not self._more():
                return False

    def _step(self) -> Iterator[Stretch]:
        """Read what begins at the "<" here: a row, or something to pass over."""
        if row := _ROW.match(self._buffer, self._at):
            if found := self._row(row[1]):
                if self._junk:
                    yield self._end_junk(found.start, found.line)
                yield found
            return
        for begin, end in _ASIDES:
            if self._buffer.startswith(begin, self._at):
                self._aside(len(begin), end)
                return
        if match := self._complete(_ROOT_END):
            if self._junk:
                yield self._end_junk(self._base + self._at, self.line)
            self.closed = True
            self._move(match.end())
        elif match := self._complete(_ROOT):
            if count := _COUNT.search(match[0]):
                self.declared = (self.declared or 0) + int(count[1])
            self._move(match.end())
        else:
            self._broken("there is an unknown element or the rest of one")
            self._move(self._at + 1)

    def _complete(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """Match a short tag here, reading on while it may still be incomplete."""
        while True:
            match = pattern.match(self._buffer, self._at)
            if match or self._buffer.find(b"<", self._at + 1) >= 0 or self._buffer.find(b">", self._at + 1) >= 0:
                return match
            if len(self._buffer) - self._at > _ASIDE or not self._more():
                return None

    def _aside(self, skip: int, end: bytes) -> None:
        """Pass over a comment, instruction or document type; one that does not end soon is junk."""
        while True:
            found = self._buffer.find(end, self._at + skip, self._at + _ASIDE)
            if found >= 0:
                self._move(found + len(end))
                return
            if len(self._buffer) - self._at >= _ASIDE or not self._more():
                self._broken("a comment or instruction does not end")
                self._move(self._at + 1)
                return

    def _row(self, tag: bytes) -> Stretch | None:
        """Return the row that begins here; None where it is broken, which is junk up to the next row."""
        while True:
            match, stop = _TAG.match(self._buffer, self._at), 0
            if match:
                closed = self._buffer[match.end() - 2] == 0x2F
                end = match if closed else _NEXT.search(self._buffer, match.end())
                if end and (closed or end[1] == tag):
                    if end.end() - self._at >= self._large_size:
                        return self._large(tag)
                    return self._take(tag.decode(), end.end())
                stop = end.start() if end else 0
            else:
                stop = self._buffer.find(b"<", self._at + 1)
            if stop > 0:
                self._broken(f"the <{tag.decode()}> element is damaged or has no end")
                self._move(stop)
                return None
            if len(self._buffer) - self._at >= self._large_size:
                return self._large(tag)
            if not self._more():
                self._broken(f"the file ends inside a <{tag.decode()}> element")
                self._move(len(self._buffer))
                return None

    def _large(self, tag: bytes) -> Stretch | None:
        """Return a row too large for memory, its media left in the file; None where it is broken."""
        start, line, self.closed = self._base + self._at, self.line, False
        skeleton, cuts, number = bytearray(), Cuts(), -1
        while self._copy_text(skeleton):
            if number >= 0 and (match := self._complete(_NEXT)):
                if match[1] != tag:
                    break
                skeleton += match[0]
                self._move(match.end())
                return Stretch(
                    tag.decode(), start, self._base + self._at, line, self.line, bytes(skeleton), False, cuts
                )
            if self._buffer[self._at + 1] not in b"/!?":
                number += 1
            if not self._copy_tag(skeleton, cuts, number):
                break
            if number == 0 and skeleton.endswith(b"/>"):
                return Stretch(
                    tag.decode(), start, self._base + self._at, line, self.line, bytes(skeleton), False, cuts
                )
        if not self._junk:
            self._junk = (start, line, f"the <{tag.decode()}> element is damaged or has no end")
        return None

    def _copy_text(self, skeleton: bytearray) -> bool:
        """Copy up to the next "<" with enough bytes after it; False at the end of the file or above the limit."""
        while len(skeleton) <= SKELETON:
            found = self._buffer.find(b"<", self._at)
            self._copy(found if found >= 0 else len(self._buffer), skeleton)
            if found >= 0:
                while len(self._buffer) - self._at < 16 and self._more():
                    pass
                return len(self._buffer) - self._at > 1
            if not self._more():
                return False
        return False

    def _copy_tag(self, skeleton: bytearray, cuts: Cuts, number: int) -> bool:
        """Copy one tag from its "<" to its ">", leaving out the values of `data`; False where it is broken."""
        self._copy(self._at + 1, skeleton)
        while len(skeleton) <= SKELETON:
            match = _STOP.search(self._buffer, self._at)
            self._copy(match.start() if match else len(self._buffer), skeleton)
            if not match:
                if not self._more():
                    return False
            elif match[0] == b"<":
                return False
            else:
                self._copy(self._at + 1, skeleton)
                if match[0] == b">":
                    return True
                name = _NAME.search(skeleton, max(0, len(skeleton) - 81), len(skeleton) - 1)
                cut = name is not None and name[1] == b"data"
                start = self._base + self._at
                if not self._copy_value(match[0], None if cut else skeleton):
                    return False
                if cut:
                    cuts[number, "data"] = (start, self._base + self._at)
                self._copy(self._at + 1, skeleton)
        return False

    def _copy_value(self, quote: bytes, skeleton: bytearray | None) -> bool:
        """Copy or pass over an attribute's value up to its closing quote; False where there is none."""
        while skeleton is None or len(skeleton) <= SKELETON:
            found = self._buffer.find(quote, self._at)
            end = found if found >= 0 else len(self._buffer)
            lost = self._buffer.find(b"<", self._at, end)
            self._copy(lost if lost >= 0 else end, skeleton)
            if lost >= 0:
                return False
            if found >= 0:
                return True
            if not self._more():
                return False
        return False

    def _copy(self, end: int, skeleton: bytearray | None) -> None:
        if skeleton is not None:
            skeleton += self._buffer[self._at : end]
        self._move(end)

    def _take(self, tag: str, end: int) -> Stretch:
        start, line, self.closed = self._at, self.line, False
        self._move(end)
        return Stretch(tag, self._base + start, self._base + end, line, self.line, self._buffer[start:end])

    def _broken(self, reason: str) -> None:
        """Note that the bytes from here to the next row cannot be read; the first reason stands."""
        if not self._junk:
            self._junk = (self._base + self._at, self.line, reason)

    def _end_junk(self, end: int, end_line: int) -> Stretch:
        assert self._junk
        start, line, reason = self._junk
        self._junk = None
        return Stretch("", start, end, line, end_line, reason=reason)

    def _move(self, at: int) -> None:
        self.line += self._buffer.count(b"\n", self._at, at)
        self._at = at

    def _more(self) -> bool:
        """Read on, as much as is waiting already, so that a long row is searched twice at most; False at the end."""
        waiting = self._buffer[self._at :]
        parts, size, want = [waiting], 0, max(self._fill_size, len(waiting))
        while size < want and not self._ended:
            chunk = next(self._chunks, None)
            if chunk is None:
                self._ended = True
            else:
                parts.append(chunk)
                size += len(chunk)
        self._base += self._at
        self._buffer, self._at = b"".join(parts), 0
        return size > 0
