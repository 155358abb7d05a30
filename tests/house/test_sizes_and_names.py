"""Files and functions stay small, and names say what is in them."""

import ast
import importlib.metadata
from importlib.util import find_spec
from pathlib import Path

from tests.house.source import PACKAGES, ROOT, modules

FILE_LINES, FUNCTION_LINES = 400, 60
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "shared", "models"}
OURS = "city-archiver"


def test_files_are_short() -> None:
    """No file has more than 400 lines."""
    assert [f"{one.path}: {n} lines" for one in modules() if (n := one.text.count("\n")) > FILE_LINES] == []


def test_functions_are_short() -> None:
    """No function has more than 60 lines, decorators and docstring included."""
    long = []
    for one in modules():
        for node in ast.walk(one.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not _is_migration(one.path):
                lines = (node.end_lineno or 0) - min([node.lineno, *(mark.lineno for mark in node.decorator_list)]) + 1
                if lines > FUNCTION_LINES:
                    long.append(f"{one.path}:{node.lineno} {node.name}: {lines} lines")
    assert long == []


def _is_migration(path: str) -> bool:
    """A migration is one function by alembic's contract: a list of tables, not of decisions."""
    return path.startswith("schema/db/migrations/versions/")


def test_no_vague_modules() -> None:
    """Nothing is called utils, helpers or common: what it holds has a name."""
    assert [one.path for one in modules() if Path(one.path).stem in VAGUE or Path(one.path).parent.name in VAGUE] == []


def test_nobody_else_provides_our_packages() -> None:
    """The three names at the top belong to us: no other installed distribution brings them, and ours are those here."""
    provided = importlib.metadata.packages_distributions()
    for package in PACKAGES:
        assert set(provided.get(package, [])) <= {OURS}, f"{package} is also in {provided[package]}"
        spec = find_spec(package)
        assert spec is not None and spec.origin is not None and Path(spec.origin).is_relative_to(ROOT)
