"""Rotating the master key in steps that may be repeated; both key files stay, and one of them opens at any moment."""

import os
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from archiver import config as configuration
from archiver.access import Actor, require
from archiver.archive import CONFIG, Archive
from archiver.database import compact
from archiver.errors import Refused, WrongKey
from archiver.vault import rotate as keys
from archiver.vault.keys import add_master, new_master_key, parse_key, write_key_file
from archiver.vault.objects import sync_folder
from schema.vocab import Role

_OVERRIDE = "ARCHIVER__KEYS__MASTER"


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did.

    key_file: the new key, None where only an earlier rotation was finished.  old: reference of the key before it.
    """

    keys: int
    key_file: Path | None
    old: str


@dataclass(frozen=True, slots=True)
class RotationStep:
    """Progress of a rotation; result: set in the last step."""

    stage: str
    done: int
    result: Rotated | None = None


def rotate_master(archive: Archive, actor: Actor, to: Path | None = None) -> Generator[RotationStep, None, None]:
    """Put a new master key in force; the caller keeps every other command out (`Database.exclusive`).

    to: where the new key shall be written (default: beside the old one).  A rotation that a crash interrupted is
    finished first; where it had already passed to the new key, that is all that happens.
    Raises Refused, WrongKey.
    """
    require(actor, Role.ADMINISTRATOR)
    if _OVERRIDE in os.environ:
        raise Refused(
            reason=f"{_OVERRIDE} overrides config.toml on this machine",
            action="Name the key file in config.toml, unset the variable, and run the command again.",
        )
    now = archive.now()
    reference = archive.config.keys.master
    with archive.reading() as session:
        current = keys.masters(session)
        living = [row["id"] for row in current if row["until"] is None]
        if archive.vault.master_id not in living:
            raise WrongKey
        unfinished = archive.vault.master_id == living[-1] and keys.has_older(session, living[-1])
    if unfinished:
        yield from _finish(archive, actor, living[-1], Rotated(0, None, reference), now)
        return
    path = (to or _beside(archive)).expanduser().resolve()
    new = _new_master(archive, path, now)
    yield RotationStep("prepared", 0)
    count = 0
    for done in _rewrap(archive, new):
        count += done
        yield RotationStep("wrapping keys anew", count)
    with archive.unit() as session:
        if keys.lacking(session, new.id):
            raise _stranded(path)
        keys.put_in_force(session, new.id)
    yield RotationStep("both keys in force", count)
    point_config(archive.folder, path)
    yield RotationStep("config.toml names the new key", count)
    yield from _finish(archive, actor, new.id, Rotated(count, path, reference), now)


def _beside(archive: Archive) -> Path:
    kind, _, rest = archive.config.keys.master.partition(":")
    folder = (archive.folder / rest).parent if kind == "file" else archive.folder / "keys"
    return folder / f"master-{archive.vault.master_id + 1}.key"


def _new_master(archive: Archive, path: Path, now: int) -> keys.NewMaster:
    """The new key file and its master; those of an interrupted rotation are taken up again."""
    if not path.exists():
        write_key_file(path, new_master_key())
    key = parse_key(path.read_bytes())
    with archive.unit() as session:
        known = keys.whose(session, key)
        if known is not None and known["id"] <= archive.vault.master_id:
            raise Refused(
                reason=f"{path} is a key that this archive has already used", action="Name another file with --to."
            )
        newer = [
            row["id"] for row in keys.masters(session) if row["until"] is None and row["id"] > archive.vault.master_id
        ]
        if newer and (known is None or known["id"] not in newer):
            raise Refused(
                reason="an interrupted rotation has already put another new key in force",
                action="Name that key's file with --to, so that it can be finished.",
            )
        new_id = int(known["id"]) if known else add_master(session, key, now, until=keys.PREPARING)
    return keys.NewMaster(new_id, key)


def _rewrap(archive: Archive, new: keys.NewMaster) -> Iterator[int]:
    place: keys.Place | None = keys.START
    while place is not None:
        with archive.unit() as session:
            done, place = keys.rewrap(session, archive.vault, new, place)
        yield done


def _stranded(path: Path | None) -> Refused:
    return Refused(
        reason="some data keys are wrapped under neither the present nor the new master key",
        action="Put the earlier key file back into `[keys] master` of config.toml and run `archiver key rotate --to "
        f"{path or 'NEW-KEY-FILE'}`.",
    )


def point_config(folder: Path, key_file: Path) -> None:
    """Make config.toml name another key file; the file is replaced whole, comments stay."""
    path = folder / CONFIG
    written = key_file.relative_to(folder) if key_file.is_relative_to(folder) else key_file
    line = 'master = "file:' + str(written).replace("\\", "\\\\").replace('"', '\\"') + '"'
    lines, section, done = path.read_text("utf-8").splitlines(), "", False
    for number, text in enumerate(lines):
        if found := re.match(r"\s*\[\s*([\w.-]+)\s*\]", text):
            section = found.group(1)
        elif section == "keys" and re.match(r"\s*master\s*=", text):
            lines[number], done = line, True
    if not done:
        heading = next((number for number, text in enumerate(lines) if re.match(r"\s*\[\s*keys\s*\]", text)), None)
        if heading is None:
            lines += ["", "[keys]", line]
        else:
            lines.insert(heading + 1, line)
    temporary = path.with_suffix(".part")
    temporary.unlink(missing_ok=True)
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, path.stat().st_mode & 0o777)
    with os.fdopen(file, "w", encoding="utf-8") as stream:
        stream.write("\n".join(lines) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    configuration.load(temporary)
    temporary.rename(path)
    sync_folder(folder)


def _finish(archive: Archive, actor: Actor, master_id: int, result: Rotated, now: int) -> Iterator[RotationStep]:
    """Retire the older masters and delete what is wrapped under them."""
    with archive.unit() as session:
        if keys.lacking(session, master_id):
            raise _stranded(result.key_file)
        if retired := keys.retire_older(session, master_id, now):
            facts = {"keys": result.keys, "retired": retired}
            archive.record_act(session, "key.rotate", "master", master_id, actor_id=actor.id, facts=facts)
    yield RotationStep("old key retired", result.keys)
    place: keys.Place | None = keys.START
    while place is not None:
        with archive.unit() as session:
            place = keys.drop_older(session, master_id, place)
        yield RotationStep("deleting the old wrapping", result.keys)
    _scrub(archive)
    yield RotationStep("done", result.keys, result)


def _scrub(archive: Archive) -> None:
    """Empty the WAL, which still holds pages with the old wrapping."""
    with archive.reading() as session:
        if archive.database.sqlite:
            compact(session)


__all__ = ["Rotated", "RotationStep", "point_config", "rotate_master"]
