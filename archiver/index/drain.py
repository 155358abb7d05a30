"""Draining the outbox into the index, batch by batch; repeatable after a crash at any point."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from archiver import outbox
from archiver.accession.content import unpacked
from archiver.archive import Archive
from archiver.database import IdPool
from archiver.index.document import Document
from archiver.index.documents import build
from archiver.index.engines.contract import Engine
from archiver.index.extract.extractor import Extractor
from archiver.index.loading import load
from archiver.index.texts import find_texts, write_texts
from archiver.sources.registry import Source, list_sources
from schema.vocab import ComponentRole, OutboxKind

BATCH = 500
"""Records that are loaded, read for text and written at a time."""


class Indexer:
    """Keeps one engine up to date with the outbox."""

    def __init__(self, archive: Archive, engine: Engine, extractor: Extractor) -> None:
        self._archive, self._engine, self._extractor = archive, engine, extractor
        self._ids = IdPool(archive.database)
        self._sources: dict[int, Source] = {}
        self.done: list[int] = []
        """Outbox rows whose work is durable and that the next transaction may delete."""

    def add(self, documents: Sequence[Document], task: int | None) -> None:
        """Write documents that were built while their records were in memory."""
        self._engine.write(documents, (), task or self._engine.watermark())
        if task is not None:
            self.done.append(task)

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
                self._engine.write((), task.records, task.id)
            else:
                for start in range(0, len(task.records), BATCH):
                    chunk = task.records[start : start + BATCH]
                    documents = self.documents(chunk)
                    present = {one.record_id for one in documents}
                    last = start + BATCH >= len(task.records)
                    lost = [one for one in chunk if one not in present]
                    self._engine.write(documents, lost, task.id if last else self._engine.watermark())
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
            found = find_texts(session, self._archive.vault, self._ids, self._extractor, pairs)
        if found.extractions:
            with self._archive.unit() as session:
                write_texts(session, found)
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

    def fresh(
        self, facts: Mapping[str, Any], number: int, content: Mapping[str, Any], series: str
    ) -> Document:
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


