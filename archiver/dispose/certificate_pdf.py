"""A certificate on paper: tagged PDF (PDF/UA-1) that says what certificate.json says."""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

from archiver.dispose.proposal import IN_WORDS
from archiver.paper.setting import Page, typeset
from archiver.paper.typefaces import Fonts, load
from schema.disposal_vocab import ExceptionReason

TEMPLATE = Path(__file__).with_name("certificate.typ")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
_LONG_WORD = re.compile(r"\S{15,}")
_PART = re.compile(r"[^-_:/@.]{1,12}[-_:/@.]*|[-_:/@.]+")
_KEEP = "Keep this certificate permanently."
Table = tuple[Sequence[int], Sequence[str], Sequence[Sequence[Any]]]
"""Widths, headings, rows."""


def write_pdf(body: dict[str, Any], signature: bytes, public_key: bytes, out: Path, own_fonts: Path | None) -> None:
    """Write the PDF of a certificate; body: as certificate.json says it."""
    fonts = load(own_fonts)
    opening, sections = _told(_local(body, ZoneInfo(body["time_zone"])), signature.hex(), public_key.hex())
    with TemporaryDirectory(dir=out.parent) as work:
        typeset(
            Path(work), TEMPLATE, out, fonts, lambda coverage: _data(body, opening, sections, Page(coverage), fonts)
        )


def _local(value: Any, zone: ZoneInfo) -> Any:
    """The certificate with its moments as a clock in the city showed them; certificate.json has them in UTC."""
    if isinstance(value, dict):
        return {name: _local(one, zone) for name, one in value.items()}
    if isinstance(value, list):
        return [_local(one, zone) for one in value]
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        return f"{datetime.fromisoformat(value).astimezone(zone):%Y-%m-%d %H:%M:%S %z}"
    return value


def _data(
    body: dict[str, Any], opening: Sequence[str], sections: Sequence[Any], page: Page, fonts: Fonts
) -> dict[str, Any]:
    def grid(table: Table) -> dict[str, Any]:
        widths, head, rows = table
        cells = [[{"pieces": _breakable(page, _shown(cell))} for cell in row] for row in rows]
        return {"widths": list(widths), "head": [page.pieces(one) for one in head], "rows": cells}

    return {
        "title": page.pieces(f"Certificate of {body['kind']} {body['number']}"),
        "author": page.pieces(body["city"]),
        "label": page.pieces(f"{body['number']}, {body['city']}"),
        "fonts": fonts.families,
        "opening": [page.pieces(line) for line in opening],
        "by_hand": [page.pieces(line) for line in ("Signature", "Name and title", "Date")],
        "sections": [
            {
                "heading": page.pieces(heading),
                "lines": [page.pieces(line) for line in lines],
                "tables": [grid(table) for table in tables if table[2]],
            }
            for heading, lines, tables in sections
        ],
    }


def _breakable(page: Page, text: str) -> list[Any]:
    """The pieces of a cell: between two pieces a line may end, so that no long word runs into the next column."""
    parts = _LONG_WORD.sub(lambda word: "\0".join(_PART.findall(word[0])), text).split("\0")
    return [piece for part in parts for piece in page.pieces(part)]


def _shown(value: Any) -> str:
    if value is None:
        return "not known"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _told(body: dict[str, Any], signature: str, key: str) -> tuple[list[str], list[tuple[str, list[str], list[Table]]]]:
    """Opening lines; sections: heading, lines, tables."""
    opening = [body["city"], body["statement"], f"Issued {body['issued_at']} for {body['disposition']}. {_KEEP}"]
    if body["for_tests"]:
        opening.append("Made by an archive for tests: it is no evidence of anything.")
    sections = [
        ("Schedule and series", _series(body), []),
        ("Records", _records(body), [_lines(body)]),
        ("Who decided and acted", _decisions(body), [_persons(body)]),
        ("Not destroyed with them", _exceptions(body), []),
        ("How it was done and proven", _proof(body), []),
        ("What remains elsewhere", *_remaining(body)),
        ("On paper", _paper_note(body), [_paper(body)]),
        (
            "Signature",
            [
                "certificate.json says the same for machines and is what was signed (Ed25519, RFC 8032).",
                f"Public key {key}",
                f"Signature {signature}",
                f"Approved list (SHA-256) {body['approved_list']}",
                f"Tombstones (Merkle tree root) {_shown(body['tombstones'])}",
            ],
            [],
        ),
    ]
    return opening, sections


def _series(body: dict[str, Any]) -> list[str]:
    one, schedule = body["series"], body["schedule"]
    lines = [
        f"Series {' '.join(filter(None, (one['code'], one['title'])))} ({one['key']})",
        f"Period as the schedule has it: {one['retention']}. Counted from: {one['trigger'].replace('_', ' ')}."
        f" {one['statute'] or ''}".rstrip(),
    ]
    if schedule:
        lines.append(f"{schedule['title']}, {schedule['version']}, adopted on {schedule['adopted_on']}.")
        if schedule["state_archives_told_on"]:
            lines.append(f"The State Archives were told on {schedule['state_archives_told_on']}.")
    if one["confirmed_by"]:
        lines.append(f"Confirmed by {one['confirmed_by']} on {one['confirmed_on']}: {one['confirmed_where']}.")
    return lines


def _records(body: dict[str, Any]) -> list[str]:
    lines = [f"{body['records']:,} records, {body['bytes']:,} bytes. Days and times in {body['time_zone']}."]
    lines += [
        f"Of {one['record']} only this part went: {one['role']}, {one['bytes']:,} bytes, digest {one['digest']}."
        for one in body["parts"]
    ]
    if given := body["transfer"]:
        kept = "a copy is kept here" if given["copy_kept"] else "no copy is kept here"
        lines.append(f"Handed over to {given['recipient']} ({given['acceptance']}); {kept}.")
        lines.append(f"Sent {given['sent_at']}, bag {given['bag']}.")
        lines.append(f"Received {given['receipted_at']}: {given['receipt']}.")
        if given["not_public_agreed_by"]:
            lines.append(f"{given['not_public_agreed_by']} agreed that data that are not public were sent.")
    return lines


def _lines(body: dict[str, Any]) -> Table:
    head = ("Department", "Source", "Format", "Class", "Records", "Bytes", "First", "Last", "Eligible from")
    rows = [
        (
            one["department"], one["source"], one["format"], one["classification"], one["records"], one["bytes"],
            one["first"] or "undated", one["last"] or "undated", one["due_from"],
        )
        for one in body["lines"]
    ]  # fmt: skip
    return (8, 7, 6, 8, 6, 6, 8, 8, 8), head, rows


def _decisions(body: dict[str, Any]) -> list[str]:
    lines = [f"Council resolution {body['resolution']}."] if body["resolution"] else []
    if body["orders_checked_at"]:
        lines.append(
            f"Holds ({body['holds_in_force']} in force) and open requests ({body['open_requests']}) were asked at"
            f" {body['orders_checked_at']}, and again for each record."
        )
    if body["began_at"]:
        lines.append(f"Begun {body['began_at']}, completed {_shown(body['completed_at'])}.")
    return lines


def _persons(body: dict[str, Any]) -> Table:
    rows = [
        (one["act"] + (" as deputy" if one["as_deputy"] else ""), one["name"], one["titles"], one["at"])
        for one in body["signatories"]
    ]
    return (3, 4, 5, 5), ("Act", "Name", "Title", "Time"), rows


def _exceptions(body: dict[str, Any]) -> list[str]:
    found = [f"{one['records']:,} {IN_WORDS[ExceptionReason(one['why'])]}" for one in body["exceptions"]]
    return found or ["Every record that was due went."]


def _proof(body: dict[str, Any]) -> list[str]:
    lines, proof = [body["method"]], body["proof"]
    if proof:
        lines.append(
            f"Level {proof['level']}, proven at {proof['proven_at']}: the dictionary and the postings of the index"
            f" ({proof['index']}) hold none of these records; {proof['words']} words and {proof['keys']} keys"
            f" that only these records had were searched for in {proof['files']:,} files of {proof['bytes']:,} bytes:"
            " none was found."
        )
        if proof["master_rotated"]:
            lines.append("The master key was rotated after the destruction.")
    return lines + [f"Damage elsewhere in the archive: {one}" for one in body["damage"]]


def _remaining(body: dict[str, Any]) -> tuple[list[str], list[Table]]:
    found = body["remaining"]
    tables: list[Table] = [
        (
            (5, 2, 8),
            ("Identical records kept under", "Records", "First of them"),
            [(one["series"], one["records"], one["first"]) for one in found["copies"]],
        ),
        (
            (5, 2),
            ("Production delivered", "Records"),
            [(one["number"], one["records"]) for one in found["productions"]],
        ),
        (
            (5, 2, 5),
            ("Still shown at the source", "Records", "Last seen"),
            [(one["source"], one["records"], one["last_seen"]) for one in found["sources"]],
        ),
        (
            (6, 5, 4, 4),
            ("Backup from before", "Taken", "Expires", "Its key"),
            [
                (one["place"], one["taken_at"], one["expires_on"], "in force" if one["key_in_force"] else "retired")
                for one in found["backups"]
            ],
        ),
    ]
    nothing = not any(table[2] for table in tables)
    return (["Nothing that this archive knows of."] if nothing else []), tables


def _paper_note(body: dict[str, Any]) -> list[str]:
    return [] if body["paper"] else ["None was entered."]


def _paper(body: dict[str, Any]) -> Table:
    head = ("Series", "Description", "Quantity", "From", "Until", "Destroyed on", "Entered by")
    names = ("description", "quantity", "first", "last", "destroyed_on", "entered_by")
    rows = [(named_series(body, one["series"]), *(one[name] for name in names)) for one in body["paper"]]
    return (8, 9, 6, 6, 6, 6, 6), head, rows


def named_series(body: dict[str, Any], key: str) -> str:
    """The series of a line on paper as people know it: code and title where it is the certificate's own."""
    one = body["series"]
    return " ".join(filter(None, (one["code"], one["title"]))) if key == one["key"] else key
