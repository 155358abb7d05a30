"""Writes an entry's files as they were captured, under safe names, digested as they stream."""

from archiver.errors import VerificationFailed
from archiver.paper.book import LONG_TEXT
from archiver.produce.entry import Entry, EntryFile
from archiver.produce.writers.folder import PackageFolder
from archiver.produce.writers.names import FolderNames
from schema.wire.manifest import ProducedFile


def write_files(folder: PackageFolder, entry: Entry) -> tuple[ProducedFile, ...]:
    """Write attachments, raw bytes and an over-long text; raises VerificationFailed where one is short."""
    names = FolderNames()
    files = [_copy(folder, entry, names, file, "attachment") for file in entry.files]
    if entry.raw is not None:
        files.append(_copy(folder, entry, names, entry.raw, "raw"))
    if is_long(entry.text):
        files.append(_write_text(folder, entry))
    return tuple(files)


def is_long(text: str) -> bool:
    """Whether a text does not fit in one cell of a sheet."""
    return len(text) > LONG_TEXT // 2 and len(text.encode("utf-16-le", "surrogatepass")) // 2 > LONG_TEXT


def text_path(number: str) -> str:
    """Where an over-long text lies in the package."""
    return f"text/{number}.txt"


def _copy(folder: PackageFolder, entry: Entry, names: FolderNames, file: EntryFile, role: str) -> ProducedFile:
    path = f"originals/{entry.number}/{names.take(file.name)}"
    with folder.new(path) as out:
        for chunk in file.open():
            out.write(chunk)
    if out.size != file.size:
        problem = f"{entry.number}: a file has {out.size} bytes instead of {file.size}"
        raise VerificationFailed(problem=problem, where=entry.record_id)
    return ProducedFile(file.name, file.media_type, role, path, out.sha256, out.size)  # type: ignore[arg-type]


def _write_text(folder: PackageFolder, entry: Entry) -> ProducedFile:
    path = text_path(entry.number)
    with folder.new(path) as out:
        out.write(entry.text.encode("utf-8", "backslashreplace"))
    return ProducedFile(f"{entry.number}.txt", "text/plain", "text", path, out.sha256, out.size)
