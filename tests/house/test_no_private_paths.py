"""What we publish names no path and no person of the machine on which it was written."""

import re

from tests.house.source import ROOT

SKIPPED = {
    ".git",
    ".venv",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
    "__pycache__",
    "dist",
    "build",
}
WRITTEN = {
    ".md",
    ".py",
    ".toml",
    ".txt",
    ".yaml",
    ".yml",
    ".typ",
    ".html",
    ".css",
    ".js",
    ".sh",
    ".mako",
    ".lock",
    ".json",
    "",
}
PRIVATE = re.compile(r"(?<![\w.~/-])/" + r"(?:work|root|home/(?!user\b|clerk\b)[a-z]\w*|Users/[A-Z]\w*)" + r"/[\w.]")


def test_no_path_of_this_machine() -> None:
    """Documents, code and tests name places relative to the project, or a clerk's."""
    found = []
    for file in ROOT.rglob("*"):
        part = file.relative_to(ROOT)
        if file.suffix not in WRITTEN or not file.is_file() or SKIPPED & set(part.parts) or "demo-city" in part.parts:
            continue
        try:
            text = file.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{part}:{text.count(chr(10), 0, hit.start()) + 1} {hit.group()}" for hit in PRIVATE.finditer(text)]
    assert found == []
