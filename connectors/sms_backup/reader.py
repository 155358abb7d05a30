"""Opens backup files wherever they lie, tells what they are, and goes to any byte of them."""

import codecs
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from connectors.errors import Misconfigured, Retry, SkipItem
from connectors.files import Member, open_members, open_read, read_chunks

HEAD = 1 << 20
_LOOK = 64 << 10
_PROLOG = re.compile(r"(?:\s|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*>)*", re.DOTALL)
_ELEMENT = re.compile(r"<([\w:.-]+)(?=[\s/>])")
_DOCTYPE = re.compile(r"<!DOCTYPE[^>]*\[")
_DECLARED = re.compile(rb"""^<\?xml\s[^>]*?encoding\s*=\s*["']([\w.:-]{1,40})["']""")
_BOMS = (
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_KNOWN = frozenset({"smses", "calls", "sms", "mms", "call"})


class _Lane:
    """Goes forward through a file, so that ranges in rising order cost one reading of it."""

    def __init__(self, opener: Callable[[int], Iterator[bytes]], seekable: bool) -> None:
        self._opener, self._seekable = opener, seekable
        self._chunks: Iterator[bytes] = iter(())
        self._at, self._rest = -1, b""

    def range(self, start: int, end: int) -> Iterator[bytes]:
        if start < self._at or self._at < 0 or (self._seekable and start > self._at + len(self._rest)):
            self._chunks, self._at, self._rest = self._opener(start), start, b""
        while self._at < end:
            chunk = self._rest or next(self._chunks, None)
            if chunk is None:
                raise Retry("the backup became shorter while it was read")
            skip, take = max(0, start - self._at), end - self._at
            self._rest = chunk[take:]
            self._at += min(len(chunk), take)
            if piece := chunk[skip:take]:
                yield piece


@dataclass(slots=True)
class Backup:
    """One backup file, as UTF-8 whatever it is written in; offsets count bytes of that.

    name: the file's, with "!/member" for one in a zip.  mark: changes when the file does.  size: bytes as stored.
    open: yields the bytes from an offset on.  encoding: what the file is written in, None for UTF-8.
    damage: said by `open` when the file could not be read to its end.
    """

    name: str
    mark: str
    size: int
    open: Callable[[int], Iterator[bytes]]
    encoding: str | None = None
    seekable: bool = True
    damage: str = ""
    _lanes: dict[str, _Lane] = field(default_factory=dict)

    def range(self, lane: str, start: int, end: int) -> Iterator[bytes]:
        """Yield UTF-8 bytes [start, end); calls with one lane name are cheap in rising order."""
        if lane not in self._lanes:
            self._lanes[lane] = _Lane(self.open, self.seekable)
        return self._lanes[lane].range(start, end)

    def original(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Turn UTF-8 bytes of this file back into those that lie in it."""
        if self.encoding is None:
            return chunks
        return _recoded(chunks, "utf-8", self.encoding)


def paths(path: Path) -> list[Path]:
    """Return the backup files at a path, by name and time; raises Misconfigured where there are none."""
    if path.is_dir():
        found = [one for one in path.iterdir() if one.suffix.lower() in {".xml", ".zip"} and one.is_file()]
        if not found:
            raise Misconfigured(f"there is no .xml or .zip file in the folder {path}", where="path")
        return sorted(found, key=lambda one: (one.name, one.stat().st_mtime_ns))
    if not path.is_file():
        raise Misconfigured(f"there is no file or folder {path}", where="path")
    return [path]


def backups(path: Path) -> Iterator[Backup]:
    """Yield the backups in a file: itself, or the .xml files of a zip, each valid until the next.

    Raises Misconfigured (no backup, a document type with entities, an unknown encoding), SkipItem (unreadable).
    """
    with open_read(path.parent, path) as handle:
        head = handle.read(HEAD)
    state = path.stat()
    mark = f"{path.name}\0{state.st_size}\0{state.st_mtime_ns}\0{hashlib.sha256(head).hexdigest()}"
    if not head.startswith(b"PK\x03\x04"):
        yield _backup(path.name, mark, state.st_size, _file_opener(path), seekable=True)
        return
    found = False
    for member in open_members(path):
        if member.name.lower().endswith(".xml"):
            found = True
            name = f"{path.name}!/{member.name}"
            yield _backup(name, f"{mark}\0{member.name}", member.size, _member_opener(member), seekable=False)
    if not found:
        raise Misconfigured(f"{path.name} holds no .xml file", where=path.name)


def _backup(name: str, mark: str, size: int, opener: Callable[[int], Iterator[bytes]], *, seekable: bool) -> Backup:
    digest = hashlib.blake2b(mark.encode("utf-8", "surrogatepass"), digest_size=9).hexdigest()
    backup = Backup(name, digest, size, opener, seekable=seekable)
    head = _start(opener)
    backup.encoding = encoding = _encoding(head, name)

    def view(offset: int) -> Iterator[bytes]:
        try:
            if encoding is None:
                yield from opener(offset)
            else:
                yield from _skip(_recoded(opener(0), encoding, "utf-8"), offset)
        except SkipItem as error:
            backup.damage = error.detail

    backup.open = view
    if encoding is not None:
        backup.seekable = False
        head = _start(view)
    _root(head, name)
    return backup


def _start(opener: Callable[[int], Iterator[bytes]]) -> bytes:
    head = b""
    for chunk in opener(0):
        head += chunk
        if len(head) >= _LOOK:
            break
    return head[:_LOOK]


def _file_opener(path: Path) -> Callable[[int], Iterator[bytes]]:
    def chunks(offset: int) -> Iterator[bytes]:
        with open_read(path.parent, path) as handle:
            handle.seek(offset)
            try:
                yield from read_chunks(handle)
            except OSError as error:
                raise SkipItem(f"{path.name} cannot be read to its end ({error.strerror})", where=path.name) from error

    return chunks


def _member_opener(member: Member) -> Callable[[int], Iterator[bytes]]:
    return lambda offset: _skip(member.open(), offset)


def _skip(chunks: Iterator[bytes], count: int) -> Iterator[bytes]:
    for chunk in chunks:
        if count < len(chunk):
            yield chunk[count:]
        count = max(0, count - len(chunk))


def _recoded(chunks: Iterator[bytes], source: str, target: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(source)(errors="replace")
    for chunk in chunks:
        if text := decoder.decode(chunk):
            yield text.encode(target, errors="replace")
    if text := decoder.decode(b"", final=True):
        yield text.encode(target, errors="replace")


def _encoding(head: bytes, name: str) -> str | None:
    """Return the codec that a file is written in, None for UTF-8 (XML 1.0, appendix F)."""
    for start, codec in _BOMS:
        if head.startswith(start):
            return codec
    declared = _DECLARED.match(head.removeprefix(codecs.BOM_UTF8))
    word = declared[1].decode().lower() if declared else "utf-8"
    if word.startswith(("utf-16", "ucs-2")):
        return None
    try:
        known = codecs.lookup(word).name
        if "<a".encode(known) != b"<a":
            known = ""
    except (LookupError, UnicodeError):
        known = ""
    if not known:
        raise Misconfigured(f"{name} is written in the encoding {word!r}, which is not known here", where=name)
    return None if known in {"utf-8", "ascii"} else known


def _root(head: bytes, name: str) -> None:
    """Look for the start of a backup; raises Misconfigured naming what was found instead, or an entity declaration.

    A file that was cut short before its first element passes: it holds nothing, which is said when it is read.
    So does one whose beginning is damaged, if there is a message after it.
    """
    text = head.decode(errors="replace").lstrip("\ufeff")
    start = _PROLOG.match(text)
    assert start
    rest = text[start.end() :]
    entity, doctype = text.find("<!ENTITY"), _DOCTYPE.search(text)
    first = next((found for found in _ELEMENT.finditer(text, start.end()) if found[1] in _KNOWN), None)
    for at in (entity, doctype.start() if doctype else -1):
        if at >= 0 and (first is None or at < first.start()):
            where = f"{name}:{text.count(chr(10), 0, at) + 1}, byte {len(text[:at].encode())}"
            raise Misconfigured(
                f"{name} declares a document type with entities, which backups never do; it may be an attack",
                where=where,
                action="Do not open this file elsewhere; make a new backup on the phone and put it in its place.",
            )
    found = _ELEMENT.match(rest)
    if found[1] in _KNOWN if found else first is not None:
        return
    if len(head) < _LOOK and (not rest or (rest.startswith("<") and not re.search(r"<[\w:.-]+[\s/>]", rest))):
        return
    what = f"an element <{found[1]}>" if found else f"{rest[:20]!r}"
    raise Misconfigured(
        f"{name} is no file of SMS Backup & Restore: it begins with {what}, not <smses> or <calls>", where=name
    )
