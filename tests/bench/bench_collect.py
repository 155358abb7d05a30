"""Collection end to end beside the bare write path, in the same run: text messages, e-mail, memory.

Run: python tests/bench/bench_collect.py [records].  Prints figures and ratios; never fails on a clock.
"""

import json
import mailbox
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from email.message import EmailMessage
from pathlib import Path
from time import perf_counter
from xml.sax.saxutils import quoteattr

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import bare_path  # noqa: E402  (the path is set above, so that the script runs from anywhere)

ENV = {**os.environ, "PYTHONPATH": str(ROOT)}


def archiver(folder: Path, *arguments: str) -> dict[str, object]:
    """Run one command as its user would; returns its JSON."""
    command = [sys.executable, "-m", "archiver", "--archive", str(folder), *arguments, "--json"]
    done = subprocess.run(command, env=ENV, check=False, stdout=subprocess.PIPE)
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def made_archive(folder: Path) -> Path:
    """A fresh archive."""
    subprocess.run([sys.executable, "-m", "archiver", "init", str(folder)], env=ENV, check=True, capture_output=True)
    return folder


def sms_backup(path: Path, count: int, own_word: str = "") -> None:
    """A phone backup of generated messages.

    own_word: each message ends with this and its number, a word that no other has.
    """
    with path.open("w", encoding="utf-8") as file:
        file.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<smses count="{count}">\n')
        for number, (_native, text, sent_at) in enumerate(bare_path.messages(count)):
            body = quoteattr(f"{text} {own_word}{number}" if own_word else text)
            file.write(
                f'<sms protocol="0" address="+1555{number % 300:07d}" date="{sent_at}" type="{1 + number % 2}" '
                f'subject="null" body={body} read="1" status="-1" locked="0" date_sent="0" sub_id="1" '
                f'readable_date="x" contact_name="Person {number % 300}" />\n'
            )
        file.write("</smses>\n")
    os.utime(path, (1_700_000_000, 1_700_000_000))


def maildir(path: Path, count: int) -> None:
    """A maildir of short mails (20 to 180 words)."""
    box = mailbox.Maildir(path)
    for number, (native, text, _sent_at) in enumerate(bare_path.messages(count)):
        mail = EmailMessage()
        mail["From"] = f"Person {number % 300} <p{number % 300}@example.org>"
        mail["To"] = "clerk@city.example.org"
        mail["Subject"] = " ".join(text.split()[:5])
        mail["Date"] = f"Mon, {1 + number % 28:02d} Jun 2026 10:{number % 60:02d}:00 -0500"
        mail["Message-ID"] = f"<{native}@example.org>"
        mail.set_content((text + "\n") * (1 + number % 5))
        box.add(mail)
    for folder in (path / "new", path / "cur"):
        os.utime(folder, (1_700_000_000, 1_700_000_000))


def collected(folder: Path, connector: str, path: Path) -> tuple[float, float]:
    """Records a second of one collection by the clock of the whole command, and its peak memory in MiB."""
    archiver(folder, "source", "add", "s", connector, "--set", f"path={path}")
    began = perf_counter()
    command = [sys.executable, "-m", "archiver", "--archive", str(folder), "collect", "s", "--json"]
    process = subprocess.Popen(command, env=ENV, stdout=subprocess.PIPE)
    out = process.stdout.read() if process.stdout else b""
    _pid, _status, usage = os.wait4(process.pid, 0)
    seconds = perf_counter() - began
    process.returncode = 0
    answer = json.loads(out)
    new = answer["captures"][0]["new_records"]
    return new / seconds, usage.ru_maxrss / 1024


def bench_sms(work: Path, count: int) -> None:
    """Text messages: ours against the bare path."""
    sms_backup(work / "sms.xml", count)
    (work / "bare").mkdir()
    bare = bare_path.write(work / "bare", count)
    ours, memory = collected(made_archive(work / "sms-city"), "sms_backup", work / "sms.xml")
    print(
        f"sms  {count:>7} records: bare write path {bare:8.0f}/s, collect to searchable {ours:8.0f}/s, "
        f"ratio {ours / bare:.2f} (aim 0.50), peak {memory:.0f} MiB"
    )


def bench_memory(work: Path, few: int, many: int) -> None:
    """Peak memory must not grow with the number of records."""
    peaks = []
    for count in (few, many):
        sms_backup(work / f"m{count}.xml", count)
        _rate, memory = collected(made_archive(work / f"m{count}-city"), "sms_backup", work / f"m{count}.xml")
        peaks.append(memory)
        shutil.rmtree(work / f"m{count}-city")
    print(f"memory: {peaks[0]:.0f} MiB at {few} records, {peaks[1]:.0f} MiB at {many}, ratio {peaks[1] / peaks[0]:.2f}")


def bench_mail(work: Path, count: int) -> None:
    """E-mail: ours against `notmuch new` on the same maildir, by the clock."""
    maildir(work / "mail", count)
    ours, memory = collected(made_archive(work / "mail-city"), "mail_files", work / "mail")
    line = f"mail {count:>7} records: collect to searchable {ours:8.0f}/s, peak {memory:.0f} MiB"
    if shutil.which("notmuch"):
        config = work / "notmuch-config"
        config.write_text(
            f"[database]\npath={work / 'mail'}\n[user]\nname=x\nprimary_email=x@example.org\n[new]\ntags=new\n"
        )
        began = perf_counter()
        subprocess.run(["notmuch", "new"], env={**ENV, "NOTMUCH_CONFIG": str(config)}, check=True, capture_output=True)
        theirs = count / (perf_counter() - began)
        line += f"; notmuch new {theirs:8.0f}/s, ratio {ours / theirs:.2f} (aim 1.00)"
    else:
        line += "; notmuch is not installed: no comparison"
    print(line)


def main() -> None:
    """Run all parts in a scratch folder."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        bench_sms(work, count)
        bench_mail(work, min(count, 20_000))
        bench_memory(work, 10_000, max(200_000, count) if count >= 50_000 else count * 4)
    print(f"this process peaked at {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
