"""Plain text of the HTML that sources send, one line per block."""

import re

from bs4 import BeautifulSoup, Tag

_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "dd", "div", "dl", "dt", "figcaption", "figure", "footer", "h1", "h2"}
    | {"h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tr", "ul"}
)


def plain_text(html: str) -> str:
    """Return what a reader sees of an HTML fragment: blocks and breaks become lines, scripts and styles vanish."""
    if "<" not in html and "&" not in html:
        return _tidy(html)
    soup = BeautifulSoup(html, "html.parser")
    for tag in soup.find_all(True):
        if not isinstance(tag, Tag):
            continue
        if tag.name == "br":
            tag.replace_with("\n")
        elif tag.name in ("td", "th"):
            tag.append(" ")
        elif tag.name == "img":
            tag.replace_with(str(tag.get("alt") or ""))
        elif tag.name in _BLOCKS:
            tag.insert_before("\n")
            tag.insert_after("\n")
    return _tidy(soup.get_text())


def _tidy(text: str) -> str:
    lines = (re.sub(r"[ \t\r\f\v]+", " ", line).strip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
