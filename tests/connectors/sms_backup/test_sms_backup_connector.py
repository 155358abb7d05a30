"""Files, folders and zips of backups: what is read, what is read again, and what is refused."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from connectors.conformance import Scenario, check_connector, make_context
from connectors.contract import Cursor, Page, Window
from connectors.errors import Misconfigured
from connectors.sms_backup import connector as module
from connectors.sms_backup.connector import CONNECTOR
from schema.item import Blob, Item, Unreadable

LATER = 1_900_000_000_000
FORMER = 1_600_000_000
ROOT = Path(__file__).resolve().parents[3]
SAMPLES = Path(os.environ.get("ARCHIVER_SHARED", ROOT.parent / "shared")) / "data" / "sms"
DAY = 86_400_000
START = 1_600_000_000_000


def sms(number: int) -> str:
    """Write message number n, of day n."""
    return f'<sms address="+16125550123" date="{START + number * DAY}" type="1" body="message {number}" />'


def backup(numbers: range, count: int | None = None) -> str:
    """Write a backup of some messages."""
    rows = "\n  ".join(map(sms, numbers))
    return f'<?xml version="1.0"?>\n<smses count="{len(numbers) if count is None else count}">\n  {rows}\n</smses>\n'


def write(path: Path, content: str | bytes, when: int = FORMER) -> Path:
    """Write a file that was finished long ago."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.utime(path, (when, when))
    return path


def pull(path: Path, cursor: Cursor | None = None, window: Window | None = None) -> list[Page]:
    """Read a path to its end, the cursor having gone through JSON."""
    saved = None if cursor is None else json.loads(json.dumps(cursor))
    context = make_context({"path": str(path)}, now=LATER)
    return list(CONNECTOR().pull(context, saved, window or Window()))


def texts(pages: list[Page]) -> list[str]:
    """Return the messages' texts."""
    return [item.text for page in pages for item in page.items if isinstance(item, Item)]


def test_conformance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with two overlapping backups, one of them cut short, keeps the contract of connectors."""
    monkeypatch.setattr(module, "PAGE_ITEMS", 7)
    write(tmp_path / "sms-1.xml", backup(range(40)))
    write(tmp_path / "sms-2.xml", backup(range(60))[:-100])
    scenario = Scenario({"path": str(tmp_path)}, now=LATER, least_items=58)
    assert check_connector(CONNECTOR, scenario) == []


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the shared sample files are not here")
def test_samples_of_others() -> None:
    """The minimal files that another project wrote are read without a warning: a call, a picture message, a text."""
    pages = pull(SAMPLES)
    items = [item for page in pages for item in page.items if isinstance(item, Item)]
    assert [item.text for item in items] == ["", "Hello from MMS!", "Happy New Year! This is a test message."]
    assert [len(item.attachments) for item in items] == [0, 1, 0]
    assert [page.warnings for page in pages] == [()] * 3
    assert check_connector(CONNECTOR, Scenario({"path": str(SAMPLES)}, now=LATER, least_items=3)) == []


def test_finished_files_are_not_read_again(tmp_path: Path) -> None:
    """An unchanged file is skipped, a changed one read again, a new one read; nothing is called complete or gone."""
    path = write(tmp_path / "a.xml", backup(range(3)))
    pages = pull(tmp_path)
    cursor = pages[-1].next_cursor
    assert pull(tmp_path, cursor) == []
    write(tmp_path / "b.xml", backup(range(2, 4)))
    assert texts(pull(tmp_path, cursor)) == ["message 2", "message 3"]
    write(path, backup(range(4)))
    assert len(texts(pull(tmp_path, cursor))) == 6
    assert all(page.complete is None and page.gone == () for page in pages)


def test_a_killed_run_goes_on_inside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From any page's cursor the rest comes, no row twice, with the same ids, lines and warnings."""
    monkeypatch.setattr(module, "PAGE_ITEMS", 5)
    content = backup(range(23), count=99).replace(sms(10), sms(9)).replace(sms(16), sms(16)[:40])
    content = content.replace("message 21", "&#55357; message 21").replace("message 3", "&#0;")
    path = write(tmp_path / "a.xml", content)
    whole = pull(path)
    things = [item for page in whole for item in page.items]
    assert len({item.native_id for item in things}) == 23
    assert sum(isinstance(item, Unreadable) for item in things) == 1
    assert len(whole[-1].warnings) == 3
    assert "99 messages or calls; it holds 22" in whole[-1].warnings[0]
    for number, page in enumerate(whole[:-1]):
        rest = pull(path, page.next_cursor)
        assert rest == whole[number + 1 :]


def test_a_file_changed_under_way_is_read_from_its_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bookmark inside a file is worth nothing once the file is another."""
    monkeypatch.setattr(module, "PAGE_ITEMS", 5)
    path = write(tmp_path / "a.xml", backup(range(20)))
    cursor = pull(path)[1].next_cursor
    write(path, backup(range(100, 120)))
    assert texts(pull(path, cursor)) == [f"message {number}" for number in range(100, 120)]


def test_window(tmp_path: Path) -> None:
    """Rows outside of the window are left out; a later, wider window has them read, a narrower one nothing."""
    path = write(tmp_path / "a.xml", backup(range(10)).replace(f'"{START + 4 * DAY}"', '"null"'))
    narrow = Window(START + 3 * DAY, START + 6 * DAY)
    pages = pull(path, window=narrow)
    assert texts(pages) == ["message 3", "message 4", "message 5"]
    cursor = pages[-1].next_cursor
    assert pull(path, cursor, narrow) == []
    assert pull(path, cursor, Window(START + 4 * DAY, START + 6 * DAY)) == []
    assert len(texts(pull(path, cursor, Window(START + 2 * DAY, START + 6 * DAY)))) == 4
    assert len(texts(pull(path, cursor))) == 10
    assert pull(path, pull(path)[-1].next_cursor, narrow) == []


def test_zip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Backups in a zip are read like files, with large media, and gone on with inside of a member."""
    monkeypatch.setattr(module, "PAGE_ITEMS", 5)
    media = "QUJD" * 2_000_000
    large = f'<mms date="{START}" msg_box="1" address="1"><parts><part ct="a/b" data="{media}"/></parts></mms>'
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("sms.xml", backup(range(12)).replace(sms(7), large).replace(sms(9), large + large))
        archive.writestr("photo.jpg", b"\xff\xd8")
        archive.writestr("calls.xml", '<calls count="1"><call number="1" date="5" type="1"/></calls>')
    os.utime(tmp_path / "a.zip", (FORMER, FORMER))
    pages = pull(tmp_path / "a.zip")
    items = [item for page in pages for item in page.items if isinstance(item, Item)]
    assert len(items) == 14
    media_found = [file.content for item in items for file in item.attachments]
    assert [content.size for content in media_found if isinstance(content, Blob)] == [6_000_000] * 3
    assert items[-1].provenance.position == "a.zip!/calls.xml:1"
    assert all(page.warnings == () or "says that it holds" in page.warnings[0] for page in pages)
    for number, page in enumerate(pages[:-1]):
        assert pull(tmp_path / "a.zip", page.next_cursor) == pages[number + 1 :]
    assert pull(tmp_path / "a.zip", pages[-1].next_cursor) == []


@pytest.mark.parametrize(
    ("encoding", "bom", "declared"),
    [
        ("utf-8", b"\xef\xbb\xbf", "UTF-8"),
        ("utf-16-le", b"\xff\xfe", "UTF-16"),
        ("utf-16-be", b"\xfe\xff", "UTF-16"),
        ("utf-16-le", b"", "UTF-16"),
        ("latin-1", b"", "ISO-8859-1"),
        ("utf-8", b"", "UTF-16"),
    ],
)
def test_encodings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, bom: bytes, declared: str) -> None:
    """Files in UTF-16 and other declared encodings are read; raw bytes are those of the file."""
    monkeypatch.setattr(module, "PAGE_ITEMS", 2)
    text = backup(range(5)).replace('"1.0"', f'"1.0" encoding="{declared}"', 1).replace("message", "mÿssage")
    path = write(tmp_path / "a.xml", bom + text.encode(encoding))
    pages = pull(path)
    assert texts(pages) == [f"mÿssage {number}" for number in range(5)]
    rows = [sms(number).replace("message", "mÿssage").encode(encoding) for number in range(5)]
    assert [item.raw for page in pages for item in page.items] == rows
    assert pull(path, pages[0].next_cursor) == pages[1:]
    assert all(page.warnings == () for page in pages)


def test_cut_short_at_every_byte(tmp_path: Path) -> None:
    """However a copy is cut short: no error, all complete messages, and a warning."""
    content = backup(range(3)).encode()
    ends = [content.index(b"/>", content.index(sms(number).encode())) + 2 for number in range(3)]
    for length in range(len(content) - 1):
        pages = pull(write(tmp_path / "a.xml", content[:length]))
        assert len(texts(pages)) == sum(end <= length for end in ends)
        assert any("was cut short" in warning for page in pages for warning in page.warnings)


def test_count_is_compared(tmp_path: Path) -> None:
    """A file that holds more or fewer rows than it says is told with both numbers."""
    (page,) = pull(write(tmp_path / "a.xml", backup(range(3), count=1234)))
    assert page.warnings == ("a.xml says that it holds 1,234 messages or calls; it holds 3",)


LAUGHS = (
    '<?xml version="1.0"?>\n<!DOCTYPE smses [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>\n'
    '<smses count="1"><sms address="1" body="&b;"/></smses>'
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (LAUGHS, "declares a document type with entities"),
        ("<html><body/></html>", "begins with an element <html>"),
        ("hello", "begins with 'hello'"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 300, "begins with"),
        ('<?xml version="1.0" encoding="klingon"?><smses/>', "the encoding 'klingon'"),
        (b"PK\x03\x04 is no zip", "not a readable zip file"),
    ],
)
def test_what_is_no_backup_is_refused(tmp_path: Path, content: str | bytes, said: str) -> None:
    """A file of another kind is named with what was found; in a folder the other files are read all the same."""
    path = write(tmp_path / "b.xml", content)
    error = Misconfigured if b"PK" not in path.read_bytes()[:2] else Exception
    with pytest.raises(error, match=said):
        pull(path)
    with pytest.raises(error, match=said):
        CONNECTOR().check(make_context({"path": str(path)}, now=LATER))
    write(tmp_path / "a.xml", backup(range(2)))
    write(tmp_path / "c.xml", backup(range(2, 4)))
    pages = pull(tmp_path)
    assert len(texts(pages)) == 4
    (warning,) = [warning for page in pages for warning in page.warnings]
    assert warning.startswith("b.xml is left out")
    assert said in warning


def test_entities_are_refused_with_their_position(tmp_path: Path) -> None:
    """The person is told where the document type stands."""
    with pytest.raises(Misconfigured) as caught:
        pull(write(tmp_path / "a.xml", LAUGHS))
    assert caught.value.where is not None
    assert caught.value.where.startswith("a.xml:2, byte ")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "path is empty"),
        ({"path": "/no/such/folder"}, "there is no file or folder"),
        ({"path": "HERE"}, "no .xml or .zip file"),
        ({"path": "HERE", "default_region": "Minnesota"}, "default_region"),
        ({"path": "HERE", "own_number": "Ann"}, "own_number"),
    ],
)
def test_wrong_settings(tmp_path: Path, settings: dict[str, str], said: str) -> None:
    """Each wrong setting is named."""
    given = {key: value.replace("HERE", str(tmp_path)) for key, value in settings.items()}
    with pytest.raises(Misconfigured, match=said):
        CONNECTOR().check(make_context(given, now=LATER))


def test_links_out_of_the_folder_are_left_out(tmp_path: Path) -> None:
    """A link that leads out of the folder is not followed."""
    folder = tmp_path / "folder"
    folder.mkdir()
    write(tmp_path / "secret.xml", backup(range(1)))
    (folder / "a.xml").symlink_to(tmp_path / "secret.xml")
    write(folder / "b.xml", backup(range(1, 2)))
    pages = pull(folder)
    assert texts(pages) == ["message 1"]
    assert "leads out of the folder" in pages[0].warnings[0]


def test_check_says_what_it_found(tmp_path: Path) -> None:
    """The check names each file with its count, and what is not set."""
    write(tmp_path / "a.xml", backup(range(1200)))
    findings = CONNECTOR().check(make_context({"path": str(tmp_path)}, now=LATER))
    assert findings[0].startswith("a.xml: 1,200 messages or calls, ")
    assert "own_number is not set" in findings[1]


def test_pages_are_bounded_in_items_and_bytes(tmp_path: Path) -> None:
    """A page holds at most 500 items and little more than 8 MiB of them."""
    media = "QUJD" * 150_000
    rows = [
        f'<mms date="{START + number}" msg_box="1" address="1"><parts><part ct="a/b" data="{media}"/></parts></mms>'
        for number in range(30)
    ]
    write(tmp_path / "a.xml", backup(range(1100)))
    write(tmp_path / "b.xml", f'<smses count="30">{"".join(rows)}</smses>')
    counts = [len(page.items) for page in pull(tmp_path)]
    assert counts[:3] == [500, 500, 100]
    assert max(counts[3:]) < 12


GENERATE = """
import os, resource, sys
from pathlib import Path
from connectors.conformance import make_context
from connectors.contract import Window
from connectors.sms_backup.connector import CONNECTOR
from schema.item import Blob
import hashlib

class Sink:
    def spool(self, chunks):
        digest, size = hashlib.sha256(), 0
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
        return Blob(digest.hexdigest(), size, digest.digest())

def peak(path):
    context = make_context({"path": path}, now=1_900_000_000_000, sink=Sink())
    count = sum(len(page.items) for page in CONNECTOR().pull(context, None, Window()))
    return count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

print(*peak(sys.argv[1]), *peak(sys.argv[2]))
"""


def generate(path: Path, rows: int, media: int) -> Path:
    """Write texts, ordinary picture messages, and one message with a huge attribute (bytes of base64)."""
    with path.open("w") as file:
        file.write('<smses count="0">\n')
        for number in range(rows):
            file.write(sms(number % 4000) + "\n")
            if number % 400 == 0:
                file.write(f'<mms date="{number + START}" msg_box="1"><parts><part ct="a/b" data="')
                file.write("QUJD" * 100_000)
                file.write('"/></parts></mms>\n')
        file.write(f'<mms date="{START}" msg_box="1"><parts><part ct="a/b" data="')
        for _ in range(media >> 20):
            file.write("QUJD" * (1 << 18))
        file.write('"/></parts></mms>\n</smses>\n')
    os.utime(path, (FORMER, FORMER))
    return path


def test_memory_is_flat(tmp_path: Path) -> None:
    """300 MB, of which 150 in one attribute, need no more memory than a small file does (child process, peak RSS)."""
    small = generate(tmp_path / "small.xml", 12_000, 8 << 20)
    big = generate(tmp_path / "big.xml", 120_000, 150 << 20)
    assert big.stat().st_size > 280_000_000
    command = [sys.executable, "-c", GENERATE, str(small), str(big)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    few, before, many, after = map(int, done.stdout.split())
    assert (few, many) == (12_031, 120_301)
    assert after - before < 20_000, f"{before} kB grew to {after} kB"


def test_a_window_leaves_its_own_bounds_and_no_time_of_a_row(tmp_path: Path) -> None:
    """What was left out is remembered by what was asked, so that a wider question reads it, and nothing tells when."""
    path = write(tmp_path / "a.xml", backup(range(10)))
    cursor = pull(path, window=Window(START + 3 * DAY - 5, START + 6 * DAY + 7))[-1].next_cursor or {}
    assert (cursor["early"], cursor["late"]) == (START + 3 * DAY - 5, START + 6 * DAY + 7)
    assert not [number for number in range(10) if str(START + number * DAY) in json.dumps(cursor)]
    assert len(texts(pull(path, cursor, Window(START, START + 6 * DAY)))) == 6
    assert len(texts(pull(path, cursor, Window(START + 3 * DAY)))) == 7


def test_equal_rows_in_scope_keep_their_numbers_across_a_break(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside a file the cursor knows the rows of the last millisecond that are in scope, by digest, and no other."""
    monkeypatch.setattr(module, "PAGE_ITEMS", 3)
    rows = [sms(1).replace("message", word) for word in ("plow", "cake", "plow", "cake", "cake", "plow")]
    path = write(tmp_path / "a.xml", f'<smses count="6">{"".join(rows)}</smses>')

    def scoped(cursor: Cursor | None = None) -> list[Page]:
        context = make_context({"path": str(path)}, now=LATER, in_scope=lambda item: "plow" in item.text)
        return list(CONNECTOR().pull(context, json.loads(json.dumps(cursor)), Window()))

    def plow(pages: list[Page]) -> list[str]:
        return [one.native_id for page in pages for one in page.items if isinstance(one, Item) and "plow" in one.text]

    whole = scoped()
    assert len(set(plow(whole))) == 3
    for number, page in enumerate(whole[:-1]):
        current = (page.next_cursor or {})["current"]
        assert [f"sms:{START + DAY}:{key}" for key in current["counts"]] == plow(whole)[:1]
        assert plow(scoped(page.next_cursor)) == plow(whole[number + 1 :])
