"""The only clock of the archive (ruff bans every other source of now)."""

import os
import time
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from archiver.errors import TestClockRefused
from schema.vocab import Precision

TEST_NOW = "ARCHIVER_TEST_NOW"


class Clock:
    """Tells the time; a fixed one only in an archive made with `init --for-tests`."""

    def __init__(self, *, for_tests: bool = False) -> None:
        text = os.environ.get(TEST_NOW)
        if text and not for_tests:
            raise TestClockRefused(variable=TEST_NOW)
        self._fixed = _parse(text) if text else None

    def now(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""
        return self._fixed if self._fixed is not None else time.time_ns() // 1_000_000


def monotonic() -> float:
    """Seconds that only ever grow, for measuring durations."""
    return time.monotonic()


def _parse(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def city_date(at: int, zone: str) -> date:
    """The calendar day in a time zone on which a moment (milliseconds UTC) falls."""
    return datetime.fromtimestamp(at / 1000, ZoneInfo(zone)).date()


def start_of_day(day: date, zone: str) -> int:
    """Milliseconds UTC at which a calendar day begins in a time zone."""
    return round(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def printed(at: int | None, zone: str, offset_min: int | None = None, precision: Precision = Precision.SECOND) -> str:
    """A time as people read it, always with its zone and offset; the source's own offset wins over the city's zone."""
    if at is None or precision is Precision.UNKNOWN:
        return "time unknown"
    if offset_min is None:
        moment, name = datetime.fromtimestamp(at / 1000, ZoneInfo(zone)), zone
    else:
        moment = datetime.fromtimestamp(at / 1000, timezone(timedelta(minutes=offset_min)))
        name = "sender's time"
    if precision is Precision.DAY:
        return f"{moment:%Y-%m-%d} ({name})"
    form = "%Y-%m-%d %H:%M" if precision is Precision.MINUTE else "%Y-%m-%d %H:%M:%S"
    return f"{moment:{form}} {moment:%z} ({name})"


def iso(at: int | None) -> str | None:
    """A moment (milliseconds UTC) as ISO 8601 in UTC, for machines."""
    return None if at is None else datetime.fromtimestamp(at / 1000, UTC).isoformat().replace("+00:00", "Z")
