"""Splits a mail into its parts as its bytes come, with memory that does not grow with the mail (RFC 2045, 2046, 5322).

The standard library's parser holds the whole mail and rewrites what it nests; evidence must stay byte for byte.
"""

import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from connectors.rfc822_text import decode_bytes, decode_words, unfold

Fields = list[tuple[str, bytes]]
"""Header fields in order: lower-case name, value as written (folded, undecoded)."""

HEAD_LIMIT = 1 << 20
PREAMBLE_LIMIT = 1 << 20
_DEPTH_LIMIT = 100
_DELIMITER_LIMIT = 1100
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*(?:\r?\n[ \t].*)*)\r?\n?")
_KNOWN_FIELD = re.compile(
    rb"(?i)(?:from|to|cc|date|subject|message-id|received|mime-version|content-type|content-transfer-encoding)[ \t]*:"
)
_BLANK = re.compile(rb"[ \t]*\r?\n|[ \t]*\Z")
_ENVELOPE = re.compile(rb">?From .*\r?\n?")
_HEAD_END = re.compile(rb"\n\r?\n")  # a line of blanks continues a field
_PARAMETER = re.compile(r';\s*([^\s=;]+)\s*=\s*("(?:[^"\\]|\\.)*"?|[^;]*)')
_CONTINUED = re.compile(r"^(.+?)\*(\d{1,4})?(\*)?$")
_BASE64_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64_ALPHABET))


@dataclass(slots=True)
class Part:
    """One leaf of a mail.

    chunks: its decoded bytes; to be read before the next part is asked for.
    alternative: number of the enclosing multipart/alternative, None outside of one.  root: the mail has no other part.
    """

    fields: Fields
    media_type: str
    params: dict[str, str]
    chunks: Iterator[bytes]
    alternative: int | None
    root: bool


def parse_fields(data: bytes, pos: int = 0, marks: Iterable[bytes] = ()) -> tuple[Fields, int, bool]:
    """Read header fields at `pos`; returns them, where the body begins, and whether a blank line stood between."""
    fields: Fields = []
    broken = False
    if data.startswith(b"\xef\xbb\xbf", pos):
        pos += 3
    while envelope := _ENVELOPE.match(data, pos):
        pos = envelope.end()
    while True:
        if marks and data.startswith(b"--", pos) and _delimiter(data[pos : _line_end(data, pos)], marks):
            return fields, pos, not broken
        found = _FIELD.match(data, pos)
        if found is None:
            blank = _BLANK.match(data, pos)
            following = _line_end(data, pos) + 1
            if blank or not fields or not _KNOWN_FIELD.match(data, following):
                return fields, blank.end() if blank else pos, blank is not None and not broken
            # One line that is no field, and then the header goes on: a fold that lost its blank.
            fields[-1] = (fields[-1][0], fields[-1][1] + b"\r\n " + data[pos:following].rstrip())
            pos, broken = following, True
            continue
        fields.append((found[1].decode("ascii").lower(), found[2]))
        pos = found.end()


def _line_end(data: bytes, pos: int) -> int:
    end = data.find(b"\n", pos)
    return len(data) if end < 0 else end


def _delimiter(line: bytes, marks: Iterable[bytes]) -> tuple[bytes, bool] | None:
    token = line[2:].rstrip(b" \t\r\n")
    if token in marks:
        return token, False
    if token.endswith(b"--") and token[:-2] in marks:
        return token[:-2], True
    return None


def parameters(value: bytes | None, default: str) -> tuple[str, dict[str, str]]:
    """Return a field's main value in lower case and its parameters, RFC 2231 and RFC 2047 decoded."""
    return _parameters(value, default) if value is not None else (default, {})


@lru_cache(maxsize=1024)
def _parameters(value: bytes, default: str) -> tuple[str, dict[str, str]]:
    text = unfold(value)
    main = text.split(";", 1)[0].strip().lower()
    simple: dict[str, str] = {}
    pieces: dict[str, list[tuple[int, bool, str]]] = {}
    for name, written in _PARAMETER.findall(text):
        plain = re.sub(r"\\(.)", r"\1", written.strip().strip('"')) if '"' in written else written.strip()
        continued = _CONTINUED.match(name.lower())
        if continued:
            piece = (int(continued[2] or 0), bool(continued[3]) or continued[2] is None, plain)
            pieces.setdefault(continued[1], []).append(piece)
        else:
            simple.setdefault(name.lower(), decode_words(plain))
    for name, found in pieces.items():
        simple[name] = _join_continued(sorted(found, key=lambda piece: piece[0]))
    return main or default, simple


def _join_continued(pieces: list[tuple[int, bool, str]]) -> str:
    """Join the pieces of an extended parameter (RFC 2231 section 4): charset'language'percent-encoded."""
    charset = "utf-8"
    first = pieces[0]
    if first[1] and first[2].count("'") >= 2:
        charset, _, rest = first[2].split("'", 2)
        pieces = [(first[0], True, rest), *pieces[1:]]
    raw = b"".join(unquote_to_bytes(text) if encoded else text.encode() for _, encoded, text in pieces)
    return decode_bytes(raw, charset or "utf-8")[0]


def field(fields: Fields, name: str) -> bytes | None:
    """Return the first value of a header field as written."""
    return next((value for have, value in fields if have == name), None)


class Reader:
    """A mail's bytes as they come, read header by header and body by body."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._data = b""
        self._pos = 0
        self._ended = False
        self.mark: tuple[bytes, bool] | None = None

    def _fill(self) -> bool:
        chunk = next(self._chunks, None)
        if chunk is None:
            self._ended = True
            return False
        self._data = self._data[self._pos :] + chunk if self._pos < len(self._data) else chunk
        self._pos = 0
        return True

    def fields(self, marks: dict[bytes, int]) -> tuple[Fields, bool]:
        """Read a header block; the flag tells whether it ended as it should."""
        while not self._ended and len(self._data) - self._pos < HEAD_LIMIT:
            at = self._pos
            if self._data.startswith((b"\n", b"\r\n"), at) or _HEAD_END.search(self._data, at):
                break
            self._fill()
        fields, self._pos, clean = parse_fields(self._data, self._pos, marks)
        return fields, clean

    def body(self, marks: dict[bytes, int]) -> Iterator[bytes]:
        """Yield bytes up to the next delimiter line of `marks`, which is then in `self.mark`, None at the end."""
        self.mark = None
        seek, first = self._pos, True
        while True:
            start = seek if first and self._data.startswith(b"--", seek) else self._data.find(b"\n--", seek) + 1
            if start == 0 and not (first and self._data.startswith(b"--", seek)):
                if self._ended:
                    yield self._data[self._pos :]
                    self._pos = len(self._data)
                    return
                keep = max(self._pos, len(self._data) - 4)
                if keep > self._pos:
                    yield self._data[self._pos : keep]
                    self._pos, first = keep, False
                self._fill()
                seek = self._pos
                continue
            end = self._data.find(b"\n", start)
            if end < 0 and not self._ended and len(self._data) - start < _DELIMITER_LIMIT:
                back = seek - self._pos
                self._fill()
                seek = self._pos + back
                continue
            line_end = len(self._data) if end < 0 else end + 1
            mark = _delimiter(self._data[start : min(line_end, start + _DELIMITER_LIMIT)], marks)
            if mark:
                stop = start - 1 if start > self._pos else start
                if stop > self._pos and self._data[stop - 1 : stop] == b"\r":
                    stop -= 1
                content = self._data[self._pos : stop]
                self._pos, self.mark = line_end, mark
                yield content
                return
            seek, first = start + 1, False


def walk(reader: Reader, defects: list[str]) -> Iterator[tuple[Fields | None, Part | None]]:
    """Yield the mail's own header fields first, as (fields, None), then each leaf as (None, part)."""
    frames: list[tuple[bytes, int | None]] = []
    marks: dict[bytes, int] = {}
    groups = 0
    fields, clean = reader.fields(marks)
    if not clean:
        defects.append("the header holds a line that does not belong there, or does not end")
    yield fields, None
    while True:
        parent = frames[-1][1] if frames else None
        media_type, params = parameters(field(fields, "content-type"), "text/plain")
        boundary = params.get("boundary", "").encode("utf-8", "surrogateescape").rstrip()
        if media_type.startswith("multipart/") and boundary and len(frames) < _DEPTH_LIMIT:
            if media_type == "multipart/alternative":
                groups += 1
            frames.append((boundary, groups if media_type == "multipart/alternative" else parent))
            marks[boundary] = marks.get(boundary, 0) + 1
            preamble = _capped(reader.body(marks))
            if reader.mark is None or reader.mark[0] != boundary:
                defects.append("a multipart without its boundary")
                yield None, Part([], "text/plain", {}, iter((preamble,)), parent, len(frames) == 1)
        else:
            if media_type.startswith("multipart/") or "/" not in media_type:
                defects.append(f"content type {media_type[:60]!r} cannot be understood")
                media_type = "text/plain"
            body = reader.body(marks)
            encoding = decode_words(unfold(field(fields, "content-transfer-encoding") or b"")).strip().lower()
            yield None, Part(fields, media_type, params, decoded(body, encoding), parent, not frames)
            for _ in body:  # what the consumer left
                pass
        if not _leave(reader, frames, marks, defects):
            return
        fields, clean = reader.fields(marks)


def _leave(reader: Reader, frames: list[tuple[bytes, int | None]], marks: dict[bytes, int], defects: list[str]) -> bool:
    """Close the multiparts that the last delimiter ends; False at the end of the mail."""
    while True:
        if reader.mark is None:
            if frames:
                defects.append("the mail ends within a multipart")
            return False
        boundary, closing = reader.mark
        while frames[-1][0] != boundary:
            _pop(frames, marks)
            defects.append("an inner multipart without its end")
        if not closing:
            return True
        _pop(frames, marks)
        for _ in reader.body(marks):  # epilogue
            pass
        if reader.mark is None and not frames:
            return False


def _pop(frames: list[tuple[bytes, int | None]], marks: dict[bytes, int]) -> None:
    boundary, _ = frames.pop()
    marks[boundary] -= 1
    if not marks[boundary]:
        del marks[boundary]


def _capped(chunks: Iterator[bytes]) -> bytes:
    kept, size = [], 0
    for chunk in chunks:
        if size < PREAMBLE_LIMIT:
            kept.append(chunk[: PREAMBLE_LIMIT - size])
        size += len(chunk)
    return b"".join(kept)


def decoded(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Undo a content transfer encoding (RFC 2045 section 6); unknown ones are left as they are."""
    if encoding == "base64":
        return _from_base64(chunks)
    if encoding == "quoted-printable":
        return _by_lines(chunks, binascii.a2b_qp)
    if encoding in {"x-uuencode", "uuencode", "x-uue", "uue"}:
        return _by_lines(chunks, _from_uu)
    return chunks


def _from_base64(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *closed, last = (rest + chunk.translate(None, _NOT_BASE64)).split(b"=")
        out = [_base64_run(run) for run in closed if run]
        whole = len(last) // 4 * 4
        out.append(binascii.a2b_base64(last[:whole]))
        rest = last[whole:]
        yield b"".join(out)
    if rest:
        yield _base64_run(rest)


def _base64_run(run: bytes) -> bytes:
    if len(run) % 4 == 1:  # a lone character holds no byte
        run = run[:-1]
    return binascii.a2b_base64(run + b"=" * (-len(run) % 4))


def _by_lines(chunks: Iterator[bytes], decode: Callable[[bytes], bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        cut = data.rfind(b"\n") + 1
        if not cut and len(data) < HEAD_LIMIT:
            rest = data
            continue
        cut = cut or len(data)
        rest = data[cut:]
        yield decode(data[:cut])
    if rest:
        yield decode(rest)


def _from_uu(data: bytes) -> bytes:
    out = []
    for line in data.splitlines():
        if not line or line.startswith((b"begin ", b"end", b"`")):
            continue
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            length = (((line[0] - 32) & 63) * 4 + 5) // 3  # trailing rubbish, as some mailers append it
            try:
                out.append(binascii.a2b_uu(line[:length]))
            except binascii.Error:
                out.append(line)
    return b"".join(out)
