"""Making an archive: folder, key, tables, guards, first administrator."""

import getpass
import os
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import insert

from archiver import config as configuration
from archiver.archive import CONFIG, Archive, City
from archiver.audit.heads import sign_head
from archiver.clock import Clock
from archiver.database import Database
from archiver.errors import AlreadyExists, UsageError
from archiver.operate.migrate import create_tables
from archiver.retain.series import make_built_in
from archiver.sources.persons import add_person
from archiver.vault import Vault
from archiver.vault.keys import add_master, new_master_key, parse_key, write_key_file
from archiver.vault.objects import ObjectStore
from archiver.vault.secrets import make_secrets
from schema.db.city import city_edition, id_block
from schema.law import loader
from schema.vocab import Role

BLOCKS = ("record", "version", "component", "payload", "thread", "party", "data_request")
FIRST_ROLES = (Role.ADMINISTRATOR, Role.CLERK, Role.RECORDS_OFFICER)


@dataclass(frozen=True, slots=True)
class Made:
    """What `init` made."""

    folder: Path
    key_file: Path
    administrator: str


def initialise(folder: Path, city: City, *, key_file: Path | None = None, database: str | None = None) -> Made:
    """Make an archive in an empty or new folder.

    key_file: where the master key is, or shall be written, outside the archive if possible.  database: SQLAlchemy URL.
    Raises AlreadyExists, UsageError for an unknown jurisdiction or time zone.
    """
    _check(city)
    folder = folder.resolve()
    if folder.exists() and any(folder.iterdir()):
        raise AlreadyExists(noun="folder with files", name=folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key_path = key_file or folder / "keys" / "master.key"
    if not key_path.exists():
        write_key_file(key_path, new_master_key())
    write_config(folder, key_file, database)
    (folder / "archive.lock").touch(mode=0o600)
    config = configuration.load(folder / CONFIG)
    facts = Database(config.archive.database, folder)
    create_tables(facts.engine)
    key = parse_key(key_path.read_bytes())
    now = Clock(for_tests=city.for_tests).now()
    with facts.writing() as session:
        session.execute(insert(id_block), [{"name": name, "next": 1} for name in BLOCKS])
        vault = Vault(add_master(session, key, now), key, ObjectStore(folder / config.archive.objects))
        make_secrets(session, vault)
        session.execute(insert(city_edition).values(decided_at=now, settings=city.as_json()))
        make_built_in(session)
    facts.close()
    return Made(folder, key_path, _first_administrator(folder))


def _check(city: City) -> None:
    try:
        loader.jurisdiction(city.jurisdiction)
    except LookupError:
        known = ", ".join(one.id for one in loader.jurisdictions())
        raise UsageError(problem=f"no jurisdiction {city.jurisdiction}; there are: {known}") from None
    try:
        ZoneInfo(city.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise UsageError(problem=f"no time zone {city.timezone}; write it like America/Chicago") from None


def write_config(folder: Path, key_file: Path | None, database: str | None) -> None:
    """Write the config.toml of a new archive: where its facts and its master key are."""
    lines = ["# This machine only; the city's decisions are in the archive. See config.example.toml.", "[archive]"]
    lines.append(f'database = "{database or "sqlite:///archive.db"}"')
    lines += ["", "[keys]", f'master = "file:{key_file.resolve() if key_file else "keys/master.key"}"', ""]
    file = os.open(folder / CONFIG, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w") as stream:
        stream.write("\n".join(lines))


def _first_administrator(folder: Path) -> str:
    login = getpass.getuser()
    archive = Archive(folder)
    try:
        with archive.unit() as session:
            add_person(archive, session, None, name=login, login=login, os_login=login, roles=FIRST_ROLES)
            archive.record_act(session, "archive.init", "archive", actor_id=1)
        with archive.unit() as session:
            sign_head(session, archive.signer, archive.now())
    finally:
        archive.close()
    return login
