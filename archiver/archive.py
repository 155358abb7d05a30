"""An opened archive: configuration, database, vault, clock, the city's decisions, and its units of work."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from archiver import config as configuration
from archiver.audit import log
from archiver.clock import Clock
from archiver.database import Database, reserve
from archiver.errors import NoArchive, UsageError, WrongVersion
from archiver.vault import Vault
from archiver.vault.keys import find_master, parse_key
from archiver.vault.objects import ObjectStore
from archiver.vault.payloads import seal_content, write_rows
from archiver.vault.secrets import ArchiveSigner, load_index_key
from schema.db import guards
from schema.db.city import city_edition
from schema.db.migrations import head
from schema.vocab import OwnerKind

CONFIG = "config.toml"


@dataclass(frozen=True, slots=True)
class ApprovalStep:
    """One signature under a disposition: who has the role, or the named persons, the first of them before deputies.

    role: a Role's value.  logins: persons by login; the first is the approver, the others are deputies.
    """

    role: str = ""
    logins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class City:
    """The city's decisions that every room needs, as of the newest edition.

    fiscal_year_end: (month, day).  holiday_options: local choices by holiday name.
    city_targets: business days by rule id.  closed_request_days: how long a closed request holds, None: not decided.
    departments_answer: every record of a disposition needs an answer before it is approved.  approvers: in order.
    resolution_needed: the council's resolution number is asked for.  cooling_off_days: between the last approval and
    destruction, 0 allowed.  backup_days: after how many days the city removes a backup.
    """

    name: str
    jurisdiction: str
    timezone: str
    for_tests: bool = False
    fiscal_year_end: tuple[int, int] = (12, 31)
    holiday_options: Mapping[str, bool] = field(default_factory=dict)
    city_targets: Mapping[str, int] = field(default_factory=dict)
    closed_request_days: int | None = None
    departments_answer: bool = False
    approvers: tuple[ApprovalStep, ...] = (ApprovalStep("administrator"),)
    resolution_needed: bool = False
    cooling_off_days: int = 1
    backup_days: int = 90

    def as_json(self) -> str:
        """The edition's settings as stored."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "City":
        """The settings of a stored edition."""
        data = json.loads(text)
        data["fiscal_year_end"] = tuple(data["fiscal_year_end"])
        if "approvers" in data:
            data["approvers"] = tuple(ApprovalStep(one["role"], tuple(one["logins"])) for one in data["approvers"])
        return cls(**data)


class Archive:
    """What the edges open; rooms get sessions, the vault and the city from it."""

    def __init__(self, folder: Path) -> None:
        """Open the archive in a folder; raises NoArchive, WrongVersion, WrongKey, ConfigError."""
        self.folder = folder
        self.config = configuration.load(folder / CONFIG)
        self.database = Database(self.config.archive.database, folder)
        with self.database.reading() as session:
            found = found_version(session)
            if found is None:
                raise NoArchive(folder=folder)
            if found != head():
                raise WrongVersion(found=found, needed=head())
            self.city = current_city(session)
            self.clock = Clock(for_tests=self.city.for_tests)
            key = parse_key(configuration.secret(self.config.keys.master, folder))
            objects = ObjectStore(folder / self.config.archive.objects)
            self.vault = Vault(find_master(session, key), key, objects)
            load_index_key(session, self.vault)

    @cached_property
    def signer(self) -> ArchiveSigner:
        """Signs on behalf of the archive."""
        with self.database.reading() as session:
            return ArchiveSigner(session, self.vault)

    @property
    def guards_intact(self) -> bool:
        """Whether the database's own refusals are exactly those of this program; destruction relies on them."""
        with self.database.reading() as session:
            connection = session.connection()
            return guards.found(connection) == guards.expected(connection.dialect.name)

    @property
    def index_folder(self) -> Path:
        """Where the search index lies."""
        return self.folder / self.config.archive.index

    @contextmanager
    def unit(self) -> Iterator[Session]:
        """A unit of work: its facts, keys and audit events are committed together or not at all."""
        with self.database.writing() as session:
            yield session
            log.sequence(session)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A short read transaction."""
        with self.database.reading() as session:
            yield session

    def now(self) -> int:
        """Milliseconds UTC by the archive's clock."""
        return self.clock.now()

    def record_act(
        self,
        session: Session,
        act: str,
        object_kind: str,
        object_id: int | None = None,
        *,
        actor_id: int | None = None,
        outcome: str = "ok",
        facts: Mapping[str, Any] | None = None,
        text: str | None = None,
    ) -> int:
        """Write an audit event in the act's transaction; a person's own words are sealed beside it.

        Raises UsageError where these words are empty: an act with a reason has one.
        """
        if text is not None and not text.strip():
            raise UsageError(problem="say why in words; the reason is empty, and nothing was changed")
        digest, payload_id = None, None
        if text is not None:
            payload_id = reserve(session, "payload", 1)
            owner = self.vault.add_owner(session, OwnerKind.EVENT, payload_id)
            sealed = seal_content(self.vault, owner, payload_id, text.encode())
            write_rows(session, [sealed])
            digest = sealed.digest
        return log.record(
            session,
            at=self.now(),
            act=act,
            object_kind=object_kind,
            object_id=object_id,
            actor_id=actor_id,
            outcome=outcome,
            facts=facts,
            text_digest=digest,
            text_payload_id=payload_id,
        )

    def close(self) -> None:
        """Release connections."""
        self.database.close()


def found_version(session: Session) -> str | None:
    """The schema of a database as its migrations noted it, None where there is no archive in it."""
    try:
        found = session.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except DBAPIError:
        session.rollback()
        if inspect(session.connection()).has_table("alembic_version"):
            raise
        return None
    return None if found is None else str(found)


def current_city(session: Session) -> City:
    """The newest edition of the city's decisions."""
    newest = select(city_edition.c.settings).order_by(city_edition.c.id.desc()).limit(1)
    return City.from_json(session.execute(newest).scalar_one())


def find_folder(named: str | None, start: Path) -> Path:
    """The archive's folder: as named, else ARCHIVER_ARCHIVE, else upwards from a folder; raises NoArchive."""
    chosen = named or os.environ.get("ARCHIVER_ARCHIVE")
    if chosen:
        folder = Path(chosen).expanduser().resolve()
        if (folder / CONFIG).is_file():
            return folder
        raise NoArchive(folder=folder)
    for folder in (start, *start.parents):
        if (folder / CONFIG).is_file() and (folder / "archive.lock").exists():
            return folder
    raise NoArchive(folder=start)
