"""The files of an embedded engine: the error that says an index must be made anew, and the lock of its one writer."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archiver.errors import ArchiverError


class IndexUnusable(ArchiverError):
    """The search index in {folder} cannot be used: {reason}."""

    code, exit_code = "index_unusable", 1
    hint = "Run `archiver index rebuild`: it makes the index anew from the archive, nothing is lost."


@contextmanager
def only_writer(lock: Path) -> Iterator[None]:
    """Wait for, and hold, the lock file that lets one process write at a time (released by the kernel on a crash)."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
