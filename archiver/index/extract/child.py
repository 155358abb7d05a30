"""The archive's end of one sandboxed child process: start it, hand it a file, take the answer, end it."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from struct import Struct
from time import monotonic
from typing import Any

from archiver.index.extract.contract import Limits

START_SECONDS = 20.0  # a busy machine may take long to start Python; a document's own time begins after it
HEADER_BYTES = 64 * 1024
LENGTHS = Struct(">II")
ROOT = str(Path(__file__).parents[3])
START = "import sys; sys.path.append(sys.argv[1]); from archiver.index.extract.worker import main; main(sys.argv[2])"
KEPT = (
    "LD_LIBRARY_PATH",
    "TESSDATA_PREFIX",
)  # what Python and tesseract may need to start; nothing else of the environment passes


class ChildError(Exception):
    """The process that read the file {detail}."""

    def __init__(self, detail: str) -> None:
        """detail: what became of the process, as the end of the sentence above."""
        super().__init__(f"the process that read the file {detail}")


class Child:
    """One running reader process; any `ChildError` leaves it unusable, to be ended."""

    def __init__(self, limits: Limits, *, ocr: bool) -> None:
        """Start the process and wait until it is sandboxed; raises ChildError or OSError where it cannot start."""
        self._limits = limits
        self.served = 0
        order = json.dumps({"limits": asdict(limits), "ocr": ocr})
        # -I: no PYTHON* variable, no user site, no current directory; -B: the sandbox cannot write byte code anyway.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-c", START, ROOT, order],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            start_new_session=True,
            env={
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "LANG": "C.UTF-8",
                "OMP_THREAD_LIMIT": "1",
                "OPENPYXL_LXML": "False",
            }
            | {name: os.environ[name] for name in KEPT if name in os.environ},
        )
        assert self._process.stdin and self._process.stdout
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)
        try:
            self.level = str(self._answer(monotonic() + START_SECONDS)[0].get("sandbox", ""))
        except BaseException:
            self.end()
            raise

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def ask(self, header: dict[str, Any], content: Iterable[bytes | memoryview]) -> tuple[dict[str, Any], bytes]:
        """Hand over one file in pieces and wait for the answer: its header and the UTF-8 text; raises ChildError."""
        deadline = monotonic() + self._limits.wall_seconds
        self.served += 1
        encoded = json.dumps(header).encode()
        self._send(LENGTHS.pack(len(encoded), header["size"]) + encoded, deadline)
        for piece in content:
            self._send(piece, deadline)
        return self._answer(deadline)

    def end(self) -> None:
        """Kill the process and what it started, and wait for it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self._process.wait()

    def _answer(self, deadline: float) -> tuple[dict[str, Any], bytes]:
        header_bytes, text_bytes = LENGTHS.unpack(self._receive(LENGTHS.size, deadline))
        if header_bytes > HEADER_BYTES or text_bytes > self._limits.text_bytes:
            raise ChildError("gave an answer that is too long")
        try:
            header = json.loads(self._receive(header_bytes, deadline))
        except ValueError as error:
            raise ChildError("gave an answer that makes no sense") from error
        if not isinstance(header, dict):
            raise ChildError("gave an answer that makes no sense")
        return header, self._receive(text_bytes, deadline)

    def _send(self, piece: bytes | memoryview, deadline: float) -> None:
        rest = memoryview(piece)
        while rest:
            self._wait(self._to, select.POLLOUT, deadline)
            try:
                rest = rest[os.write(self._to, rest) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise ChildError(self._death()) from error

    def _receive(self, size: int, deadline: float) -> bytes:
        pieces = bytearray()
        while len(pieces) < size:
            self._wait(self._from, select.POLLIN, deadline)
            try:
                piece = os.read(self._from, min(size - len(pieces), 1 << 20))
            except BlockingIOError:
                continue
            if not piece:
                raise ChildError(self._death())
            pieces += piece
        return bytes(pieces)

    def _wait(self, pipe: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(pipe, event)
        if not poll.poll(max(0.0, deadline - monotonic()) * 1000):
            raise ChildError(f"gave no answer within {self._limits.wall_seconds:g} seconds")

    def _death(self) -> str:
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return "closed its answer and hung"
        if code == -signal.SIGXCPU:
            return f"needed more than {self._limits.cpu_seconds} seconds of processor time"
        if code == -signal.SIGKILL:
            return "was killed from outside"
        return f"crashed ({signal.Signals(-code).name})" if code < 0 else f"ended early (code {code})"
