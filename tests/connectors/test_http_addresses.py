"""No connection is ever opened to an address inside the city's network, however it is written."""

import socket

import pytest

from connectors.address_guard import AddressGuard, RefusedAddress, refusal, system_resolver
from connectors.errors import Misconfigured, Retry
from connectors.http import HttpClient
from tests.fixtures.http_server import Script, redirect, serve, text_reply

_REFUSED = """
127.0.0.1 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 169.254.0.1 169.254.169.254
172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.170 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1
203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::808:808
64:ff9b:1::7f00:1 100::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:db8::1 2002:7f00:1::1
2002:a00:1:: 2002:c0a8:1::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fdff::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1
"""
_ALLOWED = "1.1.1.1 8.8.8.8 93.184.216.34 172.15.0.1 172.32.0.1 192.167.1.1 100.63.0.1 2606:4700::1111 2a00:1450::1"
REFUSED, ALLOWED = _REFUSED.split(), _ALLOWED.split()
DISGUISED = [
    "2130706433",
    "0x7f000001",
    "017700000001",
    "0177.0.0.1",
    "127.1",
    "0",
    "0x7f.1",
    "127.0.0.1.",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "①②⑦.⓪.⓪.①",
    "169.254.169.254",
    "2852039166",
    "a" * 70 + ".example",
    "a..example",
    "exa mple.org",
    "\u202e.example",
]


class Dialled:
    """Counts what would have been connected to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.addresses: list[str] = []
        monkeypatch.setattr("connectors.address_guard.create_connection", self.dial)

    def dial(self, address: tuple[str, int], *rest: object, **options: object) -> socket.socket:
        """Stand in for the system's connect."""
        self.addresses.append(address[0])
        raise OSError("not in a test")


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> Dialled:
    """A network that nobody can leave."""
    return Dialled(monkeypatch)


def client(*private: str, **options: object) -> HttpClient:
    """A client that does not wait."""
    settings = {"now_ms": lambda: 0, "sleep": lambda seconds: None, "retries": 0, **options}
    return HttpClient(allow_private_hosts=frozenset(private), **settings)  # type: ignore[arg-type]  # (test options)


@pytest.mark.parametrize("address", REFUSED)
def test_special_addresses_are_refused(address: str, dialled: Dialled) -> None:
    """Loopback, private, link-local, reserved, multicast, NAT64, 6to4, Teredo and mapped addresses: 0 connects."""
    assert refusal(address)
    with pytest.raises(RefusedAddress):
        client(resolver=lambda host, port: [address]).get("http://city.example/")
    assert dialled.addresses == []


@pytest.mark.parametrize("address", ALLOWED)
def test_public_addresses_are_dialled_exactly(address: str, dialled: Dialled) -> None:
    """The address that was checked is the address that is dialled."""
    assert refusal(address) is None
    with pytest.raises(Retry):
        client(resolver=lambda host, port: [address]).get("http://city.example/")
    assert dialled.addresses == [address]


@pytest.mark.parametrize("host", DISGUISED)
def test_disguised_hosts_are_refused(host: str, dialled: Dialled) -> None:
    """Decimal, octal, hexadecimal, short, mapped and enclosed-digit spellings reach nothing."""
    with pytest.raises((Misconfigured, Retry)):
        client().get(f"http://{host}/")
    assert dialled.addresses == []


def test_one_private_answer_among_public_ones_refuses_the_host(dialled: Dialled) -> None:
    """A name that also leads inside is a rebinding attempt."""
    with pytest.raises(RefusedAddress):
        client(resolver=lambda host, port: ["8.8.8.8", "127.0.0.1"]).get("http://city.example/")
    assert dialled.addresses == []


def test_dns_rebinding_finds_no_second_lookup(dialled: Dialled) -> None:
    """A name that is public when checked and private a moment later is dialled at the checked address."""
    answers = [["8.8.8.8"], ["127.0.0.1"]]
    with pytest.raises(Retry):
        client(resolver=lambda host, port: answers.pop(0)).get("http://city.example/")
    assert dialled.addresses == ["8.8.8.8"]
    assert answers == [["127.0.0.1"]]


def test_a_later_request_is_checked_again(dialled: Dialled) -> None:
    """The second lookup of a rebinding name is refused."""
    answers = [["8.8.8.8"], ["127.0.0.1"]]
    rebound = client(resolver=lambda host, port: answers.pop(0))
    with pytest.raises(Retry):
        rebound.get("http://city.example/")
    with pytest.raises(RefusedAddress):
        rebound.get("http://city.example/")
    assert dialled.addresses == ["8.8.8.8"]


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:1/",
        "http://[::1]/",
        "http://2130706433/",
        "http://localhost/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "gopher://127.0.0.1/",
        "//169.254.169.254/x",
    ],
)
def test_each_redirect_is_checked(target: str) -> None:
    """A permitted server cannot send us on to metadata services, this computer, or another scheme."""
    with serve() as server:
        server.on("/a", redirect(target))
        with pytest.raises(RefusedAddress):
            client(server.host).get(server.url("/a"))
        assert [request.path for request in server.requests] == ["/a"]


def test_only_the_named_host_and_port_may_be_private() -> None:
    """An entry with a port opens that port only; a host without one opens all its ports."""
    with serve() as server:
        server.on("/a", text_reply("in"))
        assert client(server.host).get(server.url("/a")).body == b"in"
        assert client("127.0.0.1").get(server.url("/a")).body == b"in"
        for other in ("127.0.0.1:1", "localhost", "127.0.0.2", "example.org"):
            with pytest.raises(RefusedAddress):
                client(other).get(server.url("/a"))


def test_named_hosts_are_compared_in_one_spelling() -> None:
    """Case, trailing dots and IPv6 brackets make no difference."""
    guard = AddressGuard(frozenset({"Intranet.City.Example", "[::1]:8080", "fd00::5"}), system_resolver)
    assert guard.is_named("intranet.city.example.", 443)
    assert guard.is_named("::1", 8080)
    assert not guard.is_named("::1", 80)
    assert guard.is_named("fd00::5", 80)


@pytest.mark.parametrize("port", [0, 22, 25, 110, 143, 445, 993])
def test_ports_of_other_services_are_refused(port: int, dialled: Dialled) -> None:
    """A web address cannot be used to speak to a mail or file server."""
    with pytest.raises((RefusedAddress, Misconfigured)):
        client(resolver=lambda host, number: ["8.8.8.8"]).get(f"http://city.example:{port}/")
    assert [port for address in dialled.addresses] == []


def test_a_name_that_is_not_found_says_so() -> None:
    """A misspelt host is told apart from a server that does not answer."""

    def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(Retry, match="not found"):
        client(resolver=resolve).get("http://city.example/")


def test_a_broken_connection_is_closed_without_a_leak() -> None:
    """The script's connections end with the test (warnings are errors)."""
    with serve(Script()) as server:
        server.on("/a", text_reply("x"))
        one = client(server.host)
        one.get(server.url("/a"))
        one.close()
