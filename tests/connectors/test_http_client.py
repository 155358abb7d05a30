"""The HTTP client against a server with the faults of real ones."""

import shlex
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import ConnectorError, Misconfigured, Reauthorize, Retry, SourceGone
from connectors.http import HttpClient, TooLarge
from connectors.http_reading import asked_wait, shown
from tests.fixtures.http_server import Reply, Script, gzipped, redirect, serve, text_reply, too_many

NOW = 1_773_576_000_000
PAGE = text_reply("hello " * 5000)


@pytest.fixture
def server() -> Iterator[Script]:
    """A scripted server."""
    with serve() as script:
        yield script


@pytest.fixture
def slept() -> list[float]:
    """The waits that the client asked for."""
    return []


@pytest.fixture
def client(server: Script, slept: list[float]) -> HttpClient:
    """A client that may reach the server, and whose waits take no time."""
    return make(server, slept)


def make(server: Script, slept: list[float], **options: Any) -> HttpClient:
    """Make a client for the server with quick timeouts."""
    settings: dict[str, Any] = {
        "timeout": (2.0, 0.3),
        "sleep": slept.append,
        "now_ms": lambda: NOW,
        "jitter": lambda: 0.0,
    }
    return HttpClient(allow_private_hosts=frozenset({server.host}), **{**settings, **options})


def test_get_returns_status_body_and_origin(server: Script, client: HttpClient) -> None:
    """A plain answer comes whole, with its request id, its address and the time that was handed in."""
    server.on("/a", text_reply("ja", x_request_id="abc"))
    found = client.get(server.url("/a"), {"Accept": "text/x"}, {"q": "1 2"})
    assert (found.status, found.body, found.request_id, found.retrieved_at) == (200, b"ja", "abc", NOW)
    assert found.url == server.url("/a?q=1+2")
    assert found.headers["X-REQUEST-ID"] == "abc"
    assert server.requests[0].headers["accept"] == "text/x"


@pytest.mark.parametrize(
    "fault",
    [
        Reply(500, b"x"),
        Reply(502, b"x"),
        Reply(503, b"x"),
        Reply(504, b"x"),
        Reply(200, b"x" * 5000, reset=0),
        Reply(200, b"x" * 500_000, reset=2000),
        Reply(200, b"x" * 5000, cut=3000),
        Reply(200, b"x" * 5000, cut=3000, chunked=True),
        Reply(200, b"x" * 5000, delay=0.6),
        gzipped(PAGE, keep=60),
        Reply(200, b"not gzip at all", (("Content-Encoding", "gzip"),)),
    ],
    ids=["500", "502", "503", "504", "reset", "reset-midway", "cut", "cut-chunked", "slow", "cut-gzip", "false-gzip"],
)
def test_a_passing_fault_is_tried_again_and_a_lasting_one_raises_retry(
    server: Script, client: HttpClient, slept: list[float], fault: Reply
) -> None:
    """Half an answer is never taken for a whole one: it is asked for again, and in the end said to be broken."""
    server.on("/a", PAGE)
    server.once("/a", fault)
    assert client.get(server.url("/a")).body == PAGE.body
    assert slept == [0.5]
    server.on("/a", fault)
    with pytest.raises(Retry):
        client.get(server.url("/a"))
    assert slept == [0.5, 0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": formatdate(NOW / 1000 + 9, usegmt=True), "date": formatdate(NOW / 1000, usegmt=True)}, 9.0),
        ({"x_ratelimit_reset": str(NOW // 1000 + 11), "date": formatdate(NOW / 1000, usegmt=True)}, 11.0),
        ({"x_ratelimit_reset": "2026-03-15T12:00:13.5Z", "date": "Sun, 15 Mar 2026 12:00:00 GMT"}, 13.5),
    ],
)
def test_429_is_waited_for_as_the_server_asks(
    server: Script, client: HttpClient, slept: list[float], headers: dict[str, str], wait: float
) -> None:
    """Retry-After in seconds or as a date, and rate-limit resets as epoch or ISO-8601, become one bounded wait."""
    server.on("/a", PAGE)
    server.once("/a", too_many(**headers))
    assert client.get(server.url("/a")).status == 200
    assert slept == [pytest.approx(wait, abs=1.5)]


def test_a_wait_that_is_too_long_is_left_to_the_caller(server: Script, client: HttpClient, slept: list[float]) -> None:
    """An hour is not slept inside a run; Retry says after how many seconds to come back."""
    server.on("/a", too_many(retry_after="3600"))
    with pytest.raises(Retry) as caught:
        client.get(server.url("/a"))
    assert (caught.value.after, slept, len(server.requests)) == (3600.0, [], 1)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "Sun, 15 Mar 2026 11:00:00 GMT"}, 0.0),
        ({"x-rate-limit-reset": str(NOW // 1000 + 60)}, 60.0),
        ({"x-ratelimit-reset": str(NOW + 60_000)}, 60.0),
        ({"ratelimit-reset": "42"}, 42.0),
        ({"x-ratelimit-reset": "2026-03-15T12:05:00.158143Z"}, 300.158143),
    ],
)
def test_asked_wait_reads_every_documented_form(headers: dict[str, str], wait: float | None) -> None:
    """What cannot be read is no wait; nothing is negative."""
    assert asked_wait(headers, NOW) == (None if wait is None else pytest.approx(wait))


def test_a_wrong_clock_here_does_not_change_the_wait() -> None:
    """A reset is measured against the server's own Date."""
    headers = {"date": "Sun, 15 Mar 2026 12:00:00 GMT", "x-ratelimit-reset": "2026-03-15T12:01:00Z"}
    assert asked_wait(headers, NOW + 86_400_000) == 60.0


def test_sizes_are_capped_after_decompression(server: Script, client: HttpClient) -> None:
    """A small answer that unfolds to much more than the cap is refused without being unfolded whole."""
    server.on("/bomb", gzipped(text_reply(b"\0" * 30_000_000)))
    with pytest.raises(TooLarge):
        client.get(server.url("/bomb"), max_bytes=1_000_000)
    server.on("/big", text_reply(b"x" * 1001))
    with pytest.raises(TooLarge):
        client.get(server.url("/big"), max_bytes=1000)
    assert len(client.get(server.url("/big"), max_bytes=1001).body) == 1001


def test_gzip_comes_decompressed(server: Script, client: HttpClient) -> None:
    """The only coding that is asked for is also understood, in several members; another one is refused in words."""
    whole = gzipped(PAGE)
    server.on("/a", Reply(200, whole.body + whole.body, whole.headers))
    assert client.get(server.url("/a")).body == PAGE.body * 2
    assert server.requests[0].headers["accept-encoding"] == "gzip"
    server.on("/a", text_reply("x", content_encoding="br"))
    with pytest.raises(ConnectorError, match="br"):
        client.get(server.url("/a"))


def test_stream_hands_over_chunks_and_notices_a_broken_end(server: Script, client: HttpClient) -> None:
    """Media come in pieces under a cap; a body that ends early raises Retry while it is read."""
    server.on("/m", text_reply(b"x" * 300_000, "image/png"))
    with client.stream(server.url("/m")) as media:
        pieces = list(media)
    assert (media.status, sum(map(len, pieces)), media.headers["content-type"]) == (200, 300_000, "image/png")
    assert max(map(len, pieces)) <= 65536
    with client.stream(server.url("/m"), max_bytes=1000) as media, pytest.raises(TooLarge):
        list(media)
    server.on("/m", Reply(200, b"x" * 300_000, cut=100_000))
    with client.stream(server.url("/m")) as media, pytest.raises(Retry):
        list(media)


def test_a_body_that_drips_forever_ends_at_the_deadline(server: Script, slept: list[float]) -> None:
    """Bytes that come just in time for each read do not hold a run up beyond the deadline."""
    server.on("/a", Reply(200, b"x" * 100_000, drip=0.05))
    client = make(server, slept, deadline=0.2, retries=0)
    with pytest.raises(Retry, match="slowly"):
        client.get(server.url("/a"))


def test_redirects_are_followed_and_permanent_moves_reported(server: Script, client: HttpClient) -> None:
    """Only a chain of 301 and 308 means that the address changed."""
    server.on("/old", redirect("/mid", 301))
    server.on("/mid", redirect(server.url("/new"), 308))
    server.on("/new", PAGE)
    assert client.get(server.url("/old")).moved_to == server.url("/new")
    server.on("/mid", redirect("/new", 302))
    found = client.get(server.url("/old"))
    assert (found.url, found.moved_to) == (server.url("/new"), server.url("/mid"))


def test_redirects_in_a_circle_end(server: Script, client: HttpClient) -> None:
    """A loop and an endless chain are errors, after at most ten steps."""
    server.on("/a", redirect("/b"))
    server.on("/b", redirect("/a"))
    with pytest.raises(Misconfigured, match="circle"):
        client.get(server.url("/a"))
    server.fallback = lambda request: redirect(f"/{len(server.requests)}")
    with pytest.raises(Misconfigured, match="circle"):
        client.get(server.url("/start"))
    assert len(server.requests) < 20


def test_credentials_do_not_follow_a_redirect_to_another_host(server: Script, slept: list[float]) -> None:
    """Another port is another party already; only harmless headers go there, and the query is not repeated."""
    with serve() as other:
        client = HttpClient(allow_private_hosts=frozenset({"127.0.0.1"}), sleep=slept.append, now_ms=lambda: NOW)
        server.on("/a", redirect("/b"))
        server.on("/b", redirect(other.url("/c")))
        other.on("/c", PAGE)
        secrets = {"Authorization": "Bearer s3", "X-Api-Key": "s3", "Cookie": "s3", "If-None-Match": '"1"'}
        client.get(server.url("/a"), secrets, {"access_token": "s3"})
        assert server.seen("/b")[0].headers["authorization"] == "Bearer s3"
        arrived = other.seen("/c")[0]
        assert "s3" not in str(arrived)
        assert arrived.headers["if-none-match"] == '"1"'


def test_cookies_are_not_kept(server: Script, client: HttpClient) -> None:
    """A server cannot follow our runs with cookies."""
    server.on("/a", text_reply("x", set_cookie="id=1; Path=/"))
    client.get(server.url("/a"))
    client.get(server.url("/a"))
    assert "cookie" not in server.requests[1].headers


def test_proxies_of_the_environment_are_not_used(
    server: Script, client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would resolve names itself, past the address check."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.on("/a", PAGE)
    assert client.get(server.url("/a")).status == 200


@pytest.mark.parametrize(
    "address", ["ftp://x/", "file:///etc/passwd", "//x/", "x", "", "http://", "http://[::1", "gopher://x"]
)
def test_only_http_addresses_are_opened(client: HttpClient, address: str) -> None:
    """Anything else is refused in words."""
    with pytest.raises(Misconfigured):
        client.get(address)


def test_a_password_in_an_address_is_refused_and_never_shown(client: HttpClient) -> None:
    """Credentials belong to the secrets; messages show neither them nor queries."""
    with pytest.raises(Misconfigured) as caught:
        client.get("http://me:s3cret@example.org/?token=s3cret")
    assert "s3cret" not in str(caught.value)
    assert shown("http://me:s3cret@example.org:81/a?token=s3cret#x") == "http://example.org:81/a"


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, Misconfigured), (401, Reauthorize), (403, Reauthorize), (404, SourceGone), (410, SourceGone)],
)
def test_a_status_is_returned_and_can_be_raised(
    server: Script, client: HttpClient, status: int, error: type[Exception]
) -> None:
    """Connectors see 4xx themselves; or_raise says what the caller shall do."""
    server.on("/a", Reply(status, b"no"))
    found = client.get(server.url("/a"))
    assert found.status == status
    with pytest.raises(error):
        found.or_raise()


def test_requests_to_one_host_are_spaced(slept: list[float]) -> None:
    """A public host is asked at most once per interval; the wait is what is missing of it."""
    clock = [100.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    def resolve(host: str, port: int) -> list[str]:
        raise Misconfigured(host)

    client = HttpClient(now_ms=lambda: NOW, monotonic=lambda: clock[0], sleep=sleep, interval=0.5, resolver=resolve)
    for host in ("a.example", "a.example", "b.example", "a.example"):
        with pytest.raises(Misconfigured):
            client.get(f"http://{host}/")
    assert slept == [0.5, 0.5]


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"hi")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the library's name)
        pass


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    """An HTTPS server with a certificate for city.example; yields its port and the certificate's path."""
    folder: Path = tmp_path_factory.mktemp("tls")
    made = subprocess.run(
        shlex.split(
            "openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=city.example"
            " -addext subjectAltName=DNS:city.example -keyout key.pem -out cert.pem"
        ),
        cwd=folder,
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("openssl is not installed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hello)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server.server_port, str(folder / "cert.pem")
    server.shutdown()
    server.server_close()
    thread.join()


def _tls_client(secure: tuple[int, str], ca: Callable[[str], str | None]) -> HttpClient:
    return HttpClient(
        allow_private_hosts=frozenset({"city.example", "other.example"}),
        now_ms=lambda: NOW,
        sleep=lambda seconds: None,
        resolver=lambda host, port: ["127.0.0.1"],
        ca_file=ca(secure[1]),
    )


def test_the_certificate_is_checked_against_the_name_not_the_address(secure: tuple[int, str]) -> None:
    """Connecting to a checked address keeps SNI and certificate check on the host's name."""
    client = _tls_client(secure, lambda path: path)
    assert client.get(f"https://city.example:{secure[0]}/").body == b"hi"
    with pytest.raises(ConnectorError, match="certificate"):
        client.get(f"https://other.example:{secure[0]}/")


def test_an_unknown_certificate_is_refused(secure: tuple[int, str]) -> None:
    """Without the authority the connection is refused at once, not tried four times."""
    with pytest.raises(ConnectorError, match="certificate"):
        _tls_client(secure, lambda path: None).get(f"https://city.example:{secure[0]}/")
