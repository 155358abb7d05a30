"""What a child process gives up before it reads the first byte of a stranger's file (not on Linux: limits alone)."""

import ctypes
import os
import resource
import struct
import sys
from math import ceil
from time import process_time

from archiver.index.extract.contract import Limits

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000  # linux/sched.h
PR_SET_NO_NEW_PRIVS = 38  # linux/prctl.h
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # landlock(7); one number on every architecture
READ_FILE, READ_DIR, WRITE_FILE = 1 << 2, 1 << 3, 1 << 1
ABI_ACCESS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # kinds of file access that each version of Landlock knows; newer as 5
SYSTEM = ("/usr", "/lib", "/lib64", "/nix/store", "/etc/mime.types", "/etc/ld.so.cache", "/dev/null", "/dev/urandom")


def enter(limits: Limits, *, children: bool) -> str:
    """Give up network, files and resources for good; returns the measures in force, such as "limits+network+files".

    limits: memory_bytes is used here; the seconds are set per file by `allow_seconds`.  children: whether the process
    may start others (OCR).  "network": its own empty network namespace, unshare(2).  "files": it reads only Python,
    libraries and system data, and writes nothing, landlock(7).  What the system does not allow is left out of the
    answer, never an error.
    """
    measures = ["limits"]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 or libc.unshare(CLONE_NEWNET) == 0:
            measures.append("network")
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if _close_files(libc):
            measures.append("files")
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NOFILE, 64)
    if not children:
        _lower(resource.RLIMIT_NPROC, 0)
    _lower(resource.RLIMIT_AS, limits.memory_bytes)
    return "+".join(measures)


def allow_seconds(seconds: int) -> None:
    """Let the process compute for so many more seconds; the kernel then ends it with SIGXCPU."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    wanted = ceil(process_time()) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _lower(which: int, value: int) -> None:
    _soft, hard = resource.getrlimit(which)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))


def _close_files(libc: ctypes.CDLL) -> bool:
    abi = libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if abi < 1:
        return False
    handled = (1 << ABI_ACCESS.get(abi, 16)) - 1
    # Since version 4 also TCP, since 6 abstract sockets and signals: a second lock where namespaces are forbidden.
    attributes = struct.pack("=QQQ", handled & ~1, 3, 3)[: 8 if abi < 4 else 16 if abi < 6 else 24]
    ruleset = libc.syscall(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    for path in {*SYSTEM, *sys.path, *libraries, sys.prefix, sys.base_prefix, os.environ.get("TESSDATA_PREFIX", "")}:
        _allow(libc, ruleset, path)
    closed: bool = libc.syscall(RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return closed


def _allow(libc: ctypes.CDLL, ruleset: int, path: str) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    access = READ_FILE | READ_DIR if os.path.isdir(path) else READ_FILE
    if path == "/dev/null":
        access |= WRITE_FILE
    libc.syscall(ADD_RULE, ruleset, 1, struct.pack("=Qi", access, handle), 0)
    os.close(handle)
