"""Scope: which items of a declared account or device are city business.

Used on the employee's computer and again on arrival.

Allow-list only: what no rule names stays out (law.md section 5, "Boundary to enforce").
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from schema.item import Item
from schema.vocab import Kind, Visibility

OPEN_TO_ALL = frozenset({Visibility.PUBLIC, Visibility.UNLISTED})


@dataclass(frozen=True, slots=True)
class ScopeRule:
    """One rule of a declaration: an item matches when every part that is given matches.

    parties: addresses, one of which takes part.  words: at least one occurs as a whole word in title or text.
    threads: native thread ids.  kinds: kinds of items.  visibility: who can see it; empty means public and unlisted,
    or any where the source does not say.
    """

    parties: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    threads: frozenset[str] = frozenset()
    kinds: frozenset[Kind] = frozenset()
    visibility: frozenset[Visibility] = field(default=frozenset())


@dataclass(frozen=True, slots=True)
class Scope:
    """All that a declaration lets through: rules within [since, until), milliseconds UTC."""

    rules: tuple[ScopeRule, ...]
    since: int | None = None
    until: int | None = None


def in_scope(item: Item, scope: Scope) -> bool:
    """Whether an item may be collected; those of unknown time may not, as nobody can tell whether they are declared."""
    if item.sent is None:
        return False
    if scope.since is not None and item.sent.at < scope.since:
        return False
    if scope.until is not None and item.sent.at >= scope.until:
        return False
    return any(_matches(item, rule) for rule in scope.rules)


def _matches(item: Item, rule: ScopeRule) -> bool:
    allowed = rule.visibility or (OPEN_TO_ALL | {Visibility.UNKNOWN})
    if item.visibility not in allowed:
        return False
    if rule.kinds and item.kind not in rule.kinds:
        return False
    if rule.threads and item.thread_id not in rule.threads:
        return False
    if rule.parties and not any(_same(party.address, rule.parties) for party in item.parties):
        return False
    return not rule.words or _has_word(f"{item.title or ''}\n{item.text}", sorted(rule.words))


def _same(address: str, wanted: frozenset[str]) -> bool:
    return _reduced(address) in {_reduced(one) for one in wanted}


def _reduced(address: str) -> str:
    """An address for comparison: of phone numbers the last ten digits, so that +1 and a trunk prefix do not matter."""
    digits = re.sub(r"\D", "", address)
    if len(digits) >= 7 and not re.search(r"[^\d\s().+\-/]", address):
        return digits[-10:]
    return address.strip().lstrip("@").casefold()


def _has_word(text: str, words: Sequence[str]) -> bool:
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) for word in words)
