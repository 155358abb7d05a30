"""Checks a finished package with the very script that lies in each package."""

from argparse import ArgumentTypeError
from dataclasses import dataclass
from pathlib import Path

from archiver.errors import UsageError
from archiver.produce.verifier import verify
from schema.vocab import Outcome


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check found; checked: number of files listed; root: as computed, None where the manifest is unreadable."""

    outcome: Outcome
    checked: int
    problems: tuple[str, ...]
    root: str | None
    notes: tuple[str, ...]


def verify_package(path: Path, root: str | None = None) -> Verification:
    """Check every file, the root and the signature; with the printed root also that it is that very package.

    root: 64 hex digits, spaces and dashes allowed; raises UsageError where it is not.
    """
    try:
        wanted = None if root is None else verify.root_from(root)
    except ArgumentTypeError as error:
        raise UsageError(problem=f"--root: {error}") from None
    result = verify.check(str(path), wanted)
    return Verification(
        outcome=Outcome.OK if result["outcome"] == "ok" else Outcome.FAILED,
        checked=result["checked"],
        problems=tuple(result["problems"]),
        root=result["root"],
        notes=() if wanted else (verify.WITHOUT_ROOT,),
    )
