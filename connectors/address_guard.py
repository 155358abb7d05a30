"""Which network addresses a connector may talk to, and a dialler that opens exactly the one that was checked."""

import socket
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from connectors.errors import Misconfigured

Resolver = Callable[[str, int], list[str]]
"""Host name and port -> every A and AAAA address as text; raises socket.gaierror."""

# `ip_address(...).is_global` says True for NAT64 of 127.0.0.1 and for multicast, so it is one test of several.
# Everything in IPv6 outside 2000::/3 is special; these are the special parts inside it, and of IPv4.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_SPECIAL_6 = tuple(
    IPv6Network(net)
    for net in (
        "2001::/23",  # IETF protocol assignments, Teredo among them (RFC 2928)
        "2001:db8::/32",  # documentation (RFC 3849)
        "2002::/16",  # 6to4 carries an IPv4 address (RFC 3056)
        "3fff::/20",  # documentation (RFC 9637)
    )
)
_SPECIAL_4 = tuple(
    IPv4Network(net)
    for net in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT (RFC 6598)
        "192.0.0.0/24",
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "240.0.0.0/4",
    )
)


class RefusedAddress(Misconfigured):
    """The address is not one that a collection may open: {detail}"""

    action = "Check the address; a server inside the city's network must be named in the source's private hosts."


def refusal(address: str) -> str | None:
    """Return why an IP address must not be connected to, None when it is an ordinary public one.

    Source: IANA special-purpose address registries (RFC 6890).
    """
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        if ip not in _GLOBAL_UNICAST or any(ip in net for net in _SPECIAL_6):
            return "not a public IPv6 address"
    elif any(ip in net for net in _SPECIAL_4):
        return "a reserved IPv4 address"
    if ip.is_loopback:
        return "this computer itself"
    if ip.is_link_local:
        return "a link-local address"
    if ip.is_multicast or ip.is_reserved or ip.is_unspecified:
        return "a reserved address"
    return None if ip.is_global else "a private address"


def system_resolver(host: str, port: int) -> list[str]:
    """Ask the operating system for every address of a host; raises socket.gaierror."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def normal_host(host: str) -> str:
    """Write a host the one way that comparisons use: lower case, no brackets, no trailing dot."""
    return host.strip("[]").rstrip(".").lower()


class AddressGuard:
    """Decides per connection: each name is resolved once, every answer is checked, and that answer is dialled.

    private_hosts: "host", "host:port" or "[v6]:port" entries that the source's settings name and that may be private.
    """

    def __init__(self, private_hosts: frozenset[str], resolver: Resolver) -> None:
        self._named: set[tuple[str, int | None]] = set()
        self._resolver = resolver
        for entry in private_hosts:
            host, colon, port = entry.rpartition(":")
            if colon and port.isdigit() and (":" not in host or host.startswith("[")):
                self._named.add((normal_host(host), int(port)))
            else:
                self._named.add((normal_host(entry), None))

    def is_named(self, host: str, port: int) -> bool:
        """Tell whether the source's settings name this host, or host and port, as one that may be private."""
        return bool({(normal_host(host), None), (normal_host(host), port)} & self._named)

    def addresses(self, host: str, port: int) -> list[str]:
        """Resolve a host; every answer must be allowed.  Raises RefusedAddress, socket.gaierror."""
        named = self.is_named(host, port)
        if not named and port < 1024 and port not in (80, 443):
            raise RefusedAddress(f"{host} port {port} is not a port of web servers")
        found = self._resolver(host, port)
        for address in found:
            reason = None if named else refusal(address)
            if reason:
                raise RefusedAddress(f"{host} leads to {address}, {reason}")
        return found

    def dial(self, connection: HTTPConnection) -> socket.socket:
        """Open a urllib3 connection's socket to a checked address; SNI and certificate check stay the host's."""
        try:
            found = self.addresses(connection.host, connection.port)
        except socket.gaierror as error:
            raise NameResolutionError(connection.host, connection, error) from error
        except UnicodeError as error:
            raise RefusedAddress(f"{connection.host[:80]!r} is not the name of a host") from error
        failure: OSError = OSError("the name has no address")
        for address in found:
            try:
                return create_connection(
                    (address, connection.port), connection.timeout, socket_options=connection.socket_options
                )
            except OSError as error:
                failure = error
        raise NewConnectionError(connection, str(failure)) from failure

    def pool_classes(self) -> dict[str, type[HTTPConnectionPool]]:
        """Return the urllib3 pool classes, by URL scheme, whose every new connection goes through this guard."""
        guard = self

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return guard.dial(self)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return guard.dial(self)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        return {"http": PlainPool, "https": SecurePool}
