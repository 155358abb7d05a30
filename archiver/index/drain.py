"""Draining the outbox into the index, batch by batch; repeatable after a crash at any point."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from archiver import outbox
from archiver.accession.content import unpacked
from archiver.archive import Archive
from archiver.database import IdPool
from archiver.index.document import Document
from archiver.index.documents import build
from archiver.index.engines.contract import Engine
from archiver.index.extract.extractor import Extractor
from archiver.index.loading import load
from archiver.index.opening import Choice, chosen, index_turn
from archiver.index.texts import find_texts, only_living, write_texts
from archiver.sources.registry import Source, list_sources
from schema.db.record import record
from schema.vocab import ComponentRole, OutboxKind

BATCH = 500
"""Records that are loaded, read for text and written at a time."""


class Indexer:
    """Keeps one engine up to date with the outbox.

    While the index is rebuilt, or once it was replaced, it writes nothing and leaves the work in the outbox.
    """

    def __init__(
        self, archive: Archive, engine: Engine | None, extractor: Extractor, choice: Choice | None = None
    ) -> None:
        """engine: None where it cannot be opened; then all work stays in the outbox.

        choice: what was in use before the engine was opened; by default what is in use now.
        """
        self._archive, self._engine, self._extractor = archive, engine, extractor
        self._choice = choice or chosen(archive)
        self._ids = IdPool(archive.database)
        self._sources: dict[int, Source] = {}
        self.done: list[int] = []
        """Outbox rows whose work is durable and that the next transaction may delete."""

    def add(self, documents: Sequence[Document], task: int) -> None:
        """Write documents that were built while their records were in memory.

        In the caller's own thread: beside it, two threads only passed the interpreter's lock to and fro (measured).
        """
        if self._write(documents, (), task):
            self.done.append(task)

    def _write(self, documents: Sequence[Document], removed: Sequence[int], task: int | None) -> bool:
        if self._engine is None:
            return False
        with index_turn(self._archive, self._choice) as ours:
            if ours:
                gone = self._destroyed(documents)
                left = [one for one in documents if one.record_id not in gone]
                self._engine.write(left, [*removed, *gone], task or self._engine.watermark())
            return ours

    def _destroyed(self, documents: Sequence[Document]) -> set[int]:
        """Records that were destroyed since their documents were made.

        Asked within the turn: a proof of destruction waits for all turns before it looks at the index a last time.
        """
        found: set[int] = set()
        for start in range(0, len(documents), BATCH):
            ids = [one.record_id for one in documents[start : start + BATCH]]
            with self._archive.reading() as session:
                chosen = select(record.c.id).where(record.c.id.in_(ids), record.c.destroyed_at.is_not(None))
                found.update(session.execute(chosen).scalars())
        return found

    def _may_write(self) -> bool:
        with index_turn(self._archive, self._choice) as ours:
            return ours and self._engine is not None

    def drain(self) -> Iterator[int]:
        """Work off the outbox; yields how many records each step indexed."""
        while True:
            with self._archive.unit() as session:
                outbox.finish(session, self.done)
                self.done = []
                tasks = outbox.undone(session, limit=1)
            if not tasks:
                self._ids.give_back()
                return
            task = tasks[0]
            if task.kind is OutboxKind.REMOVE:
                if not self._write((), task.records, task.id):
                    return
            else:
                for start in range(0, len(task.records), BATCH):
                    chunk = task.records[start : start + BATCH]
                    documents = self.documents(chunk)
                    present = {one.record_id for one in documents}
                    last = start + BATCH >= len(task.records)
                    lost = [one for one in chunk if one not in present]
                    if not self._write(documents, lost, task.id if last else None):
                        return
                    yield len(chunk)
            self.done.append(task.id)

    def documents(self, ids: Sequence[int]) -> list[Document]:
        """The documents of living records among ids, unsealed and with the text of their attachments."""
        with self._archive.reading() as session:
            loaded = load(session, self._archive.vault, ids)
            contents = [unpacked(one.body) for one in loaded]
            pairs = [
                (component, attachment[0])
                for one, content in zip(loaded, contents, strict=True)
                for component, attachment in zip(one.attachments, content["attachments"], strict=True)
            ]
            records = {one.facts["id"]: one.facts["source_id"] for one in loaded}
            found = find_texts(session, self._archive.vault, self._ids, self._extractor, records, pairs)
        if found.extractions or found.outdated:
            with self._archive.unit() as session:
                write_texts(session, only_living(session, found))
        return [
            build(
                one.facts,
                one.version,
                content,
                self.source(one.facts["source_id"]),
                one.series,
                [found.texts.get(component["id"]) for component in one.attachments],
                held=one.held,
            )
            for one, content in zip(loaded, contents, strict=True)
        ]

    def fresh(self, facts: Mapping[str, Any], number: int, content: Mapping[str, Any], series: str) -> Document:
        """The document of a new record without attachments, from memory."""
        return build(facts, number, content, self.source(facts["source_id"]), series, [])

    def source(self, source_id: int) -> Source:
        """A source by id, read once."""
        if source_id not in self._sources:
            with self._archive.reading() as session:
                self._sources = {one.id: one for one in list_sources(session, removed=True)}
        return self._sources[source_id]


def has_attachments(components: Sequence[Mapping[str, Any]]) -> bool:
    """Whether text may have to be read out of attachments."""
    return any(one["role"] == ComponentRole.ATTACHMENT.value for one in components)
