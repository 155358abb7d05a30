"""Sources: what connectors read, with their settings and credentials."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.config import secret as secret_behind
from archiver.errors import AlreadyExists, NotFound, UsageError
from archiver.sources.subjects import subject_id
from archiver.vault.payloads import keep_text, read_text
from connectors.contract import ConnectorInfo
from connectors.errors import ConnectorError
from schema.db.people import custodian
from schema.db.sources import account, credential, declaration, device, source
from schema.vocab import DataClass, OwnerKind, Platform, Role


@dataclass(frozen=True, slots=True)
class Source:
    """A source with the names of what it reads."""

    id: int
    name: str
    connector: str
    platform: Platform
    settings: Mapping[str, Any]
    account_id: int | None
    device_id: int | None
    declaration_id: int | None
    account: str
    device: str
    custodian: str
    custodian_kind: str
    data_class: DataClass
    active: bool


def add_source(
    archive: Archive,
    session: Session,
    actor: Actor,
    *,
    name: str,
    connector: str,
    settings: Mapping[str, str],
    account_name: str | None = None,
    device_name: str | None = None,
    declaration_id: int | None = None,
    data_class: DataClass = DataClass.UNCLASSIFIED,
) -> int:
    """Add a source: the city's own unless a declaration is named.

    settings: as written by a person; secret ones are references (env:, file:, keyring:) or are sealed.
    The name of a removed source of the same connector and subject takes that source up again, so that what was
    collected from it is known and what was destroyed stays destroyed (promise 14).
    Raises UsageError for an unknown connector or setting, AlreadyExists, NotFound, Refused.
    """
    require(actor, Role.ADMINISTRATOR, Role.CLERK, Role.RECORDS_OFFICER)
    before = session.execute(select(source).where(source.c.name == name)).mappings().one_or_none()
    if before is not None and before["removed_at"] is None:
        raise AlreadyExists(noun="source", name=name)
    info = info_of(connector)
    plain, secrets = _checked(info, settings)
    account_id = subject_id(session, account, account_name) if account_name else None
    device_id = subject_id(session, device, device_name) if device_name else None
    if declaration_id is not None:
        row = session.execute(select(declaration).where(declaration.c.id == declaration_id)).mappings().one_or_none()
        if row is None:
            raise NotFound(noun="declaration", name=declaration_id)
        account_id, device_id = row["account_id"], row["device_id"]
    values = {
        "name": name,
        "connector": connector,
        "platform": info.platform.value,
        "account_id": account_id,
        "device_id": device_id,
        "declaration_id": declaration_id,
        "settings": json.dumps(plain, sort_keys=True),
        "data_class": data_class.value,
        "added_at": archive.now(),
        "added_by": actor.id,
    }
    new = _stored(session, before, values)
    for key, value in secrets.items():
        set_credential(archive, session, new, key, value)
    facts = {"connector": connector, "again": before is not None}
    archive.record_act(session, "source.add", "source", new, actor_id=actor.id, facts=facts)
    return new


def _stored(session: Session, before: Mapping[Any, Any] | None, values: Mapping[str, Any]) -> int:
    """Store a new source, or take up the removed one of that name where it is the same one."""
    if before is None:
        return int(session.execute(insert(source).values(values).returning(source.c.id)).scalar_one())
    if any(before[key] != values[key] for key in ("connector", "account_id", "device_id")):
        raise AlreadyExists(noun="source", name=before["name"])  # a removed one keeps its name
    again = {**values, "active": True, "removed_at": None}
    session.execute(update(source).where(source.c.id == before["id"]).values(again))
    return int(before["id"])


def info_of(connector: str) -> ConnectorInfo:
    """What a connector says of itself; raises UsageError naming the known ones."""
    from connectors import registry

    try:
        info: ConnectorInfo = registry.get(connector).info
    except ConnectorError as error:
        raise UsageError(problem=str(error)) from None
    return info


def _checked(info: ConnectorInfo, given: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    fields = {one.name: one for one in info.config}
    if unknown := sorted(set(given) - set(fields)):
        known = ", ".join(fields) or "none"
        raise UsageError(problem=f"connector {info.name} has no setting {unknown[0]}; it has: {known}")
    if missing := [one.name for one in info.config if one.required and one.name not in given]:
        raise UsageError(problem=f"connector {info.name} needs --set {missing[0]}=… ({fields[missing[0]].help})")
    plain: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    for key, value in given.items():
        if fields[key].secret:
            secrets[key] = value
        else:
            plain[key] = _typed(key, value, fields[key].default)
    return plain, secrets


def _typed(key: str, value: str, default: str | int | bool | None) -> str | int | bool:
    if isinstance(default, bool):
        if value.lower() not in ("yes", "no", "true", "false"):
            raise UsageError(problem=f"{key} is yes or no")
        return value.lower() in ("yes", "true")
    if isinstance(default, int):
        try:
            return int(value)
        except ValueError:
            raise UsageError(problem=f"{key} is a whole number") from None
    return value


def set_credential(archive: Archive, session: Session, source_id: int, name: str, value: str) -> None:
    """Keep a credential: a reference as it is, anything else sealed under a key of its own."""
    session.execute(delete(credential).where(credential.c.source_id == source_id, credential.c.name == name))
    values: dict[str, object] = {"source_id": source_id, "name": name, "set_at": archive.now()}
    if value.split(":", 1)[0] in ("env", "file", "keyring"):
        session.execute(insert(credential).values(**values, reference=value))
        return
    new = int(session.execute(insert(credential).values(values).returning(credential.c.id)).scalar_one())
    owner = archive.vault.add_owner(session, OwnerKind.CREDENTIAL, new)
    payload_id = keep_text(session, archive.vault, owner, value)
    session.execute(update(credential).where(credential.c.id == new).values(payload_id=payload_id))


def credentials(archive: Archive, session: Session, source_id: int) -> dict[str, str]:
    """The secrets of a source, opened; raises KeyMissing where a reference leads nowhere."""
    found = {}
    for row in session.execute(select(credential).where(credential.c.source_id == source_id)).mappings():
        if row["reference"]:
            found[row["name"]] = secret_behind(row["reference"], archive.folder).decode().strip()
        else:
            found[row["name"]] = read_text(session, archive.vault, row["payload_id"]) or ""
    return found


def _chosen() -> Any:
    return (
        select(
            source,
            account.c.name.label("account_name"),
            device.c.name.label("device_name"),
            custodian.c.name.label("custodian_name"),
            custodian.c.kind.label("custodian_kind"),
        )
        .join(account, account.c.id == source.c.account_id, isouter=True)
        .join(device, device.c.id == source.c.device_id, isouter=True)
        .join(
            custodian,
            (custodian.c.id == account.c.custodian_id) | (custodian.c.id == device.c.custodian_id),
            isouter=True,
        )
    )


def _source(row: RowMapping) -> Source:
    return Source(
        id=row["id"],
        name=row["name"],
        connector=row["connector"],
        platform=Platform(row["platform"]),
        settings=json.loads(row["settings"]),
        account_id=row["account_id"],
        device_id=row["device_id"],
        declaration_id=row["declaration_id"],
        account=row["account_name"] or "",
        device=row["device_name"] or "",
        custodian=row["custodian_name"] or "",
        custodian_kind=row["custodian_kind"] or "",
        data_class=DataClass(row["data_class"]),
        active=bool(row["active"]) and row["removed_at"] is None,
    )


def find_source(session: Session, name: str) -> Source:
    """A source by name; raises NotFound."""
    row = session.execute(_chosen().where(source.c.name == name).order_by(source.c.id.desc())).mappings().first()
    if row is None:
        raise NotFound(noun="source", name=name)
    return _source(row)


def list_sources(session: Session, *, removed: bool = False) -> list[Source]:
    """All sources in order of name; removed ones too where asked, since their records stay."""
    rows = session.execute(_chosen().order_by(source.c.name)).mappings()
    return [one for one in map(_source, rows) if removed or one.active]


def remove_source(archive: Archive, session: Session, actor: Actor, name: str, reason: str) -> None:
    """Stop collecting a source; its records, captures and gaps stay."""
    require(actor, Role.ADMINISTRATOR, Role.CLERK, Role.RECORDS_OFFICER)
    found = find_source(session, name)
    session.execute(update(source).where(source.c.id == found.id).values(active=False, removed_at=archive.now()))
    archive.record_act(session, "source.remove", "source", found.id, actor_id=actor.id, text=reason)
