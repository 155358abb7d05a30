"""Writes the JSON Schemas of all wire shapes beside their dataclasses: `python -m schema.wire.generate [--check]`."""

import importlib
import json
import pkgutil
import sys
from pathlib import Path

import schema.wire
from schema.wire.shape import json_schema, shapes

FOLDER = Path(__file__).parent


def expected() -> dict[str, str]:
    """The text of every schema file by its name, from the dataclasses of all modules of this package."""
    for module in pkgutil.iter_modules(schema.wire.__path__):
        importlib.import_module(f"schema.wire.{module.name}")
    return {
        f"{name.replace('/', '-')}.schema.json": json.dumps(json_schema(shape), indent=2, ensure_ascii=False) + "\n"
        for name, shape in shapes().items()
    }


def differences() -> list[str]:
    """Names of schema files that are missing, outdated or belong to no shape."""
    wanted = expected()
    found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.schema.json")}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def run(arguments: list[str]) -> int:
    """Write what differs, or with --check only name it and answer 1."""
    different = differences()
    if arguments == ["--check"]:
        for name in different:
            sys.stderr.write(f"{name} does not match its dataclass; run python -m schema.wire.generate\n")
        return 1 if different else 0
    wanted = expected()
    for name in different:
        if name in wanted:
            (FOLDER / name).write_text(wanted[name], encoding="utf-8")
        else:
            (FOLDER / name).unlink()
    return 0


if __name__ == "__main__":
    raise SystemExit(run(sys.argv[1:]))
