"""Nightly collection and search over files that nobody here wrote, measured against a reading of those files."""

import json
import os
import random
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest

from archiver.accession.show import newest, raw
from archiver.archive import Archive
from archiver.cli.main import main
from tests.stories.foundation_raw import Raw, element_key, feed_entries, mails, text_messages, tokens

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("ARCHIVER_SHARED", ROOT.parent / "shared")) / "data"
ZONE = ZoneInfo("America/Chicago")
SEED = 20260310

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared sample data are not here (ARCHIVER_SHARED)")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  (the name that the library calls it by)
        """Say nothing."""


@pytest.fixture(scope="module")
def feeds_url() -> Iterator[str]:
    """The sample feeds, served as a folder on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(SHARED / "feeds")))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


class Clerk:
    """A person at a terminal, in a folder that holds the archive."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command as a process of its own; returns its stdout."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-m", "archiver", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """The object that a command prints."""
        return json.loads(self.run(*arguments, "--json"))


@pytest.fixture(scope="module")
def clerk(tmp_path_factory: pytest.TempPathFactory, feeds_url: str) -> Clerk:
    """An archive in which the three sources were collected once."""
    folder = tmp_path_factory.mktemp("city") / "archive"
    Clerk(folder.parent).run("init", str(folder), "--name", "Sample City", "--timezone", "America/Chicago")
    clerk = Clerk(folder)
    clerk.run("source", "add", "mail", "mail_files", "--set", f"path={SHARED / 'mail'}")
    clerk.run("source", "add", "site", "feed", "--set", f"url={feeds_url}")
    clerk.run("source", "add", "phone", "sms_backup", "--set", f"path={SHARED / 'sms'}")
    said = clerk.json("collect", "--all")
    assert {one["source"]: one["error"] for one in said["captures"]} == {"mail": None, "site": None, "phone": None}
    return clerk


@pytest.fixture(scope="module")
def items() -> dict[tuple[str, ...], list[Raw]]:
    """The items of the sample files by key; some files hold the same mail."""
    found = defaultdict(list)
    for one in (*mails(SHARED / "mail"), *feed_entries(SHARED / "feeds"), *text_messages(SHARED / "sms")):
        found[one.key].append(one)
    return dict(found)


@pytest.fixture(scope="module")
def keys(clerk: Clerk) -> dict[str, tuple[str, ...]]:
    """Record id -> key of the item that it is, by the bytes kept as received or the place that they came from."""
    found = {}
    archive = Archive(clerk.folder)
    with archive.reading() as session:
        ids = [row[0] for row in session.connection().exec_driver_sql("SELECT id FROM record")]
        for state in newest(archive, session, ids):
            _part, chunks = raw(archive, session, state.record_id)
            content = b"".join(chunks)
            place = state.content["provenance"]
            if state.content["kind"] == "email":
                key: tuple[str, ...] = ("mail", sha256(content).hexdigest())
            elif place.get("url"):
                assert content in (SHARED / "feeds" / urlsplit(place["url"]).path.lstrip("/")).read_bytes()
                key = ("feed", urlsplit(place["url"]).path.lstrip("/"), place["position"])
            else:
                key = element_key(ET.fromstring(content))
            found[f"R{state.record_id}"] = key
    archive.close()
    return found


class Oracle:
    """Answers from the sample files alone."""

    def __init__(self, items: dict[tuple[str, ...], list[Raw]]) -> None:
        self.sent = {key: same[0].sent for key, same in items.items()}
        self.texts = {
            key: tuple(f" {' '.join(tokens(segment))} " for segment in same[0].segments) for key, same in items.items()
        }

    def says(self, words: str) -> set[tuple[str, ...]]:
        """Keys of the items in which words stand side by side."""
        return {key for key, segments in self.texts.items() if any(f" {words} " in segment for segment in segments)}

    def between(self, first: date | None, end: date | None) -> set[tuple[str, ...]]:
        """Keys of the items sent on days of the city in [first, end)."""
        days = {key: at.astimezone(ZONE).date() for key, at in self.sent.items() if at is not None}
        return {key for key, day in days.items() if (not first or first <= day) and (not end or day < end)}


@pytest.fixture(scope="module")
def oracle(items: dict[tuple[str, ...], list[Raw]]) -> Oracle:
    """The sample files."""
    return Oracle(items)


class Asking:
    """Asks the archive in this process and compares with the oracle."""

    def __init__(self, folder: Path, keys: dict[str, tuple[str, ...]], capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.keys, self.capsys = folder, keys, capsys

    def found(self, question: str, *options: str) -> list[str]:
        """Ids of every hit, in the answer's order."""
        assert main(["--archive", str(self.folder), "search", question, "--json", *options]) == 0, question
        said = json.loads(self.capsys.readouterr().out)
        ids = said["ids"] if "--ids" in options else [one["id"] for one in said["hits"]]
        assert said["count"] == len(ids) == len(set(ids)), question
        return list(ids)

    def differs(self, question: str, expected: set[tuple[str, ...]], *options: str) -> str:
        """What is wrong with an answer, "" where nothing is."""
        wanted = {record for record, key in self.keys.items() if key in expected}
        got = set(self.found(question, *(options or ("--ids",))))
        return "" if got == wanted else f"{question}: too many {sorted(got - wanted)}, missed {sorted(wanted - got)}"


@pytest.fixture
def asking(clerk: Clerk, keys: dict[str, tuple[str, ...]], capsys: pytest.CaptureFixture[str]) -> Asking:
    """The archive's search."""
    return Asking(clerk.folder, keys, capsys)


def sampled(oracle: Oracle, number: int, length: int) -> list[str]:
    """Runs of words out of the files, evenly from mails, feeds and texts, frequent and rare ones alike.

    No word is left out but those longer than 50 characters (ciphered text), which nobody types.
    """
    chance = random.Random(SEED + length)
    by_kind: dict[str, set[str]] = defaultdict(set)
    for key, segments in sorted(oracle.texts.items()):
        for segment in segments:
            words = segment.split()
            runs = (words[at : at + length] for at in range(len(words) - length + 1))
            by_kind[key[0]].update(" ".join(run) for run in runs if max(map(len, run)) <= 50)
    chosen: list[str] = []
    for kind, runs_of_kind in sorted(by_kind.items()):
        share = number if kind == "mail" else number // 4
        chosen += chance.sample(sorted(runs_of_kind), min(share, len(runs_of_kind)))
    return chosen


def test_every_item_of_the_files_is_one_record(
    items: dict[tuple[str, ...], list[Raw]], keys: dict[str, tuple[str, ...]]
) -> None:
    """Mails (also in the zip), feed entries, texts and calls: each is there once, with its bytes, and nothing else."""
    assert Counter(keys.values()) == Counter({key: len(same) for key, same in items.items()})


def test_a_second_night_adds_nothing(clerk: Clerk, keys: dict[str, tuple[str, ...]]) -> None:
    """Nothing changed, so no record and no version is added, nothing is missing, and `verify` is content."""
    said = clerk.json("collect", "--all")
    assert said["outcome"] == "ok"
    for one in said["captures"]:
        numbers = {
            name: one[name] for name in ("new_records", "new_versions", "unreadable", "missing", "gaps", "error")
        }
        assert numbers == {
            "new_records": 0, "new_versions": 0, "unreadable": 0, "missing": 0, "gaps": [], "error": None,
        }, one  # fmt: skip
    checked = clerk.json("verify")
    assert checked["outcome"] == "ok"
    assert checked["problems"] == []
    assert clerk.json("search", "", "--count")["count"] == len(keys)


def test_words(asking: Asking, oracle: Oracle) -> None:
    """Each of more than 300 words finds exactly the items in which it stands."""
    words = sampled(oracle, 260, 1)
    assert len(words) >= 300
    wrong = [asking.differs(f"exact:{word}", oracle.says(word)) for word in words]
    assert [one for one in wrong if one] == []


def test_phrases(asking: Asking, oracle: Oracle) -> None:
    """Each of 60 pairs of words finds exactly the items in which they stand side by side."""
    pairs = sampled(oracle, 60, 2)
    assert len(pairs) >= 50
    wrong = [asking.differs(f'exact:"{pair}"', oracle.says(pair)) for pair in pairs]
    assert [one for one in wrong if one] == []


def test_and_or_not(asking: Asking, oracle: Oracle) -> None:
    """AND, OR and NOT are those of sets, also in brackets."""
    words = [word for word in sampled(oracle, 400, 1) if 2 <= len(oracle.says(word)) <= 120]
    everything = set(oracle.texts)
    chance, wrong = random.Random(SEED), []
    for _ in range(40):
        one, two, three = chance.sample(words, 3)
        a, b, c = map(oracle.says, (one, two, three))
        wrong += [
            asking.differs(f"exact:{one} AND exact:{two}", a & b),
            asking.differs(f"exact:{one} or exact:{two}", a | b),
            asking.differs(f"exact:{one} NOT exact:{two}", a - b),
            asking.differs(f"(exact:{one} OR exact:{two}) AND NOT exact:{three}", (a | b) - c),
            asking.differs(f"NOT exact:{one}", everything - a),
        ]
    assert [one for one in wrong if one] == []


def test_dates(asking: Asking, oracle: Oracle) -> None:
    """Days are the city's; ranges are half-open; what does not say when it was sent matches no date."""
    chance, wrong = random.Random(SEED), []
    days = sorted({at.astimezone(ZONE).date() for at in oracle.sent.values() if at is not None})
    words = [word for word in sampled(oracle, 400, 1) if len(oracle.says(word)) > 9]
    day_after = timedelta(days=1)
    for _ in range(25):
        first, last = sorted(chance.sample(days, 2))
        word = chance.choice(words)
        within = oracle.between(first, last)
        wrong += [
            asking.differs(f"on:{first}", oracle.between(first, first + day_after)),
            asking.differs(f"after:{first} before:{last}", within),
            asking.differs(f"after:{first} before:{last} exact:{word}", within & oracle.says(word)),
            asking.differs(f"before:{first}", oracle.between(None, first)),
            asking.differs(f"date:{first.year}", oracle.between(date(first.year, 1, 1), date(first.year + 1, 1, 1))),
            asking.differs(f"NOT after:{first}", set(oracle.texts) - oracle.between(first, None)),
        ]
    assert [one for one in wrong if one] == []


def test_hits_say_what_they_are(asking: Asking, oracle: Oracle, clerk: Clerk, keys: dict[str, tuple[str, ...]]) -> None:
    """`search --json` gives every hit once, newest first and unknown times last, with source and time."""
    ids = asking.found("exact:the", "--limit", "1000")
    assert {keys[one] for one in ids} == oracle.says("the")
    said = clerk.json("search", "exact:the", "--limit", "1000")
    assert [one["id"] for one in said["hits"]] == ids
    assert list(said)[:8] == [
        "schema", "query", "interpreted", "count", "undated", "indexed", "captured", "coverage",
    ]  # fmt: skip
    assert said["indexed"] == {"records": len(keys), "of": len(keys)}
    assert {one["source"] for one in said["coverage"]} == {"mail", "site", "phone"}
    assert said["captured"] == min(one["last_success"] for one in said["coverage"])
    times = []
    for hit in said["hits"]:
        sent = oracle.sent[keys[hit["id"]]]
        assert (sent is None) == (hit["sent_at"] is None)
        if sent is not None:
            assert datetime.fromisoformat(hit["sent_at"]).astimezone(ZONE) == sent.astimezone(ZONE)
        times.append(sent.timestamp() if sent else float("-inf"))
        assert {"mail": "mail", "feed": "site"}.get(keys[hit["id"]][0], "phone") == hit["source"]
    assert times == sorted(times, reverse=True)


def test_original_bytes_come_back(clerk: Clerk, keys: dict[str, tuple[str, ...]]) -> None:
    """`record show --raw` gives the very bytes of a mail file."""
    wanted = {("mail", sha256(path.read_bytes()).hexdigest()): path for path in (SHARED / "mail").glob("mail_test_*")}
    assert len(wanted) >= 6
    for record, key in keys.items():
        if key in wanted:
            out = clerk.folder.parent / record
            clerk.run("record", "show", record, "--raw", "--out", str(out))
            assert out.read_bytes() == wanted.pop(key).read_bytes()
    assert wanted == {}
