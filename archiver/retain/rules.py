"""Classification rules: in order, the first that fits names the series of a record."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from archiver import tokens
from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.errors import UsageError
from archiver.retain.series import find_series
from schema.db.retain import classification_rule
from schema.vocab import Role

CONDITIONS = (
    "source",
    "account",
    "platform",
    "kind",
    "custodian",
    "custodian_kind",
    "direction",
    "visibility",
    "words",
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: every condition that is given holds; words: any of them occurs (by stem)."""

    id: int
    series_id: int
    position: int
    conditions: Mapping[str, frozenset[str]]
    stems: frozenset[str]

    def fits(self, facts: Mapping[str, str], text: str) -> bool:
        """Whether the rule fits a record: facts by condition name, text as tokens are cut from it."""
        for name, allowed in self.conditions.items():
            if facts.get(name, "").casefold() not in allowed:
                return False
        return not self.stems or not self.stems.isdisjoint(map(tokens.stem, tokens.words(text)))


def import_rules(archive: Archive, session: Session, actor: Actor, path: Path) -> int:
    """Make a TOML file's `[[rule]]` tables the rules in force; earlier ones end, tags that they made stay.

    Raises UsageError naming the rule that is wrong, NotFound for an unknown series, Refused.
    """
    require(actor, Role.RECORDS_OFFICER)
    try:
        entries = tomllib.loads(path.read_text("utf-8")).get("rule", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(problem=f"{path.name} cannot be read: {error}", where=str(path)) from None
    edition = (session.execute(select(func.max(classification_rule.c.edition))).scalar() or 0) + 1
    rows = []
    for position, entry in enumerate(entries, 1):
        conditions = {name: _list(entry[name]) for name in CONDITIONS if name in entry}
        unknown = sorted(set(entry) - set(CONDITIONS) - {"series", "reason"})
        if unknown or "series" not in entry or not conditions:
            problem = f"unknown key {unknown[0]}" if unknown else "a rule has `series` and at least one condition"
            raise UsageError(problem=f"rule {position}: {problem}", where=str(path))
        rows.append(
            {
                "edition": edition,
                "position": position,
                "series_id": find_series(session, entry["series"]).id,
                "conditions": json.dumps(conditions, sort_keys=True, ensure_ascii=False),
                "reason": str(entry.get("reason", ""))[:400],
            }
        )
    ended = update(classification_rule).where(classification_rule.c.ended_at.is_(None))
    session.execute(ended.values(ended_at=archive.now()))
    if rows:
        session.execute(insert(classification_rule), rows)
    archive.record_act(
        session,
        "rules.import",
        "classification_rule",
        actor_id=actor.id,
        facts={"edition": edition, "rules": len(rows)},
    )
    return len(rows)


def _list(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def rules_in_force(session: Session) -> list[Rule]:
    """The rules in order."""
    rows = session.execute(
        select(classification_rule)
        .where(classification_rule.c.ended_at.is_(None))
        .order_by(classification_rule.c.position)
    ).mappings()
    return [_rule(dict(row)) for row in rows]


def _rule(row: dict[str, Any]) -> Rule:
    conditions = json.loads(row["conditions"])
    stems = frozenset(tokens.stem(token) for word in conditions.pop("words", ()) for token in tokens.words(word))
    folded = {name: frozenset(value.casefold() for value in values) for name, values in conditions.items()}
    return Rule(row["id"], row["series_id"], row["position"], folded, stems)


def first_fit(rules: Sequence[Rule], facts: Mapping[str, str], text: str) -> Rule | None:
    """The first rule that fits, None where none does."""
    return next((rule for rule in rules if rule.fits(facts, text)), None)
