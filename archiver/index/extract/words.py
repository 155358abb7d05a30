"""Where readers put the words they find in one file, and how they reach files inside it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from archiver.index.extract.contract import Limits

CLEAN = {0: " ", 0xAD: None}  # a NUL ends strings in some engines; a soft hyphen only says where a word may break


class FullError(Exception):
    """The text has reached its limit; the reader stops here."""


@dataclass(slots=True)
class Found:
    """What readers gather of one file and the files inside it.

    pages: of the outermost file.  notes: what is missing from the text, in plain words.  ocr: whether images may
    be read.  depth: how deep inside the outermost file the reader stands, 0 outside.  unpacked: bytes of packed
    members so far.  inside: reads a file found within: (found, name, media type, bytes).  chunks, size: the text as
    UTF-8 and its bytes.  any: whether some of it is more than blanks.
    """

    limits: Limits
    ocr: bool
    inside: Callable[["Found", str, str, bytes], None]
    pages: int | None = None
    notes: list[str] = field(default_factory=list)
    depth: int = 0
    unpacked: int = 0
    chunks: list[bytes] = field(default_factory=list)
    size: int = 0
    any: bool = False

    def add(self, text: str) -> None:
        """Append text as it stands; raises FullError at the limit, keeping what fits."""
        if not text:
            return
        if "\0" in text or "\xad" in text:
            text = text.translate(CLEAN)
        self.any = self.any or not text.isspace()
        chunk = text.encode("utf-8", "replace")
        room = self.limits.text_bytes - self.size
        if len(chunk) > room:
            chunk = chunk[:room].decode("utf-8", "ignore").encode()
            self.chunks.append(chunk)
            self.size += len(chunk)
            raise FullError
        self.chunks.append(chunk)
        self.size += len(chunk)

    def line(self, text: str) -> None:
        """Append text and end its line; nothing where it is blank."""
        if text and not text.isspace():
            self.add(text + "\n")

    def note(self, text: str) -> None:
        """Remember once that something is missing."""
        if text not in self.notes and len(self.notes) < 20:
            self.notes.append(text)
