"""One room writes a table; any room may read it (design section 3)."""

import ast
import re
from collections import defaultdict

from schema.db.tables import metadata
from tests.house.source import Module, modules

VERBS = {"insert", "update", "delete"}
MAKING = "archiver/operate/initialise.py"
"""Makes the first rows of an archive, in whatever table."""
RESTORING = "archiver/operate/restore_loading.py"
"""Gives back the rows of a backup to the empty tables of a new archive."""
PORTABLE = ("archiver/operate/backup_facts.py", "archiver/operate/restore_reading.py", RESTORING)
"""Write and read the files of backups, in SQLite's own words; of the facts' tables only SQLite's list of last ids."""
ENGINES = "archiver/index/engines/"
"""Write files of their own, never the facts."""
MIGRATIONS = "schema/db/migrations/"
BULK, BULK_HOME = "insert_many", "archiver/database.py"
"""The one statement in words: rows of a table that the caller names."""


def tables_named(one: Module) -> dict[str, str]:
    """Local name -> table, for what a file imports from schema.db."""
    found = {}
    for node in ast.walk(one.tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("schema.db"):
            for alias in node.names:
                if alias.name in metadata.tables:
                    found[alias.asname or alias.name] = alias.name
    return found


def enclosing(tree: ast.Module) -> dict[ast.AST, ast.FunctionDef]:
    """Each node's innermost function."""
    owner: dict[ast.AST, ast.FunctionDef] = {}
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                owner[node] = function
    return owner


def may_stand_for(name: str, function: ast.FunctionDef | None, one: Module, known: dict[str, str]) -> set[str]:
    """The tables that a variable may be: it loops over them, or callers in the file pass them."""
    found: set[str] = set()
    if function is None:
        return found
    for node in ast.walk(function):
        if isinstance(node, ast.For) and any(isinstance(t, ast.Name) and t.id == name for t in ast.walk(node.target)):
            found |= {known[n.id] for n in ast.walk(node.iter) if isinstance(n, ast.Name) and n.id in known}
    if name in [argument.arg for argument in function.args.args]:
        for node in ast.walk(one.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function.name:
                given = [*node.args, *(keyword.value for keyword in node.keywords)]
                found |= {known[a.id] for a in given if isinstance(a, ast.Name) and a.id in known}
    return found


def writes(one: Module) -> tuple[set[str], list[str]]:
    """The tables that a file writes, and the places where that cannot be told."""
    known, owner = tables_named(one), enclosing(one.tree)
    found: set[str] = set()
    unclear = []
    aliases = {
        alias.asname or alias.name
        for node in ast.walk(one.tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy")
        for alias in node.names
        if alias.name in VERBS
    }
    for node in ast.walk(one.tree):
        if not isinstance(node, ast.Call):
            continue
        target: ast.expr | None = None
        if isinstance(node.func, ast.Name) and node.func.id in aliases and node.args:
            target = node.args[0]
        elif isinstance(node.func, ast.Name) and node.func.id == BULK and len(node.args) > 1:
            target = node.args[1]
        elif isinstance(node.func, ast.Attribute) and node.func.attr in VERBS and isinstance(node.func.value, ast.Name):
            target = node.func.value if node.func.value.id in known else None
        if target is None:
            continue
        if isinstance(target, ast.Name) and target.id in known:
            found.add(known[target.id])
        elif isinstance(target, ast.Name) and (some := may_stand_for(target.id, owner.get(node), one, known)):
            found |= some
        else:
            unclear.append(f"{one.path}:{node.lineno}")
    return found, unclear


def test_each_table_has_one_writer() -> None:
    """Every table is written by exactly one room, and the test can tell for every statement which table it is."""
    rooms: dict[str, set[str]] = defaultdict(set)
    unclear = []
    for one in modules():
        if one.path in (MAKING, RESTORING) or one.path.startswith((ENGINES, MIGRATIONS)):
            continue
        tables, questions = writes(one)
        unclear += questions
        for table in tables:
            rooms[table].add(one.room)
    assert unclear == [], "name the table in the statement, or pass it by name"
    assert {table: sorted(room) for table, room in sorted(rooms.items()) if len(room) > 1} == {}


def test_tables_without_a_writer() -> None:
    """A table that no room writes is waiting for its room: it is on this list until the room is built."""
    waiting = {"retention_event", "disposition", "disposition_record"}
    written = set().union(*(writes(one)[0] for one in modules() if not one.path.startswith((ENGINES, MIGRATIONS))))
    assert set(metadata.tables) - written - waiting == set()


def test_no_written_sql_changes_the_facts() -> None:
    """Statements that change rows are SQLAlchemy's or `insert_many`, so that the test above sees them."""
    change = re.compile(r"\b(INSERT (OR \w+ )?INTO|UPDATE \w+ SET|DELETE FROM|TRUNCATE)\b")
    found = []
    for one in modules():
        if one.path.startswith((ENGINES, MIGRATIONS)) or not one.path.startswith("archiver/"):
            continue
        if one.path == BULK_HOME or one.path in PORTABLE:
            continue
        for node in ast.walk(one.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and change.search(node.value):
                found.append(f"{one.path}:{node.lineno}")
    assert found == []
