"""Cuts a production into PDF volumes and has each made in a process of its own, two at a time."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from archiver.errors import ArchiverError
from archiver.paper import typefaces
from archiver.produce.entry import Entry
from archiver.produce.writers.facts import facts
from archiver.produce.writers.folder import PackageFolder
from archiver.produce.writers.originals import text_path
from schema.wire.manifest import ProducedFile

RECORDS = 500
"""Records of one volume: more take gigabytes to set (10,000 in one took 2.8 GB)."""
CHARACTERS = 1_000_000
"""Characters of one volume, so that few but long records do not take gigabytes either (4,000,000 took 1.4 GB)."""
LONGEST = 200_000
"""Characters of one record on paper, about sixty pages; the rest is in its text file."""

_AT_ONCE = 2
_SECONDS = 900
_ENVIRONMENT = (
    "PATH",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "TMPDIR",
    "LD_LIBRARY_PATH",
)  # a process of strangers' text: no secrets


class VolumeFailed(ArchiverError):
    """PDF volume {volume} could not be made: {reason}"""

    code, exit_code = "volume_failed", 1
    hint = "Nothing was delivered. Build again; if it stays, report this message with the volume's number."


@dataclass(slots=True)
class _Volume:
    number: int
    folder: Path
    lines: IO[str]
    first: str
    last: str = ""
    records: int = 0
    characters: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def path(self) -> str:
        return f"pdf/volume-{self.number:04}.pdf"


class Volumes:
    """Takes entries in order, writes pdf/volume-0001.pdf and so on.

    title: of every volume, such as "Production P2026-14-2".  author: the city.  language: BCP 47, such as en-US.
    shown_by_name: characters without a glyph, complete after `finish`.
    """

    def __init__(
        self, folder: PackageFolder, *, title: str, author: str, language: str, own_fonts: Path | None
    ) -> None:
        self._folder, self._title, self._author, self._language = folder, title, author, language
        self._running: list[_Volume] = []
        self._open: _Volume | None = None
        self.count = self.shown_by_name = 0
        typefaces.save(typefaces.load(own_fonts), folder.work / "fonts.json")

    def add(self, entry: Entry, when: str, files: tuple[ProducedFile, ...]) -> None:
        """Put an entry into the open volume; when: the printed time."""
        volume = self._open or self._begin(entry.number)
        volume.lines.write(json.dumps(_on_paper(entry, when, files)) + "\n")
        volume.last, volume.records = entry.number, volume.records + 1
        volume.characters += min(len(entry.text), LONGEST)
        if volume.records >= RECORDS or volume.characters >= CHARACTERS:
            self._start(volume)

    def finish(self) -> None:
        """Wait until every volume is made; raises VolumeFailed."""
        if self._open is not None:
            self._start(self._open)
        while self._running:
            self._wait(self._running[0])

    def stop(self) -> None:
        """End the processes that still run."""
        if self._open is not None:
            self._open.lines.close()
        for volume in self._running:
            if volume.process is not None:
                volume.process.kill()
                volume.process.communicate()
        self._running.clear()

    def _begin(self, first: str) -> _Volume:
        self.count += 1
        folder = self._folder.work / f"volume-{self.count:04}"
        folder.mkdir()
        lines = (folder / "records.jsonl").open("w", encoding="ascii")
        self._open = _Volume(self.count, folder, lines, first)
        return self._open

    def _start(self, volume: _Volume) -> None:
        self._open = None
        volume.lines.close()
        while len(self._running) >= _AT_ONCE:
            self._wait(self._running[0])
        (volume.folder / "job.json").write_text(json.dumps(self._job(volume)), encoding="utf-8")
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment["PYTHONPATH"] = os.pathsep.join(part for part in sys.path if part)
        volume.process = subprocess.Popen(
            [
                sys.executable,
                "-P",  # a file in the current folder must not stand in for a module
                "-m",
                "archiver.produce.writers.volume",
                str(volume.folder.absolute()),
                str(self._folder.place(volume.path).absolute()),
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self._running.append(volume)

    def _wait(self, volume: _Volume) -> None:
        assert volume.process is not None
        try:
            _, talk = volume.process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            raise VolumeFailed(volume=volume.number, reason=f"it took longer than {_SECONDS} seconds") from None
        self._running.remove(volume)
        if volume.process.returncode:
            reason = (talk.decode("utf-8", "replace").strip() or f"exit code {volume.process.returncode}").splitlines()[
                -1
            ]
            raise VolumeFailed(volume=volume.number, reason=reason)
        self.shown_by_name += json.loads((volume.folder / "result.json").read_text(encoding="ascii"))["changed"]
        self._folder.add_written(volume.path)
        for file in volume.folder.iterdir():
            file.unlink()

    def _job(self, volume: _Volume) -> dict[str, Any]:
        span = f"{volume.first} to {volume.last}"
        language, _, region = self._language.partition("-")
        return {
            "title": f"{self._title}, volume {volume.number}: {span}",
            "author": self._author,
            "lang": language,
            "region": region or None,
            "paper": "us-letter",
            "range": span,
            "label": self._title,
            "page_word": "Page",
            "files_word": "Files",
            "end_word": f"End of volume {volume.number}",
            "end": [f"{volume.records} records, {span}."],
            "changed": "{count} characters without a printable form are shown as their name or code in square brackets;"
            " records.jsonl has them unchanged.",
        }


def _on_paper(entry: Entry, when: str, files: tuple[ProducedFile, ...]) -> dict[str, Any]:
    more = ""
    if len(entry.text) > LONGEST:
        more = f"[{len(entry.text) - LONGEST} more characters: continues in {text_path(entry.number)}]"
    title = entry.title if len(entry.title) <= 100 else entry.title[:100] + " ..."
    return {
        "heading": f"{entry.number}  {title}" if title else entry.number,
        "head": ["Record", f"{entry.record_id}, version {entry.version}"],
        "facts": facts(entry, when),
        "text": entry.text[:LONGEST],
        "more": more,
        "files": [f"{f.name} ({f.media_type}, {f.size:,} bytes): {f.path}" for f in files],
    }
