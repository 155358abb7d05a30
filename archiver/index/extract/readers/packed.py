"""ZIP files and the guard that every format packed with ZIP passes first (threat T5)."""

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from zipfile import ZipFile

from archiver.index.extract.contract import ExtractOutcome, NoTextError
from archiver.index.extract.words import Found


@contextmanager
def opened(found: Found, data: bytes) -> Iterator[ZipFile]:
    """The ZIP in bytes, after a look at what it declares; raises NoTextError where that is a bomb or locked.

    Declared sizes are enough: `zipfile` never unpacks a member beyond the size it declares.
    """
    with ZipFile(BytesIO(data)) as archive:
        members = archive.infolist()
        total = sum(member.file_size for member in members)
        found.unpacked += total
        limits = found.limits
        if len(members) > limits.entries:
            raise NoTextError(ExtractOutcome.REFUSED, f"packs more than {limits.entries:,} files")
        if found.unpacked > limits.unpacked_bytes or (total > 10_000_000 and total > limits.ratio * len(data)):
            raise NoTextError(ExtractOutcome.REFUSED, "unpacks to far more than its size (a bomb)")
        if members and all(member.flag_bits & 1 for member in members):
            raise NoTextError(ExtractOutcome.REFUSED, "protected by a password; ask its author for an open copy")
        yield archive


def read_zip(found: Found, data: bytes, media_type: str) -> None:
    """The names of the members and the text of those that have some."""
    del media_type
    with opened(found, data) as archive:
        for member in archive.infolist():
            if member.is_dir():
                continue
            if member.flag_bits & 1:
                found.line(member.filename)
                found.note("a file inside it is protected by a password")
                continue
            found.inside(found, posixpath.basename(member.filename), "", archive.read(member))
