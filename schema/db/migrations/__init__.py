"""Numbered migrations of the facts, forward only; the newest file is the schema that this program needs.

Alembic is imported only by `env.py`, `draft.py` and whoever runs a migration: opening an archive asks this module,
which looks at file names alone.
"""

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
"""Alembic's script location."""


@cache
def versions(folder: Path = FOLDER) -> tuple[str, ...]:
    """All schema versions in order, such as "0007"."""
    return tuple(sorted(file.stem[1:5] for file in (folder / "versions").glob("v[0-9][0-9][0-9][0-9]_*.py")))


def head(folder: Path = FOLDER) -> str:
    """The schema that this program needs."""
    return versions(folder)[-1]
