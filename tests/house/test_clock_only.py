"""There is one clock: everything else is given the time (decision 3)."""

import ast
import re

from tests.house.source import modules

CLOCK = "archiver/clock.py"
NOW = {
    "time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime", "datetime.now", "datetime.utcnow",
    "datetime.today", "date.today", "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.date.today",
    "func.now", "func.current_timestamp", "func.current_date", "uuid.uuid1", "uuid1",
}  # fmt: skip
SQL_NOW = re.compile(r"CURRENT_(TIMESTAMP|DATE|TIME)\b|datetime\('now'|strftime\('%s', *'now'")
DURATIONS = {"time.monotonic", "time.perf_counter"}
"""Allowed to connectors and to the child process that reads attachments, which have no archive."""


def dotted(node: ast.expr) -> str:
    """A call's name as written."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def imported_from_time(tree: ast.Module) -> set[str]:
    """Names taken out of the module `time`."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "time"
        for alias in node.names
    }


def test_no_other_clock() -> None:
    """Nobody asks the system for the time of day, in Python or in SQL."""
    found = []
    for one in modules():
        if one.path == CLOCK:
            continue
        taken = imported_from_time(one.tree)
        for node in ast.walk(one.tree):
            if isinstance(node, ast.Call):
                name = dotted(node.func)
                if name in NOW or (name in taken and f"time.{name}" in NOW):
                    found.append(f"{one.path}:{node.lineno} {name}")
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL_NOW.search(node.value):
                found.append(f"{one.path}:{node.lineno} SQL")
    assert found == []


def test_durations_are_measured_by_the_clock_too() -> None:
    """In archiver, durations come from `archiver.clock.monotonic`, except in the child processes of extraction."""
    found = []
    for one in modules():
        if not one.path.startswith("archiver/") or one.path == CLOCK or one.path.startswith("archiver/index/extract/"):
            continue
        taken = imported_from_time(one.tree)
        found += [
            f"{one.path}:{node.lineno}"
            for node in ast.walk(one.tree)
            if isinstance(node, ast.Call)
            and (
                dotted(node.func) in DURATIONS
                or (dotted(node.func) in taken and f"time.{dotted(node.func)}" in DURATIONS)
            )
        ]
    assert found == []
