"""records.jsonl: one JSON object to a line, complete and unshortened."""

import json

from schema.wire.manifest import ProducedRecord
from schema.wire.shape import as_json

_LINE_ENDS = (("\x85", "\\u0085"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029"))
"""Characters that many programs take for the end of a line."""


def line(record: ProducedRecord) -> bytes:
    """One line with sorted keys, UTF-8; escapes only where a source sent half of a character."""
    fields = as_json(record)
    text = json.dumps(fields, ensure_ascii=False, sort_keys=True)
    for c, escaped in _LINE_ENDS:
        text = text.replace(c, escaped)
    try:
        return (text + "\n").encode()
    except UnicodeEncodeError:
        return (json.dumps(fields, sort_keys=True) + "\n").encode()
