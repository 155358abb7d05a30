"""What the PDF, the sheet and the lines say of an entry, in the same words."""

from archiver.clock import printed
from archiver.produce.entry import Entry
from schema.wire.manifest import ProducedFile, ProducedRecord, ProducedTime


def printed_time(entry: Entry, zone: str) -> str:
    """When the entry was sent, with zone and offset; zone: the city's IANA time zone."""
    if entry.sent is None:
        return "time unknown"
    try:
        return printed(entry.sent.at, zone, entry.sent.offset_min, entry.sent.precision)
    except (ValueError, OverflowError, OSError):  # a source's nonsense, such as a year beyond 9999
        return "time unknown"


def produced_record(entry: Entry, files: tuple[ProducedFile, ...], zone: str) -> ProducedRecord:
    """The entry as a line of records.jsonl: nothing shortened, nothing replaced."""
    sent = entry.sent
    time = None
    if sent is not None:
        time = ProducedTime(sent.at, sent.offset_min, sent.precision, printed_time(entry, zone))
    return ProducedRecord(
        number=entry.number,
        record=entry.record_id,
        version=entry.version,
        digest=entry.digest,
        sent=time,
        platform=entry.platform,
        kind=entry.kind,
        source=entry.source,
        custodian=entry.custodian,
        series=entry.series,
        author=entry.author,
        recipients=entry.recipients,
        thread=entry.thread,
        title=entry.title,
        text=entry.text,
        url=entry.url,
        edited=entry.edited,
        note=entry.note,
        files=files,
    )


def facts(entry: Entry, when: str) -> list[tuple[str, str]]:
    """Name and value of what stands above a record's text on paper; empty ones are left out."""
    rows = [
        ("Sent", when),
        ("From", entry.author),
        ("To", "; ".join(entry.recipients)),
        ("Subject", entry.title),
        ("Conversation", entry.thread),
        ("Source", entry.source),
        ("Kind", " / ".join(filter(None, (entry.platform, entry.kind)))),
        ("Record holder", entry.custodian),
        ("Series", entry.series),
        ("Address", entry.url),
        ("Edited", "yes" if entry.edited else ""),
        ("Note", entry.note),
    ]
    return [(name, value) for name, value in rows if value]
