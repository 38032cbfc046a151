# -*- test-case-name: zerogo.test.net.test_relay_bridge -*-
"""TCP through an HTTP proxy (CONNECT, RFC 9110 section 9.3.6), where a network lets nothing else out.

The proxy is the one that the configuration names, else the one of the environment, as other programs have it; that one
is not used for what `no_proxy` names: `*`, hosts (with all below), addresses and networks, each perhaps with a port.
What goes through it is sealed anyway: it learns where we connect to, and how much is said.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from attrs import evolve, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from zerogo.errors import ParseError, RemoteError
from zerogo.ids import SocketAddress

CONNECT_SECONDS = 8.0
HEAD_BYTES_LIMIT = 8192
PROXY_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
BYPASS_VARIABLES = ("no_proxy", "NO_PROXY")
BYPASSES_LIMIT = 256


class ProxyRefused(RemoteError):
    """The HTTP proxy does not let us through."""

    code = "E-PROXY"


@frozen
class Proxy:
    """An HTTP proxy that takes CONNECT."""

    host: str
    port: int
    authorization: str = field(default="", repr=False)
    """What goes into the header Proxy-Authorization; empty for none."""
    bypasses: tuple[str, ...] = ()
    """What is not asked of it: entries of `no_proxy`."""

    def leads_to(self, host: str, port: int) -> bool:
        """Whether it is asked to connect there."""
        return not any(_is_named(entry, host.lower(), port) for entry in self.bypasses)

    @classmethod
    def parse(cls, url: str) -> Proxy:
        """Read `http://[USER:PASSWORD@]HOST[:PORT]`; raises `ParseError`."""
        try:
            parts = urlsplit(url if "//" in url else f"//{url}", scheme="http")
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise ParseError("the proxy's URL is none") from error
        if parts.scheme != "http" or not host:
            raise ParseError("a proxy is written as http://HOST:PORT")
        authorization = ""
        if parts.username is not None:
            name, password = unquote(parts.username), unquote(parts.password or "")
            authorization = "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode("ascii")
        return cls(host, port or 80, authorization)


def proxy_of(environment: Mapping[str, str]) -> Proxy | None:
    """The proxy that the environment names, if any; one that is none is as good as none."""
    for name in PROXY_VARIABLES:
        if environment.get(name):
            try:
                return evolve(Proxy.parse(environment[name]), bypasses=_bypasses_of(environment))
            except ParseError:
                return None
    return None


def _bypasses_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    text = next((environment[name] for name in BYPASS_VARIABLES if environment.get(name)), "")
    return tuple(text.lower().replace(",", " ").split())[:BYPASSES_LIMIT]


def _is_named(entry: str, host: str, port: int) -> bool:
    """Whether an entry of `no_proxy` is about a place."""
    name, colon, number = entry.rpartition(":")
    if colon and number.isdecimal() and (":" not in name or name.endswith("]")):
        if number != str(port):
            return False
        entry = name
    entry = entry.strip("[]")
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except (ValueError, TypeError):
        suffix = entry.removeprefix("*").lstrip(".")
        return entry == "*" or (suffix != "" and (host == suffix or host.endswith(f".{suffix}")))


def tcp_endpoint(reactor: Any, host: str, port: int) -> IStreamClientEndpoint:
    """By an address without a resolver, by a name with one."""
    # Imported late, as it brings TLS along, which the agent leaves out at its start.
    from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint

    try:
        is_ipv6 = SocketAddress.of(host, port).is_ipv6
    except ParseError:
        return HostnameEndpoint(reactor, host, port, timeout=CONNECT_SECONDS)
    return (TCP6ClientEndpoint if is_ipv6 else TCP4ClientEndpoint)(reactor, host, port, timeout=CONNECT_SECONDS)


class _Connect(Protocol):
    """Asks the proxy, and then gives the connection to the protocol that wants it."""

    transport: Any

    def __init__(self, request: bytes, factory: IProtocolFactory, done: Deferred[Any]) -> None:
        self._request = request
        self._factory = factory
        self._done: Deferred[Any] | None = done
        self._head = b""

    def connectionMade(self) -> None:
        """The proxy is there."""
        self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        """Its answer."""
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end:
            if len(self._head) > HEAD_BYTES_LIMIT:
                self._refuse("its answer has no end")
            return
        words = head.split(b"\r\n", 1)[0].split(b" ", 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or words[1] != b"200":
            self._refuse("it answers " + repr(b" ".join(words[1:])[:60])[2:-1])
            return
        self._hand_over(rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Before it said yes."""
        if self._done is not None:
            self._refuse("it hung up")

    def _hand_over(self, rest: bytes) -> None:
        protocol: Any = self._factory.buildProtocol(self.transport.getPeer())
        done, self._done = self._done, None
        if protocol is None or done is None:
            self.transport.abortConnection()
            return
        self.transport.protocol = protocol
        protocol.makeConnection(self.transport)
        done.callback(protocol)
        if rest:
            protocol.dataReceived(rest)

    def _refuse(self, why: str) -> None:
        done, self._done = self._done, None
        self.transport.abortConnection()
        if done is not None and not done.called:
            done.errback(ProxyRefused(f"the HTTP proxy does not let us through: {why}"))


@implementer(IStreamClientEndpoint)
class ProxiedEndpoint:
    """A place behind a proxy, which leads to it within `CONNECT_SECONDS` or fails.

    :param endpoint: leads to the proxy.
    """

    def __init__(
        self, clock: IReactorTime, endpoint: IStreamClientEndpoint, proxy: Proxy, host: str, port: int
    ) -> None:
        self._clock = clock
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        head = f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n"
        if proxy.authorization:
            head += f"Proxy-Authorization: {proxy.authorization}\r\n"
        self._request = f"{head}\r\n".encode("latin-1", "replace")
        self._endpoint = endpoint

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        """Connect to the proxy, and through it; cancelling gives up."""
        attempts: list[Deferred[Any]] = []
        asking: list[_Connect] = []

        def cancelled(_: object) -> None:
            for each in asking:
                each.transport.abortConnection()
            attempts[0].cancel()

        done: Deferred[Any] = Deferred(cancelled)
        done.addTimeout(CONNECT_SECONDS, self._clock)

        def protocol() -> _Connect:
            asking.append(_Connect(self._request, protocolFactory, done))
            return asking[-1]

        factory = Factory.forProtocol(protocol)
        factory.noisy = False
        attempts.append(self._endpoint.connect(factory))
        attempts[0].addErrback(lambda failure: None if done.called else done.errback(failure))
        return done
