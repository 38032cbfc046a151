# -*- test-case-name: zerogo.test.net.test_dial -*-
"""Where a controller is, and how the first of its addresses that answers is found.

A join token may name several addresses of one controller (inside, outside, IPv6). They are dialled in turn, each
`STAGGER_SECONDS` after the one before, or at once when that one failed; the first TCP connection wins, the others are
given up (the idea of RFC 8305, for addresses rather than families). Addresses that have not answered when all were
dialled are dialled again beside the first attempt: a kernel repeats a lost SYN only after a second, and then after two.
"""

from __future__ import annotations

import errno
import ipaddress
import os
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from attrs import field, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionRefusedError, TimeoutError
from twisted.internet.interfaces import IDelayedCall, IProtocolFactory, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from zerogo.errors import EnvironmentFault, ParseError
from zerogo.net.onion import OnionEndpoint, is_onion
from zerogo.net.proxy import ProxiedEndpoint, Proxy, tcp_endpoint

STAGGER_SECONDS = 0.3
REPEATS = 2
"""So often are silent addresses dialled again."""
CONNECT_SECONDS = 8.0
"""A TCP connection that is not there by then is given up."""
AGENT_PATH = "/api/v1/agent"
_SCHEMES = {"ws": False, "http": False, "wss": True, "https": True}


@frozen
class ControllerAddress:
    """One way to a controller's WebSocket."""

    host: str
    """A name or an IP address, without brackets."""
    port: int
    is_tls: bool = False
    path: str = AGENT_PATH
    is_proxied: bool = False
    """Whether it is dialled through the HTTP proxy."""
    onion_key: bytes = field(default=b"", repr=False)
    """Opens an onion service, 32 bytes; empty for one that is for everybody, and for other hosts."""

    @classmethod
    def parse(cls, url: str) -> ControllerAddress:
        """Read `http`, `https`, `ws` or `wss` URLs (http means ws); without a path it is `AGENT_PATH`. Raises
        `ParseError`."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise ParseError(f"{url[:80]!r} is not a URL") from error
        if parts.scheme not in _SCHEMES or not host:
            raise ParseError(f"{url[:80]!r} is not a controller: write http://HOST:PORT or https://HOST")
        is_tls = _SCHEMES[parts.scheme]
        path = parts.path.rstrip("/")
        return cls(
            host, port or (443 if is_tls else 80), is_tls, path if path.endswith(AGENT_PATH) else path + AGENT_PATH
        )

    @property
    def netloc(self) -> str:
        """`host:port`, IPv6 in brackets: the Host header."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{'wss' if self.is_tls else 'ws'}://{self.netloc}" + (" by the proxy" if self.is_proxied else "")


class NoControllerAnswers(EnvironmentFault):
    """No address of the controller answers."""

    code = "E-DIAL"


def _ip_version(host: str) -> int | None:
    try:
        return ipaddress.ip_address(host).version
    except ValueError:
        return None


@frozen
class TorPlaces:
    """Where the Tor of this machine is, for controllers that are onion services."""

    socks: str = "127.0.0.1:9050"
    control: str = "/run/tor/control"


def stream_endpoint(
    reactor: Any, address: ControllerAddress, proxy: Proxy | None = None, tor: TorPlaces = TorPlaces()
) -> IStreamClientEndpoint:
    """The Twisted endpoint for an address. An IP address costs no resolver thread, plain TCP no TLS library."""
    from twisted.internet import endpoints

    version = _ip_version(address.host)
    chosen: IStreamClientEndpoint
    if is_onion(address.host):
        chosen = OnionEndpoint(
            reactor, address.host, address.port, socks=tor.socks, control=tor.control, key=address.onion_key
        )
    elif address.is_proxied and proxy is not None:
        to_proxy = tcp_endpoint(reactor, proxy.host, proxy.port)
        chosen = ProxiedEndpoint(reactor, to_proxy, proxy, address.host, address.port)
    elif version is None:
        chosen = endpoints.HostnameEndpoint(reactor, address.host, address.port, timeout=CONNECT_SECONDS)
    else:
        kind = endpoints.TCP4ClientEndpoint if version == 4 else endpoints.TCP6ClientEndpoint
        chosen = kind(reactor, address.host, address.port, timeout=CONNECT_SECONDS)
    if address.is_tls:
        from twisted.internet.ssl import optionsForClientTLS

        chosen = endpoints.wrapClientTLS(optionsForClientTLS(address.host), chosen)
    return chosen


def _sentence(failure: Failure) -> str:
    number = errno.ECONNREFUSED if isinstance(failure.value, ConnectionRefusedError) else None
    number = getattr(failure.value, "osError", None) or number
    if isinstance(number, int):
        return os.strerror(number)
    if isinstance(failure.value, TimeoutError):
        return f"no answer within {CONNECT_SECONDS:g} s"
    text = failure.getErrorMessage().strip().rstrip(".")
    return text[:160] or type(failure.value).__name__


class Dial:
    """One round over some addresses. `begin` gives a Deferred: the connected protocol, or `NoControllerAnswers`."""

    def __init__(
        self,
        clock: IReactorTime,
        addresses: Sequence[ControllerAddress],
        endpoint_of: Callable[[ControllerAddress], IStreamClientEndpoint],
        factory_of: Callable[[ControllerAddress], IProtocolFactory],
    ) -> None:
        self._clock = clock
        self._waiting = list(addresses)
        self._endpoint_of = endpoint_of
        self._factory_of = factory_of
        self._trying: dict[Deferred[object], ControllerAddress] = {}
        self._repeats = REPEATS
        self._next: IDelayedCall | None = None
        self._failures: list[str] = []
        self._result: Deferred[object] = Deferred(lambda _: self._end())
        self._is_over = False

    def begin(self) -> Deferred[object]:
        """Dial; cancelling the Deferred gives up."""
        self._dial_next()
        return self._result

    def _dial_next(self) -> None:
        self._next = None
        if self._is_over:
            return
        if not self._waiting:
            if not self._trying:
                self._is_over = True
                self._result.errback(NoControllerAnswers("; ".join(self._failures) or "no address is known"))
                return
            if not self._repeats:
                return
            self._repeats -= 1
            self._waiting = list(dict.fromkeys(self._trying.values()))
        address = self._waiting.pop(0)
        self._next = self._clock.callLater(STAGGER_SECONDS, self._dial_next)
        attempt: Deferred[Any] = self._endpoint_of(address).connect(self._factory_of(address))
        self._trying[attempt] = address
        attempt.addCallbacks(self._won, self._lost, callbackArgs=(attempt,), errbackArgs=(attempt, address))

    def _won(self, protocol: object, attempt: Deferred[object]) -> None:
        del self._trying[attempt]
        if self._is_over:
            if isinstance(protocol, Protocol) and protocol.transport is not None:
                protocol.transport.loseConnection()
            return
        self._end()
        self._result.callback(protocol)

    def _lost(self, failure: Failure, attempt: Deferred[object], address: ControllerAddress) -> None:
        del self._trying[attempt]
        if self._is_over or failure.check(CancelledError):
            return
        complaint = f"{address}: {_sentence(failure)}"
        if complaint not in self._failures:
            self._failures.append(complaint)
        if self._trying and not self._waiting:
            return
        if self._next is not None:
            self._next.cancel()
        self._dial_next()

    def _end(self) -> None:
        self._is_over = True
        if self._next is not None:
            self._next.cancel()
            self._next = None
        for attempt in list(self._trying):
            attempt.cancel()
