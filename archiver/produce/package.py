"""Builds a production's package from its entries: every form, the manifest, the signature; complete or not at all."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from archiver.errors import ArchiverError, DiskTrouble
from archiver.produce.entry import Entry
from archiver.produce.manifest import MANIFEST, SIGNATURE, signed_root, write_manifest
from archiver.produce.verifier import verify
from archiver.produce.writers.facts import printed_time, produced_record
from archiver.produce.writers.folder import HashedFile, PackageFolder
from archiver.produce.writers.lines import line
from archiver.produce.writers.originals import write_files
from archiver.produce.writers.readme import readme
from archiver.produce.writers.sheet import Sheet
from archiver.produce.writers.volumes import Volumes
from schema.wire.manifest import ManifestCounts, ManifestRecord

_NUMBER = re.compile(r"[A-Z]{1,8}[0-9]{1,12}\Z")


class BadNumbering(ArchiverError):
    """The entry numbered {number} cannot follow {before}."""

    code, exit_code = "bad_numbering", 1
    hint = "Nothing was delivered. Entries come in the order of their numbers, letters before digits; report this."


@dataclass(frozen=True, slots=True)
class Plan:
    """What a production is, beside its entries.

    number, request: such as P2026-14-2 and Q2026-14.  city: as named in the PDF.  zone: the city's IANA time zone.
    seed: secret random bytes of this production, from which file ids come; the same seed gives the same package.
    public_key: Ed25519, 32 bytes; sign: makes its signature (64 bytes).  signed_at: milliseconds UTC.
    language: BCP 47.  fonts: the city's own folder, for scripts that the shipped fonts lack.
    """

    number: str
    request: str
    city: str
    zone: str
    seed: bytes
    public_key: bytes
    sign: Callable[[bytes], bytes]
    signed_at: int
    language: str = "en-US"
    fonts: Path | None = None

    @property
    def title(self) -> str:
        """What stands on every volume."""
        return f"Production {self.number}"


@dataclass(frozen=True, slots=True)
class Built:
    """What was delivered; root: hex, to be printed in the letter; bytes: of all listed files."""

    root: str
    records: int
    files: int
    bytes: int
    volumes: int
    shown_by_name: int


class Package:
    """A package under construction: `with Package(folder, plan) as package: package.add(entry) ...; package.finish()`.

    Leaving without `finish` removes what was written. Raises Refused where the folder is in use, DiskTrouble
    where the disk fails, BadNumbering, VolumeFailed, VerificationFailed.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._plan, self._folder = plan, PackageFolder(folder, plan.seed)
        self._records: list[ManifestRecord] = []
        self._before = ""
        self._finished = False

    def __enter__(self) -> Self:
        plan, folder = self._plan, self._folder
        with _disk():
            folder.begin()
            try:
                self._volumes = Volumes(
                    folder, title=plan.title, author=plan.city, language=plan.language, own_fonts=plan.fonts
                )
                sheet = folder.place("records.xlsx")
                self._sheet = Sheet(sheet, zone=plan.zone, title=plan.title, work=folder.work)
                self._lines_open = folder.new("records.jsonl")
                self._lines: HashedFile = self._lines_open.__enter__()
            except BaseException:  # nothing may stay that looks like a package
                folder.abandon()
                raise
        return self

    def add(self, entry: Entry) -> None:
        """Write one entry in every form; numbers must ascend."""
        if not _NUMBER.match(entry.number) or _order(entry.number) <= _order(self._before):
            raise BadNumbering(number=entry.number, before=self._before or "the beginning")
        self._before = entry.number
        with _disk():
            already = len(self._folder.files)
            files = write_files(self._folder, entry)
            ids = tuple(file.id for file in self._folder.files[already:])
            self._lines.write(line(produced_record(entry, files, self._plan.zone)))
            self._sheet.add(entry, files)
            self._volumes.add(entry, printed_time(entry, self._plan.zone), files)
        record = ManifestRecord(entry.number, entry.record_id, entry.version, entry.digest, ids)
        self._records.append(record)

    def finish(self) -> Built:
        """Close every form, write manifest and signature, and give the folder its name."""
        with _disk():
            self._lines_open.__exit__(None, None, None)
            self._sheet.close()
            self._folder.add_written("records.xlsx")
            self._volumes.finish()
            built = self._seal()
            self._folder.finish()
        self._finished = True
        return built

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._finished:
            return
        self._volumes.stop()
        with suppress(Exception):  # the first error is the one to tell
            self._lines_open.__exit__(None, None, None)
            self._sheet.close()
        self._folder.abandon()

    def _seal(self) -> Built:
        plan, folder = self._plan, self._folder
        text = readme(title=plan.title, request=plan.request, records=len(self._records), volumes=self._volumes.count)
        for path, content in (("README.txt", text.encode()), ("verify.py", Path(verify.__file__).read_bytes())):
            with folder.new(path) as out:
                out.write(content)
        sums = sorted(folder.files, key=lambda file: file.path)
        with folder.new("sha256sums.txt") as out:
            for file in sums:
                out.write(f"{file.sha256}  {file.path}\n".encode())
        folder.files.sort(key=lambda file: file.path)
        counts = ManifestCounts(
            records=len(self._records),
            files=len(folder.files),
            bytes=sum(file.size for file in folder.files),
            volumes=self._volumes.count,
            shown_by_name=self._volumes.shown_by_name,
        )
        with folder.place(MANIFEST).open("xb") as out:
            root = write_manifest(
                out,
                production=plan.number,
                request=plan.request,
                public_key=plan.public_key,
                counts=counts,
                records=self._records,
                files=folder.files,
            )
        signature = signed_root(
            production=plan.number, public_key=plan.public_key, root=root, signed_at=plan.signed_at, sign=plan.sign
        )
        folder.place(SIGNATURE).write_bytes(signature)
        return Built(root.hex(), counts.records, counts.files, counts.bytes, counts.volumes, counts.shown_by_name)


def build(folder: Path, plan: Plan, entries: Iterable[Entry]) -> Built:
    """Build the whole package at once; see Package for stepwise building and errors."""
    with Package(folder, plan) as package:
        for entry in entries:
            package.add(entry)
        return package.finish()


def _order(number: str) -> tuple[str, int]:
    letters = number.rstrip("0123456789")
    return letters, int(number[len(letters) :] or 0)


@contextmanager
def _disk() -> Iterator[None]:
    """Turn what the operating system refuses into a message."""
    try:
        yield
    except OSError as error:
        raise DiskTrouble(reason=error.strerror or str(error), where=str(error.filename or "")) from error
