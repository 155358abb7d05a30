"""Every way in that can remove anything is listed, and what is held passes through none of them."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from archiver.accession.destroyed import bury, sweep_parties
from archiver.accession.expunged import expunge_parts
from archiver.archive import Archive
from archiver.cli.main import COMMANDS as PRESENT
from archiver.dispose import marks
from archiver.dispose.chunks import clear_pending
from archiver.dispose.destroy import destroy
from archiver.errors import Refused
from archiver.index.texts import forget_texts
from archiver.vault.erase import erase, remove_objects
from archiver.vault.reseal import reseal_without
from archiver.vault.rotate import drop_older
from archiver.vault.sweep import sweep
from schema.item import Attachment
from schema.vocab import OwnerKind
from tests.fixtures import disposals
from tests.fixtures.due_town import LONG_AGO, DueTown
from tests.fixtures.replay import post
from tests.house.removal_list import COMMANDS, FUNCTIONS, TRIED
from tests.house.removing import found, functions, removes
from tests.house.source import modules
from tests.house.test_commands_documented import leaves

THAT_DAY = "2026-03-11T12:00:00-05:00"


class HeldTown(DueTown):
    """Three due records in an approved batch; the first, with a file of its own, is held since."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, monkeypatch)
        large = Attachment("large.bin", "application/octet-stream", b"large " * 30_000)
        self.items(
            [post(f"p{one}", f"text {one}", at=LONG_AGO, attachments=(large,) if one == 1 else ()) for one in (1, 2, 3)]
        )
        self.approved()
        self.ok("hold", "place", "--kind", "court", "--matter", "m", "--reason", "r", "--records", "R1")

    def content(self) -> list[Any]:
        """Keys, payloads and parts of the held record, its order, and whether its file is there."""
        mine = "owner_kind = 'record' AND owner_id = 1"
        held = self.rows(f"SELECT id, sealed, object_name FROM payload WHERE {mine} ORDER BY id")
        with self.opened() as archive:
            files = [archive.vault.objects.path(name).read_bytes() for _id, _sealed, name in held if name]
        assert files, "the held record has a file"
        orders = self.rows(
            "SELECT h.id, h.state FROM hold h JOIN hold_member m ON m.hold_id = h.id WHERE m.record_id = 1"
        )
        return [held, files, orders, self.rows(f"SELECT count(*) > 0 FROM owner_key WHERE {mine}")]

    def whole(self, before: list[Any], *, resealed: bool = False) -> None:
        """The held record is as it was, and opens."""
        assert self.content() == before
        shown = self.ok("record", "show", "R1")
        assert shown["text"] == "text 1" and shown["destroyed_at"] is None
        assert self.run("record", "show", "R1", "--raw").code == 0


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HeldTown:
    """A city with a held record."""
    return HeldTown(tmp_path, monkeypatch)


def test_every_function_that_removes_is_listed() -> None:
    """A new function that deletes, unlinks or drops anything is put on the list, with why it takes nothing held."""
    listed = [one for some in FUNCTIONS.values() for one in some]
    assert len(listed) == len(set(listed))
    assert found() - set(listed) == set(), "decide where it stands in tests/house/removal_list.py, and try it here"
    assert set(listed) - found() == set(), "gone from the program; take it off the list"
    assert set(FUNCTIONS[TRIED]) == set(TRIES), "each that is to be tried has its trial"


def test_every_command_is_listed() -> None:
    """A new command is put on the list; one that can remove anything is tried."""
    listed = [one for some in COMMANDS.values() for one in some]
    present = {full for name in PRESENT for full, _command in leaves(name)}
    assert len(listed) == len(set(listed))
    assert present - set(listed) == set(), "decide where it stands in tests/house/removal_list.py"
    assert set(listed) - present == set(), "gone from the program; take it off the list"
    assert set(COMMANDS[TRIED]) == set(ATTEMPTS), "each that is to be tried has its attempts"


def called_in(name: str, receiver: str) -> set[str]:
    """Files and functions that call a method of a receiver ending so."""
    return {
        f"{one.path}:{function}"
        for one in modules()
        for function, tree in functions(one)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name
        and ast.unparse(node.func.value).endswith(receiver)
    }  # fmt: skip


def test_who_removes_files_and_who_drops_guards() -> None:
    """Object files go through three functions; guards are dropped by migrations and by loading a backup only."""
    assert called_in("remove", "objects") == {
        "archiver/collect/sink.py:ObjectSink.discard",
        "archiver/vault/erase.py:remove_objects",
        "archiver/vault/sweep.py:sweep",
    }
    assert called_in("remove", "guards") == {
        "archiver/operate/migrate.py:migrate",
        "archiver/operate/restore.py:_Making.fill",
    }


def test_a_function_that_removes_is_seen() -> None:
    """The finder knows the ways of removing, and takes lists, sets and texts for harmless."""
    for said in (
        "session.execute(delete(payload))", "path.unlink()", "shutil.rmtree(folder)", "os.remove(path)",
        "self._objects.remove(name)", "part.rename(target)", "part.replace(target)", "erase(session, kind, ids)",
        "run('DELETE FROM payload')", "run('VACUUM')", "run('INSERT OR REPLACE INTO x')", "run('DROP TABLE x')",
    ):  # fmt: skip
        assert any(removes(node) for node in ast.walk(ast.parse(said))), said
    for said in ("names.remove(one)", "text.replace('a', 'b')", "known.discard(one)", "replace(row, state=1)"):
        assert not any(removes(node) for node in ast.walk(ast.parse(said))), said


Trial = Callable[[Archive, Session, int], Any]


def _objects(session: Session) -> list[str]:
    return list(session.execute(text("SELECT object_name FROM payload WHERE object_name IS NOT NULL")).scalars())


def _expunge(archive: Archive, session: Session, batch: int) -> object:
    parts = session.execute(text("SELECT id FROM component WHERE record_id = 1 AND role = 'attachment'")).scalars()
    return expunge_parts(archive, session, batch, 1, list(parts), 5)


def _sweep(archive: Archive, _session: Session, _batch: int) -> object:
    return sweep(archive.reading, archive.vault.objects, 9_999_999_999_999)


def _official(archive: Archive, session: Session, _batch: int) -> object:
    return session.execute(text("DELETE FROM official_copy WHERE record_id = 1"))


def _credential(_archive: Archive, session: Session, _batch: int) -> object:
    return session.execute(text("DELETE FROM owner_key WHERE owner_kind = 'record' AND owner_id = 1"))


def _pending(archive: Archive, session: Session, batch: int) -> object:
    from archiver.dispose.notes import note

    note(session, batch, pending=_objects(session))
    session.commit()
    clear_pending(archive, batch)
    return None


TRIES: dict[str, tuple[Trial, bool]] = {
    "archiver/accession/destroyed.py:bury": (lambda a, s, d: bury(s, [1], 5), True),
    "archiver/accession/destroyed.py:sweep_parties": (lambda a, s, d: sweep_parties(s, 9_999_999_999_999), False),
    "archiver/accession/expunged.py:expunge_parts": (_expunge, True),
    "archiver/dispose/chunks.py:clear_pending": (_pending, True),
    "archiver/dispose/destroy.py:destroy": (lambda a, s, d: destroy(a, s, d, [1, 2], 5), True),
    "archiver/dispose/marks.py:forget": (lambda a, s, d: marks.forget(s, d), False),
    "archiver/index/texts.py:forget_texts": (lambda a, s, d: forget_texts(s, [1]), False),
    "archiver/retain/copies.py:name_official": (_official, False),
    "archiver/sources/registry.py:set_credential": (_credential, True),
    "archiver/vault/erase.py:erase": (lambda a, s, d: erase(s, OwnerKind.RECORD, [1, 2]), True),
    "archiver/vault/erase.py:remove_objects": (
        lambda a, s, d: remove_objects(s, a.vault.objects, _objects(s)),
        True,
    ),
    "archiver/vault/reseal.py:reseal_without": (
        lambda a, s, d: reseal_without(s, a.vault, OwnerKind.RECORD, 1, [], []),
        True,
    ),
    "archiver/vault/rotate.py:drop_older": (lambda a, s, d: drop_older(s, 99, ("", 0)), True),
    "archiver/vault/sweep.py:sweep": (_sweep, False),
}
"""Function -> what somebody could do with it, and whether that is refused; what is not refused takes nothing held."""


@pytest.mark.parametrize("name", TRIES)
def test_no_function_takes_what_is_held(name: str, town: HeldTown) -> None:
    """Called directly, in an executing batch, past every check of the rooms above it."""
    attempt, refused = TRIES[name]
    before = town.content()
    with town.opened() as archive:
        with archive.unit() as session:
            batch = disposals.executing(session, [1, 2])
        if refused:
            with pytest.raises((IntegrityError, Refused), match=r"guard: |still belongs"), archive.unit() as session:
                attempt(archive, session, batch)
        else:
            with archive.unit() as session:
                attempt(archive, session, batch)
    town.whole(before)


def test_an_executing_batch_is_what_the_trials_need(town: HeldTown) -> None:
    """The control: in the same batch a record that nobody holds is destroyed by the same call."""
    with town.opened() as archive:
        with archive.unit() as session:
            batch = disposals.executing(session, [1, 2])
        with archive.unit() as session:
            destroy(archive, session, batch, [2], 5)
    assert town.rows("SELECT id FROM record WHERE destroyed_at IS NOT NULL") == [(2,)]


EXPUNGE = ("dispose", "expunge", "R1", "--order", "District court, 4 May", "--login", "bea")
EXECUTE = ("dispose", "execute", "D1", "--expect-count")
ATTEMPTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "backup": (("backup", "{store}", "--keys", "{safe}"), ("backup", "--prune")),
    "declaration withdraw": (("declaration", "withdraw", "1"),),
    "dispose execute": ((*EXECUTE, "3"), (*EXECUTE, "2")),
    "dispose expunge": ((*EXPUNGE, "--whole"), (*EXPUNGE, "--component", "large.bin")),
    "dispose receipt": (("dispose", "receipt", "D1", "--reference", "letter of 4 May"),),
    "dispose transfer": tuple(
        ("dispose", "transfer", "D1", *options) for options in (("--offer-to", "State"), ("--out", "{bag}"))
    ),
    "dispose withdraw": (("dispose", "withdraw", "D1", "--reason", "no"),),
    "event withdraw": (("event", "withdraw", "1", "--reason", "no"),),
    "index rebuild": (("index", "rebuild"),),
    "index use": (("index", "use", "whoosh"),),
    "key rotate": (("key", "rotate"),),
    "nightly": (("nightly",),),
    "restore confirm": (("restore", "confirm", "--reason", "no"),),
    "restore from": (
        ("backup", "{store}", "--keys", "{safe}"),
        ("restore", "{backup}", "--keys", "{safe}", "--into", "{folder}", "--key", "{key}"),
        ("restore", "{backup}", "--keys", "{safe}", "--into", "{new}", "--key", "{key}"),
    ),
    "schedule supersede": (
        ("schedule", "supersede", "short", "long", "--on", "2026-03-11", "--crosswalk", "{key}"),
    ),
    "source remove": (("source", "remove", "web"),),
    "tag apply": (("tag", "apply", "--reason", "no"),),
    "tag set": (("tag", "set", "R1", "long", "--reason", "no"),),
    "upgrade": (("upgrade", "--backed-up"),),
}  # fmt: skip
"""Command -> how somebody would try; whether it is refused or does its own work, the held record stays whole."""


@pytest.mark.parametrize("name", ATTEMPTS)
def test_no_command_takes_what_is_held(name: str, town: HeldTown) -> None:
    """As people would try it, after the cooling-off of the batch."""
    town.at(THAT_DAY)
    before = town.content()
    beside = {one: str(town.folder.parent / one) for one in ("store", "safe", "bag", "new")}
    for attempt in ATTEMPTS[name]:
        backups = sorted(Path(beside["store"]).glob("*Z"))
        places = {
            **beside,
            "folder": str(town.folder),
            "key": str(town.folder / "keys" / "master.key"),
            "backup": str(backups[-1]) if backups else "",
        }
        said = _run(town, [part.format(**places) for part in attempt])
        assert "Traceback" not in said.err and "No such" not in said.err, (
            "an attempt that is not understood tries nothing"
        )
        if name == "dispose expunge":
            assert said.code == 4 and "held" in said.err
        if name == "dispose execute" and attempt[-1] == "3":
            assert said.code == 4
    town.whole(before)
    if name == "dispose execute":
        assert town.rows("SELECT id FROM record WHERE destroyed_at IS NOT NULL ORDER BY id") == [(2,), (3,)]


def _run(town: HeldTown, attempt: list[str]) -> Any:
    return town.with_password(*attempt) if "--login" in attempt else town.run(*attempt)
