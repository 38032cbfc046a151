# -*- test-case-name: zerogo.test.net.test_portmap -*-
"""Drives port mapping (`zerogo.portmap`) for one port of ours: finds the gateway, carries datagrams and HTTP calls.

One UDP socket, bound to our own address on the way to the gateway, asks; another hears what gateways announce to all
hosts (RFC 6887 section 14.1.1). HTTP connections go to the gateway's address and nowhere else. Where a socket cannot be
had, that part is silently missing: port mapping is an extra.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from zerogo.core import Transmit
from zerogo.errors import EnvironmentFault, ParseError
from zerogo.ids import SocketAddress
from zerogo.net.addresses import Interfaces, read_interfaces
from zerogo.net.datagram import open_udp_socket
from zerogo.net.pump import Pump
from zerogo.portmap.http import HttpAnswer, parse_answer
from zerogo.portmap.lease import Site, Transport
from zerogo.portmap.mapper import Closed, MapperEvent, MapperStatus, MappingFound, MappingLost, PortMapper
from zerogo.portmap.natpmp import ANNOUNCEMENT_GROUP, ANNOUNCEMENT_PORT
from zerogo.portmap.upnp import CALL_SECONDS, HttpCall

DATAGRAM_BYTES_LIMIT = 2048
SEARCH_TTL = 2
"""Of SSDP's multicast, as UPnP Device Architecture 2.0 recommends."""

_log = Logger(namespace="zerogo.net.portmap")


@frozen
class Gateway:
    """The router of our default route, and our own address on the way to it."""

    host: str
    source: str


def find_gateway(interfaces: Interfaces, ignored: Sequence[str] = ()) -> Gateway | None:
    """The IPv4 gateway; none where the route leads through an interface that is ignored (`*` and `?` match)."""
    names = {link.index: link.name for link in interfaces.links}
    for route in interfaces.default_routes:
        if route.gateway is None or route.source is None or ":" in route.gateway:
            continue
        if not any(fnmatchcase(names.get(route.interface or 0, ""), name) for name in ignored):
            return Gateway(route.gateway, route.source)
    return None


class _Ear(DatagramProtocol):
    """Passes on what comes to a socket."""

    noisy = False

    def __init__(self, receive: Callable[[bytes, SocketAddress], object]) -> None:
        self._receive = receive

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        try:
            source = SocketAddress.of(addr[0], addr[1])
        except ParseError:
            return
        self._receive(datagram, source)

    def connectionRefused(self) -> None:
        """The gateway has nothing on that port; the core finds out by silence."""


class _Call(Protocol):
    """One HTTP request and its answer; `answered` is told once, None where there was none."""

    transport: Any

    def __init__(self, request: bytes, answered: Callable[[HttpAnswer | None], object], clock: Any) -> None:
        self._request = request
        self._answered: Callable[[HttpAnswer | None], object] | None = answered
        self._clock = clock
        self._late: Any = None
        self._received = bytearray()

    def connectionMade(self) -> None:
        self._late = self._clock.callLater(CALL_SECONDS, self.transport.abortConnection)
        self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        self._look(is_closed=False)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._late is not None and self._late.active():
            self._late.cancel()
        self._look(is_closed=True)

    def _look(self, *, is_closed: bool) -> None:
        if self._answered is None:
            return
        try:
            answer = parse_answer(bytes(self._received), is_closed=is_closed)
        except ParseError as error:
            _log.debug("The gateway's HTTP answer is none: {error}", error=str(error))
            self._end(None)
            return
        if answer is not None:
            self._end(answer)

    def _end(self, answer: HttpAnswer | None) -> None:
        answered, self._answered = self._answered, None
        self.transport.abortConnection()
        if answered is not None:
            answered(answer)


class PortMapping:
    """Keeps one port reachable through the gateway.

    :param inner_of: the port's address on one of our hosts, None where there is none.
    :param on_change: is told the outer address, and None when there is none any more.
    """

    def __init__(
        self,
        reactor: Any,
        core: PortMapper,
        *,
        inner_of: Callable[[str], SocketAddress | None],
        on_change: Callable[[SocketAddress | None], object],
        transport: Transport = Transport.UDP,
        ignored: Callable[[], Sequence[str]] = tuple,
        read: Callable[[], Interfaces] = read_interfaces,
    ) -> None:
        self._reactor = reactor
        self._inner_of = inner_of
        self._transport = transport
        self._on_change = on_change
        self._ignored = ignored
        self._read = read
        self._core = core
        self._pump: Pump[MapperEvent, Transmit] = Pump(
            self._core, reactor, outputs=self._core.transmits, send=self._send, on_event=self._event
        )
        self._site: Site | None = None
        self._ports: list[Any] = []
        self._closed: Deferred[None] | None = None

    def look(self, *, is_doubtful: bool = False) -> None:
        """Find out where we are; where that is the same place and `is_doubtful`, whether the gateway is the same."""
        if self._closed is not None:
            return
        site = self._find_site()
        if site == self._site and not is_doubtful:
            return
        if site != self._site:
            self._site = site
            self._close_sockets()
            self._open_sockets()
        self._pump.call(self._core.set_site, site)

    def status(self) -> MapperStatus:
        """What is known of the gateway."""
        return self._core.status(self._reactor.seconds())

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is to be heard before something changes."""
        return self._core.is_settled

    def stop(self) -> Deferred[None]:
        """Have the mapping removed; fires when it is, or the gateway had its time for it."""
        if self._closed is None:
            self._closed = Deferred()
            self._pump.call(self._core.close)
        return self._closed

    def _find_site(self) -> Site | None:
        try:
            gateway = find_gateway(self._read(), self._ignored())
        except EnvironmentFault as error:
            _log.warn("The gateway was not found: {error}", error=str(error))
            return None
        inner = None if gateway is None else self._inner_of(gateway.source)
        return None if gateway is None or inner is None else Site(gateway.host, inner, self._transport)

    # Sockets

    def _open_sockets(self) -> None:
        if self._site is None:
            return
        own = self._site.inner.host
        for make in (_open_asking_socket, _open_listening_socket):
            try:
                self._adopt(make(own))
            except (EnvironmentFault, OSError) as error:
                _log.debug("Port mapping goes without a socket: {error}", error=str(error))
                self._ports.append(None)

    def _adopt(self, opened: socket.socket) -> None:
        ear = _Ear(lambda data, source: self._pump.call(self._core.receive_datagram, data, source))
        with opened:
            self._ports.append(
                self._reactor.adoptDatagramPort(opened.fileno(), opened.family, ear, DATAGRAM_BYTES_LIMIT)
            )

    def _close_sockets(self) -> None:
        ports, self._ports = self._ports, []
        for port in ports:
            if port is not None:
                port.stopListening()

    def _send(self, transmit: Transmit) -> None:
        asking, destination = self._ports[0] if self._ports else None, transmit.destination
        if asking is None or not isinstance(destination, SocketAddress):
            return
        try:
            asking.write(transmit.payload, (destination.host, destination.port))
        except OSError as error:
            _log.debug("{destination} was not asked: {error}", destination=str(destination), error=str(error))

    # What the core says

    def _event(self, event: MapperEvent) -> None:
        match event:
            case MappingFound(protocol, outer):
                _log.info(
                    "The gateway maps {transport} {outer} to us, by {protocol}",
                    transport=self._transport.value,
                    outer=str(outer),
                    protocol=protocol.value,
                )
                self._on_change(outer)
            case MappingLost(reason):
                transport = self._transport.value
                _log.info(
                    "The gateway maps no {transport} to us any more: {reason}", transport=transport, reason=reason
                )
                self._on_change(None)
            case HttpCall():
                self._call(event)
            case Closed():
                self._end()

    def _call(self, call: HttpCall) -> None:
        if self._site is None or call.server.host != self._site.gateway:
            return
        kind = TCP6ClientEndpoint if call.server.is_ipv6 else TCP4ClientEndpoint
        endpoint = kind(self._reactor, call.server.host, call.server.port, CALL_SECONDS, (self._site.inner.host, 0))

        def answered(answer: HttpAnswer | None) -> None:
            self._pump.call(self._core.receive_http, call.number, answer)

        factory: Factory[_Call] = Factory.forProtocol(lambda: _Call(call.request, answered, self._reactor))
        endpoint.connect(factory).addErrback(lambda failure: answered(None))

    def _end(self) -> None:
        self._pump.stop()
        self._close_sockets()
        if self._closed is not None:
            self._closed.callback(None)


def _open_asking_socket(own: str) -> socket.socket:
    opened = open_udp_socket(SocketAddress(own, 0))
    try:
        if opened.family == socket.AF_INET:
            opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
            opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, SEARCH_TTL)
    except OSError:
        opened.close()
        raise
    return opened


def _open_listening_socket(own: str) -> socket.socket:
    """All hosts are in the group; other programs listen to it too."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(
            socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(ANNOUNCEMENT_GROUP) + socket.inet_aton(own)
        )
        opened.bind((ANNOUNCEMENT_GROUP, ANNOUNCEMENT_PORT))
    except OSError:
        opened.close()
        raise
    return opened
