"""Plain text of the HTML that sources send, one line per block."""

import re
from html.parser import HTMLParser

_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "dd", "div", "dl", "dt", "figcaption", "figure", "footer", "h1", "h2"}
    | {"h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tr", "ul"}
)
_UNSEEN = frozenset({"script", "style", "template"})


def plain_text(html: str) -> str:
    """Return what a reader sees of an HTML fragment: blocks and breaks become lines, scripts and styles vanish."""
    if "<" not in html and "&" not in html:
        return _tidy(html)
    # Loose ends of hostile fragments (comments and tags that never end) would each be searched to the end of the text.
    html = _COMMENT.sub("", html)
    if len(_UNCLOSED.findall(html)) > 100:
        html = _UNCLOSED.sub("&lt;", html)
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return _tidy("".join(reader.parts))


_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)|<!\[.*?(?:\]>|\Z)", re.DOTALL)
_UNCLOSED = re.compile(r"<(?=[^<>]*(?:<|\Z))")


class _Reader(HTMLParser):
    """Collects text; a stream without a tree, so that depth costs nothing."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._unseen:
            return
        if tag in _UNSEEN:
            self._unseen = tag
        elif tag == "br":
            self.parts.append("\n")
        elif tag == "img":
            self.parts.append(next((value or "" for name, value in attrs if name == "alt"), ""))
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._unseen:
            self._unseen = ""
        elif tag in ("td", "th"):
            self.parts.append(" ")
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _UNSEEN:
            self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(data)


def _tidy(text: str) -> str:
    lines = (re.sub(r"[ \t\r\f\v]+", " ", line).strip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
