"""The sink: large bytes are sealed as they stream in, under keys that live in memory until a record claims them."""

from collections.abc import Iterable

from archiver.vault.objects import ObjectStore, StoredObject
from schema.item import Blob


class ObjectSink:
    """Spools to sealed objects; what no record claims is removed, and its key with it."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._waiting: dict[str, StoredObject] = {}

    def spool(self, chunks: Iterable[bytes]) -> Blob:
        """Seal a stream and return its handle."""
        stored = self._objects.write(chunks)
        self._waiting[stored.name] = stored
        return Blob(stored.name, stored.size, stored.sha256)

    def claim(self, blob: Blob) -> StoredObject:
        """The stored object behind a handle, which from now on belongs to a record."""
        return self._waiting.pop(blob.ref)

    def discard(self) -> None:
        """Remove what nobody claimed: out of scope, or known already."""
        for name in list(self._waiting):
            self._objects.remove(name)
            del self._waiting[name]
