"""Declarations: a custodian's dated notice that a personal account or device is used for city business."""

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.clock import start_of_day
from archiver.errors import NotFound, Refused, UsageError
from archiver.scope import Scope, ScopeRule
from archiver.vault.payloads import keep_text, read_text
from schema.db.people import custodian, person
from schema.db.sources import account, declaration, declaration_rule, device
from schema.vocab import DeclarationState, Kind, OwnerKind, Ownership, Role, Visibility

RULE_KEYS = {"parties", "words", "threads", "kinds", "visibility"}


def declare(
    archive: Archive,
    session: Session,
    actor: Actor,
    *,
    account_name: str | None,
    device_name: str | None,
    starts_on: date,
    ends_on: date | None,
    statement: str,
    rules: Sequence[dict[str, list[str]]],
) -> int:
    """Record a declaration, pending until an administrator approves it.

    rules: allow-list, each a mapping with any of parties, words, threads, kinds, visibility.
    ends_on: first day that is no longer covered.  Raises UsageError, NotFound.
    """
    if (account_name is None) == (device_name is None):
        raise UsageError(problem="a declaration names one account or one device")
    table, name = (account, account_name) if account_name else (device, device_name)
    subject = session.execute(select(table).where(table.c.name == name)).mappings().one_or_none()
    if subject is None:
        raise NotFound(noun=table.name, name=name)
    if subject["ownership"] == Ownership.CITY.value:
        raise UsageError(problem=f"{name} is the city's own: it is collected without a declaration")
    if ends_on is not None and ends_on <= starts_on:
        raise UsageError(problem=f"a declaration from {starts_on} ends after that day, not on {ends_on}")
    if not rules:
        raise UsageError(problem="a declaration says what is city business: give at least one rule")
    for rule in rules:
        _parsed(rule)
    values = {
        "custodian_id": subject["custodian_id"],
        "account_id": subject["id"] if account_name else None,
        "device_id": subject["id"] if device_name else None,
        "state": DeclarationState.PENDING.value,
        "starts_on": starts_on,
        "ends_on": ends_on,
        "declared_at": archive.now(),
        "declared_by": actor.id,
    }
    new = int(session.execute(insert(declaration).values(values).returning(declaration.c.id)).scalar_one())
    owner = archive.vault.add_owner(session, OwnerKind.DECLARATION, new)
    text_id = keep_text(session, archive.vault, owner, statement)
    session.execute(update(declaration).where(declaration.c.id == new).values(text_payload_id=text_id))
    for rule in rules:
        payload_id = keep_text(session, archive.vault, owner, json.dumps(rule, sort_keys=True))
        session.execute(insert(declaration_rule).values(declaration_id=new, payload_id=payload_id))
    archive.record_act(session, "declaration.add", "declaration", new, actor_id=actor.id, facts={"rules": len(rules)})
    return new


def _parsed(rule: dict[str, Any]) -> ScopeRule:
    if not rule or set(rule) - RULE_KEYS:
        raise UsageError(
            problem=f"a rule has any of {', '.join(sorted(RULE_KEYS))}; got {', '.join(sorted(rule)) or 'nothing'}"
        )
    if not all(isinstance(part, list) and part and all(isinstance(one, str) for one in part) for part in rule.values()):
        raise UsageError(problem='each part of a rule is a list of texts with at least one, as {"words": ["plow"]}')
    try:
        return ScopeRule(
            parties=frozenset(rule.get("parties", ())),
            words=frozenset(rule.get("words", ())),
            threads=frozenset(rule.get("threads", ())),
            kinds=frozenset(Kind(one) for one in rule.get("kinds", ())),
            visibility=frozenset(Visibility(one) for one in rule.get("visibility", ())),
        )
    except ValueError as error:
        raise UsageError(problem=f"unknown value in a rule: {error}") from None


def decide(
    archive: Archive, session: Session, actor: Actor, declaration_id: int, *, approve: bool, reason: str
) -> None:
    """Approve a pending declaration, or withdraw one; nobody approves what he declared himself.

    Withdrawing stops collection and removes no record.  Raises NotFound, Refused.
    """
    row = _row(session, declaration_id)
    state = DeclarationState(row["state"])
    if state is DeclarationState.WITHDRAWN:
        raise Refused(reason=f"declaration {declaration_id} is withdrawn", action="Declare anew.")
    if approve:
        require(actor, Role.ADMINISTRATOR)
        if state is not DeclarationState.PENDING:
            raise Refused(reason=f"declaration {declaration_id} is {state.value}", action="Declare anew.")
        if row["declared_by"] == actor.id:
            raise Refused(
                reason="who declared does not approve",
                action="Ask another administrator to run `archiver declaration approve`.",
            )
    elif row["declared_by"] != actor.id:
        require(actor, Role.ADMINISTRATOR, Role.CLERK, Role.RECORDS_OFFICER)
    new = DeclarationState.APPROVED if approve else DeclarationState.WITHDRAWN
    session.execute(
        update(declaration)
        .where(declaration.c.id == declaration_id)
        .values(state=new.value, decided_at=archive.now(), decided_by=actor.id)
    )
    archive.record_act(
        session, f"declaration.{new.value}", "declaration", declaration_id, actor_id=actor.id, text=reason
    )


def _row(session: Session, declaration_id: int) -> dict[str, Any]:
    found = session.execute(select(declaration).where(declaration.c.id == declaration_id)).mappings().one_or_none()
    if found is None:
        raise NotFound(noun="declaration", name=declaration_id)
    return dict(found)


def scope_of(archive: Archive, session: Session, declaration_id: int) -> Scope:
    """What a declaration lets through, from its first day to the day before its end in the city's time zone."""
    row = _row(session, declaration_id)
    zone = archive.city.timezone
    rules = tuple(_parsed(one) for one in _rules(archive, session, declaration_id))
    until = start_of_day(row["ends_on"], zone) if row["ends_on"] else None
    return Scope(rules, start_of_day(row["starts_on"], zone), until)


def list_declarations(archive: Archive, session: Session, declaration_id: int | None = None) -> list[dict[str, Any]]:
    """All declarations, or one, with their statements and rules; raises NotFound for one that there is not."""
    declarer, decider = person.alias(), person.alias()
    chosen = (
        select(
            declaration,
            custodian.c.name.label("custodian"),
            account.c.name.label("account"),
            device.c.name.label("device"),
            declarer.c.name.label("declarer"),
            decider.c.name.label("decider"),
        )
        .join(custodian, custodian.c.id == declaration.c.custodian_id)
        .join(declarer, declarer.c.id == declaration.c.declared_by)
        .join(decider, decider.c.id == declaration.c.decided_by, isouter=True)
        .join(account, account.c.id == declaration.c.account_id, isouter=True)
        .join(device, device.c.id == declaration.c.device_id, isouter=True)
        .order_by(declaration.c.id)
    )
    if declaration_id is not None:
        _row(session, declaration_id)
        chosen = chosen.where(declaration.c.id == declaration_id)
    kept = ("id", "custodian", "account", "device", "state", "starts_on", "ends_on", "declared_at", "decided_at")
    return [
        {
            **{key: row[key] for key in kept},
            "declared_by": row["declarer"],
            "decided_by": row["decider"],
            "statement": read_text(session, archive.vault, row["text_payload_id"]),
            "rules": _rules(archive, session, row["id"]),
        }
        for row in session.execute(chosen).mappings().all()
    ]


def _rules(archive: Archive, session: Session, declaration_id: int) -> list[dict[str, list[str]]]:
    payloads = session.execute(
        select(declaration_rule.c.payload_id)
        .where(declaration_rule.c.declaration_id == declaration_id)
        .order_by(declaration_rule.c.id)
    ).scalars()
    return [json.loads(read_text(session, archive.vault, one) or "{}") for one in payloads.all()]
