"""Tables and their migrations: forward only, with a copy first, guards re-applied after each run (decisions 8, 33)."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from archiver import config as configuration
from archiver.access import current_actor, require
from archiver.archive import CONFIG, current_city, found_version
from archiver.audit import log
from archiver.clock import Clock
from archiver.database import Database
from archiver.errors import DiskTrouble, NoArchive, Refused, VerificationFailed, WrongVersion
from schema.db import guards
from schema.db.migrations import FOLDER, head, versions
from schema.vocab import Role

_LOCK = 7_203_003
"""Advisory lock on PostgreSQL: one migration at a time, on whatever machine it runs."""


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What an upgrade did; `backup` is None where nothing had to be done or the person made the copy."""

    found: str
    now: str
    backup: Path | None
    guards_were_intact: bool


def create_tables(engine: Engine) -> None:
    """Make all tables and guards in an empty database, by the same migrations that older archives go through."""
    with engine.execution_options(writing=True).begin() as connection:
        migrate(connection)


def version(engine: Engine) -> str | None:
    """The schema of a database, None where there is no archive in it."""
    with Session(engine) as session:
        return found_version(session)


def migrate(connection: Connection, target: str = "head", *, migrations: Path = FOLDER) -> None:
    """Run migrations up to a version and install the guards, in the caller's transaction.

    On SQLite foreign keys must be off (no transaction can switch them): a batch migration replaces tables.
    Raises VerificationFailed where a migration left rows that refer to nothing.
    """
    from alembic import command
    from alembic.config import Config

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    guards.remove(connection)
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, target)
    if connection.dialect.name == "sqlite":
        lost = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if lost is not None:
            raise VerificationFailed(problem=f"the migration left a row of {lost[0]} without its {lost[2]}")
    if target in ("head", head(migrations)):
        guards.install(connection)


def upgrade(folder: Path, *, backed_up: bool = False, migrations: Path = FOLDER) -> Upgraded:
    """Bring an archive up to this program, all or nothing, after a copy of its database.

    backed_up: the person made a copy (PostgreSQL without pg_dump).
    Raises NoArchive, Locked, WrongVersion for a newer archive, Refused (administrators only), DiskTrouble.
    """
    config = configuration.load(folder / CONFIG)
    database = Database(config.archive.database, folder)
    if database.sqlite:
        event.listen(database.engine, "connect", _without_foreign_keys)
    try:
        with database.exclusive("upgrade"):
            found, needed = version(database.engine), head(migrations)
            if found is None:
                raise NoArchive(folder=folder)
            if found not in versions(migrations):
                raise WrongVersion(found=found, needed=needed)
            with database.reading() as session:
                intact = guards.found(session.connection()) == guards.expected(session.connection().dialect.name)
            if found == needed and intact:
                return Upgraded(found, needed, None, guards_were_intact=True)
            backup = None if backed_up else _copy(database, folder, found)
            with database.writing() as session:
                migrate(session.connection(), migrations=migrations)
                _record(session, {"from": found, "to": needed, "guards_were_intact": intact})
            return Upgraded(found, needed, backup, guards_were_intact=intact)
    finally:
        database.close()


def _without_foreign_keys(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA foreign_keys=OFF")


def _record(session: Session, facts: dict[str, object]) -> None:
    """The act in the log, in the migration's own transaction; whoever may not do it undoes it."""
    actor = current_actor(session)
    require(actor, Role.ADMINISTRATOR)
    now = Clock(for_tests=current_city(session).for_tests).now()
    log.record(session, at=now, act="archive.upgrade", object_kind="archive", actor_id=actor.id, facts=facts)
    log.sequence(session)


def _copy(database: Database, folder: Path, found: str) -> Path:
    """Copy the database beside it, readable by its owner only: it holds the wrapped keys beside the facts."""
    suffix = "db" if database.sqlite else "dump"
    earlier = len(list(folder.glob(f"archive.before-upgrade-from-{found}*")))
    path = folder / f"archive.before-upgrade-from-{found}{f'-{earlier + 1}' if earlier else ''}.{suffix}"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        if database.sqlite:
            _copy_sqlite(database, path)
        else:
            _copy_postgresql(database, path)
    except BaseException:
        path.unlink()
        raise
    return path


def _copy_sqlite(database: Database, path: Path) -> None:
    import sqlite3

    connection = database.engine.raw_connection()
    try:
        connection.cursor().execute("VACUUM INTO ?", (str(path),))  # outside a transaction, unlike the engine's own
    except sqlite3.Error as error:
        raise DiskTrouble(reason=f"the copy before the upgrade failed: {error}", where=str(path)) from None
    finally:
        connection.close()
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _copy_postgresql(database: Database, path: Path) -> None:
    program = shutil.which("pg_dump")
    url = make_url(database.url)
    said = "pg_dump is not installed here"
    if program is not None:
        plain = url.set(drivername="postgresql", password=None).render_as_string()
        environment = dict(os.environ) | ({"PGPASSWORD": str(url.password)} if url.password else {})
        command = [program, "--format=custom", f"--file={path}", f"--dbname={plain}"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        said = (done.stderr.strip() or f"pg_dump ended with {done.returncode}").splitlines()[-1]
    raise Refused(
        reason=f"no copy could be made before the upgrade ({said})",
        action="Copy the database with your own tools, then run `archiver upgrade --backed-up`.",
    )
