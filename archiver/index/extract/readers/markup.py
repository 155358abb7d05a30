"""XML of strangers, read as a stream without a tree, without entities (defusedxml; threat T4)."""

from collections.abc import Mapping
from io import BytesIO
from typing import IO, Protocol
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler, feature_external_ges
from xml.sax.xmlreader import AttributesImpl

from defusedxml import DefusedXmlException
from defusedxml.sax import make_parser

from archiver.index.extract.charset import decode
from archiver.index.extract.contract import ExtractOutcome, NoTextError
from archiver.index.extract.words import Found


class Listener(Protocol):
    """Hears elements by their local names, without prefix."""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element begins; attributes by local name."""

    def end(self, name: str) -> None:
        """An element ends."""

    def text(self, text: str) -> None:
        """Characters, in pieces."""


class _Local(ContentHandler):
    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self._listener = listener

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802  (name given by SAX)
        local = {key.rpartition(":")[2]: value for key, value in attrs.items()} if len(attrs) else {}
        self._listener.start(name.rpartition(":")[2], local)

    def endElement(self, name: str) -> None:  # noqa: N802  (name given by SAX)
        self._listener.end(name.rpartition(":")[2])

    def characters(self, content: str) -> None:
        self._listener.text(content)


def listen(source: IO[bytes], listener: Listener, *, document_type: bool = False) -> None:
    """Parse a stream to its end.

    Raises NoTextError where it declares entities, or a document type and that is not expected, SAXParseException where
    it is not well-formed.
    """
    parser = make_parser()
    parser.forbid_dtd = not document_type
    parser.forbid_external = not document_type  # a document type elsewhere is then passed over, never fetched
    parser.setFeature(feature_external_ges, False)
    parser.setContentHandler(_Local(listener))
    try:
        parser.parse(source)
    except DefusedXmlException as error:
        raise entities() from error


def entities() -> NoTextError:
    """The refusal of XML that defusedxml forbids."""
    return NoTextError(ExtractOutcome.REFUSED, "declares XML entities, which can hide a bomb or fetch other files")


class _All:
    """Text and attribute values, one line per element."""

    def __init__(self, found: Found) -> None:
        self._found = found
        self._words: list[str] = []

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        del name
        self._flush()
        for value in attributes.values():
            self._found.line(value)

    def end(self, name: str) -> None:
        del name
        self._flush()

    def text(self, text: str) -> None:
        self._words.append(text)

    def _flush(self) -> None:
        if self._words:
            self._found.line("".join(self._words).strip())
            self._words.clear()


def read_xml(found: Found, data: bytes, media_type: str) -> None:
    """Every text and attribute value; XML that is not well-formed is read as the characters it has."""
    mark = len(found.chunks), found.size
    try:
        listen(BytesIO(data), _All(found), document_type=True)
    except (SAXParseException, ValueError, LookupError):
        del found.chunks[mark[0] :]
        found.size = mark[1]
        found.add(decode(data, media_type, markup=True))
        found.note("its XML is damaged; the raw characters are kept")
