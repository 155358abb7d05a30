"""Files that are text already: plain, CSV, Markdown, JSON, vCard, iCalendar."""

import json
import re
from typing import Any

from archiver.index.extract.charset import decode
from archiver.index.extract.words import Found

FOLD = re.compile(r"\r?\n[ \t]")  # RFC 5545 3.1, RFC 6350 3.2: a line break and one blank are no part of the value
ESCAPED = re.compile(r"\\([nN,;:\\])")  # the same, 3.3.11 and 3.4


def read_text(found: Found, data: bytes, media_type: str) -> None:
    """The characters as they stand."""
    found.add(decode(data, media_type))


def read_folded(found: Found, data: bytes, media_type: str) -> None:
    """vCard and iCalendar with folded lines joined and escapes resolved."""
    text = FOLD.sub("", decode(data, media_type))
    found.add(ESCAPED.sub(lambda match: "\n" if match[1] in "nN" else match[1], text))


def read_json(found: Found, data: bytes, media_type: str) -> None:
    """Keys, texts and numbers as written, escapes resolved; lines of JSON too; what is no JSON stays as it stands."""
    text = decode(data, media_type)
    try:
        _walk(found, _parse(text))
        return
    except (ValueError, RecursionError):
        pass
    for line in text.splitlines():
        try:
            value = _parse(line)
        except (ValueError, RecursionError):
            found.line(line)
        else:
            _walk(found, value)


def _parse(text: str) -> Any:
    return json.loads(text, parse_int=str, parse_float=str)  # numbers keep their digits


def _walk(found: Found, value: Any) -> None:
    rest = [value]
    while rest:
        here = rest.pop()
        if isinstance(here, dict):
            for key, inner in reversed(here.items()):
                rest += (inner, key)
        elif isinstance(here, list):
            rest += reversed(here)
        elif here is not None:
            found.line(str(here))
