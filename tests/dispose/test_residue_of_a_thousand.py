"""A thousand marked records, half of them purged: a scanner of its own finds none of their words anywhere.

Not in the index's dictionary or postings, not in a byte of any file, however packed, and not behind any seal that the
master key in force opens: neither of the archive, nor of a backup that was taken before the purge.
"""

import gzip
import io
import sqlite3
import time
import zipfile
import zlib
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.contract import Page
from schema.item import Attachment, Item, Moment, Party
from schema.vocab import AddressKind, PartyRole
from tests.fixtures.due_town import DAY, LONG_AGO, DueTown
from tests.fixtures.replay import NOON, post
from tests.fixtures.residue_scan import (
    Opener,
    data_keys,
    fts5_dictionary,
    marker,
    whoosh_dictionary,
    words_below,
    words_in,
)

COUNT = 1_000
SEARCHABLE = ("body", "file", "text", "name", "mail", "talk", "head")
"""Where a word of its own stands: body, file name, attachment, party's name and address, thread title, title."""
EVERYWHERE = (*SEARCHABLE, "link")
"""And in native id and address, which are sealed or hashed, and not searched."""


def item(number: int) -> Item:
    """A record with a word of its own in each place; odd ones are long due."""
    inside = f"In the file: {marker('text', number)}. " + "Snow plow route of the season. " * 20
    attached = [Attachment(f"{marker('file', number).title()}.txt", "text/plain", inside.encode())]
    if number % 50 < 2:
        large = marker("huge", number).encode() + b" in much content. " * 5_000
        attached.append(Attachment("large.bin", "application/octet-stream", large))
    return post(
        marker("link", number),
        f"About {marker('body', number).upper()} and the plow. " + "The council met on Monday. " * 30,
        at=(LONG_AGO if number % 2 else NOON) + number * 60_000,
        title=f"Notice {marker('head', number)}",
        thread_id=f"thread-{number}",
        thread_title=f"Talk of {marker('talk', number)}",
        parties=(
            Party(PartyRole.AUTHOR, "@works@city.example", AddressKind.HANDLE, "Public Works"),
            Party(
                PartyRole.TO,
                f"{marker('mail', number)}@people.example",
                AddressKind.EMAIL,
                f"Ann {marker('name', number).title()}",
            ),
        ),
        attachments=tuple(attached),
        message_id=f"<{marker('link', number)}@city.example>",
    )


def edited(number: int) -> Item:
    """The same, edited later at its source."""
    one = item(number)
    return replace(one, text=f"{one.text} Now also {marker('edit', number)}.", raw=b"edited", edited=Moment(NOON + DAY))


def marks(numbers: range, places: tuple[str, ...] = EVERYWHERE) -> set[str]:
    """The words of records: of all places, of a second version, of a large file."""
    found = {marker(place, one) for one in numbers for place in places}
    found |= {marker("edit", one) for one in numbers if one % 10 < 2}
    return found | {marker("huge", one) for one in numbers if one % 50 < 2}


GONE, KEPT = range(1, COUNT + 1, 2), range(2, COUNT + 1, 2)


class Purged(DueTown):
    """Collected, backed up, half purged by the commands of the records officer, the master key rotated."""

    def collected(self) -> None:
        """A thousand records, of which every tenth and its neighbour are edited later."""
        numbers = range(1, COUNT + 1)
        self.items([item(one) for one in numbers])
        again = tuple(edited(one) if one % 10 < 2 else item(one) for one in numbers)
        self.script("web", Page(items=again))
        assert self.collect("web")["new_versions"] == COUNT // 5

    def backup(self) -> tuple[Opener, Path]:
        """Take a backup; returns its content, and the file of its wrapped keys."""
        store, safe = self.folder.parent / "store", self.folder.parent / "safe"
        place = Path(self.ok("backup", str(store), "--keys", str(safe))["place"])
        return Opener(place / "facts.db", store / "objects"), safe / place.name / "keys.db"

    def purge(self) -> None:
        """Propose, approve, wait, execute to the certificate."""
        assert self.ok("dispose", "propose", "short")["records"] == len(GONE)
        assert self.approve().code == 0
        self.at("2026-03-11T12:00:00-05:00")
        done = self.ok("dispose", "execute", "D1", "--expect-count", str(len(GONE)))
        assert (done["state"], done["records"]) == ("certified", len(GONE))

    def in_force(self) -> bytes:
        """The master key that config.toml names."""
        named = next(line for line in (self.folder / "config.toml").read_text().splitlines() if "file:" in line)
        return bytes.fromhex((self.folder / named.split("file:")[1].strip('"')).read_text().strip())

    def dictionary(self, engine: str) -> tuple[set[str], set[int]]:
        """The marked words of the index in use, and the documents that it has in any way."""
        if engine == "fts5":
            return fts5_dictionary(self.folder / "index" / "index.db")
        (toc,) = (self.folder / "index").rglob("_MAIN_*.toc")
        return whoosh_dictionary(toc.parent)


@pytest.mark.parametrize("engine", ["fts5", "whoosh"])
def test_nothing_is_left_of_a_purged_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    """0 of the purged words in dictionary, postings, files, archive and older backup; all of the kept ones."""
    began, town = time.monotonic(), Purged(tmp_path, monkeypatch)
    if engine != "fts5":
        town.ok("index", "use", engine)
    town.collected()
    everything, old = marks(range(1, COUNT + 1)), town.in_force()
    backup, wrapped = town.backup()
    assert town.dictionary(engine)[0] == marks(range(1, COUNT + 1), SEARCHABLE), "the scanner sees the dictionary"
    assert backup.read(data_keys(wrapped, [old]))[0] == everything, "the scanner sees what a key opens"

    town.purge()
    town.ok("key", "rotate")
    gone, kept, now = marks(GONE), marks(KEPT), town.in_force()
    assert now != old
    words, documents = town.dictionary(engine)
    assert words == marks(KEPT, SEARCHABLE), sorted(words & gone)[:5]
    assert documents == set(KEPT)
    stored, size = words_below(town.folder)
    assert stored & gone == set()
    assert stored == marks(KEPT, SEARCHABLE), "the index has all kept words, in plain sight of this scanner"
    living = data_keys(town.folder / "archive.db", [now])
    opened, payloads = Opener(town.folder / "archive.db", town.folder / "objects").read(living)
    assert opened == kept
    assert backup.read(data_keys(wrapped, [now])) == (set(), 0), "the key in force opens nothing of the older backup"
    for folder in ("store", "safe"):
        assert words_below(tmp_path / folder)[0] == set(), "a backup is sealed, and has no index"
    both = backup.read(living)[0]
    assert both == kept, "the data keys of living records open theirs in it, and no others"
    lost = (words | stored | opened | both) & gone
    print(
        f"{engine}: purged {len(lost)} of {len(gone)} markers left; kept {len(opened & kept)} of {len(kept)};"
        f" {size:,} bytes searched, {payloads:,} payloads opened, {time.monotonic() - began:.0f} s"
    )
    assert town.ok("verify")["problems"] == []


def test_the_scanner_is_not_blind(tmp_path: Path) -> None:
    """The control: a word is seen in any case and encoding, packed twice, scattered in a database, as a name."""
    said = f"x {marker('body', 7).upper()} y".encode()
    forms = {
        "plain": said,
        "utf-16-le": said.decode().encode("utf-16-le"),
        "utf-16-be": said.decode().encode("utf-16-be"),
        "gzip": b"before" + gzip.compress(said),
        "zlib": b"before" + zlib.compress(said, 1) + b"after",
        "twice": zlib.compress(gzip.compress(said)),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.txt", said)
    forms["zip"] = packed.getvalue()
    for name, data in forms.items():
        assert words_in(data) == {marker("body", 7)}, name
    with closing(sqlite3.connect(tmp_path / "some.db")) as db:
        db.execute("CREATE TABLE t (a BLOB)")
        long = b"\xff" * 4_050 + said + b"\xff" * 9_000
        for shift in range(40):
            db.execute("INSERT INTO t VALUES (?)", (long[shift:],))
        db.execute("DELETE FROM t WHERE rowid > 1")
        db.execute("INSERT INTO t VALUES (?)", (zlib.compress(marker("file", 8).encode()),))
        db.commit()
    (tmp_path / marker("name", 9)).touch()
    assert words_below(tmp_path)[0] == {marker("body", 7), marker("file", 8), marker("name", 9)}
