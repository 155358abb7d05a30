"""Lakewood Falls, Minnesota: invented people, and when what they wrote was written."""

import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from archiver.clock import city_date, start_of_day

NAME = "Lakewood Falls"
JURISDICTION = "us-mn"
ZONE = "America/Chicago"
DOMAIN = "lakewoodfalls.example.org"


@dataclass(frozen=True, slots=True)
class Someone:
    """An invented person or desk with an address and a number that belong to nobody."""

    key: str
    name: str
    mail: str
    phone: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """Places what the content says in days before the demo; now: milliseconds UTC."""

    now: int

    def day(self, days: int) -> date:
        """The calendar day so many days before the demo, in the city's zone."""
        return city_date(self.now, ZONE) - timedelta(days=days)

    def moment(self, days: int, at: str) -> int:
        """Milliseconds UTC of a day and hour (HH:MM); never later than a minute before the demo."""
        hours, minutes = map(int, at.split(":"))
        wanted = start_of_day(self.day(days), ZONE) + (hours * 60 + minutes) * 60_000
        return min(wanted, self.now - 60_000)


@cache
def content(name: str) -> dict[str, Any]:
    """One file of the content, read once."""
    return tomllib.loads((files("archiver.demo.content") / f"{name}.toml").read_text("utf-8"))


@cache
def people() -> dict[str, Someone]:
    """Everyone by key."""
    return {key: Someone(key, **facts) for key, facts in content("people").items()}


def routine(entry: dict[str, Any]) -> list[tuple[int, dict[str, str]]]:
    """The days of something that repeats, each with the words that fill its text.

    entry: `first` day, `every` so many days, `count`, and lists that take turns.
    """
    turns: dict[str, list[Any]] = {name: entry[name] for name in ("what", "where", "texts") if name in entry}
    found = []
    for number in range(entry["count"]):
        words = {name: str(values[number % len(values)]) for name, values in turns.items()}
        found.append((max(1, entry["first"] - number * entry["every"]), {**words, "n": str(number + 1)}))
    return found
