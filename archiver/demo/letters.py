"""The mail of Lakewood Falls: one mbox for each department, single .eml files of the clerk."""

import mailbox
import os
from collections.abc import Iterable
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from archiver.demo.city import DOMAIN, ZONE, Calendar, Someone, content, people, routine
from archiver.demo.papers import media_type, paper

CLERK = "clerk"
_FIRST = ("Alma", "Bo", "Carmen", "Dag", "Esi", "Farah", "Gus", "Hoa")
_LAST = ("Lakesmith", "Ostergren", "Palmquist", "Reyes-Holm", "Thao-Berg")


def write_mail(folder: Path, calendar: Calendar) -> int:
    """Write all mail of the first night below a folder; returns how many mails there are."""
    entries = content("mails")
    sent = [one for thread in entries["thread"] for one in _thread(thread, calendar)]
    sent += [one for series in entries["routine"] for one in _series(series, calendar)]
    sent.sort(key=lambda one: one[0])
    folder.mkdir(parents=True)
    (folder / CLERK).mkdir()
    boxes: dict[str, mailbox.mbox] = {}
    for at, box, mail in sent:
        if box == CLERK:
            _single(folder, at, mail)
            continue
        if box not in boxes:
            boxes[box] = mailbox.mbox(folder / f"{box}.mbox")
        boxes[box].add(_in_mbox(mail, at))
    for name, one in boxes.items():
        one.close()
        _age(folder / f"{name}.mbox", calendar)
    return len(sent)


def change_mail(folder: Path, calendar: Calendar) -> int:
    """What happens to the mail before the second night: one is removed, new ones come; returns how many came."""
    automatic = [one for one in sorted((folder / CLERK).iterdir()) if b"old-newsletter-list" in one.read_bytes()]
    automatic[0].unlink()
    new = [one for thread in content("mails")["second"] for one in _thread(thread, calendar)]
    for at, _box, mail in new:
        _single(folder, at, mail)
    return len(new)


def _single(folder: Path, at: int, mail: EmailMessage) -> None:
    name = str(mail["Message-ID"]).strip("<>").partition("@")[0]
    path = folder / CLERK / f"{at // 1000}-{name}.eml"
    path.write_bytes(mail.as_bytes())
    os.utime(path, (at / 1000, at / 1000))


def _age(path: Path, calendar: Calendar) -> None:
    """Make a file look as old as it would be, since a connector waits for files that are still being written."""
    os.utime(path, ((calendar.now - 3_600_000) / 1000,) * 2)


def _in_mbox(mail: EmailMessage, at: int) -> mailbox.mboxMessage:
    kept = mailbox.mboxMessage(mail)
    kept.set_from("MAILER-DAEMON", datetime.fromtimestamp(at / 1000, ZoneInfo("UTC")).timetuple())
    return kept


def _thread(thread: dict[str, Any], calendar: Calendar) -> Iterable[tuple[int, str, EmailMessage]]:
    before: list[str] = []
    slug = "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in thread["subject"].lower()).split())[:40]
    for number, entry in enumerate(thread["mail"], 1):
        at = calendar.moment(entry["days"], entry["at"])
        subject = thread["subject"] if number == 1 else f"Re: {thread['subject']}"
        mail = _mail(entry, subject, at, f"<{slug}.{number}@{DOMAIN}>", before)
        for name in entry.get("attach", ()):
            main, _, sub = media_type(name).partition("/")
            mail.add_attachment(paper(name), maintype=main, subtype=sub, filename=name)
        before.append(str(mail["Message-ID"]))
        yield at, thread["box"], mail


def _series(series: dict[str, Any], calendar: Calendar) -> Iterable[tuple[int, str, EmailMessage]]:
    for days, words in routine(series):
        at = calendar.moment(days, f"{6 + int(words['n']) % 12:02}:{int(words['n']) * 7 % 60:02}")
        entry = {**series, "text": series["text"].format(**words)}
        name = f"<{series['from']}-{series['first']}.{words['n']}@{DOMAIN}>"
        yield at, series["box"], _mail(entry, series["subject"].format(**words), at, name, [])


def _mail(entry: dict[str, Any], subject: str, at: int, name: str, before: list[str]) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = _named(people()[entry["from"]])
    mail["To"] = ", ".join(_addresses(entry["to"]))
    if entry.get("cc"):
        mail["Cc"] = ", ".join(_addresses(entry["cc"]))
    mail["Subject"] = subject
    mail["Date"] = format_datetime(datetime.fromtimestamp(at / 1000, ZoneInfo(ZONE)))
    mail["Message-ID"] = name
    if before:
        mail["In-Reply-To"] = before[-1]
        mail["References"] = " ".join(before)
    mail.set_content(entry["text"].strip() + "\n")
    return mail


def _addresses(keys: Iterable[str]) -> list[str]:
    found = []
    for key in keys:
        found += _residents() if key == "residents" else [_named(people()[key])]
    return found


def _residents() -> list[str]:
    """The recipient list of a notice."""
    names = [f"{first} {last}" for last in _LAST for first in _FIRST]
    return [f"{name} <{name.lower().replace(' ', '.')}@otterpoint.example.org>" for name in names]


def _named(one: Someone) -> str:
    return f"{one.name} <{one.mail}>"
