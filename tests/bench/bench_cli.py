"""How long commands take from cold: `--help`, a search, and opening a request, as a user waits for them.

Run: python tests/bench/bench_cli.py [records].  Prints medians of several runs beside a bare `python -c pass`; never
fails on a clock.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench.bench_collect import archiver, made_archive, sms_backup  # noqa: E402  (the path is set above)

ENV = {**os.environ, "PYTHONPATH": str(ROOT)}


def milliseconds(*command: str, runs: int = 7) -> float:
    """Median wall time of a command."""
    times = []
    for _ in range(runs):
        began = perf_counter()
        subprocess.run([sys.executable, *command], env=ENV, check=False, capture_output=True)
        times.append((perf_counter() - began) * 1000)
    return median(times)


def main() -> None:
    """Measure on an archive of generated messages."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        sms_backup(work / "sms.xml", count)
        city = made_archive(work / "city")
        archiver(city, "source", "add", "sms", "sms_backup", "--set", f"path={work / 'sms.xml'}")
        archiver(city, "collect", "sms")
        bare = milliseconds("-c", "pass")
        line = ("-m", "archiver", "--archive", str(city))
        print(f"python -c pass            {bare:6.0f} ms")
        print(f"archiver --help           {milliseconds('-m', 'archiver', '--help'):6.0f} ms (aim 250)")
        print(f"search, cold, {count:>7}   {milliseconds(*line, 'search', 'word77 OR word154'):6.0f} ms (aim 700)")
        print(f"search --count, cold      {milliseconds(*line, 'search', 'word77 NOT word154', '--count'):6.0f} ms")
        opening = milliseconds(*line, "request", "open", "--summary", "x", runs=3)
        print(f"request open, cold        {opening:6.0f} ms")


if __name__ == "__main__":
    main()
