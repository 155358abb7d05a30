"""Runs the real commands in this process and tells what they did, in colour on a terminal."""

import json
import os
import shlex
import sys
import textwrap
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from archiver.errors import ArchiverError

Commands = Callable[[list[str]], int]
"""The command line: arguments to exit code."""

WIDTH = 110


class DemoStopped(ArchiverError):
    """The demo stopped at `archiver {command}`, which ended with {code} instead of {expected}: {said}"""

    code, hint = "demo_stopped", "This is a fault of the program or of this machine; `archiver doctor` examines both."


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


class Telling:
    """Tells the story; quiet: only runs it."""

    def __init__(self, commands: Commands, archive: Path, *, quiet: bool) -> None:
        self.archive = archive
        self._commands, self._quiet = commands, quiet
        self._step = 0
        self._colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ and not quiet

    def step(self, title: str, text: str = "") -> None:
        """Begin a part of the story."""
        self._step += 1
        self._write("")
        self._write(f"{self._step}. {title}", "bold cyan")
        if text:
            self.say(text)

    def say(self, text: str, style: str = "") -> None:
        """Say something in the demo's own words."""
        for line in textwrap.wrap(" ".join(text.split()), WIDTH - 3):
            self._write(f"   {line}", style)

    def run(
        self,
        command: str,
        *arguments: str,
        expect: int = 0,
        talk: bool = True,
        secret: str | None = None,
        silent: bool = False,
    ) -> Ran:
        """Run a command and show it with its output.

        command: words separated by spaces; arguments: more words, as they are.  expect: the exit code; another one
        stops the demo.  talk: whether what it says on stderr is shown.  secret: a password, given by file descriptor.
        silent: show nothing.
        """
        words = [*command.split(), *arguments]
        ran = self._ran(words, secret)
        if ran.code != expect:
            said = ran.err.strip().splitlines() or ran.out.strip().splitlines() or [""]
            raise DemoStopped(command=" ".join(words), code=ran.code, expected=expect, said=said[-1])
        if not silent:
            self._show(words, ran, talk=talk or expect != 0)
        return ran

    def ask(self, command: str, *arguments: str) -> dict[str, Any]:
        """Run a command with --json, unseen; returns its object."""
        found: dict[str, Any] = json.loads(self.run(command, *arguments, "--json", silent=True).out)
        return found

    def _ran(self, arguments: list[str], secret: str | None) -> Ran:
        out, err = StringIO(), StringIO()
        reading = None
        if secret is not None:
            reading, writing = os.pipe()
            os.write(writing, f"{secret}\n".encode())
            os.close(writing)
            arguments = [*arguments, "--password-fd", str(reading)]
        try:
            with redirect_stdout(out), redirect_stderr(err):
                code = self._commands(["--archive", str(self.archive), *arguments])
        finally:
            if reading is not None:
                os.close(reading)
        return Ran(code, out.getvalue(), err.getvalue())

    def _show(self, words: list[str], ran: Ran, *, talk: bool) -> None:
        self._write(f"   $ archiver {shlex.join(words)}", "green")
        for line in _aligned(ran.out) + (ran.err.splitlines() if talk else []):
            self._write(f"     {line}", "red" if ran.code else "")

    def _write(self, line: str, style: str = "") -> None:
        if self._quiet:
            return
        if not self._colour:
            sys.stdout.write(line + "\n")
            return
        from rich.console import Console
        from rich.text import Text

        Console(highlight=False, soft_wrap=True).print(Text(line, style=style))


def _aligned(text: str) -> list[str]:
    """Lines of a table with their columns under each other."""
    lines = text.splitlines()
    rows = [line.split("\t") for line in lines]
    if not any(len(row) > 1 for row in rows):
        return lines
    widths: dict[int, int] = {}
    for row in rows:
        for number, cell in enumerate(row):
            widths[number] = max(widths.get(number, 0), len(cell))
    return ["  ".join(cell.ljust(widths[number]) for number, cell in enumerate(row)).rstrip() for row in rows]
