"""Faults of the program, told by kind and place only: the message of an unforeseen error may hold content."""

from pathlib import Path
from traceback import extract_tb


def told(error: Exception) -> str:
    """Kind and place of an error, as `KeyError at prepare.py:120`."""
    frames = extract_tb(error.__traceback__)
    kind = type(error).__name__
    return f"{kind} at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else kind
