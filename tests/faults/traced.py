"""Runs commands under strace, which lets one of their system calls fail or kills them there.

A process that has imported the program forks one child for each command, so that hundreds of commands cost no start;
strace attaches to the child before the command begins.
"""

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

# fmt: off
CALLS = (
    "write", "pwrite64", "writev", "pwritev", "fsync", "fdatasync", "openat", "open", "creat", "rename", "renameat",
    "renameat2", "link", "linkat", "unlink", "unlinkat", "ftruncate", "truncate", "fallocate", "mkdir", "mkdirat",
    "rmdir", "chmod", "fchmod", "fchmodat",
)
# fmt: on
"""Calls that change a file, a folder, or open something for that."""
_CALL = re.compile(r"^(\d+) +(\w+)\((.*)")
_PATH = re.compile(r'^(?:AT_FDCWD<[^>]*>, )?(?:"([^"]*)"|\d+<([^>]*)>)')
_PR_SET_PTRACER = 0x59616D61


@dataclass(frozen=True, slots=True)
class Point:
    """A call of a command: its name, the file or folder, and which call of this name (on this path) it is."""

    call: str
    path: str
    number: int
    by_path: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """How a traced command ended; code: negative for a signal.  hit: whether it met the fault."""

    code: int
    out: str
    err: str
    hit: bool = False


class Warm:
    """The process that forks commands."""

    def __init__(self, folder: Path, modules: tuple[str, ...], env: Mapping[str, str]) -> None:
        """folder: for output and logs.  modules: what a command imports."""
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.traced", str(folder), *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **env, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"},
        )

    def points(self, within: Path, *arguments: str, by_path: bool = True) -> list[Point]:
        """Run a command undisturbed; returns the calls with which its main thread changes something below a folder.

        by_path: each path has its own count; without this names may differ from run to run.
        """
        ended, log = self._run(arguments, "-y", "-e", "trace=" + ",".join(f"?{call}" for call in CALLS))
        assert ended.code == 0, ended.err
        numbers: Counter[tuple[str, str]] = Counter()
        found, main = [], log[0].split()[0]  # strace counts by thread, too
        for thread, call, shown in (match.groups() for match in map(_CALL.match, log) if match):
            named = _PATH.match(shown)
            path = (named[1] or named[2]) if named else ""
            if thread != main:
                continue
            counted = call, path if by_path else ""
            numbers[counted] += 1
            if Path(path).is_relative_to(within) and not ("open" in call and "O_RDONLY" in shown):
                found.append(Point(call, path, numbers[counted], by_path))
        return found

    def inject(self, point: Point, fault: str, *arguments: str, after: str = "") -> Ended:
        """Run a command that meets a fault at a point.

        fault: `error=EIO` or `signal=SIGKILL`.  after: "+" for every later call of this name as well.
        """
        inject = f"inject={point.call}:{fault}:when={point.number}{after}"
        where = ("-P", point.path) if point.by_path else ()
        ended, log = self._run(arguments, *where, "-e", f"trace={point.call}", "-e", inject)
        met = ended.code == -signal.SIGKILL if fault.startswith("signal") else any("(INJECTED)" in line for line in log)
        return Ended(ended.code, ended.out, ended.err, met)

    def _run(self, arguments: tuple[str, ...], *options: str) -> tuple[Ended, list[str]]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        child = self._process.stdout.readline().strip()
        log = self._folder / "log"
        strace = subprocess.run(
            ["strace", "-f", "-o", str(log), "-p", child, "-e", "signal=none", *options],
            capture_output=True,
            text=True,
            timeout=120,
        )
        if "ttached" not in strace.stderr:
            os.kill(int(child), signal.SIGKILL)
            pytest.skip(f"strace may not attach to a process here: {strace.stderr}")
        code = int(self._process.stdout.readline())
        out, err = ((self._folder / name).read_text() for name in ("out", "err"))
        return Ended(code, out, err), log.read_text().splitlines()

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=30)


@contextmanager
def warm(folder: Path, modules: tuple[str, ...], **env: str) -> Iterator[Warm]:
    """The process that forks commands, while the block runs; skips where strace is missing or may not attach."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    folder.mkdir()
    started = Warm(folder, modules, env)
    try:
        yield started
    finally:
        started.close()


def main(folder: Path, modules: list[str]) -> None:
    """Fork a child for each line on stdin; tells its process number, later its exit code."""
    for name in modules:
        import_module(name)
    from archiver.cli.main import run

    while (line := sys.stdin.readline()) and (child := os.fork()):
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    if not line:
        return
    for name, descriptor in (("out", 1), ("err", 2)):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(-1), 0, 0, 0)  # where only ancestors may trace
    status = os.open("/proc/self/status", os.O_RDONLY)
    deadline = time.monotonic() + 60
    while b"TracerPid:\t0\n" in os.pread(status, 4_096, 0):
        if time.monotonic() > deadline:
            sys.exit("nobody traces this process")
        time.sleep(0.001)
    sys.argv = ["archiver", *json.loads(line)]
    run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
