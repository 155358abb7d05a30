"""The reader processes: what one file may cost, what they can reach, and what happens when they die."""

import contextlib
import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from archiver.index.extract.contract import ExtractOutcome, Limits
from archiver.index.extract.extractor import Extractor, sandbox_level

ROOT = Path(__file__).parents[3]


def still_reads(extractor: Extractor) -> bool:
    return extractor.extract("a.txt", "", b"still here").text == "still here"


def test_memory_is_capped() -> None:
    """A file that needs more memory than allowed fails and says so; the next one is read by a fresh process."""
    with Extractor(limits=Limits(memory_bytes=150 << 20)) as small:
        answer = small.extract("a.txt", "", b"x" * (120 << 20))
        assert answer.outcome is ExtractOutcome.FAILED
        assert "memory" in answer.reason
        assert still_reads(small)


def test_processor_time_is_capped() -> None:
    """A file that computes without end is stopped by the kernel after its seconds."""
    slow = b"{" + b",".join(b'"%d":{"x":[1.5,2.5,"abc"]}' % n for n in range(3_000_000)) + b"}"
    with Extractor(limits=Limits(cpu_seconds=1, wall_seconds=30, text_bytes=1 << 30, memory_bytes=4 << 30)) as quick:
        answer = quick.extract("a.json", "", slow)
        assert (answer.outcome, answer.reason) == (
            ExtractOutcome.FAILED,
            "the process that read the file needed more than 1 seconds of processor time",
        )
        assert still_reads(quick)


def children() -> list[int]:
    """The reader processes that run now."""
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # it may end while we look
            if "extract.worker" in " ".join(child.cmdline()):
                found.append(child.pid)
    return found


def test_a_hanging_process_is_ended() -> None:
    """A process that stops answering is killed after the wall-clock limit, and the file after it is read."""
    with Extractor(limits=Limits(wall_seconds=0.5)) as patient:
        assert still_reads(patient)
        (pid,) = children()
        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        answer = patient.extract("a.txt", "", b"x" * 5_000_000)
        assert answer.outcome is ExtractOutcome.FAILED
        assert "0.5 seconds" in answer.reason
        assert time.monotonic() - began < 3
        assert still_reads(patient)
        assert pid not in children()


def test_a_process_killed_in_the_middle_loses_one_file_only() -> None:
    """Killed while it reads, a process fails that file; killed between two files, it is replaced unnoticed."""
    with Extractor() as extractor:
        assert still_reads(extractor)
        (pid,) = children()
        os.kill(pid, signal.SIGSTOP)  # so that the file is certainly in the middle of its reading
        threading.Timer(0.3, os.kill, (pid, signal.SIGKILL)).start()
        answer = extractor.extract("a.txt", "", b"x" * 1000)
        assert (answer.outcome, answer.reason) == (
            ExtractOutcome.FAILED,
            "the process that read the file was killed from outside",
        )
        assert still_reads(extractor)
        (pid,) = children()
        os.kill(pid, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(pid)], 2)
        assert still_reads(extractor)


def test_random_kills_never_reorder_or_stop_the_run() -> None:
    """With processes killed at random, every file has its own answer in its own place: its text, or failed."""
    stop = threading.Event()

    def killer() -> None:
        chance = random.Random(7)
        while not stop.wait(chance.uniform(0.05, 0.15)):
            for pid in children()[:1]:
                os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=killer)
    thread.start()
    try:
        with Extractor(workers=2) as extractor:
            files = [(f"{n}.txt", "", f"file {n} ".encode() * 20_000) for n in range(300)]
            answers = list(extractor.extract_many(files))
    finally:
        stop.set()
        thread.join()
    assert len(answers) == 300
    for n, answer in enumerate(answers):
        assert (answer.text or "").startswith(f"file {n} ") or answer.outcome is ExtractOutcome.FAILED
    assert sum(answer.outcome is ExtractOutcome.OK for answer in answers) > 200
    assert children() == []


def test_many_keeps_order_and_takes_few_files_ahead() -> None:
    """Answers come in the order of the files although small ones finish first, and files are taken lazily."""
    taken = 0

    def files() -> Iterator[tuple[str, str, bytes]]:
        nonlocal taken
        for n in range(40):
            taken += 1
            yield f"{n}", "", f"<html><p>{n}</p>{'<i>x</i>' * (20_000 if n % 5 == 0 else 1)}".encode()

    with Extractor(workers=2) as extractor:
        answers = extractor.extract_many(files())
        assert (next(answers).text or "").startswith("0\n")
        assert taken <= 6
        assert [(answer.text or "").split()[0] for answer in answers] == [str(n) for n in range(1, 40)]


def test_processes_are_replaced_after_their_share_and_ended_at_close() -> None:
    """A process reads no more files than its share, and none outlives the extractor; a closed extractor says so."""
    extractor = Extractor(limits=Limits(documents=3))
    seen = set()
    for _ in range(9):
        assert still_reads(extractor)
        seen.update(children())
    assert len(seen) == 3
    extractor.extract("a.txt", "", b"one")
    assert len(children()) == 1
    extractor.close()
    assert children() == []
    with pytest.raises(ValueError, match="closed"):
        extractor.extract("a.txt", "", b"x")


def test_nothing_of_the_environment_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process sees no variable of ours: no key, no token, no proxy."""
    monkeypatch.setenv("ARCHIVER_MASTER_KEY", "very secret")
    with Extractor() as extractor:
        assert still_reads(extractor)
        (pid,) = children()
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    assert b"secret" not in environment
    assert {line.partition(b"=")[0] for line in environment.split(b"\0") if line} <= {
        *(b"PATH", b"LANG", b"OMP_THREAD_LIMIT", b"OPENPYXL_LXML", b"LD_LIBRARY_PATH", b"TESSDATA_PREFIX", b"LC_CTYPE"),
    }


def inside(body: str, *arguments: str) -> str:
    """What a snippet prints after it has entered the sandbox."""
    enter = "from archiver.index.extract.sandbox import enter\nfrom archiver.index.extract.contract import Limits\n"
    script = f"import sys; sys.path.append(sys.argv[1])\n{enter}enter(Limits(), children=False)\n{body}"
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", script, str(ROOT), *arguments], capture_output=True, text=True, timeout=60
    )
    assert not done.stderr
    return done.stdout.strip()


def test_the_network_is_out_of_reach() -> None:
    """Not even a server on the same machine can be reached from inside."""
    if (
        not shutil.which("unshare")
        or subprocess.run(["unshare", "-n", "-U", "-r", "true"], capture_output=True).returncode
    ):
        pytest.skip("this machine allows no network namespace")
    assert "network" in sandbox_level()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), 2).close()
        body = (
            "import socket\ntry:\n    socket.create_connection(('127.0.0.1', int(sys.argv[2])), 2)\n"
            "    print('reached')\n"
            "except OSError as error:\n    print(type(error).__name__)"
        )
        assert inside(body, str(port)) != "reached"


def test_files_of_the_machine_are_out_of_reach(tmp_path: Path) -> None:
    """From inside, a key file cannot be read and nothing can be written."""
    if ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) < 1:  # landlock_create_ruleset: asks for the version
        pytest.skip("this machine has no Landlock")
    assert "files" in sandbox_level()
    key = tmp_path / "master.key"
    key.write_text("secret")
    body = (
        "try:\n    print(open(sys.argv[2], sys.argv[3]).read())\n"
        "except OSError as error:\n    print(type(error).__name__)"
    )
    assert inside(body, str(key), "r") == "PermissionError"
    assert inside(body, str(tmp_path / "new"), "w") == "PermissionError"
    assert key.read_text() == "secret"


def test_every_answer_tells_its_sandbox() -> None:
    """The measures in force are named in each answer and are the ones that `doctor` shows."""
    level = sandbox_level()
    assert level.startswith("limits")
    with Extractor() as extractor:
        assert extractor.extract("a.txt", "", b"x").sandbox == level
