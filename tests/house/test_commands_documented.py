"""Every command of the contract exists, speaks JSON where it prints data, and is documented."""

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
import typer

from archiver.cli.main import COMMANDS
from tests.house.source import ROOT

DOCUMENT = ROOT / "docs" / "commands.md"
PRINTS = {"data", "table", "as_json"}
SPEAKS_NO_JSON: dict[str, str] = {}
"""Commands that print data for people only, each with the reason."""


def loaded(name: str) -> Any:
    """A command as the command line builds it."""
    module = import_module(f"archiver.cli.{COMMANDS[name][0]}_command")
    command = typer.main.get_command(module.app)
    command.name = name
    return command


def leaves(name: str) -> Iterator[tuple[str, Any]]:
    """The commands that do something, by their full name."""
    command = loaded(name)
    if not hasattr(command, "commands"):
        yield name, command
        return
    if getattr(command, "invoke_without_command", False):
        yield name, command
    for part, one in sorted(command.commands.items()):
        yield f"{name} {part}", one


def options(command: Any) -> set[str]:
    """The long options of a command."""
    return {option for one in command.params for option in getattr(one, "opts", []) if option.startswith("--")} - {
        "--help"
    }


def prints_data(function: Any) -> bool:
    """Whether a command, or a function of its file that it calls, prints data."""
    tree = ast.parse(inspect.getsource(import_module(function.__module__)))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    todo, seen = [inspect.unwrap(function).__name__], set[str]()
    while todo:
        name = todo.pop()
        if name in seen or name not in functions:
            continue
        seen.add(name)
        for node in ast.walk(functions[name]):
            if isinstance(node, ast.Call):
                called = node.func
                if isinstance(called, ast.Attribute) and called.attr in PRINTS and isinstance(called.value, ast.Name):
                    if called.value.id == "output":
                        return True
                elif isinstance(called, ast.Name):
                    todo.append(called.id)
    return False


@pytest.mark.parametrize("name", COMMANDS)
def test_command_exists(name: str) -> None:
    """Its file is there, and its own help begins with the line that `archiver --help` shows."""
    command = loaded(name)
    help_text = " ".join((command.help or "").split())
    assert help_text.startswith(COMMANDS[name][1].rstrip(".")), f"help says {help_text!r}"
    for full, one in leaves(name):
        assert one.help, f"{full} has no help"


@pytest.mark.parametrize("name", COMMANDS)
def test_command_speaks_json(name: str) -> None:
    """A command that prints data prints it as JSON too."""
    silent = [
        full
        for full, one in leaves(name)
        if full not in SPEAKS_NO_JSON and one.callback and prints_data(one.callback) and "--json" not in options(one)
    ]
    assert silent == []


@pytest.mark.parametrize("name", COMMANDS)
def test_command_is_documented(name: str) -> None:
    """docs/commands.md names every command in full, with every option it has."""
    assert DOCUMENT.is_file(), "docs/commands.md is missing"
    text = DOCUMENT.read_text("utf-8")
    missing = []
    for full, one in leaves(name):
        if f"archiver {full}" not in text:
            missing.append(f"archiver {full}")
        else:
            missing += [f"archiver {full} {option}" for option in sorted(options(one)) if option not in text]
    assert missing == []


def test_no_command_file_is_unreachable() -> None:
    """Every `*_command.py` is a command of the contract."""
    files = {file.stem.removesuffix("_command") for file in (ROOT / "archiver" / "cli").glob("*_command.py")}
    assert files - {module for module, _text in COMMANDS.values()} == set()
