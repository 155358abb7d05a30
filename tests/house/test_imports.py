"""Imports point left and down, and each outside library has one home."""

import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch

import pytest

from tests.house.source import ROOT, imports, modules

DEMO = "archiver/demo/*"
"""Writes the papers of a sample city, as strangers would."""

HOMES: dict[str, tuple[str, ...]] = {
    "alembic": ("archiver/operate/migrate.py", "schema/db/migrations/*"),
    "apscheduler": ("archiver/jobs/*",),
    "argon2": ("archiver/access.py",),
    "bs4": ("connectors/*", "archiver/index/extract/*"),
    "boto3": ("archiver/vault/*",),
    "cryptography": ("archiver/vault/*", "archiver/audit/*"),
    "defusedxml": ("archiver/index/extract/*",),
    "docx": ("archiver/index/extract/*", DEMO),
    "feedparser": ("connectors/feed/*",),
    "fontTools": ("archiver/paper/*",),
    "keyring": ("archiver/config.py",),
    "nh3": ("archiver/index/extract/*", "archiver/web/*"),
    "openpyxl": ("archiver/index/extract/*", "archiver/retain/schedule_files.py"),
    "opensearchpy": ("archiver/index/engines/*",),
    "phonenumbers": ("connectors/*", "archiver/accession/*", "archiver/tokens.py"),
    "PIL": ("archiver/index/extract/*", DEMO),
    "psycopg": (),  # only SQLAlchemy speaks to it
    "pydantic": ("archiver/config.py", "archiver/web/*"),
    "pypdf": ("archiver/index/extract/*",),
    "pypdfium2": ("archiver/index/extract/*",),
    "requests": ("connectors/http*.py", "connectors/address_guard.py"),
    "rich": ("archiver/cli/*", DEMO),
    "snowballstemmer": ("archiver/tokens.py",),
    "sqlalchemy": (
        "schema/db/*", "archiver/database.py", "archiver/archive.py", "archiver/outbox.py", "archiver/access.py",
        "archiver/*/*", "!archiver/cli/*", "archiver/cli/output.py",
    ),
    "typer": ("archiver/cli/*",),
    "typst": ("archiver/paper/*", DEMO),
    "urllib3": ("connectors/http*.py", "connectors/address_guard.py"),
    "whoosh": ("archiver/index/engines/*", "archiver/publish/*"),
    "xlsxwriter": ("archiver/paper/*", DEMO),
}  # fmt: skip
"""Library -> where it may be imported; a later pattern wins, `!` takes away."""


def _at_home(path: str, patterns: tuple[str, ...]) -> bool:
    home = False
    for pattern in patterns:
        if fnmatch(path, pattern.removeprefix("!")):
            home = not pattern.startswith("!")
    return home


def test_layers() -> None:
    """The contracts of pyproject.toml hold: layers of packages and rooms, connectors apart from each other."""
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and " 0 broken" in done.stdout, (
        done.stdout[done.stdout.find("Contracts") :] + done.stderr
    )


@pytest.mark.parametrize("library", sorted(HOMES))
def test_home_of(library: str) -> None:
    """The library is imported in its home only."""
    away = [
        f"{one.path}:{line}"
        for one in modules()
        for name, line in imports(one.tree)
        if name.split(".")[0] == library and not _at_home(one.path, HOMES[library])
    ]
    assert sorted(set(away)) == []


def test_every_library_is_declared() -> None:
    """What is imported is the standard library, ours, or a dependency of pyproject.toml with a home above."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    known = set(sys.stdlib_module_names) | {"archiver", "connectors", "schema"} | set(HOMES)
    named = {"dateutil", "pytesseract", "tzdata"}  # used through one name each, wherever dates or scans are read
    foreign = {
        f"{name.split('.')[0]} in {one.path}"
        for one in modules()
        for name, _line in imports(one.tree)
        if name.split(".")[0] not in known | named
    }
    assert foreign == set()
    reasons = [
        line for line in (ROOT / "pyproject.toml").read_text("utf-8").splitlines() if re.match(r'    "[a-z]', line)
    ]
    first = reasons[: len(project["dependencies"])]
    assert [line for line in first if "#" not in line] == [], "each runtime dependency says why"


def test_no_relative_imports() -> None:
    """Imports are absolute, so that a file can move with its name."""
    import ast

    assert [
        f"{one.path}:{node.lineno}"
        for one in modules()
        for node in ast.walk(one.tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ] == []
