"""The project's own Python files, parsed once, for the tests of the house's rules."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("archiver", "connectors", "schema")


@dataclass(frozen=True)
class Module:
    """One file: its path from the root, its text, its tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The part of archiver it belongs to: a folder, or a file of its own; else its package."""
        parts = self.path.removesuffix(".py").split("/")
        return parts[1] if parts[0] == "archiver" and len(parts) > 1 else parts[0]


@cache
def modules() -> tuple[Module, ...]:
    """Every file of the three packages."""
    found = []
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            text = file.read_text("utf-8")
            found.append(Module(file.relative_to(ROOT).as_posix(), text, ast.parse(text)))
    return tuple(found)


def imports(tree: ast.AST) -> list[tuple[str, int]]:
    """Every module that is imported, anywhere in a file, with its line; `from a import b` counts as a and a.b."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(one.name, node.lineno) for one in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append((node.module, node.lineno))
            found += [(f"{node.module}.{one.name}", node.lineno) for one in node.names]
    return found
