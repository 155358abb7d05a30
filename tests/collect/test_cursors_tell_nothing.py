"""Cursors of declared sources: what the scope gate drops leaves no id, no time and no digest behind (promise 2)."""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from connectors import registry
from connectors.conformance import make_context
from connectors.contract import Window
from schema.item import Item
from tests.connectors.mastodon_account.test_mastodon_connector import Mastodon, account
from tests.fixtures.city import Town
from tests.fixtures.dovecot import PASSWORD, Dovecot, dovecot
from tests.fixtures.http_server import serve

__all__ = ["dovecot"]
ROOT = Path(__file__).resolve().parents[2]
AT = "2026-03-15T12:00:00Z"
NOW = 1_773_576_000_000
DAY = 86_400_000
VISIBLE = '"visibility": ["public", "direct", "unknown"]'
RULE = f'{{"words": ["plow"], {VISIBLE}}}'

KILLED = """
import os
from archiver.pipeline import batches, run as runs
from connectors.imap_mailbox import run
from connectors.sms_backup import connector

pages = runs._sheltered

def killed(*arguments):
    for number, page in enumerate(pages(*arguments)):
        if number == 2:
            os.kill(os.getpid(), 9)
        yield page

runs._sheltered, batches.PATIENCE_S = killed, -1.0
run.PAGE_ITEMS = connector.PAGE_ITEMS = 7
from archiver.cli.main import main
main(["collect", "pat"])
"""


def _text(number: int) -> str:
    """Every third one is city business."""
    return f"plow route {number}" if number % 3 == 0 else f"zqprivatezq supper {number}"


def _declared(town: Town, connector: str, settings: dict[str, Any], secrets: dict[str, str], *, phone: bool) -> None:
    """Declare an account or phone of Pat's, and add it as the source `pat`."""
    town.second_administrator()
    town.ok("custodian", "add", "Pat Doe", "--kind", "elected")
    owner = ("--ownership", "merged", "--custodian", "Pat Doe")
    if phone:
        town.ok("device", "add", "pats", "--kind", "phone", *owner)
    else:
        platform = registry.get(connector).info.platform.value
        town.ok("account", "add", "pats", "--platform", platform, *owner)
    subject = ("--device" if phone else "--account", "pats")
    said = ("--from", "2026-03-01", "--statement", "I write about plowing.", "--rule", RULE)
    number = str(town.ok("declaration", "add", *subject, *said)["id"])
    assert town.with_password("declaration", "approve", number, "--as", "bea").code == 0
    given = [part for name, value in (settings | secrets).items() for part in ("--set", f"{name}={value}")]
    town.ok("source", "add", "pat", connector, *given, "--declaration", number)


def _at_source(connector: str, settings: dict[str, Any], secrets: dict[str, str], hosts: frozenset[str]) -> list[Item]:
    """Everything that the source shows to someone who may see all of it."""
    context = make_context(settings, secrets=secrets, private_hosts=hosts, now=NOW)
    pages = registry.get(connector)().pull(context, None, Window())
    return [one for page in pages for one in page.items if isinstance(one, Item)]


def _texts(item: Item) -> Iterator[str]:
    """What would tell an item where it stands as text."""
    yield item.native_id
    yield from (part for part in re.split(r"[/:#~]+", item.native_id) if len(part) >= 8)
    yield from (hashlib.new(kind, item.native_id.encode()).hexdigest()[:8] for kind in ("md5", "sha1", "sha256"))
    yield from (one for one in (item.version_id, item.message_id, item.url) if one)
    if item.sent:
        yield str(item.sent.at)


def _packed(item: Item) -> Iterator[bytes]:
    """The same as bytes: digests as bytes, times as SQLite stores them."""
    yield from (bytes.fromhex(one) for one in _texts(item) if re.fullmatch(r"([0-9a-f]{2}){6,}", one))
    if item.sent:
        yield item.sent.at.to_bytes(6, "big")


def _nothing_told(town: Town, everything: list[Item], *, cursor: str | None) -> None:
    """No file of the archive, its write-ahead log and its cursors included, tells an item that was dropped.

    cursor: what of the kept items the saved cursor is known to hold, so that the search can be seen to find.
    """
    kept = [one for one in everything if "plow" in one.text]
    refused = [one for one in everything if "zqprivatezq" in one.text]
    assert len(kept) > 5 and len(refused) > 10
    known = {text for one in kept for text in _texts(one)}
    texts = {text for one in refused for text in _texts(one)} - known - {"zqprivatezq"}
    packed = {data for one in refused for data in _packed(one)} - {data for one in kept for data in _packed(one)}
    rows = json.dumps(town.rows("SELECT value FROM cursor"))
    if cursor is not None:
        assert cursor in rows
    assert [text for text in texts if text in rows] == []
    found = []
    for path in sorted(town.folder.rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        found += [(path.name, text) for text in {*texts, "zqprivatezq"} if text.encode() in data]
        found += [(path.name, one.hex()) for one in packed if one in data]
    assert found == []
    assert not (town.rows("SELECT 1 FROM record WHERE sent_at IS NULL"))


def _collected_killed_and_again(town: Town, everything: list[Item], *, cursor: str | None) -> None:
    """A killed collection, then two whole ones: nothing is told in between, everything in scope is kept once."""
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=ROOT, capture_output=True)
    assert done.returncode == -9, done.stderr
    assert town.rows("SELECT count(*) FROM cursor") == [(1,)], "something was to be committed before the kill"
    _nothing_told(town, everything, cursor=None)
    first = town.collect("pat")
    assert first["exit"] == 0, first
    assert first["out_of_scope"] > 0
    _nothing_told(town, everything, cursor=cursor)
    second = town.collect("pat")
    assert (second["exit"], second["new_records"], second["new_versions"], second["missing"]) == (0, 0, 0, 0)
    _nothing_told(town, everything, cursor=cursor)
    wanted = len({one.native_id for one in everything if "plow" in one.text})
    assert town.rows("SELECT count(*), count(DISTINCT native_key) FROM record") == [(wanted, wanted)]


def test_a_declared_mastodon_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Posts, edits, pictures and replies of others: only what is in scope is remembered."""
    town = Town(tmp_path, monkeypatch, at=AT)
    with serve() as script:
        server = Mastodon(script)
        for number in range(1, 131):
            marker = 7_770_000_000 + number
            server.post(marker, 14 - number / 10 - 1 / number, _text(number), replies_count=int(number > 120))
        server.edit("7770000129", NOW - 3_333_333, _text(1))
        for number in range(121, 131):
            ann = account("2", "ann@other.example")
            replies = [server.status(f"888{number}00{n}", NOW - 7_777 * number - n, _text(n), ann) for n in range(3)]
            server.contexts[str(7_770_000_000 + number)] = replies
        settings = {"server": script.base, "account": "publicworks"}
        _declared(town, "mastodon_account", settings, {}, phone=False)
        everything = _at_source("mastodon_account", settings, {}, frozenset({script.host}))
        _collected_killed_and_again(town, everything, cursor="7770000126")


def test_a_declared_mailbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dovecot: Dovecot) -> None:
    """Mails of several folders: no identity, UID map or name of a folder of which nothing is in scope."""
    town = Town(tmp_path, monkeypatch, at=AT)
    login = "pat-cursor@home.example"
    with dovecot.box(login) as box:
        for folder in ("Zqdivorcezq", "Projects"):
            assert box.create(folder)[0] == "OK"
        for number in range(1, 41):
            sent = format_datetime(datetime.fromtimestamp((NOW - number * 7_777_777) // 1000, UTC))
            head = f"Message-ID: <zqid{number}zq@home.example>\r\nDate: {sent}\r\nFrom: pat@home.example\r\n"
            mail = f"{head}To: ann@home.example\r\nSubject: {number}\r\n\r\n{_text(number)}\r\n".encode()
            folder = "INBOX" if number % 3 == 0 else ("INBOX", "Zqdivorcezq", "Projects")[number // 3 % 3]
            assert box.append(folder if number != 30 else "Projects", None, None, mail)[0] == "OK"
    settings = {"host": "127.0.0.1", "port": str(dovecot.port), "user": login, "tls": "none"}
    _declared(town, "imap_mailbox", settings, {"password": PASSWORD}, phone=False)
    everything = _at_source("imap_mailbox", settings, {"password": PASSWORD}, frozenset())
    _collected_killed_and_again(town, everything, cursor="Projects")
    assert town.files_with("zqdivorcezq") == []


def test_a_declared_phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text messages out of a backup: the cursor inside the file knows no message out of scope."""
    town = Town(tmp_path, monkeypatch, at=AT)
    folder = tmp_path / "phone"
    folder.mkdir()
    rows = "".join(
        f'<sms protocol="0" address="+1612555{number:04}" date="{NOW - 7_777_777 * (41 - number)}" type="1" '
        f'subject="null" body="{_text(number)}" read="1" status="-1"/>\n'
        for number in range(1, 41)
    )
    (folder / "sms.xml").write_text(f'<?xml version="1.0"?>\n<smses count="40">\n{rows}</smses>\n')
    _declared(town, "sms_backup", {"path": str(folder)}, {}, phone=True)
    everything = _at_source("sms_backup", {"path": str(folder)}, {}, frozenset())
    _collected_killed_and_again(town, everything, cursor=None)
