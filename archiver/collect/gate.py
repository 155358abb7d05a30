"""The scope gate on arrival: what a declared source may not hand over is dropped before anything is written."""

from collections.abc import Sequence
from dataclasses import dataclass

from archiver.scope import Scope, in_scope
from schema.item import Item, Unreadable


@dataclass(frozen=True, slots=True)
class Passed:
    """The items that may be kept, how many were out of scope, and how many were unreadable and left where they are.

    still_there: native ids of what was dropped, never written: an item that was in scope once is not missing now.
    """

    kept: list[Item | Unreadable]
    out_of_scope: int = 0
    unreadable: int = 0
    still_there: tuple[str, ...] = ()


def passed(items: Sequence[Item | Unreadable], scope: Scope | None) -> Passed:
    """Sort the items of a source; scope: None for a city's own, which keeps everything, unreadable items raw."""
    if scope is None:
        return Passed(list(items))
    kept: list[Item | Unreadable] = []
    dropped = []
    out_of_scope = unreadable = 0
    for item in items:
        if isinstance(item, Item) and in_scope(item, scope):
            kept.append(item)
            continue
        dropped.append(item.native_id)
        unreadable += isinstance(item, Unreadable)
        out_of_scope += isinstance(item, Item)
    return Passed(kept, out_of_scope, unreadable, tuple(dropped))
