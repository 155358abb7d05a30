"""Extract the text of files in sandboxed child processes, so that no file can harm the archive or stop it."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore, Lock
from types import TracebackType
from typing import IO, Any, Self

from archiver.index.extract.child import Child, ChildError
from archiver.index.extract.contract import Extracted, ExtractOutcome, Limits

PIECE_BYTES = 1 << 20


class Extractor:
    """Reads files one after the other, or as many at once as it has workers; safe to share between threads.

    workers: child processes at most; each starts when first needed (about 0.1 s) and is reused.
    limits: what one file may cost.  ocr: also read images and scans, where tesseract is installed; slow.
    """

    def __init__(self, *, workers: int = 1, limits: Limits | None = None, ocr: bool = False) -> None:
        self._workers = max(1, workers)
        self._limits = limits or Limits()
        self._ocr = ocr
        self._idle: list[Child] = []
        self._lock = Lock()
        self._places = BoundedSemaphore(self._workers)
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child processes; a file handed over later raises ValueError."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for child in idle:
            child.end()

    def extract(self, name: str, media_type: str, content: bytes | Path) -> Extracted:
        """The text of one file; whatever the file does, this answers and raises nothing.

        name, media_type: as the source gave them, "" where unknown; the content's own signature counts first.
        content: the bytes, or a file that is read in pieces of 1 MiB.
        """
        if self._closed:
            raise ValueError("this extractor is closed; open a new one")
        if isinstance(content, bytes):
            return self._sized(name, media_type, len(content), _slices(content))
        try:
            with content.open("rb") as file:
                size = content.stat().st_size
                return self._sized(name, media_type, size, _pieces(file, size))
        except OSError as error:
            return _without(ExtractOutcome.FAILED, f"the file could not be opened ({type(error).__name__})")

    def extract_many(self, files: Iterable[tuple[str, str, bytes | Path]]) -> Iterator[Extracted]:
        """The answers for (name, media type, content) in their order; at most two files per worker are taken ahead."""
        if self._workers == 1:
            yield from (self.extract(*file) for file in files)
            return
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="extract")
        ahead: deque[Future[Extracted]] = deque()
        try:
            for file in files:
                ahead.append(pool.submit(self.extract, *file))
                if len(ahead) > 2 * self._workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _sized(self, name: str, media_type: str, size: int, pieces: Iterable[bytes | memoryview]) -> Extracted:
        if size == 0:
            return _without(ExtractOutcome.EMPTY, "the file is empty")
        if size > self._limits.input_bytes:
            return _without(ExtractOutcome.REFUSED, f"the file is larger than {self._limits.input_bytes:,} bytes")
        with self._places:
            try:
                child = self._child()
            except (OSError, ChildError) as error:
                return _without(ExtractOutcome.FAILED, f"no process to read the file could be started ({error})")
            healthy = False
            try:
                header, text = child.ask({"name": name, "media_type": media_type, "size": size}, pieces)
                answer = _answer(header, text, child.level)
                healthy = header.get("retire") is False and child.served < self._limits.documents
            except ChildError as error:
                answer = _without(ExtractOutcome.FAILED, str(error), child.level)
            except OSError as error:
                answer = _without(
                    ExtractOutcome.FAILED, f"the file could not be read ({type(error).__name__})", child.level
                )
            finally:
                self._put_back(child, healthy)
        return answer

    def _child(self) -> Child:
        with self._lock:
            idle = self._idle.pop() if self._idle else None
        if idle and idle.alive:
            return idle
        if idle:
            idle.end()
        return Child(self._limits, ocr=self._ocr)

    def _put_back(self, child: Child, healthy: bool) -> None:
        with self._lock:
            if healthy and not self._closed:
                self._idle.append(child)
                return
        child.end()


def sandbox_level(limits: Limits | None = None) -> str:
    """The measures that hold in a child on this machine, for `doctor`: "limits+network+files" is all of them.

    limits: memory, processor time, file size and processes are capped.  network: it has none.  files: it reads only
    Python and system libraries and writes nothing.  A part that is missing is not allowed here (often inside
    containers); "unavailable: ..." means that no file can be read at all.
    """
    try:
        child = Child(limits or Limits(), ocr=False)
    except (OSError, ChildError) as error:
        return f"unavailable: {error}"
    child.end()
    return child.level


def _slices(content: bytes) -> Iterator[memoryview]:
    view = memoryview(content)
    for start in range(0, len(content), PIECE_BYTES):
        yield view[start : start + PIECE_BYTES]


def _pieces(file: IO[bytes], size: int) -> Iterator[bytes]:
    while size:
        piece = file.read(min(size, PIECE_BYTES))
        if not piece:
            raise OSError("the file became shorter while it was read")
        size -= len(piece)
        yield piece


def _without(outcome: ExtractOutcome, reason: str, sandbox: str = "") -> Extracted:
    return Extracted(None, outcome, reason, None, sandbox)


def _answer(header: dict[str, Any], text: bytes, level: str) -> Extracted:
    """The child's answer as data: a child taken over by a file can say anything, so every field is checked."""
    reason, pages, truncated = header.get("reason"), header.get("pages"), header.get("truncated")
    if (
        header.get("outcome") not in list(ExtractOutcome)
        or not isinstance(reason, str)
        or not isinstance(truncated, bool)
    ):
        raise ChildError("gave an answer that makes no sense")
    outcome = ExtractOutcome(header["outcome"])
    reason = "".join(char if char.isprintable() else " " for char in reason[:500])
    pages = pages if isinstance(pages, int) and 0 <= pages < 1 << 31 else None
    found = text.decode("utf-8", "replace") if outcome is ExtractOutcome.OK else None
    return Extracted(found, outcome, reason, pages, level, truncated)
