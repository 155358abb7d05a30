"""HTML, read as a stream: no tree, so depth of nesting costs nothing."""

from html.parser import HTMLParser

from archiver.index.extract.charset import decode
from archiver.index.extract.words import Found

SILENT = frozenset({"script", "style"})
INLINE = frozenset(
    {
        *(
            "a",
            "abbr",
            "acronym",
            "b",
            "bdi",
            "bdo",
            "big",
            "cite",
            "code",
            "data",
            "del",
            "dfn",
            "em",
            "font",
            "i",
            "img",
        ),
        *(
            "ins",
            "kbd",
            "label",
            "mark",
            "q",
            "s",
            "samp",
            "small",
            "span",
            "strike",
            "strong",
            "sub",
            "sup",
            "time",
            "tt",
        ),
        *("u", "var", "wbr"),
    }
)
CELLS = frozenset({"td", "th"})
SPOKEN = ("alt", "title", "aria-label", "placeholder")
DESCRIBING = frozenset({"description", "keywords", "author"})


class _Page(HTMLParser):
    def __init__(self, found: Found) -> None:
        super().__init__(convert_charrefs=True)
        self._found = found
        self._line: list[str] = []
        self._silent = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in SILENT:
            self._silent = tag
        if tag not in INLINE:
            self._break(tag)
        values = dict(attrs)
        for name in SPOKEN:
            if values.get(name):
                self._line.append(f" {values[name]} ")
        if tag == "meta" and (
            (values.get("name") or "").lower() in DESCRIBING or (values.get("property") or "").startswith("og:")
        ):
            self._found.line(values.get("content") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._silent:
            self._silent = ""
        if tag not in INLINE:
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._line.append(data)

    def _break(self, tag: str) -> None:
        if tag in CELLS:
            self._line.append("\t")
        elif self._line:
            self.flush()

    def flush(self) -> None:
        """End the line, its spaces as a browser shows them."""
        self._found.line(" ".join("".join(self._line).split()))
        self._line.clear()


def read_html(found: Found, data: bytes, media_type: str) -> None:
    """Visible text, title, alternative texts and descriptions; scripts and styles dropped."""
    html_text(found, decode(data, media_type, markup=True))


def html_text(found: Found, text: str) -> None:
    """The same for HTML already decoded."""
    page = _Page(found)
    page.feed(text)
    page.close()
    page.flush()
