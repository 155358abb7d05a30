"""Makes the folder of a demo, and replaces only a folder that a demo made."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archiver.clock import Clock, monotonic
from archiver.demo.stage import Summary
from archiver.demo.story import tell_story
from archiver.demo.telling import Commands
from archiver.errors import Refused

MARK = "made-by-archiver-demo.json"
_OTHER = "Name a new folder: `archiver demo DIR`."


@dataclass(frozen=True, slots=True)
class Demo:
    """A finished demo: its folder, its archive, what it did, seconds that it took."""

    folder: Path
    archive: Path
    summary: Summary
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """For scripts."""
        one = self.summary
        return {
            "outcome": "ok",
            "folder": str(self.folder),
            "archive": str(self.archive),
            "records": one.records[-1],
            "records_by_night": one.records,
            "searches": one.searches,
            "refused": one.refused,
            **one.facts,
            "seconds": round(self.seconds, 1),
        }


def make_demo(commands: Commands, folder: Path, *, fresh: bool, quiet: bool) -> Demo:
    """Make a sample city in a new or empty folder and lead through it.

    commands: the command line.  fresh: replace a folder that a demo made.  Raises Refused, DemoStopped.
    """
    began = monotonic()
    _prepare(folder, fresh=fresh)
    summary = tell_story(commands, folder, Clock().now(), quiet=quiet)
    made = Demo(folder, folder / "archive", summary, monotonic() - began)
    (folder / MARK).write_text(json.dumps(made.as_dict(), ensure_ascii=False, indent=1) + "\n", "utf-8")
    return made


def _prepare(folder: Path, *, fresh: bool) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / MARK).is_file():
            raise Refused(reason=f"{folder} has files that no demo made", action=_OTHER)
        if not fresh:
            raise Refused(
                reason=f"{folder} already has a sample city",
                action="Use it, or replace it with `archiver demo --fresh`.",
            )
        shutil.rmtree(folder)
    elif folder.exists() and not folder.is_dir():
        raise Refused(reason=f"{folder} is a file", action=_OTHER)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text('{"outcome": "unfinished"}\n', "utf-8")
