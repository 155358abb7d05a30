"""RTF, simply: control words dropped, characters decoded (Rich Text Format 1.9.1)."""

import re

from archiver.index.extract.words import Found

TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})?[ ]?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|([^\\{}\r\n]+)|[\r\n]+|\\"
)
BREAKS = {b"par": "\n", b"line": "\n", b"row": "\n", b"sect": "\n", b"page": "\n", b"cell": "\t", b"tab": "\t"}
MARKS = {
    b"emdash": "—",
    b"endash": "–",
    b"lquote": "‘",
    b"rquote": "’",
    b"ldblquote": "“",
    b"rdblquote": "”",
    b"bullet": "•",
}
SILENT = frozenset(
    {b"fonttbl", b"colortbl", b"stylesheet", b"pict", b"objdata", b"themedata", b"colorschememapping", b"latentstyles"}
    | {b"datastore", b"rsidtbl", b"listtable", b"generator", b"xmlnstbl"}
)


def read_rtf(found: Found, data: bytes, media_type: str) -> None:
    """The running text, in the code page that the file names."""
    del media_type
    named = re.search(rb"\\ansicpg(\d{3,5})", data[:4096])
    charset = f"cp{int(named[1])}" if named else "cp1252"
    try:
        b"".decode(charset)
    except LookupError:
        charset = "cp1252"
    _Rtf(found, charset).run(data)


class _Rtf:
    def __init__(self, found: Found, charset: str) -> None:
        self._found = found
        self._charset = charset
        self._bytes = bytearray()
        self._stack: list[tuple[bool, int]] = []
        self._silent = False
        self._skip_after = 1  # \uc: how many characters stand in for a \u
        self._skip = 0

    def run(self, data: bytes) -> None:
        for token in TOKEN.finditer(data):
            word, number, code, symbol, brace, text = token.groups()
            if text or code:
                self._raw(text or bytes.fromhex(code.decode()))
            elif brace == b"{":
                self._stack.append((self._silent, self._skip_after))
            elif brace == b"}":
                self._silent, self._skip_after = self._stack.pop() if self._stack else (False, 1)
            elif symbol:
                self._symbol(symbol)
            elif word:
                self._word(word, int(number) if number else None)
        self._flush()

    def _raw(self, text: bytes) -> None:
        kept = text[self._skip :]
        self._skip = max(0, self._skip - len(text))
        if not self._silent:
            self._bytes += kept

    def _symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            self._silent = True
        elif symbol in b"\\{}":
            self._raw(symbol)
        elif symbol in b"~_\r\n":
            self._say({b"~": "\xa0", b"_": "-"}.get(symbol, "\n"))

    def _word(self, word: bytes, number: int | None) -> None:
        if word in SILENT:
            self._silent = True
        elif word == b"u" and number is not None:
            self._say(chr(number % 0x10000))
            self._skip = self._skip_after
        elif word == b"uc":
            self._skip_after = max(0, min(number or 0, 16))
        elif word == b"bin":
            self._skip = max(0, number or 0)
        elif word in BREAKS or word in MARKS:
            self._say(BREAKS.get(word) or MARKS[word])

    def _say(self, text: str) -> None:
        if not self._silent:
            self._flush()
            self._found.add(text)

    def _flush(self) -> None:
        if self._bytes:
            self._found.add(self._bytes.decode(self._charset, "replace"))
            self._bytes.clear()
