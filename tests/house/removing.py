"""Finds what can remove anything: statements and calls in the program's own files, by function."""

import ast
import re
from collections.abc import Iterator

from tests.house.source import Module, modules

CALLS = {"delete", "erase", "remove_objects", "reseal_without", "drop_older", "remove_folder", "rmtree", "unlink"}
"""Functions that remove, called by their bare names."""
METHODS = {"delete", "unlink", "rmdir", "rmtree", "removedirs", "rename", "ftruncate", "truncate"}
WORDS = re.compile(
    r"\b(DELETE FROM|DROP (TABLE|TRIGGER|INDEX)|VACUUM|TRUNCATE TABLE|REPLACE INTO|INSERT OR REPLACE)\b|'delete(-all)?'"
)
"""SQL that removes, written out."""


def removes(node: ast.AST) -> bool:
    """Whether a node of a tree removes something, as far as it can be told from its words."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and WORDS.search(node.value) is not None
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    if isinstance(called, ast.Attribute):
        if called.attr == "remove":  # of the operating system, or of the object store; not of a list
            return ast.unparse(called.value).endswith(("os", "objects"))
        if called.attr == "replace":  # a path takes one argument, a text two
            return len(node.args) == 1 and not node.keywords
        return called.attr in METHODS or called.attr in CALLS
    return isinstance(called, ast.Name) and called.id in CALLS


def functions(one: Module) -> Iterator[tuple[str, ast.AST]]:
    """Each function of a file by its name, a method with its class's, without the functions inside it."""
    for node in one.tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield f"{node.name}.{inner.name}", inner
                elif not isinstance(inner, ast.ClassDef):
                    yield node.name, inner
        elif not isinstance(node, (ast.Import, ast.ImportFrom)):
            yield "", node


def found() -> set[str]:
    """`path:function` of everything that removes; an empty name is the file's own level."""
    return {
        f"{one.path}:{name}"
        for one in modules()
        for name, tree in functions(one)
        if not _documented(tree) and any(removes(node) for node in ast.walk(tree) if not _is_docstring(node, tree))
    }


def _documented(tree: ast.AST) -> bool:
    """A string that stands by itself documents, and does nothing."""
    return isinstance(tree, ast.Expr) and isinstance(tree.value, ast.Constant)


def _is_docstring(node: ast.AST, tree: ast.AST) -> bool:
    body = getattr(tree, "body", None)
    first = body[0] if isinstance(body, list) and body else None
    return isinstance(first, ast.Expr) and first.value is node
