"""The sandboxed child process: reads files from standard input, one after the other, and answers with data."""

import json
import os
import sys
from importlib import import_module
from struct import Struct
from typing import Any

from archiver.index.extract.contract import ExtractOutcome, Limits, NoTextError
from archiver.index.extract.sandbox import allow_seconds, enter
from archiver.index.extract.sniff import sniff
from archiver.index.extract.words import Found, FullError

LENGTHS = Struct(">II")


def main(order: str) -> None:
    """Enter the sandbox, say which measures hold, then read files until the archive closes the pipe.

    order: JSON with the limits and whether OCR is asked for.
    """
    asked = json.loads(order)
    limits = Limits(**asked["limits"])
    answers = os.dup(1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)  # what a parser prints must not become part of an answer
    level = enter(limits, children=asked["ocr"])
    _send(answers, {"sandbox": level}, [])
    while lengths := sys.stdin.buffer.read(LENGTHS.size):
        header_bytes, size = LENGTHS.unpack(lengths)
        header = json.loads(sys.stdin.buffer.read(header_bytes))
        allow_seconds(limits.cpu_seconds)
        answer, chunks = read_file(header["name"], header["media_type"], size, limits, ocr=asked["ocr"])
        _send(answers, answer, chunks)


def read_file(
    name: str, media_type: str, size: int, limits: Limits, *, ocr: bool
) -> tuple[dict[str, Any], list[bytes]]:
    """Read one file of so many bytes from standard input; every fault of a parser becomes an outcome.

    retire: whether the process should be replaced, because memory ran out in the middle of a library's work.
    """
    found = Found(limits, ocr, read_inside)
    outcome, reason, truncated, retire = ExtractOutcome.OK, "", False, False
    try:
        _dispatch(found, name, media_type, sys.stdin.buffer.read(size))
    except NoTextError as error:
        outcome, reason = error.outcome, error.reason
    except FullError:
        truncated = True
        found.note(f"only the first {limits.text_bytes:,} bytes of its text are kept")
    except MemoryError:
        retire, outcome, reason = True, ExtractOutcome.FAILED, "needs more memory than one file may have"
    except RecursionError:
        outcome, reason = ExtractOutcome.FAILED, "nested too deeply to be read"
    except Exception as error:  # noqa: BLE001  (strangers' files make parsers raise anything; the class name alone holds no content)
        outcome, reason = ExtractOutcome.FAILED, f"could not be read ({type(error).__name__})"
    if outcome is ExtractOutcome.OK:
        reason = "; ".join(found.notes)
        if not found.any:
            outcome, reason = ExtractOutcome.EMPTY, reason or "no text in it"
    chunks = found.chunks if outcome is ExtractOutcome.OK else []
    return {
        "outcome": outcome,
        "reason": reason[:500],
        "pages": found.pages,
        "truncated": truncated,
        "retire": retire,
    }, chunks


def read_inside(found: Found, name: str, media_type: str, data: bytes) -> None:
    """Read a file found inside another one; what has no text is noted, the rest goes on."""
    found.line(name)
    if found.depth >= found.limits.depth:
        found.note("files nested too deeply inside are not read")
        return
    if not data:
        return
    found.depth += 1
    pages = found.pages
    try:
        _dispatch(found, name, media_type, data)
        found.add("\n")
    except NoTextError:
        found.note("a file inside it has no searchable text")
    except (FullError, MemoryError):
        raise
    except Exception:  # noqa: BLE001  (one bad attachment must not hide the letter around it)
        found.note("a file inside it could not be read")
    finally:
        found.depth -= 1
        found.pages = pages


def _dispatch(found: Found, name: str, media_type: str, data: bytes) -> None:
    module, function = sniff(name, media_type, data).value
    reader = getattr(import_module(f"archiver.index.extract.readers.{module}"), function)
    reader(found, data, media_type)


def _send(answers: int, header: dict[str, Any], chunks: list[bytes]) -> None:
    encoded = json.dumps(header).encode()
    pieces = [LENGTHS.pack(len(encoded), sum(map(len, chunks))), encoded, *chunks]
    with os.fdopen(os.dup(answers), "wb") as out:
        out.writelines(pieces)
