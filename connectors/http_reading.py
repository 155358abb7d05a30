"""Reading of what HTTP servers send: compressed bodies, requests to wait, addresses for messages."""

import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit, urlunsplit

from connectors.errors import ConnectorError

CHUNK = 64 << 10
"""Bytes: one step of reading."""

_RESETS = ("x-ratelimit-reset", "x-rate-limit-reset", "ratelimit-reset")


class TruncatedError(Exception):
    """A body ended before it was complete."""


def decoded(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Decompress in steps of bounded size and demand the end mark, which urllib3 does not."""
    coding = encoding.strip().lower()
    if coding in ("", "identity"):
        yield from chunks
        return
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise ConnectorError(f"the server answers in the encoding {coding[:40]!r}, which was not asked for")
    wbits = 31 if coding != "deflate" else 15
    engine, fed = zlib.decompressobj(wbits), False
    try:
        for chunk in chunks:
            data = chunk
            while data:
                if engine.eof:  # gzip allows several members in a row
                    engine = zlib.decompressobj(wbits)
                fed = True
                yield engine.decompress(data, CHUNK)
                data = engine.unconsumed_tail or engine.unused_data
    except zlib.error as error:
        raise TruncatedError(f"its compressed body is damaged ({error})") from error
    if fed and not engine.eof:
        raise TruncatedError("its compressed body ends early")


def asked_wait(headers: Mapping[str, str], now_ms: int) -> float | None:
    """Return the seconds that a server asks us to wait, None where it does not say.

    headers: Retry-After (seconds or HTTP date, RFC 9110 10.2.3), else a rate-limit reset as seconds, epoch seconds,
    epoch milliseconds or ISO-8601.  Moments are measured against the server's
    own Date, so that a wrong clock here is harmless.
    """
    now = _moment(headers.get("date", "")) or now_ms / 1000
    for name in ("retry-after", *_RESETS):
        value = headers.get(name, "").strip()
        try:
            number = float(value)
        except ValueError:
            moment = _moment(value)
            if moment is not None:
                return max(0.0, moment - now)
            continue
        if not 0 <= number < 1e14:
            continue
        if number >= 1e11:
            number /= 1000
        return max(0.0, number - now) if number >= 1e9 else number
    return None


def _moment(value: str) -> float | None:
    """Read an HTTP or ISO-8601 date as epoch seconds, None when it is neither."""
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = parse(value)
        except (ValueError, TypeError):
            continue
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return None


def shown(url: str) -> str:
    """Write an address for messages and logs: without query, fragment and credentials, any of which may be secret."""
    try:
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        return urlunsplit((parts.scheme, host + (f":{parts.port}" if parts.port else ""), parts.path, "", ""))
    except ValueError:
        return "the address"
