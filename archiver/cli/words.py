"""Words of a closed vocabulary as people type them."""

from enum import StrEnum
from typing import TypeVar

from archiver.errors import UsageError

Word = TypeVar("Word", bound=StrEnum)


def chosen(vocabulary: type[Word], written: str, where: str) -> Word:
    """The member that was typed; raises UsageError listing what there is."""
    try:
        return vocabulary(written.strip().lower().replace("-", "_").replace(" ", "_"))
    except ValueError:
        known = ", ".join(one.value for one in vocabulary)
        raise UsageError(problem=f"{where} {written!r} is none of: {known}") from None
