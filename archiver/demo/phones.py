"""Backups of three phones, as the app "SMS Backup & Restore" writes them (its fields: connectors/sms_backup)."""

import base64
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from archiver.demo.city import Calendar, content, people, routine
from archiver.demo.papers import media_type, paper

_OWN = "insert-address-token"
_CALL_TYPES = {"in": "1", "out": "2", "missed": "3"}


def write_phone(folder: Path, phone: str, calendar: Calendar, *, second: bool = False) -> None:
    """Write the backup of a phone into a folder; second: a later one, which repeats all and has what came since."""
    entry = content("texts")[phone]
    rows = list(_rows(entry, calendar))
    if second:
        rows += _rows(content("texts")["second"], calendar)
    rows.sort(key=lambda one: one[0])
    number = 2 if second else 1
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / f"sms-{number}.xml", "smses", [text for _, text in rows], calendar)
    calls = [_call(one, calendar) for one in entry.get("call", ())]
    if calls and not second:
        _write(folder / "calls-1.xml", "calls", calls, calendar)


def _write(path: Path, root: str, rows: list[str], calendar: Calendar) -> None:
    head = f"<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>\n<{root} count=\"{len(rows)}\">\n"
    path.write_text(head + "".join(rows) + f"</{root}>\n", "utf-8")
    os.utime(path, ((calendar.now - 3_600_000) / 1000,) * 2)


def _rows(entry: dict[str, Any], calendar: Calendar) -> Iterator[tuple[int, str]]:
    for thread in entry["thread"]:
        for text in thread["texts"]:
            at = calendar.moment(text["days"], text["at"])
            plain = len(thread["with"]) == 1 and "picture" not in text
            yield at, _sms(thread["with"][0], text, at) if plain else _mms(thread["with"], text, at)
    for series in entry.get("routine", ()):
        for days, words in routine(series):
            at = calendar.moment(days, f"{8 + int(words['n']) % 9:02}:{int(words['n']) * 11 % 60:02}")
            yield at, _sms(series["with"][0], {"way": "out", "text": words["texts"].format(**words)}, at)


def _sms(other: str, text: dict[str, Any], at: int) -> str:
    who = people()[other]
    return "  " + _tag(
        "sms",
        protocol="0",
        address=who.phone,
        date=at,
        type="1" if text["way"] == "in" else "2",
        subject="null",
        body=text["text"],
        read="1",
        status="-1",
        contact_name=who.name,
    )


def _mms(others: list[str], text: dict[str, Any], at: int) -> str:
    numbers = [people()[one].phone for one in others]
    coming = text["way"] == "in"
    sender = people()[text.get("from", others[0])].phone if coming else _OWN
    box, kind = ("1", "132") if coming else ("2", "128")
    head = _tag("mms", "", date=at, msg_box=box, address="~".join(numbers), m_type=kind, sub="null")
    parts = [_tag("part", seq=0, ct="text/plain", name="null", chset="106", text=text["text"])]
    if name := text.get("picture"):
        data = base64.b64encode(paper(name)).decode()
        parts.append(_tag("part", seq=1, ct=media_type(name), name=name, cl=name, text="null", data=data))
    to = [one for one in (*numbers, _OWN) if one != sender]
    sides = [_tag("addr", address=sender, type="137", charset="106")]
    sides += [_tag("addr", address=one, type="151", charset="106") for one in to]
    return f"  {head}<parts>{''.join(parts)}</parts><addrs>{''.join(sides)}</addrs></mms>\n"


def _call(entry: dict[str, Any], calendar: Calendar) -> str:
    who = people()[entry["with"]]
    return "  " + _tag(
        "call",
        number=who.phone,
        duration=entry["seconds"],
        date=calendar.moment(entry["days"], entry["at"]),
        type=_CALL_TYPES[entry["way"]],
        presentation="1",
        contact_name=who.name,
    )


def _tag(name: str, end: str = "/", /, **attributes: object) -> str:
    written = "".join(f" {key}={_quoted(str(value))}" for key, value in attributes.items())
    return f"<{name}{written}{' ' if end else ''}{end}>" + ("\n" if name in ("sms", "call") else "")


def _quoted(value: str) -> str:
    """An attribute's value with emoji as the app writes them: two references, one for each half of the pair."""
    return "".join(_halves(char) if ord(char) > 0xFFFF else char for char in quoteattr(value))


def _halves(char: str) -> str:
    pair: Iterable[bytes] = (char.encode("utf-16-be")[:2], char.encode("utf-16-be")[2:])
    return "".join(f"&#{int.from_bytes(half, 'big')};" for half in pair)
