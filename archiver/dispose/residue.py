"""Where a destroyed record may have left bytes: every file of an archive, searched in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from archiver.archive import CONFIG, Archive
from archiver.dispose import searching
from archiver.dispose.searching import Needles, Searched

__all__ = ["Needles", "Searched", "every_file", "facts_and_settings", "facts_files", "search_files", "search_steps"]


def every_file(archive: Archive) -> Iterator[Path]:
    """Every file of an archive: facts with their log, index, objects, locks, whatever lies in its folders."""
    tops = {archive.folder.resolve(), archive.vault.objects.folder.resolve(), archive.index_folder.resolve()}
    outermost = [top for top in tops if not any(other in top.parents for other in tops)]
    for top in sorted(outermost):
        yield from (path for path in sorted(top.rglob("*")) if path.is_file() and not path.is_symlink())
    away = [path for path in facts_files(archive) if not any(top in path.parents for top in outermost)]
    yield from (path for path in away if path.is_file())


def facts_files(archive: Archive) -> tuple[Path, ...]:
    """The file of the facts and those of its log, wherever they lie; none where the facts are no file of ours."""
    if not archive.database.sqlite:
        return ()
    path = Path(archive.database.url.removeprefix("sqlite:///")).resolve()
    return tuple(path.with_name(path.name + end) for end in ("", "-wal", "-shm"))


def facts_and_settings(archive: Archive) -> tuple[Path, ...]:
    """The files in which a word of a record may stand rightly: names and titles in the facts, words of config.toml."""
    return (*facts_files(archive), archive.folder / CONFIG)


def search_files(paths: Iterable[Path], needles: Needles) -> Searched:
    """Search files one after the other; returns what all of them came to.  Raises as `search_steps`."""
    found = Searched()
    for step in search_steps(paths, needles):
        found = step
    return found


def search_steps(paths: Iterable[Path], needles: Needles) -> Iterator[Searched]:
    """Search files one after the other, in another process that holds one piece in memory; yields after each.

    Raises OSError where a file cannot be read, and where that process was ended.
    """
    out = Searched()
    # -I, -S: neither variables, nor the current folder, nor site packages; it needs the standard library only.
    command = [sys.executable, "-I", "-S", "-B", str(Path(searching.__file__))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(searching.as_line(needles))
        for path in paths:
            process.stdin.write(json.dumps(str(path)) + "\n")
            process.stdin.flush()
            if not (line := process.stdout.readline()):
                raise ChildProcessError(f"the process that searches for residue was ended at {path.name}")
            searching.as_answer(line, out)
            yield out
