"""Lists a folder of mail files, and tells in little room which of them changed since the last run."""

import base64
import errno
import hashlib
import os
import re
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from connectors.errors import Misconfigured
from connectors.mail_files.mbox import looks_like_mbox

BUCKETS = 4096
_WIDTH = 6
_FLAGS = re.compile(r"[:;!][12],[A-Za-z]*$")
_MAIL_FIELD = re.compile(rb"(?im)^(?:from|date|subject|message-id|received|return-path)[ \t]*:")
_FIRST_LINE = re.compile(rb"(?:\xef\xbb\xbf)?(?:>?From [^\n]*\n)?[!-9;-~]+[ \t]*:")


@dataclass(frozen=True, slots=True)
class MailFile:
    """A file as the listing saw it.  name: path below the root, "/" between folders.  modified: nanoseconds."""

    path: str
    name: str
    native_id: str
    size: int
    modified: int
    maildir: bool

    @property
    def bucket(self) -> int:
        """Number of the bucket that the file falls into, the same as long as its native id is."""
        return int.from_bytes(hashlib.sha256(self.native_id.encode()).digest()[:2], "big") % BUCKETS

    @property
    def state(self) -> bytes:
        """Digest of what would tell a change."""
        return hashlib.sha256(f"{self.native_id}\0{self.size}\0{self.modified}".encode()).digest()[:_WIDTH]


@dataclass(slots=True)
class Listing:
    """What lies below a folder; `complete` is False where a folder could not be read."""

    files: dict[str, MailFile] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    complete: bool = True

    def buckets(self) -> dict[int, list[MailFile]]:
        """Return the files by bucket, in order."""
        found: dict[int, list[MailFile]] = {}
        for file in self.files.values():
            found.setdefault(file.bucket, []).append(file)
        return dict(sorted(found.items()))


def bucket_digest(files: list[MailFile]) -> bytes:
    """Return the digest of one bucket; never zero, which means "not read"."""
    return hashlib.sha256(b"".join(sorted(file.state for file in files))).digest()[:_WIDTH]


def pack(digests: dict[int, bytes]) -> str:
    """Write bucket digests as text of at most 33 KiB."""
    table = bytearray(BUCKETS * _WIDTH)
    for bucket, digest in digests.items():
        table[bucket * _WIDTH : (bucket + 1) * _WIDTH] = digest
    return base64.b64encode(zlib.compress(bytes(table), 6)).decode()


def unpack(text: str) -> dict[int, bytes]:
    """Read bucket digests back; what is damaged counts as not read."""
    try:
        table = zlib.decompress(base64.b64decode(text))
    except (ValueError, zlib.error):
        return {}
    pieces = {at: table[at * _WIDTH : (at + 1) * _WIDTH] for at in range(len(table) // _WIDTH)}
    return {at: piece for at, piece in pieces.items() if any(piece)}


def list_tree(root: Path) -> Listing:
    """List a file, or a folder with all that is below it; symbolic links are named, never followed."""
    listing = Listing()
    if root.is_file():
        _take(listing, str(root), root.name, root.stat())
        return listing
    if not root.is_dir():
        raise Misconfigured(f"path: there is no file or folder {root}", where=str(root))
    for folder, name in _folders(listing, root, ""):
        for entry in sorted(folder, key=lambda one: one.name):
            label = _readable(name + entry.name)
            try:
                if entry.is_symlink():
                    broken = "broken, it leads nowhere" if not os.path.exists(entry.path) else "not followed"
                    listing.warnings.append(f"{label} is a symbolic link: {broken}.")
                elif entry.is_file(follow_symlinks=False):
                    _take(listing, entry.path, label, entry.stat(follow_symlinks=False))
                elif not entry.is_dir(follow_symlinks=False):
                    listing.warnings.append(f"{label} is neither a file nor a folder and was passed over.")
            except FileNotFoundError:  # renamed while we looked: a maildir reader set a flag
                listing.complete = False
            except OSError as error:
                listing.complete = False
                listing.warnings.append(f"{label} cannot be looked at ({error.strerror}).")
    return listing


def _folders(listing: Listing, top: Path, name: str) -> Iterator[tuple[list[os.DirEntry[str]], str]]:
    """Yield (entries, name with "/") of each folder; "new" comes before "cur", so that no message slips between."""
    waiting = [(top, name)]
    while waiting:
        path, label = waiting.pop()
        try:
            with os.scandir(path) as found:
                entries = list(found)
        except OSError as error:
            listing.complete = False
            listing.warnings.append(f"The folder {label or path.name} cannot be read ({error.strerror}).")
            continue
        below = sorted(one.name for one in entries if one.is_dir(follow_symlinks=False))
        maildir = {"cur", "new"} <= set(below)
        below = [one for one in below if not (maildir and one == "tmp")]
        waiting.extend((path / one, f"{label}{one}/") for one in below)  # popped from the end: new, then cur
        yield entries, label


def _take(listing: Listing, path: str, name: str, seen: os.stat_result) -> None:
    folder, _, last = name.rpartition("/")
    maildir = folder.rpartition("/")[2] in {"cur", "new"}
    if maildir:
        folder, last = folder[: -len("/cur")] if "/" in folder else "", _FLAGS.sub("", last)
    native_id = f"file:{folder}//{last}"
    listing.files[native_id] = MailFile(path, name, native_id, seen.st_size, seen.st_mtime_ns, maildir)


def _readable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def sniff(head: bytes, name: str, maildir: bool) -> str | None:
    """Tell what a file is by its first bytes: "mail", "mbox", "zip"; None when it is no mail."""
    if head.startswith(b"PK\x03\x04") or name.lower().endswith(".zip"):
        return "zip"
    if looks_like_mbox(head) and not name.lower().endswith(".eml"):
        return "mbox"
    if maildir or name.lower().endswith(".eml"):
        return "mail"
    block = re.split(rb"\r?\n\r?\n|\r\r", head, maxsplit=1)[0].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return "mail" if _FIRST_LINE.match(head) and _MAIL_FIELD.search(block) else None


def open_file(file: MailFile) -> IO[bytes]:
    """Open a listed file for reading; raises OSError, also where a link or a pipe was put in its place since."""
    handle = os.open(file.path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not an ordinary file")
    return os.fdopen(handle, "rb")


def unchanged(file: MailFile, seen: os.stat_result) -> bool:
    """Tell whether an open file is still the one that was listed."""
    return stat.S_ISREG(seen.st_mode) and (seen.st_size, seen.st_mtime_ns) == (file.size, file.modified)
