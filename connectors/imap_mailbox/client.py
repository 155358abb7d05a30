"""A read-only IMAP client: only EXAMINE and BODY.PEEK, so that nothing on the server changes (RFC 3501, 7162, 6154)."""

import base64
import imaplib
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from connectors.errors import Misconfigured, Reauthorize, Retry, SkipItem

TIMEOUT = 60.0
PARTIAL = 1 << 20
_SEARCH_SPAN = 50_000  # UIDs per SEARCH: its answer is one line, and the library refuses lines over 1,000,000 bytes
_SEARCH_STEPS = 2000
_LIST = re.compile(rb'\((?P<flags>[^)]*)\) (?:"\\?.?"|NIL) (?P<name>.*)', re.S)
_UID = re.compile(rb"\bUID (\d{1,10})\b")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d{1,18})\b")
_QUOTED_BODY = re.compile(rb'BODY\[[^\]]*\](?:<\d+>)? "((?:[^"\\]|\\.)*)"')
_EMPTY_BODY = re.compile(rb"BODY\[[^\]]*\](?:<\d+>)? NIL")
_BEGINS = re.compile(rb"\d+ \(")
_SHIFTED = re.compile(r"&([^-]*)-")


class Refused(SkipItem):
    """The server refused a command: {detail}"""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder as the server lists it.  wire: its name as sent back to the server.  flags: lower case."""

    name: str
    wire: str
    flags: frozenset[str]


@dataclass(frozen=True, slots=True)
class State:
    """What a folder is at one moment; `vanished`: half-open ranges of UIDs expunged since, None where it cannot say."""

    uidvalidity: int
    uidnext: int
    messages: int
    modseq: int | None
    vanished: tuple[tuple[int, int], ...] | None = None


def decode_name(wire: str) -> str:
    """Read a folder name in modified UTF-7 (RFC 3501 section 5.1.3); one that is not valid stays as it is."""

    def shifted(found: re.Match[str]) -> str:
        text = found[1].replace(",", "/")
        return base64.b64decode(text + "=" * (-len(text) % 4)).decode("utf-16-be") if text else "&"

    try:
        return _SHIFTED.sub(shifted, wire)
    except ValueError:
        return wire


def uid_ranges(text: str) -> Iterator[tuple[int, int]]:
    """Yield the half-open ranges of a UID set such as "41,43:116"."""
    for part in text.split(","):
        first, _, last = part.strip().partition(":")
        if first.isascii() and first.isdigit() and len(part) <= 24:
            low, high = sorted((int(first), int(last) if last.isdigit() else int(first)))
            yield low, high + 1


def uid_set(uids: Sequence[int]) -> str:
    """Write ascending UIDs as a set, runs as ranges."""
    runs: list[list[int]] = []
    for uid in uids:
        if runs and runs[-1][1] == uid - 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    return ",".join(str(low) if low == high else f"{low}:{high}" for low, high in runs)


class ImapClient:
    """One signed-in connection; every failure comes out as a ConnectorError."""

    def __init__(self, settings: Mapping[str, Any], password: str) -> None:
        self.host = str(settings.get("host") or "").strip()
        self.user = str(settings.get("user") or "").strip()
        if not self.host or not self.user or not password:
            raise Misconfigured("host, user and password must all be given")
        self._connection = self._connect(settings)
        try:
            self.login(password)
            self.qresync = self._enable()
        except BaseException:  # whatever it was, the connection must not stay open behind it
            self.close()
            raise

    def __enter__(self) -> "ImapClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session; nothing that goes wrong now matters."""
        with suppress(imaplib.IMAP4.error, OSError):
            self._connection.logout()
        with suppress(OSError):
            self._connection.shutdown()

    def _connect(self, settings: Mapping[str, Any]) -> imaplib.IMAP4:
        tls = str(settings.get("tls") or "ssl")
        if tls not in {"ssl", "starttls", "none"}:
            raise Misconfigured(f"tls: {tls!r} is none of ssl, starttls, none")
        try:
            port = int(settings.get("port") or (993 if tls == "ssl" else 143))
            trust = ssl.create_default_context(cafile=settings.get("ca_file") or None)
        except (ValueError, OSError) as error:
            raise Misconfigured(f"port or ca_file cannot be used ({error})") from error
        try:
            if tls == "ssl":
                return imaplib.IMAP4_SSL(self.host, port, ssl_context=trust, timeout=TIMEOUT)
            connection = imaplib.IMAP4(self.host, port, timeout=TIMEOUT)
            if tls == "starttls":
                self._encrypt(connection, trust)
            return connection
        except ssl.SSLCertVerificationError as error:
            raise Misconfigured(f"the certificate of {self.host} is not trusted ({error.verify_message})") from error
        except socket.gaierror as error:
            raise Retry(f"the name {self.host} cannot be found; check the setting host if this stays") from error
        except (imaplib.IMAP4.error, OSError) as error:
            raise Retry(f"no connection to {self.host}:{port} ({_brief(error)})") from error

    def _encrypt(self, connection: imaplib.IMAP4, trust: ssl.SSLContext) -> None:
        try:
            connection.starttls(ssl_context=trust)
        except BaseException as error:  # the connection must not stay open behind it
            with suppress(OSError):
                connection.shutdown()
            if isinstance(error, imaplib.IMAP4.error) and not isinstance(error, imaplib.IMAP4.abort):
                raise Misconfigured(f"tls: {self.host} does not offer starttls ({_brief(error)})") from error
            raise

    def login(self, password: str) -> None:
        """Sign in; PLAIN where offered, since LOGIN cannot carry characters beyond ASCII.

        Raises Reauthorize (refused), Misconfigured (sign-in needs encryption), Retry (the server is busy).
        """
        connection = self._connection
        if "LOGINDISABLED" in connection.capabilities:
            raise Misconfigured("tls: the server allows no sign-in without encryption; use ssl or starttls")
        try:
            if "AUTH=PLAIN" in connection.capabilities:
                secret = f"\0{self.user}\0{password}".encode()
                connection.authenticate("PLAIN", lambda _: secret)
            else:
                connection.login(self.user, password)
        except (imaplib.IMAP4.abort, OSError) as error:
            raise Retry(f"the connection broke while signing in ({_brief(error)})") from error
        except (imaplib.IMAP4.error, UnicodeEncodeError) as error:
            if "[UNAVAILABLE]" in str(error) or "[INUSE]" in str(error) or "[LIMIT]" in str(error):
                raise Retry(f"the server cannot sign us in now ({_brief(error)})") from error
            raise Reauthorize(f"{self.host} refused the user name or password of {self.user}") from error

    def _enable(self) -> bool:
        """Ask to be told of expunged mails (RFC 7162); only allowed before a folder is opened."""
        _, data = self._call(self._connection.capability)
        self._connection.capabilities = tuple(_joined(data).decode("ascii", "replace").upper().split())
        if not {"ENABLE", "QRESYNC"} <= set(self._connection.capabilities):
            return False
        try:
            self._call(self._connection.enable, "QRESYNC")
        except Refused:
            return False
        _, enabled = self._connection.response("ENABLED")
        return b"QRESYNC" in _joined(enabled).upper()

    def _call(self, command: Callable[..., tuple[str, Any]], *arguments: str) -> tuple[str, Any]:
        try:
            kind, data = command(*arguments)
        except (imaplib.IMAP4.abort, OSError) as error:
            raise Retry(f"the connection to {self.host} broke or makes no sense ({_brief(error)})") from error
        except (imaplib.IMAP4.error, ValueError, IndexError, TypeError) as error:  # what the library raises on garbage
            if "BAD" in str(error):
                raise Refused(_brief(error)) from error
            raise Retry(f"the answer of {self.host} makes no sense ({_brief(error)})") from error
        if kind != "OK":
            first = data[0] if data and isinstance(data[0], bytes) else b""
            raise Refused(first[:200].decode("utf-8", "replace") or kind)
        return kind, data

    def folders(self) -> list[Folder]:
        """Return every folder that can hold mail, by name."""
        special = {"SPECIAL-USE", "LIST-EXTENDED"} <= set(self._connection.capabilities)
        arguments = ('""', '"*"', "RETURN (SPECIAL-USE)") if special else ('""', '"*"')
        self._call(self._connection.xatom, "LIST", *arguments)
        _, lines = self._connection.response("LIST")
        found = []
        for line in lines or []:
            head, literal = line if isinstance(line, tuple) else (line, None)
            parsed = _LIST.match(head) if isinstance(head, bytes) else None
            if parsed is None:
                continue
            wire = (literal if literal is not None else _unquote(parsed["name"])).decode("utf-8", "replace")
            flags = frozenset(parsed["flags"].decode("ascii", "replace").lower().split())
            name = "INBOX" if wire.upper() == "INBOX" else decode_name(wire)
            if not flags & {"\\noselect", "\\nonexistent"}:
                found.append(Folder(name, wire, flags))
        if not any(folder.name == "INBOX" for folder in found):  # every mailbox has one (RFC 3501 section 5.1)
            raise Retry(f"{self.host} lists the folders without INBOX, so the list is not complete")
        return sorted(found, key=lambda folder: folder.name)

    def status(self, folder: Folder) -> State:
        """Ask for a folder's counters without opening it; raises Refused when it is not there any more."""
        modseq = " HIGHESTMODSEQ" if self.qresync else ""
        wanted = f"(MESSAGES UIDNEXT UIDVALIDITY{modseq})"
        _, data = self._call(self._connection.status, _quote(folder.wire), wanted)
        text = b" ".join(part if isinstance(part, bytes) else b" ".join(part) for part in data if part)
        pairs = re.findall(rb"(MESSAGES|UIDNEXT|UIDVALIDITY|HIGHESTMODSEQ) (\d{1,20})\b", text.upper())
        values = {name.decode(): int(value) for name, value in pairs}
        if not {"MESSAGES", "UIDNEXT", "UIDVALIDITY"} <= set(values):
            raise Retry(f"the answer of {self.host} makes no sense ({text[:80]!r})")
        return State(values["UIDVALIDITY"], values["UIDNEXT"], values["MESSAGES"], values.get("HIGHESTMODSEQ"))

    def examine(self, folder: Folder, known: tuple[int, int] | None) -> State:
        """Open a folder for reading.

        known: the (UIDVALIDITY, mod-sequence) of the last run, to be told what was expunged since.
        """
        connection = self._connection
        connection.untagged_responses = {}
        more = [f"(QRESYNC ({known[0]} {known[1]}))"] if known and self.qresync else []
        connection.state = "AUTH"
        connection.is_readonly = True  # else the library takes the server's READ-ONLY for a change of mind
        self._call(connection.xatom, "EXAMINE", _quote(folder.wire), *more)
        connection.state = "SELECTED"
        numbers = {name: self._number(name) for name in ("EXISTS", "UIDVALIDITY", "UIDNEXT", "HIGHESTMODSEQ")}
        if numbers["EXISTS"] is None or numbers["UIDVALIDITY"] is None:
            raise Retry(f"{self.host} opens {folder.name} without saying what is in it")
        vanished = self._vanished() if more and numbers["UIDVALIDITY"] == (known or (0,))[0] else None
        uidnext = numbers["UIDNEXT"] or (max(self.uids(1, 0xFFFFFFFF), default=0) + 1)
        return State(numbers["UIDVALIDITY"], uidnext, numbers["EXISTS"], numbers["HIGHESTMODSEQ"], vanished)

    def _number(self, name: str) -> int | None:
        data = self._connection.response(name)[1]
        last = data[-1] if data else None
        return int(last) if isinstance(last, bytes) and last.isdigit() and len(last) <= 20 else None

    def _vanished(self) -> tuple[tuple[int, int], ...]:
        lines = self._connection.response("VANISHED")[1] or []
        text = [line.decode("ascii", "replace").upper() for line in lines if isinstance(line, bytes)]
        return tuple(span for line in text for span in uid_ranges(line.replace("(EARLIER)", "")))

    def uids(self, low: int, high: int, messages: int = 0) -> list[int]:
        """Return the UIDs of [low, high) that exist, ascending; `messages` is how many there can be."""
        found: set[int] = set()
        few = messages <= 2 * _SEARCH_SPAN
        step = high - low if few else max(_SEARCH_SPAN, (high - low) // _SEARCH_STEPS)
        for start in range(low, high, max(1, step)):
            _, data = self._call(self._connection.uid, "SEARCH", f"UID {start}:{min(start + step, high) - 1}")
            found.update(int(word) for word in _joined(data).split() if word.isdigit() and len(word) <= 10)
        return sorted(uid for uid in found if low <= uid < high)

    def sizes(self, uids: Sequence[int]) -> dict[int, int]:
        """Return bytes by UID, as the server counts them."""
        found = {}
        for text, _ in self._fetch(uids, "(UID RFC822.SIZE)"):
            uid, size = _UID.search(text), _SIZE.search(text)
            if uid and size:
                found[int(uid[1])] = int(size[1])
        return found

    def bodies(self, uids: Sequence[int], section: str = "") -> Iterator[tuple[int, bytes]]:
        """Yield (uid, bytes) of whole mails, or of one section of each; what was expunged meanwhile is left out."""
        for text, literal in self._fetch(uids, f"(UID BODY.PEEK[{section}])"):
            uid = _UID.search(text)
            if uid and literal is not None:
                yield int(uid[1]), literal

    def stream(self, uid: int) -> Iterator[bytes]:
        """Yield a large mail in pieces; raises Retry when it is expunged meanwhile."""
        offset = 0
        while True:
            pieces = [
                piece for _, piece in self._fetch([uid], f"(UID BODY.PEEK[]<{offset}.{PARTIAL}>)") if piece is not None
            ]
            if not pieces:
                raise Retry(f"mail {uid} went away while it was being read")
            yield pieces[0]
            offset += len(pieces[0])
            if len(pieces[0]) < PARTIAL:
                return

    def _fetch(self, uids: Sequence[int], what: str) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield (text outside of literals, last literal or quoted body) of each answer."""
        if not uids:
            return
        _, data = self._call(self._connection.uid, "FETCH", uid_set(uids), what)
        text, literal = b"", None
        for part in [*data, b"0 ("]:
            head, body = part if isinstance(part, tuple) else (part or b"", None)
            if _BEGINS.match(head) and text:
                yield text, _body(text) if literal is None else literal
                text, literal = b"", None
            text += head
            literal = body if body is not None else literal


def _joined(data: Sequence[object] | None) -> bytes:
    return b" ".join(part for part in data or () if isinstance(part, bytes))


def _body(text: bytes) -> bytes | None:
    quoted = _QUOTED_BODY.search(text)
    if quoted:
        return re.sub(rb"\\(.)", rb"\1", quoted[1])
    return b"" if _EMPTY_BODY.search(text) else None


def _quote(wire: str) -> str:
    return '"' + wire.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _unquote(name: bytes) -> bytes:
    name = name.strip()
    return re.sub(rb"\\(.)", rb"\1", name[1:-1]) if name.startswith(b'"') else name


def _brief(error: BaseException) -> str:
    """Return the beginning of what a server or library said, on one line."""
    return " ".join(str(error).split())[:160] or type(error).__name__
