"""From a record to the document that the index keeps of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from archiver.index.document import Document
from archiver.sources.registry import Source
from schema.vocab import Kind, PartyRole

_CONTENTS = (
    ("image/", "image"),
    ("audio/", "audio"),
    ("video/", "video"),
    ("text/", "document"),
    ("application/pdf", "document"),
    ("application/msword", "document"),
    ("application/vnd.", "document"),
)


def build(
    facts: Mapping[str, Any],
    number: int,
    content: Mapping[str, Any],
    source: Source,
    series: str,
    texts: Sequence[str | None],
    *,
    held: bool = False,
) -> Document:
    """The document of a record's newest version.

    content: as sealed by accession.  texts: what was found in each attachment, in order, None where nothing was.
    """
    attachments = content.get("attachments", [])
    author, recipients = _people(content.get("parties", []))
    text = content.get("text") or ""
    return Document(
        record_id=facts["id"],
        version=number,
        sent_at=facts["sent_at"],
        offset_min=facts["offset_min"],
        captured_at=facts["captured_at"],
        source_id=source.id,
        source=source.name,
        account=source.account,
        device=source.device,
        custodian=source.custodian,
        platform=source.platform.value,
        kind=facts["kind"],
        series=series,
        data_class=source.data_class.value,
        thread_id=facts["thread_id"],
        thread_title=content.get("thread_title") or "",
        author=author,
        recipients=recipients,
        title=content.get("title") or "",
        text=text,
        files=tuple((one[0], found) for one, found in zip(attachments, texts, strict=True)),
        labels=(),
        states=_states(facts, number, held=held),
        contents=_contents(attachments, text),
    )


def _people(parties: Sequence[Sequence[Any]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    author: list[str] = []
    recipients: list[str] = []
    for role, _kind, address, name in parties:
        shown = f"{name} <{address}>" if name and name != address else address
        (author if role == PartyRole.AUTHOR.value else recipients).append(shown)
    return tuple(author), tuple(recipients)


def _states(facts: Mapping[str, Any], number: int, *, held: bool) -> tuple[str, ...]:
    states = (
        ("edited", number > 1),
        ("gone", facts.get("gone_at") is not None),
        ("missing", facts.get("missing_since") is not None),
        ("hidden", bool(facts.get("hidden"))),
        ("unreadable", facts["kind"] == Kind.UNREADABLE.value),
        ("held", held),
    )
    return tuple(name for name, holds in states if holds)


def _contents(attachments: Sequence[Sequence[Any]], text: str) -> tuple[str, ...]:
    found = {"attachment"} if attachments else set()
    for _name, media_type, *_rest in attachments:
        found.update(word for beginning, word in _CONTENTS if media_type.startswith(beginning))
    if "http://" in text or "https://" in text:
        found.add("link")
    return tuple(sorted(found))
