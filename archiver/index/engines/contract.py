"""What every search engine must do; all answers are exact."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from archiver.index.document import Document
from archiver.index.query import FieldName, Node


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands in the order (sent_at, id); records of unknown time come after all others."""

    sent_at: int | None
    record_id: int


class Engine(Protocol):
    """Finds ids; durable and readable by other processes after each `write`."""

    name: str

    def write(self, documents: Sequence[Document], removed: Sequence[int], watermark: int) -> None:
        """Add or replace documents and remove records in one durable batch; `watermark` is stored with it."""
        ...

    def watermark(self) -> int:
        """The highest watermark written, 0 for an empty index."""
        ...

    def size(self) -> int:
        """How many documents the index holds."""
        ...

    def count(self, node: Node) -> int:
        """How many documents match, exactly."""
        ...

    def ids(self, node: Node) -> Iterator[int]:
        """Every matching record id, ascending."""
        ...

    def page(self, node: Node, limit: int, after: Place | None = None, newest_first: bool = True) -> list[Place]:
        """The next `limit` matches in order (sent_at, id) after a place; newest first unless told."""
        ...

    def facets(self, node: Node, names: Sequence[FieldName]) -> dict[FieldName, list[tuple[str, int]]]:
        """For each field the values as shown (not case-folded) of the matches with exact counts, largest first."""
        ...

    def documents(self, ids: Sequence[int]) -> list[Document]:
        """The documents of these records, in the order asked; unknown ids are left out."""
        ...

    def has_words(self, words: Sequence[str]) -> set[str]:
        """Those of the given surface tokens that the dictionary still holds, deleted documents included."""
        ...

    def scrub(self) -> None:
        """Rewrite the files so that nothing of removed documents stays in them."""
        ...

    def clear(self) -> None:
        """Empty the index for a rebuild."""
        ...

    def close(self) -> None:
        """Release files and locks."""
        ...
