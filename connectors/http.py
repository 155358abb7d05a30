"""The one HTTP client of the connectors: bounded, patient, and unable to reach inside the city's network."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import PoolManager
from urllib3.exceptions import HTTPError as TransportError

from connectors.address_guard import AddressGuard, RefusedAddress, Resolver, normal_host, system_resolver
from connectors.errors import ConnectorError, Misconfigured, Reauthorize, Retry, SkipItem, SourceGone
from connectors.http_reading import CHUNK, TruncatedError, asked_wait, decoded, shown

T = TypeVar("T")
MAX_REDIRECTS = 10
_RETRIED = frozenset({500, 502, 503, 504})
_PERMANENT = frozenset({301, 308})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What a caller's header may say to a host it was not written for; everything else may be a credential.
_HARMLESS = frozenset({"accept", "accept-language", "if-none-match", "if-modified-since", "range"})
_REQUEST_IDS = ("x-request-id", "x-fb-trace-id", "x-amzn-requestid", "x-correlation-id", "x-transaction-id", "cf-ray")


class TooLarge(SkipItem):
    """The answer is larger than the limit: {detail}"""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of a server, read whole.

    headers: case-insensitive.  body: decompressed bytes.  url: where the answer came from, after redirects.
    retrieved_at: milliseconds UTC.  moved_to: the new address when only permanent redirects (301, 308) led to one.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    request_id: str | None
    retrieved_at: int
    moved_to: str | None = None

    def or_raise(self) -> "Response":
        """Return itself when the status is 2xx or 304; else raise what the caller shall do about the status."""
        raise_for_status(self.status, self.url)
        return self


class Stream:
    """An answer whose body comes in chunks; iterate once, inside `with`.

    Fields as in Response.  A body that breaks off, or grows past the cap, raises Retry or TooLarge while iterating.
    """

    def __init__(self, head: Response, chunks: Iterator[bytes], close: Callable[[], None]) -> None:
        self.status, self.headers, self.url = head.status, head.headers, head.url
        self.request_id, self.retrieved_at = head.request_id, head.retrieved_at
        self._chunks, self.close = chunks, close

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


@dataclass(slots=True)
class _Attempt:
    """One request on its way: where it goes now, with which headers, and how it got there."""

    url: str
    headers: dict[str, str]
    params: Mapping[str, Any] | None
    moved_to: str | None = None
    permanent: bool = True
    seen: set[str] = field(default_factory=set)


class _GuardedAdapter(HTTPAdapter):
    """Transport whose connections are opened by the address guard."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = self._guard.pool_classes()


class HttpClient:
    """Reads over HTTP for one collection run.

    allow_private_hosts: "host" or "host:port" entries of the source's settings that may be private addresses.
    timeout: seconds to connect, seconds between bytes.  deadline: seconds for one whole body.
    max_bytes: decompressed bytes of one `get`.  retries: further tries after the first.
    max_wait: seconds that a server's 429 or 503 may make us sleep here (limits by five minutes are common); longer ones
    raise Retry(after).
    interval: seconds between two requests to one host (hosts that the settings name as private are not slowed).
    sleep, now_ms: the world's clock as handed in (seconds; milliseconds UTC).  ca_file: extra certificate authorities.
    """

    def __init__(
        self,
        *,
        allow_private_hosts: frozenset[str] = frozenset(),
        user_agent: str = "city-archiver",
        timeout: tuple[float, float] = (10.0, 30.0),
        deadline: float = 900.0,
        max_bytes: int = 64 << 20,
        retries: int = 3,
        max_wait: float = 330.0,
        interval: float = 0.1,
        sleep: Callable[[float], None] = time.sleep,
        now_ms: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
        resolver: Resolver = system_resolver,
        ca_file: str | None = None,
    ) -> None:
        self._guard = AddressGuard(allow_private_hosts, resolver)
        self._timeout, self._deadline, self._max_bytes = timeout, deadline, max_bytes
        self._retries, self._max_wait, self._interval = retries, max_wait, interval
        self._sleep, self._now_ms, self._monotonic, self._jitter = sleep, now_ms, monotonic, jitter
        self._next_at: dict[str, float] = {}
        self._session = requests.Session()
        self._session.trust_env = False  # no proxies, netrc or certificates from the environment
        self._session.verify = ca_file if ca_file else True
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._session.headers.clear()
        self._session.headers.update({"User-Agent": user_agent, "Accept-Encoding": "gzip", "Accept": "*/*"})
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, _GuardedAdapter(self._guard))

    def get(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        *,
        max_bytes: int | None = None,
    ) -> Response:
        """Read an address whole, following redirects.

        Statuses below 500 other than 429 are returned as they are (see Response.or_raise).  max_bytes: decompressed.
        Raises Retry, TooLarge, RefusedAddress (each redirect is checked), Misconfigured, ConnectorError.
        """

        def whole(attempt: _Attempt, answer: requests.Response) -> Response:
            cap = self._max_bytes if max_bytes is None else max_bytes
            with answer:
                return self._head(attempt, answer, b"".join(self._body(answer, cap)))

        return self._with_retries(_Attempt(url, dict(headers or {}), params), whole)

    def stream(self, url: str, headers: Mapping[str, str] | None = None, *, max_bytes: int = 2 << 30) -> Stream:
        """Open an address whose body may be large; tries again only until the body begins.

        max_bytes: decompressed bytes.  Raises as `get` does; Retry and TooLarge also while iterating.
        """

        def opened(attempt: _Attempt, answer: requests.Response) -> Stream:
            return Stream(self._head(attempt, answer, b""), self._streamed(answer, max_bytes), answer.close)

        return self._with_retries(_Attempt(url, dict(headers or {}), None), opened)

    def close(self) -> None:
        """Close the connections that are kept open between requests."""
        self._session.close()

    def _with_retries(self, first: _Attempt, finish: Callable[[_Attempt, requests.Response], T]) -> T:
        slept = 0.0
        for count in range(self._retries + 1):
            attempt = _Attempt(first.url, dict(first.headers), first.params)
            after: float | None = None
            try:
                answer = self._follow(attempt)
                if answer.status_code != 429 and answer.status_code not in _RETRIED:
                    return finish(attempt, answer)
                detail = f"{shown(attempt.url)} answered {answer.status_code}"
                after = asked_wait(answer.headers, self._now_ms())
                answer.close()
            except _BROKEN as error:
                detail = _explain(error, attempt.url)
            except requests.RequestException as error:
                raise Misconfigured(f"{attempt.url[:200]!r} is not an address that can be opened") from error
            wait = after if after is not None else 0.5 * 2**count * (1.0 + self._jitter())
            if count == self._retries or slept + wait > self._max_wait:
                raise Retry(detail, after=after, where=shown(attempt.url))
            self._sleep(wait)
            slept += wait
        raise AssertionError("unreachable")

    def _follow(self, attempt: _Attempt) -> requests.Response:
        """Send the request and go after redirects, each checked like a first address."""
        while True:
            self._check(attempt.url)
            self._pace(attempt.url)
            answer = self._session.get(
                attempt.url,
                headers=attempt.headers,
                params=attempt.params,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            )
            target = answer.headers.get("location")
            if answer.status_code not in _REDIRECTS or not target:
                return answer
            answer.close()
            self._redirect(attempt, answer, target)

    def _redirect(self, attempt: _Attempt, answer: requests.Response, target: str) -> None:
        here = answer.url or attempt.url
        there = urljoin(here, target)
        attempt.seen.add(here)
        if there in attempt.seen or len(attempt.seen) > MAX_REDIRECTS:
            raise Misconfigured(f"{shown(here)} redirects in a circle", where=shown(here))
        attempt.permanent = attempt.permanent and answer.status_code in _PERMANENT
        attempt.moved_to = there if attempt.permanent else attempt.moved_to
        if not _same_party(here, there):
            attempt.headers = {name: value for name, value in attempt.headers.items() if name.lower() in _HARMLESS}
        attempt.url, attempt.params = there, None

    def _check(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise Misconfigured(f"{url[:200]!r} is not an address: {error}") from error
        if parts.scheme not in ("http", "https") or not host or port == 0:
            raise RefusedAddress(f"{url[:200]!r} is not an http:// or https:// address of a host")
        if parts.username is not None or parts.password is not None:
            raise Misconfigured(f"the address of {host} contains a user name or password; give it as a secret")

    def _pace(self, url: str) -> None:
        host, port = _place(url)
        if self._guard.is_named(host, port):
            return
        now = self._monotonic()
        start = max(now, self._next_at.get(host, now))
        self._next_at[host] = start + self._interval
        if start > now:
            self._sleep(start - now)

    def _head(self, attempt: _Attempt, answer: requests.Response, body: bytes) -> Response:
        headers = CaseInsensitiveDict(answer.headers)
        request_id = next((headers[name] for name in _REQUEST_IDS if name in headers), None)
        url = answer.url or attempt.url
        return Response(answer.status_code, headers, body, url, request_id, self._now_ms(), attempt.moved_to)

    def _streamed(self, answer: requests.Response, cap: int) -> Iterator[bytes]:
        try:
            yield from self._body(answer, cap)
        except _BROKEN as error:
            raise Retry(_explain(error, answer.url), where=shown(answer.url)) from error
        finally:
            answer.close()

    def _body(self, answer: requests.Response, cap: int) -> Iterator[bytes]:
        """Yield the decompressed body; one that ends early raises, because half an answer would look whole."""
        ends_at = self._monotonic() + self._deadline
        total = 0
        for chunk in decoded(_wire(answer), answer.headers.get("content-encoding", "")):
            total += len(chunk)
            if total > cap:
                raise TooLarge(f"{shown(answer.url)} sends more than {cap:,} bytes", where=shown(answer.url))
            if self._monotonic() > ends_at:
                raise Retry(f"{shown(answer.url)} sends too slowly", where=shown(answer.url))
            yield chunk


_BROKEN = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    TransportError,
    TruncatedError,
)


def _wire(answer: requests.Response) -> Iterator[bytes]:
    """Yield the bytes as they come over the wire, still compressed; urllib3 checks Content-Length and chunking."""
    while chunk := answer.raw.read1(CHUNK, decode_content=False):
        yield chunk


def _explain(error: Exception, url: str) -> str:
    """Say in words what broke; a certificate that fails is raised at once because waiting does not help."""
    where = shown(url)
    if isinstance(error, requests.exceptions.SSLError):
        raise ConnectorError(
            f"the certificate of {where} is not valid", action="Check the address, or tell its operator.", where=where
        ) from error
    if isinstance(error, TruncatedError):
        return f"{where} broke off: {error}"
    if "NameResolutionError" in repr(error):
        return f"the name in {where} was not found; is it spelt right, and is the network up?"
    if isinstance(error, requests.Timeout):
        return f"{where} did not answer in time"
    return f"{where} could not be read to the end ({type(error).__name__})"


def raise_for_status(status: int, url: str) -> None:
    """Raise Reauthorize (401, 403), SourceGone (404, 410) or Misconfigured (other 4xx); pass 2xx and 304."""
    where = shown(url)
    if 200 <= status < 300 or status == 304:
        return
    if status in (401, 403):
        raise Reauthorize(f"{where} answered {status}", where=where)
    if status in (404, 410):
        raise SourceGone(f"{where} answered {status}", where=where)
    raise Misconfigured(f"{where} answered {status}", where=where)


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return normal_host(parts.hostname or ""), parts.port or (443 if parts.scheme == "https" else 80)


def _same_party(first: str, second: str) -> bool:
    """Tell whether credentials for one address may go to another: same host, port and scheme, or its move to https."""
    here, there = _place(first), _place(second)
    schemes = (urlsplit(first).scheme, urlsplit(second).scheme)
    if schemes == ("http", "https"):
        return here[0] == there[0] and (here[1], there[1]) == (80, 443)
    return here == there and schemes[0] == schemes[1]
