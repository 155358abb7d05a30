"""Two processes that destroy and four that place holds, on the same records at the same time (promise 5)."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE, Popen

import pytest
from sqlalchemy import text

from archiver.archive import Archive
from archiver.operate.initialise import initialise
from tests.faults.children import CITY, run
from tests.fixtures import disposals
from tests.fixtures.generated import sms_backup

PURGERS, PLACERS = 2, 4

COMMON = """
import json, os, random, sys, time
from pathlib import Path
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from archiver.access import current_actor
from archiver.archive import Archive
from archiver.dispose.batches import living
from archiver.dispose.destroy import destroy
from archiver.errors import NotFound
from archiver.retain import holds
from schema.vocab import HoldKind
archive, disposition, seed = Archive(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
out, places, stop, rng = open(sys.argv[4], "w"), os.open(sys.argv[5], os.O_RDWR), Path(sys.argv[6]), random.Random(seed)
print("ready", flush=True)
sys.stdin.readline()
"""

PURGER = (
    COMMON
    + """
after, went, refused = 0, 0, 0
while True:
    with archive.reading() as session:
        ids = living(session, disposition, after, rng.randint(1, 12))
    if not ids:
        break
    after, pieces = ids[-1], [ids]
    os.pwrite(places, ids[0].to_bytes(8, "big"), seed % 2 * 8)
    while pieces:
        piece = pieces.pop()
        try:
            with archive.unit() as session:
                destroy(archive, session, disposition, piece, archive.now())
            went += len(piece)
        except IntegrityError:
            refused += 1
            if len(piece) > 1:
                pieces += [piece[len(piece) // 2:], piece[: len(piece) // 2]]
out.write(json.dumps({"destroyed": went, "refused": refused}))
out.close()
"""
)
"""Chooses from a list that is stale by the time it destroys; the database alone stands in between."""

PLACER = (
    COMMON
    + """
with archive.reading() as session:
    actor = current_actor(session)
seen = set()
while not stop.exists():
    where = int.from_bytes(os.pread(places, 8, rng.randint(0, 1) * 8), "big")
    if where in seen:
        time.sleep(0.001)  # once for each place, so that the purgers win as well
        continue
    seen.add(where)
    time.sleep(rng.random() * 0.01)
    chosen = [one for one in range(where, where + 14) if rng.random() < 0.2]
    with archive.reading() as session:
        chosen = [one for one in chosen if session.execute(text(
            "SELECT 1 FROM record WHERE id = :r AND destroyed_at IS NULL"), {"r": one}).scalar()]
    if not chosen:
        continue
    try:
        with archive.unit() as session:
            new = holds.place(archive, session, actor, kind=HoldKind.COURT, matter="m", reason="r", records=chosen)
    except NotFound:
        continue
    out.write(json.dumps([new, chosen]) + "\\n")  # the commit came back: this hold is acknowledged
    out.flush()
out.close()
"""
)
"""Holds what a purger is about to take."""


def made(folder: Path, count: int, url: str | None) -> Archive:
    """An archive of so many text messages."""
    initialise(folder / "archive", CITY, database=url)
    path = sms_backup(folder / "sms.xml", count)
    own = ("--set", "own_number=+16125550123")
    assert run(folder / "archive", "source", "add", "phone", "sms_backup", "--set", f"path={path}", *own)[0] == 0
    code, _out, err = run(folder / "archive", "collect", "phone")
    assert code == 0, err
    return Archive(folder / "archive")


def one_round(archive: Archive, number: int) -> tuple[list[tuple[int, list[int]]], int, int]:
    """Race over all that still lives; returns acknowledged holds with members, how many went, refused attempts."""
    with archive.unit() as session:
        ids = list(session.execute(text("SELECT id FROM record WHERE destroyed_at IS NULL ORDER BY id")).scalars())
        disposition = disposals.executing(session, ids)
    folder, children, outs = archive.folder.parent, [], []
    places, stop = folder / f"{number}.places", folder / f"{number}.stop"
    places.write_bytes(bytes(16))
    for child in range(PURGERS + PLACERS):
        outs.append(folder / f"{number}-{child}.json")
        arguments = (archive.folder, disposition, number * 100 + child, outs[-1], places, stop)
        program = [sys.executable, "-c", PURGER if child < PURGERS else PLACER, *map(str, arguments)]
        children.append(Popen(program, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True))
    try:
        for one in children:
            assert one.stdout is not None and one.stdout.readline() == "ready\n", one.communicate()[1]
        for one in children:
            assert one.stdin is not None
            one.stdin.write("\n")
            one.stdin.flush()
        for at, one in enumerate(children):
            if at == PURGERS:
                stop.touch()
            _out, trouble = one.communicate(timeout=3_000)
            assert one.returncode == 0, trouble
    finally:
        for one in children:
            one.kill()
            one.communicate()
    acknowledged = [
        (hold, members) for out in outs[PURGERS:] for hold, members in map(json.loads, out.read_text().splitlines())
    ]
    purged = [json.loads(out.read_text()) for out in outs[:PURGERS]]
    return acknowledged, sum(one["destroyed"] for one in purged), sum(one["refused"] for one in purged)


def broken(archive: Archive, acknowledged: list[tuple[int, list[int]]]) -> int:
    """How many acknowledged members are destroyed, lack their key or a part of their content, or are no members."""
    whole = text(
        "SELECT r.id FROM record r WHERE r.destroyed_at IS NULL"
        " AND EXISTS (SELECT 1 FROM owner_key k WHERE k.owner_kind = 'record' AND k.owner_id = r.id)"
        " AND NOT EXISTS (SELECT 1 FROM component c LEFT JOIN payload p ON p.id = c.payload_id"
        " WHERE c.record_id = r.id AND p.id IS NULL)"
    )
    with archive.reading() as session:
        living = set(session.execute(whole).scalars())
        members = {(row[0], row[1]) for row in session.execute(text("SELECT hold_id, record_id FROM hold_member"))}
    listed = [(hold, one) for hold, ids in acknowledged for one in ids]
    return sum(1 for hold, one in listed if one not in living or (hold, one) not in members)


def race(folder: Path, count: int, wanted: int, url: str | None) -> None:
    """Rounds until so many holds were acknowledged; after each, every member is whole, then the holds are lifted."""
    archive, began = made(folder, count, url), time.monotonic()
    total = placed = gone = refused = number = 0
    while total < wanted:
        number += 1
        acknowledged, went, attempts = one_round(archive, number)
        assert broken(archive, acknowledged) == 0
        assert went and attempts and acknowledged, "the two sides did not meet"
        total += sum(len(members) for _hold, members in acknowledged)
        placed, gone, refused = placed + len(acknowledged), gone + went, refused + attempts
        with archive.unit() as session:
            session.execute(
                text("UPDATE hold SET state = 'lifted', lifted_at = 1, lifted_by = 1 WHERE state = 'active'")
            )
            session.execute(text("UPDATE disposition SET state = 'halted' WHERE state = 'executing'"))
    kind = "sqlite" if url is None else "postgresql"
    seconds = time.monotonic() - began
    print(
        f"{kind}: {total} acknowledged holds of records in {placed} placements, 0 broken; {gone} records destroyed,"
        f" {refused} destructions refused, {number} rounds, {seconds:.0f} s"
    )
    archive.close()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_no_acknowledged_hold_is_broken(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """2,000 acknowledged holds against two purgers: each record that was held is whole."""
    url = request.getfixturevalue("new_postgres")() if database == "postgresql" else None
    race(tmp_path, 1_000, 2_000, url)


@pytest.mark.long
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_no_hold_of_100_000_is_broken(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """100,000 acknowledged holds against two purgers on either database; the counts are printed."""
    url = request.getfixturevalue("new_postgres")() if database == "postgresql" else None
    race(tmp_path, 40_000, 100_000, url)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_race_finds_a_missing_guard(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The control: with the guards dropped, the same race breaks acknowledged holds, and the count shows it."""
    new: Callable[[], str] = request.getfixturevalue("new_postgres") if database == "postgresql" else lambda: ""
    archive = made(tmp_path, 1_000, new() or None)
    with archive.unit() as session:
        for name, table in (("record_destroyed", "record"), ("key_delete", "owner_key"), ("payload_delete", "payload")):
            on = f" ON {table}" if database == "postgresql" else ""
            session.execute(text(f"DROP TRIGGER guard_{name}{on}"))
    acknowledged, _went, _attempts = one_round(archive, 1)
    assert broken(archive, acknowledged) > 0
    archive.close()
