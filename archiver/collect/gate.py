"""The scope gate on arrival: what a declared source may not hand over is dropped before anything is written."""

from collections.abc import Sequence

from archiver.scope import Scope, in_scope
from schema.item import Item, Unreadable


def passed(items: Sequence[Item | Unreadable], scope: Scope | None) -> tuple[list[Item | Unreadable], int, int]:
    """The items that may be kept, how many were out of scope, and how many were unreadable and left where they are.

    scope: None for a city's own source, which keeps everything, unreadable items raw.
    """
    if scope is None:
        return list(items), 0, 0
    kept: list[Item | Unreadable] = []
    out_of_scope = unreadable = 0
    for item in items:
        if isinstance(item, Unreadable):
            unreadable += 1
        elif in_scope(item, scope):
            kept.append(item)
        else:
            out_of_scope += 1
    return kept, out_of_scope, unreadable
