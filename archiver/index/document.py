"""What the index knows of a record: its words in segments, and the facts that lists and facets show."""

from dataclasses import dataclass

from archiver.index.query import FieldName, Zone


@dataclass(slots=True)  # not frozen: one is made for each record, and freezing 25 fields took most of that time
class Document:
    """The newest version of a record, as the index keeps it.

    sent_at: milliseconds UTC, None where unknown.  offset_min: minutes east of UTC at the source.
    author, recipients: names and addresses as shown.  text: the body alone, for lists and snippets.
    files: (file name, text found in it or None where it has none) of each attachment.
    labels, states (`is:`), contents (`has:`): the values of these fields, lower case.
    """

    record_id: int
    version: int
    sent_at: int | None
    offset_min: int | None
    captured_at: int
    source_id: int
    source: str
    account: str
    device: str
    custodian: str
    platform: str
    kind: str
    series: str
    data_class: str
    thread_id: int | None
    thread_title: str
    author: tuple[str, ...]
    recipients: tuple[str, ...]
    title: str
    text: str
    files: tuple[tuple[str, str | None], ...]
    labels: tuple[str, ...]
    states: tuple[str, ...]
    contents: tuple[str, ...]

    def segments(self, zone: Zone) -> tuple[str, ...]:
        """The texts of a zone; phrases never cross from one segment into the next, distances do."""
        if zone is Zone.AUTHOR:
            return self.author
        if zone is Zone.RECIPIENTS:
            return self.recipients
        if zone is Zone.THREAD:
            return (self.thread_title,)
        files = tuple(part for name, text in self.files for part in (name, text) if part)
        return (self.title, self.text, *self.author, *self.recipients, *files)

    def values(self, name: FieldName) -> tuple[str, ...]:
        """The document's values of a field, case-folded."""
        whole = {
            FieldName.PLATFORM: (self.platform,),
            FieldName.SOURCE: (self.source,),
            FieldName.ACCOUNT: (self.account,),
            FieldName.DEVICE: (self.device,),
            FieldName.CUSTODIAN: (self.custodian,),
            FieldName.KIND: (self.kind,),
            FieldName.SERIES: (self.series,),
            FieldName.CLASS: (self.data_class,),
            FieldName.LABEL: self.labels,
            FieldName.IS: self.states,
            FieldName.HAS: self.contents,
        }
        return tuple(value.casefold() for value in whole[name] if value)
