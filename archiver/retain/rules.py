"""Classification rules: in order, the first that fits names the series of a record."""

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
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
from schema.vocab import CustodianKind, Direction, Kind, Platform, Role, Visibility

CONDITIONS = (
    "source",
    "account",
    "platform",
    "kind",
    "custodian",
    "custodian_kind",
    "custodian_title",
    "department",
    "body",
    "thread",
    "direction",
    "visibility",
    "words",
)
_CLOSED: dict[str, type[StrEnum]] = {
    "platform": Platform,
    "kind": Kind,
    "custodian_kind": CustodianKind,
    "direction": Direction,
    "visibility": Visibility,
}

Stems = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ParsedRule:
    """A rule as a file states it; series: key or code as written there."""

    position: int
    series: str
    conditions: Mapping[str, Sequence[str]]
    reason: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: every condition that is given holds; of the values of one condition any.

    stems: single words, phrases: words that follow each other; one of them occurs in title or text.
    threads: native ids and titles of threads, as written and by stem: one is the thread's id, or all its words are in
    the thread's title.
    """

    id: int
    series_id: int
    position: int
    conditions: Mapping[str, frozenset[str]]
    stems: frozenset[str] = frozenset()
    phrases: tuple[Stems, ...] = ()
    threads: tuple[tuple[str, Stems], ...] = ()

    @property
    def reads_content(self) -> bool:
        """Whether the rule needs the record's content, which is sealed."""
        return bool(self.stems or self.phrases or self.threads)

    def fits(self, facts: Mapping[str, str | tuple[str, ...]], text: str) -> bool:
        """Whether the rule fits a record: facts by condition name, text as tokens are cut from it."""
        return self.may_fit(facts) and (not self.reads_content or self._fits_content(facts, text))

    def may_fit(self, facts: Mapping[str, str | tuple[str, ...]]) -> bool:
        """Whether every condition holds that needs no content."""
        for name, allowed in self.conditions.items():
            value = facts.get(name, "")
            values = (value,) if isinstance(value, str) else value
            if not any(one.casefold() in allowed for one in values):
                return False
        return True

    def _fits_content(self, facts: Mapping[str, str | tuple[str, ...]], text: str) -> bool:
        if self.threads and not self._fits_thread(str(facts.get("thread_id", "")), str(facts.get("thread_title", ""))):
            return False
        if not (self.stems or self.phrases):
            return True
        found = tokens.stems(tokens.words(text))
        return not self.stems.isdisjoint(found) or any(_follows(phrase, found) for phrase in self.phrases)

    def _fits_thread(self, thread_id: str, title: str) -> bool:
        words = set(tokens.stems(tokens.words(title)))
        return any(
            (thread_id != "" and thread_id == written) or (stems and words.issuperset(stems))
            for written, stems in self.threads
        )


def _follows(phrase: Stems, found: Sequence[str]) -> bool:
    return any(tuple(found[at : at + len(phrase)]) == phrase for at, stem in enumerate(found) if stem == phrase[0])


def read_rules(path: Path) -> list[ParsedRule]:
    """The `[[rule]]` tables of a TOML file in order; raises UsageError naming the rule that is wrong."""
    try:
        entries = tomllib.loads(path.read_text("utf-8")).get("rule", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(problem=f"{path.name} cannot be read: {error}", where=str(path)) from None
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise UsageError(problem=f"{path.name} has no [[rule]] tables", where=str(path))
    if not entries:
        raise UsageError(problem=f"{path.name} has no [[rule]] in it; the rules in force stay", where=str(path))
    return [_parsed(position, entry, path) for position, entry in enumerate(entries, 1)]


def _parsed(position: int, entry: Mapping[str, Any], path: Path) -> ParsedRule:
    conditions = {name: _list(entry[name]) for name in CONDITIONS if name in entry}
    problem = None
    if unknown := sorted(set(entry) - set(CONDITIONS) - {"series", "reason"}):
        problem = f"unknown key {unknown[0]}"
    elif "series" not in entry or not conditions:
        problem = "a rule has `series` and at least one condition"
    for name, values in conditions.items():
        known = [one.value for one in _CLOSED[name]] if name in _CLOSED else None
        if not values:
            problem = f"{name} has no value"
        elif name == "words" and (empty := [one for one in values if not tokens.words(one)]):
            problem = f"{empty[0]!r} has no word in it"
        elif known and (strange := [one for one in values if one.casefold() not in known]):
            problem = f"{name} is never {strange[0]!r}; it is one of {', '.join(known)}"
    if problem:
        raise UsageError(problem=f"rule {position}: {problem}", where=str(path))
    return ParsedRule(position, str(entry["series"]), conditions, str(entry.get("reason", ""))[:400])


def _list(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def import_rules(archive: Archive, session: Session, actor: Actor, path: Path) -> int:
    """Make a TOML file's `[[rule]]` tables the rules in force; earlier ones end, tags that they made stay.

    Raises UsageError naming the rule that is wrong, NotFound for an unknown series, Refused.
    """
    require(actor, Role.RECORDS_OFFICER)
    parsed = read_rules(path)
    edition = (session.execute(select(func.max(classification_rule.c.edition))).scalar() or 0) + 1
    rows = [
        {
            "edition": edition,
            "position": one.position,
            "series_id": find_series(session, one.series).id,
            "conditions": json.dumps(one.conditions, sort_keys=True, ensure_ascii=False),
            "reason": one.reason,
        }
        for one in parsed
    ]
    ended = update(classification_rule).where(classification_rule.c.ended_at.is_(None))
    session.execute(ended.values(ended_at=archive.now()))
    if rows:
        session.execute(insert(classification_rule), rows)
    facts = {"edition": edition, "rules": len(rows)}
    archive.record_act(session, "rules.import", "classification_rule", actor_id=actor.id, facts=facts)
    return len(rows)


def rules_in_force(session: Session) -> list[Rule]:
    """The rules in order."""
    rows = session.execute(
        select(classification_rule)
        .where(classification_rule.c.ended_at.is_(None))
        .order_by(classification_rule.c.position)
    ).mappings()
    return [_rule(row["id"], row["series_id"], row["position"], json.loads(row["conditions"])) for row in rows]


def rules_to_try(session: Session, parsed: Iterable[ParsedRule]) -> list[Rule]:
    """Rules of a file as if they were in force, to see what they would do; id: the negative position.

    Raises NotFound for an unknown series.
    """
    return [_rule(-one.position, find_series(session, one.series).id, one.position, one.conditions) for one in parsed]


def _rule(rule_id: int, series_id: int, position: int, conditions: Mapping[str, Sequence[str]]) -> Rule:
    written = dict(conditions)
    words = [tuple(tokens.stems(tokens.words(one))) for one in written.pop("words", ())]
    threads = tuple((one, tuple(tokens.stems(tokens.words(one)))) for one in written.pop("thread", ()))
    return Rule(
        rule_id,
        series_id,
        position,
        {name: frozenset(value.casefold() for value in values) for name, values in written.items()},
        frozenset(one[0] for one in words if len(one) == 1),
        tuple(one for one in words if len(one) > 1),
        threads,
    )


def first_fit(rules: Sequence[Rule], facts: Mapping[str, str | tuple[str, ...]], text: str) -> Rule | None:
    """The first rule that fits, None where none does."""
    return next((rule for rule in rules if rule.fits(facts, text)), None)


def fit_without_content(rules: Sequence[Rule], facts: Mapping[str, str | tuple[str, ...]]) -> tuple[Rule | None, bool]:
    """The first rule that fits whatever the content says, and whether that is sure without reading the content."""
    for rule in rules:
        if rule.may_fit(facts):
            return (None, False) if rule.reads_content else (rule, True)
    return None, True
